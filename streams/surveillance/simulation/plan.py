"""What a simulated registry is like: as large as a national one, with what makes honest products look bad."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.surveillance.intervals import YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Group(NamedTuple):
    """Level of a stratifying variable: share of the patients, relative hazards of an outcome and of death."""

    share: float
    hazard: float
    death: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A registry to be invented.

    Attributes:
        kinds: kinds of component by their share of the catalogue; each operation puts in one of each.
        constructs: kinds that together make one more monitor group.
        components: in the catalogue at any time.
        new_a_year: how many are new each year at least and at most; as many are given up.
        at_one_unit: components that one unit alone uses.
        units: that report.
        surgeons: at each unit.
        operations: a year.
        run_in: years before the monitor is switched on; what is raised in them is no false alarm of the years after.
        years: that are watched after it.
        from_age: days since operation from which each hazard holds; ascending, the first 0.
        hazard: first outcomes per 100 component-years from each on.
        drift: by how much higher the hazard is for each year that an operation is later.
        strata: variables that the comparison is stratified by.
        deaths: per 100 person-years.
        unit_variance: variance of the units' gamma frailty, of mean 1.
        surgeon_variance: likewise of surgeons within a unit.
        delay: median over units of a report's mean delay, in days; delays are exponential.
        delay_spread: standard deviation of its logarithm between units.
        slow_units: how many of the units report slowly, with a mean delay of ``slow_delay`` days.
        slow_delay: theirs.
        per_family: components of one kind that make a family, on average.
        companies: that make components; each family is of one.
        lot: components of a lot.
        lots_at_once: lots of a component that are on sale at a time.
        lot_unknown: share of the operations whose lots are not told.
        mistaken: share of the operations that are first told with the component of another patient.
        false_outcomes: share of the operations of which an outcome is told that never was.
        put_right: days on average until a mistake is put right.
        opting_out: persons who opt out, per 100 person-years.
        targets: products, and units, of each history that defects are planted in.

    Raises:
        ValueError: a number, which the message names, is out of range.
    """

    kinds: tuple[tuple[str, float], ...] = (("cup", 1.0), ("stem", 1.0), ("head", 1.0))
    constructs: tuple[tuple[str, ...], ...] = (("cup", "stem"),)
    components: int = 500
    new_a_year: tuple[int, int] = (5, 30)
    at_one_unit: int = 5
    units: int = 80
    surgeons: int = 5
    operations: int = 12_000
    run_in: int = 3
    years: int = 10
    from_age: tuple[int, ...] = (0, 91, 182, 365)
    hazard: tuple[float, ...] = (5.0, 2.0, 1.2, 0.6)
    drift: float = 0.02
    strata: tuple[tuple[Group, ...], ...] = (
        (Group(0.42, 1.2, 1.2), Group(0.58, 1.0, 1.0)),  # sex
        (Group(0.25, 1.3, 0.3), Group(0.5, 1.0, 1.0), Group(0.25, 0.9, 3.0)),  # age
        (Group(0.85, 1.0, 1.0), Group(0.15, 1.8, 2.0)),  # diagnosis
    )
    deaths: float = 3.0
    unit_variance: float = 0.05
    surgeon_variance: float = 0.05
    delay: float = 14.0
    delay_spread: float = 0.7
    slow_units: int = 4
    slow_delay: float = 90.0
    per_family: int = 3
    companies: int = 12
    lot: int = 60
    lots_at_once: int = 3
    lot_unknown: float = 0.04
    mistaken: float = 0.005
    false_outcomes: float = 0.0005
    put_right: float = 120.0
    opting_out: float = 0.05
    targets: int = 2

    def __post_init__(self) -> None:
        above = ("components", "units", "surgeons", "operations", "years", "deaths", "delay", "slow_delay")
        for name in (*above, "per_family", "companies", "lot", "lots_at_once", "put_right"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0")
        spread = ("unit_variance", "surgeon_variance", "delay_spread")
        for name in ("run_in", "at_one_unit", *spread, "slow_units", "opting_out", "targets"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        for name in ("lot_unknown", "mistaken", "false_outcomes"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be a share, 0 or more and below 1")
        if len(self.from_age) != len(self.hazard) or self.from_age[:1] != (0,):
            raise ValueError("hazard must have a rate for each of from_age, which begins at 0")
        if list(self.from_age) != sorted(set(self.from_age)) or min(self.hazard) <= 0:
            raise ValueError("from_age must ascend, and hazard be above 0")

    @property
    def days(self) -> int:
        """Days from the first operation to the end."""
        return int((self.run_in + self.years) * YEAR)

    @property
    def switched_on(self) -> int:
        """The first day that is watched."""
        return int(self.run_in * YEAR)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The monitor groups: the kinds alone, then the constructs."""
        return (*((kind,) for kind, _ in self.kinds), *self.constructs)

    def strata_as_columns(self) -> tuple[Floats, Floats, Floats]:
        """Share, relative hazard and relative hazard of death of every stratum."""
        every = list(product(*self.strata))
        share, hazard, death = ([prod(row[at] for row in rows) for rows in every] for at in range(3))
        return np.array(share), np.array(hazard), np.array(death)

    def cumulative_hazard(self) -> Floats:
        """Λ₀ at 0, 1, 2 … days since operation, to one day after the plan's end."""
        ages = np.arange(self.days + 1)
        rates = np.array(self.hazard)[np.searchsorted(self.from_age, ages, side="right") - 1]
        return np.concatenate(([0.0], np.cumsum(rates / (100 * YEAR))))
