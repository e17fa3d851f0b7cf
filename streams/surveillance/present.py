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
from scipy.sparse import csc_matrix

from schemas.subjects import subject_of
from streams.surveillance.expected import Comparison, Experience, compare, hazard_of
from streams.surveillance.extent import days_by, rows_by
from streams.surveillance.intervals import INTERVALS
from streams.surveillance.units import unit_factors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from schemas.subjects import Kind
    from streams.surveillance.extent import Rows
    from streams.surveillance.monitor import Monitor
    from streams.surveillance.person_time import Own, PersonTime

    Floats = NDArray[np.float64]
    Ints = NDArray[np.integer]

_AT_ONCE = 32
_FINE = 2.0**40  # hazards are counted in whole numbers of its inverse: sums of them are exact in any order


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


@dataclass(frozen=True, slots=True)
class Together:
    """Some subjects of one kind as they stand now: a number, or a row, for each.

    Attributes:
        kind: which.
        labels: of the subjects.
        others: the comparators.
        factors: a column for each unit.
        compared: the comparisons.
        time: days at risk, not weighed.
        others_time: the comparators', not weighed.
        first: the day on which the first of the exposures began.
        last: the last day that anything is known of.
    """

    kind: Kind
    labels: Sequence[str]
    others: Experience
    factors: Floats
    compared: Comparison
    time: Floats
    others_time: Floats
    first: Ints
    last: Ints

    def present(self, at: int) -> Present:
        """How one of them stands."""
        its = slice(at, at + 1)
        return Present(
            Experience(self.others.time[its], self.others.events[its]),
            self.factors[at],
            Comparison(*(getattr(self.compared, part.name)[its] for part in fields(Comparison))),
            float(self.time[at]),
            float(self.others_time[at]),
        )


def present(sums: PersonTime, monitor: Monitor, label: str) -> Present:
    """How a subject stands now."""
    return next(together(sums, monitor, [label])).present(0)


def together(sums: PersonTime, monitor: Monitor, labels: Sequence[str]) -> Iterator[Together]:
    """How each of some subjects stands now: those of a kind that follow each other are worked out a few at a time."""
    group = _Group(sums, monitor)
    for kind, of_kind in groupby(labels, key=lambda label: subject_of(label).kind):
        same = list(of_kind)
        for at in range(0, len(same), _AT_ONCE):
            some = same[at : at + _AT_ONCE]
            rows = rows_by(sums, monitor, some)
            if kind == "unit":
                held = group.units(some)
            else:
                held = group.lots(some, rows) if kind == "lot" else group.products(some)
            compared = compare(Experience(held.weighed, held.events), held.others, monitor.of(kind).baseline)
            time = held.time.sum(axis=1)
            yield Together(
                kind, some, held.others, held.factors, compared, time, held.others_time, *days_by(sums, rows)
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
        self._time = np.ascontiguousarray(sums.unit_time[:many, :cells].T)
        unit_events = sums.unit_events[:many, :cells]
        self._all = Experience(*(part.astype(np.float64) for part in (self._time.sum(axis=1), unit_events.sum(axis=0))))
        self._unit_events = unit_events.sum(axis=1)
        self._hazard = _whole(hazard_of(Experience(self._all.time[None], self._all.events[None]))[0])
        self._due = np.einsum("cu,c->u", self._time, self._hazard)
        self._known: dict[str, tuple[_Held, int]] = {}

    def products(self, labels: Sequence[str]) -> _Held:
        """Products, families and companies, against all others."""
        cells, many = self._sums.cells, len(labels)
        own = self._sums.own(*(self._monitor.members(label)[1] for label in labels))
        shared = own.shared
        time, events = _by_cell(own, own.time, many, cells), _by_cell(own, own.events, many, cells)
        in_time, in_events = time, events
        if shared is not own:
            in_time, in_events = (_by_cell(shared, what, many, cells) for what in (shared.time, shared.events))
        others = Experience(self._all.time - in_time, self._all.events - in_events)
        factors = np.ones((many, self._unit_events.size))
        weighed = time
        if self._monitor.baseline.kind == "contemporary" and cells:
            found = zip(*self._without(shared, _whole(hazard_of(others))), strict=True)
            factors = np.array([unit_factors(*one, self._monitor.unit_shape) for one in found])
            weighed = _by_cell(own, own.time, many, cells, factors[own.part, own.unit])
        held = _Held(time, weighed, events, others, others.time.sum(axis=1), factors)
        self._known |= {label: (held, row) for row, label in enumerate(labels)}
        return held

    def lots(self, labels: Sequence[str], rows: Rows) -> _Held:
        """Lots, each against the other lots of its product."""
        sums, bins, (row, part, parts) = self._sums, self._sums.bins, rows
        products = [subject_of(label).name for label in labels]
        if missing := [product for product in dict.fromkeys(products) if product not in self._known]:
            self.products(missing)
        every = [self._known[product] for product in products]
        factors = np.array([held.factors[at] for held, at in every])
        weight = bins.column("count")[row] * factors[part, bins.column("unit")[row]]
        time, weighed = sums.time_by(part, parts, row), sums.time_by(part, parts, row, weight)
        events = sums.events_by(part, parts, row).astype(np.float64)
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
        time = (self._time.T[at] * is_there).astype(np.float64)
        events = (self._sums.unit_events[at, : self._sums.cells] * is_there).astype(np.float64)
        others = Experience(self._all.time - time, self._all.events - events)
        return _Held(time, time, events, others, others.time.sum(axis=1), np.ones((at.size, len(units.all))))

    def _without(self, own: Own, hazards: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """First outcomes of all but some subjects' products, by unit, and how many their hazards expect there.

        Args:
            own: what those products have, as far as others are compared with them.
            hazards: of the others, a day: a row for each subject, by cell.

        Returns:
            A row for each subject, a column for each unit.
        """
        due = np.empty((len(hazards), self._due.size), dtype=np.int64)
        for row, more in enumerate(hazards - self._hazard):
            cells = np.flatnonzero(more)  # the hazard is that of all wherever the products have not been
            due[row] = self._due + np.einsum("cu,c->u", self._time.take(cells, axis=0), more[cells])
        place = own.part * due.shape[1] + own.unit
        strata = self._sums.cells // INTERVALS
        hazard = hazards.reshape(-1, INTERVALS).take(own.part * strata + own.stratum, axis=0)
        np.subtract.at(due.reshape(-1), place, np.einsum("pi,pi->p", own.time, hazard, dtype=np.int64))
        events = np.tile(self._unit_events, (len(hazards), 1))
        np.subtract.at(events.reshape(-1), place, own.events.sum(axis=1, dtype=np.int64))
        return events.astype(np.float64), due / _FINE


def _whole(hazard: Floats) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.rint(hazard * _FINE).astype(np.int64)
    return found


def _by_cell(own: Own, what: NDArray[np.int32], many: int, cells: int, weight: Floats | None = None) -> Floats:
    """The sums of something that subjects have at their places, by cell: a row for each.

    Args:
        own: the places.
        what: a row for each, a column for each interval.
        many: how many subjects there are.
        cells: how many cells there are.
        weight: what each place counts; 1 where left out.
    """
    size = own.part.size
    strata = cells // INTERVALS
    # a matrix that adds each place's row to that of its subject and stratum: one pass, where bincount takes several
    to_strata = csc_matrix(
        (np.ones(size) if weight is None else weight, own.part * strata + own.stratum, np.arange(size + 1)),
        shape=(many * strata, size),
    )
    found: Floats = (to_strata @ what.astype(np.float64)).reshape(many, cells)
    return found
