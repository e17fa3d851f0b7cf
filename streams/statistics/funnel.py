"""Units compared by observed against expected: a funnel's limits, and what varies beyond chance.

Sources: Spiegelhalter DJ (2005), Funnel plots for comparing institutional performance, Stat Med 24:1185;
Spiegelhalter DJ et al. (2012), Statistical methods for healthcare regulation, J R Stat Soc A 175:1; NHS Digital,
Summary Hospital-level Mortality Indicator (SHMI), methodology. The numbers agree with R's FunnelPlotR.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import betaincinv, gammainccinv, gammaincinv, ndtri

from streams.statistics.case_mix import CaseMix, case_mix
from streams.statistics.checked import column, numbers, one_of, same_length
from streams.statistics.checked import level as checked_level

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "Between",
    "CaseMix",
    "Overdispersion",
    "binomial_funnel_limits",
    "case_mix",
    "overdispersion",
    "poisson_funnel_limits",
    "variance_between",
]

_FEWEST_UNITS = 2
_MOST_TRIMMED = 0.5


@dataclass(frozen=True, slots=True)
class Overdispersion:
    """How much the ratios of units vary beyond chance.

    Attributes:
        phi: mean of the squared z-scores of the units used; about 1 where only chance is at work.
        tau2: variance between units, on the scale of the method; 0 where phi shows none.
        method: "SHMI" or "CQC".
        used: how many units it was estimated from.
    """

    phi: float
    tau2: float
    method: Literal["SHMI", "CQC"]
    used: int

    def limits(self, expected: ArrayLike, *, level: float) -> tuple[Floats, Floats] | tuple[float, float]:
        """The funnel's limits of observed / expected, widened by the variance between units.

        With z the normal quantile of the level: exp(±z√(1/E + τ²)) for SHMI, (1 ± z√(1/4E + τ²))² for CQC, whose
        root is not let below 0.

        Args:
            expected: expected counts E, above 0; a scalar or an array.
            level: two-sided level, between 0 and 1; usually 0.95 and 0.998.

        Returns:
            Lower and upper limits, of the shape of ``expected``, or floats for a scalar.

        Raises:
            ValueError: an argument, which the message names, is empty, NaN, infinite or out of range.
        """
        counts = _positive(numbers("expected", expected))
        z = ndtri(0.5 + checked_level(level, name="level") / 2)
        if self.method == "SHMI":
            half = z * np.sqrt(1 / counts + self.tau2)
            return _pair(np.exp(-half), np.exp(half))
        half = z * np.sqrt(1 / (4 * counts) + self.tau2)
        return _pair(np.maximum(1 - half, 0.0) ** 2, (1 + half) ** 2)


@dataclass(frozen=True, slots=True)
class Between:
    """How much the values of units vary beyond chance, on a scale where they are about normal.

    Attributes:
        phi: mean of the squared z-scores; about 1 where only chance is at work.
        tau2: variance between units; 0 where phi shows none.
    """

    phi: float
    tau2: float


def binomial_funnel_limits(share: float, of: ArrayLike, *, level: float) -> tuple[Floats, Floats] | tuple[float, float]:
    """Exact limits of the share of a unit where only chance is at work.

    With p the share of all, n of a unit and a = 1 - level they are Clopper and Pearson's for np found of n: the
    quantiles a/2 of Beta(np, n - np + 1) and 1 - a/2 of Beta(np + 1, n - np). With np fixed and n large they are those
    of ``poisson_funnel_limits``.

    Args:
        share: of all units together, above 0 and below 1.
        of: how many each share is of, above 0; a scalar or an array.
        level: two-sided level, between 0 and 1; usually 0.95 and 0.998.

    Returns:
        Lower and upper limits, of the shape of ``of``, or floats for a scalar.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be above 0 and below 1, is {share}")
    number = numbers("of", of)
    if np.any(number <= 0):
        raise ValueError("of must be above 0")
    tail = (1 - checked_level(level, name="level")) / 2
    found = share * number
    return _pair(betaincinv(found, number - found + 1, tail), betaincinv(found + 1, number - found, 1 - tail))


def poisson_funnel_limits(expected: ArrayLike, *, level: float) -> tuple[Floats, Floats] | tuple[float, float]:
    """Exact limits of observed / expected where only chance is at work.

    With E expected and a = 1 - level they are χ²(a/2, 2E)/2E and χ²(1 - a/2, 2E + 2)/2E.

    Args:
        expected: expected counts E, above 0 and seldom whole; a scalar or an array.
        level: two-sided level, between 0 and 1; usually 0.95 and 0.998.

    Returns:
        Lower and upper limits, of the shape of ``expected``, or floats for a scalar.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range.
    """
    counts = _positive(numbers("expected", expected))
    tail = (1 - checked_level(level, name="level")) / 2
    return _pair(gammaincinv(counts, tail) / counts, gammainccinv(counts + 1, tail) / counts)


def overdispersion(
    observed: ArrayLike, expected: ArrayLike, *, method: Literal["SHMI", "CQC"] = "SHMI", trim: float = 0.10
) -> Overdispersion:
    """Estimates the variance between units, little moved by outliers.

    SHMI: y = ln(O/E) with variance s² = 1/E, z = y/s; the units whose rank of z lies in the lowest or highest
    trimmed part are dropped (rank/(n + 1) below trim, or 1 - trim and above). CQC: y = √(O/E) with s² = 1/4E,
    z = (y - 1)/s; z beyond the quantiles at trim and 1 - trim is drawn in to them (winsorised). Then, over the I
    units used and with weights w = 1/s², φ = Σz²/I and τ² = max(0, (Iφ - (I - 1)) / (Σw - Σw²/Σw)).

    Args:
        observed: counts of each unit, 0 or more.
        expected: expected counts of each unit, above 0; as many.
        method: "SHMI" or "CQC".
        trim: the part trimmed at each end, from 0 to below 0.5.

    Returns:
        The estimate.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range; the two have
            different lengths; fewer than two units are used; or one of them has no event, which has no logarithm
            (SHMI only).
    """
    found, awaited = column("observed", observed), _positive(column("expected", expected))
    same_length(observed=found, expected=awaited)
    if found.min() < 0:
        raise ValueError("observed must not be negative")
    one_of("method", method, ("SHMI", "CQC"))
    _checked_trim(trim)
    if method == "SHMI":
        with np.errstate(divide="ignore"):
            z = np.log(found / awaited) * np.sqrt(awaited)
        weight = awaited
        if trim > 0:
            place = _ranks(z) / trim / (z.size + 1)
            kept = (place >= 1) & (place < 1 / trim - 1)
            z, weight = z[kept], weight[kept]
        if not np.all(np.isfinite(z)):
            raise ValueError("observed is 0 for a unit that is not trimmed: it has no logarithm")
    else:
        z = (np.sqrt(found / awaited) - 1) * 2 * np.sqrt(awaited)
        z, weight = np.clip(z, *np.quantile(z, (trim, 1 - trim))), 4 * awaited
    if z.size < _FEWEST_UNITS:
        raise ValueError("observed must leave two units or more to compare")
    between = _between(z, weight)
    return Overdispersion(between.phi, between.tau2, method, z.size)


def variance_between(values: ArrayLike, std_errs: ArrayLike, *, centre: float, trim: float = 0.10) -> Between:
    """Estimates the variance between units, little moved by outliers, from values that are about normal.

    z = (value - centre)/s, drawn in to its quantiles at trim and 1 - trim (winsorised); then with weights w = 1/s² over
    I units φ = Σz²/I and τ² = max(0, (Iφ - (I - 1)) / (Σw - Σw²/Σw)). Shares are about normal as arcsin √p with
    s = 1/(2√n), ratios O/E as √(O/E) with s = 1/(2√E), means with s their standard errors.

    Args:
        values: of each unit.
        std_errs: their standard errors by chance alone, above 0; as many.
        centre: what they are held against, on the same scale.
        trim: the part drawn in at each end, from 0 to below 0.5.

    Returns:
        The estimate.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range; the two have
            different lengths; or there are fewer than two units.
    """
    found, errors = column("values", values), column("std_errs", std_errs)
    same_length(values=found, std_errs=errors)
    if np.any(errors <= 0):
        raise ValueError("std_errs must be above 0")
    _checked_trim(trim)
    if found.size < _FEWEST_UNITS:
        raise ValueError("values must be of two units or more")
    z = (found - centre) / errors
    return _between(np.clip(z, *np.quantile(z, (trim, 1 - trim))), errors**-2)


def _between(z: Floats, weight: Floats) -> Between:
    total = float(z @ z)
    tau2 = max(0.0, (total - (z.size - 1)) / float(weight.sum() - weight @ weight / weight.sum()))
    return Between(total / z.size, tau2)


def _checked_trim(trim: float) -> None:
    if not 0 <= trim < _MOST_TRIMMED:
        raise ValueError(f"trim must be at least 0 and below {_MOST_TRIMMED}, is {trim}")


def _ranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(count) - (count - 1) / 2)[place]
    return ranks


def _positive(expected: Floats) -> Floats:
    if np.any(expected <= 0):
        raise ValueError("expected must be above 0")
    return expected


def _pair(lower: Floats, upper: Floats) -> tuple[Floats, Floats] | tuple[float, float]:
    return (float(lower), float(upper)) if np.ndim(lower) == 0 else (lower, upper)
