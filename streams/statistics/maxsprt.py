"""MaxSPRT: maximised sequential probability ratio tests with exact critical values.

Source: Kulldorff M, Davis R L, Kolczak M, Lewis E, Lieu T, Platt R (2011), A maximized sequential probability ratio
test for drug and vaccine safety surveillance, Sequential Analysis 30:58; delayed start and least number of events:
Kulldorff M, Silva I R (2015), Continuous post-market sequential safety surveillance with minimum events to signal,
REVSTAT 15:373.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import bdtrc, gammainc, gammaln, lambertw, xlogy

from streams.statistics.checked import level, numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

# A ratio that is attained must be passed, not met, where meeting it would cost more than alpha: the critical value
# lies this far above it, far more than rounding and far less than any two ratios differ.
_HAIR = 1e-10
_RARE, _NOW_AND_THEN = 1e-40, 32  # all that is left out together is rarer than 1e-35
_MOSTLY_ABOVE = 2.0  # of limits up to some thousands and alphas in use the critical value lies so far below the highest
_MOST_NEW_EVENTS = 21  # between two boundary times, which lie less than 1 expected event apart: P(more) < 1e-20


@dataclass(frozen=True, slots=True)
class CriticalValue:
    """Where a test signals, and how often it does so when nothing is wrong.

    Attributes:
        value: signal at a log-likelihood ratio of this or more.
        exact_alpha: the probability of a signal, at any look, under the null.
    """

    value: float
    exact_alpha: float


def poisson_maxsprt_llr(events: ArrayLike, expected: ArrayLike) -> Floats | float:
    """The log-likelihood ratio of a count against its expectation, for more events only.

    With c events and μ expected: (μ - c) + c ln(c/μ) for c > μ, else 0.

    Args:
        events: counts, whole, 0 or more; a scalar or an array.
        expected: expected counts under the null, 0 or more; a scalar, or as many as there are events.

    Returns:
        An array, or a float where both are scalars; infinite where events came and none was expected.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, or
            the two have different lengths.
    """
    counts, mean = _whole("events", events), _not_negative("expected", expected)
    _alike(events=counts, expected=mean)
    counts, mean = np.broadcast_arrays(counts, mean)
    ratio = np.full(counts.shape, np.inf)
    np.divide(counts, mean, out=ratio, where=mean > 0)
    llr = np.where(counts > mean, mean - counts + xlogy(counts, ratio), 0.0)
    return _plain(np.maximum(llr, 0.0))


def poisson_maxsprt_critical_value(
    upper_limit: float, *, alpha: float = 0.05, min_events: int = 1, delay: float = 0.0
) -> float:
    """The exact critical value of the continuous Poisson MaxSPRT.

    The test looks after every event, and signals when the log-likelihood ratio is at the critical value or above
    and there are ``min_events`` or more. The count c signals when it is reached before its boundary time μ_c, the
    expected count with LLR(c, μ_c) = critical value; these times rise with c. The size is found by carrying the
    probabilities of all counts that have not signalled from one boundary time to the next.

    Args:
        upper_limit: expected events at which surveillance ends without a signal, above 0.
        alpha: probability of a signal under the null, between 0 and 1.
        min_events: fewest events that may signal, 1 or more.
        delay: expected events at the first look, which sees all events so far; 0 to ``upper_limit``.

    Returns:
        The critical value. With a delay, not every alpha is attainable; then the smallest value whose size is
        below alpha.

    Raises:
        ValueError: an argument, which the message names, is out of range, or no boundary exists, since
            ``min_events`` or more come with a probability below alpha.
    """
    _above_zero("upper_limit", upper_limit)
    level(alpha, name="alpha")
    _count("min_events", min_events)
    if not 0 <= delay <= upper_limit:
        raise ValueError(f"delay must lie between 0 and upper_limit, is {delay}")
    if gammainc(min_events, upper_limit) < alpha:
        raise ValueError(
            f"no boundary exists: {min_events} events (min_events) or more by {upper_limit} expected (upper_limit) "
            f"are rarer than alpha = {alpha}"
        )
    size = cache(partial(_poisson_size, upper_limit=upper_limit, min_events=min_events, delay=delay))
    lowest, highest = 0.0, 3.0 - np.log(alpha)
    while size(highest, _first_look(highest, min_events, delay)) > alpha:
        lowest, highest = highest, 1.5 * highest
    if delay == 0:
        near = max(highest - _MOSTLY_ABOVE, lowest + _HAIR)
        lowest, highest = (near, highest) if size(near, min_events) > alpha else (lowest + _HAIR, near)
        return _critical_value(lambda value: size(value, min_events), lowest, highest, alpha)
    return _delayed_critical_value(size, highest, alpha, min_events, delay)


def binomial_maxsprt_llr(cases: ArrayLike, trials: ArrayLike, matching_ratio: ArrayLike) -> Floats | float:
    """The log-likelihood ratio of cases among exposed against matched controls, for more cases only.

    With c of n events among the exposed, z controls for each and p = 1/(1 + z):
    c ln(c/(np)) + (n-c) ln((n-c)/(n(1-p))) for c/n > p, else 0; 0 ln 0 = 0.

    Args:
        cases: events among the exposed, whole, 0 or more; a scalar or an array.
        trials: all events, whole, at least as many as the cases; a scalar or an array.
        matching_ratio: controls (or control time) for each exposed z, above 0; a scalar or an array.

    Returns:
        An array, or a float where all are scalars.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, or
            they have different lengths.
    """
    c, n, z = _whole("cases", cases), _whole("trials", trials), numbers("matching_ratio", matching_ratio)
    _alike(cases=c, trials=n, matching_ratio=z)
    if np.any(z <= 0):
        raise ValueError("matching_ratio must be above 0")
    if np.any(c > n):
        raise ValueError("cases must not be more than trials")
    return _plain(_binomial_llr(c, n, z))


def binomial_maxsprt_critical_value(
    trials: int, matching_ratio: float, *, alpha: float = 0.05, min_events: int = 1
) -> CriticalValue:
    """The exact critical value of the continuous binomial MaxSPRT, looked at after each event.

    Few ratios can be attained, so alpha seldom can. The value is the smallest attained ratio that alpha allows to be
    exceeded, and a hair (1e-10) more: a signal at the value or above never comes from that ratio itself.

    Args:
        trials: events among exposed and controls at which surveillance ends, 1 or more.
        matching_ratio: controls for each exposed, above 0.
        alpha: highest probability of a signal under the null, between 0 and 1.
        min_events: fewest cases among the exposed that may signal, 1 or more.

    Returns:
        The value, and the probability of a signal under the null that it really has.

    Raises:
        ValueError: an argument, which the message names, is out of range, or no boundary exists, since
            ``min_events`` or more come with a probability below alpha, or even all cases among the exposed with
            one above it.
    """
    _count("trials", trials)
    _count("min_events", min_events)
    _above_zero("matching_ratio", matching_ratio)
    level(alpha, name="alpha")
    probability = 1 / (1 + matching_ratio)
    if min_events > trials or bdtrc(min_events - 1, trials, probability) < alpha:
        raise ValueError(
            f"no boundary exists: {min_events} cases (min_events) or more among {trials} trials are rarer "
            f"than alpha = {alpha}"
        )
    if probability**trials > alpha:
        raise ValueError(f"no boundary exists: {trials} cases in {trials} trials are likelier than alpha = {alpha}")
    llr = _binomial_llr(np.arange(trials + 1.0), np.arange(1.0, trials + 1)[:, None], np.float64(matching_ratio))
    attained = np.unique(llr[np.tri(trials, trials + 1, 1, dtype=bool)])

    def exceeded(ratio: float) -> float:
        return _binomial_size(llr > ratio + _HAIR, probability, min_events)

    smallest = bisect_left(attained, True, key=lambda ratio: exceeded(ratio) <= alpha)
    value = float(attained[smallest])
    return CriticalValue(value + _HAIR, exceeded(value))


def _delayed_critical_value(
    size: Callable[[float, int], float], highest: float, alpha: float, min_events: int, delay: float
) -> float:
    """The critical value where the first look comes at ``delay``.

    As the value rises past LLR(c, delay), a count of c no longer signals at the first look, and the size drops at
    once. Between two such drops it is continuous.
    """
    fewest = max(min_events, int(delay) + 1)
    while gammainc(fewest, delay) > alpha:  # so few come too often at the first look alone
        fewest += 1
    most = max(_first_look(highest, min_events, delay), fewest)
    counts = range(fewest, most)
    signals = fewest + bisect_left(
        counts, True, key=lambda count: size(float(poisson_maxsprt_llr(count, delay)), count) <= alpha
    )
    drop = float(poisson_maxsprt_llr(signals - 1, delay)) if signals > min_events else 0.0
    top = float(poisson_maxsprt_llr(signals, delay))
    return _critical_value(lambda value: size(value, signals), drop + _HAIR, top, alpha)


def _critical_value(size: Callable[[float], float], lowest: float, highest: float, alpha: float) -> float:
    """The smallest value from ``lowest`` on whose size, continuous and falling, is at most alpha."""
    if size(lowest) <= alpha:
        return lowest
    # ln size is nearly a straight line in the critical value
    return float(brentq(lambda value: np.log(size(value) / alpha), lowest, highest, xtol=1e-9))


def _first_look(value: float, min_events: int, delay: float) -> int:
    """The fewest events that signal at the first look."""
    fewest = max(min_events, int(delay) + 1)
    while delay > 0 and poisson_maxsprt_llr(fewest, delay) < value:
        fewest += 1
    return fewest if delay > 0 else min_events


def _poisson_size(value: float, fewest: int, *, upper_limit: float, min_events: int, delay: float) -> float:
    """The probability under the null of a signal by ``upper_limit``, where ``fewest`` events signal first."""
    # by Bernstein's inequality LLR(most, upper_limit) is above the value, so no larger count signals in time
    most = int(upper_limit + value / 3 + np.sqrt(value**2 / 9 + 2 * value * upper_limit)) + 2
    counts = np.arange(fewest, max(most, fewest) + 1)
    boundary = -counts * lambertw(-np.exp(-1 - value / counts)).real
    boundary = boundary[boundary < upper_limit]
    # after each of these times, fewer events than these have not signalled
    if fewest == min_events:  # before its boundary time no smaller number can signal, whatever the delay
        times = np.append(boundary, upper_limit)
        unsignalled = fewest + np.arange(times.size)
    else:
        times = np.concatenate(([delay], boundary, [upper_limit]))
        unsignalled = fewest + np.maximum(np.arange(times.size) - 1, 0)
    states = _poisson(np.arange(fewest), times[0])
    signalled = float(gammainc(fewest, times[0]))
    steps = np.maximum(np.diff(times), 0.0)[:, None]  # at a drop the first boundary is the delay, but for rounding
    least = 0  # the count that the first of the states is
    for arriving, below in zip(_poisson(np.arange(_MOST_NEW_EVENTS), steps), unsignalled[1:].tolist(), strict=True):
        states = np.convolve(states, arriving)
        signalled += float(states[below - least :].sum())
        states = states[: below - least]
        if below % _NOW_AND_THEN == 0:
            rare = int(np.argmax(states > _RARE))  # no smaller count is worth carrying on
            states, least = states[rare:], least + rare
    return signalled


def _poisson(counts: NDArray[np.int64], mean: ArrayLike) -> Floats:
    probability: Floats = np.exp(xlogy(counts, mean) - mean - gammaln(counts + 1))
    return probability


def _binomial_llr(cases: Floats, trials: Floats, matching_ratio: Floats | np.float64) -> Floats:
    cases, trials, z = np.broadcast_arrays(cases, trials, matching_ratio)
    others = np.maximum(trials - cases, 0)
    n = np.maximum(trials, 1)
    llr = xlogy(cases, cases / n * (1 + z)) + xlogy(others, others / n * ((1 + z) / z))
    found: Floats = np.where(cases * z > others, np.maximum(llr, 0), 0.0)
    return found


def _binomial_size(signals: NDArray[np.bool_], probability: float, min_events: int) -> float:
    """The probability of a signal; ``signals`` has a row for each number of trials and a column for each of cases."""
    trials = signals.shape[0]
    # the least number of cases that signals after each trial; more than can be where none does
    least = np.where(signals.any(axis=1), np.argmax(signals, axis=1), trials + 1)
    least = np.maximum(least, min_events)
    states, signalled = np.ones(1), 0.0
    for below in least:
        states = np.convolve(states, (1 - probability, probability))
        signalled += states[below:].sum()
        states = states[:below]
    return float(signalled)


def _whole(name: str, values: ArrayLike) -> Floats:
    found = _not_negative(name, values)
    if np.any(found != np.floor(found)):
        raise ValueError(f"{name} must be whole numbers, 0 or more")
    return found


def _not_negative(name: str, values: ArrayLike) -> Floats:
    found = numbers(name, values)
    if np.any(found < 0):
        raise ValueError(f"{name} must be 0 or more")
    return found


def _alike(**named: Floats) -> None:
    several = [(name, values.size) for name, values in named.items() if values.ndim]
    for (first, size), (second, other) in pairwise(several):
        if size != other:
            raise ValueError(f"{first} and {second} differ in length: {size} and {other}")


def _count(name: str, value: int) -> None:
    if not (np.isfinite(value) and value >= 1 and value == int(value)):
        raise ValueError(f"{name} must be a whole number, 1 or more, is {value}")


def _above_zero(name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a number above 0, is {value}")


def _plain(values: Floats) -> Floats | float:
    return values if values.ndim else float(values)
