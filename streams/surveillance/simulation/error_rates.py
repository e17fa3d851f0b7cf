"""Error rates of a method at thresholds: how often it lies, how much it finds, and how late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import gammaincinv

from streams.surveillance.simulation.runs import DEFAULT
from streams.surveillance.simulation.scene import STREAM_KINDS, StreamKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from streams.surveillance.simulation.defects import Planted
    from streams.surveillance.simulation.plan import Plan
    from streams.surveillance.simulation.runs import Run, Scores

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_PER = 10.0
_LATE = 0.9
_LOWER, _UPPER = 0.025, 0.975
JUDGED: tuple[StreamKind, ...] = ("product", "lot", "unit")
"""The kinds of streams that defects are planted for, by which methods are compared."""


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


Bars = Mapping[StreamKind, Bar]
"""A threshold for each kind of stream."""


def flat(height: float) -> Bar:
    """One threshold for all."""
    return Bar((0.0,), (height,))


class FalseAlarms(NamedTuple):
    """False alarms and how often they come.

    Attributes:
        number: of streams that reached the threshold, once each, although nothing was wrong.
        per_ten_years: in ten years of a catalogue.
        lower: lower 95 % limit.
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


class Delay(NamedTuple):
    """How late a planted defect was found: days since its first operation and implants by then; infinite if never."""

    defect: str
    ratio: float
    days: float
    implants: float


def false_signals(run: Run, method: str, kind: StreamKind, bar: Bar, plan: Plan, *, groups: int | None = None) -> int:
    """How many streams of a kind signal falsely in a history.

    A stream that had reached the threshold before the monitor was switched on is not counted, since no more is raised.
    Units were followed once, but are watched beside each group of components, where nothing else becomes of them: each
    of their signals counts for all of these.

    Args:
        run: of the history.
        method: which.
        kind: of the streams.
        bar: their threshold.
        plan: of the history.
        groups: how many groups count, the first ones; all where left out.
    """
    scores = run.null[method]
    is_one = scores.kind == STREAM_KINDS.index(kind)
    if groups is not None:
        is_one &= scores.group < groups
    number = int(np.sum(bar.reached(scores.of(is_one)).day >= plan.switched_on))
    return number * (watched_beside(plan, groups) if kind == "unit" else 1)


def watched_beside(plan: Plan, groups: int | None = None) -> int:
    """Beside how many groups of components units are watched."""
    return len(plan.kinds) if groups is None else min(groups, len(plan.kinds))


def rate_of(numbers: Sequence[int], plan: Plan) -> FalseAlarms:
    """False alarms from their numbers in each of some histories.

    The limits are the exact ones of a Poisson count (Garwood 1936), of as many fewer alarms, and so wider, as numbers
    differ more between histories than chance would have it.
    """
    counts = np.array(numbers, dtype=np.float64)
    total, years = float(counts.sum()), counts.size * plan.years
    spread = 1.0
    if counts.size > 1 and total:
        spread = max(float(counts.var(ddof=1) / counts.mean()), 1.0)
    own = total / spread
    scale = spread * _PER / years
    lower = float(gammaincinv(own, _LOWER)) if own else 0.0
    return FalseAlarms(int(total), total * _PER / years, lower * scale, float(gammaincinv(own + 1, _UPPER)) * scale)


def delays(runs: Iterable[Run], method: str, bars: Bars) -> list[Delay]:
    """How late each planted defect was found, by the kind of stream that is to find it.

    One where a signal stood before the defect began is left out.
    """
    found: list[Delay] = []
    for run in runs:
        days = {kind: _first_days(run.found[method], kind, bar) for kind, bar in bars.items()}
        for number, planted in enumerate(run.planted):
            day = days[planted.kind].get(number)
            if day is None or day >= planted.onset:
                found.append(Delay(planted.defect, planted.ratio, *_since_onset(planted, day)))
    return found


def detected(found: Iterable[Delay]) -> list[Detected]:
    """How each kind of defect is found."""
    kinds: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for one in found:
        kinds.setdefault((one.defect, one.ratio), []).append((one.days, one.implants))
    return [_detected(*kind, np.array(of_kind).reshape(-1, 2)) for kind, of_kind in sorted(kinds.items())]


def blamed_for_unit(runs: Sequence[Run], bars: Bars) -> dict[StreamKind, dict[float, float]]:
    """By kind of stream and a unit's hazard ratio, how many streams of the first group signal since that unit is worse.

    Each is a false signal: it is the unit.
    """
    found: dict[StreamKind, dict[float, list[int]]] = {}
    for kind in ("product", "family", "company", "lot"):
        for run in runs:
            if not run.unit_ratio:
                continue
            honest = set(_first_days(run.null[DEFAULT], kind, bars[kind]))
            worse = _first_days(run.unit, kind, bars[kind])
            new = {stream for stream, day in worse.items() if day >= run.unit_since} - honest
            found.setdefault(kind, {}).setdefault(run.unit_ratio, []).append(len(new))
    return {
        kind: {ratio: float(np.mean(numbers)) for ratio, numbers in sorted(of_kind.items())}
        for kind, of_kind in found.items()
    }


def blamed_for_lot(runs: Sequence[Run], bar: Bar) -> dict[float, float]:
    """By a lot's hazard ratio, the share of such lots whose product signals."""
    found: dict[float, list[bool]] = {}
    for run in runs:
        days = _first_days(run.found[DEFAULT], "product", bar)
        for number, planted in enumerate(run.planted):
            if planted.defect == "lot":
                found.setdefault(planted.ratio, []).append(days.get(number, -1) >= planted.onset)
    return {ratio: float(np.mean(flagged)) for ratio, flagged in sorted(found.items())}


def _first_days(scores: Scores, kind: StreamKind, bar: Bar) -> dict[int, int]:
    first = bar.reached(scores.of(scores.kind == STREAM_KINDS.index(kind)))
    return dict(zip(first.stream.tolist(), first.day.tolist(), strict=True))


def _since_onset(planted: Planted, day: int | None) -> tuple[float, float]:
    if day is None:
        return np.inf, np.inf
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
