"""Whatever breaks off, and wherever: signals and all that is kept are those of a watch that was never disturbed."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import OFFSET_END, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.deadletters import read_dead_letters
from schemas import topics
from streams.control import RegistryControl, write_control
from streams.publish.partition import partitions_of
from streams.surveillance.following import Part
from streams.worker.surveillance import Surveillance
from tests.contract.test_worker_exactness import Killed, killed_at
from tests.support import send, wait_for
from tests.surveillance_support import (
    GENERATION,
    GROUPS,
    MONITORS,
    Undisturbed,
    archived,
    assert_kept,
    assert_undisturbed,
    batch,
    both_groups,
    kept,
    make_surveillance_log,
    stated,
    surveillance_of,
    tell,
    watching,
)
from tests.worker_support import make_worker_topic, new_registry, wait_until_caught_up

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from deploy.kafka.launcher import KafkaBroker
    from streams.control import KafkaConfig
    from tests.surveillance_support import Record

pytestmark = pytest.mark.kafka
WORK = Surveillance("", GENERATION, MONITORS)


@pytest.fixture
def kafka(real_kafka: KafkaBroker) -> KafkaConfig:
    return {"bootstrap.servers": real_kafka.bootstrap}


@pytest.fixture
def registry(kafka: KafkaConfig) -> str:
    name = new_registry()
    make_surveillance_log(kafka, name)
    return name


@pytest.mark.parametrize("moment", ["computed", "sent", "committed"])
@pytest.mark.parametrize("on_disk", [True, False])
def test_a_worker_that_dies_in_a_transaction_states_nothing_twice_and_loses_nothing(
    kafka: KafkaConfig, registry: str, tmp_path: Path, moment: str, *, on_disk: bool
) -> None:
    dice = random.Random(f"{moment} {on_disk}")
    folder = tmp_path if on_disk else None
    messages = both_groups(dice.randrange(1_000))
    tell(kafka, registry, messages)
    for turn in (1, *(dice.randint(2, len(messages) // 6) for _ in range(2))):
        dying = surveillance_of(kafka, registry, folder=folder, at=killed_at(moment, turn))
        with pytest.raises(Killed):
            dying.run(threading.Event())
    with watching(kafka, registry, folder=folder) as worker:
        wait_until_caught_up(worker)
    assert_undisturbed(kafka, registry, messages)


def test_a_second_worker_takes_over_and_gives_back(kafka: KafkaConfig, registry: str, tmp_path: Path) -> None:
    messages = both_groups(5)
    third = len(messages) // 3
    with watching(kafka, registry, folder=tmp_path / "one") as first:
        tell(kafka, registry, messages[:third])
        wait_until_caught_up(first)
        with watching(kafka, registry, folder=tmp_path / "other") as second:
            wait_for(lambda: len(second.health.partitions) == 1, "the second worker's share")
            tell(kafka, registry, messages[third : 2 * third])
            wait_until_caught_up(second)
        wait_for(lambda: len(first.health.partitions) == 2, "both partitions to be back")
        tell(kafka, registry, messages[2 * third :])
        wait_until_caught_up(first)
        wait_for(lambda: kept_versions(kafka, registry) == versions_of(registry, messages), "the rest")
    assert_undisturbed(kafka, registry, messages)


def kept_versions(kafka: KafkaConfig, registry: str) -> dict[str, dict[int, int]]:
    return {name: one.versions for name, one in kept(kafka, registry).items()}


def versions_of(registry: str, messages: Sequence[Record]) -> dict[str, dict[int, int]]:
    return {name: one.versions for name, one in Undisturbed(registry, messages).kept.items()}


def test_a_new_life_of_the_registry_s_log_does_not_have_it_read_again(kafka: KafkaConfig, registry: str) -> None:
    messages = both_groups(6)
    half = len(messages) // 2
    told = sum(len(one.changes) for _, one in messages[:half])
    new_life = RegistryControl(registry, 1, len(GROUPS), stopped=False, reason="", by="test", at=0)
    tell(kafka, registry, messages[:half])
    with watching(kafka, registry) as worker:
        wait_for(lambda: worker.health.registrations == told, "the first half")
        write_control(kafka, new_life)
        tell(kafka, registry, messages[half:])
        all_told = sum(len(one.changes) for _, one in messages)
        wait_for(lambda: worker.health.registrations >= all_told, "the second half")
        wait_until_caught_up(worker)
        assert worker.health.registrations == all_told
    with watching(kafka, registry) as worker:  # nor does the next process, which has never known another life
        wait_until_caught_up(worker)
        assert worker.health.registrations == 0
    assert_undisturbed(kafka, registry, messages)


def test_a_log_that_has_forgotten_only_what_was_read_is_gone_on_with(kafka: KafkaConfig, registry: str) -> None:
    messages = both_groups(10)
    half = len(messages) // 2
    tell(kafka, registry, messages[:half], in_a_transaction=True)
    with watching(kafka, registry) as worker:
        wait_until_caught_up(worker)
    # a quiet month: all that was read is gone, and what stood behind it, the end of the transaction, too
    name = topics.exposures(registry)
    everything = [TopicPartition(name, number, OFFSET_END) for number in range(len(GROUPS))]
    admin = AdminClient(dict(kafka))
    for forgotten in admin.delete_records(everything).values():
        forgotten.result(30)
    with watching(kafka, registry) as worker:
        wait_until_caught_up(worker)
        tell(kafka, registry, messages[half:], in_a_transaction=True)
        wait_for(lambda: kept_versions(kafka, registry) == versions_of(registry, messages), "the rest")
    assert_undisturbed(kafka, registry, messages)


@pytest.mark.parametrize("moment", ["sent", "committed"])
def test_what_the_log_had_forgotten_before_it_was_first_read_is_taken_from_the_archive_once(
    kafka: KafkaConfig, registry: str, moment: str
) -> None:
    # both groups' partitions are those of their names: with murmur2, cups are in 1 of 2, and stems in 0
    messages = [(group, told) for group, told in both_groups(12) if group == "cups"]
    half = len(messages) // 2
    place = int(partitions_of([b"cups"], len(GROUPS))[0])
    name = topics.exposures(registry)

    def tell_cups(some: Sequence[Record]) -> None:
        send(kafka, name, [(b"cups", batch(registry, one)) for one in some])

    tell_cups(messages[:half])
    admin = AdminClient(dict(kafka))
    for forgotten in admin.delete_records([TopicPartition(name, place, OFFSET_END)]).values():
        forgotten.result(30)
    tell_cups(messages[half:])
    log = [WORK.decode(batch(registry, one)) for one in messages]
    with watching(kafka, registry) as worker:
        wait_for(lambda: "has forgotten what was before offset" in str(worker.health.last_error), "the refusal")
    dying = surveillance_of(kafka, registry, at=killed_at(moment, 1), archive=lambda _: archived(log))
    with pytest.raises(Killed):
        dying.run(threading.Event())
    with watching(kafka, registry, archive=lambda _: archived(log)) as worker:
        wait_until_caught_up(worker)
    found, wanted = kept(kafka, registry), Undisturbed(registry, messages).kept
    assert wanted.keys() == {"cup", "own_cup"}
    for monitor, one in wanted.items():
        assert (found[monitor].bins, found[monitor].reports) == (one.bins, one.reports)
        assert found[monitor].versions == one.versions


def test_what_is_of_another_generation_or_no_message_at_all_counts_for_nothing(
    kafka: KafkaConfig, registry: str
) -> None:
    messages = both_groups(7)
    half = len(messages) // 2
    tell(kafka, registry, messages[:half])
    tell(kafka, registry, both_groups(8)[:20], generation="another_one")
    producer = Producer(dict(kafka))
    producer.produce(topics.exposures(registry), b"junk", b"key", partition=0)
    producer.produce(topics.exposures(registry), None, partition=1)
    producer.flush()
    tell(kafka, registry, messages[half:])
    with watching(kafka, registry) as worker:
        wait_until_caught_up(worker)
    assert_undisturbed(kafka, registry, messages)
    letters = [one for one in read_dead_letters(kafka) if one["topic"] == topics.exposures(registry)]
    assert sorted(one["partition"] for one in letters) == [0, 1]


def test_exposures_that_were_made_anew_under_what_is_counted_are_not_counted_twice(
    kafka: KafkaConfig, registry: str
) -> None:
    messages = both_groups(9)
    tell(kafka, registry, messages)
    with watching(kafka, registry) as worker:
        wait_until_caught_up(worker)
    before = Undisturbed(registry, messages)
    tell(kafka, registry, messages)  # journeys that have begun anew, and come to the very version that is known
    with watching(kafka, registry) as worker:
        wait_until_caught_up(worker)
    assert_undisturbed(kafka, registry, messages)
    group, last = messages[-1]
    beyond = last._replace(at=last.at._replace(version=last.at.version + 1), part=Part(-1))
    tell(kafka, registry, [(group, beyond)])  # that have come further
    with watching(kafka, registry) as worker:
        wait_for(lambda: "the journeys were built anew" in str(worker.health.last_error), "the refusal")
    admin = AdminClient(dict(kafka))
    name = topics.exposures(registry)
    admin.delete_topics([name])[name].result(30)
    wait_for(lambda: name not in admin.list_topics(timeout=10).topics, "the log to be gone")
    make_worker_topic(kafka, name)
    tell(kafka, registry, messages)
    with watching(kafka, registry) as worker:
        wait_for(lambda: "was made anew" in str(worker.health.last_error), "the refusal")
    assert stated(kafka, registry) == before.signals
    assert_kept(kept(kafka, registry), before.kept)
