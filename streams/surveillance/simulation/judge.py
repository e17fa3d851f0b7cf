"""What many runs come to: thresholds that keep the budgets, and what every method finds at one rate of false alarms."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.surveillance.levels import LEVELS, Levels
from streams.surveillance.simulation.error_rates import Bar, blamed, detected, false_alarms, flat, rate_of
from streams.surveillance.simulation.interop import FLAT, early_peak, interop
from streams.surveillance.simulation.runs import BK, CGR, DEFAULT, NJR, PLAIN, STAGE_ONE
from streams.surveillance.simulation.thresholds import BUDGETS, Nulls, frontier, levels_of, solve_flat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.surveillance.levels import Level
    from streams.surveillance.simulation.error_rates import Detected, FalseAlarms
    from streams.surveillance.simulation.interop import Reoperation
    from streams.surveillance.simulation.plan import Plan
    from streams.surveillance.simulation.runs import Run
    from streams.surveillance.simulation.thresholds import Frontier

_OF_CONSTRUCTS = 0.2  # of the budget; components have the rest
_SWEPT = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.6, 2.0, 2.5)  # times the threshold
_MIDDLE = 10.0  # of the thresholds that are swept, where there is one for all

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
        bar: its threshold.
        false: its false alarms.
        detected: what it finds.
    """

    method: str
    at: str
    bar: Bar
    false: FalseAlarms
    detected: list[Detected]


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that is learnt.

    Attributes:
        levels: thresholds for components.
        construct_levels: for constructs; None where the plan has none.
        false: by level, false signals over all streams, in histories that the thresholds were not solved on.
        within: whether the budgets are kept there, as far as can be told: no lower limit is above one.
        frontier: what was tried.
        compared: methods beside each other.
        blamed: by level and a unit's hazard ratio, products flagged because one unit is worse.
        interop: by baseline, what each reoperation raises.
        curves: of each method, false alarms in ten years and median days to some defects, at many thresholds.
    """

    levels: Levels
    construct_levels: Levels | None
    false: dict[Level, FalseAlarms]
    within: bool
    frontier: tuple[Frontier, ...]
    compared: tuple[Compared, ...]
    blamed: dict[Level, dict[float, float]]
    interop: dict[str, tuple[Reoperation, ...]]
    curves: tuple[dict[str, Any], ...]

    def as_said(self) -> dict[str, Any]:
        """All of it as JSON has it, but for the levels of components."""
        said = asdict(self)
        del said["levels"]
        said["frontier"] = [asdict(one) | {"bar": one.bar and one.bar._asdict()} for one in self.frontier]
        said["compared"] = [
            {
                "method": one.method,
                "at": one.at,
                "threshold": one.bar._asdict(),
                "false": one.false._asdict(),
                "detected": [asdict(row) for row in one.detected],
            }
            for one in self.compared
        ]
        said["false"] = {level: found._asdict() for level, found in self.false.items()}
        said["interop"] = {name: [one._asdict() for one in rows] for name, rows in self.interop.items()}
        return said


def judge(runs: Sequence[Run], plan: Plan, planned: float) -> Verdict:
    """Solve thresholds on every second run, and measure on the others.

    Args:
        runs: two or more.
        plan: what they were invented by.
        planned: expected outcomes at which the monitor's streams close.

    Raises:
        CannotKeepError: no threshold keeps a budget.
    """
    learnt, fresh = runs[::2], runs[1::2]
    single = [number for number, kinds in enumerate(plan.groups) if len(kinds) == 1]
    several = [number for number, kinds in enumerate(plan.groups) if len(kinds) > 1]
    share = 1 - _OF_CONSTRUCTS if several else 1.0
    tried = frontier(learnt, DEFAULT, plan, single, share)
    levels = levels_of(tried, planned)
    constructs = levels_of(frontier(learnt, DEFAULT, plan, several, _OF_CONSTRUCTS), planned) if several else None
    false = {level: _over_all(fresh, plan, [(single, levels), (several, constructs)], level) for level in LEVELS}
    return Verdict(
        levels,
        constructs,
        false,
        all(found.lower <= 10 * BUDGETS[level] for level, found in false.items()),
        tuple(tried),
        tuple(_compared(learnt, fresh, plan, levels)),
        {level: blamed(runs, DEFAULT, bar_of(levels, level)) for level in LEVELS},
        {"flat": interop(levels, FLAT), "early peak": interop(levels, early_peak(plan))},
        tuple(_curves(runs, plan, levels)),
    )


def bar_of(levels: Levels, level: Level) -> Bar:
    """The threshold of a level."""
    return Bar(levels.per_year, getattr(levels, level))


def _over_all(
    runs: Sequence[Run], plan: Plan, parts: Sequence[tuple[list[int], Levels | None]], level: Level
) -> FalseAlarms:
    """False signals over groups that have thresholds of their own."""
    number = sum(
        false_alarms(runs, DEFAULT, bar_of(levels, level), plan, groups=groups).number
        for groups, levels in parts
        if levels is not None
    )
    return rate_of(number, len(runs) * plan.years)


def _compared(learnt: Sequence[Run], fresh: Sequence[Run], plan: Plan, levels: Levels) -> list[Compared]:
    """All methods in the first group: at the rate of each level, then those that are declared with their thresholds."""
    found = []
    for level in LEVELS:
        own = bar_of(levels, level)
        a_year = Nulls(learnt, DEFAULT, plan, [0]).signals(own) / (len(learnt) * plan.years)
        bars = {DEFAULT: own}
        for method in (PLAIN, CGR, BK, STAGE_ONE):
            solved = solve_flat(Nulls(learnt, method, plan, [0]), a_year)
            if solved is not None:
                bars[method] = solved
        found += [_measured(method, level, bar, fresh, plan) for method, bar in bars.items()]
    for method, height in ((PLAIN, 6.6), (STAGE_ONE, 0.0), (NJR, 2.0), (NJR, 1.0)):
        found.append(_measured(method, f"as declared, {DECLARED[method, height]}", flat(height), fresh, plan))
    return found


def _measured(method: str, at: str, bar: Bar, runs: Sequence[Run], plan: Plan) -> Compared:
    return Compared(method, at, bar, false_alarms(runs, method, bar, plan, groups=[0]), detected(runs, method, bar))


def _curves(runs: Sequence[Run], plan: Plan, levels: Levels) -> list[dict[str, Any]]:
    """Time to detection against false alarms, as thresholds are raised and lowered."""
    found = []
    for method in (DEFAULT, PLAIN, CGR, BK, STAGE_ONE):
        for factor in _SWEPT:
            own = bar_of(levels, "alarm")
            bar = (
                Bar(own.per_year, tuple(factor * height for height in own.height))
                if method == DEFAULT
                else flat(_MIDDLE * factor)
            )
            false = false_alarms(runs, method, bar, plan, groups=[0])
            found += [
                {
                    "method": method,
                    "defect": one.defect,
                    "ratio": one.ratio,
                    "false": false.per_ten_years,
                    "days": one.median_days,
                }
                for one in detected(runs, method, bar)
                if one.median_days is not None and false.number
            ]
    return found
