"""Queries made of named subqueries, each written once and standing before those that build upon it."""

from __future__ import annotations

from sinks.clickhouse import sql

KEY = ("_partition", "_version")
"""What tells a registration from all others in as few bytes as can be: its place in the log."""

_SETTINGS = "SETTINGS join_use_nulls = 0, group_by_use_nulls = 0, transform_null_in = 0"


class Statement:
    """One query in the making."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def subquery(self, stem: str, query: str) -> str:
        """The quoted name of a subquery; the same text has one name."""
        if query not in self._names:
            self._names[query] = sql.identifier(f"{stem}_{len(self._names) + 1}")
        return self._names[query]

    def finish(self, select: str) -> str:
        """The whole query, with settings on which the meaning of joins depends."""
        subqueries = ",\n".join(f"{name} AS\n(\n{query}\n)" for query, name in self._names.items())
        return f"{f'WITH{chr(10)}{subqueries}{chr(10)}' if subqueries else ''}{select}\n{_SETTINGS}"


def column(alias: str, name: str) -> str:
    """A column of a table that is called by an alias."""
    return f"{alias}.{sql.identifier(name)}"


def key_of(alias: str) -> str:
    """The key of the registration that an alias stands for, as a tuple."""
    return f"({', '.join(column(alias, name) for name in KEY)})"


def is_among(alias: str, subquery: str) -> str:
    """Whether a registration's key is among those of a subquery."""
    return f"{key_of(alias)} IN (SELECT {', '.join(KEY)} FROM {subquery})"
