"""Cumulative revision and the competing death: counted in ClickHouse by event time, worked out by `streams.statistics`.

ClickHouse sorts each row's times, and gives back the event times with how many were at risk and had what; so a million
implants are a few thousand numbers here. Points with too few at risk are not shown, and a curve is told by months, then
quarters, never by the day on which somebody failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from sinks.clickhouse.queries.company_database.followed import DIED, FAILED
from sinks.clickhouse.queries.estimates import DAYS_PER_YEAR
from streams.statistics.survival import aalen_johansen_of_counts, kaplan_meier_of_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sinks.clickhouse.queries.company_database.choice import Failure

YEARS = (1, 3, 5, 10)
"""After how many years the registers tell the cumulative revision."""
_MONTHS, _QUARTERS = range(1, 25), range(9, 81)
GRID = tuple(sorted({*(month / 12 for month in _MONTHS), *(quarter / 4 for quarter in _QUARTERS)}))
"""The points of a curve in years: each month of the first two years, then each quarter until the twentieth."""

_CAUSES = 4
"""What a time and how it ended are packed with: times in days times this, and which end."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Times to a failure of one row, as they were counted.

    Attributes:
        packed: the distinct event times in days, each with which event it was, ascending.
        before: of each, the place of the first of these among all times.
        number: how many events.
        at_risk: how many were followed at least as long as each point of ``GRID``.
        longest: the longest time in days that anybody was followed.
        people: how many times there are.
    """

    packed: Sequence[int]
    before: Sequence[int]
    number: Sequence[int]
    at_risk: Sequence[int]
    longest: int
    people: int


@dataclass(frozen=True, slots=True)
class Point:
    """What had happened by a time.

    Attributes:
        years: since the operation.
        at_risk: followed so long.
        failed: the share that had failed, if nobody died: 1 - Kaplan-Meier.
        lower: its lower 95 % limit (log-log); None before the first failure.
        upper: its upper one.
        incidence: the share that had failed, where death competes: Aalen-Johansen.
        incidence_lower: its lower 95 % limit; None likewise.
        incidence_upper: its upper one.
    """

    years: float
    at_risk: int
    failed: float
    lower: float | None
    upper: float | None
    incidence: float
    incidence_lower: float | None
    incidence_upper: float | None


@dataclass(frozen=True, slots=True)
class Survival:
    """A row's cumulative failures.

    Attributes:
        after: at 1, 3, 5 and 10 years; None where too few are at risk, or nobody has been followed so long.
        curve: at each point of ``GRID`` with enough at risk.
        fewest: how many must be at risk.
    """

    after: tuple[Point | None, ...]
    curve: tuple[Point, ...]
    fewest: int


def times_sql(failure: Failure) -> str:
    """The aggregate of all times, in any order, as a column ``<failure>_some``."""
    return f"groupArray(toUInt32({failure}_days * {_CAUSES} + {failure}_end)) AS {failure}_some"


def all_times_sql(failure: Failure) -> str:
    """The aggregate of such columns, in order, as a column ``<failure>_times``."""
    return f"arraySort(groupArrayArray({failure}_some)) AS {failure}_times"


def timed_sql(failure: Failure, rows: str) -> str:
    """A query of rows with such a column, in which a ``Timed`` stands in its place as ``<failure>``."""
    times, places, values, sizes = (f"{failure}_{name}" for name in ("times", "places", "values", "sizes"))
    grid = [_CAUSES * ceil(years * DAYS_PER_YEAR) for years in GRID]
    kept = f"value % {_CAUSES} <= {DIED}"
    left = f"arrayFirstIndex(value -> value >= time, {values}) AS {failure}_first"
    return f"""
        WITH
            arrayFilter((place, step) -> place = 1 OR step != 0, arrayEnumerate({times}), arrayDifference({times}))
                AS {places},
            arrayMap(place -> {times}[place], {places}) AS {values},
            arrayMap((place, next) -> next - place, {places},
                arrayPushBack(arrayPopFront({places}), toUInt32(length({times}) + 1))) AS {sizes}
        SELECT * EXCEPT ({times}), (
            arrayFilter(value -> {kept}, {values}),
            arrayFilter((place, value) -> {kept}, {places}, {values}),
            arrayFilter((size, value) -> {kept}, {sizes}, {values}),
            arrayMap(time -> if(({left}) = 0, 0, length({times}) + 1 - {places}[{failure}_first]), {grid}),
            intDiv({times}[-1], {_CAUSES}),
            length({times})) AS {failure}
        FROM ({rows})"""


def survival_of(timed: Timed, *, fewest: int) -> Survival:
    """The curve of a row."""
    packed, before, number = (np.asarray(one, dtype=np.int64) for one in (timed.packed, timed.before, timed.number))
    days, place = np.unique(packed // _CAUSES, return_index=True)
    at_risk = timed.people - (before[place] - 1)
    failed, died = (_at(days, packed, number, end) for end in (FAILED, DIED))
    curve = kaplan_meier_of_counts(days, at_risk, failed, follow_up=timed.longest)
    enough = [(years, left) for years, left in zip(GRID, timed.at_risk, strict=True) if left >= fewest]
    if not enough:
        return Survival((None,) * len(YEARS), (), fewest)
    grid = np.array([years * DAYS_PER_YEAR for years, _ in enough])
    step = np.searchsorted(curve.time, grid, side="right")
    survival, lower, upper = (
        np.concatenate(([first], values))[step]
        for first, values in ((1.0, curve.survival), (np.nan, curve.lower), (np.nan, curve.upper))
    )
    found = aalen_johansen_of_counts(days, at_risk, failed + died, failed, follow_up=timed.longest, at=grid)
    incidence, least, most = (np.asarray(one) for one in (found.incidence, found.lower, found.upper))
    points = tuple(
        Point(
            years=years,
            at_risk=left,
            failed=1 - float(survival[at]),
            lower=_known(1 - upper[at]),
            upper=_known(1 - lower[at]),
            incidence=float(incidence[at]),
            incidence_lower=_known(least[at]),
            incidence_upper=_known(most[at]),
        )
        for at, (years, left) in enumerate(enough)
    )
    by_years = {point.years: point for point in points}
    return Survival(tuple(by_years.get(float(years)) for years in YEARS), points, fewest)


def _at(days: NDArray[np.int64], packed: NDArray[np.int64], number: NDArray[np.int64], end: int) -> NDArray[np.int64]:
    """How many of one sort of event there were on each of these days."""
    such = packed % _CAUSES == end
    found = np.zeros(days.size, dtype=np.int64)
    found[np.searchsorted(days, packed[such] // _CAUSES)] = number[such]
    return found


def _known(value: Any) -> float | None:  # noqa: ANN401 - numpy's scalars
    return None if np.isnan(value) else float(value)
