"""The ClickHouse engine in this process (chdb) on one folder: connections, statements, inserts, errors.

The engine runs queries of several connections in parallel and a connection costs a quarter of a millisecond, so each
request gets its own: settings and the current database live and die with it, and nobody waits for another's lock.
"""

import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from chdb.state.sqlitelike import Connection

from deploy.embedded.statement import STREAMED_FORMATS, DataInsert, Wanted, find_output, first_words

BAD_REQUEST_CODES = {6, 26, 27, 36, 38, 41, 53, 62, 69, 70, 72, 130, 131, 456, 457}
NOT_FOUND_CODES = {16, 46, 47, 50, 56, 60, 73, 81, 115}
SYNTAX_ERROR = 62
NOT_IMPLEMENTED = 48
UNKNOWN_EXCEPTION = 1002
PIECE_BYTES = 1 << 20
_CODE = re.compile(r"(?:std::exception\. )?Code: (\d+)[.,]")
_ADDS_TO_ROWS = re.compile(rb"\b(?:totals|extremes)\b", re.IGNORECASE)  # what the engine leaves out of a stream
_NEEDS_SESSION = {("SET", ""), ("USE", ""), ("CREATE", "TEMPORARY")}


class ClickHouseError(Exception):
    """The engine refused or failed: ClickHouse's code and its own message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status that a ClickHouse server gives for this code."""
        if self.code in BAD_REQUEST_CODES:
            return HTTPStatus.BAD_REQUEST
        if self.code in NOT_FOUND_CODES:
            return HTTPStatus.NOT_FOUND
        return HTTPStatus.NOT_IMPLEMENTED if self.code == NOT_IMPLEMENTED else HTTPStatus.INTERNAL_SERVER_ERROR


@contextmanager
def _clickhouse_errors() -> Iterator[None]:
    """Turn the engine's exceptions into `ClickHouseError`, without what chdb puts before the message."""
    try:
        yield
    except RuntimeError as error:
        found = _CODE.search(str(error))
        if found is None:
            raise ClickHouseError(UNKNOWN_EXCEPTION, f"Code: {UNKNOWN_EXCEPTION}. DB::Exception: {error}") from error
        raise ClickHouseError(int(found[1]), str(error)[found.start() :]) from error


@dataclass
class Progress:
    """What a statement has read, written and given out, as ``X-ClickHouse-Summary`` tells it."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0

    def add(self, result: Any) -> None:  # noqa: ANN401  chdb's result types have no common base
        """Add one of the engine's results or chunks."""
        self.read_rows += result.storage_rows_read()
        self.read_bytes += result.storage_bytes_read()
        self.written_rows += result.rows_written()
        self.written_bytes += result.bytes_written()
        self.result_rows += result.rows_read()
        self.result_bytes += result.bytes_read()


@dataclass
class Output:
    """A statement's output: its format (None where a statement gives none) and its bytes, piece by piece."""

    format: str | None
    pieces: Iterator[bytes]


class Engine:
    """The engine, open on a folder until it is closed. One per process.

    Args:
        folder: Where its data is; made if needed.
        backups: Where BACKUP … TO File('name') and Disk('backups', 'name') put what they write.
        spool: Where results that cannot be made piece by piece are put for a while.
        memory_bytes: What all queries, inserts and merges together may take before they are refused.
    """

    def __init__(self, folder: Path, backups: Path, spool: Path, memory_bytes: int) -> None:
        self._path = str(folder)
        self._spool = spool
        for path in (self._path, str(backups)):
            if "?" in path or "&" in path:
                raise ValueError(f"the engine's options are part of its path, so {path} may contain neither ? nor &")
        folder.mkdir(parents=True, exist_ok=True)
        backups.mkdir(parents=True, exist_ok=True)
        options = {
            "max_server_memory_usage": memory_bytes,
            "mark_cache_size": 64 << 20,
            "primary_index_cache_size": 64 << 20,
            "background_pool_size": 2,
            "background_schedule_pool_size": 4,
            "backups.allowed_path": backups,
            "backups.allowed_disk": "backups",
            "storage_configuration.disks.backups.type": "local",
            "storage_configuration.disks.backups.path": f"{backups}/",
        }
        # The engine lives as long as any connection does: this one holds it open.
        self._anchor = Connection(f"{self._path}?" + "&".join(f"{name}={value}" for name, value in options.items()))
        version, self.timezone = self._anchor.query("SELECT version(), timezone()", "TSV").bytes().decode().split()
        self.version = str(version)

    @contextmanager
    def session(self, database: str, settings: Mapping[str, str]) -> Iterator["Session"]:
        """A connection with its own settings and current database, for one statement.

        Raises:
            ClickHouseError: A setting or the database is unknown.
        """
        # Off, as on a server: with it the engine takes any word for an expression, and errors explain another language.
        connection = Connection(f"{self._path}?implicit_select=0")
        try:
            with _clickhouse_errors():
                if settings:
                    connection.query(
                        "SET " + ", ".join(f"{_name(key)} = {_text(value)}" for key, value in settings.items())
                    )
                if database:
                    connection.query("USE {database:Identifier}", params={"database": database})
            yield Session(connection, self._spool, extremes="extremes" in settings)
        finally:
            connection.close()

    def close(self) -> None:
        """Shut the engine down."""
        self._anchor.close()


class Session:
    """One connection of the engine, for one statement; `progress` tells what it did.

    Args:
        connection: The connection; nobody else uses it.
        spool: Where to put a result that cannot be made piece by piece.
        extremes: Whether a setting adds extremes to the rows.
    """

    def __init__(self, connection: Connection, spool: Path, *, extremes: bool) -> None:
        self._connection = connection
        self._spool = spool
        self._extremes = extremes
        self._begun = time.monotonic_ns()
        self.progress = Progress()

    @property
    def elapsed_ns(self) -> int:
        """Nanoseconds since the session began."""
        return time.monotonic_ns() - self._begun

    def insert(self, insert: DataInsert, pieces: Iterable[bytes]) -> None:
        """Insert rows in the bytes of a format, in constant memory. Nothing is acknowledged before all of it is in.

        Raises:
            ClickHouseError: The table, a column, the format or the data is wrong.
        """
        with _clickhouse_errors(), self._connection.send_insert(insert.statement, insert.format) as writer:
            for piece in pieces:
                if piece:
                    writer.append(piece)
            done = writer.finish()
        self.progress.written_rows, self.progress.written_bytes = done.rows_written, done.bytes_written

    def run(self, text: bytes, params: Mapping[str, str], default_format: str) -> Output:
        """Run one statement in text.

        A SELECT in a format that can be cut into pieces comes as the engine makes it, so its errors may come in the
        middle of the pieces; in another format the engine writes it to a file first, so that a large one does not
        fill the memory. Everything else is small, and done when this returns.

        Raises:
            ClickHouseError: ClickHouse's own error, several statements at once, or one that needs a session.
        """
        with _clickhouse_errors():
            report = self._connection._conn.classify_query(text, "")  # noqa: SLF001  the wrapper does not offer it
        first, second = first_words(text)
        if report["statement_count"] > 1:
            raise ClickHouseError(
                SYNTAX_ERROR, "Code: 62. DB::Exception: Multi-statements are not allowed. (SYNTAX_ERROR)"
            )
        if _NEEDS_SESSION & {(first, ""), (first, second)}:
            raise ClickHouseError(
                NOT_IMPLEMENTED,
                "Code: 48. DB::Exception: The embedded database keeps no sessions: give settings and the database "
                "with each request, and use no temporary tables. (NOT_IMPLEMENTED)",
            )
        reads = report["query_class"].name == "READ_ONLY"
        wanted = find_output(text, default_format)
        if reads and first in {"SELECT", "WITH", ""}:
            adds_to_rows = self._extremes or _ADDS_TO_ROWS.search(text)
            make = self._stream if wanted.format in STREAMED_FORMATS and not adds_to_rows else self._write
            return Output(wanted.format, make(text, wanted, params))
        with _clickhouse_errors():
            result = self._connection.query(_sql(text), default_format, params=dict(params))
        self.progress.add(result)
        body = result.bytes()
        return Output(wanted.format if reads or body else None, iter((body,)))

    def _stream(self, text: bytes, wanted: Wanted, params: Mapping[str, str]) -> Iterator[bytes]:
        with (
            _clickhouse_errors(),
            self._connection.send_query(_sql(text), wanted.format, params=dict(params)) as chunks,
        ):
            for chunk in chunks:
                self.progress.add(chunk)
                yield chunk.bytes()

    def _write(self, text: bytes, wanted: Wanted, params: Mapping[str, str]) -> Iterator[bytes]:
        path = self._spool / uuid.uuid4().hex
        into = f"\nINTO OUTFILE {_text(str(path))} ".encode()
        tail = text[wanted.start :].strip(b"; \t\r\n") or f"FORMAT {wanted.format}".encode()
        try:
            with _clickhouse_errors():
                self.progress.add(self._connection.query(_sql(text[: wanted.start] + into + tail), params=dict(params)))
            with path.open("rb") as written:
                yield from iter(partial(written.read, PIECE_BYTES), b"")
        finally:
            path.unlink(missing_ok=True)


def _name(setting: str) -> str:
    if not re.fullmatch(r"\w+", setting):
        raise ClickHouseError(115, f"Code: 115. DB::Exception: Unknown setting '{setting}'. (UNKNOWN_SETTING)")
    return setting


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _sql(text: bytes) -> str:
    return cast("str", text)  # the engine takes bytes as well, and a bound value need not be valid UTF-8
