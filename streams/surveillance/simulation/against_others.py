"""Subjects and all others, as they are known day by day: what `present.together` works out, for many looks at once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from streams.surveillance.expected import Experience, hazard_of
from streams.surveillance.intervals import INTERVALS
from streams.surveillance.simulation.accrual import Accrual
from streams.surveillance.simulation.scene import UNIT
from streams.surveillance.units import unit_factors_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.monitor import Monitor
    from streams.surveillance.simulation.accrual import Own
    from streams.surveillance.simulation.scene import Scene

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_FINE = 2.0**40  # hazards are counted in whole numbers of its inverse: sums of them are exact on any machine


@dataclass(frozen=True, slots=True)
class Held:
    """Subjects and what they are held against: a row for each look, a column for each cell.

    Attributes:
        time: days at risk, not weighed.
        weighed: the same, each unit's times its factor.
        events: first outcomes.
        others_time: the comparator's.
        others_events: likewise.
        factors: a column for each unit.
    """

    time: Floats
    weighed: Floats
    events: Floats
    others_time: Floats
    others_events: Floats
    factors: Floats

    def of(self, rows: Ints) -> Held:
        """Some of them."""
        return Held(*(getattr(self, field.name)[rows] for field in fields(Held)))


class AgainstOthers:
    """All subjects but lots, day by day."""

    def __init__(self, scene: Scene, monitor: Monitor) -> None:
        self._sums = Accrual(scene)
        self._base = scene.subjects.base.tolist()
        is_weighed = monitor.baseline.kind == "contemporary"
        self._is_weighed = (scene.subjects.kind != UNIT) & is_weighed
        self._columns, self._units = scene.strata * INTERVALS, scene.lag.size
        self._shape = monitor.unit_shape

    def held(self, subject: Ints, day: Ints) -> Held:
        """Some subjects on some days, which ascend, and are none before those that were asked for before."""
        many = subject.size
        time, weighed, events, others_time, others_events = np.zeros((5, many, self._columns))
        found = Held(time, weighed, events, others_time, others_events, np.ones((many, self._units)))
        days, first = np.unique(day, return_index=True)
        for when, since, until in zip(days.tolist(), first.tolist(), [*first[1:].tolist(), many], strict=True):
            self._sums.upto(when)
            self._on_the_day(found, subject, slice(since, until))
        return found

    def _on_the_day(self, found: Held, subject: Ints, looks: slice) -> None:
        sums, cells = self._sums, self._sums.cells
        nothing = np.zeros(cells.size)
        every_time, every_event = sums.unit_time.sum(axis=0), sums.unit_events.sum(axis=0)
        own: list[Own] = []
        based: list[Own | None] = []
        numbers = subject[looks].tolist()
        time, events, others_time, others_events = (np.empty((len(numbers), cells.size)) for _ in range(4))
        for at, number in enumerate(numbers):
            its, base = sums.own(number), self._base[number]
            own.append(its)
            time[at], events[at] = its.time.sum(axis=0), its.events.sum(axis=0)
            if base == number:
                based.append(its)
                others_time[at], others_events[at] = every_time - time[at], every_event - events[at]
                continue
            left = sums.own(base) if base >= 0 else None
            based.append(left)
            others_time[at] = every_time - (nothing if left is None else left.time.sum(axis=0))
            others_events[at] = every_event - (nothing if left is None else left.events.sum(axis=0))
        for whole, part in (
            (found.time, time),
            (found.weighed, time),
            (found.events, events),
            (found.others_time, others_time),
            (found.others_events, others_events),
        ):
            whole[looks, cells] = part
        weighed = np.flatnonzero(self._is_weighed[subject[looks]])
        if not weighed.size:
            return
        rows = looks.start + weighed
        hazard = hazard_of(Experience(found.others_time[rows], found.others_events[rows]))[:, cells]
        hazard = np.rint(hazard * _FINE)
        due = hazard @ sums.unit_time.T
        outcomes = np.repeat(sums.unit_events.sum(axis=1)[None], weighed.size, axis=0)
        for at, look in enumerate(weighed.tolist()):
            left = based[look]
            if left is not None:
                due[at, left.units] -= left.time @ hazard[at]
                outcomes[at, left.units] -= left.events.sum(axis=1)
        factors = unit_factors_of(outcomes, np.maximum(due / _FINE, 0.0), self._shape)
        found.factors[rows] = factors
        for at, look in enumerate(weighed.tolist()):
            found.weighed[rows[at], cells] = factors[at, own[look].units] @ own[look].time
