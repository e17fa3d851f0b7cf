"""The archive on the real engine: what it counts, how it is read, kept in files, and put back on a log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import fastavro
import pytest
from confluent_kafka import Consumer, TopicPartition

from schemas import topics
from schemas.version import OffsetRange, version_of
from sinks.clickhouse import sql
from sinks.clickhouse.archive import Archived, counts, duplicates_in, highest_epoch, read_archive
from sinks.clickhouse.backup import BackupError, backup, export, import_export, restore_backup
from sinks.clickhouse.restore import RestoreError, restore
from sinks.clickhouse.status import PartitionStatus, partition_status
from tests.clickhouse_support import SUBMITTED_AT, AcceptedLog, insert, migrated, receipt
from tests.support import make_log, read_events

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig


def two_partitions(definition: RegistryDefinition) -> list[AcceptedLog]:
    """Two partitions; the first lived through two epochs."""
    first = AcceptedLog(definition, 0, 0)
    later = AcceptedLog(definition, 0, 1, next_offset=2)
    other = AcceptedLog(definition, 3, 1, next_offset=7)
    for number in range(3):
        first.add("death", number)
        later.add("reoperation", 10 + number)
        other.add("primary_operation", 20 + number)
    return [first, later, other]


def expected(*logs: AcceptedLog) -> list[Archived]:
    return [Archived(partition=log.partition, epoch=log.epoch, **one) for log in logs for one in log.registrations]


@pytest.mark.embedded
def test_duplicates_corrections_and_withdrawals_are_told_apart(client: Client) -> None:
    definition = migrated(client, "hip")
    log = AcceptedLog(definition)
    log.add("primary_operation", 1, unit="U01")  # 0
    log.add("primary_operation", 1, unit="U01")  # 1 a duplicate
    log.add("primary_operation", 1, unit="U02")  # 2 a correction
    log.add("primary_operation", 1, unit="U01")  # 3 a correction back: equal to the first, not to the one before
    log.add("primary_operation", 1, unit="U01")  # 4 a duplicate
    log.add("primary_operation", 2)  # 5
    log.add("primary_operation", 2, retracted=True)  # 6 withdrawn
    log.add("death", 1)  # 7
    log.add("death", 2, registration_id="death-1")  # 8 another patient's of the same id
    insert(client, definition, log.batch())
    insert(client, definition, log.batch())  # a replay is no duplicate
    found = counts(client, definition)
    assert (found.archived, found.registrations, found.duplicates, found.corrected, found.retracted) == (9, 4, 2, 3, 1)
    assert found.highest == {0: version_of(0, 8)}


@pytest.mark.embedded
def test_duplicates_are_counted_within_ranges_against_all_that_came_before(client: Client) -> None:
    definition = migrated(client, "hip")
    log, other = AcceptedLog(definition), AcceptedLog(definition, partition=1, epoch=2)
    for number in range(5):
        log.add("death", number)
        other.add("reoperation", number)
    for number in range(5):
        log.add("death", number)  # offsets 5 to 9: all duplicates
    insert(client, definition, log.batch(), other.batch())
    name = definition.name
    assert duplicates_in(client, name, [OffsetRange(0, 0, 0, 4)]) == 0
    assert duplicates_in(client, name, [OffsetRange(0, 0, 5, 9)]) == 5
    assert duplicates_in(client, name, [OffsetRange(0, 0, 3, 5), OffsetRange(0, 0, 7, 7), OffsetRange(1, 2, 0, 9)]) == 2
    assert duplicates_in(client, name, [OffsetRange(1, 0, 0, 9)]) == 0
    assert duplicates_in(client, name, []) == 0


@pytest.mark.embedded
def test_the_highest_epoch_is_that_of_anything_submitted(client: Client) -> None:
    definition = migrated(client, "hip")
    assert highest_epoch(client, definition.name) is None
    log = AcceptedLog(definition, epoch=3)
    log.add("death")
    insert(client, definition, log.batch())
    assert highest_epoch(client, definition.name) == 3
    insert(client, definition, receipts=[receipt(definition, 0, 0, accepted=0, refusals=[(0, [])], epoch=4)])
    assert highest_epoch(client, definition.name) == 4  # all of it was refused


@pytest.mark.embedded
@pytest.mark.parametrize("slice_rows", [1, 2, 3, 1_000])
def test_the_archive_is_read_in_order_and_each_submission_once(client: Client, slice_rows: int) -> None:
    definition = migrated(client, "hip")
    logs = two_partitions(definition)
    for log in (*reversed(logs), *logs):
        insert(client, definition, log.batch())
    assert list(read_archive(client, definition.name, slice_rows=slice_rows)) == expected(*logs)
    assert list(read_archive(client, definition.name, partition=3, slice_rows=slice_rows)) == expected(logs[2])


def test_a_log_that_was_lost_comes_back_as_it_was(kafka: KafkaConfig, client: Client) -> None:
    definition = migrated(client, "hip")
    logs = two_partitions(definition)
    for log in logs:
        insert(client, definition, log.batch())
    make_log(kafka, definition, epoch=2)
    told: list[int] = []
    assert restore(kafka, client, definition.name, on_progress=told.append) == 9
    assert told[-1] == 9
    batches = read_events(kafka, topics.accepted(definition.name), "accepted_batch")
    found = {(batch["partition"], batch["epoch"]): batch for batch in batches}
    assert found.keys() == {(0, 0), (0, 1), (3, 1)}
    for log in logs:
        assert found[log.partition, log.epoch]["registrations"] == log.registrations
    with pytest.raises(RestoreError, match="is not empty: partition 0 has messages"):
        restore(kafka, client, definition.name)
    assert restore(kafka, client, definition.name, onto_filled=True) == 9


def test_a_loader_may_be_told_that_it_has_all_that_was_restored(kafka: KafkaConfig, client: Client) -> None:
    definition = migrated(client, "hip")
    logs = two_partitions(definition)
    for log in logs:
        insert(client, definition, log.batch())
    make_log(kafka, definition, epoch=2)
    restore(kafka, client, definition.name, loaded_by=f"load-{definition.name}")
    topic = topics.accepted(definition.name)
    consumer = Consumer({**kafka, "group.id": f"load-{definition.name}"})
    committed = consumer.committed([TopicPartition(topic, partition) for partition in range(4)], timeout=10)
    consumer.close()
    # -1001: nothing committed, and nothing there
    assert {place.partition: place.offset for place in committed} == {0: 2, 1: -1001, 2: -1001, 3: 1}


def test_a_log_that_does_not_fit_is_refused(kafka: KafkaConfig, client: Client) -> None:
    definition = migrated(client, "hip")
    insert(client, definition, two_partitions(definition)[2].batch())
    with pytest.raises(RestoreError, match=f"there is no topic accepted.{definition.name}"):
        restore(kafka, client, definition.name)
    make_log(kafka, definition, partitions=2)
    with pytest.raises(RestoreError, match="has 2 partitions, and the archive has registrations of partition 3"):
        restore(kafka, client, definition.name)


@pytest.mark.embedded
def test_an_exported_archive_can_be_read_by_anybody_and_imported(client: Client, tmp_path: Path) -> None:
    definition = migrated(client, "hip")
    logs = two_partitions(definition)
    for log in logs:
        insert(client, definition, log.batch())
    files = export(client, definition.name, tmp_path / "export")
    assert [(one.name, one.rows, one.highest_version) for one in files] == [
        ("archive-0000.avro", 6, version_of(1, 4)),
        ("archive-0003.avro", 3, version_of(1, 9)),
    ]
    with (tmp_path / "export" / "archive-0003.avro").open("rb") as file:
        records = list(fastavro.reader(file))
    assert [record["payload"] for record in records] == [one["payload"] for one in logs[2].registrations]  # type: ignore[index, call-overload]
    with pytest.raises(BackupError, match="is not empty"):
        export(client, definition.name, tmp_path / "export")

    database = sql.identifier(sql.database_of(definition.name))
    client.command(f"TRUNCATE TABLE {database}.archive")
    assert import_export(client, definition.name, tmp_path / "export") == {"archive": 9}
    assert import_export(client, definition.name, tmp_path / "export") == {"archive": 9}  # again changes nothing
    assert list(read_archive(client, definition.name)) == expected(*logs)
    assert counts(client, definition).archived == 9


@pytest.mark.embedded
def test_an_export_that_is_not_whole_is_refused_before_anything_is_imported(client: Client, tmp_path: Path) -> None:
    definition = migrated(client, "hip")
    insert(client, definition, two_partitions(definition)[0].batch())
    (one,) = export(client, definition.name, tmp_path)
    client.command(f"TRUNCATE TABLE {sql.table(sql.database_of(definition.name), 'archive')}")
    with pytest.raises(BackupError, match=rf"is an export of registry {definition.name}, not of hip"):
        import_export(client, "hip", tmp_path)
    whole = (tmp_path / one.name).read_bytes()
    (tmp_path / one.name).write_bytes(whole[:-1])
    with pytest.raises(BackupError, match="its checksum differs"):
        import_export(client, definition.name, tmp_path)
    (tmp_path / one.name).unlink()
    with pytest.raises(BackupError, match="No such file"):
        import_export(client, definition.name, tmp_path)
    with pytest.raises(BackupError, match="is no whole export"):
        import_export(client, definition.name, tmp_path / "elsewhere")
    assert list(read_archive(client, definition.name)) == []


@pytest.mark.embedded
def test_the_server_s_own_backup_brings_everything_back(client: Client) -> None:
    definition = migrated(client, "hip")
    log = AcceptedLog(definition)
    log.add("death")
    insert(client, definition, log.batch())
    database = sql.identifier(sql.database_of(definition.name))
    backup(client, definition.name, f"File('{definition.name}')")
    client.command(f"DROP DATABASE {database} SYNC")
    restore_backup(client, definition.name, f"File('{definition.name}')")
    assert client.rows(f"SELECT count() FROM {database}.death") == [(1,)]
    more = AcceptedLog(definition, next_offset=1)
    more.add("death", 2)
    insert(client, definition, more.batch())  # the ways in are there again as well
    assert [one.offset for one in read_archive(client, definition.name)] == [0, 1]
    with pytest.raises(BackupError, match="export the archive to files instead"):
        backup(client, definition.name, "Disk('nowhere', 'x')")


@pytest.mark.embedded
def test_status_adds_up_and_finds_gaps_and_overlaps(client: Client) -> None:
    definition = migrated(client, "hip")
    assert partition_status(client, definition.name) == []
    log = AcceptedLog(definition)
    for number in range(4):
        log.add("death", number)
    told = [
        receipt(definition, 0, 2, accepted=2, refusals=[(2, [("", "is wrong")])]),
        receipt(definition, 3, 4, accepted=2),
        receipt(definition, 0, 0, accepted=0, refusals=[(0, [])], epoch=1),
        receipt(definition, 0, 0, accepted=1, partition=2),
    ]
    insert(client, definition, log.batch(), receipts=told)
    insert(client, definition, log.batch(), receipts=told)
    latest = datetime.fromtimestamp((SUBMITTED_AT + 3) / 1000, UTC)
    first, second = partition_status(client, definition.name)
    assert first == PartitionStatus(0, 4, 6, 4, 2, 0, 0, latest.replace(tzinfo=first.last_submitted_at.tzinfo))  # type: ignore[union-attr]
    assert first.conserved
    assert second == PartitionStatus(2, 0, 1, 1, 0, 0, 0, None)
    assert not second.conserved  # accepted, and not in the archive yet
    insert(
        client,
        definition,
        receipts=[receipt(definition, 9, 9, accepted=1), receipt(definition, 4, 5, accepted=2)],
    )
    first = partition_status(client, definition.name)[0]
    assert (first.gaps, first.overlaps, first.conserved) == (1, 1, False)
