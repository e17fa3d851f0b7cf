"""The sink's pure parts: SQL literals, widening, halving, joined ranges, restored batches, sorted errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError as DriverError
from clickhouse_connect.driver.exceptions import OperationalError, ProgrammingError

from schemas import topics
from schemas.codec import decode_event
from schemas.version import OffsetRange
from sinks.clickhouse import sql
from sinks.clickhouse.archive import Archived, _joined
from sinks.clickhouse.backup import BackupError, backup
from sinks.clickhouse.buffer import Buffer, Read
from sinks.clickhouse.client import connect
from sinks.clickhouse.dead_letters import TooManyRefusedError, insert_finding_refused
from sinks.clickhouse.errors import (
    DatabaseUnavailableError,
    RowsRefusedError,
    StatementError,
    sort_insert_error,
    sort_statement_error,
)
from sinks.clickhouse.migrations.columns import widening
from sinks.clickhouse.migrations.numbered import Migration, _statements, read_migrations
from sinks.clickhouse.migrations.step import MigrationError
from sinks.clickhouse.restore import MAX_BYTES, MAX_REGISTRATIONS, batches
from tests.clickhouse_support import AcceptedLog
from tests.support import bundled

if TYPE_CHECKING:
    from pathlib import Path

    from sinks.clickhouse.buffer import TableRows


def deaths(count: int) -> TableRows:
    definition = bundled("hip")
    log = AcceptedLog(definition)
    for number in range(count):
        log.add("death", number)
    buffer = Buffer({definition.name: definition})
    buffer.take(Read(topics.accepted(definition.name), 0, 5, None, log.batch()))
    return next(rows for rows in buffer.tables if rows.layout.name == "death_rows")


@pytest.mark.parametrize("bad", [set(), {0}, {9}, {3, 4}, {0, 5, 9}, set(range(10))])
def test_halving_finds_exactly_the_refused_rows_and_inserts_all_others_once(bad: set[int]) -> None:
    rows = deaths(10)
    inserted: list[int] = []

    def insert(container: bytes) -> None:
        inside = [place for place, block in enumerate(rows.blocks) if block in container]
        if bad & set(inside):
            raise RowsRefusedError("code 117")
        inserted.extend(inside)

    refused = insert_finding_refused(rows, insert, most=10)
    assert sorted(inserted) == [place for place in range(10) if place not in bad]
    found = {decode_event("accepted_batch", one.value or b"")["first_offset"] for one in refused}
    assert found == bad


def test_so_many_refusals_that_it_cannot_be_the_rows_give_nothing_up() -> None:
    def insert(_: bytes) -> None:
        raise RowsRefusedError("code 1001")

    with pytest.raises(TooManyRefusedError, match=r"more than 3 rows of .*death_rows.* at once"):
        insert_finding_refused(deaths(10), insert, most=3)


def test_an_unavailable_database_is_no_refusal() -> None:
    def insert(_: bytes) -> None:
        raise DatabaseUnavailableError("down")

    with pytest.raises(DatabaseUnavailableError):
        insert_finding_refused(deaths(2), insert, most=3)


@pytest.mark.parametrize(
    ("old", "new", "fits"),
    [
        ("Int32", "Int64", True),
        ("Int32", "Float64", True),
        ("Float32", "Float64", True),
        ("Int64", "Int32", False),
        ("Int64", "Float64", False),  # rounds above 2**53
        ("Int32", "Float32", False),  # rounds above 2**24
        ("String", "LowCardinality(String)", True),
        ("LowCardinality(String)", "String", True),
        ("String", "LowCardinality(Nullable(String))", True),
        ("LowCardinality(Nullable(String))", "String", False),
        ("Int32", "Nullable(Int64)", True),
        ("Nullable(Int32)", "Int32", False),
        ("Array(String)", "Array(LowCardinality(String))", True),
        ("Array(Int32)", "Array(Int64)", True),
        ("Array(String)", "String", False),
        ("String", "Array(String)", False),
        ("Date32", "Int32", False),
        ("DateTime64(3, 'UTC')", "Nullable(DateTime64(3, 'UTC'))", True),
        ("DateTime64(3, 'UTC')", "Date32", False),
    ],
)
def test_widening(old: str, new: str, *, fits: bool) -> None:
    assert widening(old, new) is fits


def test_literals_cannot_be_left() -> None:
    assert sql.text("a'b\\c\n") == r"'a\'b\\c\n'"
    assert sql.identifier("a`b") == r"`a\`b`"


def test_ranges_are_joined_within_a_partition_and_an_epoch_only() -> None:
    ranges = [
        OffsetRange(0, 0, 10, 19),
        OffsetRange(0, 0, 0, 9),
        OffsetRange(0, 0, 15, 25),
        OffsetRange(0, 0, 27, 30),
        OffsetRange(0, 1, 26, 26),
        OffsetRange(1, 0, 26, 26),
    ]
    assert _joined(ranges) == [
        OffsetRange(0, 0, 0, 25),
        OffsetRange(0, 0, 27, 30),
        OffsetRange(0, 1, 26, 26),
        OffsetRange(1, 0, 26, 26),
    ]


def archived(offset: int, partition: int = 0, epoch: int = 0, size: int = 10) -> Archived:
    return Archived(partition, epoch, offset, 5, "death", 7, "k1-a", f"r{offset}", b"x" * size)


def test_restored_batches_are_as_large_as_intake_s_and_never_mix_partitions_or_epochs() -> None:
    many = [archived(offset) for offset in range(MAX_REGISTRATIONS + 1)]
    large = [archived(5_000 + place, epoch=1, size=MAX_BYTES // 2) for place in range(3)]
    elsewhere = [archived(9_000, partition=1, epoch=1)]
    made = list(batches("hip", [*many, *large, *elsewhere]))
    assert [(partition, count) for partition, count, _ in made] == [(0, 1_000), (0, 1), (0, 2), (0, 1), (1, 1)]
    second = decode_event("accepted_batch", made[1][2])
    assert (second["epoch"], second["first_offset"], second["last_offset"]) == (0, 1_000, 1_000)
    assert second["registrations"] == [
        {
            "offset": 1_000, "submitted_at": 5, "form": "death", "schema_id": 7, "patient": "k1-a",
            "registration_id": "r1000", "payload": b"x" * 10,
        }
    ]  # fmt: skip
    assert list(batches("hip", [])) == []


def test_errors_are_sorted_by_what_there_is_to_do() -> None:
    assert isinstance(sort_insert_error(OperationalError("refused"), "t"), DatabaseUnavailableError)
    assert isinstance(
        sort_insert_error(DriverError("x", code=252, name="TOO_MANY_PARTS"), "t"), DatabaseUnavailableError
    )
    assert isinstance(sort_insert_error(DriverError("x", code=60, name="UNKNOWN_TABLE"), "t"), StatementError)
    assert isinstance(sort_insert_error(DriverError("x", code=117, name="INCORRECT_DATA"), "t"), RowsRefusedError)
    assert isinstance(sort_statement_error(DriverError("x", code=62, name="SYNTAX_ERROR")), StatementError)
    assert isinstance(sort_statement_error(DriverError("a proxy's page")), DatabaseUnavailableError)
    assert isinstance(sort_statement_error(ProgrammingError("our own mistake")), StatementError)


def test_an_insert_s_error_never_quotes_the_row() -> None:
    secret = DriverError("Cannot parse 'patient k1-secret'", code=27, name="CANNOT_PARSE_INPUT")
    message = str(sort_insert_error(secret, "hip.death_rows"))
    assert message == "ClickHouse refuses rows of hip.death_rows: CANNOT_PARSE_INPUT (code 27)"


@pytest.mark.parametrize("url", ["localhost:8123", "ftp://localhost", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(StatementError, match="is no address of ClickHouse"):
        connect(url)


def test_nobody_there_is_unavailable_when_the_patience_is_over() -> None:
    with pytest.raises(DatabaseUnavailableError):
        connect("http://127.0.0.1:9", patience_s=0.0)


def test_a_backup_s_place_is_in_clickhouse_s_words() -> None:
    with pytest.raises(BackupError, match="is no place for a backup"):
        backup(None, "hip", "/var/backups")  # type: ignore[arg-type]  # refused before anybody is asked


def test_a_migration_file_s_statements() -> None:
    text = "-- why; because\nCREATE TABLE $database.a\n(x String COMMENT 'a; b');\n\n-- and\nDROP TABLE $database.b;\n"
    assert _statements(text, "db") == ("CREATE TABLE `db`.a\n(x String COMMENT 'a; b')", "DROP TABLE `db`.b")


def test_migrations_are_numbered_without_holes_and_have_a_way_back(tmp_path: Path) -> None:
    (tmp_path / "0001_first.up.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=r"0001_first\.up\.sql has no 0001_first\.down\.sql"):
        read_migrations(tmp_path)
    (tmp_path / "0001_first.down.sql").write_text("SELECT 2;")
    assert read_migrations(tmp_path) == (Migration(1, "first", "SELECT 1;", "SELECT 2;"),)
    (tmp_path / "0003_third.up.sql").write_text("SELECT 1;")
    (tmp_path / "0003_third.down.sql").write_text("SELECT 2;")
    with pytest.raises(MigrationError, match=r"numbers are \[1, 3\]"):
        read_migrations(tmp_path)
