"""The one way to ClickHouse: clickhouse-connect over HTTP, with our settings asserted and errors sorted.

The embedded database speaks the same interface, so there is no second way.
"""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

import clickhouse_connect
import structlog
from clickhouse_connect.driver.binding import external_bind_re
from clickhouse_connect.driver.exceptions import ClickHouseError, ProgrammingError
from urllib3.exceptions import HTTPError

from sinks.clickhouse.errors import (
    DatabaseError,
    DatabaseUnavailableError,
    StatementError,
    sort_insert_error,
    sort_statement_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from io import IOBase
    from types import TracebackType
    from typing import Self

    from clickhouse_connect.driver.client import Client as Driver

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

SETTINGS: Mapping[str, str] = {
    # One mechanism makes repeated inserts exact: ReplacingMergeTree read with FINAL. ClickHouse's own
    # deduplication would drop a rewind that repairs something, in silence.
    "insert_deduplicate": "0",
    # An insert is in the table when it is acknowledged, for then the offsets are committed.
    "async_insert": "0",
    # An insert whose unfolding fails has failed.
    "materialized_views_ignore_errors": "0",
    # A condition on `retracted` must be tried on the latest version only.
    "optimize_move_to_prewhere_if_final": "0",
    # Rows are in Avro: a field that an older schema lacks gets the column's default, a null is never
    # turned into one.
    "input_format_avro_allow_missing_fields": "1",
    "input_format_defaults_for_omitted_fields": "1",
    "input_format_null_as_default": "0",
    "input_format_avro_null_as_default": "0",
}
"""What every request is sent with, and what the server must say that it works with."""

SETTINGS_OF_SOME_VERSIONS: Mapping[str, str] = {
    "deduplicate_insert": "disable",
    "deduplicate_insert_select": "disable",
    "deduplicate_blocks_in_dependent_materialized_views": "0",
}
"""The same, where the server knows them at all."""

_LIMIT_GRACE_S = 30  # so that a query which takes too long is ended, and told of, by the server
_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 5.0
_PIECE = 1 << 20


class Client:
    """Statements and inserts, tried again while the database is away; safe to share between threads.

    Args:
        driver: clickhouse-connect's client, its settings asserted.
        patience_s: how long a call tries again while the database is unavailable.
    """

    def __init__(self, driver: Driver, patience_s: float) -> None:
        self._driver = driver
        self._patience_s = patience_s

    def with_patience(self, patience_s: float) -> Client:
        """The same way to the database with another patience; 0 for whoever waits in a manner of their own."""
        return Client(self._driver, patience_s)

    def rows(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        binary: Sequence[str] = (),
    ) -> list[tuple[Any, ...]]:
        """The rows of a query.

        Args:
            sql: the query; ``{name:Type}`` in it stands for a parameter.
            parameters: the values of the parameters.
            binary: columns whose strings are wanted as bytes.

        Raises:
            DatabaseUnavailableError: it stayed away longer than the patience.
            StatementError: it refuses the query.
        """
        formats: dict[str, str | dict[str, str]] = dict.fromkeys(binary, "bytes")
        # Where nothing stands for a parameter, the driver would write them in after Python's own manner, so that a
        # percent sign within a text of the query became something else.
        bound = dict(parameters or {}) if external_bind_re.search(sql) else {}
        result = self._attempt(
            lambda: self._driver.query(sql, parameters=bound, column_formats=formats),
            sort_statement_error,
        )
        return [tuple(row) for row in result.result_rows]

    def command(self, sql: str) -> None:
        """Run a statement that gives no rows; raises as ``rows``."""
        self._attempt(lambda: self._driver.command(sql), sort_statement_error)

    def read_format(self, sql: str, fmt: str) -> Iterator[bytes]:
        """The bytes of a query's answer in one of ClickHouse's formats, as they come.

        Raises:
            DatabaseError: as ``rows``; also in the middle, where the connection breaks.
        """
        stream = cast("IOBase", self._attempt(lambda: self._driver.raw_stream(sql, fmt=fmt), sort_statement_error))
        try:
            while chunk := stream.read(_PIECE):
                yield chunk
        except ClickHouseError as error:
            raise sort_statement_error(error) from error
        except (HTTPError, OSError) as error:
            raise DatabaseUnavailableError("the connection to ClickHouse broke while reading") from error
        finally:
            stream.close()

    def insert(self, table: str, data: bytes | Iterator[bytes], fmt: str) -> None:
        """Insert the bytes of one of ClickHouse's formats; what comes piece by piece is sent once only.

        Raises:
            DatabaseUnavailableError: it stayed away longer than the patience.
            RowsRefusedError: it cannot read or keep them.
            StatementError: no such table, or no right to it.
        """
        _patiently(
            lambda: self._driver.raw_insert(table, insert_block=data, fmt=fmt),  # type: ignore[arg-type]
            self._patience_s if isinstance(data, bytes) else 0.0,
            lambda error: sort_insert_error(error, table),
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _attempt(self, work: Callable[[], Result], sort: Callable[[ClickHouseError], DatabaseError]) -> Result:
        return _patiently(work, self._patience_s, sort)


def connect(
    url: str,
    user: str = "default",
    password: str = "",
    *,
    patience_s: float = 30.0,
    timeout_s: int = 120,
    limit_s: int | None = None,
) -> Client:
    """Connect, and see to it that the server works with our settings.

    Args:
        url: ``http(s)://host:port``.
        user: the account.
        password: its password.
        patience_s: how long to try again while the database is unavailable, now and as every call's
            default.
        timeout_s: how long one answer may take; keep it below the consumers' ``max.poll.interval.ms``.
        limit_s: how long one query may take on the server (``max_execution_time``), and its answer a little longer,
            instead of ``timeout_s``; None leaves the server its own limit. For whoever asks for much and consumes
            nothing.

    Raises:
        DatabaseUnavailableError: nobody answered in time.
        StatementError: the account is refused, or a setting, which the message names, cannot be had.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StatementError(f"{url} is no address of ClickHouse: write http(s)://host:port")
    # They warn of every refused connection with the whole request, a query's parameters (patients) among
    # it; we say so ourselves, and once.
    for name in ("clickhouse_connect", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    driver = _patiently(
        lambda: clickhouse_connect.get_client(
            interface=parts.scheme,
            host=str(parts.hostname),
            port=parts.port or (8443 if parts.scheme == "https" else 8123),
            username=user,
            password=password,
            send_receive_timeout=timeout_s if limit_s is None else limit_s + _LIMIT_GRACE_S,
            autogenerate_session_id=False,  # sessions would forbid parallel inserts
            client_name="guldadra",
        ),
        patience_s,
        sort_statement_error,
    )
    _assert_settings(driver, {} if limit_s is None else {"max_execution_time": str(limit_s)})
    return Client(driver, patience_s)


def _assert_settings(driver: Driver, more: Mapping[str, str]) -> None:
    known = driver.server_settings
    wanted = {**SETTINGS, **more, **{k: v for k, v in SETTINGS_OF_SOME_VERSIONS.items() if k in known}}
    for name, value in wanted.items():
        if name not in known:
            raise StatementError(f"this ClickHouse ({driver.server_version}) knows no setting {name}: use a newer one")
        try:
            driver.set_client_setting(name, value)
        except ProgrammingError as error:
            raise StatementError(_setting_refused(name, value, known[name].value)) from error
    try:
        answer = driver.query(
            "SELECT name, value FROM system.settings WHERE name IN {names:Array(String)}",
            parameters={"names": list(wanted)},
        )
    except ClickHouseError as error:
        raise sort_statement_error(error) from error
    for name, value in answer.result_rows:
        if value != wanted[name]:
            raise StatementError(_setting_refused(name, wanted[name], value))


def _setting_refused(name: str, wanted: str, found: str) -> str:
    return (
        f"ClickHouse works with {name} = {found}, and must with {wanted}: "
        "let the account's profile allow the setting to be changed, or set it there"
    )


def _patiently(
    work: Callable[[], Result], patience_s: float, sort: Callable[[ClickHouseError], DatabaseError]
) -> Result:
    """Do the work, again and again while the database is unavailable, until the patience is over."""
    deadline = time.monotonic() + patience_s
    backoff = _FIRST_BACKOFF_S
    while True:
        try:
            return work()
        except ClickHouseError as error:
            sorted_error = sort(error)
            wait = backoff * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, keeps no secret  # nosec B311
            if not isinstance(sorted_error, DatabaseUnavailableError) or time.monotonic() + wait > deadline:
                # An insert's cause would quote rows, so it is left behind; a statement's is its message.
                raise sorted_error from None
        log.warning("ClickHouse is not available, trying again", seconds=round(wait, 2), code=sorted_error.code)
        time.sleep(wait)
        backoff = min(backoff * 2, _LONGEST_BACKOFF_S)
