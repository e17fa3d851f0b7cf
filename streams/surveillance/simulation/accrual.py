"""Person-time and outcomes as they become known, day by day: by subject and unit, and of all by unit.

At any day an exposure that is known has been followed to its unit's reported-through day, ``lag`` days before, or to
its end where that is told. So what is known of its time in an interval runs along a straight line between a few
*turns*; sums of such lines are a number and a slope, and a day costs no more than its turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.surveillance.intervals import INTERVALS, interval_of, spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.simulation.exposed import Exposed

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a monitor group is told.

    Attributes:
        exposed: all exposures.
        shared: which of them others are compared with.
        base: by subject, the one whose shared exposures are left out of its comparator; -1 for none.
        lag: of each unit.
        strata: how many there are.
        end: the last day.
    """

    exposed: Exposed
    shared: Bools
    base: Ints
    lag: Ints
    strata: int
    end: int


class All(NamedTuple):
    """Sums of shared exposures on a day.

    Attributes:
        unit_time: days at risk by unit and cell.
        time: by cell.
        events: first outcomes by cell.
        unit_events: by unit.
    """

    unit_time: Floats
    time: Floats
    events: Floats
    unit_events: Floats


class Accrual:
    """Sums of a scene; `upto` brings them to a day, never back.

    What the same exposures accrue may be handed in, where another scene that differs only in subjects had it.

    Attributes:
        units_of: by subject, the first and last place (not included) of its rows in ``units``.
        units: of each row, the unit.
    """

    def __init__(self, scene: Scene, turns: Turns | None = None) -> None:
        exposed, many = scene.exposed, scene.lag.size
        self.cells = scene.strata * INTERVALS
        keys, pair = np.unique(exposed.subject * many + exposed.unit, return_inverse=True)
        self.units = keys % many
        bounds = np.arange(scene.base.size + 1) * many
        places = np.searchsorted(keys, bounds)
        self.units_of = np.stack((places[:-1], places[1:]), axis=1)
        time, events = turns or turns_of(scene)
        self._own = _Lines(time, pair[time.row], keys.size, self.cells)
        self._own_events = _Counts(events, pair[events.row], keys.size, self.cells)
        some, told = scene.shared[time.row], scene.shared[events.row]
        self._all = _Lines(time.of(some), exposed.unit[time.row[some]], many, self.cells)
        self._all_events = _Counts(events.of(told), exposed.unit[events.row[told]], many, self.cells)
        self._day = -1
        self._of_all = self._summed()

    def upto(self, day: int) -> None:
        """Take all that is told up to a day, itself included."""
        if day == self._day:
            return
        self._day = day
        for sums in (self._own, self._own_events, self._all, self._all_events):
            sums.upto(day)
        self._of_all = self._summed()

    def of_all(self) -> All:
        """The sums of shared exposures, not to be changed."""
        return self._of_all

    def own(self, subject: int) -> tuple[Ints, Floats, Floats]:
        """A subject's units, and its days at risk and first outcomes by these and cell."""
        rows = slice(*self.units_of[subject])
        return self.units[rows], self._own.values(rows), self._own_events.values(rows)

    def _summed(self) -> All:
        time, events = self._all.values(slice(None)), self._all_events.values(slice(None))
        return All(time, time.sum(axis=0), events.sum(axis=0), events.sum(axis=1))


@dataclass(frozen=True, slots=True)
class _Turns:
    """From a day on a sum is so much more, and so much more a day; in the order of days. ``row``: the exposure."""

    day: NDArray[np.integer]
    row: NDArray[np.integer]
    cell: NDArray[np.integer]
    more: NDArray[np.integer]
    slope: NDArray[np.integer]

    def of(self, which: Bools) -> _Turns:
        return _Turns(self.day[which], self.row[which], self.cell[which], self.more[which], self.slope[which])


class _Lines:
    """Sums of straight lines, by row and cell."""

    def __init__(self, turns: _Turns, row: NDArray[np.integer], rows: int, cells: int) -> None:
        self._turns, self._place = turns, row * cells + turns.cell
        self._level = np.zeros((rows, cells), dtype=np.int64)
        self._slope = np.zeros((rows, cells), dtype=np.int64)
        self._day = self._seen = 0

    def upto(self, day: int) -> None:
        until = int(np.searchsorted(self._turns.day, day, side="right"))
        new = slice(self._seen, until)
        np.add.at(self._level.reshape(-1), self._place[new], self._turns.more[new])
        np.add.at(self._slope.reshape(-1), self._place[new], self._turns.slope[new])
        self._seen, self._day = until, day

    def values(self, rows: slice) -> Floats:
        return (self._level[rows] + self._slope[rows] * self._day).astype(np.float64)


class _Counts(_Lines):
    """Sums that only jump."""

    def values(self, rows: slice) -> Floats:
        return self._level[rows].astype(np.float64)


class Turns(NamedTuple):
    """The turns of all time at risk, and of all outcomes."""

    time: _Turns
    events: _Turns


def turns_of(scene: Scene) -> Turns:
    """What becomes known of a scene's exposures."""
    return Turns(_time_turns(scene), _outcomes(scene))


def _time_turns(scene: Scene) -> _Turns:
    exposed = scene.exposed
    lag = scene.lag[exposed.unit]
    ended = exposed.told <= scene.end
    until = np.where(ended, np.minimum(exposed.stop, scene.end), scene.end)
    final = spans(exposed.start, exposed.start, until)
    # until its end was told, it was followed beyond it, where the report came later than nine in ten do
    beyond = spans(exposed.start, exposed.stop, np.where(ended, exposed.told - lag, 0))
    row = np.concatenate((final.row, beyond.row))
    enter, leave = np.concatenate((final.enter, beyond.enter)), np.concatenate((final.leave, beyond.leave))
    cell = exposed.stratum[row] * INTERVALS + np.concatenate((final.interval, beyond.interval))
    begins, ends = enter + lag[row], leave + lag[row]
    known = exposed.published[row]
    taken = slice(final.row.size, None)
    one = np.ones(row.size, dtype=np.int64)
    columns = [
        (np.maximum(begins, known), row, cell, -begins, one),
        (np.maximum(ends, known), row, cell, ends, -one),
        (exposed.told[beyond.row], beyond.row, cell[taken], (enter - leave)[taken], np.zeros_like(beyond.row)),
    ]
    day, row, cell, more, slope = (np.concatenate(column) for column in zip(*columns, strict=True))
    order = _by_day(day, scene.end)
    return _Turns(day[order], row[order], cell[order], more[order], slope[order])


def _by_day(day: Ints, end: int) -> Ints:
    """The rows up to the last day, in the order of days."""
    rows = np.flatnonzero(day <= end)
    # numbers of 16 bits are sorted by radix, many times as fast
    narrow = day[rows].astype(np.uint16 if end < 1 << 16 else np.int64)
    return rows[np.argsort(narrow, kind="stable")]


def _outcomes(scene: Scene) -> _Turns:
    exposed = scene.exposed
    happened = np.flatnonzero(exposed.event)
    rows = happened[_by_day(exposed.told[happened], scene.end)]
    cell = exposed.stratum[rows] * INTERVALS + interval_of(exposed.stop[rows] - exposed.start[rows])
    return _Turns(exposed.told[rows], rows, cell, np.ones_like(rows), np.zeros_like(rows))
