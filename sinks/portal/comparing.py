"""Units held against the country: where each lies among a funnel's limits, and how sure its rank is. Pure.

Limits are exact where only chance is at work. Units also differ for reasons that no register knows; with the variance
between them added (Spiegelhalter 2005) only those stand out that are unlike all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtri

from sinks.portal.charts.comparison import FunnelLimits
from streams.statistics.funnel import binomial_funnel_limits, poisson_funnel_limits, variance_between
from streams.statistics.ranks import rank_intervals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from schemas.definition.indicators import Indicator
    from sinks.clickhouse.queries.estimates import Estimate
    from sinks.portal.charts.comparison import Standing

    Floats = NDArray[np.float64]
    Limits = Callable[[Floats, float], tuple[Floats, Floats]]

_NEAR, _FAR = 0.95, 0.998
_GRID = 40
_FEWEST = 3
"""Units that it takes to estimate how much they vary."""


class UnitCompared(NamedTuple):
    """A place beside the country.

    Attributes:
        place: its code.
        size: what its precision goes by: registrations, of rates person-years.
        estimate: its value and limits.
        standing: where it lies among the funnel's limits.
        above: whether its value is above the country's.
        ranks: between which ranks it is with 95 % certainty, 1 for the best (the lowest where nothing is better).
    """

    place: str
    size: float
    estimate: Estimate
    standing: Standing
    above: bool
    ranks: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Places compared.

    Attributes:
        centre: the country's value.
        units: the best first; by rising value where nothing is better.
        limits: the funnel's, by rising size.
        phi: how much units vary: about 1 by chance alone; None where too few are compared to tell.
    """

    centre: float
    units: Sequence[UnitCompared]
    limits: Sequence[FunnelLimits]
    phi: float | None


def compare(
    indicator: Indicator, nation: Estimate, places: Mapping[str, Estimate], *, adjusted: bool = False
) -> Comparison | None:
    """Hold places against the country; None where an indicator of this kind, or without spread, has no funnel.

    Args:
        indicator: a proportion, rate or mean.
        nation: the country's estimate.
        places: each place's.
        adjusted: whether the variance between places is added to the limits.
    """
    kept = {place: one for place, one in places.items() if one.value is not None and _size(indicator, one) > 0}
    centre = nation.value
    if centre is None or not kept:
        return None
    sizes = np.array([_size(indicator, one) for one in kept.values()])
    values = np.array([one.value for one in kept.values()], dtype=float)
    found = _funnel(indicator, nation, centre, values, sizes, adjusted=adjusted)
    if found is None:
        return None
    limits, phi = found
    near, far = limits(sizes, _NEAR), limits(sizes, _FAR)
    lowest, highest = _ranks(indicator, kept)
    units = [
        UnitCompared(
            place,
            float(sizes[at]),
            estimate,
            standing_of(float(values[at]), (near[0][at], near[1][at]), (far[0][at], far[1][at])),
            bool(values[at] > centre),
            (int(lowest[at]), int(highest[at])),
        )
        for at, (place, estimate) in enumerate(kept.items())
    ]
    sign = -1 if indicator.direction == "higher" else 1
    units.sort(key=lambda unit: (sign * (unit.estimate.value or 0.0), unit.place))
    return Comparison(centre, units, curves_of(limits, sizes), phi)


def _size(indicator: Indicator, estimate: Estimate) -> float:
    return (estimate.years or 0.0) if indicator.kind == "rate" else float(estimate.n)


def _funnel(
    indicator: Indicator, nation: Estimate, centre: float, values: Floats, sizes: Floats, *, adjusted: bool
) -> tuple[Limits, float | None] | None:
    """The funnel's limits as a function of sizes and level, and how much the units vary."""
    if indicator.kind == "proportion" and 0 < centre < 1:
        middle = float(np.arcsin(np.sqrt(centre)))
        phi, tau2 = _variance(np.arcsin(np.sqrt(values)), 0.5 / np.sqrt(sizes), middle)
        if not (adjusted and tau2 > 0):
            return lambda size, level: _exact_share_limits(centre, size, level), phi

        def share_limits(size: Floats, level: float) -> tuple[Floats, Floats]:
            half = _z(level) * np.sqrt(0.25 / size + tau2)
            return np.sin(np.maximum(middle - half, 0.0)) ** 2, np.sin(np.minimum(middle + half, np.pi / 2)) ** 2

        return share_limits, phi
    if indicator.kind == "rate" and centre > 0:
        per_year = centre / indicator.per_years
        phi, tau2 = _variance(np.sqrt(values / centre), 0.5 / np.sqrt(sizes * per_year), 1.0)

        def rate_limits(size: Floats, level: float) -> tuple[Floats, Floats]:
            if not (adjusted and tau2 > 0):
                lower, upper = ratio_limits(size * per_year, level)
                return lower * centre, upper * centre
            half = _z(level) * np.sqrt(0.25 / (size * per_year) + tau2)
            return np.maximum(1 - half, 0.0) ** 2 * centre, (1 + half) ** 2 * centre

        return rate_limits, phi
    if indicator.kind == "mean" and nation.sd:
        spread = nation.sd
        phi, tau2 = _variance(values, spread / np.sqrt(sizes), centre)
        added = tau2 if adjusted else 0.0

        def mean_limits(size: Floats, level: float) -> tuple[Floats, Floats]:
            half = _z(level) * np.sqrt(spread**2 / size + added)
            return centre - half, centre + half

        return mean_limits, phi
    return None


def ratio_limits(expected: Floats, level: float) -> tuple[Floats, Floats]:
    """Exact limits of observed / expected by chance alone; 0 where none at all is nothing unusual."""
    lower, upper = _arrays(poisson_funnel_limits(expected, level=level))
    none_is_usual = np.exp(-expected) >= _tail(level)
    return np.where(none_is_usual, 0.0, lower), upper


def _exact_share_limits(centre: float, size: Floats, level: float) -> tuple[Floats, Floats]:
    """Limits of shares; 0 where none at all, and 1 where all of them, is nothing unusual in a unit so small."""
    lower, upper = _arrays(binomial_funnel_limits(centre, size, level=level))
    none_is_usual, all_is_usual = (chance**size >= _tail(level) for chance in (1 - centre, centre))
    return np.where(none_is_usual, 0.0, lower), np.where(all_is_usual, 1.0, upper)


def _variance(values: Floats, std_errs: Floats, centre: float) -> tuple[float | None, float]:
    if values.size < _FEWEST:
        return None, 0.0
    found = variance_between(values, std_errs, centre=centre)
    return found.phi, found.tau2


def standing_of(value: float, near: tuple[float, float], far: tuple[float, float]) -> Standing:
    """Where a value lies among limits of 95 and 99.8 %."""
    if not far[0] <= value <= far[1]:
        return "outside 99.8"
    return "inside" if near[0] <= value <= near[1] else "outside 95"


def _ranks(indicator: Indicator, places: Mapping[str, Estimate]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The lowest and the highest rank of each place, 1 for the best."""
    estimates = list(places.values())
    if indicator.kind == "proportion":
        found = rank_intervals("share", [one.events or 0 for one in estimates], [one.n for one in estimates])
    elif indicator.kind == "rate":
        found = rank_intervals("rate", [one.events or 0 for one in estimates], [one.years or 0.0 for one in estimates])
    else:
        errors = [(one.sd or 0.0) / np.sqrt(one.n) for one in estimates]
        found = rank_intervals("mean", [one.value or 0.0 for one in estimates], errors)
    if indicator.direction != "higher":
        return found.lower, found.upper
    return len(estimates) + 1 - found.upper, len(estimates) + 1 - found.lower


def curves_of(limits: Limits, sizes: Floats) -> list[FunnelLimits]:
    """The limits' curves over the sizes that there are."""
    grid = np.geomspace(max(float(sizes.min()) * 0.8, 1e-9), float(sizes.max()) * 1.05, _GRID)
    columns = [grid, *limits(grid, _NEAR), *limits(grid, _FAR)]
    return [FunnelLimits(*(float(number) for number in row)) for row in zip(*columns, strict=True)]


def _tail(level: float) -> float:
    return (1 - level) / 2


def _z(level: float) -> float:
    return float(ndtri(0.5 + level / 2))


def _arrays(pair: tuple[Floats, Floats] | tuple[float, float]) -> tuple[Floats, Floats]:
    return np.asarray(pair[0], dtype=float), np.asarray(pair[1], dtype=float)
