"""Thresholds from error budgets, by the scores that simulated registries reach although nothing is wrong.

A threshold is low for small products and rises, straight, to a ceiling for large ones, by expected outcomes per year. A
small product is looked at seldom, and a few outcomes are all it will ever have. A large one is looked at for ever, what
units and surgeons differ in adds up in it as outcomes do, and a true defect passes any threshold in time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from streams.surveillance.levels import LEVELS, Levels
from streams.surveillance.simulation.error_rates import Bar, flat
from streams.surveillance.simulation.interop import FLAT, interop

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    from streams.surveillance.levels import Level
    from streams.surveillance.simulation.plan import Plan
    from streams.surveillance.simulation.runs import Run

    Floats = NDArray[np.float64]

BUDGETS: dict[Level, float] = {"watch": 1.0, "alarm": 0.1}
"""False signals a year of a catalogue, over all its streams together."""
FLOORS: dict[Level, tuple[float, ...]] = {
    "watch": (4.2, 4.6, 5.0, 5.5, 6.0, 7.0, 8.0, 9.0, 10.0),
    "alarm": (6.6, 6.8, 7.2, 7.6, 8.0, 8.6, 9.5, 11.0, 13.0, 16.0, 20.0),
}
"""Thresholds of small products that are tried."""
WANTED: dict[Level, int] = {"watch": 2, "alarm": 3}
"""The reoperation of Inter-op at which each level is wanted, at a flat 2 per 100."""
_SMALL, _LARGE = (0.1, 0.2, 0.5), (5.0, 20.0)  # expected outcomes per year where the rise begins, and ends
_AFTER = 5 * 365.25  # days after which a defect counts as missed
_HIGHEST = 120.0
_USED = 0.9  # of a budget: one that is used to the last is broken in half of all new histories
_FINE = 0.05


class CannotKeepError(Exception):
    """No threshold that was tried keeps a budget."""


class Nulls:
    """Scores of many histories in which nothing is wrong.

    Args:
        runs: of the histories.
        method: whose scores.
        plan: of the histories.
        groups: monitor groups that count.
        least: no threshold below this is asked about.
    """

    def __init__(
        self, runs: Sequence[Run], method: str, plan: Plan, groups: Collection[int], *, least: float = 0.0
    ) -> None:
        parts = []
        for run in runs:
            scores = run.null[method]
            parts.append(scores.of(np.isin(scores.group, list(groups)) & (scores.score >= least)))
        self._since = plan.switched_on
        self.years = len(runs) * plan.years
        offset = np.repeat(np.arange(len(parts)) << 32, [part.day.size for part in parts])
        self._stream = np.concatenate([part.stream for part in parts]) + offset
        self._day = np.concatenate([part.day for part in parts])
        self._score = np.concatenate([part.score for part in parts])
        self._per_year = np.concatenate([part.per_year for part in parts])

    def signals(self, bar: Bar) -> int:
        """How many streams reach a threshold for the first time while they are watched."""
        rows = np.flatnonzero(self._score >= bar.at(self._per_year))
        _, first = np.unique(self._stream[rows], return_index=True)
        return int(np.sum(self._day[rows[first]] >= self._since))


@dataclass(frozen=True, slots=True)
class Frontier:
    """A floor that was tried, with the rise that loses fewest days of all that keep the budget.

    Attributes:
        level: which.
        floor: threshold of small products.
        bar: the threshold; None where none with this floor keeps the budget.
        false: false signals in ten years, in the histories that it was solved on.
        days: from the first operation with a defect to detection, on average over the kinds of defects, those not
            found after five years counted as five years.
        interop: the reoperation of Inter-op with which the level is reached, at a flat 2 per 100; None for none.
        chosen: whether it is the default.
    """

    level: Level
    floor: float
    bar: Bar | None
    false: float | None
    days: float | None
    interop: int | None
    chosen: bool


def frontier(runs: Sequence[Run], method: str, plan: Plan, groups: Collection[int], share: float) -> list[Frontier]:
    """Every floor of both levels, and which is the default.

    The default is that which loses fewest days, of those that reach Inter-op when it is wanted; where none of them
    keeps the budget, of all.

    Args:
        runs: to solve thresholds on.
        method: whose.
        plan: of the histories.
        groups: monitor groups that share the threshold.
        share: of the budgets, that these groups may use.

    Raises:
        CannotKeepError: no threshold keeps a budget.
    """
    found = []
    for level in LEVELS:
        nulls = Nulls(runs, method, plan, groups, least=FLOORS[level][0])
        rows = [_best(runs, method, nulls, (level, floor), BUDGETS[level] * share * _USED) for floor in FLOORS[level]]
        kept = [row for row in rows if row.bar is not None]
        if not kept:
            raise CannotKeepError(f"no threshold keeps {BUDGETS[level] * share:g} false signals a year at {level}")
        in_time = [row for row in kept if row.interop is not None and row.interop <= WANTED[level]]
        best = min(in_time or kept, key=lambda row: row.days or 0.0)
        found += [replace(row, chosen=row is best) for row in rows]
    return found


def levels_of(rows: Sequence[Frontier], planned: float) -> Levels:
    """The chosen thresholds as a monitor takes them; alarm is never below watch."""
    bars = {row.level: row.bar for row in rows if row.chosen and row.bar is not None}
    per_year = tuple(sorted({at for bar in bars.values() for at in bar.per_year}))
    watch = bars["watch"].at(np.array(per_year))
    alarm = np.maximum(bars["alarm"].at(np.array(per_year)), watch)
    return Levels(per_year, _rounded(watch), _rounded(alarm), planned)


def solve_flat(nulls: Nulls, a_year: float) -> Bar | None:
    """The lowest threshold, one for all, that keeps a budget; None where none does."""
    return _lowest(nulls, flat, 0.0, a_year)


def days_lost(runs: Sequence[Run], method: str, bar: Bar) -> float:
    """Days to detection of planted defects, as ``Frontier`` counts them."""
    lost: dict[tuple[str, float], list[float]] = {}
    for run in runs:
        first = bar.reached(run.found[method])
        days = dict(zip(first.stream.tolist(), first.day.tolist(), strict=True))
        for number, planted in enumerate(run.planted):
            passed = days.get(number, np.inf) - planted.onset
            lost.setdefault((planted.defect, planted.ratio), []).append(passed if 0 <= passed <= _AFTER else _AFTER)
    return float(np.mean([np.mean(found) for found in lost.values()]))


def _rounded(column: Floats) -> tuple[float, ...]:
    return tuple(np.round(column, 3).tolist())


def _best(runs: Sequence[Run], method: str, nulls: Nulls, at: tuple[Level, float], a_year: float) -> Frontier:
    level, floor = at
    tried = [_lowest(nulls, partial(_rising, rise, floor), floor, a_year) for rise in product(_SMALL, _LARGE)]
    kept = [(days_lost(runs, method, bar), bar) for bar in tried if bar is not None]
    if not kept:
        return Frontier(level, floor, None, None, None, None, chosen=False)
    days, bar = min(kept)
    false = nulls.signals(bar) / nulls.years * 10
    return Frontier(level, floor, bar, false, days, _reached_by(bar), chosen=False)


def _rising(rise: tuple[float, float], floor: float, ceiling: float) -> Bar:
    return Bar(rise, (floor, ceiling))


def _reached_by(bar: Bar) -> int | None:
    """The reoperation of Inter-op that reaches a threshold, at the flat baseline of the reference case."""
    raised = (one.number for one in interop(Levels(bar.per_year, bar.height, bar.height), FLAT) if one.raised)
    return next(raised, None)


def _lowest(nulls: Nulls, bar: Callable[[float], Bar], lowest: float, a_year: float) -> Bar | None:
    # a higher threshold may raise, and count, what a lower one had raised before the monitor was on; but for that the
    # count falls as the threshold rises
    allowed = int(a_year * nulls.years + 1e-9)
    low, high = 0, int((_HIGHEST - lowest) / _FINE)
    if nulls.signals(bar(lowest + high * _FINE)) > allowed:
        return None
    while low < high:
        middle = (low + high) // 2
        if nulls.signals(bar(lowest + middle * _FINE)) <= allowed:
            high = middle
        else:
            low = middle + 1
    return bar(round(lowest + low * _FINE, 2))
