"""Cells summed at reading: over source partitions, units, periods and breakdowns, as far as is asked for.

The stream keeps the finest declared cell only. What is coarser is a sum of such cells, so it is made here,
and a place, a period or a breakdown more costs the stream nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

from sinks.clickhouse import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schemas.definition.indicators import Cohort, Rate
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

Place = Literal["unit", "county", "region", "nation"]
Per = Literal["month", "quarter", "year", "rolling", "all"]

_MONTHS: Mapping[str, int] = {"month": 1, "quarter": 3, "year": 12}
_ROLLING_MONTHS = 12
_ALL = date(1970, 1, 1)


class CannotBeReadError(ValueError):
    """What is asked for is not in the cells; the message says what is."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How cells are put together.

    Attributes:
        place: whose cells are summed to one row.
        per: over which time; rolling: the twelve months that end with each period of the cohort.
        breakdown: the cohort's breakdowns that are kept apart; the others are summed.
        unit: only this unit's cells.
    """

    place: Place = "nation"
    per: Per = "year"
    breakdown: tuple[str, ...] = ()
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """What one row of a reading is about.

    Attributes:
        place: the unit's, county's or region's name in the catalogue's terms; empty for the nation.
        first_day: the first day of its time; None for all time.
        breakdown: the values of the breakdowns kept apart, in the order asked for.
    """

    place: str
    first_day: date | None
    breakdown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vector:
    """The sum of a cohort's vectors.

    Attributes:
        numbers: in the definitions' layout.
        first_period: the first day of the earliest period in it.
        last_day: the last day of the time that it is about.
    """

    numbers: Sequence[int]
    first_period: date
    last_day: date


class CellSums:
    """The cells of one cohort in one generation, summed as a cut says.

    Args:
        client: the way to ClickHouse.
        definition: the registry, with the generation read and its indicators.
        name: the cohort's name.
        cut: how its cells are put together.
        last_period: the first day of the last period that counts.

    Raises:
        CannotBeReadError: the cohort's cells are too coarse for the cut, or lack a breakdown.
    """

    def __init__(
        self,
        client: Client,
        definition: RegistryDefinition,
        name: str,
        cut: Cut,
        last_period: date,
    ) -> None:
        self._client = client
        self._cohort = definition.indicators.cohorts[name]
        self._cut = cut
        refuse_unreadable(name, self._cohort, cut)
        self._cells = sql.table(sql.database_of(definition.name), "cells")
        self._parameters: dict[str, Any] = {
            "generation": definition.generation,
            "cohort": name,
            "last": last_period.isoformat(),
        }
        place = self._place(definition)
        strata = ", ".join(f"by[{list(self._cohort.by).index(one) + 1}]" for one in cut.breakdown)
        self._group = (
            f"{place} AS place, {self._time()} AS first_day, "
            f"{f'[{strata}]' if strata else 'emptyArrayString()'} AS strata"
        )

    def vectors(self) -> dict[Group, Vector]:
        """The cohort's vectors by group; groups of nothing but zeros are left out."""
        rows = self._rows(
            "sumForEach(values) AS numbers, min(period), max(period)",
            "indicator = '' AND arrayExists(number -> number != 0, values)",
        )
        return {group: Vector(numbers, first, self._last_day(group, last)) for group, numbers, first, last in rows}

    def values(self, indicator: str) -> dict[Group, dict[int, int]]:
        """How often each value (in multiples of the resolution) of a median's indicator is there."""
        found: dict[Group, dict[int, int]] = defaultdict(dict)
        for group, bucket, count in self._rows(
            "bucket, sum(values[1]) AS number", "indicator = {indicator:String}", "bucket HAVING number != 0", indicator
        ):
            found[group][bucket] = count
        return found

    def open_days(self, indicator: str, rate: Rate, until: date) -> dict[Group, int]:
        """Days of open follow-up of a rate with a horizon, until a day: each start's until there or its horizon."""
        days = f"sum(values[1] * greatest(0, least({_days(until)} - bucket, {int(rate.horizon_days or 0)})))"
        return dict(self._rows(days, "indicator = {indicator:String}", "", indicator))

    def _rows(self, select: str, where: str, by: str = "", indicator: str = "") -> Iterator[tuple[Any, ...]]:
        windows = f" ARRAY JOIN {self._shifts()} AS shift" if self._cut.per == "rolling" else ""
        unit = " AND unit = {unit:String}" if self._cut.unit is not None else ""
        text = (
            f"SELECT {self._group}, {select} FROM {self._cells} FINAL{windows} "
            "WHERE generation = {generation:String} AND cohort = {cohort:String} AND period <= {last:Date32} "
            f"AND {where}{unit}{self._windows_end()} GROUP BY place, first_day, strata{', ' if by else ''}{by}"
        )
        parameters = {**self._parameters, "indicator": indicator, "unit": self._cut.unit or ""}
        for place, first_day, strata, *numbers in self._client.rows(text, parameters):
            time = None if self._cut.per == "all" else first_day
            yield Group(place, time, tuple(strata)), *numbers

    def _place(self, definition: RegistryDefinition) -> str:
        if self._cut.place == "nation":
            return "''"
        if self._cut.place == "unit":
            return "toString(unit)"
        units = definition.catalogues.get("units")
        if units is None or self._cut.place not in units.columns:
            raise CannotBeReadError(f"the catalogue units of {definition.name} has no column {self._cut.place}")
        self._parameters["units"] = list(units.rows)
        self._parameters["places"] = [row[self._cut.place] for row in units.rows.values()]
        return "transform(toString(unit), {units:Array(String)}, {places:Array(String)}, '')"

    def _time(self) -> str:
        """SQL of the first day; on dates before 1970 too, which toStartOfMonth() and its like are not."""
        match self._cut.per:
            case "all":
                return f"toDate32('{_ALL}')"
            case "rolling":
                back = _ROLLING_MONTHS - _MONTHS[self._cohort.period]
                return f"subtractMonths(addMonths(period, shift), {back})"
            case per:
                months = _MONTHS[per]
                return f"makeDate32(toYear(period), intDiv(toMonth(period) - 1, {months}) * {months} + 1, 1)"

    def _shifts(self) -> str:
        return f"range(0, {_ROLLING_MONTHS}, {_MONTHS[self._cohort.period]})"

    def _windows_end(self) -> str:
        return " AND addMonths(period, shift) <= {last:Date32}" if self._cut.per == "rolling" else ""

    def _last_day(self, group: Group, last_period: date) -> date:
        if group.first_day is None:
            return last_day_of(last_period, self._cohort.period)
        return last_day_of(group.first_day, "year" if self._cut.per == "rolling" else self._cut.per)


def refuse_unreadable(name: str, cohort: Cohort, cut: Cut) -> None:
    """See to it that a cohort has what a cut asks for.

    Raises:
        CannotBeReadError: its cells are too coarse, or lack a breakdown.
    """
    coarse = cut.per == "rolling" and cohort.period == "year"
    finer = cut.per in _MONTHS and _MONTHS[cut.per] < _MONTHS[cohort.period]
    if coarse or finer:
        raise CannotBeReadError(
            f"cohort {name} is kept by {cohort.period}, and cannot be read "
            f"{'as rolling twelve months' if coarse else f'by {cut.per}'}"
        )
    for breakdown in cut.breakdown:
        if breakdown not in cohort.by:
            raise CannotBeReadError(
                f"cohort {name} is not broken down by {breakdown}; it is by {', '.join(cohort.by) or 'nothing'}"
            )


def first_day_of(day: date, period: str) -> date:
    """The first day of the month, quarter or year that a day lies in."""
    months = _MONTHS[period]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def last_day_of(first_day: date, period: str) -> date:
    """The last day of the month, quarter or year that begins on a day."""
    months = first_day.year * 12 + first_day.month - 1 + _MONTHS[period]
    return date(months // 12, months % 12 + 1, 1) - timedelta(days=1)


def _days(day: date) -> int:
    return (day - date(1970, 1, 1)).days
