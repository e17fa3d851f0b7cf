"""What differs between units, companies and components: drawn once per history, then followed by every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from deploy.demo.history_catalogue import Catalogue, Kind
    from deploy.demo.history_plan import FloatArray, IntArray

_UNIT_SPREAD = 0.75  # of the logarithm of operations per unit: the largest do some thirty times the smallest
_LOYALTY = 7.0  # small: each unit buys from few companies; large: every unit buys what the country buys
_STAPLE = 0.15  # the part of a unit's choices that follows the country's market shares whatever its loyalty
_MEDIAN_LAG_DAYS = 12.0


@dataclass(frozen=True)
class Habits:
    """Tendencies of every unit and every component.

    Attributes:
        catalogue: the units and components that positions refer to.
        unit_share: (units,) share of the country's operations, sums to 1.
        uncemented_taste: (units,) factor on the odds of fixing anything without cement.
        lag_days: (units,) median days from operation to registration.
        unit_hazard: (units,) factor on the hazard of reoperation.
        component_hazard: (components,) factor on the hazard of reoperation.
        cumulative: by kind and cementing, the pool's positions and (units, pool) cumulative shares.
    """

    catalogue: Catalogue
    unit_share: FloatArray
    uncemented_taste: FloatArray
    lag_days: FloatArray
    unit_hazard: FloatArray
    component_hazard: FloatArray
    cumulative: dict[tuple[Kind, bool], tuple[IntArray, FloatArray]]

    def choose_units(self, rng: np.random.Generator, count: int) -> IntArray:
        """(count,) units by their share."""
        return np.searchsorted(np.cumsum(self.unit_share)[:-1], rng.random(count))

    def choose_components(self, rng: np.random.Generator, kind: Kind, units: IntArray, *, cemented: bool) -> IntArray:
        """One component of the kind for each unit in ``units``, by that unit's preference."""
        positions, cumulative = self.cumulative[kind, cemented]
        drawn: IntArray = (cumulative[units] < rng.random((len(units), 1))).sum(axis=1)
        return positions[drawn]


def draw_habits(rng: np.random.Generator, catalogue: Catalogue) -> Habits:
    """Draw the tendencies of a country."""
    units, components = len(catalogue.units), len(catalogue.components)
    size = rng.lognormal(0.0, _UNIT_SPREAD, units)
    companies = catalogue.companies
    market = 1.0 / np.arange(1, len(companies) + 1) ** 0.9  # they stand in the catalogue by size
    market /= market.sum()
    suppliers = (1 - _STAPLE) * rng.dirichlet(_LOYALTY * market, units) + _STAPLE * market
    popularity = rng.lognormal(0.0, 0.4, components)
    supplier = np.array([companies.index(component.company) for component in catalogue.components])

    def preference(kind: Kind, cemented: bool) -> tuple[IntArray, FloatArray]:
        positions = catalogue.pool(kind, cemented=cemented)
        weight = suppliers[:, supplier[positions]] * popularity[positions]
        cumulative = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
        cumulative[:, -1] = 1.0  # rounding must not leave a gap above the last component
        return positions, cumulative

    kinds: tuple[tuple[Kind, bool], ...] = (
        ("cup", True),
        ("cup", False),
        ("stem", True),
        ("stem", False),
        ("head", False),
    )
    return Habits(
        catalogue=catalogue,
        unit_share=size / size.sum(),
        uncemented_taste=rng.lognormal(-0.1, 0.5, units),
        lag_days=_MEDIAN_LAG_DAYS * rng.lognormal(0.0, 0.6, units),
        unit_hazard=rng.lognormal(0.0, 0.15, units),
        component_hazard=rng.lognormal(0.0, 0.2, components),
        cumulative={(kind, cemented): preference(kind, cemented) for kind, cemented in kinds},
    )
