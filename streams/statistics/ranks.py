"""How sure the rank of a unit is: the ranks that it has in draws of what every unit's true value may be.

Sources: Marshall EC, Spiegelhalter DJ (1998), Reliability of league tables of in vitro fertilisation clinics, BMJ
316:1701; Goldstein H, Spiegelhalter DJ (1996), League tables and their limitations, J R Stat Soc A 159:385.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from streams.statistics.checked import column, level, one_of, same_length

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Kind = Literal["share", "rate", "mean"]


@dataclass(frozen=True, slots=True)
class RankIntervals:
    """Between which ranks each unit lies, 1 for the lowest value; arrays have a place for each unit.

    Attributes:
        lower: the lowest rank.
        upper: the highest rank.
    """

    lower: NDArray[np.int64]
    upper: NDArray[np.int64]


def rank_intervals(
    kind: Kind, values: ArrayLike, sizes: ArrayLike, *, conf_level: float = 0.95, draws: int = 4000, seed: int = 1
) -> RankIntervals:
    """Intervals of the ranks of units.

    True values are drawn from what is known of each unit by itself (Jeffreys' prior), and ranked in each draw:
    shares from Beta(values + ½, sizes - values + ½), rates from Gamma(values + ½)/sizes, means from a normal
    distribution about values with standard errors sizes.

    Args:
        kind: "share", "rate" or "mean".
        values: how many hold, how many events, or the means.
        sizes: of how many, in how much time (above 0), or the means' standard errors (0 or more); as many.
        conf_level: of the intervals.
        draws: how many are drawn.
        seed: of the random numbers; the same gives the same intervals.

    Returns:
        The intervals.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, or the two have
            different lengths.
    """
    one_of("kind", kind, get_args(Kind))
    found, size = column("values", values), column("sizes", sizes)
    same_length(values=found, sizes=size)
    tail = (1 - level(conf_level)) / 2
    shape = (draws, found.size)
    random = np.random.default_rng(seed)
    if kind == "mean":
        if np.any(size < 0):
            raise ValueError("sizes must be 0 or more")
        drawn = random.normal(found, size, shape)
    else:
        if np.any(size <= 0):
            raise ValueError("sizes must be above 0")
        if np.any(found < 0) or (kind == "share" and np.any(found > size)):
            raise ValueError("values must be 0 or more, and shares not above their sizes")
        drawn = (
            random.beta(found + 0.5, size - found + 0.5, shape)
            if kind == "share"
            else random.gamma(found + 0.5, 1 / size, shape)
        )
    ranks = drawn.argsort(axis=1).argsort(axis=1) + 1
    lower, upper = np.quantile(ranks, (tail, 1 - tail), axis=0, method="inverted_cdf")
    return RankIntervals(lower.astype(np.int64), upper.astype(np.int64))
