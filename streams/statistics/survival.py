"""Time to an event: Kaplan-Meier, cumulative incidence with competing causes, and Cox's regression.

A person followed to time t is at risk at t, whether the follow-up ended there by an event or by censoring; so a tie
of an event and a censoring has the event first. Events at time 0 count. Times that differ in the last bit differ.

Everything is counted over distinct event times by sorting alone, so that ten million rows take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from scipy.special import ndtri

from streams.statistics.checked import column, happened, level, numbers, one_of, same_length, times
from streams.statistics.cox import CoxFit, Proportionality, cox

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

__all__ = ["CoxFit", "CumulativeIncidence", "Proportionality", "SurvivalCurve", "aalen_johansen", "cox", "kaplan_meier"]


_BLOCK = 1 << 15  # event times that are computed at once


@dataclass(frozen=True, slots=True)
class SurvivalCurve:
    """A survival curve at the distinct event times, in ascending order; all arrays are of one length.

    Attributes:
        time: the distinct times of events; none where nobody had an event.
        at_risk: persons at risk just before.
        events: events at that time.
        survival: the share without an event up to and including that time.
        std_err: standard error of the survival (not of its logarithm); NaN where survival is 0.
        lower: lower confidence limit; NaN where survival is 0.
        upper: upper confidence limit; NaN where survival is 0.
        follow_up: the longest time anybody was followed, with or without an event.
    """

    time: Floats
    at_risk: Counts
    events: Counts
    survival: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    follow_up: float

    def at(self, times: ArrayLike) -> Floats | float:
        """The survival at any times.

        Args:
            times: 0 or more, in the unit of the durations; a scalar or an array in any order.

        Returns:
            1 before the first event; NaN after the last follow-up, unless the curve is down at 0. An array of
            the shape of ``times``, or a float for a scalar.

        Raises:
            ValueError: ``times`` is empty, NaN, infinite or negative.
        """
        asked = numbers("times", times)
        if np.any(asked < 0):
            raise ValueError("times must not be negative")
        steps = np.concatenate(([1.0], self.survival))
        found = steps[np.searchsorted(self.time, asked, side="right")]
        found = np.where((asked > self.follow_up) & (found > 0), np.nan, found)
        return float(found) if found.ndim == 0 else found


@dataclass(frozen=True, slots=True)
class CumulativeIncidence:
    """The share that has had one cause of event, at each time, where other causes compete.

    Attributes:
        time: the distinct times of events of any cause, or the times that were asked for.
        incidence: share with the cause up to and including that time.
        std_err: standard error of the incidence, by the infinitesimal jackknife.
        lower: lower confidence limit; NaN where the incidence is 0 (with log-log limits also where it is 1).
        upper: upper confidence limit; NaN likewise.
    """

    time: Floats | float
    incidence: Floats | float
    std_err: Floats | float
    lower: Floats | float
    upper: Floats | float


def kaplan_meier(
    durations: ArrayLike,
    events: ArrayLike,
    *,
    conf_level: float = 0.95,
    conf_type: Literal["log-log", "log", "plain"] = "log-log",
) -> SurvivalCurve:
    """The Kaplan-Meier curve S(t) = Π(1 - d/n) over event times up to t, with d events among n at risk.

    The standard error is Greenwood's, S·√g with g = Σ d/(n(n-d)). With z the normal quantile of the level the limits
    are exp(-exp(ln(-ln S) ± z√g/ln S)) for log-log, S·exp(±z√g) for log and S ± z·S√g for plain, cut to [0, 1].

    Source: Kaplan EL, Meier P (1958), J Am Stat Assoc 53:457; Greenwood M (1926). As R's survival::survfit.

    Args:
        durations: length of each person's follow-up, 0 or more, in any one unit.
        events: 1 or True where it ended with the event, 0 or False where it was censored; as many.
        conf_level: two-sided level, between 0 and 1.
        conf_type: the scale on which the limits are symmetric.

    Returns:
        The curve at the distinct event times, in the unit of the durations.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, or the two have
            different lengths.
    """
    followed, ended = times("durations", durations), happened("events", events)
    same_length(durations=followed, events=ended)
    one_of("conf_type", conf_type, ("log-log", "log", "plain"))
    z = float(ndtri(0.5 + level(conf_level) / 2))
    ordered = np.sort(followed)
    time, count = _distinct(np.sort(followed[ended]))
    at_risk = ordered.size - np.searchsorted(ordered, time)
    survival: Floats = np.cumprod(1 - count / at_risk, dtype=np.float64)
    alive = survival > 0
    # where the last at risk have the event, d/(n(n-d)) has no value; nothing comes after it
    per_time = np.divide(count, at_risk * (at_risk - count.astype(float)), out=np.zeros_like(time), where=alive)
    on_log = np.where(alive, np.sqrt(np.cumsum(per_time)), np.nan)
    std_err = survival * on_log
    if conf_type == "plain":
        lower, upper = survival - z * std_err, survival + z * std_err
    elif conf_type == "log":
        lower, upper = survival * np.exp(-z * on_log), survival * np.exp(z * on_log)
    else:
        lower, upper = _log_log_limits(np.where(alive, survival, np.nan), z * on_log)
    return SurvivalCurve(
        time, at_risk, count, survival, std_err, np.maximum(lower, 0.0), np.minimum(upper, 1.0), float(ordered[-1])
    )


def aalen_johansen(
    durations: ArrayLike,
    causes: ArrayLike,
    cause: int,
    *,
    at: ArrayLike | None = None,
    conf_level: float = 0.95,
    conf_type: Literal["log-log", "log"] = "log-log",
) -> CumulativeIncidence:
    """The cumulative incidence F(t) = Σ S(u-)·d_k(u)/n(u) of one cause over event times u up to t.

    S(u-) is the share without any event just before u, d_k the events of the cause and n the persons at risk. The
    standard error is the infinitesimal jackknife: √ΣU², where U is the derivative of F(t) by the weight of one person.
    Limits, with z the normal quantile of the level: exp(-exp(ln(-ln F) ± z·se/(F ln F))) for log-log, and
    F·exp(±z·se/F), at most 1, for log.

    Source: Aalen OO, Johansen S (1978), Scand J Stat 5:141; jackknife and limits as R's survival::survfit (3.x).

    Args:
        durations: length of each person's follow-up, 0 or more, in any one unit.
        causes: 0 where the follow-up was censored, 1, 2, … for the cause of the event that ended it; as many.
        cause: the cause k; where nobody had it the incidence is 0.
        at: times to answer for, 0 or more, a scalar or an array in any order; all event times when left out.
        conf_level: two-sided level, between 0 and 1.
        conf_type: the scale on which the limits are symmetric.

    Returns:
        Arrays with a row for each distinct event time of any cause, or for each of ``at`` (floats where that is a
        scalar). Before the first event the incidence is 0; after the last follow-up it is NaN, unless by then
        everybody had had an event.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, or durations and
            causes have different lengths.
    """
    followed, codes = times("durations", durations), column("causes", causes)
    same_length(durations=followed, causes=codes)
    if codes.min() < 0 or np.any(codes != np.floor(codes)):
        raise ValueError("causes must be whole numbers, 0 or more")
    if cause < 1 or cause != int(cause):
        raise ValueError(f"cause must be a whole number, 1 or more, is {cause}")
    one_of("conf_type", conf_type, ("log-log", "log"))
    z = float(ndtri(0.5 + level(conf_level) / 2))
    asked = None if at is None else numbers("at", at)
    if asked is not None and np.any(asked < 0):
        raise ValueError("at must not be negative")

    ordered = np.sort(followed)
    time, any_cause = _distinct(np.sort(followed[codes > 0]))
    at_risk = ordered.size - np.searchsorted(ordered, time)
    of_cause = np.diff(np.searchsorted(np.sort(followed[codes == cause]), time, side="right"), prepend=0)
    incidence, std_err = _incidence(at_risk, any_cause, of_cause)
    if asked is not None:
        place = np.searchsorted(time, asked, side="right")
        nobody_left = time.size > 0 and at_risk[-1] == any_cause[-1]
        unknown = (asked > ordered[-1]) & (not nobody_left)
        incidence = np.where(unknown, np.nan, np.concatenate(([0.0], incidence))[place])
        std_err = np.where(unknown, np.nan, np.concatenate(([0.0], std_err))[place])
    shown = time if asked is None else asked
    lower, upper = _incidence_limits(incidence, z * std_err, conf_type)
    if shown.ndim == 0:
        return CumulativeIncidence(float(shown), float(incidence), float(std_err), float(lower), float(upper))
    return CumulativeIncidence(shown, incidence, std_err, lower, upper)


def _distinct(ordered: Floats) -> tuple[Floats, Counts]:
    """The distinct values of a sorted array, and how often each comes."""
    if ordered.size == 0:
        return ordered, np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[starts], np.diff(starts, append=ordered.size)


@dataclass(frozen=True, slots=True)
class _Sums:
    """What `_incidence_block` carries from one event time to the next; its docstring has the meanings."""

    survival: float = 1.0
    F: float = 0.0
    G: float = 0.0
    A: float = 0.0
    b2: float = 0.0
    bu: float = 0.0
    u2: float = 0.0


def _incidence(at_risk: Counts, any_cause: Counts, of_cause: Counts) -> tuple[Floats, Floats]:
    """Incidence and its standard error at each event time, block by block: what fits the cache is quick."""
    F, std_err = np.empty(at_risk.size), np.empty(at_risk.size)
    if at_risk.size == 0:
        return F, std_err
    counts = np.stack((at_risk, any_cause, of_cause, np.append(at_risk[1:], 0)))
    sums = _Sums()
    for first in range(0, at_risk.size, _BLOCK):
        block = slice(first, first + _BLOCK)
        n, d, d_k, next_n = counts[:, block].astype(float)
        F[block], std_err[block], sums = _incidence_block(n, d, d_k, next_n, so_far=sums)
    if at_risk[-1] == any_cause[-1] and np.array_equal(of_cause, any_cause):
        F[-1], std_err[-1] = 1.0, 0.0  # a single cause and everybody has had it; sums may miss that by rounding
    return F, std_err


def _incidence_block(
    n: Floats, d: Floats, d_k: Floats, next_n: Floats, *, so_far: _Sums
) -> tuple[Floats, Floats, _Sums]:
    """The same for consecutive event times, with the sums before and after them.

    Let f be the step of F at an event time, A(t) = Σ f(u)·(G(u-) - 1/n(u)) and G(t) = Σ d/(n(n-d)). A person still
    followed after t has the derivative U(t) = A(t). One whose follow-up ended at x ≤ t has
    U(t) = A(x) + [event of the cause]·S(x-)/n(x) + b·(F(t) - F(x)) with b = G(x) - [any event]/(n(x) - d(x)).
    So U grows by b·f at each later event time, and the sums of b², bU and U² over all who have left follow from those
    one event time earlier.
    """
    left = n - d
    # where nobody is left S is 0, and there is no later step that would need 1/(n-d)
    inverse_left = np.divide(1.0, left, out=np.zeros_like(n), where=left > 0)
    survival: Floats = np.multiply(so_far.survival, np.cumprod(left / n))
    own = _earlier(survival, so_far.survival) / n  # S(x-)/n(x), what an event of the cause adds
    f = own * d_k
    F = so_far.F + np.cumsum(f)
    G = so_far.G + np.cumsum(d / n * inverse_left)
    A = so_far.A + np.cumsum(f * (_earlier(G, so_far.G) - 1 / n))

    censored = left - next_n  # between this event time and the next: no event, and A and G are still the same
    b_event = G - inverse_left
    b2 = so_far.b2 + np.cumsum(d * b_event**2 + censored * G**2)
    earlier_b2 = _earlier(b2, so_far.b2)
    bu_now = d_k * b_event * (A + own) + (d - d_k) * b_event * A + censored * G * A
    bu = so_far.bu + np.cumsum(bu_now + f * earlier_b2)
    u2_now = d_k * (A + own) ** 2 + (d - d_k + censored) * A**2
    u2 = so_far.u2 + np.cumsum(u2_now + f * (2 * _earlier(bu, so_far.bu) + f * earlier_b2))
    # rounding may leave a sum of squares a hair below 0
    std_err = np.sqrt(np.maximum(u2 + next_n * A**2, 0.0))
    last = (float(sums[-1]) for sums in (survival, F, G, A, b2, bu, u2))
    return np.minimum(F, 1.0), std_err, _Sums(*last)


def _earlier(values: Floats, first: float) -> Floats:
    """Each value's predecessor."""
    return np.concatenate(([first], values[:-1]))


def _incidence_limits(incidence: Floats, half: Floats, conf_type: str) -> tuple[Floats, Floats]:
    """Limits of an incidence; ``half`` is z times its standard error."""
    some = np.where(incidence > 0, incidence, np.nan)
    if conf_type == "log":
        return some * np.exp(-half / some), np.minimum(some * np.exp(half / some), 1.0)
    inside = np.where(some < 1, some, np.nan)
    return _log_log_limits(inside, half / inside)


def _log_log_limits(share: Floats, half: Floats) -> tuple[Floats, Floats]:
    """exp(-exp(ln(-ln p) ± half/ln p)), the lower one first; ``half`` is z times the standard error of ln p."""
    on_log = np.log(share)
    # ln p is negative, so subtracting moves -ln p up and the share down
    lower = np.exp(on_log * np.exp(-half / on_log))
    upper = np.exp(on_log * np.exp(half / on_log))
    return cast("Floats", lower), cast("Floats", upper)
