"""Reports of drugs and reactions by stratum: how many there are, as margins that are kept up to date.

Whole numbers, exact in any order; and what is worked out of them goes through names and strata in their own order, so
that it does not hang on which report came first.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from streams.surveillance.bins import Names
from streams.surveillance.tables import Crude, Rest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Numbers = NDArray[np.float64]
    Places = NDArray[np.intp]

Pair = tuple[str, str]
"""A drug and a reaction."""
Stratum = tuple[str, ...]
Cell = tuple[str, str, Stratum]
"""A drug, a reaction, and the stratum that the report is in."""


class Reports:
    """How many reports there are of every pair in every stratum.

    A *row* is a pair that was ever met.

    Attributes:
        total: how many there are in all.
        pairs: the pairs, by row.
    """

    def __init__(self, numbers: Mapping[Cell, int] | None = None) -> None:
        self.total = 0
        self.pairs: list[Pair] = []
        self._rows: dict[Pair, int] = {}
        self._own: list[dict[Stratum, int]] = []  # by row
        self._drugs, self._reactions, self._strata = Names[str](), Names[str](), Names[Stratum]()
        self._columns = np.zeros((3, 64), dtype=np.int64)  # reports, drug and reaction of each row
        self._of_drug, self._of_reaction = (np.zeros((4, 16), dtype=np.int64) for _ in range(2))  # by stratum
        self._in_order: Places | None = None
        self.add(numbers or {})

    def add(self, numbers: Mapping[Cell, int]) -> dict[Cell, int]:
        """Take what is to be added to some cells; returns how many there are then, which may be below 0."""
        found = {}
        for (drug, reaction, stratum), more in numbers.items():
            row, place = self.row_of((drug, reaction)), self._strata[stratum]
            self._of_drug = _with_room(self._of_drug, len(self._strata), len(self._drugs))
            self._of_reaction = _with_room(self._of_reaction, len(self._strata), len(self._reactions))
            self._columns[0, row] += more
            self._of_drug[place, self._columns[1, row]] += more
            self._of_reaction[place, self._columns[2, row]] += more
            self.total += more
            own = self._own[row]
            found[drug, reaction, stratum] = own[stratum] = own.get(stratum, 0) + more
            if not own[stratum]:
                del own[stratum]
        return found

    def row_of(self, pair: Pair) -> int:
        """A pair's row; a new one, of no reports, where it has none."""
        row = self._rows.get(pair)
        if row is None:
            row = self._rows[pair] = len(self.pairs)
            self.pairs.append(pair)
            self._own.append({})
            self._columns = _with_room(self._columns, 3, len(self.pairs))
            self._columns[:, row] = 0, self._drugs[pair[0]], self._reactions[pair[1]]
            self._of_drug = _with_room(self._of_drug, len(self._strata), len(self._drugs))
            self._of_reaction = _with_room(self._of_reaction, len(self._strata), len(self._reactions))
            self._in_order = None
        return row

    def own(self, pair: Pair) -> Mapping[Stratum, int]:
        """A pair's reports by stratum."""
        row = self._rows.get(pair)
        return {} if row is None else self._own[row]

    def cells(self) -> dict[Cell, int]:
        """How many reports there are in each cell that has any."""
        return {
            (*pair, stratum): number
            for pair, own in zip(self.pairs, self._own, strict=True)
            for stratum, number in own.items()
        }

    def rows(self, fewest: int = 1) -> Places:
        """The pairs of so many reports or more, in the order of their names."""
        if self._in_order is None:
            self._in_order = np.array(sorted(range(len(self.pairs)), key=self.pairs.__getitem__), dtype=np.intp)
        enough: Places = self._in_order[self._columns[0, self._in_order] >= fewest]
        return enough

    def whole(self, rows: Places) -> Crude:
        """Of each of some pairs, all reports."""
        a, drug, reaction = self._columns[:, rows]
        strata = [(self._of_drug[s, drug], self._of_reaction[s, reaction], total) for s, total in self._totals()]
        return _crude(a, strata)

    def without_leading(self, rows: Places, dominant: float) -> tuple[Places, Crude]:
        """Those of some pairs whose reaction another drug dominates, and of each all reports but that drug's."""
        leading, most, _ = leaders = self._leaders()
        reaction = self._columns[2, rows]
        hidden = (self._shares(leaders)[reaction] >= dominant) & (leading[reaction] != self._columns[1, rows])
        rows = rows[hidden]
        a, drug, reaction = self._columns[:, rows]
        lead = leading[reaction]
        own = {int(one): self._own[most[one]] for one in np.unique(reaction)}
        strata = []
        for s, total in self._totals():
            stratum = self._strata.all[s]
            of_lead = np.array([own[int(one)].get(stratum, 0) for one in reaction], dtype=np.int64)
            strata.append(
                (self._of_drug[s, drug], self._of_reaction[s, reaction] - of_lead, total - self._of_drug[s, lead])
            )
        return rows, _crude(a, strata)

    def leading_of(self, rows: Places) -> list[tuple[str, float]]:
        """Of each of some pairs the drug that most reports of its reaction are of, the first by name, and its share."""
        leading, *_ = leaders = self._leaders()
        shares = self._shares(leaders)
        return [(self._drugs.all[leading[one]], float(shares[one])) for one in self._columns[2, rows]]

    def rest_of(self, pair: Pair, leading: str | None = None) -> tuple[Rest, ...]:
        """By stratum, the reports that are not of a pair; those of a leading drug left out."""
        row = self.row_of(pair)
        _, drug, reaction = self._columns[:, row]
        found = []
        for s, total in self._totals():
            stratum = self._strata.all[s]
            b = int(self._of_drug[s, drug]) - self._own[row].get(stratum, 0)
            c = int(self._of_reaction[s, reaction]) - self._own[row].get(stratum, 0)
            d = total - int(self._of_drug[s, drug]) - c
            if leading is not None:
                both = self.own((leading, pair[1])).get(stratum, 0)
                c, d = c - both, d - int(self._of_drug[s, self._drugs[leading]]) + both
            found.append(Rest(stratum, b, c, d))
        return tuple(found)

    def _totals(self) -> list[tuple[int, int]]:
        """The strata that have reports, in the order of their names, and how many they have."""
        totals = self._of_drug[: len(self._strata)].sum(axis=1).tolist()
        return [(s, totals[s]) for s in sorted(range(len(totals)), key=self._strata.all.__getitem__) if totals[s]]

    def _leaders(self) -> tuple[Places, Places, Ints]:
        """By reaction the drug with the most reports, of equal ones the first by name; the pair's row, and how many."""
        a, drug, reaction = self._columns[:, : len(self.pairs)]
        rank = np.empty(len(self._drugs), dtype=np.int64)
        rank[np.argsort(np.array(self._drugs.all))] = np.arange(len(self._drugs))
        rows = np.lexsort((rank[drug], -a, reaction))
        first = rows[np.unique(reaction[rows], return_index=True)[1]]  # each reaction has a row
        return drug[first], first, a[first]

    def _shares(self, leaders: tuple[Places, Places, Ints]) -> Numbers:
        of_reaction = self._of_reaction[:, : len(self._reactions)].sum(axis=0)
        shares: Numbers = leaders[2] / np.maximum(of_reaction, 1)
        return shares


def net_reports(changes: Iterable[tuple[Cell | None, Cell | None]]) -> dict[Cell, int]:
    """What changes, each a cell before and after, add to each cell, less what they take."""
    added: defaultdict[Cell, int] = defaultdict(int)
    for before, after in changes:
        if before is not None:
            added[before] -= 1
        if after is not None:
            added[after] += 1
    return {cell: number for cell, number in added.items() if number}


def _crude(a: Ints, strata: Sequence[tuple[Ints, Ints, Ints | int]]) -> Crude:
    """Of numbers of drug, reaction and all, by stratum: one after the other, so that rounding is always the same."""
    of_drug, of_reaction, total = (np.zeros(a.size) for _ in range(3))
    expected = np.zeros(a.size)
    for its_drug, its_reaction, its_total in strata:
        of_drug += its_drug
        of_reaction += its_reaction
        total += its_total
        expected += its_drug.astype(np.float64) * its_reaction / np.maximum(its_total, 1)
    return Crude(a.astype(np.float64), of_drug, of_reaction, total, expected)


def _with_room(matrix: Ints, rows: int, columns: int) -> Ints:
    """The matrix, or a larger one with the same numbers where it is too small."""
    had = matrix.shape
    if rows <= had[0] and columns <= had[1]:
        return matrix
    room = [
        size if wanted <= size else max(wanted, 2 * size) for wanted, size in zip((rows, columns), had, strict=True)
    ]
    wider = np.zeros(room, dtype=np.int64)
    wider[: had[0], : had[1]] = matrix
    return wider
