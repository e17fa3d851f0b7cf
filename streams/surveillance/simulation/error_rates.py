"""Error rates of a method at a threshold: how often it lies, how much it finds, and how late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.statistics.rates import incidence_rate

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from streams.surveillance.simulation.defects import Planted
    from streams.surveillance.simulation.plan import Plan
    from streams.surveillance.simulation.runs import Run, Scores

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_PER = 10.0
_LATE = 0.9


class Bar(NamedTuple):
    """A threshold by expected outcomes per year, straight between the rows of a table, level beyond its ends.

    Attributes:
        per_year: ascending.
        height: the threshold at each.
    """

    per_year: tuple[float, ...]
    height: tuple[float, ...]

    def at(self, per_year: Floats) -> Floats:
        """The threshold."""
        found: Floats = np.interp(per_year, self.per_year, self.height)
        return found

    def reached(self, scores: Scores) -> Scores:
        """The first score of each stream that is at the threshold or above, by stream."""
        above = scores.of(scores.score >= self.at(scores.per_year))
        _, first = np.unique(above.stream, return_index=True)
        return above.of(first)


def flat(height: float) -> Bar:
    """One threshold for all."""
    return Bar((0.0,), (height,))


class FalseAlarms(NamedTuple):
    """False alarms and how often they come.

    Attributes:
        number: of streams that reached the threshold, once each, although nothing was wrong.
        per_ten_years: in ten years of a catalogue.
        lower: exact lower 95 % limit.
        upper: upper limit.
    """

    number: int
    per_ten_years: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Detected:
    """How well defects of one kind are found; days and implants are None where fewer than that share was found.

    Attributes:
        defect: which.
        ratio: hazard ratio; 0 for Inter-op.
        planted: how many were planted where no signal stood before.
        share: of them that were found before the history's end.
        median_days: from the first operation with the defect, of all planted, those not found at the end.
        late_days: the 90th percentile.
        median_implants: put in with the defect by then.
        late_implants: the 90th percentile.
    """

    defect: str
    ratio: float
    planted: int
    share: float
    median_days: float | None
    late_days: float | None
    median_implants: float | None
    late_implants: float | None


def false_alarms(runs: Sequence[Run], method: str, bar: Bar, plan: Plan, *, groups: Collection[int]) -> FalseAlarms:
    """False alarms of a method in some monitor groups.

    A stream that had reached the threshold before the monitor was switched on is not counted, since no more is raised.
    """
    number = 0
    for run in runs:
        scores = run.null[method]
        first = bar.reached(scores.of(np.isin(scores.group, list(groups))))
        number += int(np.sum(first.day >= plan.switched_on))
    return rate_of(number, len(runs) * plan.years)


def rate_of(number: int, years: float) -> FalseAlarms:
    """So many false alarms in so many years of a catalogue, with exact Poisson limits."""
    rate = incidence_rate(number, years, per=_PER)
    return FalseAlarms(number, float(rate.rate), float(rate.lower), float(rate.upper))


def detected(runs: Sequence[Run], method: str, bar: Bar) -> list[Detected]:
    """How each kind of defect is found."""
    delays: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for run in runs:
        first = bar.reached(run.found[method])
        days = dict(zip(first.stream.tolist(), first.day.tolist(), strict=True))
        for number, planted in enumerate(run.planted):
            of_kind = delays.setdefault((planted.defect, planted.ratio), [])
            day = days.get(number)
            if day is None:
                of_kind.append((np.inf, np.inf))
            elif day >= planted.onset:
                of_kind.append(_since_onset(planted, day))
    return [_detected(*kind, np.array(found).reshape(-1, 2)) for kind, found in sorted(delays.items())]


def blamed(runs: Sequence[Run], method: str, bar: Bar) -> dict[float, float]:
    """By a unit's hazard ratio, how many products are flagged on average because that one unit is worse."""
    found: dict[float, list[int]] = {}
    for run in runs:
        honest = set(bar.reached(run.null[method].of(run.null[method].group == 0)).stream.tolist())
        worse = bar.reached(run.unit)
        new = set(worse.stream[worse.day >= run.unit_since].tolist()) - honest
        found.setdefault(run.unit_ratio, []).append(len(new))
    return {ratio: float(np.mean(numbers)) for ratio, numbers in sorted(found.items())}


def _since_onset(planted: Planted, day: int) -> tuple[float, float]:
    return float(day - planted.onset), float(np.searchsorted(planted.starts, day, side="right"))


def _detected(defect: str, ratio: float, found: Floats) -> Detected:
    many = found.shape[0]
    share = float(np.isfinite(found[:, 0]).mean()) if many else 0.0
    columns = [_quantile(found[:, column], at) for column in (0, 1) for at in (0.5, _LATE)]
    return Detected(defect, ratio, many, share, *columns)


def _quantile(values: Floats, at: float) -> float | None:
    """The value that a share of all does not exceed; None where it is beyond what was seen."""
    if not values.size:
        return None
    found = float(np.sort(values)[max(int(np.ceil(at * values.size)) - 1, 0)])
    return found if np.isfinite(found) else None
