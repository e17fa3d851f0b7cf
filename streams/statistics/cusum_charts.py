"""The charts of `cusum`: Bernoulli, Biswas & Kalbfleisch, and CGR.

Sources: Steiner S H, Cook R J, Farewell V T, Treasure T (2000), Monitoring surgical performance using risk-adjusted
cumulative sum charts, Biostatistics 1:441; Biswas P, Kalbfleisch J D (2008), A risk-adjusted CUSUM in continuous time
based on the Cox model, Stat Med 27:3382; Gomon D, Putter H, Nelissen R G H H, van der Pas S (2022), CGR-CUSUM: a
continuous time generalized rapid response cumulative sum chart, Biostatistics 25:253.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.statistics.checked import happened, numbers, same_length
from streams.statistics.evidence import most_evidence
from streams.statistics.follow_up import cohort

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from streams.statistics.follow_up import Hazard

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CusumPath:
    """A chart at the distinct times of failures, after the jump; all arrays are of one length.

    Attributes:
        time: calendar times of failures, ascending; none where nobody failed.
        value: the chart.
        failures: all failures up to and including that time.
        intensity: failures that were to be expected by that time.
    """

    time: Floats
    value: Floats
    failures: Counts
    intensity: Floats


@dataclass(frozen=True, slots=True)
class CgrPath:
    """A chart of unknown hazard ratio and beginning; all arrays are of one length.

    Attributes:
        time: calendar times.
        value: the chart; infinite where failures came before any could be expected, and no cap was given.
        start: the earliest day of entry since which the evidence is largest; NaN before anybody entered.
        hazard_ratio: the hazard ratio of those who entered since then, at least 1 and at most the cap.
    """

    time: Floats
    value: Floats
    start: Floats
    hazard_ratio: Floats


def bernoulli_cusum(outcomes: ArrayLike, probabilities: ArrayLike, *, odds_ratio: float) -> Floats:
    """The risk-adjusted Bernoulli CUSUM (Steiner 2000).

    S = max(0, S + W) from 0, with W = x ln(OR) + ln(1/(1 - p + OR p)).

    Args:
        outcomes: 1 for an event, 0 for none, in the order in which they are known.
        probabilities: probability p of an event for each patient, or one for all; between 0 and 1.
        odds_ratio: odds ratio that is looked for, above 0 and not 1; below 1 the chart looks for fewer events.

    Returns:
        The chart after each patient.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN or out of range, or the two have
            different lengths.
    """
    events, probability = happened("outcomes", outcomes), numbers("probabilities", probabilities)
    if probability.ndim:
        same_length(outcomes=events, probabilities=probability)
    if np.any(probability <= 0) or np.any(probability >= 1):
        raise ValueError("probabilities must lie between 0 and 1")
    if not (math.isfinite(odds_ratio) and odds_ratio > 0 and odds_ratio != 1):
        raise ValueError(f"odds_ratio must be above 0 and not 1, is {odds_ratio}")
    steps = events * math.log(odds_ratio) - np.log1p(probability * (odds_ratio - 1))
    # a sum that is never below 0 is the plain sum above its lowest point so far
    total = np.cumsum(steps)
    path: Floats = total - np.minimum(np.minimum.accumulate(total), 0.0)
    return path


def bk_cusum(
    entry: ArrayLike,
    follow_up: ArrayLike,
    events: ArrayLike,
    risk: ArrayLike,
    baseline_cumulative_hazard: Hazard,
    *,
    theta: float = math.log(2),
    horizon: float | None = None,
    until: float | None = None,
) -> CusumPath:
    """The risk-adjusted CUSUM in continuous time for a hazard ratio e^θ (Biswas & Kalbfleisch 2008).

    Between failures the chart falls by (e^θ - 1) dΛ(t), though never below 0; at each failure it rises by θ.
    Λ(t) = Σ risk · Λ₀(min(t - entry, follow-up)). A failure on the day of entry counts.

    Args:
        entry: calendar day of entry, 0 or more, in any order.
        follow_up: days from entry to failure or censoring, 0 or more.
        events: 1 where follow-up ended by failure, 0 where by censoring.
        risk: hazard relative to the baseline, exp(βx), for each patient or one for all.
        baseline_cumulative_hazard: Λ₀, takes an array of days since entry and gives one number for each.
        theta: logarithm of the hazard ratio that is looked for, above 0.
        horizon: days after entry at which follow-up is cut; later failures do not count. Biswas & Kalbfleisch: 365.
        until: the last calendar day that is seen, itself included; without it all is seen.

    Returns:
        The chart after each distinct time of failure.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, or they
            have different lengths.
    """
    if not (math.isfinite(theta) and theta > 0):
        raise ValueError(f"theta must be above 0, is {theta}")
    if until is not None and not until >= 0:
        raise ValueError(f"until must be 0 or more, is {until}")
    patients = cohort(entry, follow_up, events, risk, baseline_cumulative_hazard, horizon=horizon)
    time = patients.failure_times()
    time = time if until is None else time[time <= until]
    so_far = [(int(seen.failures.sum()), float(seen.intensity.sum())) for seen in patients.experience(time)]
    failures = np.array([count for count, _ in so_far], dtype=np.int64)
    intensity = np.array([due for _, due in so_far], dtype=np.float64)
    return CusumPath(time, bk_chart(failures, intensity, theta), failures, intensity)


def bk_chart(failures: Counts, intensity: Floats, theta: float) -> Floats:
    """The chart of `bk_cusum` from running totals.

    Args:
        failures: all failures by some times, which ascend.
        intensity: failures that were to be expected by then; as many.
        theta: logarithm of the hazard ratio that is looked for, above 0.

    Returns:
        The chart at each of these times; right there too where nobody failed between two of them.
    """
    value = np.empty(failures.size)
    chart = 0.0
    rises = theta * np.diff(failures, prepend=0)
    falls = math.expm1(theta) * np.diff(intensity, prepend=0.0)
    for row, (rise, fall) in enumerate(zip(rises.tolist(), falls.tolist(), strict=True)):
        chart = max(0.0, chart - fall) + rise
        value[row] = chart
    return value


def cgr_cusum(
    entry: ArrayLike,
    follow_up: ArrayLike,
    events: ArrayLike,
    risk: ArrayLike,
    baseline_cumulative_hazard: Hazard,
    *,
    max_hazard_ratio: float | None = None,
    horizon: float | None = None,
    at: ArrayLike | None = None,
) -> CgrPath:
    """The CGR-CUSUM: evidence for any raised hazard among those who entered since any day (Gomon 2022).

    The largest, over the days of entry k up to t, of θ N(k, t) - (e^θ - 1) Λ(k, t), where N and Λ are the failures
    and the intensity of those who entered on day k or later, and θ = max(0, ln(N/Λ)), at most the logarithm of the
    cap. Where N > 0 and Λ = 0 it is infinite, or N ln(cap). A failure on the day of entry counts.

    Args:
        entry: calendar day of entry, 0 or more, in any order.
        follow_up: days from entry to failure or censoring, 0 or more.
        events: 1 where follow-up ended by failure, 0 where by censoring.
        risk: hazard relative to the baseline, exp(βx), for each patient or one for all.
        baseline_cumulative_hazard: Λ₀, takes an array of days since entry and gives one number for each.
        max_hazard_ratio: cap on e^θ̂, above 1; without it a single early failure can be any evidence.
        horizon: days after entry at which follow-up is cut; later failures do not count.
        at: calendar times, 0 or more, in any order; without them the distinct times of failures, each after all
            failures of that time.

    Returns:
        The chart at these times, in the order given.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, or they
            have different lengths.
    """
    cap = math.inf if max_hazard_ratio is None else float(max_hazard_ratio)
    if not cap > 1:
        raise ValueError(f"max_hazard_ratio must be above 1, is {max_hazard_ratio}")
    patients = cohort(entry, follow_up, events, risk, baseline_cumulative_hazard, horizon=horizon)
    when = patients.failure_times() if at is None else np.atleast_1d(numbers("at", at))
    if np.any(when < 0):
        raise ValueError("at must not be negative")
    order = np.argsort(when, kind="stable")
    rows = np.empty((when.size, 3))
    for row, seen in zip(order, patients.experience(when[order]), strict=True):
        rows[row] = most_evidence(seen, cap)
    value, start, hazard_ratio = rows.T.copy()
    return CgrPath(when, value, start, hazard_ratio)
