"""The company's products by lot, for the whole country and all time; small lots are shown together.

A lot is a fact of the piece, told apart for the country as a whole only: so lots, clinics and patients are never told
apart at once (`sinks.portal.suppression`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinks.clickhouse.generations import readable
from sinks.clickhouse.queries.company import latest_day
from sinks.clickhouse.queries.company_database.choice import FAILURES
from sinks.clickhouse.queries.company_database.followed import FAILED, Source, texts
from sinks.clickhouse.queries.company_database.reading import Failures, failures_of
from sinks.clickhouse.queries.small_cells import held_back

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from typing import Any

    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.company_database.choice import Failure
    from sinks.clickhouse.queries.company_database.entitled import Entitled


@dataclass(frozen=True, slots=True)
class LotRow:
    """A lot of a component, or several that are shown together.

    Attributes:
        component: its code.
        udi_di: its UDI-DI in the catalogue; empty where it has none.
        lot: its number; empty where it is not known; None for lots that are shown together.
        lots: how many lots; one, but where they are shown together.
        pieces: how many were put in.
        people: into how many people; None where lots are shown together.
        in_use: how many are carried now.
        failures: by what counts as one.
    """

    component: str
    udi_di: str
    lot: str | None
    lots: int
    pieces: int
    people: int | None
    in_use: int
    failures: Mapping[Failure, Failures]


def read_lots(client: Client, entitled: Entitled, kind: str, *, until: date | None = None) -> list[LotRow]:
    """The lots of a kind of the company's products, by component, the largest first; those shown together last.

    Raises:
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = readable(client, entitled.definition)
    last_day = until or latest_day(client, definition)
    if last_day is None:
        return []
    rows: dict[str, dict[str, tuple[Any, ...]]] = defaultdict(dict)
    people: dict[str, int] = {}
    for level, component, lot, *numbers in client.rows(
        _query(Source(definition, (kind,), last_day, 1), entitled, kind)
    ):
        if level:
            people[component] = numbers[1]
        else:
            rows[component][lot] = tuple(numbers)
    found = []
    for component in (code for code in entitled.own[kind] if code in rows):
        lots = rows[component]
        several = sum(numbers[1] for numbers in lots.values()) - people[component]
        fewest = entitled.terms.smallest + several if entitled.terms.smallest > 1 else 1
        merged = held_back({lot: (numbers[1],) for lot, numbers in sorted(lots.items())}, fewest)
        shown = sorted(lots.keys() - merged, key=lambda lot: (-lots[lot][0], lot))
        found += [_row(entitled, kind, component, lot, [lots[lot]]) for lot in shown]
        if merged:
            found.append(_row(entitled, kind, component, None, [lots[lot] for lot in merged]))
    return found


def lots_shown(rows: Sequence[LotRow], component: str) -> frozenset[str]:
    """The lots of a component that are shown by themselves: those that a signal may tell of."""
    return frozenset(one.lot for one in rows if one.component == component and one.lot)


def _query(source: Source, entitled: Entitled, kind: str) -> str:
    sums = ", ".join(f"countIf({name}_end = {FAILED}), sum({name}_days)" for name in FAILURES)
    own = f"product IN {texts(entitled.own[kind])}"
    return (
        f"SELECT grouping(lot), product, lot, count(), uniqExact(person), countIf(carried), {sums}\n"
        f"FROM ({source.followed(own)})\nGROUP BY GROUPING SETS ((product, lot), (product))"
    )


def _row(entitled: Entitled, kind: str, component: str, lot: str | None, several: Sequence[tuple[Any, ...]]) -> LotRow:
    pieces, people, in_use, *sums = (sum(numbers) for numbers in zip(*several, strict=True))
    return LotRow(
        component=component,
        udi_di=entitled.udi_di_of(kind, component),
        lot=lot,
        lots=len(several),
        pieces=pieces,
        people=None if lot is None else people,
        in_use=in_use,
        failures={name: failures_of(pieces, sums[2 * at], sums[2 * at + 1]) for at, name in enumerate(FAILURES)},
    )
