"""What can go wrong between us and ClickHouse, sorted by what there is to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clickhouse_connect.driver.exceptions import ClickHouseError, Error, ProgrammingError

if TYPE_CHECKING:
    from typing import Self

# Codes of ClickHouse's ErrorCodes.cpp.
TIMEOUT_EXCEEDED = 159
# What passes by itself or by an operator's work on the server.
_PASSING = {
    TIMEOUT_EXCEEDED,
    160,  # TOO_SLOW
    202,  # TOO_MANY_SIMULTANEOUS_QUERIES
    203,  # NO_FREE_CONNECTION
    209,  # SOCKET_TIMEOUT
    210,  # NETWORK_ERROR
    236,  # ABORTED
    241,  # MEMORY_LIMIT_EXCEEDED
    242,  # TABLE_IS_READ_ONLY
    243,  # NOT_ENOUGH_SPACE
    252,  # TOO_MANY_PARTS
    285,  # TOO_FEW_LIVE_REPLICAS
    319,  # UNKNOWN_STATUS_OF_INSERT
    394,  # QUERY_WAS_CANCELLED
    425,  # SYSTEM_ERROR
    439,  # CANNOT_SCHEDULE_TASK
    473,  # DEADLOCK_AVOIDED
    999,  # KEEPER_EXCEPTION
}
# What is wrong with the statement, the schema or the account, whatever rows come with it.
_NOT_THE_ROWS = {
    8,  # THERE_IS_NO_COLUMN
    16,  # NO_SUCH_COLUMN_IN_TABLE
    46,  # UNKNOWN_FUNCTION
    47,  # UNKNOWN_IDENTIFIER
    48,  # NOT_IMPLEMENTED
    60,  # UNKNOWN_TABLE
    62,  # SYNTAX_ERROR
    73,  # UNKNOWN_FORMAT
    81,  # UNKNOWN_DATABASE
    115,  # UNKNOWN_SETTING
    164,  # READONLY
    192,  # UNKNOWN_USER
    193,  # WRONG_PASSWORD
    194,  # REQUIRED_PASSWORD
    452,  # SETTING_CONSTRAINT_VIOLATION
    497,  # ACCESS_DENIED
    516,  # AUTHENTICATION_FAILED
}


class DatabaseError(Exception):
    """ClickHouse did not do what it was asked.

    Attributes:
        code: ClickHouse's number for it, None where no server answered.
        name: its symbolic name, such as ``UNKNOWN_TABLE``.
    """

    def __init__(self, message: str, code: int | None = None, name: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.name = name

    @classmethod
    def of(cls, error: Exception, message: str) -> Self:
        """One of us for one of clickhouse-connect's, under another message."""
        return cls(message, getattr(error, "code", None), getattr(error, "name", None))


class DatabaseUnavailableError(DatabaseError):
    """It is down, full or overloaded: try again later, nothing is wrong with what was asked."""


class RowsRefusedError(DatabaseError):
    """It cannot read or keep rows that it was sent; the message never quotes them."""


class StatementError(DatabaseError):
    """It refuses the statement, the settings or the account: asking again would not help."""


def sort_statement_error(error: ClickHouseError) -> DatabaseError:
    """What a failed query or command means, in the server's own words."""
    if _passes(error):
        return DatabaseUnavailableError.of(error, f"ClickHouse is not available: {error}")
    return StatementError.of(error, str(error))


def sort_insert_error(error: ClickHouseError, table: str) -> DatabaseError:
    """What a failed insert means, without the server's words: they may quote a patient's row."""
    what = _label(error)
    if _passes(error):
        return DatabaseUnavailableError.of(error, f"ClickHouse is not available for {table}: {what}")
    if isinstance(error, ProgrammingError) or getattr(error, "code", None) in _NOT_THE_ROWS:
        return StatementError.of(error, f"ClickHouse refuses to insert into {table}: {what}; is the database migrated?")
    return RowsRefusedError.of(error, f"ClickHouse refuses rows of {table}: {what}")


def _passes(error: ClickHouseError) -> bool:
    code = error.code if isinstance(error, Error) else None
    if code is None:  # no ClickHouse behind it: no connection, a proxy's answer, or our own misuse
        return not isinstance(error, ProgrammingError)
    return code in _PASSING


def _label(error: ClickHouseError) -> str:
    if not isinstance(error, Error) or error.code is None:
        return "no answer"
    return f"{error.name} (code {error.code})" if error.name else f"code {error.code}"
