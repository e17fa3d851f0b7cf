"""The embedded database through clickhouse-connect, as the loader, the portal and the commands use it."""

import asyncio
import contextlib
import datetime as dt
import gzip
import http.client
import importlib
import io
import itertools
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import clickhouse_connect
import fastavro
import pytest
from backports import zstd
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError, StreamFailureError

from deploy.embedded.database import EmbeddedDatabase
from deploy.embedded.process import ProcessFailedError

if TYPE_CHECKING:
    from urllib3 import HTTPResponse

pytestmark = pytest.mark.embedded

lz4_compress: Callable[[bytes], bytes] = importlib.import_module("lz4.frame").compress
_names = itertools.count()

COLUMNS = {
    "version": "UInt64",
    "patient": "String",
    "unit": "LowCardinality(String)",
    "occurred_on": "Date32",
    "age": "Nullable(Int32)",
    "bmi": "Nullable(Float64)",
    "retracted": "Bool",
}
AVRO = fastavro.parse_schema(
    {
        "type": "record",
        "name": "registration",
        "fields": [
            {"name": "version", "type": "long"},
            {"name": "patient", "type": "string"},
            {"name": "unit", "type": "string"},
            {"name": "occurred_on", "type": {"type": "int", "logicalType": "date"}},
            {"name": "age", "type": ["null", "int"]},
            {"name": "bmi", "type": ["null", "double"]},
            {"name": "retracted", "type": "boolean"},
        ],
    }
)
ROWS: list[tuple[Any, ...]] = [
    (1, "k1-å'\\\n\t", "unit 1", dt.date(1949, 2, 28), 70, 27.5, False),
    (2, "k2", "unit 2", dt.date(2001, 12, 31), None, None, True),
    (3, "k3", "unit 1", dt.date(1899, 12, 31) + dt.timedelta(1), 0, -0.5, False),
]


def connect(server: EmbeddedDatabase, **options: Any) -> Client:
    return clickhouse_connect.get_client(host=server.host, port=server.port, autogenerate_session_id=False, **options)


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    made = connect(embedded_database)
    made.command("CREATE DATABASE IF NOT EXISTS contract")
    yield made
    made.close()


@pytest.fixture
def table(client: Client) -> str:
    return make_table(client)


def make_table(client: Client, order_by: str = "patient") -> str:
    name = f"contract.t{next(_names)}"
    columns = ", ".join(f"`{column}` {kind}" for column, kind in COLUMNS.items())
    client.command(f"CREATE TABLE {name} ({columns}) ENGINE = ReplacingMergeTree(version) ORDER BY {order_by}")
    return name


def container(rows: list[tuple[Any, ...]], codec: str = "null") -> bytes:
    written = io.BytesIO()
    fastavro.writer(written, AVRO, [dict(zip(COLUMNS, row, strict=True)) for row in rows], codec=codec)
    return written.getvalue()


def many(first: int, count: int) -> list[tuple[Any, ...]]:
    day = dt.date(2001, 1, 1)
    return [(n, f"patient {n}", f"unit {n % 80}", day, n % 90, n / 7, False) for n in range(first, first + count)]


def first_row(client: Client, query: str) -> tuple[Any, ...]:
    return tuple(client.query(query).result_rows[0])


def content(client: Client, table: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in client.query(f"SELECT * FROM {table} FINAL ORDER BY version").result_rows]


def request(database: EmbeddedDatabase, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(database.host, database.port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()


# --- what comes in


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_columns_go_in_and_come_out_the_same(
    embedded_database: EmbeddedDatabase, client: Client, compress: Any
) -> None:
    table = make_table(client)
    packed = connect(embedded_database, compress=compress)
    columns = [list(column) for column in zip(*ROWS, strict=True)]
    summary = packed.insert(table, columns, column_names=list(COLUMNS), column_oriented=True)
    assert summary.written_rows == 3
    result = packed.query(f"SELECT * FROM {table} ORDER BY version")
    assert [tuple(row) for row in result.result_rows] == ROWS
    assert result.column_names == tuple(COLUMNS)


def test_an_insert_of_many_blocks_is_whole(client: Client, table: str) -> None:
    rows = many(0, 200_000)  # clickhouse-connect cuts this into frames of 1 to 2 MB, sent as chunks
    assert client.insert(table, rows, column_names=list(COLUMNS)).written_rows == 200_000
    found = first_row(client, f"SELECT count(), uniqExact(patient), sum(version), round(sum(bmi)) FROM {table}")
    assert found == (200_000, 200_000, 199_999 * 100_000, round(199_999 * 100_000 / 7))


@pytest.mark.parametrize("codec", ["null", "deflate", "zstandard"])
def test_avro_containers_go_in(client: Client, table: str, codec: str) -> None:
    summary = client.raw_insert(table, list(COLUMNS), container(ROWS, codec), fmt="Avro")
    assert summary.written_rows == 3
    assert content(client, table) == ROWS


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip"])
def test_compressed_avro_goes_in(client: Client, table: str, encoding: str) -> None:
    compress = {"lz4": lz4_compress, "zstd": zstd.compress, "gzip": gzip.compress}[encoding]
    client.raw_insert(table, list(COLUMNS), compress(container(ROWS)), fmt="Avro", compression=encoding)
    assert content(client, table) == ROWS


def test_a_large_avro_container_goes_in_chunk_by_chunk(client: Client, table: str) -> None:
    block = container(many(0, 100_000))
    pieces = (block[at : at + 10_007] for at in range(0, len(block), 10_007))
    assert client.raw_insert(table, list(COLUMNS), pieces, fmt="Avro").written_rows == 100_000
    assert content(client, table) == many(0, 100_000)


def test_avro_fields_find_their_columns_by_name(client: Client, table: str) -> None:
    some = ["bmi", "patient", "version"]  # another order, and fields that are not asked for
    client.raw_insert(table, some, container(ROWS), fmt="Avro")
    found = client.query(f"SELECT version, patient, bmi, unit FROM {table} ORDER BY version").result_rows
    assert [tuple(row) for row in found] == [(row[0], row[1], row[5], "") for row in ROWS]


def test_damaged_avro_is_refused_and_leaves_nothing(client: Client, table: str) -> None:
    block = container(many(0, 50_000))
    for damaged in (block[:-1000], block[:100], b"Obj\x01 and nothing more"):
        with pytest.raises(DatabaseError, match="avro"):
            client.raw_insert(table, list(COLUMNS), damaged, fmt="Avro")
    assert content(client, table) == []


def test_avro_bytes_may_look_like_sql(client: Client, table: str) -> None:
    rows = [(1, "x\n FORMAT CSV\nINSERT INTO t SELECT ';", "--", dt.date(2001, 1, 1), None, None, False)]
    client.raw_insert(table, list(COLUMNS), container(rows), fmt="Avro")
    assert content(client, table) == rows


@pytest.mark.parametrize(
    ("fmt", "block"),
    [
        ("CSV", b'1,"a\nb"\n2,c\n'),
        ("TabSeparated", b"1\ta\\nb\n2\tc\n"),
        ("JSONEachRow", b'{"version": 1, "patient": "a\\nb"}\n{"version": 2, "patient": "c"}\n'),
        ("RowBinary", b"\x01\0\0\0\0\0\0\0\x03a\nb\x02\0\0\0\0\0\0\0\x01c"),
        ("Values", b"(1, 'a\\nb'), (2, 'c')"),
    ],
)
def test_rows_go_in_by_any_format(client: Client, table: str, fmt: str, block: bytes) -> None:
    assert client.raw_insert(table, ["version", "patient"], block, fmt=fmt).written_rows == 2
    assert [row[:2] for row in content(client, table)] == [(1, "a\nb"), (2, "c")]


def test_rows_go_in_by_statement(client: Client, table: str) -> None:
    some = f"INSERT INTO {table} (version, patient)"
    assert client.command(f"{some} VALUES (1, 'a'), (2, 'FORMAT CSV')").written_rows == 2  # type: ignore[union-attr]
    assert client.command(f"{some} SELECT version + 10, patient || '!' FROM {table}").written_rows == 2  # type: ignore[union-attr]
    client.command(f"{some} FORMAT CSV", data="3,c\n")
    client.command(f"{some} VALUES ({{v:UInt64}}, {{p:String}})", parameters={"v": 4, "p": "it's"})
    assert [row[:2] for row in content(client, table)] == [
        (1, "a"), (2, "FORMAT CSV"), (3, "c"), (4, "it's"), (11, "a!"), (12, "FORMAT CSV!"),
    ]  # fmt: skip


def test_an_insert_that_fails_midway_leaves_nothing(client: Client, table: str) -> None:
    block = b"1,a\n" * 1000 + b"not a number,b\n"
    with pytest.raises(DatabaseError, match="not a number") as caught:
        client.raw_insert(table, ["version", "patient"], block, fmt="CSV")
    assert caught.value.code == 27
    assert content(client, table) == []


@pytest.mark.parametrize("rows", [1_000_000, 10_000_000])
def test_a_large_insert_that_is_refused_at_once_hears_why(client: Client, rows: int) -> None:
    with pytest.raises(DatabaseError, match="nowhere") as caught:
        client.raw_insert("contract.nowhere", ["a"], b"1\n" * rows, fmt="CSV")
    assert caught.value.code == 60
    assert client.command("SELECT 1") == 1


def test_a_client_that_hangs_up_within_an_insert_leaves_nothing(
    embedded_database: EmbeddedDatabase, client: Client, table: str
) -> None:
    with socket.create_connection((embedded_database.host, embedded_database.port)) as connection:
        head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10000000\r\n\r\nINSERT INTO {table} FORMAT CSV\n"
        connection.sendall(head.encode() + b"1,a,u,2001-01-01,1,1,true\n" * 10_000)
    assert client.ping()
    assert content(client, table) == []


def test_the_highest_version_of_a_row_is_the_one_read(client: Client, table: str) -> None:
    for version, age in ((2, 20), (3, 30), (1, 10)):
        row = (version, "k1", "u", dt.date(2001, 1, 1), age, None, False)
        client.raw_insert(table, list(COLUMNS), container([row]), fmt="Avro")
    assert [(row[0], row[4]) for row in content(client, table)] == [(3, 30)]


# --- what comes out


def test_parameters_reach_the_query_as_they_are(embedded_database: EmbeddedDatabase, client: Client) -> None:
    given = {"text": "it's\n\t\\ å {x:Int8}", "day": dt.date(1999, 3, 1), "ids": [1, 2], "none": None}
    query = "SELECT {text:String}, {day:Date32}, {ids:Array(UInt8)}, {none:Nullable(Int32)}"
    expected = [(given["text"], given["day"], given["ids"], None)]
    assert client.query(query, parameters=given).result_rows == expected
    form = connect(embedded_database, form_encode_query_params=True)
    assert form.query(query, parameters=given).result_rows == expected


def test_a_query_counts_what_it_read(client: Client, table: str) -> None:
    client.insert(table, many(0, 1000), column_names=list(COLUMNS))
    summary = client.query(f"SELECT unit, count() FROM {table} GROUP BY unit").summary
    assert (summary["read_rows"], summary["result_rows"], summary["written_rows"]) == ("1000", "80", "0")
    assert int(summary["elapsed_ns"]) > 0
    assert len(summary["query_id"]) == 36


def test_the_clients_query_id_is_kept(client: Client) -> None:
    assert client.query("SELECT 1", settings={"query_id": "mine"}).query_id == "mine"


@pytest.mark.parametrize(
    ("statement", "code", "name", "words"),
    [
        ("SELEC 1", 62, "SYNTAX_ERROR", "Maybe you meant: SELECT"),
        ("SELECT * FROM nowhere.at_all", 81, "UNKNOWN_DATABASE", "Database nowhere does not exist"),
        ("SELECT * FROM at_all", 60, "UNKNOWN_TABLE", "at_all"),
        ("SELECT nothing", 47, "UNKNOWN_IDENTIFIER", "nothing"),
        ("SELECT throwIf(number = 3, 'three!') FROM numbers(9)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO", "three!"),
        ("INSERT INTO at_all FORMAT CSV\n1", 60, "UNKNOWN_TABLE", "at_all"),
        ("SELECT 1; SELECT 2", 62, "SYNTAX_ERROR", "Multi-statements are not allowed"),
        ("SET max_threads = 1", 48, "NOT_IMPLEMENTED", "keeps no sessions"),
        ("CREATE TEMPORARY TABLE t (a Int8)", 48, "NOT_IMPLEMENTED", "keeps no sessions"),
    ],
)
def test_errors_are_clickhouses_own(client: Client, statement: str, code: int, name: str, words: str) -> None:
    with pytest.raises(DatabaseError, match=words) as caught:
        client.command(statement)
    assert (caught.value.code, caught.value.name) == (code, name)
    assert client.command("SELECT 1") == 1


@pytest.mark.parametrize(
    ("query", "status"), [("SELEC 1", 400), ("SELECT * FROM at_all", 404), ("SELECT throwIf(1)", 500), ("USE x", 501)]
)
def test_errors_have_clickhouses_status(embedded_database: EmbeddedDatabase, query: str, status: int) -> None:
    assert request(embedded_database, "POST", "/", query.encode())[0] == status


def test_settings_hold_for_their_query_only(client: Client) -> None:
    read = "SELECT getSetting('max_threads'), getSetting('date_time_input_format')"
    assert client.command(read, settings={"max_threads": 1, "date_time_input_format": "basic"}) == ["1", "basic"]
    assert client.command(read) != ["1", "basic"]
    with pytest.raises(DatabaseError, match="no_such_setting") as caught:
        client.command("SELECT 1", settings={"no_such_setting": 1})
    assert caught.value.code == 115


def test_the_database_is_chosen_by_request(embedded_database: EmbeddedDatabase, client: Client, table: str) -> None:
    there = connect(embedded_database, database="contract")
    assert there.command(f"EXISTS TABLE {table.removeprefix('contract.')}") == 1
    assert client.command(f"EXISTS TABLE {table.removeprefix('contract.')}") == 0


def test_times_are_told_in_the_zone_that_is_asked_for(client: Client) -> None:
    assert client.command("SELECT timezone()") == "UTC"
    query = "SELECT toDateTime('2001-07-01 12:00:00') AS noon"
    noon = client.query(query, settings={"session_timezone": "Europe/Stockholm"}).result_rows[0][0]
    assert noon.isoformat() == "2001-07-01T12:00:00+02:00"


def test_a_parameter_that_would_be_ignored_is_refused(embedded_database: EmbeddedDatabase) -> None:
    status, message = request(embedded_database, "POST", "/?role=reader", b"SELECT 1")
    assert (status, b"role" in message) == (400, True)


def test_an_empty_result_is_empty(client: Client, table: str) -> None:
    assert client.query(f"SELECT * FROM {table}").result_rows == []
    assert client.query(f"SELECT * FROM {table} LIMIT 0").column_names == tuple(COLUMNS)
    assert client.command(f"SELECT patient FROM {table}") == ""


def test_statements_that_are_not_selects_give_their_rows(client: Client, table: str) -> None:
    assert [row[0] for row in client.query(f"DESCRIBE TABLE {table}").result_rows] == list(COLUMNS)
    assert (table.removeprefix("contract."),) in client.query("SHOW TABLES FROM contract").result_rows
    assert "ReplacingMergeTree" in str(client.command(f"SHOW CREATE TABLE {table}"))


@pytest.mark.parametrize("fmt", ["JSON", "CSVWithNames", "Parquet", "ArrowStream", "Pretty"])
def test_formats_with_a_head_or_foot_are_whole(client: Client, fmt: str) -> None:
    query = "SELECT number FROM numbers(200000)"
    with cast("HTTPResponse", client.raw_stream(query, fmt=fmt)) as stream:
        streamed = stream.read()
    if fmt == "JSON":
        assert [row["number"] for row in json.loads(streamed)["data"]] == list(range(200_000))
    elif fmt == "CSVWithNames":
        assert streamed.splitlines() == [b'"number"', *(b"%d" % number for number in range(200_000))]
    elif fmt == "Parquet":
        assert streamed[:4] == streamed[-4:] == b"PAR1"
    else:
        assert streamed == client.raw_query(query, fmt=fmt)


def test_no_result_is_left_behind(embedded_database: EmbeddedDatabase, client: Client) -> None:
    client.raw_query("SELECT 1", fmt="JSON")
    with pytest.raises(DatabaseError):
        client.raw_query("SELECT throwIf(1)", fmt="JSON")
    assert list((embedded_database.folder / "spool").iterdir()) == []


def test_totals_are_part_of_the_answer(client: Client) -> None:
    query = "SELECT number % 2 AS odd, count() FROM numbers(5) GROUP BY odd WITH TOTALS ORDER BY odd"
    assert client.raw_query(query) == b"0\t3\n1\t2\n\n0\t5\n"


def test_a_large_result_streams(client: Client) -> None:
    rows = 0
    with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(1000000)") as stream:
        for block in stream:
            assert block[0][1] == str(block[0][0])
            rows += len(block)
    assert rows == 1_000_000


def test_a_large_result_that_must_be_whole_is(client: Client) -> None:
    summary = client.query("SELECT number, repeat('x', 100) FROM numbers(400000)")  # 43 MB: more than is kept in memory
    assert summary.row_count == 400_000


def test_an_error_in_the_middle_of_a_stream_is_an_error(client: Client) -> None:
    query = "SELECT throwIf(number = 2900000, 'too far'), toString(number) FROM numbers(3000000)"
    with (
        pytest.raises(StreamFailureError, match="too far") as caught,
        client.query_row_block_stream(query) as stream,
    ):
        for _ in stream:
            pass
    assert caught.value.code == 395
    assert client.command("SELECT 1") == 1


def test_the_same_error_is_told_by_status_where_the_result_is_waited_for(client: Client) -> None:
    with pytest.raises(DatabaseError, match="too far") as caught:
        client.query("SELECT throwIf(number = 2900000, 'too far'), toString(number) FROM numbers(3000000)")
    assert not isinstance(caught.value, StreamFailureError)


def test_the_async_client_works_alike(embedded_database: EmbeddedDatabase, table: str) -> None:
    async def use() -> None:
        many_at_once = await clickhouse_connect.get_async_client(
            host=embedded_database.host, port=embedded_database.port, autogenerate_session_id=False
        )
        async with many_at_once as queries:
            inserted = await asyncio.gather(
                queries.insert(table, many(0, 5000), column_names=list(COLUMNS)),
                queries.raw_insert(table, list(COLUMNS), container(many(5000, 5000)), fmt="Avro"),
            )
            assert [summary.written_rows for summary in inserted] == [5000, 5000]
            query = f"SELECT count(), {{text:String}} FROM {table}"
            answers = await asyncio.gather(*(queries.query(query, parameters={"text": f"it's {n}"}) for n in range(8)))
            assert [tuple(answer.result_rows[0]) for answer in answers] == [(10_000, f"it's {n}") for n in range(8)]
            stream = await queries.query_row_block_stream(f"SELECT * FROM {table} ORDER BY version")
            async with stream:
                assert [row[0] async for block in stream for row in block] == list(range(10_000))
            with pytest.raises(DatabaseError, match="UNKNOWN_TABLE") as caught:
                await queries.command("SELECT * FROM at_all")
            assert caught.value.code == 60
            assert await queries.ping()

    asyncio.run(use())


def test_a_get_can_read_but_not_change(embedded_database: EmbeddedDatabase, client: Client, table: str) -> None:
    assert request(embedded_database, "GET", "/ping") == (200, b"Ok.\n")
    assert request(embedded_database, "GET", "/?query=SELECT%201") == (200, b"1\n")
    status, message = request(embedded_database, "GET", f"/?query=TRUNCATE%20TABLE%20{table}")
    assert status >= 400
    assert b"READONLY" in message
    assert client.command(f"EXISTS TABLE {table}") == 1


def test_what_a_web_page_could_send_is_refused(embedded_database: EmbeddedDatabase) -> None:
    assert request(embedded_database, "POST", "/", b"SELECT 1", Origin="https://example.org")[0] == 400
    assert request(embedded_database, "POST", "/", b"SELECT 1", Host="example.org:8123")[0] == 400
    assert request(embedded_database, "POST", "/", b"SELECT 1") == (200, b"1\n")


def test_readers_and_loaders_work_side_by_side(embedded_database: EmbeddedDatabase, client: Client) -> None:
    table, batches, size = make_table(client, "(patient, version)"), 20, 1000
    sums: list[tuple[int, int]] = []
    failures: list[BaseException] = []
    loaded = threading.Event()

    def guarded(work: Callable[[Client], None]) -> threading.Thread:
        def run() -> None:
            try:
                work(connect(embedded_database))
            except BaseException as error:  # noqa: BLE001  whatever it is, it must reach the test
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def load(first: int, own: Client) -> None:
        for number in range(first, first + batches):
            own.raw_insert(table, list(COLUMNS), container(many(number * size, size)), fmt="Avro")

    def read(own: Client) -> None:
        while not loaded.is_set():
            count, distinct = first_row(own, f"SELECT count(), uniqExact(version) FROM {table} FINAL")
            sums.append((count, distinct))

    loaders = [guarded(lambda own, first=first: load(first, own)) for first in (0, batches)]  # type: ignore[misc]
    readers = [guarded(read) for _ in range(2)]
    for thread in loaders:
        thread.join()
    loaded.set()
    for thread in readers:
        thread.join()
    assert failures == []
    assert all(count == distinct and count % size == 0 for count, distinct in sums), "a batch was seen in part"
    assert client.command(f"SELECT count() FROM {table} FINAL") == 2 * batches * size


# --- what lasts


@pytest.mark.parametrize("place", ["File('{name}')", "Disk('backups', '{name}')", "File('{name}.tar.gz')"])
def test_a_backup_brings_back_what_was_lost(client: Client, place: str) -> None:
    name = f"saved{next(_names)}"
    where = place.format(name=name)
    client.command(f"CREATE DATABASE {name}")
    client.command(f"CREATE TABLE {name}.t (a UInt64) ENGINE = ReplacingMergeTree ORDER BY a")
    client.command(f"INSERT INTO {name}.t SELECT number FROM numbers(1000)")
    assert client.command(f"BACKUP DATABASE {name} TO {where}")[1] == "BACKUP_CREATED"  # type: ignore[index]
    client.command(f"DROP DATABASE {name} SYNC")
    assert client.command(f"RESTORE DATABASE {name} FROM {where}")[1] == "RESTORED"  # type: ignore[index]
    assert client.command(f"SELECT sum(a) FROM {name}.t") == 499_500


def test_a_backup_stays_in_its_folder(client: Client) -> None:
    with pytest.raises(DatabaseError, match="not allowed"):
        client.command("BACKUP DATABASE contract TO File('/tmp/elsewhere')")


def test_what_was_acknowledged_survives_kill_9_and_stop(tmp_path: Path) -> None:
    folder, size = tmp_path / "database", 2_000
    acknowledged, attempted = 0, 0
    database = EmbeddedDatabase(folder)
    for ending in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
        database.start()
        loader = connect(database, query_retries=0)
        loader.command("CREATE DATABASE IF NOT EXISTS hip")
        loader.command("CREATE TABLE IF NOT EXISTS hip.t (a UInt64, b String) ENGINE = ReplacingMergeTree ORDER BY a")
        found = loader.command("SELECT count() FROM hip.t FINAL")
        assert isinstance(found, int)
        assert acknowledged <= found <= attempted
        killer = threading.Timer(0.4, os.kill, (database.pid, ending))
        killer.start()
        with contextlib.suppress(OperationalError, DatabaseError):
            while True:
                rows = "".join(f"{n},row {n}\n" for n in range(attempted, attempted + size))
                attempted += size
                loader.raw_insert("hip.t", ["a", "b"], rows.encode(), fmt="CSV")
                acknowledged += size
        killer.join()
        database.stop()
        loader.close_connections()
    assert acknowledged > 0
    with database:
        numbers = {row[0] for row in connect(database).query("SELECT a FROM hip.t FINAL").result_rows}
    assert len(numbers) >= acknowledged
    assert numbers <= set(range(attempted))


def test_a_query_under_way_is_answered_before_the_database_stops(tmp_path: Path) -> None:
    answers: list[object] = []
    with EmbeddedDatabase(tmp_path / "database") as database:
        slow, watcher = connect(database), connect(database)
        query = "SELECT sum(sleepEachRow(0.5)) + 1 FROM numbers(4) SETTINGS max_block_size = 1"
        under_way = threading.Thread(target=lambda: answers.append(slow.command(query)))
        under_way.start()
        while watcher.command("SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow(0.5)%'") != 2:
            assert under_way.is_alive()
    under_way.join()
    assert answers == [1]


def test_a_second_database_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with EmbeddedDatabase(tmp_path / "database") as first:
        with pytest.raises(ProcessFailedError, match=rf"in use .*process {first.pid}, {first.url}"):
            EmbeddedDatabase(tmp_path / "database").start()
        assert connect(first).command("SELECT 1") == 1
    with EmbeddedDatabase(tmp_path / "database") as again:
        assert connect(again).command("SELECT 1") == 1


def test_a_port_that_is_taken_is_named(embedded_database: EmbeddedDatabase, tmp_path: Path) -> None:
    with pytest.raises(ProcessFailedError, match="Address already in use"):
        EmbeddedDatabase(tmp_path / "database", port=embedded_database.port).start()
