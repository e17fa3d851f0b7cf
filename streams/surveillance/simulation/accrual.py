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

    from streams.surveillance.simulation.scene import Scene

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Own(NamedTuple):
    """What a subject has on a day.

    Attributes:
        units: those that it is used by.
        time: days at risk by unit and cell, of the cells that are used.
        events: first outcomes by unit and cell.
    """

    units: Ints
    time: Floats
    events: Floats


class Accrual:
    """Sums of a scene; `upto` brings them to a day, never back.

    Attributes:
        cells: of all those that there are, the ones that are used, since nobody has been followed longer.
        unit_time: days at risk of shared exposures by unit and used cell.
        unit_events: their first outcomes.
    """

    def __init__(self, scene: Scene) -> None:
        many = scene.lag.size
        intervals = int(interval_of(np.array([scene.end]))[0]) + 1
        self.cells = (np.arange(scene.strata)[:, None] * INTERVALS + np.arange(intervals)).ravel()
        self._intervals, self._many = intervals, many
        keys = [np.where(one >= 0, one * many + scene.exposed.unit, -1) for one in scene.members]
        every = np.unique(np.concatenate(keys))
        self._units = every[every >= 0] % many
        found = every[every >= 0]
        bounds = np.searchsorted(found, np.arange(scene.subjects.kind.size + 1) * many)
        self.places = np.stack((bounds[:-1], bounds[1:]), axis=1).tolist()
        size = found.size
        # the place after the last takes what is nobody's; the units' follow, with one more
        rows = [np.where(key >= 0, np.searchsorted(found, key), size) for key in keys]
        rows.append(size + 1 + np.where(scene.shared, scene.exposed.unit, many))
        self._place = np.stack(rows).astype(np.int32)
        self._turns = turns_of(scene)
        shape = (size + 2 + many, self.cells.size)
        self._level, self._slope, self._events = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.float32)
        self._bounds = [np.searchsorted(one.day, np.arange(scene.end + 2)) for one in self._turns]
        self._all = slice(size + 1, size + 1 + many)
        self._day = -1

    def upto(self, day: int) -> None:
        """Take all that is told up to a day, itself included."""
        width = self.cells.size
        for turns, bounds in zip(self._turns, self._bounds, strict=True):
            new = slice(bounds[self._day + 1], bounds[day + 1])
            cell = turns.cell[new] // INTERVALS * self._intervals + turns.cell[new] % INTERVALS
            place = (self._place[:, turns.row[new]].astype(np.int64) * width + cell).ravel()
            ways = self._place.shape[0]
            if turns is self._turns.time:
                np.add.at(self._level.reshape(-1), place, np.tile(turns.more[new].astype(np.float64), ways))
                np.add.at(self._slope.reshape(-1), place, np.tile(turns.slope[new].astype(np.float64), ways))
            else:
                np.add.at(self._events.reshape(-1), place, np.tile(turns.more[new].astype(np.float32), ways))
        self._day = day
        self.unit_time = self._level[self._all] + self._slope[self._all] * day
        self.unit_events = self._events[self._all].astype(np.float64)

    def own(self, subject: int) -> Own:
        """What a subject has on the day."""
        first, last = self.places[subject]
        time = self._slope[first:last] * self._day
        time += self._level[first:last]
        return Own(self._units[first:last], time, self._events[first:last].astype(np.float64))


@dataclass(frozen=True, slots=True)
class _Turns:
    """From a day on a sum is so much more, and so much more a day; in the order of days. ``row``: the exposure."""

    day: NDArray[np.integer]
    row: NDArray[np.integer]
    cell: NDArray[np.integer]
    more: NDArray[np.integer]
    slope: NDArray[np.integer]

    def of(self, which: NDArray[np.bool_] | Ints) -> _Turns:
        return _Turns(self.day[which], self.row[which], self.cell[which], self.more[which], self.slope[which])


class Turns(NamedTuple):
    """The turns of all time at risk, and of all outcomes."""

    time: _Turns
    events: _Turns


def turns_of(scene: Scene) -> Turns:
    """What becomes known of a scene's exposures."""
    return Turns(*(_in_order(_taken_back(scene, one), scene.end) for one in (_time_turns(scene), _outcomes(scene))))


def _taken_back(scene: Scene, turns: _Turns) -> _Turns:
    """The turns up to the day on which each exposure is taken back, and on that day all that they came to."""
    until = scene.exposed.until[turns.row]
    stands = turns.day < until
    again = turns.of(stands & (until <= scene.end))
    columns = (
        (turns.day[stands], scene.exposed.until[again.row]),
        (turns.row[stands], again.row),
        (turns.cell[stands], again.cell),
        (turns.more[stands], -again.more),
        (turns.slope[stands], -again.slope),
    )
    return _Turns(*(np.concatenate(column) for column in columns))


def _in_order(turns: _Turns, end: int) -> _Turns:
    """The turns up to the last day, in the order of days."""
    rows = np.flatnonzero(turns.day <= end)
    # numbers of 16 bits are sorted by radix, many times as fast
    narrow = turns.day[rows].astype(np.uint16 if end < 1 << 16 else np.int64)
    return turns.of(rows[np.argsort(narrow, kind="stable")])


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
    return _Turns(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def _outcomes(scene: Scene) -> _Turns:
    exposed = scene.exposed
    rows = np.flatnonzero(exposed.event)
    cell = exposed.stratum[rows] * INTERVALS + interval_of(exposed.stop[rows] - exposed.start[rows])
    return _Turns(exposed.told[rows], rows, cell, np.ones_like(rows), np.zeros_like(rows))
