"""Subjects as they stand now, each held against what it is compared with; many at once share what they have in common.

How much more, or less, is to be expected at a unit is what its other products say, for a lot as for its product. A
lot is compared with lots that were put in at few units, which are not those of all others: so the time at risk of
both sides is weighed. A unit's own patients are not weighed, since it is the unit that is in question.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schemas.subjects import subject_of
from streams.surveillance.expected import FINE, Comparison, Experience, compare, fine, hazard_of
from streams.surveillance.extent import rows_of
from streams.surveillance.intervals import INTERVALS
from streams.surveillance.units import unit_factors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from streams.surveillance.monitor import Monitor
    from streams.surveillance.person_time import Own, PersonTime

    Floats = NDArray[np.float64]
    Ints = NDArray[np.integer]

_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Present:
    """A subject and what it is held against, with all that is known now.

    Attributes:
        others: the comparator.
        factors: of every unit of the group.
        compared: the comparison, of one day.
        time: days at risk, not weighed.
        others_time: the comparator's, not weighed.
    """

    others: Experience
    factors: Floats
    compared: Comparison
    time: float
    others_time: float


def present(sums: PersonTime, monitor: Monitor, label: str) -> Present:
    """How a subject stands now."""
    return next(presents(sums, monitor, [label]))


def presents(sums: PersonTime, monitor: Monitor, labels: Sequence[str]) -> Iterator[Present]:
    """How each of some subjects stands now; those of a kind that follow each other are worked out a few at a time."""
    group = _Group(sums, monitor)
    for kind, of_kind in groupby(labels, key=lambda label: subject_of(label).kind):
        same = list(of_kind)
        for at in range(0, len(same), _AT_ONCE):
            some = same[at : at + _AT_ONCE]
            held = group.units(some) if kind == "unit" else group.lots(some) if kind == "lot" else group.products(some)
            compared = compare(Experience(held.weighed, held.events), held.others, monitor.of(kind).baseline)
            for row in range(len(some)):
                its = slice(row, row + 1)
                yield Present(
                    Experience(held.others.time[its], held.others.events[its]),
                    held.factors[row],
                    Comparison(*(getattr(compared, part.name)[its] for part in fields(Comparison))),
                    float(held.time[row].sum()),
                    float(held.others_time[row]),
                )


class _Held(NamedTuple):
    """Some subjects and what they are held against: a row for each, a column for each cell.

    Attributes:
        time: days at risk, not weighed.
        weighed: the same, each unit's times its factor.
        events: first outcomes.
        others: the comparators'.
        others_time: their days at risk, not weighed; one for each.
        factors: a column for each unit.
    """

    time: Floats
    weighed: Floats
    events: Floats
    others: Experience
    others_time: Floats
    factors: Floats


class _Group:
    """All products that others are compared with, and what the hazard of all of them expects at each unit."""

    def __init__(self, sums: PersonTime, monitor: Monitor) -> None:
        self._sums, self._monitor = sums, monitor
        many, cells = len(sums.bins.units.all), sums.cells
        # a row for each cell: of some cells all units are read then, one after the other
        self._time = sums.unit_time[:many, :cells].T.astype(np.float64, order="C")
        unit_events = sums.unit_events[:many, :cells].astype(np.float64)
        self._all = Experience(self._time.sum(axis=1), unit_events.sum(axis=0))
        self._unit_events = unit_events.sum(axis=1)
        self._is_used = self._time.any(axis=1)
        self._hazard = hazard_of(Experience(self._all.time[None], self._all.events[None]))[0]
        self._due = fine(self._time * self._hazard[:, None])
        self._all_due = self._due.sum(axis=0)
        self._known: dict[str, tuple[_Held, int]] = {}

    def products(self, labels: Sequence[str]) -> _Held:
        """Products, families and companies, against all others."""
        sums, cells = self._sums, self._sums.cells
        own = [sums.own(*self._monitor.members(label)[1]) for label in labels]
        shared = [one.shared for one in own]
        time, events = _by_cell(own, cells)
        all_are_in = all(one is its for one, its in zip(shared, own, strict=True))
        in_time, in_events = (time, events) if all_are_in else _by_cell(shared, cells)
        others = Experience(self._all.time - in_time, self._all.events - in_events)
        factors = np.ones((len(labels), self._unit_events.size))
        weighed = time
        if self._monitor.baseline.kind == "contemporary" and cells:
            found = zip(shared, hazard_of(others), strict=True)
            factors = np.array([unit_factors(*self._without(*one), self._monitor.unit_shape) for one in found])
            weighed = np.array(
                [
                    np.bincount(one.cell.ravel(), (one.time * of_unit[one.unit][:, None]).ravel(), cells)
                    for one, of_unit in zip(own, factors, strict=True)
                ]
            )
        held = _Held(time, weighed, events, others, others.time.sum(axis=1), factors)
        self._known |= {label: (held, row) for row, label in enumerate(labels)}
        return held

    def lots(self, labels: Sequence[str]) -> _Held:
        """Lots, each against the other lots of its product."""
        sums, bins = self._sums, self._sums.bins
        products = [subject_of(label).name for label in labels]
        if missing := [product for product in dict.fromkeys(products) if product not in self._known]:
            self.products(missing)
        every = [self._known[product] for product in products]
        rows = [rows_of(sums, self._monitor, label) for label in labels]
        part, row = np.repeat(np.arange(len(rows)), [one.size for one in rows]), np.concatenate(rows)
        factors = np.array([held.factors[at] for held, at in every])
        weight = bins.column("count")[row] * factors[part, bins.column("unit")[row]]
        time, weighed = sums.time_by(part, len(rows), row), sums.time_by(part, len(rows), row, weight)
        events = sums.events_by(part, len(rows), row).astype(np.float64)
        others = Experience(
            np.array([held.weighed[at] for held, at in every]) - weighed,
            np.array([held.events[at] for held, at in every]) - events,
        )
        others_time = np.array([held.time[at].sum() for held, at in every]) - time.sum(axis=1)
        return _Held(time, weighed, events, others, others_time, factors)

    def units(self, labels: Sequence[str]) -> _Held:
        """Units, each against all others."""
        units = self._sums.bins.units
        at = np.array([units.find(subject_of(label).name) for label in labels])
        is_there = (at >= 0)[:, None]
        time = self._time.T[at] * is_there
        events = self._sums.unit_events[at, : self._sums.cells].astype(np.float64) * is_there
        others = Experience(self._all.time - time, self._all.events - events)
        return _Held(time, time, events, others, others.time.sum(axis=1), np.ones((at.size, len(units.all))))

    def _without(self, own: Own, hazard: Floats) -> tuple[Floats, Floats]:
        """First outcomes of all but some products, by unit, and how many their hazard expects there.

        Args:
            own: those products', as far as others are compared with them.
            hazard: of the others, a day, by cell.
        """
        if not own.unit.size:
            return self._unit_events, self._all_due / FINE
        # the others' hazard is that of all wherever the products have not been; so only the rest is worked out anew
        differs = (hazard != self._hazard) & self._is_used
        at = np.flatnonzero(own.time)
        its_cell, its_unit = own.cell.ravel()[at], own.unit[at // INTERVALS]
        differs[its_cell] = True
        cells = np.flatnonzero(differs)
        row = np.cumsum(differs) - 1
        time = self._time[cells]
        np.subtract.at(time.reshape(-1), row[its_cell] * time.shape[1] + its_unit, own.time.ravel()[at])
        time *= hazard[cells, None]
        due = self._all_due - self._due[cells].sum(axis=0) + fine(time).sum(axis=0)
        events = np.bincount(own.unit, own.events.sum(axis=1), self._unit_events.size)
        return self._unit_events - events, due / FINE


def _by_cell(own: Sequence[Own], cells: int) -> tuple[Floats, Floats]:
    """Days at risk and first outcomes: a row for each, a column for each cell."""
    time, events = (
        np.array([np.bincount(one.cell.ravel(), part.ravel(), cells) for one, part in parts], dtype=np.float64)
        for parts in ([(one, one.time) for one in own], [(one, one.events) for one in own])
    )
    return time, events
