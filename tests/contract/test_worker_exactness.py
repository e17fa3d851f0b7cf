"""Whatever breaks off, and wherever: every registration is in the state once, and has left once."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.deadletters import read_dead_letters
from schemas import topics
from schemas.codec import decode_event, encode_event
from schemas.membership import FencedError
from schemas.version import version_of
from streams.control import RegistryControl, write_control
from streams.step import Output, UnknownSchemaError
from streams.worker import metrics
from streams.worker.health import State
from streams.worker.outbox import PartitionOutbox
from tests.running import working
from tests.support import wait_for
from tests.worker_support import (
    GENERATION,
    PARTITIONS,
    QUICK,
    TinyCore,
    accept,
    assert_exact,
    batch,
    kept_versions,
    make_changelog,
    make_worker_log,
    make_worker_topic,
    new_registry,
    running_worker,
    told,
    wait_until_caught_up,
    worker_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.kafka.launcher import KafkaBroker
    from streams.control import KafkaConfig
    from streams.worker.worker import Worker

pytestmark = pytest.mark.kafka


class Killed(BaseException):
    """What breaks off a worker in the middle of a transaction, as a power cut would."""


@pytest.fixture
def kafka(real_kafka: KafkaBroker) -> KafkaConfig:
    return {"bootstrap.servers": real_kafka.bootstrap}


@pytest.fixture
def registry(kafka: KafkaConfig) -> str:
    name = new_registry()
    make_worker_log(kafka, name)
    return name


def killed_at(moment: str, turn: int) -> Callable[[int, str], None]:
    """Ends the process at a moment of a partition's turn."""
    passed = 0
    lock = threading.Lock()

    def at(_: int, now: str) -> None:
        nonlocal passed
        if now == moment:
            with lock:
                passed += 1
                if passed == turn:
                    raise Killed

    return at


@pytest.mark.parametrize("moment", ["computed", "sent", "committed"])
@pytest.mark.parametrize("on_disk", [True, False])
def test_a_worker_that_dies_in_a_transaction_loses_and_repeats_nothing(
    kafka: KafkaConfig, registry: str, tmp_path: Path, moment: str, *, on_disk: bool
) -> None:
    folder = tmp_path if on_disk else None
    accept(kafka, registry, range(1_000), transactional=True)
    for turn in (1, 4):
        dying = worker_of(kafka, registry, folder=folder, at=killed_at(moment, turn))
        with pytest.raises(Killed):
            dying.run(threading.Event())
    with running_worker(kafka, registry, folder=folder) as worker:
        wait_until_caught_up(worker)
    assert_exact(kafka, registry, range(1_000))


def test_a_former_owner_writes_nothing_behind_its_successor(kafka: KafkaConfig, registry: str) -> None:
    stalled, woken = threading.Event(), threading.Event()

    def stall(partition: int, moment: str) -> None:
        if partition == 0 and moment == "sent" and not stalled.is_set():
            stalled.set()
            woken.wait(60)

    accept(kafka, registry, range(100))
    with running_worker(kafka, registry, at=stall) as worker:
        wait_for(stalled.is_set, "the stall")
        work = worker._work
        successor = PartitionOutbox(
            kafka, f"{work.name}-0", work.changelog, 0, turn=threading.Lock(), alone=nullcontext(), at=lambda _: None
        )
        successor.commit({b"jsuccessor": b"was here"}, [])
        woken.set()
        wait_for(lambda: worker.health.partitions[0].state is State.LOST, "the loss")
        assert kept_versions(kafka, registry, 1) == [*range(100)], "the other partition goes on"
        assert [version for partition, version in told(kafka, registry) if partition == 0] == []
        wait_until_caught_up(worker)  # nobody else came, so the group's word holds, and it takes the name back
        with pytest.raises(FencedError):
            successor.commit({b"jsuccessor": b"is back"}, [])
    left = told(kafka, registry)
    assert set(left.values()) == {1}
    assert sorted(version for partition, version in left if partition == 0) == [*range(100)]


def recovered(registry: str) -> float:
    name = f"guldadra-process-{registry}-{GENERATION}"
    return float(metrics.RECOVERED.labels(name)._value.get())


def test_a_store_on_disk_is_brought_up_with_what_it_lacks_and_a_lost_one_anew(
    kafka: KafkaConfig, registry: str, tmp_path: Path
) -> None:
    accept(kafka, registry, range(1_000))
    with running_worker(kafka, registry, folder=tmp_path) as worker:
        wait_until_caught_up(worker)
    with running_worker(kafka, registry) as worker:  # in memory: the store on disk knows nothing of it
        wait_until_caught_up(worker)
        accept(kafka, registry, range(1_000, 1_010))
        wait_for(lambda: worker.health.registrations == 20, "the tail")
        wait_until_caught_up(worker)
    before = recovered(registry)
    with running_worker(kafka, registry, folder=tmp_path) as worker:
        wait_until_caught_up(worker)
    assert recovered(registry) - before == 22, "ten patients and the position, in each partition"
    for partition in range(PARTITIONS):
        folder = tmp_path / worker._work.name / str(partition)
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    before = recovered(registry)
    with running_worker(kafka, registry, folder=tmp_path) as worker:
        wait_until_caught_up(worker)
        assert recovered(registry) - before > 22
        accept(kafka, registry, range(1_010, 1_020))
        wait_for(lambda: worker.health.registrations == 20, "the rest")
    assert_exact(kafka, registry, range(1_020))


def test_a_store_of_another_changelog_is_not_believed(kafka: KafkaConfig, registry: str, tmp_path: Path) -> None:
    accept(kafka, registry, range(100))
    with running_worker(kafka, registry, folder=tmp_path) as worker:
        wait_until_caught_up(worker)
    admin = AdminClient(dict(kafka))
    name = topics.journeys_changelog(registry, GENERATION)
    admin.delete_topics([name])[name].result(30)
    wait_for(lambda: name not in admin.list_topics(timeout=10).topics, "the changelog to be gone")
    make_changelog(kafka, registry)
    with running_worker(kafka, registry, folder=tmp_path) as worker:
        wait_until_caught_up(worker)
        assert worker.health.registrations == 200
    assert kept_versions(kafka, registry, 0) == [*range(100)]


def test_a_group_offset_that_was_moved_changes_nothing(kafka: KafkaConfig, registry: str) -> None:
    accept(kafka, registry, range(200))
    with running_worker(kafka, registry) as worker:
        wait_until_caught_up(worker)
    for offset in (0, 20):  # all of it once more; and beyond what comes now
        group = Consumer({**kafka, "group.id": worker._work.name})
        places = [TopicPartition(worker._work.source, partition, offset) for partition in range(PARTITIONS)]
        group.commit(offsets=places, asynchronous=False)
        group.close()
        start = 200 + offset
        with running_worker(kafka, registry) as worker:
            wait_until_caught_up(worker)
            assert worker.health.registrations == 0
            accept(kafka, registry, range(start, start + 20))
            wait_for(lambda: worker.health.registrations == 40, "the new ones")
            wait_until_caught_up(worker)
    assert_exact(kafka, registry, range(240))


def test_the_group_is_told_how_far_the_state_is(kafka: KafkaConfig, registry: str) -> None:
    accept(kafka, registry, range(200), transactional=True)
    with running_worker(kafka, registry) as worker:
        wait_until_caught_up(worker)
    group = Consumer({**kafka, "group.id": worker._work.name})
    places = [TopicPartition(worker._work.source, partition) for partition in range(PARTITIONS)]
    ends = [group.get_watermark_offsets(place)[1] for place in places]
    assert [place.offset for place in group.committed(places, timeout=10)] == ends, "the ends of transactions too"
    group.close()


class Archive:
    """What a registry's archive has; and what it was asked for."""

    def __init__(self, registry: str, versions: range) -> None:
        self._registry = registry
        self._versions = versions
        self.asked: list[tuple[int, int, int | None]] = []
        self.fail_once = False

    def __call__(self, partition: int, after: int, below: int | None) -> Iterator[dict[str, Any]]:
        self.asked.append((partition, after, below))
        wanted = [one for one in self._versions if one > after and (below is None or one < below)]
        for start in range(0, len(wanted), 30):
            if self.fail_once and start:
                self.fail_once = False
                raise OSError("the database is away")
            yield batch(self._registry, partition, wanted[start : start + 30])


def forget(kafka: KafkaConfig, registry: str, before: int) -> None:
    """As retention does: the log begins later."""
    places = [TopicPartition(topics.accepted(registry), partition, before) for partition in range(PARTITIONS)]
    admin = AdminClient(dict(kafka))  # kept: its answers come only while it lives
    for answer in admin.delete_records(places).values():
        answer.result(30)


def test_a_generation_is_filled_from_the_archive_and_then_follows_the_log(kafka: KafkaConfig, registry: str) -> None:
    accept(kafka, registry, range(1_000))
    forget(kafka, registry, 50)  # batches of ten: the log begins at version 500
    archive = Archive(registry, range(700))
    archive.fail_once = True
    with running_worker(kafka, registry, archive=archive) as worker:
        wait_until_caught_up(worker)
        accept(kafka, registry, range(1_000, 1_100))
        wait_for(lambda: worker.health.registrations == 2_200, "all")
    assert_exact(kafka, registry, range(1_100))
    assert {below for _, _, below in archive.asked} == {500}
    assert "the database is away" in str(worker.health.last_error)


def test_the_log_that_forgets_while_it_is_filled_is_looked_at_again(kafka: KafkaConfig, registry: str) -> None:
    accept(kafka, registry, range(1_000))
    archive = Archive(registry, range(700))
    forgotten: list[bool] = []

    def forgetful(partition: int, after: int, below: int | None) -> Iterator[dict[str, Any]]:
        yield from archive(partition, after, below)
        if not forgotten:
            forgotten.append(True)
            forget(kafka, registry, 50)

    forget(kafka, registry, 20)
    with running_worker(kafka, registry, archive=forgetful) as worker:
        wait_until_caught_up(worker)
    assert_exact(kafka, registry, range(1_000))
    assert {below for _, _, below in archive.asked} == {200, 500}


def test_what_the_log_has_forgotten_unread_comes_from_the_archive(kafka: KafkaConfig, registry: str) -> None:
    accept(kafka, registry, range(200))
    with running_worker(kafka, registry) as worker:
        wait_until_caught_up(worker)
    accept(kafka, registry, range(200, 600))
    forget(kafka, registry, 40)
    archive = Archive(registry, range(600))
    with running_worker(kafka, registry, archive=archive) as worker:
        wait_until_caught_up(worker)
    assert_exact(kafka, registry, range(600))
    assert {(after, below) for _, after, below in archive.asked} == {(199, 400)}


def test_an_empty_log_is_filled_from_all_of_the_archive(kafka: KafkaConfig, registry: str) -> None:
    archive = Archive(registry, range(90))
    with running_worker(kafka, registry, archive=archive) as worker:
        wait_until_caught_up(worker)
        accept(kafka, registry, range(90, 100))
        wait_for(lambda: worker.health.registrations == 200, "all")
    assert_exact(kafka, registry, range(100))


def test_a_log_in_its_next_life_is_read_from_its_beginning(kafka: KafkaConfig, registry: str) -> None:
    accept(kafka, registry, range(300))
    with running_worker(kafka, registry) as worker:
        wait_until_caught_up(worker)
        # A new life: what was is in it once more, then what is submitted from now on, from offset 0.
        accept(kafka, registry, range(300))
        write_control(kafka, RegistryControl(registry, 1, PARTITIONS, stopped=False, reason="", by="test", at=0))
        accept(kafka, registry, range(50), epoch=1)
        wait_for(lambda: worker.health.registrations == 700, "the new life")
        wait_until_caught_up(worker)
    assert_exact(kafka, registry, [*range(300), *(version_of(1, offset) for offset in range(50))])


def test_a_log_that_was_made_anew_is_read_from_its_beginning_though_its_epoch_is_not_told_yet(
    kafka: KafkaConfig, registry: str
) -> None:
    accept(kafka, registry, range(100), size=10)
    with running_worker(kafka, registry) as worker:
        wait_until_caught_up(worker)
    admin = AdminClient(dict(kafka))
    name = topics.accepted(registry)
    admin.delete_topics([name])[name].result(30)
    wait_for(lambda: name not in admin.list_topics(timeout=10).topics, "the log to be gone")
    make_worker_topic(kafka, name)
    accept(kafka, registry, range(400), size=20)  # at the offset gone on from, ten, is not what would have been there
    with running_worker(kafka, registry) as worker:
        wait_until_caught_up(worker)
    assert_exact(kafka, registry, range(400))


def test_what_cannot_be_read_leaves_as_dead_letters_and_stops_nothing(kafka: KafkaConfig, registry: str) -> None:
    accept(kafka, registry, range(10))
    producer = Producer(dict(kafka))
    accepted = topics.accepted(registry)
    producer.produce(accepted, b"junk", b"key", partition=0)
    producer.produce(accepted, None, partition=0)
    producer.produce(accepted, encode_event("accepted_batch", batch(registry, 0, [10], form="junk")), partition=0)
    producer.flush()
    accept(kafka, registry, range(11, 20), partitions=[0])
    with running_worker(kafka, registry) as worker:
        wait_for(lambda: worker.health.registrations == 29, "the rest")
        wait_until_caught_up(worker)
    assert kept_versions(kafka, registry, 0) == [*range(10), *range(11, 20)]
    letters = [one for one in read_dead_letters(kafka) if one["topic"] == accepted]
    assert [(one["process"], one["offset"]) for one in letters] == [("process", 3), ("process", 1), ("process", 2)]
    [alone] = decode_event("accepted_batch", letters[0]["value"])["registrations"]
    assert alone["offset"] == 10
    assert letters[1]["value"] == b"junk"
    assert all("junk" not in one["error"] for one in letters)


def test_a_transaction_that_is_too_large_is_made_smaller(kafka: KafkaConfig, registry: str) -> None:
    class Wide(TinyCore):
        """Says 100 kB of every registration, in one message."""

        def step(self, *given: Any) -> Any:
            step = super().step(*given)
            topic = topics.lists(registry)
            step.outputs.append(Output(topic, None, bytes(100_000 * step.registrations), 0))
            return step

    accept(kafka, registry, range(200))
    with running_worker(kafka, registry, core=Wide(registry), most=200) as worker:
        wait_until_caught_up(worker)
    assert "too large" in str(worker.health.last_error)
    assert_exact(kafka, registry, range(200))


def test_an_unknown_schema_ends_the_process_and_is_not_passed_over(kafka: KafkaConfig, registry: str) -> None:
    class Old(TinyCore):
        def step(self, *_: Any) -> Any:
            raise UnknownSchemaError(77)

    accept(kafka, registry, range(10))
    with pytest.raises(UnknownSchemaError, match=r"schema id 77.*deploy the newer definitions"):
        worker_of(kafka, registry, core=Old(registry)).run(threading.Event())
    with running_worker(kafka, registry) as worker:
        wait_until_caught_up(worker)
    assert_exact(kafka, registry, range(10))


def test_workers_that_come_and_go_share_the_partitions(kafka: KafkaConfig, tmp_path: Path) -> None:
    registry = new_registry()
    make_worker_log(kafka, registry, partitions=4)
    sent = 0
    with running_worker(kafka, registry, folder=tmp_path / "one") as first:
        for number in range(3):
            accept(kafka, registry, range(sent, sent + 500), partitions=range(4))
            with running_worker(kafka, registry, folder=tmp_path / "other" if number else None) as second:
                wait_for(lambda: len(second.health.partitions) == 2, "the second worker's share")
                accept(kafka, registry, range(sent + 500, sent + 1_000), partitions=range(4))
                wait_until_caught_up(second)
                sent += 1_000
            wait_for(lambda: len(first.health.partitions) == 4, "all partitions to be back")
        wait_until_caught_up(first)
    assert_exact(kafka, registry, range(sent), partitions=range(4))


def test_two_workers_of_one_name_do_not_fight_for_ever(kafka: KafkaConfig, registry: str) -> None:
    group = replace(QUICK, instance="twin")
    ended: list[FencedError] = []

    def run(worker: Worker) -> Callable[[threading.Event], None]:
        def until(stop: threading.Event) -> None:
            try:
                worker.run(stop)
            except FencedError as error:
                ended.append(error)

        return until

    accept(kafka, registry, range(100))
    twins = [worker_of(kafka, registry, group=group) for _ in range(2)]
    with working(*(run(worker) for worker in twins)):
        wait_for(lambda: bool(ended), "one of them to end", 180)
    assert "GULDADRA_INSTANCE" in str(ended[0])
    with running_worker(kafka, registry, group=group) as worker:
        wait_until_caught_up(worker)
    assert_exact(kafka, registry, range(100))


def test_a_broker_that_dies_delays_and_loses_nothing(own_kafka: KafkaBroker, tmp_path: Path) -> None:
    kafka = {"bootstrap.servers": own_kafka.bootstrap}
    registry = new_registry()
    make_worker_log(kafka, registry)
    accept(kafka, registry, range(3_000), size=5)
    worker = worker_of(kafka, registry, folder=tmp_path, most=50)
    with working(worker.run):
        wait_for(lambda: worker.health.registrations > 300, "the first transactions")
        own_kafka.kill()
        threading.Event().wait(3)
        own_kafka.start()
        wait_until_caught_up(worker)
        accept(kafka, registry, range(3_000, 3_100))
        wait_for(
            lambda: worker.health.partitions[0].version == worker.health.partitions[1].version == 3_099, "the rest"
        )
    assert_exact(kafka, registry, range(3_100))
