"""What the monitors of a registry are told, as the streams that they make of it see it.

An exposure is of several subjects: its product in each group, their families, companies and lots, and its unit. Units
are followed once: what is put in and what becomes of it is the same in all groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from streams.surveillance.simulation.exposed import exposed, together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from streams.surveillance.simulation.defects import Plant
    from streams.surveillance.simulation.exposed import Exposed
    from streams.surveillance.simulation.history import History

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]

StreamKind = Literal["product", "construct", "family", "company", "lot", "unit"]
STREAM_KINDS: tuple[StreamKind, ...] = get_args(StreamKind)
"""The kinds of streams, each with thresholds of its own."""
PRODUCT, CONSTRUCT, FAMILY, COMPANY, LOT, UNIT = range(len(STREAM_KINDS))


@dataclass(frozen=True, slots=True)
class Subjects:
    """Whose streams there are; a row for each.

    Attributes:
        kind: number of its kind.
        group: number of its monitor group.
        base: whose shared exposures are left out of its comparator: its own, where it is no planted one; -1 for none.
        product: of a lot, the product that it is of; -1 for all others.
        planted: number of the planted defect; -1 for none.
    """

    kind: Ints
    group: Ints
    base: Ints
    product: Ints
    planted: Ints


@dataclass(frozen=True, slots=True)
class Scene:
    """What is told, and whose streams it belongs to.

    Attributes:
        exposed: all that is told.
        shared: which of it others are compared with.
        members: for each way to be a subject's, but as a lot, the subject of each row; -1 for none.
        lots: likewise as a lot, of each group that has lots.
        made_of: subjects that need two things in use to be watched, a product for its lots among them, and what each is
            made of: two columns.
        subjects: all there are.
        lag: of each unit.
        strata: how many there are.
        end: the last day.
    """

    exposed: Exposed
    shared: Bools
    members: tuple[Ints, ...]
    lots: tuple[Ints, ...]
    made_of: tuple[tuple[Ints, Ints], ...]
    subjects: Subjects
    lag: Ints
    strata: int
    end: int


def scene_of(history: History, outcome: Ints, plants: Sequence[Plant] = (), *, groups: int | None = None) -> Scene:
    """All streams of a history, and those of planted defects.

    Args:
        history: which.
        outcome: day of each operation's first outcome.
        plants: defects, each of the first group.
        groups: how many groups are watched, the first ones; all where left out.
    """
    plan, operations = history.plan, history.operations
    told = exposed(operations, outcome)
    whole = together([told, *(plant.exposed for plant in plants)])
    right = operations.codes[told.operation]
    codes = np.where(told.mistaken[:, None], operations.first_codes[told.operation], right)
    lots = np.where(codes == right, operations.lots[told.operation], -1)
    streams = _Streams(whole.operation.size)
    names = [name for name, _ in plan.kinds]
    for group, kinds in enumerate(plan.groups[:groups]):
        columns = [names.index(name) for name in kinds]
        if len(columns) > 1:
            streams.add(CONSTRUCT, group, _construct(codes[:, columns]))
            continue
        catalogue, code = history.catalogues[columns[0]], codes[:, columns[0]]
        product = streams.add(PRODUCT, group, code)
        for kind, maker in ((FAMILY, catalogue.family), (COMPANY, catalogue.company)):
            streams.add(kind, group, maker[code], made_of=product)
        streams.add_lots(group, lots[:, columns[0]], product)
    streams.add(UNIT, 0, told.unit)
    streams.plant(plants, told.operation.size)
    return Scene(
        whole,
        np.arange(whole.operation.size) < told.operation.size,
        tuple(streams.members),
        tuple(streams.lots),
        tuple(streams.made_of),
        Subjects(*(np.array(column, dtype=np.int64) for column in streams.columns)),
        history.lag,
        plan.strata_as_columns()[0].size,
        plan.days,
    )


class _Streams:
    """Subjects as they are numbered, way by way."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.members: list[Ints] = []
        self.lots: list[Ints] = []
        self.made_of: list[tuple[Ints, Ints]] = []
        self.columns: tuple[list[int], ...] = ([], [], [], [], [])

    def add(self, kind: int, group: int, code: Ints, made_of: Ints | None = None) -> Ints:
        """Subjects of one kind and group, by their code on each row; returns their numbers likewise."""
        found, _ = self._numbered(kind, group, code)
        self.members.append(self._to_the_end(found))
        if made_of is not None:
            self.made_of.append((found, made_of))
        return found

    def add_lots(self, group: int, lot: Ints, product: Ints) -> None:
        """The lots of a group's products; what is of no known lot makes up one more, that has no stream."""
        found, numbers = self._numbered(LOT, group, lot)
        known = lot >= 0
        of = np.full(numbers.size, -1)
        of[lot[known]] = product[known]
        self.columns[3][-numbers.size or len(self.columns[3]) :] = of.tolist()
        self.lots.append(self._to_the_end(found))
        self.made_of.append((product, found))

    def plant(self, plants: Sequence[Plant], shared: int) -> None:
        """Subjects with planted defects, of the exposures that follow the shared ones."""
        kinds, groups = (np.array(column) for column in self.columns[:2])
        first = {kind: int(np.argmax((kinds == kind) & (groups == 0))) for kind in (PRODUCT, LOT, UNIT)}
        start = shared
        for number, (planted, beside, told, in_lot) in enumerate(plants):
            rows = np.arange(start, start + told.operation.size)
            start += rows.size
            if planted.defect == "unit":
                self.members[-1][rows] = self._new(UNIT, first[UNIT] + beside.unit, -1, number)
                continue
            base = first[PRODUCT] + beside.product if beside.product >= 0 else -1
            self.members[0][rows] = self._new(PRODUCT, base, -1, number)
            if beside.lot >= 0:
                self.lots[0][rows[in_lot]] = self._new(LOT, first[LOT] + beside.lot, base, number)

    def _new(self, kind: int, base: int, product: int, planted: int) -> int:
        number = len(self.columns[0])
        for column, value in zip(self.columns, (kind, 0, base, product, planted), strict=True):
            column.append(value)
        return number

    def _numbered(self, kind: int, group: int, code: Ints) -> tuple[Ints, Ints]:
        first, many = len(self.columns[0]), int(code.max(initial=-1)) + 1
        numbers = np.arange(first, first + many)
        for column, values in zip(self.columns, (kind, group, None, -1, -1), strict=True):
            column.extend(numbers.tolist() if values is None else [values] * many)
        return np.where(code >= 0, code + first, -1), numbers

    def _to_the_end(self, found: Ints) -> Ints:
        whole = np.full(self._rows, -1)
        whole[: found.size] = found
        return whole


def _construct(codes: Ints) -> Ints:
    """A number for what components make together."""
    key = codes[:, 0]
    for column in codes.T[1:]:
        key = key * (int(column.max(initial=0)) + 1) + column
    return np.unique(key, return_inverse=True)[1].reshape(-1)
