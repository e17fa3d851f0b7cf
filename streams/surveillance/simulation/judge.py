"""What many runs come to: thresholds that keep the budgets, and what every method finds at one rate of false alarms.

All that is said of error rates is said of histories that no threshold was solved on: thresholds that were solved on one
half are measured on the other, and the other way round. Those that are declared are then solved on all.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.surveillance.levels import LEVELS, Levels
from streams.surveillance.simulation.error_rates import (
    JUDGED,
    Bar,
    Bars,
    blamed_for_lot,
    blamed_for_unit,
    delays,
    detected,
    false_signals,
    flat,
    rate_of,
)
from streams.surveillance.simulation.interop import FLAT, early_peak, interop
from streams.surveillance.simulation.runs import CGR, DEFAULT, NJR, PLAIN, STAGE_ONE
from streams.surveillance.simulation.scene import STREAM_KINDS, StreamKind
from streams.surveillance.simulation.thresholds import BUDGETS, Nulls, bars_of, frontier, kinds_of, levels_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.surveillance.levels import Level
    from streams.surveillance.simulation.error_rates import Detected, FalseAlarms
    from streams.surveillance.simulation.interop import Reoperation
    from streams.surveillance.simulation.plan import Plan
    from streams.surveillance.simulation.runs import Run
    from streams.surveillance.simulation.thresholds import Frontier

_SWEPT = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.6, 2.0, 2.5)  # times the threshold
_FIRST = 1  # methods are compared in the first group of components, that defects are planted in
_RIVALS = (PLAIN, CGR, STAGE_ONE)

DECLARED = {
    (PLAIN, 6.6): "6.6",
    (STAGE_ONE, 0.0): "p < 0.05",
    (NJR, 2.0): "level 1",
    (NJR, 1.0): "level 1 or 2",
}
"""Thresholds that others use as they are."""


class Compared(NamedTuple):
    """A method in the first group of components, at one rate of false alarms or as it is declared.

    Attributes:
        method: which.
        at: the level whose rate of false alarms it is held to; "as declared" where its thresholds are its own.
        bars: its thresholds by kind of stream.
        false: its false alarms, of all kinds that defects are planted for.
        false_of: likewise by kind.
        detected: what it finds.
    """

    method: str
    at: str
    bars: Bars
    false: FalseAlarms
    false_of: Mapping[StreamKind, FalseAlarms]
    detected: list[Detected]


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that is learnt.

    Attributes:
        levels: thresholds by kind of stream.
        false: by level, false signals over all streams, in histories that no threshold was solved on.
        false_of: likewise by kind of stream.
        within: whether the budgets are kept there, as far as can be told: no lower limit is above one.
        streams: by kind, how many there are in a history on average.
        frontier: what was tried.
        compared: methods beside each other.
        blamed_for_unit: by level, kind of stream and a unit's hazard ratio, streams flagged because one unit is worse.
        blamed_for_lot: by level and a lot's hazard ratio, the share of such lots whose product is flagged.
        interop: by baseline, what each reoperation raises.
        curves: of each method, false alarms in ten years and median days to some defects, at many thresholds.
    """

    levels: dict[StreamKind, Levels]
    false: dict[Level, FalseAlarms]
    false_of: dict[Level, dict[StreamKind, FalseAlarms]]
    within: bool
    streams: dict[StreamKind, float]
    frontier: tuple[Frontier, ...]
    compared: tuple[Compared, ...]
    blamed_for_unit: dict[Level, dict[StreamKind, dict[float, float]]]
    blamed_for_lot: dict[Level, dict[float, float]]
    interop: dict[str, tuple[Reoperation, ...]]
    curves: tuple[dict[str, Any], ...]

    def as_said(self) -> dict[str, Any]:
        """All of it as JSON has it, but for the levels."""
        said = asdict(self)
        del said["levels"]
        said["frontier"] = [asdict(one) | {"bar": one.bar and one.bar._asdict()} for one in self.frontier]
        said["compared"] = [
            {
                "method": one.method,
                "at": one.at,
                "thresholds": {kind: bar._asdict() for kind, bar in one.bars.items()},
                "false": one.false._asdict(),
                "false_of": {kind: found._asdict() for kind, found in one.false_of.items()},
                "detected": [asdict(row) for row in one.detected],
            }
            for one in self.compared
        ]
        said["false"] = {level: found._asdict() for level, found in self.false.items()}
        said["false_of"] = {
            level: {kind: found._asdict() for kind, found in of_level.items()}
            for level, of_level in self.false_of.items()
        }
        said["interop"] = {name: [one._asdict() for one in rows] for name, rows in self.interop.items()}
        return said


class _Fold(NamedTuple):
    """Thresholds by kind of stream that were solved on some histories, and others to measure them on."""

    learnt: Sequence[Run]
    fresh: Sequence[Run]
    levels: dict[StreamKind, Levels]


def judge(runs: Sequence[Run], plan: Plan, planned: float) -> Verdict:
    """Solve thresholds on each half of the runs and measure them on the other; then solve those to declare on all.

    Args:
        runs: two or more.
        plan: what they were invented by.
        planned: expected outcomes at which the monitor's streams close.

    Raises:
        CannotKeepError: no threshold keeps a budget.
    """
    tried, levels = _solved(runs, plan, planned)
    halves = (runs[::2], runs[1::2])
    folds = [_Fold(one, other, _solved(one, plan, planned)[1]) for one, other in (halves, halves[::-1])]
    numbers = {level: _false_by_kind(folds, plan, level) for level in LEVELS}
    false = {
        level: rate_of([sum(of_history) for of_history in zip(*of_level.values(), strict=True)], plan)
        for level, of_level in numbers.items()
    }
    return Verdict(
        levels,
        false,
        {level: {kind: rate_of(of, plan) for kind, of in of_level.items()} for level, of_level in numbers.items()},
        all(found.lower <= 10 * BUDGETS[level] for level, found in false.items()),
        _streams(runs, levels),
        tuple(tried),
        (*_compared(folds, runs, plan, levels), *_as_declared(runs, plan)),
        {level: blamed_for_unit(runs, bars_of(levels, level)) for level in LEVELS},
        {level: blamed_for_lot(runs, bars_of(levels, level)["product"]) for level in LEVELS},
        {"flat": interop(levels["product"], FLAT), "early peak": interop(levels["product"], early_peak(plan))},
        tuple(_curves(runs, plan, levels)),
    )


def _solved(runs: Sequence[Run], plan: Plan, planned: float) -> tuple[list[Frontier], dict[StreamKind, Levels]]:
    """What was tried for each kind of stream, and the thresholds that were chosen."""
    tried: list[Frontier] = []
    levels: dict[StreamKind, Levels] = {}
    for kind, share in kinds_of(plan).items():
        rows = frontier(runs, plan, kind, share)
        tried += rows
        levels[kind] = levels_of(rows, planned)
    return tried, levels


def _false_by_kind(folds: Sequence[_Fold], plan: Plan, level: Level) -> dict[StreamKind, list[int]]:
    """False signals of each history that the thresholds were not solved on."""
    return {
        kind: [
            false_signals(run, DEFAULT, kind, bars_of(fold.levels, level)[kind], plan)
            for fold in folds
            for run in fold.fresh
        ]
        for kind in folds[0].levels
    }


def _streams(runs: Sequence[Run], levels: Mapping[StreamKind, Levels]) -> dict[StreamKind, float]:
    return {kind: sum(run.streams.get(STREAM_KINDS.index(kind), 0) for run in runs) / len(runs) for kind in levels}


def _compared(
    folds: Sequence[_Fold], runs: Sequence[Run], plan: Plan, levels: dict[StreamKind, Levels]
) -> list[Compared]:
    """All methods at the rate of each level, kind of stream by kind of stream."""
    found = []
    for level in LEVELS:
        for method in (DEFAULT, *_RIVALS):
            parts = [
                (_at_the_rate(fold.learnt, method, plan, bars_of(fold.levels, level)), fold.fresh) for fold in folds
            ]
            shown = _at_the_rate(runs, method, plan, bars_of(levels, level))
            found.append(_measured(method, level, shown, parts, plan))
    return found


def _at_the_rate(runs: Sequence[Run], method: str, plan: Plan, own: Bars) -> Bars:
    """Thresholds of a method with which each kind of stream signals falsely as often as with the monitor's own."""
    bars: dict[StreamKind, Bar] = {}
    runs = _with(runs, method)
    for kind in JUDGED:
        nulls = Nulls(runs, DEFAULT, plan, kind, groups=_FIRST)
        a_year = nulls.signals(own[kind]) / nulls.years
        solved = None if method == DEFAULT else Nulls(runs, method, plan, kind, groups=_FIRST).lowest_flat(a_year)
        bars[kind] = solved or (own[kind] if method == DEFAULT else flat(float("inf")))
    return bars


def _as_declared(runs: Sequence[Run], plan: Plan) -> list[Compared]:
    """Methods with the thresholds that others use: nothing is solved, so all histories are asked."""
    return [
        _measured(method, f"as declared, {name}", bars, [(bars, runs)], plan)
        for (method, height), name in DECLARED.items()
        for bars in [dict.fromkeys(JUDGED, flat(height))]
    ]


def _with(runs: Sequence[Run], method: str) -> list[Run]:
    """The histories that went through a method."""
    return [run for run in runs if method in run.null]


def _measured(method: str, at: str, shown: Bars, parts: Sequence[tuple[Bars, Sequence[Run]]], plan: Plan) -> Compared:
    parts = [(bars, _with(fresh, method)) for bars, fresh in parts]
    numbers = {
        kind: [
            false_signals(run, method, kind, bars[kind], plan, groups=_FIRST) for bars, fresh in parts for run in fresh
        ]
        for kind in JUDGED
    }
    return Compared(
        method,
        at,
        shown,
        rate_of([sum(of_history) for of_history in zip(*numbers.values(), strict=True)], plan),
        {kind: rate_of(of, plan) for kind, of in numbers.items()},
        detected([one for bars, fresh in parts for one in delays(fresh, method, bars)]),
    )


def _curves(runs: Sequence[Run], plan: Plan, levels: Mapping[StreamKind, Levels]) -> list[dict[str, Any]]:
    """Time to detection against false alarms of the streams that are to find it, as thresholds are moved."""
    found = []
    own = bars_of(levels, "alarm")
    for method in (DEFAULT, *_RIVALS):
        middle, through = _at_the_rate(runs, method, plan, own), _with(runs, method)
        for factor in _SWEPT:
            bars: dict[StreamKind, Bar] = {
                kind: Bar(bar.per_year, tuple(factor * height for height in bar.height)) for kind, bar in middle.items()
            }
            false = {
                kind: rate_of([false_signals(run, method, kind, bar, plan, groups=_FIRST) for run in through], plan)
                for kind, bar in bars.items()
            }
            found += [
                {
                    "method": method,
                    "defect": one.defect,
                    "ratio": one.ratio,
                    "false": false[kind].per_ten_years,
                    "days": one.median_days,
                }
                for one in detected(delays(through, method, bars))
                for kind in [_kind_of(one.defect)]
                if one.median_days is not None and false[kind].number
            ]
    return found


def _kind_of(defect: str) -> StreamKind:
    """The kind of stream that is to find a defect."""
    return next((kind for kind in JUDGED if kind == defect), "product")
