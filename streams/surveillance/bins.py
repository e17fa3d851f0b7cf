"""What is known of the exposures of one monitor group: how many there are of every kind that cannot be told apart.

A change takes its before away and puts its after in: whole numbers, exact in any order. What it costs grows with
the kinds, not with the implants.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Int32s = NDArray[np.int32]

OPEN = 1 << 30
"""The stop of an exposure that is still at risk: after every day."""
FIRST_DAY = -3653
"""1960-01-01: what is dated earlier counts as begun then, so that no odd date costs a century of days."""

Name = TypeVar("Name", bound="Hashable")
_KEYS = [0, 1, 2, 3, 5, 6, 7]  # the columns that make a kind
_PLACE_OF = [0, 2, 3]  # and those of these that make a place
_COLUMNS = ("product", "lot", "unit", "stratum", "place", "start", "stop", "event", "count")


class Exposure(NamedTuple):
    """One exposure, with the fields of ``ExposureBatch``'s states in their order; days are numbers."""

    product: str
    lot: str
    unit: str
    side: str
    by: tuple[str, ...]
    start: int
    end: int | None
    end_reason: str
    outcomes: int
    first_outcome: int | None
    specific: int = 0
    first_specific: int | None = None
    unknown: int = 0
    carried_until: int | None = None
    recorded: int | None = None
    end_recorded: int | None = None


class Change(NamedTuple):
    """What became of one exposure.

    Attributes:
        patient: pseudonym.
        registration_id: the registration that began it.
        before: as it was; None where it was not.
        after: as it is now; None where it is no more.
        opted_out: whether the person has opted out: it is no more for that, which is no correction; or it comes back
            since that was lifted.
    """

    patient: str
    registration_id: str
    before: Exposure | None
    after: Exposure | None
    opted_out: bool = False


class Bin(NamedTuple):
    """A kind of exposure.

    Attributes:
        product: code of the product.
        lot: its lot; empty where not known.
        unit: the unit that began it.
        stratum: labels of the strata, in the order declared.
        start: first day.
        stop: the day of the first outcome, else of the end, else ``OPEN``: from then on nobody is at risk of a first
            outcome.
        event: whether it stopped with an outcome. However many follow, an exposure counts once.
    """

    product: str
    lot: str
    unit: str
    stratum: tuple[str, ...]
    start: int
    stop: int
    event: bool


def bin_of(exposure: Exposure) -> Bin:
    """The kind that an exposure is of."""
    start, outcome = max(exposure.start, FIRST_DAY), exposure.first_outcome
    stop = exposure.end if outcome is None else outcome
    return Bin(
        exposure.product,
        exposure.lot,
        exposure.unit,
        exposure.by,
        start,
        OPEN if stop is None else max(stop, start),
        outcome is not None,
    )


def net(changes: Iterable[Change]) -> dict[Bin, int]:
    """What changes add to each kind, less what they take; kinds that stay as they are left out."""
    added: defaultdict[Bin, int] = defaultdict(int)
    for _, _, before, after, _ in changes:
        if before is not None:
            added[bin_of(before)] -= 1
        if after is not None:
            added[bin_of(after)] += 1
    return {kind: number for kind, number in added.items() if number}


class Names(dict[Name, int]):
    """Things by number, in the order in which they were first met: one that has none gets the next when asked for.

    Attributes:
        all: the things, by number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Name] = []

    def __missing__(self, name: Name) -> int:
        number = self[name] = len(self.all)
        self.all.append(name)
        return number

    def find(self, name: Name) -> int:
        """The number of a thing; -1 where it has none."""
        return self.get(name, -1)


class Bins:
    """The kinds and their numbers, in columns: names as numbers, a row for each kind.

    A *place* is a product at a unit in a stratum.

    Attributes:
        products, lots, units, strata: what the numbers in the columns of those names mean.
        places: the same for the column ``place``: numbers of product, unit and stratum.
    """

    def __init__(self) -> None:
        self.products: Names[str] = Names()
        self.lots: Names[str] = Names()
        self.units: Names[str] = Names()
        self.strata: Names[tuple[str, ...]] = Names()
        self.places: Names[tuple[int, int, int]] = Names()
        self._places_of: defaultdict[int, array[int]] = defaultdict(lambda: array("i"))
        self._rows: dict[bytes, int] = {}
        self._rows_of: defaultdict[int, array[int]] = defaultdict(lambda: array("i"))
        self._unused: defaultdict[int, list[int]] = defaultdict(list)  # a row stays its product's
        self._size = 0
        self._table = np.zeros((len(_COLUMNS), 64), dtype=np.int32)

    def column(self, name: str) -> Int32s:
        """One of the columns, as long as there are rows; rows whose count is 0 mean nothing."""
        return self._table[_COLUMNS.index(name), : self._size]

    def rows_of(self, product: int) -> NDArray[np.intp]:
        """The rows of a product."""
        every = np.array(self._rows_of.get(product, ()), dtype=np.intp)
        rows: NDArray[np.intp] = every[self.column("count")[every] != 0]
        return rows

    def rows_at(self, units: Sequence[int]) -> NDArray[np.intp]:
        """The rows of some units."""
        is_one = np.zeros(len(self.units.all) + 1, dtype=np.bool_)  # the last is of those never met
        is_one[[*units]] = True
        is_one[-1] = False
        return np.flatnonzero(is_one[self.column("unit")] & (self.column("count") != 0))

    def places_of(self, product: int) -> Int32s:
        """The places that a product was ever at: a row of three for each, its number, and those of unit and stratum."""
        return np.array(self._places_of.get(product, ()), dtype=np.int32).reshape(-1, 3)

    def add(self, numbers: Mapping[Bin, int]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Take what is to be added to some kinds.

        Returns:
            Their rows, and what was added to each. A row that comes to 0 is used anew by the next call.
        """
        rows = np.array(self._found(numbers), dtype=np.intp)
        added = np.fromiter(numbers.values(), dtype=np.int64, count=len(numbers))
        counts = self.column("count")
        counts[rows] += added.astype(np.int32)
        gone = rows[counts[rows] == 0]
        kinds = self._table[np.ix_(_KEYS, gone)]
        for row, key, product in zip(gone.tolist(), _keys_of(kinds), kinds[0].tolist(), strict=True):
            del self._rows[key]
            self._unused[product].append(row)
        return rows, added

    def _found(self, kinds: Collection[Bin]) -> list[int]:
        """The rows of some kinds, new ones with a count of 0 for those that had none."""
        if not kinds:
            return []
        # column by column, each in one call: most of a back-fill's kinds are new and go through all of this
        product, lot, unit, stratum, start, stop, event = zip(*kinds, strict=True)
        named = (self.products, product), (self.lots, lot), (self.units, unit), (self.strata, stratum)
        columns = np.array([*([*map(names.__getitem__, some)] for names, some in named), start, stop, event], np.int32)
        known, keys = self._rows, _keys_of(columns)
        rows = [known.get(key, -1) for key in keys]
        new = [at for at, row in enumerate(rows) if row < 0]
        if new:
            kept = columns[:, new]
            new_rows = [self._new_row(one) for one in kept[0].tolist()]
            for at, row in zip(new, new_rows, strict=True):
                rows[at] = known[keys[at]] = row
            places = [self._place(at) for at in zip(*kept[_PLACE_OF].tolist(), strict=True)]
            self._make_room()
            self._table[:, new_rows] = np.vstack((kept[:4], places, kept[4:], np.zeros_like(places)))
        return rows

    def _new_row(self, product: int) -> int:
        unused = self._unused.get(product)
        if unused:
            return unused.pop()
        self._rows_of[product].append(self._size)
        self._size += 1
        return self._size - 1

    def _place(self, at: tuple[int, int, int]) -> int:
        place = self.places.get(at)
        if place is not None:
            return place
        product, unit, stratum = at
        place = self.places[at]
        self._places_of[product].extend((place, unit, stratum))
        return place

    def _make_room(self) -> None:
        room = self._table.shape[1]
        if self._size > room:
            wider = np.zeros((len(_COLUMNS), max(self._size, 2 * room)), dtype=np.int32)
            wider[:, :room] = self._table
            self._table = wider


def _keys_of(columns: Int32s) -> list[bytes]:
    """A key for each kind, of the numbers that make it: bytes take a fraction of the memory of a tuple."""
    whole = np.dtype((np.void, columns.shape[0] * columns.itemsize))
    keys = np.ascontiguousarray(columns.T).view(whole).ravel()
    return [bytes(key) for key in keys.tolist()]  # which gives the same object back
