"""The few pieces of ClickHouse's SQL that are put together from names and values."""

from __future__ import annotations

PLATFORM = "guldadra"
"""The database of what belongs to no single registry."""


def database_of(registry: str) -> str:
    """A registry's own database: separate storage is the law's default."""
    return f"{PLATFORM}_{registry}"


def identifier(name: str) -> str:
    """A name of a database, table or column, quoted."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def table(database: str, name: str) -> str:
    """A table with its database, quoted."""
    return f"{identifier(database)}.{identifier(name)}"


_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\0": "\\0"}
)


def text(value: str) -> str:
    """A string literal, spelt as ClickHouse spells it back."""
    return "'" + value.translate(_ESCAPES) + "'"
