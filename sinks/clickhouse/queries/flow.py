"""What came in and when, by the broker's time, and why some of it was refused: fields and rules, never values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from sinks.clickhouse import sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sinks.clickhouse.client import Client

Per = Literal["hour", "day"]

_SHOWN: Mapping[Per, timedelta] = {"hour": timedelta(hours=48), "day": timedelta(days=60)}
_STARTS: Mapping[Per, str] = {"hour": "toStartOfHour", "day": "toStartOfDay"}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why submissions were refused.

    Attributes:
        field: the field that is wrong; empty for the submission as a whole.
        rule: the rule that it breaks.
        submissions: how many; one that breaks several rules is counted at each.
    """

    field: str
    rule: str
    submissions: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came in from one moment on (UTC), for an hour or a day."""

    start: datetime
    accepted: int
    refused: int


def refusal_reasons(client: Client, registry: str) -> list[Reason]:
    """Why submissions were refused, the most frequent reason first.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    refusals = sql.table(sql.database_of(registry), "refusals")
    rows = client.rows(
        f"SELECT fault.1 AS field, fault.2 AS rule, count() AS number FROM {refusals} FINAL "
        "ARRAY JOIN arrayDistinct(faults) AS fault GROUP BY field, rule ORDER BY number DESC, field, rule"
    )
    return [Reason(*row) for row in rows]


def arrivals(client: Client, registry: str, per: Per) -> list[Arrival]:
    """What came in lately: in the 48 hours, or 60 days, before the latest accepted submission.

    A refused submission has no time of its own in the database. Its place in the log lies between those of accepted
    ones, so it is counted where the accepted one before it in its partition is; one without any is left out.

    Args:
        client: the way to ClickHouse.
        registry: whose.
        per: how long one row is.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    database = sql.database_of(registry)
    archive = sql.table(database, "archive")
    latest: datetime | None = client.rows(f"SELECT maxOrNull(submitted_at) FROM {archive}")[0][0]
    if latest is None:
        return []
    since = f"toDateTime64('{latest - _SHOWN[per]:%Y-%m-%d %H:%M:%S}', 3, 'UTC')"
    accepted = client.rows(
        f"SELECT {_STARTS[per]}(submitted_at, 'UTC') AS start, partition, min(version), count() "
        f"FROM {archive} FINAL WHERE submitted_at >= {_STARTS[per]}({since}, 'UTC') "
        "GROUP BY start, partition ORDER BY start, partition"
    )
    numbers: dict[datetime, list[int]] = {}
    for start, _, _, number in accepted:
        numbers.setdefault(start, [0, 0])[0] += number
    for start, number in _refused_since(client, database, [row[:3] for row in accepted]):
        numbers[start][1] += number
    return [Arrival(start.replace(tzinfo=UTC), *counted) for start, counted in sorted(numbers.items())]


def _refused_since(
    client: Client, database: str, begins: Sequence[tuple[datetime, int, int]]
) -> list[tuple[datetime, int]]:
    """How many refused submissions follow each beginning (start, partition, version) and no later one."""
    if not begins:
        return []
    starts = sorted({start for start, *_ in begins})
    rows = client.rows(
        "SELECT place, count() FROM (SELECT partition, bitOr(bitShiftLeft(toUInt64(epoch), 48), offset) AS version "
        f"FROM {sql.table(database, 'refusals')} FINAL) AS refused ASOF INNER JOIN (SELECT begun.1 AS partition, "
        "begun.2 AS version, begun.3 AS place FROM (SELECT arrayJoin(arrayZip({partitions:Array(UInt16)}, "
        "{versions:Array(UInt64)}, {places:Array(UInt32)})) AS begun)) AS begins "
        "ON refused.partition = begins.partition AND refused.version >= begins.version GROUP BY place",
        {
            "partitions": [partition for _, partition, _ in begins],
            "versions": [version for *_, version in begins],
            "places": [starts.index(start) for start, *_ in begins],
        },
    )
    return [(starts[place], number) for place, number in rows]
