"""A company's share of what was put in, over time: only its own, and only where it does not tell what another has.

A piece belongs to whoever owned the product on the day when it was put in. Whether others may be compared with is
decided month by month; a quarter or a year is the sum of its months that may, so nothing is found by the difference.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from sinks.clickhouse.generations import readable
from sinks.clickhouse.queries.cell_sums import first_day_of
from sinks.clickhouse.queries.company import latest_day
from sinks.clickhouse.queries.company_database.followed import Source, date_of
from sinks.clickhouse.queries.company_database.people import why_not_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.company_database.entitled import Entitled


@dataclass(frozen=True, slots=True)
class MarketShare:
    """A quarter or a year.

    Attributes:
        first_day: its first day.
        own: pieces of the company's that were put in, in all of it.
        share: of all pieces; None where it is not shown.
        why_not: why not; None where it is.
        left_out: months that are not in the share, such as 2024-05.
    """

    first_day: date
    own: int
    share: float | None
    why_not: str | None
    left_out: tuple[str, ...]


def read_markets(
    client: Client,
    entitled: Entitled,
    kinds: Sequence[str],
    *,
    per: Literal["quarter", "year"] = "quarter",
    until: date | None = None,
) -> dict[str, list[MarketShare]]:
    """The company's share of each kind, earliest first; of periods in which anything of the kind was put in.

    Raises:
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = readable(client, entitled.definition)
    last_day = until or latest_day(client, definition)
    if last_day is None:
        return {kind: [] for kind in kinds}
    changes = entitled.definition.ownership.changes
    found: dict[str, dict[int, dict[str, int]]] = {kind: defaultdict(lambda: defaultdict(int)) for kind in kinds}
    source = Source(definition, tuple(kinds), last_day, 1)
    for kind, code, month, changed, pieces in client.rows(_query(source, changes)):
        day = changes[changed - 1] if changed else date.min
        found[kind][month][entitled.definition.ownership.owner(code, day) or ""] += pieces
    return {kind: _shares(months, entitled, per) for kind, months in found.items()}


def _shares(
    months: Mapping[int, Mapping[str, int]], entitled: Entitled, per: Literal["quarter", "year"]
) -> list[MarketShare]:
    periods: dict[date, list[int]] = defaultdict(list)
    for month in sorted(months):
        periods[first_day_of(date(month // 12, month % 12 + 1, 1), per)].append(month)
    return [_share(first, its, months, entitled) for first, its in periods.items()]


def _query(source: Source, changes: Sequence[date]) -> str:
    changed = " + ".join(f"(start >= {date_of(day)})" for day in changes) or "0"
    return (
        "SELECT kind, product, month, changed, count()\n"
        f"FROM ({source.cells('true', f'{changed} AS changed')})\nGROUP BY kind, product, month, changed"
    )


def _share(
    first_day: date, its: Sequence[int], months: Mapping[int, Mapping[str, int]], entitled: Entitled
) -> MarketShare:
    own = compared = others = 0
    left_out = []
    reason = None
    for month in its:
        mine = months[month].get(entitled.company, 0)
        theirs = {company: pieces for company, pieces in months[month].items() if company != entitled.company}
        own += mine
        if why_not := why_not_in(theirs, entitled.terms):
            left_out.append(f"{month // 12}-{month % 12 + 1:02}")
            reason = reason or why_not
        else:
            compared += mine
            others += sum(theirs.values())
    if len(left_out) == len(its):
        return MarketShare(first_day, own, None, reason, tuple(left_out))
    return MarketShare(first_day, own, compared / (compared + others), None, tuple(left_out))
