"""Thresholds of charts from the run length, or the share of false alarms, that one wants of them, by simulation.

For MaxSPRT no simulation is needed: `sequential` has its exact critical values. For one probability of an event
`run_length.bernoulli_cusum_arl` is exact too.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from streams.statistics.checked import level, numbers
from streams.statistics.cusum_charts import bernoulli_cusum, bk_cusum, cgr_cusum
from streams.statistics.follow_up import cumulative

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from streams.statistics.cusum_charts import CgrPath, CusumPath
    from streams.statistics.follow_up import Hazard

    Floats = NDArray[np.float64]
    Method = Callable[[np.random.Generator], "History"]

_FEWEST_SIGNALS = 20  # fewer tell too little
_Z = 1.959963984540054  # of limits of 95 %


@dataclass(frozen=True, slots=True)
class History:
    """A chart over one history in which nothing is wrong.

    Attributes:
        time: when the chart was looked at, ascending.
        value: the chart then.
        length: how long the history is, in the unit of ``time``.
    """

    time: Floats
    value: Floats
    length: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold, and the error of the simulation that it comes from.

    Attributes:
        value: signal at this or above.
        lower: lower 95 % limit of the threshold that gives exactly what was wanted.
        upper: upper 95 % limit.
        histories: how many histories were simulated.
        signals: how many of them signal at the threshold.
    """

    value: float
    lower: float
    upper: float
    histories: int
    signals: int


def threshold_for(
    method: Method,
    *,
    run_length: float | None = None,
    false_alarms: float | None = None,
    histories: int = 1000,
    seed: int = 1,
) -> Threshold:
    """The threshold at which a chart has a wanted run length, or a wanted share of false alarms.

    Exactly one of the two is given. By the share of false alarms, it is a quantile of the histories' highest values,
    with limits by order statistics. By run length, it is the lowest value at which all time that was watched before
    the first signals, over the number of signals, is as long as wanted; histories without a signal add the
    whole of their length, as if signals came at an even pace. The limits are those of the thresholds for run lengths
    1.96/√signals higher and lower on the scale of logarithms.

    Args:
        method: simulates one history with the generator that it is handed: `bernoulli_history`, `bk_history`,
            `cgr_history`, or a function of one's own.
        run_length: average time to a false alarm, above 0, in the unit of the histories' time.
        false_alarms: share of histories that may signal before they end, between 0 and 1.
        histories: how many to simulate, 1 or more.
        seed: of the random numbers; the same seed gives the same threshold.

    Raises:
        ValueError: an argument, which the message names, is out of range, none or both of the two are given, or the
            histories are too few or too short to tell.
    """
    if histories < 1:
        raise ValueError(f"histories must be 1 or more, is {histories}")
    rng = np.random.default_rng(seed)
    if run_length is not None and false_alarms is None:
        _above_zero(run_length=run_length)
        return _by_run_length([method(rng) for _ in range(histories)], run_length)
    if false_alarms is not None and run_length is None:
        level(false_alarms, name="false_alarms")
        return _by_false_alarms([method(rng) for _ in range(histories)], false_alarms)
    raise ValueError("give either run_length or false_alarms")


def bernoulli_history(probabilities: ArrayLike, *, odds_ratio: float, patients: int) -> Method:
    """Histories of `bernoulli_cusum`, with time counted in patients.

    Args:
        probabilities: those of an event to draw from, such as all patients' of a past year; or one for all.
        odds_ratio: odds ratio of the chart.
        patients: length of a history, 1 or more.
    """
    mix = np.atleast_1d(numbers("probabilities", probabilities))
    if patients < 1:
        raise ValueError(f"patients must be 1 or more, is {patients}")
    time = np.arange(1.0, patients + 1)

    def history(rng: np.random.Generator) -> History:
        drawn = rng.choice(mix, patients)
        path = bernoulli_cusum(rng.random(patients) < drawn, drawn, odds_ratio=odds_ratio)
        return History(time, path, float(patients))

    return history


def bk_history(
    per_day: float,
    days: float,
    risk: ArrayLike,
    baseline_cumulative_hazard: Hazard,
    *,
    theta: float = math.log(2),
    horizon: float | None = None,
) -> Method:
    """Histories of `bk_cusum`, with time counted in days.

    Args:
        per_day: patients who enter in a day, on average, above 0.
        days: length of a history, above 0.
        risk: relative hazards to draw from, or one for all.
        baseline_cumulative_hazard: Λ₀ of the chart, by which patients fail; between whole days it is taken as straight.
        theta: logarithm of the hazard ratio of the chart.
        horizon: days after entry at which follow-up is cut.
    """
    patients = _Patients(per_day, days, np.atleast_1d(numbers("risk", risk)), baseline_cumulative_hazard)
    return patients.method(partial(bk_cusum, theta=theta, horizon=horizon))


def cgr_history(
    per_day: float,
    days: float,
    risk: ArrayLike,
    baseline_cumulative_hazard: Hazard,
    *,
    max_hazard_ratio: float | None = None,
    horizon: float | None = None,
) -> Method:
    """Histories of `cgr_cusum`, with time counted in days; other arguments as for `bk_history`.

    Args:
        per_day: patients who enter in a day, on average, above 0.
        days: length of a history, above 0.
        risk: relative hazards to draw from, or one for all.
        baseline_cumulative_hazard: Λ₀ of the chart, by which patients fail; between whole days it is taken as straight.
        max_hazard_ratio: cap of the chart.
        horizon: days after entry at which follow-up is cut.
    """
    patients = _Patients(per_day, days, np.atleast_1d(numbers("risk", risk)), baseline_cumulative_hazard)
    return patients.method(partial(cgr_cusum, max_hazard_ratio=max_hazard_ratio, horizon=horizon))


class _Patients:
    """Patients who enter at random, fail by the hazard of the chart, and are followed to the end of the history."""

    def __init__(self, per_day: float, days: float, risk: Floats, hazard: Hazard) -> None:
        _above_zero(per_day=per_day, days=days)
        self._number, self._days, self._risk = per_day * days, days, risk
        self._grid = np.append(np.arange(0.0, days), days)
        self._baseline = hazard
        self._hazard = cumulative(hazard, self._grid) * np.ones(self._grid.size)

    def method(self, chart: Callable[..., CusumPath | CgrPath]) -> Method:
        """Histories of a chart of such patients; it takes what one is drawn as, and the baseline."""

        def history(rng: np.random.Generator) -> History:
            drawn = self._drawn(rng)
            if drawn is None:
                return History(np.empty(0), np.empty(0), self._days)
            path = chart(*drawn, self._baseline)
            return History(path.time, path.value, self._days)

        return history

    def _drawn(self, rng: np.random.Generator) -> tuple[Floats, Floats, Floats, Floats] | None:
        """Entry, follow-up, events and risk of one history; nothing where nobody enters."""
        number = rng.poisson(self._number)
        if number == 0:
            return None
        entry = rng.uniform(0, self._days, number)
        risk = rng.choice(self._risk, number)
        failure = np.interp(rng.exponential(size=number) / risk, self._hazard, self._grid, right=np.inf)
        follow_up = np.minimum(failure, self._days - entry)
        return entry, follow_up, (failure <= follow_up).astype(np.float64), risk


def _by_false_alarms(simulated: list[History], share: float) -> Threshold:
    highest = np.sort([history.value.max(initial=0.0) for history in simulated])[::-1]
    count = highest.size
    spread = _Z * math.sqrt(share * (1 - share) * count)
    allowed = int(share * count)
    most, fewest = math.ceil(share * count + spread), math.floor(share * count - spread)
    if fewest < 0 or most >= count:
        raise ValueError(f"histories are too few, {count}, to tell a share of false alarms of {share}")
    value = float(np.nextafter(highest[allowed], np.inf))
    return Threshold(value, float(highest[most]), float(highest[fewest]), count, int(np.sum(highest >= value)))


def _by_run_length(simulated: list[History], wanted: float) -> Threshold:
    records = [_records(history) for history in simulated]
    lengths = [history.length for history in simulated]
    levels = np.unique(np.concatenate([values for values, _ in records]))

    def signals(threshold: float) -> int:
        return sum(1 for values, _ in records if values.size and values[-1] >= threshold)

    def achieved(threshold: float) -> float:
        watched = 0.0
        for (values, times), length in zip(records, lengths, strict=True):
            first = int(np.searchsorted(values, threshold))
            watched += times[first] if first < values.size else length
        return watched / signals(threshold)

    def lowest(length: float) -> float:
        place = bisect_left(levels, True, key=lambda threshold: achieved(threshold) >= length)
        if place == levels.size or signals(levels[place]) < _FEWEST_SIGNALS:
            raise ValueError(f"histories are too few or too short to tell a run_length of {wanted}")
        return float(levels[place])

    value = lowest(wanted)
    found = signals(value)
    error = math.exp(_Z / math.sqrt(found))
    return Threshold(value, lowest(wanted / error), lowest(wanted * error), len(simulated), found)


def _records(history: History) -> tuple[Floats, Floats]:
    """The values that were higher than all before them, and when they came."""
    highest = np.maximum.accumulate(history.value) if history.value.size else history.value
    new = np.diff(highest, prepend=0.0) > 0
    return highest[new], history.time[new]


def _above_zero(**named: float) -> None:
    for name, value in named.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a number above 0, is {value}")
