"""A step of the surveillance of pairs: what changed in reports in, what that makes of the pairs' signals out.

Every pair with enough reports is looked at whenever any report has changed, for each is held against all others. After
a step, whatever pair is at a level has a signal of that level that is not withdrawn. The prior is that of ``prior``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.surveillance.levels import LEVELS
from streams.surveillance.pair_corrections import PairsTold, cell_of
from streams.surveillance.pair_signals import (
    AsRaised,
    PairErased,
    PairLook,
    PairRaised,
    PairSignal,
    numbers_of,
)
from streams.surveillance.prior import PriorInUse, prior_for
from streams.surveillance.reports import Reports, net_reports
from streams.surveillance.signals import Version
from streams.surveillance.tables import of_one
from streams.surveillance.watch import NeverToldError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from streams.statistics.disproportionality import GammaPoissonMixture
    from streams.surveillance.bins import Change
    from streams.surveillance.levels import Level
    from streams.surveillance.pair_signals import PairMonitor
    from streams.surveillance.reports import Cell, Pair
    from streams.surveillance.signals import Became
    from streams.surveillance.tables import Crude

    Places = NDArray[np.intp]
    Marks = NDArray[np.bool_]


@dataclass(slots=True)
class PairState:
    """What is known of a monitor's pairs.

    Attributes:
        reports: all of them.
        signals: the latest signal of each pair that has one.
        versions: by partition, up to which version submissions are in.
        prior: in use; None before the first report.
    """

    reports: Reports = field(default_factory=Reports)
    signals: dict[Pair, PairSignal] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    prior: PriorInUse | None = None


class PairStep(NamedTuple):
    """What a step came to.

    Attributes:
        signals: those that were raised or whose state is new, by pair; each to be sent.
        cells: those whose numbers are others now, with these; 0 where there are none left.
    """

    signals: tuple[PairSignal, ...]
    cells: dict[Cell, int]


def step(state: PairState, monitor: PairMonitor, changes: Sequence[Change], at: Version) -> PairStep:
    """Take the changes of one message; the state is changed.

    Args:
        state: what was known.
        monitor: what is declared.
        changes: those of one ``ExposureBatch`` of the group, not taken before.
        at: its partition and version.

    Raises:
        NeverToldError: reports are said to be no more that were never told of; the state is good for nothing then.
    """
    told = PairsTold(changes)
    state.versions[at.partition] = max(at.version, state.versions.get(at.partition, at.version))
    if not told.touched:
        return PairStep((), {})
    stood = {pair for pair in told.corrections if _stands_as_raised(state, monitor, pair)}
    cells = state.reports.add(net_reports((cell_of(one.before), cell_of(one.after)) for one in changes))
    if min(cells.values(), default=0) < 0:
        raise NeverToldError(monitor.name)
    state.prior = prior = prior_for(
        state.reports, at, state.prior, monitor.prior, fewest_pairs=monitor.fewest_pairs, refit=monitor.refit
    )
    live = {pair: signal for pair, signal in state.signals.items() if signal.state != "withdrawn"}
    new = new_levels(state.reports, monitor, prior.mixture, live)
    erased = {pair: told.erasing(pair, signal.erased, signal.look) for pair, signal in live.items()}
    still = standing(state.reports, monitor, prior.mixture, erased)
    became: dict[Pair, tuple[Became, tuple[Level, ...]]] = {}
    for pair in sorted(live.keys() | new.keys()):
        signal, levels = live.get(pair), new.get(pair, ())
        what: Became = "raised" if levels else "updated"
        if signal is not None:
            stands = still[pair]
            lost = pair in stood or pair in told.taken
            if lost and "watch" not in stands and not _stands_as_raised(state, monitor, pair, erased[pair]):
                what = "withdrawn"
            elif (levels or (signal.level,))[-1] not in stands:
                what = "weakened"
            if not levels and pair not in told.touched and (what == "weakened") == (signal.state == "weakened"):
                continue  # others were reported, and that is all
        became[pair] = what, levels
    looks = _looks(state, monitor, prior.mixture, list(became), (at, told.day))
    versions = tuple(Version(*one) for one in sorted(state.versions.items()))
    for pair, (what, levels) in became.items():
        signal = live.get(pair)
        before = state.signals.get(pair)
        raised = tuple(_raised(monitor, level, looks[pair]) for level in levels)
        had = () if signal is None else signal.levels
        state.signals[pair] = PairSignal(
            group=monitor.name,
            drug=pair[0],
            reaction=pair[1],
            number=signal.number if signal else 0 if before is None else before.number + 1,
            definition=monitor.definition,
            state=what,
            level=(*had, *raised)[-1].level,
            reasons=tuple(told.corrections[pair]) if what == "withdrawn" else (),
            versions=versions,
            levels=(*had, *raised),
            look=looks[pair],
            prior=prior,
            erased=erased.get(pair),
            as_raised=signal.as_raised if signal else _held_against(state.reports, pair, looks[pair], prior.mixture),
        )
    return PairStep(tuple(state.signals[pair] for pair in became), cells)


def reached(
    reports: Reports, monitor: PairMonitor, prior: GammaPoissonMixture, rows: Places, more: NDArray[np.float64]
) -> dict[Level, Marks]:
    """By level, which of some pairs are at it, with so many reports more of each."""
    whole = reports.whole(rows).plus(more)
    hidden, without = reports.without_leading(rows, monitor.dominant)
    is_hidden = np.isin(rows, hidden)
    return _at_levels(monitor, prior, whole, without.plus(more[is_hidden]), is_hidden)


def _at_levels(
    monitor: PairMonitor, prior: GammaPoissonMixture, whole: Crude, without: Crude, is_hidden: Marks
) -> dict[Level, Marks]:
    enough = whole.a >= monitor.fewest
    holds = whole.holds(prior)
    alarm, watch = (
        enough
        & np.logical_or.reduce([np.zeros(enough.size, dtype=bool), *(holds[rule] for rule in monitor.rules[one])])
        for one in ("alarm", "watch")
    )
    if monitor.unmask:
        unmasked = without.holds(prior)
        watch[is_hidden] |= enough[is_hidden] & np.logical_or.reduce(
            [unmasked[rule] for rule in monitor.rules["watch"]]
        )
    return {"watch": watch | alarm, "alarm": alarm}


def new_levels(
    reports: Reports, monitor: PairMonitor, prior: GammaPoissonMixture, live: Mapping[Pair, PairSignal]
) -> dict[Pair, tuple[Level, ...]]:
    """The pairs at a level that they have no signal of, and which levels."""
    rows = reports.rows(monitor.fewest)
    at = reached(reports, monitor, prior, rows, np.zeros(rows.size))
    found = {}
    for place in np.flatnonzero(at["watch"]):
        pair = reports.pairs[rows[place]]
        had = {one.level for one in live[pair].levels} if pair in live else set()
        if levels := tuple(level for level in LEVELS if at[level][place] and level not in had):
            found[pair] = levels
    return found


def standing(
    reports: Reports, monitor: PairMonitor, prior: GammaPoissonMixture, live: Mapping[Pair, PairErased | None]
) -> dict[Pair, set[Level]]:
    """The levels that pairs with a signal are at, what was erased since counted."""
    rows = np.array([reports.row_of(pair) for pair in live], dtype=np.intp)
    more = np.array([erased.reports if erased else 0 for erased in live.values()], dtype=np.float64)
    at = reached(reports, monitor, prior, rows, more)
    return {pair: {level for level in LEVELS if at[level][place]} for place, pair in enumerate(live)}


def _stands_as_raised(state: PairState, monitor: PairMonitor, pair: Pair, erased: PairErased | None = None) -> bool:
    """Whether a pair's own reports make a signal when held against those that it was raised by."""
    signal = state.signals.get(pair)
    if signal is None or signal.state == "withdrawn":
        return False
    erased = erased or signal.erased
    own, more = state.reports.own(pair), np.array([erased.reports if erased else 0], dtype=np.float64)
    rest, without, prior = signal.as_raised
    others = of_one(own, without).plus(more)
    at = _at_levels(monitor, prior, of_one(own, rest).plus(more), others, np.array([bool(without)]))
    return bool(at["watch"][0])


def _looks(
    state: PairState,
    monitor: PairMonitor,
    prior: GammaPoissonMixture,
    pairs: Sequence[Pair],
    known: tuple[Version, int | None],
) -> dict[Pair, PairLook]:
    """What is known of some pairs now, by which submissions, with reports recorded until which day."""
    if not pairs:
        return {}
    reports = state.reports
    rows = np.array([reports.row_of(pair) for pair in pairs], dtype=np.intp)
    hidden, rest = reports.without_leading(rows, monitor.dominant)
    without = dict(zip(hidden.tolist(), map(numbers_of, rest.tables(prior)), strict=True))
    tables = zip(pairs, rows.tolist(), reports.whole(rows).tables(prior), reports.leading_of(rows), strict=True)
    return {
        pair: PairLook(*known, reports.total, numbers_of(table), *leading, without.get(row))
        for pair, row, table, leading in tables
    }


def _raised(monitor: PairMonitor, level: Level, look: PairLook) -> PairRaised:
    """By which rules a level was reached: its own, else, as alarm is above watch, those of alarm."""
    own, alarm = monitor.rules[level], monitor.rules["alarm"]
    whole, without = look.numbers.rules, look.without.rules if look.without else ()
    for declared, held, masked in ((own, whole, False), (alarm, whole, False), (own, without, True)):
        if rules := tuple(rule for rule in held if rule in declared):
            return PairRaised(level, rules, masked, look)
    return PairRaised(level, (), False, look)


def _held_against(reports: Reports, pair: Pair, look: PairLook, prior: GammaPoissonMixture) -> AsRaised:
    without = () if look.without is None else reports.rest_of(pair, look.leading)
    return AsRaised(reports.rest_of(pair), without, prior)
