"""Defects planted in a history: in a whole product, one lot of it or one unit; late ones; and the Inter-op cup itself.

Beside each product with a defect stands the same product without, which all others go on being compared with; so many
defects fit one history and none hides another. Patients are the same with the defect as without: they only fail sooner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.surveillance.intervals import YEAR
from streams.surveillance.simulation.exposed import Exposed, exposed
from streams.surveillance.simulation.history import NEVER, outcome_days

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.simulation.history import History

    Ints = NDArray[np.int64]

RATIOS = (1.5, 2.0, 3.0, 8.0)
LATE_RATIO, LATE_FROM = 2.0, 365
INTEROP_REOPERATED = {2: 112, 6: 141, 11: 161, 15: 200, 20: 212}
"""By implant, the day of its reoperation; implant n was put in on day 6 n. The reference case: 30 in six months."""
_INTEROP_IMPLANTS, _INTEROP_EVERY, _INTEROP_UNITS = 30, 6, 5
_LOT = 60
_FOLLOWED = int(5 * YEAR)  # a product is planted in that is on sale so long
_LEAST_USE = 50  # implants in that time; of fewer nobody can learn


@dataclass(frozen=True, slots=True)
class Planted:
    """A defect.

    Attributes:
        defect: what it is: "product", "lot", "late" or "interop".
        ratio: hazard ratio; 0 for Inter-op, whose outcomes are given.
        onset: day of the first operation with it.
        starts: days of all operations with it, ascending.
    """

    defect: str
    ratio: float
    onset: int
    starts: Ints


@dataclass(frozen=True, slots=True)
class Planting:
    """Defects and the exposures with them.

    Attributes:
        planted: what each is.
        exposed: of each the exposures, in the order of ``planted``.
        base: of each the product that it stands beside; -1 for none.
    """

    planted: tuple[Planted, ...]
    exposed: tuple[Exposed, ...]
    base: tuple[int, ...]


def planting(history: History, product: Ints, rng: np.random.Generator) -> Planting:
    """All defects in a history.

    Args:
        history: without defects.
        product: code of each operation's product of the group.
        rng: chooses the products, the lots, and when and where Inter-op is put in.
    """
    found: list[tuple[Planted, Exposed]] = [_interop(history, rng)]
    targets = rng.permutation(_eligible(history, product))[: history.plan.targets]
    for target in targets.tolist():
        rows = np.flatnonzero(product == target)
        first = int(rng.integers(0, max(rows.size - _LOT, 1)))
        lot = rows[first : first + _LOT]
        for ratio in RATIOS:
            found.append(_defect(history, _Defect("product", ratio), rows, rows))
            found.append(_defect(history, _Defect("lot", ratio), rows, lot))
        found.append(_defect(history, _Defect("late", LATE_RATIO, LATE_FROM), rows, rows))
    bases = [-1, *(target for target in targets.tolist() for _ in range(2 * len(RATIOS) + 1))]
    planted, exposures = zip(*found, strict=True)
    return Planting(planted, exposures, tuple(bases))


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
    from_age: int = 0


def _defect(history: History, defect: _Defect, rows: Ints, with_it: Ints) -> tuple[Planted, Exposed]:
    """Some operations, of which some have a defect."""
    operations = history.operations
    outcome = outcome_days(history.plan, operations)
    worse = outcome_days(history.plan, operations, ratio=defect.ratio, from_age=defect.from_age)
    outcome[with_it] = worse[with_it]
    starts = operations.day[with_it]
    told = exposed(operations, np.zeros_like(outcome), outcome).of(rows)
    return Planted(defect.name, defect.ratio, int(starts[0]), starts), told


def _interop(history: History, rng: np.random.Generator) -> tuple[Planted, Exposed]:
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
    rows = Exposed(np.zeros_like(start), unit, stratum, start, published, stop, event, told)
    return Planted("interop", 0.0, onset, start), rows
