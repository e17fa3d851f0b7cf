"""Disproportionality: is a reaction reported with a drug more often than with other drugs?

The reports make a table of two by two: cell a has drug and reaction, b the drug and another reaction, c another
drug and the reaction, d neither; N = a + b + c + d.

Sources: Evans S J W et al (2001), Pharmacoepidemiol Drug Saf 10:483 (PRR and its rule); van Puijenbroek E P et al
(2002), Pharmacoepidemiol Drug Saf 11:3 (ROR); Norén G N et al (2013), Stat Methods Med Res 22:57 (information
component); Huang L et al (2011), J Am Stat Assoc 106:1230 (likelihood ratio).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaincinv, ndtri, rel_entr

from streams.statistics.calibration import Calibration, calibrate
from streams.statistics.checked import numbers
from streams.statistics.empirical_bayes import GammaPoissonMixture, ebgm, fit_gamma_poisson, probability_below
from streams.statistics.estimate import Estimate, counts, estimate, plain

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "Calibration",
    "Estimate",
    "GammaPoissonMixture",
    "calibrate",
    "chi_square",
    "ebgm",
    "evans",
    "expected_count",
    "fit_gamma_poisson",
    "information_component",
    "likelihood_ratio",
    "probability_below",
    "prr",
    "ror",
    "stratified_expected_count",
]

_Z = float(ndtri(0.975))  # limits are at 95 %


def prr(a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike) -> Estimate:
    """The proportional reporting ratio a/(a + b) / (c/(c + d)), with log-normal 95 % limits.

    The variance of ln PRR is 1/a - 1/(a + b) + 1/c - 1/(c + d). Nothing is added to the cells.

    Args:
        a: reports with drug and reaction; each cell is 0 or more, a scalar or an array.
        b: reports with the drug and another reaction.
        c: reports with another drug and the reaction.
        d: reports with neither.

    Returns:
        Arrays of the inputs' shape, or floats where all are scalars. Where a = 0 the ratio is 0; where c = 0 and
        a > 0 it is infinite; neither has limits.

    Raises:
        ValueError: a cell, which the message names, is empty, negative, NaN or infinite, or two have different lengths.
    """
    a, b, c, d = counts(a=a, b=b, c=c, d=d)
    with np.errstate(divide="ignore", invalid="ignore"):
        # one division, so that whole cells give a ratio of just 2 where it is 2: the rule of Evans asks
        ratio = a * (c + d) / ((a + b) * c)
        variance = b / (a * (a + b)) + d / (c * (c + d))
    return _log_normal(ratio, variance, a, c)


def ror(a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike) -> Estimate:
    """The reporting odds ratio ad/(bc), with log-normal 95 % limits.

    The variance of ln ROR is 1/a + 1/b + 1/c + 1/d. Nothing is added to the cells.

    Args:
        a: reports with drug and reaction; each cell is 0 or more, a scalar or an array.
        b: reports with the drug and another reaction.
        c: reports with another drug and the reaction.
        d: reports with neither.

    Returns:
        Arrays of the inputs' shape, or floats where all are scalars. Where a = 0 the ratio is 0; where c = 0 and
        a > 0 it is infinite. It is infinite where b = 0 too, 0 where d = 0, and NaN where both are. None of these
        has limits.

    Raises:
        ValueError: a cell, which the message names, is empty, negative, NaN or infinite, or two have different lengths.
    """
    a, b, c, d = counts(a=a, b=b, c=c, d=d)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _log_normal(a * d / (b * c), 1 / a + 1 / b + 1 / c + 1 / d, a, c)


def _log_normal(ratio: Floats, variance: Floats, a: Floats, c: Floats) -> Estimate:
    value = np.where(a == 0, 0.0, np.where(c == 0, np.inf, ratio))
    limited = (value > 0) & np.isfinite(value) & np.isfinite(variance)
    factor = np.exp(_Z * np.sqrt(np.where(limited, variance, np.nan)))
    return estimate(value, value / factor, value * factor)


def chi_square(a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike, yates: bool = True) -> Floats | float:
    """The χ² of independence, N·max(0, |ad - bc| - N/2)²/((a + b)(c + d)(a + c)(b + d)).

    Args:
        a: reports with drug and reaction; each cell is 0 or more, a scalar or an array.
        b: reports with the drug and another reaction.
        c: reports with another drug and the reaction.
        d: reports with neither.
        yates: whether to take off N/2, Yates' correction for continuity.

    Returns:
        An array of the inputs' shape, or a float where all are scalars; NaN where a margin is 0.

    Raises:
        ValueError: a cell, which the message names, is empty, negative, NaN or infinite, or two have different lengths.
    """
    a, b, c, d = counts(a=a, b=b, c=c, d=d)
    total = a + b + c + d
    apart = np.abs(a * d - b * c)
    if yates:
        apart = np.maximum(0.0, apart - total / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return plain(total * apart**2 / ((a + b) * (c + d) * (a + c) * (b + d)))


def evans(a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike) -> NDArray[np.bool_] | bool:
    """Evans' rule for a signal: PRR of 2 or more, χ² by Yates of 4 or more, and 3 reports or more.

    Args:
        a: reports with drug and reaction; each cell is 0 or more, a scalar or an array.
        b: reports with the drug and another reaction.
        c: reports with another drug and the reaction.
        d: reports with neither.

    Returns:
        An array of the inputs' shape, or a bool where all are scalars.

    Raises:
        ValueError: a cell, which the message names, is empty, negative, NaN or infinite, or two have different lengths.
    """
    signal = (
        np.greater_equal(prr(a, b, c, d).value, 2)
        & np.greater_equal(chi_square(a, b, c, d), 4)
        & np.greater_equal(numbers("a", a), 3)
    )
    return signal if np.ndim(signal) else bool(signal)


def expected_count(a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike) -> Floats | float:
    """The reports of drug and reaction to expect were they independent: (a + b)(a + c)/N, the cell included.

    Args:
        a: reports with drug and reaction; each cell is 0 or more, a scalar or an array.
        b: reports with the drug and another reaction.
        c: reports with another drug and the reaction.
        d: reports with neither.

    Returns:
        An array of the inputs' shape, or a float where all are scalars; 0 where there are no reports at all.

    Raises:
        ValueError: a cell, which the message names, is empty, negative, NaN or infinite, or two have different lengths.
    """
    a, b, c, d = counts(a=a, b=b, c=c, d=d)
    total = a + b + c + d
    return plain((a + b) * (a + c) / np.where(total > 0, total, 1.0))


def stratified_expected_count(
    a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike, *, pairs: ArrayLike | None = None
) -> Floats | float:
    """The expected reports of a pair whose table is cut by age, sex or year: the sum of its strata's.

    Args:
        a: reports with drug and reaction in each stratum; each cell is 0 or more.
        b: reports with the drug and another reaction.
        c: reports with another drug and the reaction.
        d: reports with neither.
        pairs: which pair each stratum is of, counted from 0; unless given they are all of one.

    Returns:
        The expected reports by pair, 0 for one without strata; a float where ``pairs`` is not given.

    Raises:
        ValueError: an argument, which the message names, is empty, negative, NaN or infinite, ``pairs`` are not
            whole, or two have different lengths.
    """
    strata = np.atleast_1d(expected_count(a, b, c, d))
    if pairs is None:
        return float(np.sum(strata))
    pair = np.atleast_1d(counts(pairs=pairs)[0])
    if np.any(pair != np.floor(pair)):
        raise ValueError("pairs must be whole numbers")
    if pair.size != strata.size:
        raise ValueError(f"pairs and cells differ in length: {pair.size} and {strata.size}")
    return np.bincount(pair.astype(np.intp), weights=strata).astype(np.float64)


def information_component(observed: ArrayLike, expected: ArrayLike) -> Estimate:
    """The information component log2((O + ½)/(E + ½)), with its 95 % credibility limits.

    The limits are log2 of the 2.5 % and 97.5 % quantiles of a gamma with shape O + ½ and rate E + ½ (Norén 2013).

    Args:
        observed: reports, 0 or more; a scalar or an array.
        expected: expected reports, 0 or more; a scalar, or as many as are observed.

    Returns:
        Arrays of the inputs' shape, or floats where both are scalars.

    Raises:
        ValueError: an argument, which the message names, is empty, negative, NaN or infinite, or the two have
            different lengths.
    """
    found, due = counts(observed=observed, expected=expected)
    shape, rate = found + 0.5, due + 0.5
    lower, upper = (np.log2(gammaincinv(shape, level) / rate) for level in (0.025, 0.975))
    return estimate(np.log2(shape / rate), lower, upper)


def likelihood_ratio(observed: ArrayLike, expected: ArrayLike, total: ArrayLike) -> Floats | float:
    """The log likelihood ratio n ln(n/E) + (C - n) ln((C - n)/(C - E)) for n > E, else 0, with 0 ln 0 = 0.

    Args:
        observed: n, the reports of drug and reaction, 0 or more; a scalar or an array.
        expected: E, the expected reports, 0 or more; where it is 0 and a report came the ratio is infinite.
        total: C, all reports with the reaction (a + c), as many as are observed or more.

    Returns:
        An array of the inputs' shape, or a float where all are scalars.

    Raises:
        ValueError: an argument, which the message names, is empty, negative, NaN or infinite, ``observed``
            exceeds ``total``, or two have different lengths.
    """
    found, due, whole = counts(observed=observed, expected=expected, total=total)
    if np.any(found > whole):
        raise ValueError("observed must not exceed total")
    ratio = rel_entr(found, due) + rel_entr(whole - found, np.maximum(whole - due, 0.0))
    return plain(np.where(found > due, np.maximum(ratio, 0.0), 0.0))
