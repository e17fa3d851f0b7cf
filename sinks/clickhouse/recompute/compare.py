"""Recomputed rows held against stored ones, in ClickHouse: what differs, each difference as one number.

Both sides are read as (hash of the identity, hash of the rest); where the sums of the latter differ, the
identity is a difference. So millions of rows are compared in a few bytes each, and only those shown are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sinks.clickhouse import sql
from sinks.clickhouse.migrations.opt_outs import counts
from sinks.clickhouse.recompute.cells import cells_query
from sinks.clickhouse.recompute.exposures import exposures_query
from sinks.clickhouse.recompute.lists import list_query, lists_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

#: By table, the columns that identify a row, and those that are compared.
_TABLES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cells": (("cohort", "unit", "period", "by", "indicator", "bucket", "partition"), ("values",)),
    "exposures": (
        ("group", "patient", "registration_id"),
        (
            "partition",
            "product",
            "lot",
            "unit",
            "side",
            "by",
            "start",
            "end",
            "end_reason",
            "outcomes",
            "first_outcome",
            "specific",
            "first_specific",
            "unknown",
            "carried_until",
            "recorded",
            "end_recorded",
        ),
    ),
    "list_entries": (("list", "patient", "form", "registration_id"), ("partition", "unit", "day", "shown")),
}
#: When a stored row says something: an emptied cell is as good as none, and so is an entry taken away.
_COUNTS = {"cells": "arrayExists(number -> number != 0, values)", "exposures": "present", "list_entries": "listed"}
_NO_ROWS = "SELECT {columns} FROM {table} WHERE false"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a stored table, and the query that computes its rows anew.

    Attributes:
        table: the table.
        recomputed: the query.
        stored: the query of the stored rows, of the same columns.
    """

    table: str
    recomputed: str
    stored: str

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row."""
        return _TABLES[self.table][0]

    @property
    def content(self) -> tuple[str, ...]:
        """What is compared."""
        return _TABLES[self.table][1]


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not as it should be; a side is None where it has no such row."""

    table: str
    key: Mapping[str, Any]
    stored: Mapping[str, Any] | None
    recomputed: Mapping[str, Any] | None


def parts_of(definition: RegistryDefinition, generation: str) -> Iterator[Part]:
    """All that is stored of a generation, cohort by cohort, group by group, list by list; last what belongs to none."""
    cohorts = list(definition.indicators.cohorts)
    for name in cohorts:
        yield _part(definition, generation, "cells", f"cohort = {sql.text(name)}", cells_query(definition, name))
    groups = list(definition.monitors.groups)
    for name in groups:
        condition = f"`group` = {sql.text(name)}"
        yield _part(definition, generation, "exposures", condition, exposures_query(definition, name))
    lists = lists_of(definition)
    for name, form in lists:
        condition = f"list = {sql.text(name)} AND form = {sql.text(form)}"
        yield _part(definition, generation, "list_entries", condition, list_query(definition, name, form))
    yield _part(definition, generation, "cells", _none_of("cohort", cohorts))
    yield _part(definition, generation, "exposures", _none_of("`group`", groups))
    yield _part(definition, generation, "list_entries", _none_of("concat(list, ' ', form)", map(" ".join, lists)))


def compare(client: Client, part: Part) -> tuple[int, dict[int, int]]:
    """(how many rows there are on either side, the differences).

    A difference is a number for the row's identity, and one for what both sides say of it.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    different = "stored_content != recomputed_content"
    rows = client.rows(
        f"SELECT count(), groupArrayIf((identity, sipHash64(stored_content, recomputed_content)), {different})\n"
        f"FROM (SELECT identity, sumIf(content, is_stored) AS stored_content, "
        f"sumIf(content, NOT is_stored) AS recomputed_content\n"
        f"FROM (\n{_side(part, stored=True)}\nUNION ALL\n{_side(part, stored=False)}\n)\nGROUP BY identity)"
    )
    compared, differences = rows[0]
    return compared, dict(differences)


def read_differences(client: Client, part: Part, differences: Iterable[tuple[int, int]]) -> list[Difference]:
    """The rows behind some differences, those that are there still; raises as ``compare``."""
    wanted = ", ".join(f"(toUInt64({identity}), toUInt64({said}))" for identity, said in differences)
    key, content = _tuple(part.key), _tuple(part.content)
    rows = client.rows(
        f"SELECT any(key), groupArrayIf(said, is_stored), groupArrayIf(said, NOT is_stored)\n"
        f"FROM (\nSELECT *, {key} AS key, {content} AS said FROM (\n"
        f"{_side(part, stored=True, whole=True)}\nUNION ALL\n{_side(part, stored=False, whole=True)}\n))\n"
        f"GROUP BY identity\n"
        f"HAVING (identity, sipHash64(sumIf(content, is_stored), sumIf(content, NOT is_stored))) IN ({wanted})\n"
        f"ORDER BY any(key)"
    )
    return [
        Difference(
            part.table,
            dict(zip(part.key, identity, strict=True)),
            _first(part.content, stored),
            _first(part.content, recomputed),
        )
        for identity, stored, recomputed in rows
    ]


def _first(columns: Sequence[str], rows: Sequence[Sequence[Any] | Any]) -> dict[str, Any] | None:
    return dict(zip(columns, rows[0], strict=True)) if rows else None


def _part(
    definition: RegistryDefinition, generation: str, table: str, condition: str, recomputed: str | None = None
) -> Part:
    key, content = _TABLES[table]
    columns = ", ".join(sql.identifier(name) for name in (*key, *content))
    name = sql.table(sql.database_of(definition.name), table)
    where = f"generation = {sql.text(generation)} AND {condition} AND {_COUNTS[table]}"
    if "patient" in key:  # as readings have it: what is stored of an opted-out person from before does not count
        where += f" AND {counts(sql.database_of(definition.name), 'patient', 'version')}"
    return Part(
        table,
        recomputed or _NO_ROWS.format(columns=columns, table=name),
        f"SELECT {columns} FROM {name} FINAL WHERE {where}",
    )


def _none_of(column: str, names: Iterable[str]) -> str:
    """Also rows that no declaration knows of are a difference."""
    known = [sql.text(name) for name in names]
    return f"{column} NOT IN ({', '.join(known)})" if known else "true"


def _side(part: Part, *, stored: bool, whole: bool = False) -> str:
    """One side's rows as hashes of identity and content, for the whole of a row with its columns as well."""
    columns = [
        f"sipHash64(toString({_tuple(part.key)})) AS identity",
        f"sipHash64(toString({_tuple(part.content)})) AS content",
        f"{'true' if stored else 'false'} AS is_stored",
        *([sql.identifier(name) for name in (*part.key, *part.content)] if whole else []),
    ]
    return f"SELECT {', '.join(columns)} FROM (\n{part.stored if stored else part.recomputed}\n)"


def _tuple(columns: Sequence[str]) -> str:
    return f"tuple({', '.join(sql.identifier(name) for name in columns)})"
