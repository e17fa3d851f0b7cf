"""Person-time and first outcomes by stratum and interval: of each product and unit now, and of the group on any day.

A *cell* is a stratum and an interval: number of the stratum · INTERVALS + interval. Time is in days, each unit's up to
its reported-through day; outcomes count at once. All are sums of whole numbers, kept up as exposures change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from streams.surveillance.bins import FIRST_DAY, OPEN, Bins
from streams.surveillance.intervals import INTERVALS, interval_of, spans
from streams.surveillance.running import come_by, grown_by

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from streams.surveillance.bins import Bin

    Floats = NDArray[np.float64]
    Ints = NDArray[np.integer]

_NEVER = -OPEN  # the reported-through day of a unit of which none is known
_EVERY = slice(None)


class Own(NamedTuple):
    """What the products of some subjects have: a number, or a row of one for each interval, for each of their places.

    Attributes:
        part: whose it is: the subject's place among them, ascending.
        unit: number of the unit.
        stratum: number of the stratum.
        time: days at risk by interval.
        events: first outcomes by interval.
        is_in: whether others are compared with the product.
    """

    part: Ints
    unit: Ints
    stratum: Ints
    time: NDArray[np.int32]
    events: NDArray[np.int32]
    is_in: NDArray[np.bool_]

    @property
    def shared(self) -> Own:
        """That of the products among them that others are compared with."""
        if self.is_in.all():
            return self
        part, unit, stratum, time, events, is_in = self
        return Own(part[is_in], unit[is_in], stratum[is_in], time[is_in], events[is_in], is_in[is_in])


class PersonTime:
    """What is known of a group, and its sums.

    Attributes:
        bins: the exposures.
        time: days at risk by place (a product at a unit in a stratum) and interval.
        events: first outcomes, likewise.
        unit_time: days at risk by unit and cell of all products that others are compared with.
        unit_events: their first outcomes, likewise.
        left_out: products that no other is compared with.
    """

    def __init__(self) -> None:
        self.bins = Bins()
        self.time: NDArray[np.int32] = np.zeros((0, INTERVALS), dtype=np.int32)
        self.events: NDArray[np.int32] = np.zeros((0, INTERVALS), dtype=np.int32)
        self.unit_time: NDArray[np.int64] = np.zeros((0, 0), dtype=np.int64)
        self.unit_events: NDArray[np.int64] = np.zeros((0, 0), dtype=np.int64)
        self.left_out: frozenset[str] = frozenset()
        self._through: dict[str, int] = {}
        self._by_unit: NDArray[np.int64] | None = None  # the same by number
        self._by_day = _ByDay()
        self._outcomes: tuple[Ints, Ints, Floats] | None = None  # of all that others are compared with

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return len(self.bins.strata.all) * INTERVALS

    def add(self, numbers: Mapping[Bin, int]) -> dict[Bin, int]:
        """Take what is to be added to the numbers of some kinds of exposure; returns what they are now."""
        rows, added = self.bins.add(numbers)
        self._make_room()
        self._outcomes = None
        self._add_rows(rows, added, own=True, shared=self.is_compared(rows))
        return dict(zip(numbers, self.bins.column("count")[rows].tolist(), strict=True))

    def report(self, through: Mapping[str, int | None]) -> set[str]:
        """Follow some units up to another day than before.

        Args:
            through: reported-through days by unit, None where none is known any more. Those of other units stay as
                they are; one that has none adds no time at risk.

        Returns:
            The units whose day is another now.
        """
        moved = {unit: day for unit, day in through.items() if self._through.get(unit) != day}
        if not moved:
            return set()
        bins = self.bins
        old = self.through_by_unit()
        for one, day in moved.items():
            if day is None:
                del self._through[one]
            else:
                self._through[one] = day
        self._by_unit = None
        new = self.through_by_unit()
        low, high = np.minimum(old, new).astype(np.int32), np.maximum(old, new).astype(np.int32)
        sign = np.where(new > old, 1, -1).astype(np.int32)
        first = low[low < high].min(initial=OPEN)
        rows = np.flatnonzero(bins.column("stop") > first)  # nothing moves of those that stopped before
        unit = bins.column("unit")[rows]
        since = np.maximum(bins.column("start")[rows], low[unit])
        until = np.minimum(bins.column("stop")[rows], high[unit])
        moves = np.flatnonzero(until > since)
        rows, since, until, unit = rows[moves], since[moves], until[moves], unit[moves]
        weight = bins.column("count")[rows] * sign[unit]
        self._add_time(rows, since, until, weight, own=True, shared=self.is_compared(rows))
        return set(moved)

    def leave_out(self, products: Collection[str]) -> bool:
        """Compare others with these products no more, and with all the rest; returns whether that is anything new."""
        new = frozenset(products)
        changed = self.left_out ^ new
        self.left_out = new
        if changed:
            self._outcomes = None
        for product in changed:
            rows = self.bins.rows_of(self.bins.products.find(product))
            weight = self.bins.column("count")[rows].astype(np.int64) * (-1 if product in new else 1)
            self._add_rows(rows, weight, own=False, shared=np.ones(rows.size, dtype=np.bool_))
        return bool(changed)

    def through(self, unit: str) -> int | None:
        """A unit's reported-through day; None where it is not known."""
        return self._through.get(unit)

    def through_by_unit(self) -> NDArray[np.int64]:
        """Each unit's reported-through day; before all time where it is not known."""
        units = self.bins.units.all
        if self._by_unit is None or self._by_unit.size != len(units):
            self._by_unit = np.array([self._through.get(unit, _NEVER) for unit in units], dtype=np.int64)
        return self._by_unit

    def until(self, rows: Ints) -> Ints:
        """The day that the time at risk of some exposures ends on, as far as is reported."""
        unit = self.bins.column("unit")[rows]
        return np.minimum(self.bins.column("stop")[rows], self.through_by_unit()[unit])

    def own(self, *members: Sequence[str]) -> Own:
        """Days at risk and first outcomes now.

        Args:
            members: of each subject, its products.
        """
        bins = self.bins
        places = [[bins.places_of(bins.products.find(product)) for product in products] for products in members]
        found = [one for its in places for one in its]
        part = np.repeat(np.arange(len(members)), [sum(map(len, its)) for its in places])
        is_in = np.repeat(
            np.array([product not in self.left_out for products in members for product in products], dtype=np.bool_),
            [len(one) for one in found],
        )
        place, unit, stratum = np.concatenate(found or [bins.places_of(-1)]).T
        # take is many times quicker than an index at taking rows that are short
        return Own(part, unit, stratum, self.time.take(place, axis=0), self.events.take(place, axis=0), is_in)

    def time_on(self, days: Ints, rows: Ints, weight: Floats) -> Floats:
        """Days at risk of some exposures up to each of some days, by cell.

        Args:
            days: ascending.
            rows: of the exposures' kinds.
            weight: what each row counts, its number taken in.
        """
        start, until = self.bins.column("start")[rows], self.until(rows)
        found = spans(start, start, until)
        cell = self.bins.column("stratum")[rows][found.row] * INTERVALS + found.interval
        return grown_by(days, found.enter, found.leave, weight[found.row], column=cell, columns=self.cells)

    def events_on(self, days: Ints, rows: Ints) -> Floats:
        """First outcomes of some exposures up to each of some days, by cell."""
        when, cell, count = self._outcomes_of(rows[self.bins.column("event")[rows] == 1])
        return come_by(days, when, count, column=cell, columns=self.cells)

    def time_by(self, part: Ints, parts: int, rows: Ints, weight: Floats | None = None) -> Floats:
        """Days at risk of some exposures, by part and cell.

        Args:
            part: of which part each row is.
            parts: how many there are.
            rows: of the exposures' kinds.
            weight: what each row counts, its number taken in; its number where left out.
        """
        bins = self.bins
        start = bins.column("start")[rows]
        found = spans(start, start, self.until(rows))
        cell = bins.column("stratum")[rows][found.row] * INTERVALS + found.interval
        if weight is None:
            weight = bins.column("count")[rows].astype(np.float64)
        place = part[found.row] * self.cells + cell
        time = np.bincount(place, weight[found.row] * (found.leave - found.enter), parts * self.cells)
        return time.reshape(parts, self.cells).astype(np.float64, copy=False)  # of nothing it would be whole numbers

    def events_by(self, part: Ints, parts: int, rows: Ints) -> NDArray[np.int64]:
        """First outcomes of some exposures, likewise."""
        with_event = self.bins.column("event")[rows] == 1
        rows, part = rows[with_event], part[with_event]
        events = np.zeros((parts, self.cells), dtype=np.int64)
        _accumulate(events, part, self._event_cell(rows), self.bins.column("count")[rows])
        return events

    def compared_on(self, days: Ints) -> tuple[Floats, Floats]:
        """Days at risk and first outcomes of all products that others are compared with, up to each of some days."""
        if self._outcomes is None:
            rows = np.flatnonzero(self.bins.column("event"))
            rows = rows[self.is_compared(rows)]
            self._outcomes = self._outcomes_of(rows)
        when, cell, count = self._outcomes
        events = come_by(days, when, count, column=cell, columns=self.cells)
        return self._by_day.up_to(days, self.cells), events

    def is_compared(self, rows: Ints) -> NDArray[np.bool_]:
        """Whether each of some exposures is of a product that others are compared with."""
        left_out = np.zeros(len(self.bins.products.all) + 1, dtype=np.bool_)  # the last is of those never met
        left_out[[self.bins.products.find(product) for product in self.left_out]] = True
        found: NDArray[np.bool_] = ~left_out[self.bins.column("product")[rows]]
        return found

    def _add_rows(self, rows: Ints, weight: Ints, *, own: bool, shared: NDArray[np.bool_]) -> None:
        start = self.bins.column("start")[rows]
        self._add_time(rows, start, self.until(rows), weight, own=own, shared=shared)
        with_event = self.bins.column("event")[rows] == 1
        rows, weight, shared = rows[with_event], weight[with_event], shared[with_event]
        cell = self._event_cell(rows)
        if own:
            _accumulate(self.events, self.bins.column("place")[rows], cell % INTERVALS, weight)
        _accumulate(self.unit_events, self.bins.column("unit")[rows], cell, weight * shared)

    def _add_time(
        self, rows: Ints, since: Ints, until: Ints, weight: Ints, *, own: bool, shared: NDArray[np.bool_]
    ) -> None:
        bins = self.bins
        found = spans(bins.column("start")[rows], since, until)
        row, many = rows[found.row], weight[found.row]
        cell = bins.column("stratum")[row] * INTERVALS + found.interval
        days = many * (found.leave - found.enter)
        if own:
            _accumulate(self.time, bins.column("place")[row], found.interval, days)
        with_others = shared[found.row]
        _accumulate(self.unit_time, bins.column("unit")[row], cell, days * with_others)
        self._by_day.add(cell, found.enter, found.leave, many * with_others)

    def _outcomes_of(self, rows: Ints) -> tuple[Ints, Ints, Floats]:
        """Day, cell and number of the first outcomes of some kinds, all of which have one."""
        bins = self.bins
        return bins.column("stop")[rows], self._event_cell(rows), bins.column("count")[rows].astype(np.float64)

    def _event_cell(self, rows: Ints) -> Ints:
        bins = self.bins
        age = bins.column("stop")[rows] - bins.column("start")[rows]
        return bins.column("stratum")[rows] * INTERVALS + interval_of(age)

    def _make_room(self) -> None:
        places, units, cells = len(self.bins.places.all), len(self.bins.units.all), self.cells
        self.time, self.events = _roomy(self.time, places, INTERVALS), _roomy(self.events, places, INTERVALS)
        self.unit_time = _roomy(self.unit_time, units, cells)
        self.unit_events = _roomy(self.unit_events, units, cells)


class _ByDay:
    """Days at risk up to every day, by cell, worked out again only from the first day that anything changed on."""

    def __init__(self) -> None:
        self._turns = np.zeros((0, 0), dtype=np.int32)  # how many more are at risk from that day on
        self._time = np.zeros((0, 0), dtype=np.int64)  # days at risk before that day
        self._first = OPEN  # no turn comes before it
        self._last = 0  # nor after it
        self._right = 0  # the time is right up to this day

    def add(self, cell: Ints, enter: Ints, leave: Ints, many: Ints) -> None:
        """Let so many be at risk from one day to another."""
        if cell.size == 0:
            return
        first, last = int(enter.min()) - FIRST_DAY, int(leave.max()) - FIRST_DAY
        self._make_room(last + 1, int(cell.max()) + 1)
        days, cells = np.concatenate((enter, leave)) - FIRST_DAY, np.concatenate((cell, cell))
        before = self._turns[days, cells]
        _accumulate(self._turns, days, cells, np.concatenate((many, -many)))
        changed = days[self._turns[days, cells] != before]  # what is corrected takes away most of what it puts in
        self._first, self._last = min(self._first, first), max(self._last, last)
        self._right = min(self._right, int(changed.min(initial=self._right)))

    def up_to(self, days: Ints, cells: int) -> Floats:
        """Days at risk before each of some days, by cell."""
        self._make_room(1, cells)
        start, last = max(self._right, self._first), self._last
        if start < last:
            at_risk = self._time[start] - self._time[start - 1] if start else np.zeros_like(self._time[0])
            for day in range(start, last):  # row by row they stay in the cache: cumsum down the columns takes 8 times
                at_risk += self._turns[day]
                np.add(self._time[day], at_risk, out=self._time[day + 1])
        self._right = last
        return self._time[np.clip(days - FIRST_DAY, 0, last), :cells].astype(np.float64)

    def _make_room(self, days: int, cells: int) -> None:
        if days > self._turns.shape[0]:
            days *= 2  # days come one by one; those that have not come take no memory
        used = slice(min(self._first, self._last + 1), self._last + 2)
        self._turns = _roomy(self._turns, days, cells, used=used)
        self._time = _roomy(self._time, days, cells, used=used)


def _accumulate(array: NDArray[Any], row: Ints, column: Ints, what: Ints) -> None:
    """Add to some places of an array, each as often as it is named; numpy is fast at this in one dimension only."""
    place = row.astype(np.int64) * array.shape[1] + column
    np.add.at(array.reshape(-1), place, what.astype(array.dtype))


def _roomy(array: NDArray[Any], rows: int, columns: int, *, used: slice = _EVERY) -> NDArray[Any]:
    """The array with room for so many rows and columns, and some to spare where it had to grow.

    Args:
        array: as it was.
        rows: how many there must be.
        columns: likewise.
        used: all other rows are zeros; not copied, they take no memory.
    """
    old_rows, old_columns = array.shape
    if rows <= old_rows and columns <= old_columns:
        return array
    shape = (
        old_rows if rows <= old_rows else rows + rows // 4,
        old_columns if columns <= old_columns else columns + columns // 2,
    )
    wider = np.zeros(shape, dtype=array.dtype)
    some = slice(*used.indices(old_rows))
    wider[some, :old_columns] = array[some]
    return wider
