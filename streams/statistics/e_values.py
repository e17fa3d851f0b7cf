"""E-values of counts against what was expected: evidence that may be looked at at any time.

An e-process starts at 1 and, while no more events come than expected, is at most 1 on average whenever one stops; so
it reaches c with a probability of at most 1/c, ever (Ville). All are kept as logarithms: E itself soon overflows.

Sources: Ramdas A, Grünwald P, Vovk V, Shafer G (2023), Game-theoretic statistics and safe anytime-valid inference,
Stat Sci 38:576; Wang R, Ramdas A (2022), False discovery rate control with e-values, J R Stat Soc B 84:822; Shin J,
Ramdas A, Rinaldo A (2024), E-detectors: a nonparametric framework for sequential change detection, New Engl J Stat
Data Sci 2:229.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaincc, gammaln, logsumexp

from streams.statistics.checked import level, numbers, same_length

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

_SMALLEST = 1e-280  # below this the upper incomplete gamma function nears underflow
_TINY = 1e-300
_MOST_TERMS = 10_000
_ROOM = 1 << 18  # bets by start and period that are worked out together


def poisson_e_process(
    events: ArrayLike, expected: ArrayLike, *, shape: float = 1.0, rate: float = 0.1
) -> Floats | float:
    """The logarithm of the e-process of a count against "at most as many as expected".

    The bet is a mixture of likelihood ratios over the relative risk, with a Gamma(a, b) prior truncated to 1 and
    above; untruncated it would alarm on protective products. With N events, μ expected and Q the regularised upper
    incomplete gamma function: E = e^μ · b^a/Γ(a) · Γ(a+N)/(b+μ)^(a+N) · Q(a+N, b+μ)/Q(a, b).

    Args:
        events: events so far N, whole, 0 or more; a scalar or an array.
        expected: events expected so far under a relative risk of 1, 0 or more; a scalar, or as many as events.
        shape: shape a of the prior, above 0.
        rate: rate b of the prior, above 0; the smaller, the larger the risks that are betted on.

    Returns:
        ln E: an array, or a float where both are scalars.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, or
            the two have different lengths.
    """
    counts, mean = _experience(events, expected, shape, rate)
    if counts.ndim and mean.ndim:
        same_length(events=counts, expected=mean)
    found = _log_e(counts, mean, shape, rate)
    return found if found.ndim else float(found)


def e_benjamini_hochberg(e_values: ArrayLike, *, alpha: float) -> Bools:
    """Which of many hypotheses to reject so that the false discovery rate is at most alpha.

    With K e-values in falling order, the first k are rejected, for the largest k with e_(k) ≥ K/(alpha k) (Wang &
    Ramdas 2022). They may depend on each other in any way.

    Args:
        e_values: the present E (not its logarithm) of every product that is monitored, 0 or more; infinite is
            allowed. A running maximum is no e-value.
        alpha: false discovery rate, between 0 and 1.

    Returns:
        True for each that is rejected, in the order given.

    Raises:
        ValueError: e_values is empty, NaN, negative or not of one dimension, or alpha lies outside 0 to 1.
    """
    values = np.asarray(e_values, dtype=np.float64)
    numbers("e_values", np.where(np.isposinf(values), 0.0, values))
    level(alpha, name="alpha")
    if values.ndim == 0:
        raise ValueError("e_values must have one dimension, is a single number")
    if np.any(values < 0):
        raise ValueError("e_values must be 0 or more")
    falling = np.sort(values)[::-1]
    needed = values.size / (alpha * np.arange(1, values.size + 1))
    enough = np.flatnonzero(falling >= needed)
    rejected: Bools = values >= (falling[enough[-1]] if enough.size else np.inf)
    return rejected & (enough.size > 0)


def e_detector(events: ArrayLike, expected: ArrayLike, *, shape: float = 1.0, rate: float = 0.1) -> Floats:
    """The logarithm of an e-detector: the sum of the e-processes that start in each period so far.

    While no more events come than expected, the average number of periods until it reaches c is at least c, whatever
    the prior. A change that comes late is found as fast as an early one, since a fresh bet starts in every period
    (Shin, Ramdas & Rinaldo 2024, the e-SR procedure).

    Args:
        events: events in each period, whole, 0 or more.
        expected: events expected in each period under a relative risk of 1, 0 or more, known before the period.
        shape: shape of the prior of `poisson_e_process`, above 0.
        rate: rate of that prior, above 0.

    Returns:
        The logarithm of the detector after each period; alarm at ln c or above.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, or
            the two have different lengths.
    """
    counts, mean = _experience(events, expected, shape, rate)
    counts, mean = np.atleast_1d(counts), np.atleast_1d(mean)
    same_length(events=counts, expected=mean)
    periods = np.arange(counts.size)
    path = np.full(counts.size, -np.inf)
    at_once = max(1, _ROOM // counts.size)
    for first in range(0, counts.size, at_once):
        begun = periods >= periods[first : first + at_once, None]
        since, due = (np.cumsum(np.where(begun, values, 0.0), axis=1) for values in (counts, mean))
        bets = np.full(begun.shape, -np.inf)
        bets[begun] = _log_e(since[begun], due[begun], shape, rate)
        path = np.logaddexp(path, logsumexp(bets, axis=0))
    return path


def _experience(events: ArrayLike, expected: ArrayLike, shape: float, rate: float) -> tuple[Floats, Floats]:
    counts, mean = numbers("events", events), numbers("expected", expected)
    if np.any(counts < 0) or np.any(counts != np.floor(counts)):
        raise ValueError("events must be whole numbers, 0 or more")
    if np.any(mean < 0):
        raise ValueError("expected must be 0 or more")
    for name, value in (("shape", shape), ("rate", rate)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a number above 0, is {value}")
    return counts, mean


def _log_e(events: Floats, expected: Floats, shape: float, rate: float) -> Floats:
    posterior, later = shape + events, rate + expected
    prior = shape * np.log(rate) - _log_upper_gamma(np.float64(shape), np.float64(rate))
    found: Floats = expected + prior + _log_upper_gamma(posterior, later) - posterior * np.log(later)
    return found


def _log_upper_gamma(shape: Floats | np.float64, above: Floats | np.float64) -> Floats:
    """The logarithm of the upper incomplete gamma function, not regularised: ln Γ(a, x)."""
    a, x = np.broadcast_arrays(shape, above)
    upper = gammaincc(a, x)
    far = upper < _SMALLEST
    found: Floats = np.log(np.where(far, 1.0, upper)) + gammaln(a)
    if np.any(far):
        found = np.array(found)
        found[far] = _log_far_upper_gamma(a[far], x[far])
    return found


def _log_far_upper_gamma(a: Floats, x: Floats) -> Floats:
    """The same far out in the tail, where x lies well above a, by Legendre's continued fraction.

    Γ(a, x) = e^-x x^a / (x+1-a - 1(1-a)/(x+3-a - 2(2-a)/(x+5-a - …))), evaluated from the front by Lentz's method
    (DLMF 8.9.2).
    """
    partial = x + 1 - a
    value = partial
    ahead, behind = partial, np.zeros_like(x)
    for term in range(1, _MOST_TERMS):
        numerator = -term * (term - a)
        partial = x + 2 * term + 1 - a
        behind = 1 / _not_zero(partial + numerator * behind)
        ahead = _not_zero(partial + numerator / ahead)
        value = value * ahead * behind
        if np.all(np.abs(ahead * behind - 1) < np.finfo(np.float64).eps):
            break
    result: Floats = a * np.log(x) - x - np.log(value)
    return result


def _not_zero(values: Floats) -> Floats:
    return np.where(values == 0, _TINY, values)
