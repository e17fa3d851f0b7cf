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
from streams.statistics.incidence import incidence_with_error

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

__all__ = [
    "CoxFit",
    "CumulativeIncidence",
    "Proportionality",
    "SurvivalCurve",
    "aalen_johansen",
    "aalen_johansen_of_counts",
    "cox",
    "kaplan_meier",
    "kaplan_meier_of_counts",
]


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
    return _curve(time, at_risk, count, follow_up=float(ordered[-1]), z=z, conf_type=conf_type)


def kaplan_meier_of_counts(
    time: ArrayLike,
    at_risk: ArrayLike,
    events: ArrayLike,
    *,
    follow_up: float,
    conf_level: float = 0.95,
    conf_type: Literal["log-log", "log", "plain"] = "log-log",
) -> SurvivalCurve:
    """The same curve of persons that were counted elsewhere, such as in a database.

    Args:
        time: the distinct times of events, 0 or more, ascending, in any one unit; they may be none.
        at_risk: persons followed at least as long as each time.
        events: events at each time; 0 where there was one of another sort only.
        follow_up: the longest time anybody was followed, in the same unit.
        conf_level: as `kaplan_meier`.
        conf_type: as `kaplan_meier`.

    Returns:
        As `kaplan_meier`: times without an event are left out.

    Raises:
        ValueError: an argument, which the message names, cannot be what it should, or they have different lengths.
    """
    when, there, counts = _counted(time, at_risk, follow_up, events=events)
    one_of("conf_type", conf_type, ("log-log", "log", "plain"))
    z = float(ndtri(0.5 + level(conf_level) / 2))
    some = counts > 0
    return _curve(when[some], there[some], counts[some], follow_up=float(follow_up), z=z, conf_type=conf_type)


def _curve(
    time: Floats, at_risk: Counts, count: Counts, *, follow_up: float, z: float, conf_type: str
) -> SurvivalCurve:
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
        time, at_risk, count, survival, std_err, np.maximum(lower, 0.0), np.minimum(upper, 1.0), follow_up
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
    asked = _asked(at)
    ordered = np.sort(followed)
    time, any_cause = _distinct(np.sort(followed[codes > 0]))
    at_risk = ordered.size - np.searchsorted(ordered, time)
    of_cause = np.diff(np.searchsorted(np.sort(followed[codes == cause]), time, side="right"), prepend=0)
    follow_up = float(ordered[-1])
    return _cumulative(time, at_risk, any_cause, of_cause, follow_up=follow_up, asked=asked, z=z, conf_type=conf_type)


def aalen_johansen_of_counts(
    time: ArrayLike,
    at_risk: ArrayLike,
    any_cause: ArrayLike,
    of_cause: ArrayLike,
    *,
    follow_up: float,
    at: ArrayLike | None = None,
    conf_level: float = 0.95,
    conf_type: Literal["log-log", "log"] = "log-log",
) -> CumulativeIncidence:
    """The same incidence of persons that were counted elsewhere, such as in a database.

    Args:
        time: the distinct times of events of any cause, 0 or more, ascending, in any one unit; they may be none.
        at_risk: persons followed at least as long as each time.
        any_cause: events of any cause at each time, 1 or more.
        of_cause: those of the cause that is asked for.
        follow_up: the longest time anybody was followed, in the same unit.
        at: as `aalen_johansen`.
        conf_level: as `aalen_johansen`.
        conf_type: as `aalen_johansen`.

    Returns:
        As `aalen_johansen`.

    Raises:
        ValueError: an argument, which the message names, cannot be what it should, or they have different lengths.
    """
    when, there, counts = _counted(time, at_risk, follow_up, any_cause=any_cause)
    if np.any(counts < 1):
        raise ValueError("any_cause must be 1 or more: leave out times without an event")
    own = _whole("of_cause", of_cause)
    same_length(time=when, of_cause=own)
    if np.any(own > counts):
        raise ValueError("of_cause must be among any_cause")
    one_of("conf_type", conf_type, ("log-log", "log"))
    z = float(ndtri(0.5 + level(conf_level) / 2))
    return _cumulative(when, there, counts, own, follow_up=float(follow_up), asked=_asked(at), z=z, conf_type=conf_type)


def _asked(at: ArrayLike | None) -> Floats | None:
    asked = None if at is None else numbers("at", at)
    if asked is not None and np.any(asked < 0):
        raise ValueError("at must not be negative")
    return asked


def _cumulative(
    time: Floats,
    at_risk: Counts,
    any_cause: Counts,
    of_cause: Counts,
    *,
    follow_up: float,
    asked: Floats | None,
    z: float,
    conf_type: str,
) -> CumulativeIncidence:
    incidence, std_err = incidence_with_error(at_risk, any_cause, of_cause)
    if asked is not None:
        place = np.searchsorted(time, asked, side="right")
        nobody_left = time.size > 0 and at_risk[-1] == any_cause[-1]
        unknown = (asked > follow_up) & (not nobody_left)
        incidence = np.where(unknown, np.nan, np.concatenate(([0.0], incidence))[place])
        std_err = np.where(unknown, np.nan, np.concatenate(([0.0], std_err))[place])
    shown = time if asked is None else asked
    lower, upper = _incidence_limits(incidence, z * std_err, conf_type)
    if shown.ndim == 0:
        return CumulativeIncidence(float(shown), float(incidence), float(std_err), float(lower), float(upper))
    return CumulativeIncidence(shown, incidence, std_err, lower, upper)


def _counted(
    time: ArrayLike, at_risk: ArrayLike, follow_up: float, **events: ArrayLike
) -> tuple[Floats, Counts, Counts]:
    """Times, persons at risk and events that fit each other, checked."""
    ((name, given),) = events.items()
    when, there, counts = np.asarray(time, dtype=np.float64), _whole("at_risk", at_risk), _whole(name, given)
    same_length(time=when, at_risk=there, **{name: counts})
    if not (np.isfinite(follow_up) and follow_up >= 0):
        raise ValueError(f"follow_up must be a number, 0 or more, is {follow_up}")
    if not np.all(np.isfinite(when)) or np.any(np.diff(when, prepend=-1.0) <= 0) or np.any(when < 0):
        raise ValueError("time must be 0 or more, and ascend")
    if when.size and when[-1] > follow_up:
        raise ValueError("follow_up must not be shorter than the last time")
    if np.any(counts > there):
        raise ValueError(f"{name} must not be more than at_risk")
    if np.any(there[1:] > (there - counts)[:-1]):
        raise ValueError("at_risk must not be more than were left at the time before")
    return when, there, counts


def _whole(name: str, values: ArrayLike) -> Counts:
    """Whole numbers of one dimension, 0 or more; there may be none."""
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or np.any(found < 0) or np.any(found != np.floor(found)):
        raise ValueError(f"{name} must be whole numbers, 0 or more, of one dimension")
    return found.astype(np.int64)


def _distinct(ordered: Floats) -> tuple[Floats, Counts]:
    """The distinct values of a sorted array, and how often each comes."""
    if ordered.size == 0:
        return ordered, np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[starts], np.diff(starts, append=ordered.size)


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
