"""What is known of the exposures of one monitor group: how many there are of every kind that cannot be told apart.

A change takes its before away and puts its after in: whole numbers, exact in any order. What it costs grows with
the kinds, not with the implants.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from struct import Struct
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from numpy.typing import NDArray

    Int32s = NDArray[np.int32]

OPEN = 1 << 30
"""The stop of an exposure that is still at risk: after every day."""
FIRST_DAY = -3653
"""1960-01-01: what is dated earlier counts as begun then, so that no odd date costs a century of days."""

Name = TypeVar("Name", bound="Hashable")
_KEY = Struct("<6i?")
_KEYS = [0, 1, 2, 3, 5, 6, 7]  # the columns that make a kind
_COLUMNS = ("product", "lot", "unit", "stratum", "pair", "start", "stop", "event", "count")


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
        opted_out: whether it is no more because the person opted out, so that this is no correction.
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
    start = max(exposure.start, FIRST_DAY)
    event = exposure.first_outcome is not None
    stop = exposure.first_outcome if event else exposure.end
    return Bin(
        exposure.product,
        exposure.lot,
        exposure.unit,
        tuple(exposure.by),
        start,
        OPEN if stop is None else max(stop, start),
        event,
    )


def net(changes: Iterable[Change]) -> dict[Bin, int]:
    """What changes add to each kind, less what they take; kinds that stay as they are left out."""
    added: Counter[Bin] = Counter()
    for change in changes:
        if change.before is not None:
            added[bin_of(change.before)] -= 1
        if change.after is not None:
            added[bin_of(change.after)] += 1
    return {kind: number for kind, number in added.items() if number}


class Names(Generic[Name]):
    """Things by number, in the order in which they were first met."""

    def __init__(self) -> None:
        self.all: list[Name] = []
        self._places: dict[Name, int] = {}

    def place(self, name: Name) -> int:
        """The number of a thing, a new one where it has none."""
        found = self._places.get(name)
        if found is None:
            found = self._places[name] = len(self.all)
            self.all.append(name)
        return found

    def find(self, name: Name) -> int:
        """The number of a thing; -1 where it has none."""
        return self._places.get(name, -1)


class Bins:
    """The kinds and their numbers, in columns: names as numbers, a row for each kind.

    Attributes:
        products, lots, units, strata: what the numbers in the columns of those names mean.
        pairs: the same for the column ``pair``: numbers of product and unit.
        units_of: by product, the pairs and units that it was ever used with.
    """

    def __init__(self) -> None:
        self.products: Names[str] = Names()
        self.lots: Names[str] = Names()
        self.units: Names[str] = Names()
        self.strata: Names[tuple[str, ...]] = Names()
        self.pairs: Names[tuple[int, int]] = Names()
        self.units_of: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        self._rows: dict[bytes, int] = {}
        self._unused: list[int] = []
        self._size = 0
        self._table = np.zeros((len(_COLUMNS), 64), dtype=np.int32)

    def column(self, name: str) -> Int32s:
        """One of the columns, as long as there are rows; rows whose count is 0 mean nothing."""
        return self._table[_COLUMNS.index(name), : self._size]

    def rows_of(self, product: int) -> NDArray[np.intp]:
        """The rows of a product."""
        return np.flatnonzero((self.column("product") == product) & (self.column("count") != 0))

    def add(self, numbers: Mapping[Bin, int]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Take what is to be added to some kinds.

        Returns:
            Their rows, and what was added to each. A row that comes to 0 is used anew by the next call.
        """
        rows = [self._row(kind) for kind in numbers]
        places, added = np.array(rows, dtype=np.intp), np.fromiter(numbers.values(), dtype=np.int64)
        counts = self.column("count")
        counts[places] += added.astype(np.int32)
        for row in places[counts[places] == 0]:
            del self._rows[_KEY.pack(*self._table[_KEYS, row].tolist())]
            self._unused.append(int(row))
        return places, added

    def _row(self, kind: Bin) -> int:
        places = self._places(kind)
        key = _KEY.pack(*places)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self._unused.pop() if self._unused else self._next()
            product, lot, unit, stratum, start, stop, event = places
            pair = self._pair(product, unit)
            self._table[:, row] = (product, lot, unit, stratum, pair, start, stop, event, 0)
        return row

    def _pair(self, product: int, unit: int) -> int:
        pair = self.pairs.find((product, unit))
        if pair < 0:
            pair = self.pairs.place((product, unit))
            self.units_of[product].append((pair, unit))
        return pair

    def _places(self, kind: Bin) -> tuple[int, ...]:
        return (
            self.products.place(kind.product),
            self.lots.place(kind.lot),
            self.units.place(kind.unit),
            self.strata.place(kind.stratum),
            kind.start,
            kind.stop,
            int(kind.event),
        )

    def _next(self) -> int:
        if self._size == self._table.shape[1]:
            self._table = np.concatenate((self._table, np.zeros_like(self._table)), axis=1)
        self._size += 1
        return self._size - 1
