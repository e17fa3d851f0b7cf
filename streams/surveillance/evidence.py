"""What speaks for a signal: the hindsight path of a subject, by event date with all data.

Hindsight is a function of the exposures alone, whatever the order they came in. On each day with an outcome, and now,
it has what had happened and was to be expected up to that day. Each unit's factor is that of all data.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads what is kept of it at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.statistics.rates import incidence_rate, poisson_tails
from streams.surveillance.bins import OPEN
from streams.surveillance.expected import Comparison, Experience, compare_days
from streams.surveillance.extent import Rows, compared_with, days_by, rows_of
from streams.surveillance.intervals import INTERVALS, YEAR
from streams.surveillance.levels import Stream, stream_by_stream
from streams.surveillance.present import present

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.levels import Level, Tested
    from streams.surveillance.monitor import Monitor
    from streams.surveillance.person_time import PersonTime
    from streams.surveillance.present import Present

    Floats = NDArray[np.float64]
    Ints = NDArray[np.integer]


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
class Path:
    """A subject day by day: each day with an outcome, and now.

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

    def above(self, level: Level) -> float:
        """By how much the statistic was above the level at most; less than 0 where it never came so far."""
        return float(np.max(self.tested.statistic - self.thresholds[level]))

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
        np.where(compared.expected > 0, poisson_tails(compared.observed, compared.expected), 1.0).tolist(),
        *limits,
        compared.basis.tolist(),
    )
    return tuple(Point(*one) for one in zip(*columns, strict=True))


def hindsight(
    sums: PersonTime,
    monitor: Monitor,
    label: str,
    *,
    now: Present | None = None,
    without: str | None = None,
    against: Comparator | None = None,
    resumed: Standing | None = None,
    alone: bool = False,
) -> Path:
    """The hindsight path of a subject.

    Args:
        sums: what is known.
        monitor: what is declared.
        label: the subject's.
        now: how it stands now, where that was worked out before.
        without: a unit whose exposures to it are left out.
        against: a comparator as it was once, in place of that of each day.
        resumed: leave out the days before this one, on which it was in this stream.
        alone: leave out the days after it too, and now.
    """
    bins, declared = sums.bins, monitor.of(monitor.members(label)[0].kind)
    every = rows_of(sums, monitor, label)
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
        factors = (now or present(sums, monitor, label)).factors
        others = _others(sums, monitor, label, days, _Whole(every, whole, factors))
    else:
        factors = np.array([against.factors.get(one, 1.0) for one in bins.units.all])
        others = _as_it_was(sums, against, days.size)
    weighed = raw
    if np.any(factors != 1):
        weighed = Experience(sums.time_on(days, rows, _weight(sums, rows, factors)), raw.events)
    compared = compare_days(weighed, others, declared.baseline)
    first, last = days_by(sums, Rows(every, np.zeros(every.size, dtype=np.intp), 1))
    days[days == OPEN] = last[0]
    thresholds = declared.levels.thresholds(per_year(compared.due, days, first[0]))
    tested = stream_by_stream(compared, declared.levels.planned, resumed.stream if resumed else None)
    return Path(days, compared, tested, thresholds, raw.time.sum(axis=1), declared.fewest)


def per_year(due: Floats, days: Ints, first: int | Ints) -> Floats:
    """Expected outcomes per year since the first use; a first year counts whole."""
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


class _Whole(NamedTuple):
    """All of a subject's exposures, none left out.

    Attributes:
        rows: their rows.
        experience: theirs on each day, not weighed.
        factors: each unit's.
    """

    rows: Ints
    experience: Experience
    factors: Floats


def _others(sums: PersonTime, monitor: Monitor, label: str, days: Ints, whole: _Whole) -> Experience:
    """What a subject is held against on each of some days."""
    if monitor.members(label)[0].kind == "lot":
        rows = compared_with(sums, monitor, label)
        return Experience(sums.time_on(days, rows, _weight(sums, rows, whole.factors)), sums.events_on(days, rows))
    time, events = sums.compared_on(days)
    is_in = sums.is_compared(whole.rows)
    if not is_in.any():
        return Experience(time, events)
    own = whole.experience if is_in.all() else _own(sums, days, whole.rows[is_in])
    return Experience(time - own.time, events - own.events)


def _own(sums: PersonTime, days: Ints, rows: Ints) -> Experience:
    count = sums.bins.column("count")[rows].astype(np.float64)
    return Experience(sums.time_on(days, rows, count), sums.events_on(days, rows))


def _weight(sums: PersonTime, rows: Ints, factors: Floats) -> Floats:
    """What each row counts where each unit's days at risk are multiplied by its factor."""
    return sums.bins.column("count")[rows] * factors[sums.bins.column("unit")[rows]]


def _as_it_was(sums: PersonTime, comparator: Comparator, days: int) -> Experience:
    nothing = ((0.0,) * INTERVALS, (0.0,) * INTERVALS)
    kept = np.array([comparator.strata.get(labels, nothing) for labels in sums.bins.strata.all])
    time, events = (np.broadcast_to(kept[:, part].ravel(), (days, sums.cells)) for part in (0, 1))
    return Experience(time, events)
