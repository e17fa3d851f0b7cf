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
        targets: products of each history that defects are planted in.

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
    targets: int = 2

    def __post_init__(self) -> None:
        for name in ("components", "units", "surgeons", "operations", "years", "deaths", "delay"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0")
        for name in ("run_in", "at_one_unit", "unit_variance", "surgeon_variance", "delay_spread", "targets"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
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
