"""What speaks for a signal: the product as it stands now, and its hindsight path, by event date with all data.

Hindsight is a function of the exposures alone, whatever the order they came in. On each day with an outcome, and now,
it has what had happened and was to be expected up to that day. Each unit's factor is that of all data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence  # noqa: TC003 - msgspec reads what is kept of it at run time
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.statistics.rates import incidence_rate, poisson_tail
from streams.surveillance.bins import OPEN
from streams.surveillance.expected import FINE, Comparison, Experience, compare, compare_days, fine, hazard_of
from streams.surveillance.intervals import INTERVALS, YEAR
from streams.surveillance.levels import Stream, stream_by_stream
from streams.surveillance.units import unit_factors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.levels import Level, Tested
    from streams.surveillance.monitor import Monitor
    from streams.surveillance.person_time import Own, PersonTime

    Floats = NDArray[np.float64]
    Ints = NDArray[np.integer]


_AT_ONCE = 32
_NEVER = -OPEN


class Point(NamedTuple):
    """A path on one day.

    Attributes:
        day: which.
        observed: first outcomes so far.
        expected: how many were to be expected.
        statistic: log-likelihood ratio, of the stream that the day is in.
        watch: threshold of that level.
        alarm: likewise.
        tail: P(X ≥ observed), X Poisson with mean expected; 1 where nothing was expected.
        rate: first outcomes per 100 component-years; None, with its limits, where there was no time at risk.
        lower: exact lower 95 % limit of the rate.
        upper: upper limit.
        basis: how expected was counted.
    """

    day: int
    observed: int
    expected: float
    statistic: float
    watch: float
    alarm: float
    tail: float
    rate: float | None
    lower: float | None
    upper: float | None
    basis: str


class Standing(NamedTuple):
    """A day of a path, and the stream that it is in."""

    day: int
    stream: Stream


class Comparator(NamedTuple):
    """A comparator as it was known once.

    Attributes:
        strata: by the labels of a stratum, days at risk and first outcomes by interval; nothing in those left out.
        factors: each unit's; 1 for those left out.
    """

    strata: Mapping[tuple[str, ...], tuple[tuple[float, ...], tuple[float, ...]]]
    factors: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Present:
    """A product and what it is held against, with all that is known now.

    Attributes:
        others: the comparator.
        factors: of every unit of the group.
        compared: the comparison, of one day.
        time: days at risk, not weighed.
    """

    others: Experience
    factors: Floats
    compared: Comparison
    time: float


@dataclass(frozen=True, slots=True)
class Path:
    """A product day by day: each day with an outcome, and now.

    Attributes:
        days: in their order.
        compared: the comparison on each.
        tested: the statistic on each.
        thresholds: those of each level.
        time: days at risk up to each, not weighed.
        fewest: outcomes that it takes for any level.
    """

    days: Ints
    compared: Comparison
    tested: Tested
    thresholds: Mapping[Level, Floats]
    time: Floats
    fewest: int = 1

    def crossed(self, level: Level) -> int | None:
        """The first day on which the level was reached; None where it never was."""
        reached = self.tested.statistic >= self.thresholds[level]
        at = np.flatnonzero(reached & (self.compared.observed >= self.fewest))
        return int(self.days[at[0]]) if at.size else None

    def highest(self, level: Level) -> Standing:
        """The day on which the statistic was furthest above the level, or least below."""
        at = int(np.argmax(self.tested.statistic - self.thresholds[level]))
        return Standing(int(self.days[at]), self.tested.streams[at])

    def points(self) -> tuple[Point, ...]:
        """All of it, day by day."""
        return points_of(self.days, self.compared, self.tested.statistic, self.thresholds, self.time)


def points_of(
    days: Ints, compared: Comparison, statistic: Floats, thresholds: Mapping[Level, Floats], time: Floats
) -> tuple[Point, ...]:
    """Points, with the tails and rates that belong to their numbers; ``time`` is in days."""
    # where there was no time the rate of a day stands in, and is left out again
    rates = incidence_rate(compared.observed, np.where(time > 0, time, 1.0) / YEAR)
    known = (time > 0).tolist()
    limits = [
        [value if is_known else None for value, is_known in zip(np.asarray(column).tolist(), known, strict=True)]
        for column in (rates.rate, rates.lower, rates.upper)
    ]
    columns = (
        days.tolist(),
        compared.observed.astype(np.int64).tolist(),
        compared.expected.tolist(),
        statistic.tolist(),
        thresholds["watch"].tolist(),
        thresholds["alarm"].tolist(),
        [
            poisson_tail(observed, expected) if expected > 0 else 1.0
            for observed, expected in zip(compared.observed.tolist(), compared.expected.tolist(), strict=True)
        ],
        *limits,
        compared.basis.tolist(),
    )
    return tuple(Point(*one) for one in zip(*columns, strict=True))


def present(sums: PersonTime, monitor: Monitor, product: str) -> Present:
    """How a product stands now."""
    return next(presents(sums, monitor, [product]))


def presents(sums: PersonTime, monitor: Monitor, products: Sequence[str]) -> Iterator[Present]:
    """How each of some products stands now; they are worked out a few at a time."""
    group = _Group(sums)
    for at in range(0, len(products), _AT_ONCE):
        some = products[at : at + _AT_ONCE]
        own = [sums.own(product) for product in some]
        time, events = (
            np.array(
                [np.bincount(one.cell.ravel(), part.ravel(), sums.cells) for one, part in zip(own, parts, strict=True)]
            )
            for parts in ([one.time for one in own], [one.events for one in own])
        )
        are_in = np.array([product not in sums.left_out for product in some])[:, None]
        others = Experience(group.time - time * are_in, group.events - events * are_in)
        factors = np.ones((len(some), len(sums.bins.units.all)))
        weighed = time
        if monitor.baseline.kind == "contemporary" and sums.cells:
            hazard = hazard_of(others)
            factors = np.array(
                [
                    unit_factors(*group.without(one, hazard[row], is_in=is_in), monitor.unit_shape)
                    for row, (one, is_in) in enumerate(zip(own, are_in[:, 0].tolist(), strict=True))
                ]
            )
            weighed = np.array(
                [
                    np.bincount(one.cell.ravel(), (one.time * of_unit[one.unit][:, None]).ravel(), sums.cells)
                    for one, of_unit in zip(own, factors, strict=True)
                ]
            )
        compared = compare(Experience(weighed, events), others, monitor.baseline)
        for row in range(len(some)):
            its = slice(row, row + 1)
            yield Present(
                Experience(others.time[its], others.events[its]),
                factors[row],
                Comparison(*(getattr(compared, part.name)[its] for part in fields(Comparison))),
                float(time[row].sum()),
            )


class _Group:
    """All products that others are compared with, and what the hazard of all of them expects at each unit.

    Attributes:
        time: days at risk by cell.
        events: first outcomes, likewise.
    """

    def __init__(self, sums: PersonTime) -> None:
        many, cells = len(sums.bins.units.all), sums.cells
        # a row for each cell: of some cells all units are read then, one after the other
        self._time = sums.unit_time[:many, :cells].T.astype(np.float64, order="C")
        unit_events = sums.unit_events[:many, :cells].astype(np.float64)
        self.time, self.events = self._time.sum(axis=1), unit_events.sum(axis=0)
        self._unit_events = unit_events.sum(axis=1)
        self._is_used = self._time.any(axis=1)
        self._hazard = hazard_of(Experience(self.time[None], self.events[None]))[0]
        self._due = fine(self._time * self._hazard[:, None])
        self._all_due = self._due.sum(axis=0)

    def without(self, own: Own, hazard: Floats, *, is_in: bool) -> tuple[Floats, Floats]:
        """First outcomes of all but one product, by unit, and how many their hazard expects there.

        Args:
            own: the product's.
            hazard: of the others, a day, by cell.
            is_in: whether the product is among those that others are compared with.
        """
        if not is_in:
            return self._unit_events, self._all_due / FINE
        # the others' hazard is that of all wherever the product has not been; so only the rest is worked out anew
        differs = (hazard != self._hazard) & self._is_used
        at = np.flatnonzero(own.time)
        its_cell, its_unit = own.cell.ravel()[at], own.unit[at // INTERVALS]
        differs[its_cell] = True
        cells = np.flatnonzero(differs)
        row = np.cumsum(differs) - 1
        time = self._time[cells]
        time.reshape(-1)[row[its_cell] * time.shape[1] + its_unit] -= own.time.ravel()[at]
        time *= hazard[cells, None]
        due = self._all_due - self._due[cells].sum(axis=0) + fine(time).sum(axis=0)
        events = np.bincount(own.unit, own.events.sum(axis=1), self._unit_events.size)
        return self._unit_events - events, due / FINE


def hindsight(
    sums: PersonTime,
    monitor: Monitor,
    product: str,
    *,
    now: Present | None = None,
    without: str | None = None,
    against: Comparator | None = None,
    erased: int = 0,
    resumed: Standing | None = None,
    alone: bool = False,
) -> Path:
    """The hindsight path of a product.

    Args:
        sums: what is known.
        monitor: what is declared.
        product: code of the product.
        now: how it stands now, where that was worked out before.
        without: a unit whose exposures to the product are left out.
        against: a comparator as it was once, in place of that of each day.
        erased: outcomes of persons who have opted out, which still count, from the first day on.
        resumed: leave out the days before this one, on which it was in this stream.
        alone: leave out the days after it too, and now.
    """
    bins = sums.bins
    every = bins.rows_of(bins.products.find(product))
    rows = every
    if without is not None:
        rows = every[bins.column("unit")[every] != bins.units.find(without)]
    days = np.unique(bins.column("stop")[rows[bins.column("event")[rows] == 1]]).astype(np.int64)
    if resumed is not None:
        days = np.append(resumed.day, days[days > resumed.day])
    days = days[:1] if alone else np.append(days, OPEN)  # which sees all there is
    whole = _own(sums, days, every)
    raw = whole if rows is every else _own(sums, days, rows)
    if against is None:
        factors = (now or present(sums, monitor, product)).factors
        time, events = sums.compared_on(days)
        others = Experience(time, events)
        if product not in sums.left_out:
            others = Experience(time - whole.time, events - whole.events)
    else:
        factors = np.array([against.factors.get(one, 1.0) for one in bins.units.all])
        others = _as_it_was(sums, against, days.size)
    weighed = raw
    if np.any(factors != 1):
        weight = bins.column("count")[rows] * factors[bins.column("unit")[rows]]
        weighed = Experience(sums.time_on(days, rows, weight), raw.events)
    compared = compare_days(weighed, others, monitor.baseline)
    if erased:
        compared = replace(compared, observed=compared.observed + erased, trials=compared.trials + erased)
    first, last = known_days(sums, product)
    days[days == OPEN] = last
    thresholds = monitor.levels.thresholds(per_year(compared.due, days, first))
    tested = stream_by_stream(compared, monitor.levels.planned, resumed.stream if resumed else None)
    return Path(days, compared, tested, thresholds, raw.time.sum(axis=1), monitor.fewest)


def known_days(sums: PersonTime, product: str) -> tuple[int, int]:
    """The day of a product's first use, and the last that anything is known of: of an outcome, or reported through."""
    bins = sums.bins
    rows = bins.rows_of(bins.products.find(product))
    if not rows.size:
        return 0, 0
    outcomes = bins.column("stop")[rows[bins.column("event")[rows] == 1]]
    reported = sums.through_by_unit()[bins.column("unit")[rows]]
    last = max(int(outcomes.max(initial=_NEVER)), int(reported.max()))
    return int(bins.column("start")[rows].min()), last if last > _NEVER else 0


def per_year(due: Floats, days: Ints, first: int | Ints) -> Floats:
    """Expected outcomes per year since the first use of a product; a first year counts whole."""
    return due / np.maximum((days - first) / YEAR, 1.0)


def comparator_of(sums: PersonTime, now: Present) -> Comparator:
    """The comparator as it is known now, to be kept: where it has no experience, and 1 for units, go without saying."""
    time, events = (part.reshape(-1, INTERVALS).tolist() for part in (now.others.time, now.others.events))
    strata = {
        labels: (tuple(time[place]), tuple(events[place]))
        for place, labels in enumerate(sums.bins.strata.all)
        if any(time[place]) or any(events[place])
    }
    factors = zip(sums.bins.units.all, now.factors.tolist(), strict=True)
    return Comparator(strata, {unit: factor for unit, factor in factors if factor != 1})


def _own(sums: PersonTime, days: Ints, rows: Ints) -> Experience:
    count = sums.bins.column("count")[rows].astype(np.float64)
    return Experience(sums.time_on(days, rows, count), sums.events_on(days, rows))


def _as_it_was(sums: PersonTime, comparator: Comparator, days: int) -> Experience:
    nothing = ((0.0,) * INTERVALS, (0.0,) * INTERVALS)
    kept = np.array([comparator.strata.get(labels, nothing) for labels in sums.bins.strata.all])
    time, events = (np.broadcast_to(kept[:, part].ravel(), (days, sums.cells)) for part in (0, 1))
    return Experience(time, events)
