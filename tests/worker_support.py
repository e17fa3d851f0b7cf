"""A registry's log, a tiny core and a worker of a test's own: what was taken, and how often, can be read back."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from schemas import topics
from schemas.codec import encode_event
from schemas.version import version_of
from streams.step import Output, Step, Unreadable
from streams.worker.app import GroupOptions
from streams.worker.changelog import Changelog
from streams.worker.journeys import Journeys
from streams.worker.store import MemoryStore
from streams.worker.worker import Worker, WorkerOptions
from tests.running import working
from tests.support import _numbers, make_log, read_events, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from streams.control import KafkaConfig
    from streams.step import Batch, Read
    from streams.worker.journeys import Fill

GENERATION = "0123456789ab"
PARTITIONS = 2
# see what tests/contract/test_embedded_broker.py says of transactions at once
ONE_TRANSACTION = os.environ.get("GULDADRA_REAL_KAFKA") != "1"
QUICK = GroupOptions(session_timeout=6.0, heartbeat=1.0, rebalance_timeout=3.0)


class TinyCore:
    """Keeps every version that it took, by patient, and tells of each step what it took.

    A registration of the form ``junk`` cannot be read.
    """

    def __init__(self, registry: str) -> None:
        self._registry = registry

    def step(self, batches: Sequence[Batch], after: int, read: Read) -> Step:
        taken: dict[bytes, list[int]] = {}
        unreadable: list[Unreadable] = []
        version, partition = after, 0
        for place, batch in enumerate(batches):
            partition = batch["partition"]
            for registration in batch["registrations"]:
                own = version_of(batch["epoch"], registration["offset"])
                if own <= version:
                    continue
                version = own
                if registration["form"] == "junk":
                    unreadable.append(Unreadable(place, registration, "no such form"))
                    continue
                taken.setdefault(b"j" + registration["patient"].encode(), []).append(own)
        keys = [*taken]
        writes: dict[bytes, bytes | None] = {
            key: msgspec.msgpack.encode((msgspec.msgpack.decode(before) if before else []) + taken[key])
            for key, before in zip(keys, read(keys), strict=True)
        }
        count = sum(map(len, taken.values()))
        outputs = [self._told(partition, version, [one for some in taken.values() for one in some])] if count else []
        return Step(writes, outputs, version, count, unreadable)

    def _told(self, partition: int, version: int, versions: list[int]) -> Output:
        cell = {"cohort": "", "unit": "", "period": 0, "by": [], "indicator": "", "bucket": 0, "values": versions}
        batch = {"registry": self._registry, "generation": GENERATION, "partition": partition, "version": version,
                 "cells": [cell]}  # fmt: skip
        return Output(topics.cells(self._registry), None, encode_event("cell_batch", batch), partition)


def new_registry() -> str:
    """A name of the test's own."""
    return f"tiny_{next(_numbers)}"


class _Named:
    def __init__(self, name: str) -> None:
        self.name = name
        self.catalogues: dict[str, Any] = {}  # it has no companies


def make_worker_log(kafka: KafkaConfig, registry: str, *, partitions: int = PARTITIONS, epoch: int = 0) -> None:
    """The registry's topics and its first word, and the changelog."""
    make_log(kafka, _Named(registry), partitions=partitions, epoch=epoch)  # type: ignore[arg-type]  # only its name is wanted
    make_changelog(kafka, registry, partitions)


def make_changelog(kafka: KafkaConfig, registry: str, partitions: int = PARTITIONS) -> None:
    spec = topics.changelog_of(topics.journeys_changelog(registry, GENERATION), partitions)
    make_worker_topic(kafka, spec.name, partitions, spec.config)


def make_worker_topic(
    kafka: KafkaConfig, name: str, partitions: int = PARTITIONS, config: Mapping[str, str] | None = None
) -> None:
    admin = AdminClient(dict(kafka))
    admin.create_topics([NewTopic(name, partitions, 1, config=dict(config or {}))])[name].result(30)

    def is_known() -> bool:
        known = admin.list_topics(timeout=10).topics.get(name)
        return known is not None and len(known.partitions) == partitions

    wait_for(is_known, name)


def registration(offset: int, *, patient: str | None = None, form: str = "visit") -> dict[str, Any]:
    return {
        "offset": offset, "submitted_at": 0, "form": form, "schema_id": 1, "patient": patient or f"p{offset % 50}",
        "registration_id": f"r{offset}", "payload": b"x" * 60,
    }  # fmt: skip


def batch(
    registry: str, partition: int, offsets: Iterable[int], *, epoch: int = 0, form: str = "visit"
) -> dict[str, Any]:
    registrations = [registration(offset, form=form) for offset in offsets]
    first, last = registrations[0]["offset"], registrations[-1]["offset"]
    return {"registry": registry, "partition": partition, "epoch": epoch, "first_offset": first, "last_offset": last,
            "registrations": registrations}  # fmt: skip


def accept(
    kafka: KafkaConfig,
    registry: str,
    offsets: Iterable[int],
    *,
    size: int = 10,
    partitions: Iterable[int] = range(PARTITIONS),
    epoch: int = 0,
    transactional: bool = False,
) -> None:
    """Accepted registrations of the same offsets in every partition, ``size`` in a batch."""
    numbers = [*offsets]
    config: dict[str, Any] = {**kafka, "linger.ms": 5, "message.max.bytes": 4 << 20}
    if transactional:
        config["transactional.id"] = f"accept-{registry}"
    producer = Producer(config)
    if transactional:
        producer.init_transactions(30)
    for start in range(0, len(numbers), size):
        if transactional:
            producer.begin_transaction()
        for partition in partitions:
            value = encode_event(
                "accepted_batch", batch(registry, partition, numbers[start : start + size], epoch=epoch)
            )
            producer.produce(topics.accepted(registry), value, partition=partition)
            producer.poll(0)
        if transactional:
            producer.commit_transaction(30)
    producer.flush()


def worker_of(
    kafka: KafkaConfig,
    registry: str,
    *,
    folder: Path | None = None,
    archive: Fill | None = None,
    at: Callable[[int, str], None] = lambda *_: None,
    most: int = 200,
    core: Any = None,
    group: GroupOptions = QUICK,
) -> Worker:
    work = Journeys(registry, GENERATION, core or TinyCore(registry), archive)
    options = WorkerOptions(group=group, folder=folder, most=most, one_transaction=ONE_TRANSACTION, at=at)
    return Worker(kafka, work, options)


@contextmanager
def running_worker(kafka: KafkaConfig, registry: str, **options: Any) -> Iterator[Worker]:
    worker = worker_of(kafka, registry, **options)
    with working(worker.run):
        yield worker


def wait_until_caught_up(worker: Worker, patience_s: float = 60.0) -> None:
    wait_for(lambda: worker.health.caught_up, f"the worker to catch up: {worker.health}", patience_s)


def told(kafka: KafkaConfig, registry: str) -> Counter[tuple[int, int]]:
    """How often each (partition, version) left in a committed transaction."""
    return Counter(
        (one["partition"], version)
        for one in read_events(kafka, topics.cells(registry), "cell_batch")
        for version in one["cells"][0]["values"]
    )


def kept(kafka: KafkaConfig, registry: str, partition: int) -> dict[bytes, bytes]:
    """What the changelog comes to."""
    store = MemoryStore()
    Changelog(kafka, topics.journeys_changelog(registry, GENERATION), partition).recover(store, lambda *_: None)
    return dict(store._values)


def kept_versions(kafka: KafkaConfig, registry: str, partition: int) -> list[int]:
    return sorted(
        version
        for key, value in kept(kafka, registry, partition).items()
        if key.startswith(b"j")
        for version in msgspec.msgpack.decode(value)
    )


def assert_exact(
    kafka: KafkaConfig, registry: str, versions: Iterable[int], *, partitions: Iterable[int] = range(PARTITIONS)
) -> None:
    """Every version is in the state once, and has left once."""
    wanted = sorted(versions)
    left = told(kafka, registry)
    assert set(left.values()) <= {1}, "some left twice"
    for partition in partitions:
        assert sorted(version for of, version in left if of == partition) == wanted
        assert kept_versions(kafka, registry, partition) == wanted
