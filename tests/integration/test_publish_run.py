"""Publishing on a real log; a stand-in for intake answers every submission and refuses those it is told to."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from deploy.embedded.broker import EmbeddedBroker
from deploy.logbook import begin_epoch, make_topics, set_stopped
from schemas import topics
from schemas.codec import encode_event, form_schema, split_wire
from schemas.definition.folder import load_registries
from schemas.identity import PseudonymKey
from schemas.rules import Fault
from schemas.store import BundledStore
from streams.publish.errors import (
    BrokerError,
    InterruptedPublishError,
    NoReceiptsError,
    PublishError,
    RegistryClosedError,
)
from streams.publish.partition import partitions_of
from streams.publish.publisher import Publisher, RefusedRegistrationError
from streams.publish.read import NdjsonSource
from streams.publish.run import Progress, PublishOptions, PublishResult, publish_file, publish_rows
from streams.publish.slices import ROWS_PER_SLICE
from tests.support import bundled, make_log, message, patient, send, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from confluent_kafka import Message

    from schemas.definition.registry import RegistryDefinition
    from streams.control import KafkaConfig
    from streams.publish.slices import Slice

KEY = PseudonymKey("k1", bytes(32))
FAULT = {"field": "occurred_on", "rule": "lies where intake says it must not"}
Place = tuple[int, int]


class Log:
    """Everything submitted to a registry, and receipts for it: one per message, as small slices as intake may cut."""

    def __init__(self, kafka: KafkaConfig, registry: RegistryDefinition, refuse: set[str]) -> None:
        self.ids: dict[Place, str] = {}
        self.patients: dict[Place, str] = {}
        self._registry = registry
        self._refuse = refuse
        self._kafka = kafka
        self._decode = {name: form_schema(form, form.avro).decode for name, form in registry.forms.items()}
        store = BundledStore({registry.name: registry})
        self._form_of = {store.wire_id(registry.name, form): form for form in registry.forms}

    def take(self, found: Message) -> bytes:
        """Note a submission; returns its receipt."""
        partition, offset = found.partition(), found.offset()
        assert partition is not None
        assert offset is not None
        wire_id, payload = split_wire(found.value())
        body = self._decode[self._form_of[wire_id]](payload)
        assert found.key() == body["patient"].encode()
        self.ids[partition, offset] = body["registration_id"]
        self.patients[partition, offset] = body["patient"]
        refused = body["registration_id"] in self._refuse
        receipt = {
            "registry": self._registry.name, "partition": partition, "epoch": 0, "first_offset": offset,
            "last_offset": offset, "received": 1, "accepted": 0 if refused else 1,
            "refusals": [{"offset": offset, "faults": [FAULT]}] if refused else [],
        }  # fmt: skip
        return encode_event("receipt", receipt)

    def answer(self, stop: threading.Event) -> None:
        """Answer until told to stop, from the log's beginning."""
        consumer = Consumer(
            {**self._kafka, "group.id": "stand-in", "enable.auto.commit": False, "fetch.queue.backoff.ms": 10}
        )
        topic = topics.submitted(self._registry.name)
        partitions = list(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        producer = Producer({**self._kafka, "linger.ms": 0})
        while not stop.is_set():
            for found in consumer.consume(1_000, 0.05):
                assert found.error() is None
                receipt = self.take(found)
                producer.produce(topics.receipts(self._registry.name), receipt, partition=found.partition() or 0)
            producer.flush()
        consumer.close()


@contextmanager
def answered(kafka: KafkaConfig, registry: RegistryDefinition, refuse: set[str] | None = None) -> Iterator[Log]:
    log = Log(kafka, registry, refuse or set())
    stop = threading.Event()
    thread = threading.Thread(target=log.answer, args=(stop,))
    thread.start()
    try:
        yield log
    finally:
        stop.set()
        thread.join()


def death(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "registration_id": f"d-{number}", "patient": patient(number), "occurred_on": "2001-03-15",
        "recorded_at": "2001-03-15T12:00:00Z", **changes,
    }  # fmt: skip


def write_deaths(path: Path, count: int, **faulty: Any) -> Path:
    """``count`` deaths, every third of the same patient; row 7 says something else where it is told to."""
    rows = [death(row, patient=patient(row // 3)) for row in range(1, count + 1)]
    if faulty:
        rows[6].update(faulty)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def publish(kafka: KafkaConfig, registry: RegistryDefinition, path: Path, **options: Any) -> PublishResult:
    observe = options.pop("observe", lambda _: None)
    store = BundledStore({registry.name: registry})
    chosen = PublishOptions(**{"receipts_patience_s": 20, **options})
    return publish_file(path, registry, kafka=kafka, store=store, key=KEY, options=chosen, observe=observe)


def log_ids(kafka: KafkaConfig, registry: RegistryDefinition, count: int) -> list[str]:
    """The ids of the first ``count`` submissions and all that lie after them."""
    with answered(kafka, registry) as log:
        wait_for(lambda: len(log.ids) >= count, f"{count} submissions")
        time.sleep(0.3)
    return [log.ids[place] for place in sorted(log.ids)]


def refused_rows(result: PublishResult) -> list[tuple[int, str, str]]:
    assert result.refused_path is not None
    with result.refused_path.open(encoding="utf-8", newline="") as file:
        return [(int(row["refused_row"]), row["refused_by"], row["refused_because"]) for row in csv.DictReader(file)]


def test_every_row_is_submitted_once_in_order_and_its_verdict_comes_back(kafka: KafkaConfig, tmp_path: Path) -> None:
    registry = bundled("hip")
    make_log(kafka, registry)
    path = write_deaths(tmp_path / "death.ndjson", 2_000, occurred_on="15/3/2001")
    told: list[Progress] = []
    with answered(kafka, registry, {"d-5", "d-1990"}) as log:
        result = publish(kafka, registry, path, observe=told.append)
    assert (result.rows, result.published, result.refused_here) == (2_000, 1_999, 1)
    assert (result.accepted, result.refused, result.exit_code, result.resumed_after) == (1_997, 2, 1, 0)
    assert refused_rows(result) == [
        (5, "intake", "occurred_on lies where intake says it must not"),
        (7, "publish", "occurred_on is not a date (ISO 8601: 2001-03-15)"),
        (1_990, "intake", "occurred_on lies where intake says it must not"),
    ]
    assert sorted(log.ids.values()) == sorted(f"d-{row}" for row in range(1, 2_001) if row != 7)
    by_patient: dict[str, list[int]] = {}
    for place in sorted(log.ids):
        by_patient.setdefault(log.patients[place], []).append(int(log.ids[place][2:]))
    assert all(numbers == sorted(numbers) for numbers in by_patient.values())
    assert sum(last - first + 1 for _, epoch, first, last in result.ranges if epoch == 0) == 1_999
    assert set(log.ids) == {
        (partition, offset) for partition, _, first, last in result.ranges for offset in range(first, last + 1)
    }
    assert told[-1] == Progress("done", 2_000, 2_000, 1_999, 1, 1_997, 2)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["death.ndjson", "death.ndjson.refused.csv"]


def test_partitions_are_those_that_librdkafka_chooses(kafka: KafkaConfig) -> None:
    registry = bundled("hip")
    make_log(kafka, registry)
    messages = [message(registry, "death", number) for number in range(200)]
    send(kafka, topics.submitted(registry.name), list(messages))
    with answered(kafka, registry) as log:
        wait_for(lambda: len(log.ids) == 200, "200 submissions")
    chosen = {log.ids[place]: place[0] for place in log.ids}
    assert [chosen[f"death-{number}"] for number in range(200)] == partitions_of(
        [key for key, _ in messages], 4
    ).tolist()


def test_receipts_of_others_are_not_taken_for_ours(kafka: KafkaConfig, tmp_path: Path) -> None:
    registry = bundled("hip")
    make_log(kafka, registry)
    others = [message(registry, "death", number) for number in range(50)]
    send(kafka, topics.submitted(registry.name), list(others))
    path = write_deaths(tmp_path / "death.ndjson", 100)
    refuse = {f"death-{number}" for number in range(50)} | {"d-9"}
    with answered(kafka, registry, refuse):
        result = publish(kafka, registry, path)
    assert (result.published, result.accepted, result.refused) == (100, 99, 1)
    assert [row for row, _, _ in refused_rows(result)] == [9]


def test_without_receipts_it_says_so_and_the_same_again_only_waits(kafka: KafkaConfig, tmp_path: Path) -> None:
    registry = bundled("hip")
    make_log(kafka, registry)
    path = write_deaths(tmp_path / "death.ndjson", 300)
    with pytest.raises(
        NoReceiptsError, match=r"no receipts for 300 submissions.*is `guldadra intake` running"
    ) as stopped:
        publish(kafka, registry, path, receipts_patience_s=1)
    assert stopped.value.exit_code == 2
    assert "300 submissions are in the log, with everything up to row 300" in str(stopped.value)
    with answered(kafka, registry, {"d-3"}) as log:
        result = publish(kafka, registry, path)
    assert (result.resumed_after, result.published, result.accepted, result.refused) == (300, 300, 299, 1)
    assert [row for row, _, _ in refused_rows(result)] == [3]
    assert len(log.ids) == 300


def test_receipts_need_not_be_waited_for(kafka: KafkaConfig, tmp_path: Path) -> None:
    registry = bundled("hip")
    make_log(kafka, registry)
    result = publish(kafka, registry, write_deaths(tmp_path / "death.ndjson", 10), wait_for_receipts=False)
    assert (result.published, result.accepted, result.refused, result.exit_code) == (10, None, None, 0)
    assert [found.name for found in tmp_path.iterdir()] == ["death.ndjson"]


def test_a_registry_that_is_not_open_takes_no_row(kafka: KafkaConfig, tmp_path: Path) -> None:
    path = write_deaths(tmp_path / "death.ndjson", 3)
    hip = bundled("hip")
    with pytest.raises(RegistryClosedError, match=f"guldadra topics create {hip.name}"):
        publish(kafka, hip, path)
    make_log(kafka, hip)

    with pytest.raises(RegistryClosedError, match="has no controller"):
        publish(kafka, replace(hip, registry=hip.registry.model_copy(update={"controller": " "})), path)
    with pytest.raises(
        RegistryClosedError, match=r"form death: has never been released; run `guldadra schemas release"
    ):
        publish(kafka, replace(hip, released={**hip.released, "death": ()}), path)
    set_stopped(kafka, hip.name, stopped=True, by="the controller", reason="the key is lost")
    with pytest.raises(RegistryClosedError, match=r"is stopped since .*, by the controller: the key is lost"):
        publish(kafka, hip, path)
    set_stopped(kafka, hip.name, stopped=False, by="the controller", reason="it is found")

    with answered(kafka, hip):
        assert publish(kafka, hip, path).published == 3

    other = bundled("hip")
    make_topics(kafka, [other.name], 4, retention_days=30)
    begin_epoch(kafka, other.name, 3, 0, by="test", reason="a test begins")
    with pytest.raises(RegistryClosedError, match="has 4 partitions and was made with 3"):
        publish(kafka, other, path)


def wait_for_submissions(kafka: KafkaConfig, registry: RegistryDefinition, count: int) -> None:
    """Wait until the broker has so many submissions, however slow it is."""
    consumer = Consumer({**kafka, "group.id": "test-reader", "enable.auto.commit": False})
    topic = topics.submitted(registry.name)
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    found = 0

    def are_there() -> bool:
        nonlocal found
        found += sum(message.error() is None for message in consumer.consume(count - found, 0.05))
        return found == count

    wait_for(are_there, f"{count} submissions")
    consumer.close()


class Slow(NdjsonSource):
    """A file whose later slices wait for something to have happened."""

    def __init__(self, path: Path, after_slice: int, happen: Any) -> None:
        super().__init__(path, None, "death")
        self._after_slice = after_slice
        self._happen = happen

    def slices(self) -> Iterator[Slice]:
        for nth, part in enumerate(super().slices()):
            if nth == self._after_slice:
                self._happen()
            if nth > self._after_slice:
                time.sleep(0.1)
            yield part


def test_a_stop_switch_halts_at_once_and_the_rest_follows_when_it_is_released(
    kafka: KafkaConfig, tmp_path: Path
) -> None:
    registry = bundled("hip")
    make_log(kafka, registry)
    path = write_deaths(tmp_path / "death.ndjson", 20_000)

    def stop() -> None:
        wait_for_submissions(kafka, registry, 4 * ROWS_PER_SLICE)
        set_stopped(kafka, registry.name, stopped=True, by="the law", reason="an inquiry")

    store = BundledStore({registry.name: registry})
    with pytest.raises(RegistryClosedError, match=r"(?s)by the law: an inquiry.*the same command goes on from there"):
        publish_rows(Slow(path, 4, stop), registry, kafka=kafka, store=store, key=KEY)
    with pytest.raises(RegistryClosedError, match="by the law: an inquiry"):
        publish(kafka, registry, path)
    set_stopped(kafka, registry.name, stopped=False, by="the law", reason="nothing was found")
    with answered(kafka, registry, {"d-2", "d-19999"}) as log:
        result = publish(kafka, registry, path, receipts_patience_s=30)
    assert 1_024 <= result.resumed_after < 20_000
    assert (result.rows, result.published, result.accepted, result.refused) == (20_000, 20_000, 19_998, 2)
    assert [row for row, _, _ in refused_rows(result)] == [2, 19_999]
    assert len(log.ids) == len(set(log.ids.values())) == 20_000


def test_an_interrupted_run_loses_nothing_and_goes_on(kafka: KafkaConfig, tmp_path: Path) -> None:
    registry = bundled("hip")
    make_log(kafka, registry)
    path = write_deaths(tmp_path / "death.ndjson", 20_000)

    def interrupt(progress: Progress) -> None:
        if progress.published > 2_000:
            raise KeyboardInterrupt

    store = BundledStore({registry.name: registry})
    slow = Slow(path, 10, lambda: wait_for_submissions(kafka, registry, 10 * ROWS_PER_SLICE))
    with pytest.raises(InterruptedPublishError, match=r"(?s)^interrupted.*the same command goes on from there"):
        publish_rows(slow, registry, kafka=kafka, store=store, key=KEY, observe=interrupt)
    with answered(kafka, registry) as log:
        result = publish(kafka, registry, path)
        assert set(log.ids.values()) == {f"d-{row}" for row in range(1, 20_001)}
    assert 0 < result.resumed_after < 20_000
    assert result.published == result.accepted
    assert 20_000 <= result.published <= len(log.ids)


KILLED = """
import sys, time
from pathlib import Path
from dataclasses import replace
from schemas.definition.folder import load_registries
from schemas.identity import PseudonymKey
from schemas.store import BundledStore
from streams.publish.run import publish_file

broker, registry, path = sys.argv[1:]
hip = load_registries()["hip"]
hip = replace(hip, registry=hip.registry.model_copy(update={"name": registry}))
publish_file(
    Path(path), hip, kafka={"bootstrap.servers": broker}, store=BundledStore({registry: hip}),
    key=PseudonymKey("k1", bytes(32)), observe=lambda _: time.sleep(0.2),
)
"""


def test_a_killed_run_loses_nothing_and_the_next_knows_its_submissions(kafka: KafkaConfig, tmp_path: Path) -> None:
    registry = bundled("hip")
    make_log(kafka, registry)
    path = write_deaths(tmp_path / "death.ndjson", 20_000)
    journal = tmp_path / "death.ndjson.publish.json"
    command = [sys.executable, "-c", KILLED, str(kafka["bootstrap.servers"]), registry.name, str(path)]
    with subprocess.Popen(command) as run:
        deadline = time.monotonic() + 60
        while not journal.exists() or not json.loads(journal.read_text(encoding="utf-8"))["last_row"]:
            assert time.monotonic() < deadline, "nothing was written down"
            assert run.poll() is None
            time.sleep(0.01)
        os.kill(run.pid, signal.SIGKILL)
    with answered(kafka, registry, {"d-1", "d-20000"}) as log:
        result = publish(kafka, registry, path, receipts_patience_s=30)
        assert set(log.ids.values()) == {f"d-{row}" for row in range(1, 20_001)}
    assert 0 < result.resumed_after < 20_000
    assert result.accepted is not None
    assert result.refused is not None
    assert result.published == result.accepted + result.refused
    assert [row for row, _, _ in refused_rows(result)] == [1, 20_000]
    assert list(tmp_path.glob("*.publish.*")) == []


def test_from_the_start_means_all_of_it_again(kafka: KafkaConfig, tmp_path: Path) -> None:
    registry = bundled("hip")
    make_log(kafka, registry)
    path = write_deaths(tmp_path / "death.ndjson", 30)
    with pytest.raises(NoReceiptsError):
        publish(kafka, registry, path, receipts_patience_s=0.5)
    with answered(kafka, registry) as log:
        result = publish(kafka, registry, path, from_start=True)
    assert (result.resumed_after, result.published, result.accepted) == (0, 30, 30)
    assert len(log.ids) == 60


def test_another_content_is_another_run(kafka: KafkaConfig, tmp_path: Path) -> None:
    registry = bundled("hip")
    make_log(kafka, registry)
    path = write_deaths(tmp_path / "death.ndjson", 30)
    with pytest.raises(NoReceiptsError):
        publish(kafka, registry, path, receipts_patience_s=0.5)
    write_deaths(path, 30, occurred_on="2001-03-16")
    with answered(kafka, registry):
        assert publish(kafka, registry, path).resumed_after == 0


def test_a_program_registers_one_by_one(kafka: KafkaConfig) -> None:
    registry = bundled("hip")
    make_log(kafka, registry)
    store = BundledStore({registry.name: registry})
    person = KEY.pseudonym("460823-9986")
    with answered(kafka, registry, {"d-2"}) as log, Publisher(kafka, registry, store, KEY) as publisher:
        moment = datetime(2001, 3, 15, 12, tzinfo=UTC)
        first = death(1, patient="460823-9986", occurred_on=date(2001, 3, 15), recorded_at=moment)
        assert publisher.register("death", first) == 1
        with pytest.raises(
            RefusedRegistrationError, match="occurred_on is missing; cause is no column of form death"
        ) as refused:
            publisher.register("death", {**death(1), "occurred_on": None, "cause": "I21"})
        assert refused.value.faults[0] == Fault("occurred_on", "is missing")
        assert publisher.register("death", death(2)) == 2
        assert publisher.register("death", death(3, patient=patient(3), previous_patient="460823-9986")) == 3
        with pytest.raises(KeyError):
            publisher.register("birth", death(4))
        results = publisher.results(20)
        assert (results.published, results.accepted, results.refused) == (4, 3, 1)
        assert results.refusals == {2: (Fault(FAULT["field"], FAULT["rule"]),)}
        publisher.register("death", death(5))
    assert sorted((log.ids[place], log.patients[place]) for place in log.ids)[:4] == sorted(
        [("d-1", person), ("d-2", patient(2)), ("d-3", person), ("d-3", patient(3))]
    )
    assert "d-5" in log_ids(kafka, registry, 5)  # leaving the block sends what is waiting


def test_a_program_is_stopped_too(kafka: KafkaConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.publish.gate._LOOK_EVERY_S", 0.0)
    registry = bundled("hip")
    make_log(kafka, registry)

    def go_on_registering() -> None:
        with Publisher(kafka, registry, BundledStore({registry.name: registry}), KEY) as publisher:
            publisher.register("death", death(1))
            set_stopped(kafka, registry.name, stopped=True, by="the law", reason="an inquiry")
            for number in range(2, 200):
                publisher.register("death", death(number))
                time.sleep(0.05)

    with pytest.raises(RegistryClosedError, match="by the law: an inquiry"):
        go_on_registering()


@pytest.mark.embedded
def test_a_broker_that_goes_away_is_waited_for_and_then_named(tmp_path: Path) -> None:
    registry = load_registries()["hip"]
    store = BundledStore({"hip": registry})
    waiting: list[bool] = []

    def lose_the_broker(broker: EmbeddedBroker, patience_s: float) -> None:
        kafka = {"bootstrap.servers": broker.bootstrap}
        publisher = Publisher(
            kafka, registry, store, KEY, broker_patience_s=patience_s,
            while_waiting=lambda: waiting.append(publisher.waiting_for_broker),
        )  # fmt: skip
        with publisher:
            publisher.register("death", death(1))
            publisher.flush(20)
            broker.stop()
            publisher.register("death", death(2))
            publisher.flush(None if patience_s < 10 else 4)

    for patience_s, told in (
        (2.5, "the broker did not take a submission"),
        (300, "has not taken everything within 4 s"),
    ):
        with EmbeddedBroker(tmp_path / str(patience_s)) as broker:
            make_log({"bootstrap.servers": broker.bootstrap}, registry)
            with pytest.raises(BrokerError, match=told):
                lose_the_broker(broker, patience_s)
    assert waiting[0] is False
    assert waiting[-1] is True


def test_what_could_not_run_has_its_own_exit_code() -> None:
    assert PublishError("why").exit_code == 2
