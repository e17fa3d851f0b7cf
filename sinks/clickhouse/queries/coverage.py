"""Coverage, live: what share of what another source counts is registered, by place and time.

As of a day D: what was recorded by D, of what happened by D. Beside the raw share stands the one adjusted for the
register's own delay: what is registered of what is to be expected by D, so an estimate of what the share
will come to. Months of which too little is to be expected yet are too early, and in no share.

Who has opted out is not in the register, and is in the source's counts: the law makes such gaps.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Literal

from sinks.clickhouse.queries.cell_sums import Place, first_day_of, last_day_of
from sinks.clickhouse.queries.coverage_counts import Counted, NoCoverageError
from sinks.clickhouse.queries.coverage_shares import (
    Bounds,
    Share,
    adjusted_share_of,
    mature_months,
    reached,
    share_of,
    tally_unit,
    tally_units,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from schemas.definition.coverage import Coverage, CoverageDefinition
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.coverage_shares import Delay, Tally, UnitMonth

Per = Literal["month", "quarter", "year", "all"]
State = Literal["compared", "too early", "no counts"]


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One definition's coverage of one place in one period.

    Attributes:
        definition: its name.
        place: unit, county or region; empty for the nation, or where a unit is in no catalogue.
        first_day: the period's first day; None for all time.
        state: whether anything can be compared; "too early" where all months with counts are too young, "no
            counts" where the source has told nothing.
        registered: registrations, all of them.
        uncompared: those of months for which the source has told nothing.
        early: months (of units) that are too early to judge; registrations in them are in no share.
        found: the numerator: registrations, matched ones, or units.
        reference: the denominator.
        share: found of reference; None where the reference is empty.
        adjusted: found of what is to be expected by now; None where it has no meaning or is not known.
        excess: how many more are registered than the reference has, unit by unit; over-registration.
        over: at how many units that is so.
        target: what to reach.
        reached: whether the adjusted share (the raw one where there is none) reaches it; None where it cannot
            be told.
        counted_on: the earliest day on which a count used was made.
    """

    definition: str
    place: str
    first_day: date | None
    state: State
    registered: int
    uncompared: int
    early: int
    found: Bounds
    reference: Bounds
    share: Share | None
    adjusted: Share | None
    excess: int
    over: int
    target: float | None
    reached: bool | None
    counted_on: date | None


@dataclass(frozen=True, slots=True)
class CoverageReading:
    """Rows, and what they rest on.

    Attributes:
        until: the day that it is as of; None where nothing is registered and no day was given.
        place: whose months are put together.
        per: over which time.
        source: what the register is held against, in English.
        delay_learnt_from: how many registrations of mature months the delay was learnt from.
        mature: the first days of the first and last of those months.
        rows: by definition, place and time.
    """

    until: date | None
    place: Place
    per: Per
    source: str
    delay_learnt_from: int
    mature: tuple[date, date] | None
    rows: tuple[CoverageRow, ...]


def read_coverage(
    client: Client,
    definition: RegistryDefinition,
    *,
    place: Place = "unit",
    per: Per = "year",
    only: str | None = None,
    until: date | None = None,
    first: date | None = None,
    last: date | None = None,
    comparison: Comparison | None = None,
) -> CoverageReading:
    """The coverage of every place in every period.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        place: whose months are put together.
        per: over which time.
        only: one definition's name; all of them where none is given.
        until: the day that it is as of; the latest day on which anything was recorded where none is given.
        first: months that begin before this day are left out.
        last: months that end after this day are left out.
        comparison: what ``compare`` has read already, for who reads it by several places; ``until`` is its own then.

    Raises:
        NoCoverageError: the registry declares none, not this definition, or its units not this place.
        DatabaseError: the database does not answer, or refuses.
    """
    counted = Counted(client, definition)
    coverage = counted.coverage
    if only is not None and only not in coverage.definitions:
        raise NoCoverageError(f"there is no definition {only}; there are {', '.join(coverage.definitions)}")
    places = _places(counted.units, place)
    comparison = comparison or compare(counted, until)
    if comparison is None:
        return CoverageReading(None, place, per, coverage.source.en, 0, None, ())
    groups = _grouped(comparison.months, places, per, first, last)
    rows = [
        comparison.row(name, groups[group], place=group[0], first_day=group[1])
        for name in ([only] if only else coverage.definitions)
        for group in sorted(groups, key=lambda group: (group[0], group[1] or comparison.until))
    ]
    as_of, lag = comparison.until, coverage.lag
    mature = mature_months(as_of, lag.mature_after_days, lag.estimated_over_months)
    learnt_from = comparison.delay.registrations
    return CoverageReading(as_of, place, per, coverage.source.en, learnt_from, mature, tuple(rows))


def compare(counted: Counted, until: date | None = None) -> Comparison | None:
    """Read what is registered and what the source counts; None where nothing is registered and no day is given.

    Args:
        counted: the registrations that count.
        until: the day that it is as of; the latest day on which anything was recorded where none is given.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    as_of = until or counted.latest_day()
    if as_of is None:
        return None
    delay = counted.delay(as_of)
    expected_by = cache(delay.expected)  # the months are few, their units many
    return Comparison(counted.coverage, as_of, delay, expected_by, counted.unit_months(as_of))


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that is registered beside all that the source counts, as of a day: any place and time is worked out of it.

    Attributes:
        coverage: what is declared.
        until: the day that it is as of.
        delay: the register's own.
        expected_by: the share of a month that is to be expected by a day, by that delay.
        months: by unit, then by a month's first day.
    """

    coverage: Coverage
    until: date
    delay: Delay
    expected_by: Callable[[date, date], float | None]
    months: Mapping[str, Mapping[date, UnitMonth]]

    def row(
        self,
        name: str,
        units: Mapping[str, Iterable[tuple[date, UnitMonth]]],
        *,
        place: str = "",
        first_day: date | None = None,
    ) -> CoverageRow:
        """One definition's coverage of some units in some months.

        Args:
            name: the definition's.
            units: their months.
            place: what they are together.
            first_day: the period's first day; None for all time.
        """
        definition = self.coverage.definitions[name]
        least = self.coverage.lag.expected_at_least
        each = (
            tally_unit(definition, months, self.expected_by, until=self.until, expected_at_least=least)
            for months in units.values()
        )
        return _row(name, definition, (place, first_day), tally_units(definition, each))


_Group = tuple[str, date | None]
_Months = dict[str, list[tuple[date, "UnitMonth"]]]


def _places(units: Mapping[str, Mapping[str, str]], place: Place) -> Mapping[str, str] | None:
    """The place of each unit; None where every unit is one of its own."""
    if place == "unit":
        return None
    if place == "nation":
        return {}
    if lacking := [code for code, row in units.items() if place not in row]:
        raise NoCoverageError(f"the catalogue of units has no column {place} (see {lacking[0]})")
    return {code: row[place] for code, row in units.items()}


def _grouped(
    unit_months: Mapping[str, Mapping[date, UnitMonth]],
    places: Mapping[str, str] | None,
    per: Per,
    first: date | None,
    last: date | None,
) -> Mapping[_Group, _Months]:
    """The months of each place and period, by unit."""
    groups: dict[_Group, _Months] = defaultdict(lambda: defaultdict(list))
    for unit, months in unit_months.items():
        place = unit if places is None else places.get(unit, "")
        for month, known in months.items():
            if (first and month < first) or (last and last_day_of(month, "month") > last):
                continue
            groups[place, None if per == "all" else first_day_of(month, per)][unit].append((month, known))
    return groups


def _row(name: str, definition: CoverageDefinition, group: _Group, tally: Tally) -> CoverageRow:
    share, adjusted = share_of(definition, tally), adjusted_share_of(definition, tally)
    own = tally.found if definition.found in definition.reference else Bounds()
    state: State = "compared" if tally.months else "too early" if tally.early else "no counts"
    return CoverageRow(
        definition=name,
        place=group[0],
        first_day=group[1],
        state=state,
        registered=tally.registered,
        uncompared=tally.uncompared,
        early=tally.early,
        found=tally.found,
        reference=tally.rest + own,
        share=share,
        adjusted=adjusted,
        excess=tally.excess,
        over=tally.over,
        target=definition.target,
        reached=reached(adjusted or share, definition.target),
        counted_on=tally.as_of,
    )
