"""Thresholds from error budgets, by the scores that simulated registries reach although nothing is wrong.

Each kind of stream has its part of the budgets, and thresholds of its own. A threshold is low for small subjects and
rises, straight or in two stretches, to a ceiling for large ones, by expected outcomes per year. A small subject is
looked at seldom, and a few outcomes are all it will ever have. A large one is looked at for ever, what units and
surgeons differ in adds up in it as outcomes do, and a true defect passes any threshold in time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from streams.surveillance.levels import LEVELS, Levels
from streams.surveillance.simulation.error_rates import Bar, watched_beside
from streams.surveillance.simulation.interop import FLAT, interop
from streams.surveillance.simulation.runs import DEFAULT, FEWEST
from streams.surveillance.simulation.scene import STREAM_KINDS, StreamKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from streams.surveillance.levels import Level
    from streams.surveillance.simulation.interop import Reoperation
    from streams.surveillance.simulation.plan import Plan
    from streams.surveillance.simulation.runs import Run, Scores

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

BUDGETS: dict[Level, float] = {"watch": 1.0, "alarm": 0.1}
"""False signals a year of a catalogue, over all its streams together."""
SHARES: dict[StreamKind, float] = {
    "product": 0.5,
    "construct": 0.1,
    "family": 0.1,
    "company": 0.05,
    "lot": 0.15,
    "unit": 0.1,
}
"""How the budgets are split among the kinds of streams; what is not watched leaves its part to the rest."""
FLOORS: dict[Level, tuple[float, ...]] = {
    "watch": (4.2, 4.6, 5.0, 5.5, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 15.0, 20.0, 40.0),
    "alarm": (6.6, 6.8, 7.2, 7.6, 8.0, 8.6, 9.5, 11.0, 13.0, 16.0, 20.0, 30.0, 60.0),
}
"""Thresholds of small subjects that are tried."""
WANTED: dict[Level, int] = {"watch": 2, "alarm": 3}
"""The reoperation of Inter-op at which each level is wanted, at a flat 2 per 100."""
_TINY = ((), ((0.01, 3.0), (0.03, 0.0)), ((0.01, 6.0), (0.03, 0.0)), ((0.1, 4.0), (0.3, 0.0)), ((0.1, 8.0), (0.3, 0.0)))
_RISES = (
    ((0.1, 0.0),),
    ((0.2, 0.0),),
    ((0.5, 0.0),),
    ((0.2, 0.0), (0.5, 2.0)),
    ((0.2, 0.0), (0.5, 4.0)),
    ((0.2, 0.0), (1.0, 8.0)),
)  # expected outcomes per year, and how much above the floor the threshold is there; from the last on it rises on
_LARGE = (5.0, 20.0)  # expected outcomes per year where the rise ends
_AFTER = 5 * 365.25  # days after which a defect counts as missed
_HIGHEST = 120.0
_USED = 0.8  # of a budget: one that is used to the last is broken in half of all new histories
_FINE = 0.05


class CannotKeepError(Exception):
    """No threshold that was tried keeps a budget."""


class _Columns:
    """Scores of one kind of stream in many histories, stream by stream in the order of days."""

    def __init__(self, parts: Sequence[Scores], kind: StreamKind, groups: int | None, least: float) -> None:
        number, many = STREAM_KINDS.index(kind), np.inf if groups is None else groups
        rows = [(part.kind == number) & (part.score >= least) & (part.group < many) for part in parts]
        kept = [part.of(row) for part, row in zip(parts, rows, strict=True)]
        stream = np.concatenate([part.stream + (at << 32) for at, part in enumerate(kept)])
        order = np.argsort(stream, kind="stable")
        self.stream, self.first = np.unique(stream[order], return_index=True)
        self.day, self.score, self.per_year = (
            np.concatenate([getattr(part, name) for part in kept])[order] for name in ("day", "score", "per_year")
        )


class Nulls:
    """Scores of one kind of stream in many histories in which nothing is wrong.

    Args:
        runs: of the histories.
        method: whose scores.
        plan: of the histories.
        kind: of stream.
        groups: how many monitor groups count, the first ones; all where left out.
        least: no threshold below this is asked about.

    Attributes:
        times: as how many a signal counts.
        years: of a catalogue, that there are scores of.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        method: str,
        plan: Plan,
        kind: StreamKind,
        *,
        groups: int | None = None,
        least: float = 0.0,
    ) -> None:
        self._seen = _Columns([run.null[method] for run in runs], kind, groups, least)
        self._watched = self._seen.day >= plan.switched_on
        self.times = watched_beside(plan, groups) if kind == "unit" else 1
        self.years = len(runs) * plan.years

    def signals(self, bar: Bar) -> int:
        """How many streams reach a threshold for the first time while they are watched."""
        reached = np.where(self._seen.score >= bar.at(self._seen.per_year), 1.0, -1.0)
        return int(self._counted(reached, np.array([0.0]))[0])

    def lowest(self, lower: Bar, large: float, a_year: float) -> Bar | None:
        """The lowest threshold that keeps a budget, of those that rise from a lower part to a ceiling.

        Args:
            lower: the threshold up to its last row.
            large: expected outcomes per year at which the ceiling is reached.
            a_year: the budget.

        Returns:
            None where no ceiling keeps it.
        """
        seen, start, least = self._seen, lower.per_year[-1], lower.height[-1]
        risen = np.clip((seen.per_year - start) / (large - start), 0.0, 1.0)
        # the ceiling up to which a score is a signal
        above = np.divide(seen.score - least, risen, out=np.full(risen.size, np.inf), where=risen > 0)
        ceiling = np.where(seen.score >= lower.at(seen.per_year), least + above, -np.inf)
        tried = np.arange(least, _HIGHEST + _FINE / 2, _FINE)
        kept = self._counted(ceiling, tried) <= a_year * self.years + 1e-9
        if not kept[-1]:
            return None
        # a higher threshold may raise, and count, what a lower one had raised before the monitor was on
        height = float(tried[int(np.argmax(np.logical_and.accumulate(kept[::-1])[::-1]))])
        return Bar((*lower.per_year, large), (*lower.height, round(height, 2)))

    def lowest_flat(self, a_year: float) -> Bar | None:
        """The lowest threshold, one for all, that keeps a budget; None where none does."""
        tried = np.arange(0.0, _HIGHEST + _FINE / 2, _FINE)
        kept = self._counted(self._seen.score, tried) <= a_year * self.years + 1e-9
        if not kept[-1]:
            return None
        return Bar((0.0,), (round(float(tried[int(np.argmax(np.logical_and.accumulate(kept[::-1])[::-1]))]), 2),))

    def _counted(self, value: Floats, tried: Floats) -> Ints:
        """How many streams come to each of some heights while they are watched, and not before."""
        if not value.size:
            return np.zeros(tried.size, dtype=np.int64)
        before, while_on = (
            np.maximum.reduceat(np.where(which, value, -np.inf), self._seen.first)
            for which in (~self._watched, self._watched)
        )
        reached = [np.sort(one) for one in (while_on, np.minimum(before, while_on))]
        both = [one.size - np.searchsorted(one, tried, side="left") for one in reached]
        found: Ints = (both[0] - both[1]) * self.times
        return found


class Founds:
    """Scores of the defects that one kind of stream is to find, in many histories.

    Args:
        runs: of the histories.
        method: whose scores.
        kind: of stream; of those that no defect is planted for, products' are asked.
    """

    def __init__(self, runs: Sequence[Run], method: str, kind: StreamKind) -> None:
        asked: StreamKind = kind if kind in ("lot", "unit") else "product"
        self._seen = _Columns([run.found[method] for run in runs], asked, None, 0.0)
        every = [
            ((at << 32) + number, planted)
            for at, run in enumerate(runs)
            for number, planted in enumerate(run.planted)
            if planted.kind == asked
        ]
        self._onset = np.array([planted.onset for _, planted in every])
        self._place = np.searchsorted(np.array([stream for stream, _ in every], dtype=np.int64), self._seen.stream)
        names = [(planted.defect, planted.ratio) for _, planted in every]
        self._defect = np.array([sorted(set(names)).index(name) for name in names], dtype=np.int64)
        self._is_one = np.isin(self._seen.stream, [stream for stream, _ in every])

    def days_lost(self, bar: Bar) -> float:
        """Days from the first operation with a defect to detection, on average over the kinds of defects.

        Those not found after five years count as five years, and those where a signal stood before.
        """
        lost = np.full(self._onset.size, _AFTER)
        seen = self._seen
        if seen.day.size:
            reached = np.where(seen.score >= bar.at(seen.per_year), seen.day, np.iinfo(np.int64).max)
            first = np.minimum.reduceat(reached, seen.first)[self._is_one]
            place = self._place[self._is_one]
            passed = first - self._onset[place]
            lost[place] = np.where((passed >= 0) & (passed <= _AFTER), passed, _AFTER)
        many = np.bincount(self._defect)
        return float(np.mean(np.bincount(self._defect, lost) / many)) if many.size else _AFTER


@dataclass(frozen=True, slots=True)
class Frontier:
    """A floor that was tried, with the rise that loses fewest days of all that keep the budget.

    Attributes:
        kind: of the streams.
        level: which.
        floor: threshold of small subjects.
        bar: the threshold; None where none with this floor keeps the budget.
        false: false signals in ten years, in the histories that it was solved on.
        days: from the first operation with a defect to detection, as ``Founds`` counts them.
        interop: the reoperation of Inter-op with which the level is reached, at a flat 2 per 100; None for none.
        chosen: whether it is the default.
    """

    kind: StreamKind
    level: Level
    floor: float
    bar: Bar | None
    false: float | None
    days: float | None
    interop: int | None
    chosen: bool


def kinds_of(plan: Plan) -> dict[StreamKind, float]:
    """The kinds of streams that a plan has, and the share of the budgets that each has."""
    shares = {kind: share for kind, share in SHARES.items() if kind != "construct" or plan.constructs}
    return {kind: share / sum(shares.values()) for kind, share in shares.items()}


def frontier(runs: Sequence[Run], plan: Plan, kind: StreamKind, share: float) -> list[Frontier]:
    """Every floor of both levels, and which is the default.

    The default is that which loses fewest days; for products, of those that reach Inter-op when it is wanted, where any
    of them keeps the budget.

    Args:
        runs: to solve thresholds on.
        plan: of the histories.
        kind: of streams.
        share: of the budgets, that these may use.

    Raises:
        CannotKeepError: no threshold keeps a budget.
    """
    found = []
    founds = Founds(runs, DEFAULT, kind)
    for level in LEVELS:
        nulls = Nulls(runs, DEFAULT, plan, kind, least=FLOORS[level][0])
        # a threshold just above one more score is passed once more by as many histories that it was not solved on
        a_year = max(BUDGETS[level] * share * _USED - nulls.times / nulls.years, 0.0)
        rows = [_best(nulls, founds, (kind, level, floor), a_year) for floor in FLOORS[level]]
        kept = [row for row in rows if row.bar is not None]
        if not kept:
            raise CannotKeepError(
                f"no threshold of {kind} streams keeps {BUDGETS[level] * share:g} false signals a year at {level}"
            )
        in_time = [row for row in kept if _is_in_time(row.interop, level)]
        best = min((in_time if kind == "product" else []) or kept, key=lambda row: row.days or 0.0)
        found += [replace(row, chosen=row is best) for row in rows]
    return found


def levels_of(rows: Iterable[Frontier], planned: float) -> Levels:
    """The chosen thresholds of a kind as a monitor takes them; alarm is never below watch."""
    bars = {row.level: row.bar for row in rows if row.chosen and row.bar is not None}
    per_year = tuple(sorted({at for bar in bars.values() for at in bar.per_year}))
    watch = bars["watch"].at(np.array(per_year))
    alarm = np.maximum(bars["alarm"].at(np.array(per_year)), watch)
    return Levels(per_year, _rounded(watch), _rounded(alarm), planned)


def bars_of(levels: Mapping[StreamKind, Levels], level: Level) -> dict[StreamKind, Bar]:
    """The thresholds of a level."""
    return {kind: Bar(of.per_year, getattr(of, level)) for kind, of in levels.items()}


def _rounded(column: Floats) -> tuple[float, ...]:
    return tuple(np.round(column, 3).tolist())


def _best(nulls: Nulls, founds: Founds, at: tuple[StreamKind, Level, float], a_year: float) -> Frontier:
    kind, level, floor = at
    tried = []
    for tiny, rise, large in product(_TINY, _RISES, _LARGE):
        rows = (*tiny, *(row for row in rise if not tiny or row[0] > tiny[-1][0]))
        lower = Bar(tuple(per_year for per_year, _ in rows), tuple(floor + more for _, more in rows))
        tried.append(nulls.lowest(lower, large, a_year))
    kept = [(founds.days_lost(bar), bar) for bar in tried if bar is not None]
    if not kept:
        return Frontier(kind, level, floor, None, None, None, None, chosen=False)
    in_time = [one for one in kept if kind == "product" and _is_in_time(reached_by(one[1]), level)]
    days, bar = min(in_time or kept)
    false = nulls.signals(bar) / nulls.years * 10
    return Frontier(kind, level, floor, bar, false, days, reached_by(bar), chosen=False)


def reached_by(bar: Bar) -> int | None:
    """The reoperation of Inter-op that reaches a threshold, at the flat baseline of the reference case."""
    for one in _reference():
        # all of them come in the first year, which counts whole: what is expected is what is expected a year
        if one.number >= FEWEST and one.statistic >= bar.at(np.array([one.expected]))[0]:
            return one.number
    return None


@cache
def _reference() -> tuple[Reoperation, ...]:
    return interop(Levels(), FLAT)


def _is_in_time(reoperation: int | None, level: Level) -> bool:
    return reoperation is not None and reoperation <= WANTED[level]
