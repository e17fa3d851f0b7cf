"""Patients followed from entry to failure or censoring, and the failures that a hazard makes one expect of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.statistics.checked import happened, numbers, same_length, times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray

    Bools = NDArray[np.bool_]
    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Hazard = Callable[[Floats], ArrayLike]


@dataclass(frozen=True, slots=True)
class Experience:
    """What those who entered on each day have gone through by one time; good until the next time is asked for.

    Attributes:
        days: the distinct days of entry up to then, ascending.
        failures: failures of those who entered on each of these days, and a 0 after the last.
        intensity: failures that were to be expected of them, Σ risk · Λ₀(min(time - entry, follow-up)), and a 0.
        failing: the positions of the days with failures, ascending.
    """

    days: Floats
    failures: Counts
    intensity: Floats
    failing: Counts


@dataclass(frozen=True, slots=True)
class Cohort:
    """Patients in the order in which their follow-up ends.

    Attributes:
        days: the distinct days of entry, ascending.
        entered: for each patient, which of these days.
        ends: calendar time at which follow-up ends, ascending.
        failed: whether it ended by failure.
        risk: relative hazard.
        ended_intensity: risk · Λ₀(follow-up), the intensity once follow-up has ended.
        hazard: Λ₀, the cumulative baseline hazard by days since entry.
    """

    days: Floats
    entered: Counts
    ends: Floats
    failed: Bools
    risk: Floats
    ended_intensity: Floats
    hazard: Hazard

    def failure_times(self) -> Floats:
        """The distinct times of failures, ascending."""
        return np.unique(self.ends[self.failed])

    def experience(self, when: Floats) -> Iterator[Experience]:
        """The experience by each of these times, which ascend; a failure on the very day counts.

        Those who entered on one day and are still followed share one hazard, so the sum of their risks is all that
        is kept of them.
        """
        followed = np.bincount(self.entered, minlength=self.days.size)
        risk = np.bincount(self.entered, weights=self.risk, minlength=self.days.size)
        ended = np.zeros(self.days.size)
        failing = np.empty(0, dtype=np.int64)
        # room that is used again at every time, since there may be many times and many days
        failures = np.zeros(self.days.size + 1, dtype=np.int64)
        intensity, since = np.zeros(self.days.size + 1), np.empty(self.days.size)
        seen = first_open = 0
        for time, upto in zip(when, np.searchsorted(self.ends, when, side="right"), strict=True):
            now = slice(seen, upto)
            entered = self.entered[now]
            np.subtract.at(followed, entered, 1)
            np.subtract.at(risk, entered, self.risk[now])
            risk[entered[followed[entered] == 0]] = 0.0  # exactly, whatever rounding has left
            np.add.at(ended, entered, self.ended_intensity[now])
            failed = entered[self.failed[now]]
            new = np.unique(failed[failures[failed] == 0])
            failing = np.insert(failing, np.searchsorted(failing, new), new)
            np.add.at(failures, failed, 1)
            seen = upto
            begun = int(np.searchsorted(self.days, time, side="right"))
            while first_open < begun and followed[first_open] == 0:
                first_open += 1
            intensity[:first_open] = ended[:first_open]
            if first_open < begun:
                still = slice(first_open, begun)
                due = cumulative(self.hazard, np.subtract(time, self.days[still], out=since[still]))
                np.multiply(risk[still], due, out=intensity[still])
                intensity[still] += ended[still]
            yield Experience(self.days[:begun], failures[: begun + 1], intensity[: begun + 1], failing)


def cohort(
    entry: ArrayLike,
    follow_up: ArrayLike,
    events: ArrayLike,
    risk: ArrayLike,
    baseline_cumulative_hazard: Hazard,
    *,
    horizon: float | None,
) -> Cohort:
    """The patients of a chart, checked; arguments as those of the charts in `cusum`.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, or they
            have different lengths.
    """
    begins, lasts = times("entry", entry), times("follow_up", follow_up)
    failed, relative = happened("events", events), numbers("risk", risk)
    relative = relative if relative.ndim else np.full(begins.size, float(relative))
    same_length(entry=begins, follow_up=lasts, events=failed, risk=relative)
    if np.any(relative < 0):
        raise ValueError("risk must be 0 or more")
    if horizon is not None:
        if not horizon > 0:
            raise ValueError(f"horizon must be above 0, is {horizon}")
        failed &= lasts <= horizon
        lasts = np.minimum(lasts, horizon)
    ends = begins + lasts
    order = np.argsort(ends, kind="stable")
    days, entered = np.unique(begins, return_inverse=True)
    return Cohort(
        days=days,
        entered=entered[order],
        ends=ends[order],
        failed=failed[order],
        risk=relative[order],
        ended_intensity=(relative * cumulative(baseline_cumulative_hazard, lasts))[order],
        hazard=baseline_cumulative_hazard,
    )


def cumulative(hazard: Hazard, days: Floats) -> Floats:
    """The cumulative hazard at each of these days since entry; the function may also take single numbers only.

    Raises:
        ValueError: it gives something negative, NaN or infinite, or not one number for each day.
    """
    try:
        found = np.asarray(hazard(days), dtype=np.float64)
    except (TypeError, ValueError):  # as functions made of math or of if give for an array
        found = np.array([float(hazard(day)) for day in days])  # type: ignore[arg-type]
    if found.ndim and found.shape != days.shape:
        raise ValueError(f"baseline_cumulative_hazard gave {found.size} numbers for {days.size} days")
    if not (found.min() >= 0 and found.max() < np.inf):
        raise ValueError("baseline_cumulative_hazard gave a number that is negative, NaN or infinite")
    return found
