"""Events per exposure: the registers' reoperations per 100 component-years, with exact limits.

Source of the limits: Garwood F (1936), Fiducial limits for the Poisson distribution, Biometrika 28:437.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammainccinv, gammaincinv

from streams.statistics.checked import level, numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate and its confidence limits, all per the same amount of exposure.

    Attributes:
        rate: events / exposure · per.
        lower: lower limit; 0 where there were no events.
        upper: upper limit.
    """

    rate: Floats | float
    lower: Floats | float
    upper: Floats | float


def incidence_rate(events: ArrayLike, exposure: ArrayLike, *, per: float = 100.0, conf_level: float = 0.95) -> Rate:
    """Events per exposure with exact Poisson limits.

    With r events and a = 1 - conf_level the limits of the expected count are χ²(a/2, 2r)/2 and
    χ²(1 - a/2, 2r + 2)/2, here times per/exposure (Garwood 1936).

    Args:
        events: counts, whole and not negative; a scalar or an array.
        exposure: time at risk, above 0, in any unit (such as component-years); a scalar, or as
            many as there are events.
        per: the exposure that the rate is given for, in the same unit.
        conf_level: two-sided level, between 0 and 1.

    Returns:
        Arrays of the inputs' shape, or plain floats where both are scalars.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, or
            the two have different lengths.
    """
    counts, time = numbers("events", events), numbers("exposure", exposure)
    if counts.ndim and time.ndim and counts.shape != time.shape:
        raise ValueError(f"events and exposure differ in length: {counts.size} and {time.size}")
    if np.any(counts < 0) or np.any(counts != np.floor(counts)):
        raise ValueError("events must be whole numbers, 0 or more")
    if np.any(time <= 0):
        raise ValueError("exposure must be above 0")
    if not (np.isfinite(per) and per > 0):
        raise ValueError(f"per must be a number above 0, is {per}")
    alpha = 1 - level(conf_level)
    factor = per / time
    # half the χ² quantile at 2r degrees of freedom is the gamma quantile of shape r; at shape 0 the limit is 0
    lower = np.where(counts == 0, 0.0, gammaincinv(np.maximum(counts, 1), alpha / 2))
    upper = gammainccinv(counts + 1, alpha / 2)
    rate, lower, upper = counts * factor, lower * factor, upper * factor
    if rate.ndim == 0:
        return Rate(float(rate), float(lower), float(upper))
    return Rate(rate, lower, upper)
