"""Shares with limits: coverage, and every indicator that is a proportion.

Source of the limits: Wilson E B (1927), Probable inference, the law of succession, and statistical
inference, J Am Stat Assoc 22:209; in the form of Newcombe R G (1998), Stat Med 17:857, method 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betainc, ndtri

from streams.statistics.checked import alike, level, numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share of a whole and its confidence limits, all from 0 to 1."""

    share: Floats | float
    lower: Floats | float
    upper: Floats | float


def wilson(hits: ArrayLike, of: ArrayLike, *, conf_level: float = 0.95) -> Proportion:
    """A share with Wilson's score limits, without correction for continuity.

    With n tried, p = hits/n and z the normal quantile of the level, the limits are
    (p + z²/2n ± z·√(p(1-p)/n + z²/4n²)) / (1 + z²/n).

    Args:
        hits: 0 to ``of``; a scalar or an array. Neither need be whole: a denominator may be an expected number.
        of: how many there are, above 0; a scalar, or as many as there are hits.
        conf_level: two-sided level, between 0 and 1.

    Returns:
        Arrays of the inputs' shape, or plain floats where both are scalars.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, or
            the two have different lengths.
    """
    found, tried = numbers("hits", hits), numbers("of", of)
    alike(hits=found, of=tried)
    if np.any(tried <= 0):
        raise ValueError("of must be above 0")
    if np.any(found < 0) or np.any(found > tried):
        raise ValueError("hits must lie between 0 and of")
    z = ndtri(0.5 + level(conf_level) / 2)
    share = found / tried
    middle = share + z**2 / (2 * tried)
    half = z * np.sqrt(share * (1 - share) / tried + z**2 / (4 * tried**2))
    scale = 1 + z**2 / tried
    # at none and at all of them one limit is the share itself, but for rounding
    lower = np.where(found == 0, 0.0, (middle - half) / scale)
    upper = np.where(found == tried, 1.0, (middle + half) / scale)
    if share.ndim == 0:
        return Proportion(float(share), float(lower), float(upper))
    return Proportion(share, lower, upper)


def binomial_tail(observed: int, of: int, share: float) -> float:
    """P(X ≥ observed) for a count X of ``of`` independent trials that each hit with probability ``share``.

    It is the regularised incomplete beta function I(share; observed, of - observed + 1).

    Args:
        observed: a whole number from 0 to ``of``.
        of: a whole number, 0 or more.
        share: from 0 to 1.

    Returns:
        The probability, 1 for observed = 0.

    Raises:
        ValueError: an argument is out of range.
    """
    if not 0 <= observed <= of:
        raise ValueError(f"observed must lie between 0 and of, is {observed} of {of}")
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie between 0 and 1, is {share}")
    return 1.0 if observed == 0 else float(betainc(observed, of - observed + 1, share))
