"""The loader between a broker and the real engine: exact, at least once, and patient."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from deploy.embedded.database import EmbeddedDatabase
from schemas import topics
from schemas.codec import decode_event
from schemas.membership import FencedError
from schemas.version import version_of
from sinks.clickhouse import sql
from sinks.clickhouse.client import connect
from sinks.clickhouse.loader import Loader
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.migrations.step import MigrationError
from sinks.clickhouse.reader import ReaderNotReadyError
from tests.clickhouse_support import AcceptedLog, migrated, receipt
from tests.support import bundled, make_log, patient, read_events, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig


class Loading:
    """A loader in a thread of its own."""

    def __init__(self, kafka: KafkaConfig, client: Client, definition: RegistryDefinition, **options: Any) -> None:
        self.stop = threading.Event()
        quick = {"session.timeout.ms": 3_000, "heartbeat.interval.ms": 500, **kafka}  # Tansu joins no faster than this
        self.loader = Loader(
            quick, client, {definition.name: definition}, stop=self.stop, **{"flush_interval_s": 0.1, **options}
        )
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.loader.run()
        except BaseException as error:  # noqa: BLE001 - the test's thread looks at it
            self.error = error

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        self.stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error

    def wait_for(self, loaded: int) -> None:
        wait_for(lambda: self.error or self.loader.progress().loaded >= loaded, f"{loaded} loaded")


@contextmanager
def loading(
    kafka: KafkaConfig, client: Client, definition: RegistryDefinition, group: str | None = None, **options: Any
) -> Iterator[Loading]:
    running = Loading(kafka, client, definition, group=group or f"load-{definition.name}", **options)
    running.start()
    try:
        yield running
    finally:
        running.finish()


def publish(kafka: KafkaConfig, topic: str, *values: bytes, partition: int = 0) -> None:
    producer = Producer(dict(kafka))
    for value in values:
        producer.produce(topic, value, partition=partition)
    assert producer.flush(30) == 0


def count(client: Client, definition: RegistryDefinition, table: str) -> int:
    found: int = client.rows(f"SELECT count() FROM {sql.table(sql.database_of(definition.name), table)} FINAL")[0][0]
    return found


def everything(client: Client, definition: RegistryDefinition) -> dict[str, list[str]]:
    """All rows of all tables, in an order of their own."""
    database = sql.database_of(definition.name)
    names = ["archive", "receipts", "refusals", *(f"{form}_rows" for form in definition.forms)]
    return {
        name: sorted(str(row) for row in client.rows(f"SELECT * FROM {sql.table(database, name)} FINAL"))
        for name in names
    }


def small_register(definition: RegistryDefinition) -> tuple[list[bytes], list[bytes]]:
    """Batches and receipts of a few registrations: one corrected, one retracted, one refused."""
    first, second = AcceptedLog(definition), AcceptedLog(definition, next_offset=4)
    first.add("primary_operation", 1, unit="U01")
    first.add("primary_operation", 2)
    first.add("reoperation", 2)
    second.add("primary_operation", 1, unit="U02")
    second.add("primary_operation", 2, retracted=True)
    told = [
        receipt(definition, 0, 3, accepted=3, refusals=[(3, [("side", "is wrong"), ("", "is late")])]),
        receipt(definition, 4, 5, accepted=2),
    ]
    return [first.batch(), second.batch()], told


def test_accepted_registrations_and_receipts_become_rows(kafka: KafkaConfig, client: Client) -> None:
    definition = migrated(client, "hip")
    make_log(kafka, definition)
    batches, told = small_register(definition)
    publish(kafka, topics.accepted(definition.name), *batches)
    publish(kafka, topics.receipts(definition.name), *told)
    with loading(kafka, client, definition) as running:
        running.wait_for(7)
        wait_for(lambda: running.loader.health()[1]["lag"] == 0, "no lag")
        healthy, facts = running.loader.health()
        assert healthy
        assert (facts["loaded"], facts["database_up"], facts["last_error"]) == (7, True, None)
    database = sql.database_of(definition.name)
    living = client.rows(f"SELECT patient, unit, _version FROM {sql.table(database, 'primary_operation')}")
    assert living == [(patient(1), "U02", version_of(0, 4))]
    assert count(client, definition, "archive") == 5
    assert client.rows(
        f"SELECT first_offset, received, accepted, refused FROM {database}.receipts FINAL ORDER BY 1"
    ) == [
        (0, 4, 3, 1),
        (4, 2, 2, 0),
    ]
    refusals = client.rows(
        f"SELECT offset, arrayMap(fault -> tuple(fault.field, fault.rule), faults) FROM {database}.refusals FINAL"
    )
    assert [(offset, [tuple(fault) for fault in faults]) for offset, faults in refusals] == [
        (3, [("side", "is wrong"), ("", "is late")])
    ]


def test_every_kind_of_value_comes_out_as_it_went_in(kafka: KafkaConfig, client: Client) -> None:
    definition = migrated(client, "metabolic")
    make_log(kafka, definition)
    log = AcceptedLog(definition, epoch=40_000)
    log.add("person", 1, smoker=False, smoker_source="11 cigarett/dag å\0\n'\\", weight=0.1, followed_until=-25_567)
    log.add("person", 2, smoker=True, died=False, followed_until=120_529, recorded_at=-1, occurred_on=0)
    log.add("person", 3)
    log.add("measurement", 4, value=-1.5e300, recorded_at=10_413_791_999_999)
    publish(kafka, topics.accepted(definition.name), log.batch())
    with loading(kafka, client, definition) as running:
        running.wait_for(4)
    database = sql.database_of(definition.name)
    assert client.rows(
        "SELECT smoker, smoker_source, weight, toString(followed_until), toUnixTimestamp64Milli(recorded_at), "
        f"toString(occurred_on), died, height, _version, _epoch FROM {database}.person ORDER BY _version"
    ) == [
        (False, "11 cigarett/dag å\0\n'\\", 0.1, "1900-01-01", 978_350_400_000, "2001-01-01", None, None,
         version_of(40_000, 0), 40_000),
        (True, None, 70.0, "2299-12-31", -1, "1970-01-01", False, None, version_of(40_000, 1), 40_000),
        (None, None, 70.0, None, 978_350_400_000, "2001-01-01", None, None, version_of(40_000, 2), 40_000),
    ]  # fmt: skip
    assert client.rows(f"SELECT value, toString(recorded_at) FROM {database}.measurement") == [
        (-1.5e300, "2299-12-31 23:59:59.999")
    ]
    archived = client.rows(f"SELECT payload FROM {database}.archive ORDER BY version", binary=["payload"])
    assert [row[0] for row in archived] == [one["payload"] for one in log.registrations]


def test_a_loader_that_begins_again_changes_nothing(kafka: KafkaConfig, client: Client) -> None:
    definition = migrated(client, "hip")
    make_log(kafka, definition)
    batches, told = small_register(definition)
    publish(kafka, topics.accepted(definition.name), *batches)
    publish(kafka, topics.receipts(definition.name), *told)
    with loading(kafka, client, definition, group=f"first-{definition.name}") as running:
        running.wait_for(7)
    before = everything(client, definition)
    assert {name: len(rows) for name, rows in before.items() if rows} == {
        "archive": 5, "receipts": 2, "refusals": 1, "primary_operation_rows": 2, "reoperation_rows": 1,
    }  # fmt: skip
    with loading(kafka, client, definition, group=f"second-{definition.name}", max_rows=1) as running:
        running.wait_for(7)
    assert everything(client, definition) == before


def test_what_cannot_be_loaded_goes_to_the_dead_letters_and_all_else_is_loaded(
    kafka: KafkaConfig, client: Client
) -> None:
    definition = migrated(client, "hip")
    make_log(kafka, definition)
    topic = topics.accepted(definition.name)
    log = AcceptedLog(definition)
    for number in range(20):
        log.add("reoperation", number)
    whole = log.registrations[7]
    log.registrations[7] = {**whole, "payload": whole["payload"][:-3]}
    log.registrations[3]["payload"] += b"\0\0"  # must not shift the rows behind it
    log.add_bytes(b"\0", form="death", schema_id=12345, patient=patient(1), registration_id="of an unknown schema")
    publish(kafka, topic, b"no batch at all", log.batch())
    with loading(kafka, client, definition) as running:
        running.wait_for(21)
    letters = [letter for letter in read_events(kafka, topics.DEAD_LETTERS, "dead_letter") if letter["topic"] == topic]
    assert {(letter["process"], letter["offset"]) for letter in letters} == {("load", 0), ("load", 1)}
    (unreadable,) = [letter for letter in letters if letter["offset"] == 0]
    assert (unreadable["value"], unreadable["error"]) == (b"no batch at all", "the message is not a accepted_batch")
    inside = {
        registration["registration_id"]: (letter["error"], registration["payload"])
        for letter in letters
        if letter["offset"] == 1
        for registration in decode_event("accepted_batch", letter["value"])["registrations"]
    }
    assert inside.keys() == {"reoperation-7", "of an unknown schema"}
    assert inside["reoperation-7"][1] == whole["payload"][:-3]
    assert "ClickHouse refuses rows" in inside["reoperation-7"][0]
    assert patient(7) not in inside["reoperation-7"][0]
    found = client.rows(f"SELECT registration_id FROM {sql.database_of(definition.name)}.reoperation")
    assert {row[0] for row in found} == {f"reoperation-{number}" for number in range(20) if number != 7}
    assert count(client, definition, "archive") == 21


def test_a_database_that_is_away_is_waited_for_and_nothing_is_lost(kafka: KafkaConfig, tmp_path: Path) -> None:
    with EmbeddedDatabase(tmp_path / "database") as database, connect(database.url) as client:
        definition = migrated(client, "hip")
        make_log(kafka, definition)
        first, second = AcceptedLog(definition), AcceptedLog(definition, next_offset=1)
        first.add("death", 1)
        second.add("death", 2)
        publish(kafka, topics.accepted(definition.name), first.batch())
        with loading(kafka, client, definition) as running:
            running.wait_for(1)
            database.stop()
            publish(kafka, topics.accepted(definition.name), second.batch())
            wait_for(lambda: not running.loader.health()[0], "the loader says that the database is away")
            assert running.loader.progress().waiting == 1
            assert "not available" in str(running.loader.progress().last_error)
            with EmbeddedDatabase(tmp_path / "database", port=database.port):
                running.wait_for(2)
                assert running.loader.health()[0]
                assert count(client, definition, "death_rows") == 2
                running.finish()


def test_stopping_finishes_what_is_in_hand(kafka: KafkaConfig, client: Client) -> None:
    definition = migrated(client, "hip")
    make_log(kafka, definition)
    log = AcceptedLog(definition)
    log.add("death", 1)
    publish(kafka, topics.accepted(definition.name), log.batch())
    with loading(kafka, client, definition, flush_interval_s=3_600.0) as running:
        wait_for(lambda: running.loader.progress().waiting == 1, "a buffered registration")
        assert count(client, definition, "death_rows") == 0
    assert count(client, definition, "death_rows") == 1
    with loading(kafka, client, definition) as again:  # the offsets were committed: there is nothing more
        wait_for(lambda: again.loader.health()[1]["lag"] == 0 and again.loader.health()[0], "an idle loader")
    assert again.loader.progress().loaded == 0


def test_stopping_without_the_database_commits_nothing(kafka: KafkaConfig, tmp_path: Path) -> None:
    with EmbeddedDatabase(tmp_path / "database") as database, connect(database.url) as client:
        definition = migrated(client, "hip")
        make_log(kafka, definition)
        log = AcceptedLog(definition)
        log.add("death", 1)
        publish(kafka, topics.accepted(definition.name), log.batch())
        with loading(kafka, client, definition, flush_interval_s=3_600.0) as running:
            wait_for(lambda: running.loader.progress().waiting == 1, "a buffered registration")
            database.stop()
        assert running.loader.progress().loaded == 0
        with loading(kafka, client, definition) as again:  # it waits for the database to begin with
            wait_for(lambda: not again.loader.health()[0], "the loader says that the database is away")
            with EmbeddedDatabase(tmp_path / "database", port=database.port):
                again.wait_for(1)
                assert count(client, definition, "death_rows") == 1
                again.finish()


def test_partitions_that_change_hands_lose_and_double_nothing(kafka: KafkaConfig, client: Client) -> None:
    definition = migrated(client, "hip")
    make_log(kafka, definition)
    logs = [AcceptedLog(definition, partition) for partition in range(4)]
    total = 0

    def more() -> None:
        nonlocal total
        for log in logs:
            log.registrations.clear()
            for number in range(25):
                log.add("death", log.next_offset * 4 + log.partition)
                total += number >= 0
            publish(kafka, topics.accepted(definition.name), log.batch(), partition=log.partition)

    with loading(kafka, client, definition) as first:
        more()
        first.wait_for(100)
        with loading(kafka, client, definition) as second:
            more()
            wait_for(lambda: count(client, definition, "archive") == total, "all in the archive")
            more()
            wait_for(lambda: count(client, definition, "archive") == total, "all in the archive")
            assert first.error is None
            assert second.error is None
        more()
        wait_for(lambda: count(client, definition, "archive") == total, "all in the archive")
    assert total == 400
    assert count(client, definition, "death_rows") == total


@pytest.mark.kafka
def test_the_marks_of_transactions_are_no_lag(real_kafka: Any, client: Client) -> None:
    kafka = {"bootstrap.servers": real_kafka.bootstrap}
    definition = migrated(client, "hip")
    make_log(kafka, definition)
    topic, group = topics.accepted(definition.name), f"load-{definition.name}"
    producer = Producer({**kafka, "transactional.id": definition.name})
    producer.init_transactions(30)
    for number in range(2):
        log = AcceptedLog(definition, next_offset=number)
        log.add("death", number)
        producer.begin_transaction()
        producer.produce(topic, log.batch(), partition=0)
        producer.flush()
        if number:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    place = TopicPartition(topic, 0)
    consumer = Consumer({**kafka, "group.id": group})
    assert consumer.get_watermark_offsets(place, timeout=10) == (0, 4)  # two batches and a mark behind each
    with loading(kafka, client, definition, group=group) as running:
        running.wait_for(1)
        wait_for(lambda: consumer.committed([place], timeout=10)[0].offset == 4, "all of it committed")
        assert running.loader.progress().lag == 0
    consumer.close()
    assert count(client, definition, "death_rows") == 1  # what was aborted is not read


@pytest.mark.kafka
def test_of_two_loaders_with_one_name_each_takes_it_again_until_the_first_gives_up(
    real_kafka: Any, client: Client
) -> None:
    kafka = {"bootstrap.servers": real_kafka.bootstrap}
    definition = migrated(client, "hip")
    make_log(kafka, definition)
    topic, log = topics.accepted(definition.name), AcceptedLog(definition)
    named = {"group": f"load-{definition.name}", "instance": definition.name}
    first = Loading(kafka, client, definition, **named)
    log.add("death", 1)
    publish(kafka, topic, log.batch())
    first.start()
    first.wait_for(1)
    with loading(kafka, client, definition, **named):
        wait_for(lambda: first.error, "the first to end", patience_s=60)
        with pytest.raises(FencedError, match=f"loader {definition.name} was taken over 4 times"):
            first.finish()
        log.add("death", 2)
        publish(kafka, topic, log.batch())
        wait_for(lambda: count(client, definition, "death_rows") == 2, "what came after")


@pytest.mark.embedded
def test_a_loader_refuses_to_start_where_it_cannot_work(
    embedded_broker: Any, embedded_database: EmbeddedDatabase
) -> None:
    kafka = {"bootstrap.servers": embedded_broker.bootstrap}
    definition = bundled("hip")
    with connect(embedded_database.url) as client:
        with pytest.raises(MigrationError, match="run `guldadra migrate`"), loading(kafka, client, definition) as one:
            wait_for(lambda: one.error, "an error")
        apply(client, {definition.name: definition})
        with (
            pytest.raises(ReaderNotReadyError, match=f"there is no topic accepted.{definition.name}"),
            loading(kafka, client, definition) as one,
        ):
            wait_for(lambda: one.error, "an error")
