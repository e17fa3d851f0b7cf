"""Product or clinic: what a unit's other products say of the unit."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_FINE = 2.0**20


def unit_factors(observed: Floats, expected: Floats, shape: float | None = None) -> Floats:
    """Each unit's ratio of observed to expected, shrunken towards that of all units together.

    With e the expected counts scaled to the sum of the observed, and a gamma prior of mean 1 and shape a, the posterior
    mean is (a + O)/(a + e). Where no shape is declared, 1/a is the variance between units by moments,
    max(0, Σ((O - e)² - e) / Σe²); at 0 all units are alike.

    Args:
        observed: first outcomes of each unit's other products.
        expected: what the comparator's hazards expect of them.
        shape: of the prior, above 0; None for the method of moments.

    Returns:
        A factor for each unit, rounded to 2^-20, so that days at risk times factors add up to the same in any order;
        1 where nothing tells the units apart.
    """
    total, due = fsum(observed), fsum(expected)
    if total <= 0 or due <= 0:
        return np.ones_like(expected)
    scaled = expected * (total / due)
    if shape is None:
        between = fsum((observed - scaled) ** 2 - scaled) / fsum(scaled**2)
        if between <= 0:
            return np.ones_like(expected)
        shape = 1 / between
    factors: Floats = np.rint((shape + observed) / (shape + scaled) * _FINE) / _FINE
    return factors


def unit_factors_of(observed: Floats, expected: Floats, shape: float | None = None) -> Floats:
    """The factors of many subjects' units at once, a row for each subject; else as ``unit_factors``."""
    total, due = observed.sum(axis=1, keepdims=True), expected.sum(axis=1, keepdims=True)
    known = (total > 0) & (due > 0)
    scaled = expected * np.divide(total, due, out=np.zeros_like(total), where=known)
    if shape is None:
        squared = (scaled**2).sum(axis=1, keepdims=True)
        excess = ((observed - scaled) ** 2 - scaled).sum(axis=1, keepdims=True)
        known &= excess > 0
        shapes = np.divide(squared, excess, out=np.ones_like(total), where=known)
    else:
        shapes = np.full_like(total, shape)
    factors: Floats = np.rint((shapes + observed) / (shapes + scaled) * _FINE) / _FINE
    return np.where(known, factors, 1.0)
