"""Indicators, live: the sums of the current generation's cells, with what is read off them.

As of a day D: open follow-up lasts until D. D is the latest day known unless one is given; with an earlier
one, periods that are not over on D are left out, for their cells hold registrations of later days. What
was registered about earlier periods since then is in them: a reading is of what is known now.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from schemas.definition.indicators import layout
from sinks.clickhouse.generations import progress, readable
from sinks.clickhouse.queries.cell_sums import CannotBeReadError, CellSums, Cut, first_day_of, last_day_of
from sinks.clickhouse.queries.company import latest_day
from sinks.clickhouse.queries.estimates import Estimate, follow_up_days, mean, median, proportion, rate
from sinks.clickhouse.queries.small_cells import hidden

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schemas.definition.indicators import Cohort, Indicator, Rate
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.cell_sums import Group

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class IndicatorRow:
    """One indicator of one place, time and breakdown.

    Attributes:
        indicator: its name.
        place: unit, county or region; empty for the nation, or where a unit is in no catalogue.
        first_day: the first day of its time; None for all time.
        last_day: the last day of it.
        breakdown: the values of the breakdowns kept apart, in the order asked for.
        n: how many registrations it is about; None where that is fewer than are shown, or would give such a number
            away (see ``small_cells``).
        estimate: what is read off them; None likewise.
        mature: whether all follow-up that the indicator looks at was over on the day of the reading.
    """

    indicator: str
    place: str
    first_day: date | None
    last_day: date
    breakdown: tuple[str, ...]
    n: int | None
    estimate: Estimate | None
    mature: bool


@dataclass(frozen=True, slots=True)
class IndicatorReading:
    """Rows, and where they come from.

    Attributes:
        registry: whose.
        generation: the generation of the cells.
        through: by source partition, the version that the cells reach at least.
        until: the day that it is a reading of; None where nothing has been registered.
        rows: by indicator in the order declared, then place, time and breakdown.
    """

    registry: str
    generation: str
    through: Mapping[int, int]
    until: date | None
    rows: Sequence[IndicatorRow]


def read_indicators(
    client: Client,
    definition: RegistryDefinition,
    names: Sequence[str] = (),
    *,
    cut: Cut | None = None,
    until: date | None = None,
) -> IndicatorReading:
    """Read indicators of the generation that readers use.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        names: which indicators; all of them where none are named.
        cut: how cells are put together; the nation by year where none is given. With a unit in it, that
            unit reads its own: small cells are shown, and none is hidden for another's sake.
        until: the day of the reading; the latest day in any form where none is given.

    Raises:
        CannotBeReadError: there is no such indicator, or the cells of one are too coarse for the cut.
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    asked = cut or Cut()
    definition = readable(client, definition)
    wanted = cohorts_of(definition, names)
    through = progress(client, definition.name, definition.generation)
    latest = latest_day(client, definition)
    last_day = until or latest
    rows: list[IndicatorRow] = []
    if latest is not None and last_day is not None:
        for cohort, chosen in wanted.items():
            period = definition.indicators.cohorts[cohort].period
            last = last_period(period, last_day, whole=last_day < latest)
            sums = CellSums(client, definition, cohort, asked, last)
            rows += _rows_of(sums, definition.indicators.cohorts[cohort], chosen, cut=asked, until=last_day)
    return IndicatorReading(definition.name, definition.generation, through, last_day, rows)


def cohorts_of(definition: RegistryDefinition, names: Sequence[str] = ()) -> dict[str, list[str]]:
    """The cohorts that indicators belong to, in the order declared; all where none are named.

    Raises:
        CannotBeReadError: there is no such indicator.
    """
    cohorts = definition.indicators.cohorts
    known = [name for cohort in cohorts.values() for name in cohort.indicators]
    if unknown := [name for name in names if name not in known]:
        raise CannotBeReadError(
            f"registry {definition.name} has no indicator {', '.join(unknown)}; it has {', '.join(known) or 'none'}"
        )
    chosen = {
        cohort: [name for name in declared.indicators if not names or name in names]
        for cohort, declared in cohorts.items()
    }
    return {cohort: indicators for cohort, indicators in chosen.items() if indicators}


def last_period(period: str, last_day: date, *, whole: bool) -> date:
    """The first day of the last period that counts: the one that the day lies in, or the last that is over."""
    first = first_day_of(last_day, period)
    if whole and last_day_of(first, period) > last_day:
        first = first_day_of(first - timedelta(days=1), period)
    return first


def _rows_of(sums: CellSums, cohort: Cohort, names: Sequence[str], *, cut: Cut, until: date) -> Iterator[IndicatorRow]:
    places = layout(cohort)
    vectors = sums.vectors()
    if cut.per == "rolling" and vectors:  # a window that reaches back before the register began is none
        begun = min(vector.first_period for vector in vectors.values())
        vectors = {group: vector for group, vector in vectors.items() if group.first_day and group.first_day >= begun}
    ordered = sorted(vectors.items(), key=lambda item: (item[0].place, item[0].first_day or _EPOCH, item[0].breakdown))
    for name in names:
        indicator = cohort.indicators[name]
        filled = {group: vector.numbers[places[name] :] for group, vector in ordered if vector.numbers[places[name]]}
        estimates = _estimates(sums, name, indicator, filled, until)
        people = {group: estimate.n for group, estimate in estimates.items()}
        not_shown = hidden(people, indicator.smallest_shown) if cut.unit is None else set()
        days = timedelta(days=follow_up_days(indicator))
        for group, vector in ordered:
            estimate = estimates.get(group)
            if estimate is not None:
                shown = group not in not_shown
                yield IndicatorRow(
                    name,
                    group.place,
                    group.first_day,
                    vector.last_day,
                    group.breakdown,
                    estimate.n if shown else None,
                    estimate if shown else None,
                    vector.last_day + days <= until,
                )


def _estimates(
    sums: CellSums, name: str, indicator: Indicator, filled: Mapping[Group, Sequence[int]], until: date
) -> dict[Group, Estimate]:
    """What is read off each group's numbers, which begin with the indicator's own."""
    match indicator.kind:
        case "count":
            return {group: Estimate(n, float(n)) for group, (n, *_) in filled.items()}
        case "proportion":
            return {group: proportion(n, hits) for group, (n, hits, *_) in filled.items()}
        case "mean":
            return {
                group: mean(n, total, squares, indicator.resolution)
                for group, (n, total, squares, *_) in filled.items()
            }
        case "median":
            counts = sums.values(name)
            return {group: median(counts[group], indicator.resolution) for group in filled if counts.get(group)}
        case "rate":
            return _rates(sums, name, indicator, filled, until)


def _rates(
    sums: CellSums, name: str, indicator: Rate, filled: Mapping[Group, Sequence[int]], until: date
) -> dict[Group, Estimate]:
    within_horizon = {} if indicator.horizon_days is None else sums.open_days(name, indicator, until)
    last_day = (until - _EPOCH).days
    found = {}
    for group, (n, events, closed, still_open, starts, *_) in filled.items():
        days = closed + max(0, still_open * last_day - starts) + within_horizon.get(group, 0)
        found[group] = rate(n, events, days, indicator.per_years)
    return found


__all__ = [
    "CannotBeReadError",
    "Cut",
    "IndicatorReading",
    "IndicatorRow",
    "cohorts_of",
    "last_period",
    "read_indicators",
]
