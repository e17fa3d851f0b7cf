"""Defects planted in a history: in a whole product, one lot of it or one unit; late ones; and the Inter-op cup itself.

Beside each product, lot or unit with a defect stands the same without, which all others go on being compared with; so
many defects fit one history and none hides another. Patients are the same with the defect as without: they only fail
sooner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from streams.surveillance.intervals import YEAR
from streams.surveillance.simulation.exposed import Exposed, exposed
from streams.surveillance.simulation.history import NEVER, outcome_days

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.simulation.history import History

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]

RATIOS = (1.5, 2.0, 3.0, 8.0)
LATE_RATIO, LATE_FROM = 2.0, 365
INTEROP_REOPERATED = {2: 112, 6: 141, 11: 161, 15: 200, 20: 212}
"""By implant, the day of its reoperation; implant n was put in on day 6 n. The reference case: 30 in six months."""
_INTEROP_IMPLANTS, _INTEROP_EVERY, _INTEROP_UNITS = 30, 6, 5
_FOLLOWED = int(5 * YEAR)  # a product is planted in that is on sale so long
_LEAST_USE = 50  # implants in that time; of fewer nobody can learn


@dataclass(frozen=True, slots=True)
class Planted:
    """A defect.

    Attributes:
        defect: what it is: "product", "lot", "unit", "late" or "interop".
        ratio: hazard ratio; 0 for Inter-op, whose outcomes are given.
        onset: day of the first operation with it.
        starts: days of all operations with it, ascending.
    """

    defect: str
    ratio: float
    onset: int
    starts: Ints

    @property
    def kind(self) -> Literal["product", "lot", "unit"]:
        """The kind of stream that it is to be found by."""
        if self.defect == "lot":
            return "lot"
        return "unit" if self.defect == "unit" else "product"


class Beside(NamedTuple):
    """What a defect stands beside, that has none; -1 for nothing.

    Attributes:
        product: code of the product, of the first kind.
        lot: number of the lot.
        unit: number of the unit.
    """

    product: int = -1
    lot: int = -1
    unit: int = -1


class Plant(NamedTuple):
    """A defect, and what is told of all operations of its product or unit.

    Attributes:
        planted: what it is.
        beside: what it stands beside.
        exposed: the operations.
        in_lot: which of them are of the lot with the defect.
    """

    planted: Planted
    beside: Beside
    exposed: Exposed
    in_lot: Bools


def planting(history: History, product: Ints, lot: Ints, rng: np.random.Generator) -> list[Plant]:
    """All defects in a history.

    Args:
        history: without defects.
        product: code of each operation's product of the group.
        lot: number of its lot.
        rng: chooses the products, the lots, the units, and when and where Inter-op is put in.
    """
    found = [_interop(history, rng)]
    targets = rng.permutation(_eligible(history, product))[: history.plan.targets]
    for target in targets.tolist():
        rows = np.flatnonzero(product == target)
        chosen = _some_lot(lot[rows], history.plan.lot, rng)
        of_lot = rows[lot[rows] == chosen]
        for ratio in RATIOS:
            found.append(_defect(history, _Defect("product", ratio, Beside(target)), rows, rows))
            found.append(_defect(history, _Defect("lot", ratio, Beside(target, chosen)), rows, of_lot))
        late = _Defect("late", LATE_RATIO, Beside(target), LATE_FROM)
        found.append(_defect(history, late, rows, rows))
    for unit in rng.permutation(history.plan.units)[: history.plan.targets].tolist():
        since = some_day(history, rng)
        rows = np.flatnonzero(history.operations.unit == unit)
        worse = rows[history.operations.day[rows] >= since]
        if worse.size:
            found += [_defect(history, _Defect("unit", ratio, Beside(unit=unit)), rows, worse) for ratio in RATIOS]
    return found


def some_day(history: History, rng: np.random.Generator) -> int:
    """A day while the monitor watches, five years before the end at the latest, on which a unit becomes worse."""
    plan = history.plan
    return int(plan.switched_on + rng.integers(0, max(int((plan.years - 5) * YEAR), 1)))


def unit_excess(history: History, unit: int, ratio: float, since: int) -> Ints:
    """Outcome days where all that a unit puts in from a day on fails so much sooner."""
    operations = history.operations
    outcome = outcome_days(history.plan, operations)
    worse = (operations.unit == unit) & (operations.day >= since)
    outcome[worse] = outcome_days(history.plan, operations, ratio=ratio)[worse]
    return outcome


def interop_starts() -> Ints:
    """Days on which the Inter-op cups were put in, from 0."""
    return _INTEROP_EVERY * np.arange(_INTEROP_IMPLANTS)


def _eligible(history: History, product: Ints) -> Ints:
    """Products that are new while the monitor watches, and used enough for five years to be learnt of."""
    plan, day = history.plan, history.operations.day
    many = int(product.max()) + 1
    first = np.full(many, NEVER)
    np.minimum.at(first, product, day)
    soon = day < first[product] + _FOLLOWED
    used = np.bincount(product[soon], minlength=many)
    new = (first >= plan.switched_on) & (first + _FOLLOWED <= plan.days)
    return np.flatnonzero(new & (used >= _LEAST_USE))


class _Defect(NamedTuple):
    name: str
    ratio: float
    beside: Beside
    from_age: int = 0


def _some_lot(lot: Ints, size: int, rng: np.random.Generator) -> int:
    """A lot of which at least half of what a lot has is used; the most used where there is none."""
    numbers, used = np.unique(lot[lot >= 0], return_counts=True)
    enough = numbers[used >= min(size // 2, used.max())]
    return int(rng.choice(enough))


def _defect(history: History, defect: _Defect, rows: Ints, with_it: Ints) -> Plant:
    """Some operations, of which some have a defect."""
    operations = history.operations
    outcome = outcome_days(history.plan, operations)
    worse = outcome_days(history.plan, operations, ratio=defect.ratio, from_age=defect.from_age)
    outcome[with_it] = worse[with_it]
    starts = operations.day[with_it]
    told = exposed(operations.of(rows), outcome[rows])
    if defect.beside.product >= 0:  # while it is told as another product's, it is not this one's
        told = told.of(~told.mistaken | (operations.first_codes[rows, 0] == operations.codes[rows, 0])[told.operation])
    in_lot = np.isin(rows, with_it)[told.operation] & ~told.mistaken & (defect.name == "lot")
    return Plant(Planted(defect.name, defect.ratio, int(starts[0]), starts), defect.beside, told, in_lot)


def _interop(history: History, rng: np.random.Generator) -> Plant:
    plan = history.plan
    share, _, _ = plan.strata_as_columns()
    onset = int(rng.integers(plan.switched_on, plan.days - int(YEAR)))
    number = np.arange(_INTEROP_IMPLANTS)
    start = onset + interop_starts()
    clinics = rng.choice(plan.units, min(_INTEROP_UNITS, plan.units), replace=False)
    unit = clinics[number % clinics.size]
    stop = np.full(number.size, NEVER)
    stop[list(INTEROP_REOPERATED)] = [onset + day for day in INTEROP_REOPERATED.values()]
    event = stop < NEVER
    mean_delay = history.lag[unit] / np.log(10)
    published = start + rng.exponential(mean_delay).astype(np.int64)
    told = np.maximum(published, stop + rng.exponential(mean_delay).astype(np.int64))
    stratum = rng.choice(share.size, number.size, p=share)
    no = np.zeros_like(event)
    never = np.full_like(start, NEVER)
    rows = Exposed(number, no, no, unit, stratum, start, published, stop, event, told, never)
    return Plant(Planted("interop", 0.0, onset, start), Beside(), rows, no)
