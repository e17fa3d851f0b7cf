"""Signals of drug and reaction through the worker: whatever breaks off, they are those of a watch never disturbed."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer

from schemas import topics
from schemas.codec import decode_event
from streams.surveillance.pairs_kept import pairs_sorted_out
from streams.worker import position
from streams.worker.changelog import Changelog
from streams.worker.store import MemoryStore
from streams.worker.surveillance import Surveillance
from streams.worker.worker import Worker, WorkerOptions
from tests.contract.test_worker_embedded import QUICKER
from tests.contract.test_worker_exactness import Killed, killed_at
from tests.pairs_support import NAME, Register, monitor, random_messages
from tests.running import working
from tests.support import read_events
from tests.surveillance_support import GENERATION, MONITORS, batch, make_surveillance_log
from tests.worker_support import ONE_TRANSACTION, QUICK, new_registry, wait_until_caught_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from deploy.embedded.broker import EmbeddedBroker
    from deploy.kafka.launcher import KafkaBroker
    from streams.control import KafkaConfig
    from streams.surveillance.watch import Told
    from streams.worker.app import GroupOptions

DECLARED = monitor(fewest_pairs=15, refit=0.5)
PARTITION = 1


def worker_of(
    kafka: KafkaConfig,
    registry: str,
    *,
    folder: Path | None = None,
    at: Callable[[int, str], None] = lambda *_: None,
    group: GroupOptions = QUICK,
    most: int = 1,
) -> Worker:
    """A worker that watches products too, of which nothing is told."""
    work = Surveillance(registry, GENERATION, {**MONITORS, NAME: Register(DECLARED).watch.watched})
    options = WorkerOptions(group=group, folder=folder, most=most, one_transaction=ONE_TRANSACTION, at=at)
    return Worker(kafka, work, options)


@contextmanager
def watching(kafka: KafkaConfig, registry: str, **options: Any) -> Iterator[Worker]:
    worker = worker_of(kafka, registry, **options)
    with working(worker.run):
        yield worker


def tell(kafka: KafkaConfig, registry: str, messages: Sequence[Told]) -> None:
    producer = Producer(dict(kafka))
    for message in messages:
        producer.produce(topics.exposures(registry), batch(registry, (NAME, message)), partition=PARTITION)
    producer.flush()


def assert_undisturbed(kafka: KafkaConfig, registry: str, messages: Sequence[Told]) -> None:
    """What left, and what is kept, is what would be if nothing had ever happened."""
    wanted = Register(DECLARED)
    events = []
    for message in messages:
        events += [
            decode_event("pair_signal", wanted.watch.message(registry, GENERATION, one))
            for one in wanted.take([message])
        ]
    assert {one["state"] for one in events} >= {"raised", "updated", "weakened"}, "these messages say too little"
    assert read_events(kafka, topics.signals(registry), "pair_signal") == events
    store = MemoryStore()
    changelog = Changelog(kafka, topics.surveillance_changelog(registry, GENERATION), PARTITION)
    changelog.recover(store, lambda *_: None)
    (kept,) = pairs_sorted_out((key, value) for key, value in store.items() if key != position.KEY).values()
    assert vars(kept) == vars(wanted.kept)


@pytest.mark.kafka
@pytest.mark.parametrize("moment", ["computed", "sent", "committed"])
def test_a_worker_that_dies_in_a_transaction_states_nothing_twice_and_keeps_its_prior(
    real_kafka: KafkaBroker, tmp_path: Path, moment: str
) -> None:
    kafka = {"bootstrap.servers": real_kafka.bootstrap}
    registry = new_registry()
    make_surveillance_log(kafka, registry)
    dice = random.Random(moment)
    messages = random_messages(dice, 90)
    tell(kafka, registry, messages)
    folder = tmp_path if moment == "sent" else None
    for turn in (1, dice.randint(2, len(messages) // 3), dice.randint(2, len(messages) // 3)):
        dying = worker_of(kafka, registry, folder=folder, at=killed_at(moment, turn))
        with pytest.raises(Killed):
            dying.run(threading.Event())
    with watching(kafka, registry, folder=folder, most=5) as worker:  # in larger steps
        wait_until_caught_up(worker)
    assert_undisturbed(kafka, registry, messages)


@pytest.mark.embedded
def test_another_worker_takes_up_where_the_first_has_left(embedded_broker: EmbeddedBroker) -> None:
    kafka = {"bootstrap.servers": embedded_broker.bootstrap}
    registry = new_registry()
    make_surveillance_log(kafka, registry)
    messages = random_messages(random.Random(11), 90)
    half = len(messages) // 2
    for some in (messages[:half], messages[half:]):
        tell(kafka, registry, some)
        with watching(kafka, registry, group=QUICKER) as worker:
            wait_until_caught_up(worker)
            assert worker.health.registrations == sum(len(told.changes) for told in some)
    assert_undisturbed(kafka, registry, messages)
