"""A step of surveillance: what changed in the exposures of a monitor group in, what that makes of its signals out.

A product is looked at when it has a new outcome, when its own data are corrected, when anything is new of one at alarm,
and when the day of a unit ends that uses it, where it has a signal or is near one. What is seen then, with the
comparator as then known, is the known path: it decides, and is never changed. Hindsight is worked out anew beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.surveillance.bins import net
from streams.surveillance.corrections import Told
from streams.surveillance.evidence import Standing, comparator_of, hindsight, known_days, per_year, points_of, presents
from streams.surveillance.levels import LEVELS, Stream, in_stream, statistic
from streams.surveillance.opted_out import erased_now
from streams.surveillance.other_methods import e_bh_set
from streams.surveillance.person_time import PersonTime
from streams.surveillance.signals import (
    Look,
    Raised,
    Signal,
    Version,
    beside,
    comparator_numbers,
    unit_numbers,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from streams.surveillance.bins import Bin, Bins, Change
    from streams.surveillance.evidence import Comparator, Path, Point, Present
    from streams.surveillance.levels import Level
    from streams.surveillance.monitor import Monitor
    from streams.surveillance.signals import Became, Erased

_NEAR = 0.75  # of the threshold of watch: without an outcome of its own no product comes so far in a day


class Known(NamedTuple):
    """What was known of one product.

    Attributes:
        looks: the known path.
        stream: the stream that the last look was in.
    """

    looks: tuple[Look, ...] = ()
    stream: Stream = Stream()


@dataclass(slots=True)
class State:
    """What is known of a monitor group.

    Attributes:
        sums: exposures and person-time.
        known: by product.
        signals: the latest signal of each product that has one.
        versions: by partition, up to which version submissions are in.
    """

    sums: PersonTime = field(default_factory=PersonTime)
    known: dict[str, Known] = field(default_factory=dict)
    signals: dict[str, Signal] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)


class Step(NamedTuple):
    """What a step came to.

    Attributes:
        state: as it is now.
        signals: those that were raised or whose state is new; each to be sent.
        bins: the kinds of exposure whose numbers are others now, with these; 0 where there are none left.
        looks: by product, the look that its known path has grown by.
    """

    state: State
    signals: tuple[Signal, ...]
    bins: dict[Bin, int]
    looks: dict[str, Known]


def restored(
    bins: Mapping[Bin, int],
    known: Mapping[str, Known],
    signals: Iterable[Signal],
    versions: Mapping[int, int],
    *,
    through: Mapping[str, int | None],
    left_out: Collection[str] = frozenset(),
) -> State:
    """The state from what its steps gave out and were told: bins and signals the latest, looks all, in their order."""
    state = State(known=dict(known), versions=dict(versions))
    state.signals = {signal.product: signal for signal in signals}
    state.sums.leave_out(left_out)
    state.sums.report(through)
    state.sums.add({kind: number for kind, number in bins.items() if number})
    return state


def step(
    state: State,
    monitor: Monitor,
    changes: Sequence[Change],
    at: Version,
    *,
    through: Mapping[str, int | None],
    left_out: Collection[str] = frozenset(),
) -> Step:
    """Take the changes of one message.

    Args:
        state: what was known. It is taken over: the step changes it and gives it back.
        monitor: what is declared.
        changes: those of one ``ExposureBatch`` of the group, not taken before.
        at: its partition and version.
        through: reported-through days of units, at least of those where it is another than before, None where none is
            known any more; none after that of deaths, since those not yet known to be dead would count as at risk.
        left_out: all products that no other is compared with: declared classes, confirmed signals.
    """
    sums = state.sums
    told = Told(changes)
    stood = {product for product in told.corrections if _stands_as_raised(state, monitor, product)}
    numbers = sums.add(net(changes))
    state.versions[at.partition] = max(at.version, state.versions.get(at.partition, at.version))
    moved = sums.report(through)
    others_changed = sums.leave_out(left_out)
    signals = []
    looks = {}
    looked_at = sorted(told.touched | _alarmed(state, told) | _ended(state, moved, every=others_changed))
    rejected = cache(lambda: e_bh_set(sums, monitor))  # of the whole catalogue, so only where a level is raised
    for product, now in zip(looked_at, presents(sums, monitor, looked_at), strict=True):
        look = _Look(state, monitor, product, now, at=at, told=told, rejected=rejected)
        signal = look.signal(stood=product in stood)
        if look.is_kept:
            known = state.known.get(product, Known())
            state.known[product] = Known((*known.looks, look.look), look.stream)
            looks[product] = Known((look.look,), look.stream)
        if signal is not None:
            signal = signal.with_known(state.known[product].looks)
            state.signals[product] = signal
            signals.append(signal)
    return Step(state, tuple(signals), numbers, looks)


def _live(state: State, product: str) -> Signal | None:
    """The signal of a product, where it has one that is not withdrawn."""
    signal = state.signals.get(product)
    return None if signal is None or signal.state == "withdrawn" else signal


def _stands_as_raised(state: State, monitor: Monitor, product: str, erased: int | None = None) -> bool:
    """Whether a product's own data make a signal when held against the comparator that it was raised by."""
    signal = _live(state, product)
    if signal is None:
        return False
    if erased is None:
        erased = signal.erased.outcomes if signal.erased else 0
    path = hindsight(state.sums, monitor, product, against=signal.as_raised, erased=erased)
    return path.crossed("watch") is not None


def _alarmed(state: State, told: Told) -> set[str]:
    """The products at alarm of which anything is new: who carries one now is to be seen at once."""
    return {product for product in told.changed if (live := _live(state, product)) and live.level == "alarm"}


def _ended(state: State, moved: set[str], *, every: bool) -> set[str]:
    """The products with a signal, or near one, that are used by units whose day ended; or all of them."""
    if not moved and not every:
        return set()
    bins = state.sums.bins
    places = {bins.units.find(unit) for unit in moved}
    return {
        product
        for product, known in state.known.items()
        if (_live(state, product) or _is_near(known.looks[-1].point)) and (every or _is_used(bins, product, places))
    }


def _is_used(bins: Bins, product: str, units: set[int]) -> bool:
    """Whether a product is used by one of some units: a pair may be left of what was corrected since."""
    rows = bins.rows_of(bins.products.find(product))
    return not units.isdisjoint(bins.column("unit")[rows].tolist())


def _is_near(last: Point) -> bool:
    return last.statistic >= _NEAR * last.watch


class _Look:
    """A look at a product, and what it makes of its signal."""

    def __init__(
        self,
        state: State,
        monitor: Monitor,
        product: str,
        now: Present,
        *,
        at: Version,
        told: Told,
        rejected: Callable[[], frozenset[str]],
    ) -> None:
        self._state, self._monitor, self._product, self._told = state, monitor, product, told
        self._now, self._all_rejected = now, rejected
        self._live = _live(state, product)
        seen, self.stream = self._seen()
        self.look = Look(at, seen)
        had = {one.level for one in self._live.levels} if self._live else set()
        enough = seen.observed >= monitor.fewest
        self._new: list[Level] = [
            level for level in LEVELS if enough and level not in had and seen.statistic >= getattr(seen, level)
        ]

    @property
    def is_kept(self) -> bool:
        """Whether it belongs to the known path: something happened to the product, or it reached a level."""
        return self._product in self._told.touched or bool(self._new)

    def signal(self, *, stood: bool) -> Signal | None:
        """The signal, less its known path; None where there is none or nothing is new.

        Args:
            stood: whether the product's data, before they were corrected, made a signal against the comparator that
                it was raised by.
        """
        live = self._live
        if live is None:
            return self._raised() if self._new else None
        restated = live.level == "alarm" and self._product in self._told.changed
        if not (self.is_kept or restated) and live.state != "weakened" and self._still_stands(live):
            return None  # a day ended, and that is all
        path = self._hindsight()
        erased = self._erased(live)
        judged = self._hindsight(erased=erased.outcomes) if erased else path
        levels = (*live.levels, *(Raised(level, self.look, None) for level in self._new))
        what: Became = "updated"
        if self._is_withdrawn(judged, erased, stood=stood):
            what = "withdrawn"
        elif judged.crossed(levels[-1].level) is None:
            what = "weakened"
        elif self._new:
            what = "raised"
        if not (self.is_kept or restated) and (what == "weakened") == (live.state == "weakened"):
            return None
        reasons = tuple(self._told.corrections[self._product]) if what == "withdrawn" else ()
        return self._with_evidence(
            path, what, levels, number=live.number, reasons=reasons, erased=erased, as_raised=live.as_raised
        )

    def _still_stands(self, live: Signal) -> bool:
        point = self.look.point
        if point.statistic >= getattr(point, live.level):
            return True
        erased = live.erased.outcomes if live.erased else 0
        then = self._hindsight(erased=erased, resumed=live.standing, alone=True)
        return then.crossed(live.level) is not None

    def _seen(self) -> tuple[Point, Stream]:
        compared, levels = self._now.compared, self._monitor.levels
        known = self._state.known.get(self._product, Known())
        corrected = self._product in self._told.corrections and known.stream.number > 0
        if corrected or not in_stream(compared, known.stream, levels.planned):
            resumed = Standing(known.looks[-1].point.day, known.stream) if known.looks and not corrected else None
            path = self._hindsight(resumed=resumed)
            return path.points()[-1], path.tested.streams[-1]
        first, last = known_days(self._state.sums, self._product)
        thresholds = levels.thresholds(per_year(compared.due, np.array([last]), first))
        found = statistic(compared, [known.stream], compared.due, levels.planned)
        (seen,) = points_of(np.array([last]), compared, found, thresholds, np.array([self._now.time]))
        return seen, known.stream

    def _hindsight(
        self, *, without: str | None = None, erased: int = 0, resumed: Standing | None = None, alone: bool = False
    ) -> Path:
        return hindsight(
            self._state.sums,
            self._monitor,
            self._product,
            now=self._now,
            without=without,
            erased=erased,
            resumed=resumed,
            alone=alone,
        )

    def _raised(self) -> Signal:
        before = self._state.signals.get(self._product)
        levels = tuple(Raised(level, self.look, None) for level in self._new)
        number = 0 if before is None else before.number + 1
        as_raised = comparator_of(self._state.sums, self._now)
        return self._with_evidence(
            self._hindsight(), "raised", levels, number=number, reasons=(), erased=None, as_raised=as_raised
        )

    def _erased(self, live: Signal) -> Erased | None:
        told = self._told.opted_out(self._product)
        return live.erased if told is None else erased_now(live.erased, self._product, told, last=live.known[-1])

    def _is_withdrawn(self, judged: Path, erased: Erased | None, *, stood: bool) -> bool:
        """Whether it stands no longer because the product's own data were corrected."""
        if not (stood or self._product in self._told.taken) or judged.crossed("watch") is not None:
            return False
        outcomes = erased.outcomes if erased else 0
        return not _stands_as_raised(self._state, self._monitor, self._product, outcomes)

    def _with_evidence(
        self,
        path: Path,
        what: Became,
        levels: tuple[Raised, ...],
        *,
        number: int,
        reasons: tuple[str, ...],
        erased: Erased | None,
        as_raised: Comparator,
    ) -> Signal:
        state, product = self._state, self._product
        units = unit_numbers(state.sums, self._now, product)
        stays = units and self._hindsight(without=units[0].unit).crossed("watch") is not None
        return Signal(
            group=self._monitor.group,
            product=product,
            number=number,
            definition=self._monitor.definition,
            state=what,
            level=levels[-1].level,
            reasons=reasons,
            at=self.look.at,
            versions=tuple(Version(*one) for one in sorted(state.versions.items())),
            levels=tuple(one._replace(day=path.crossed(one.level)) for one in levels),
            known=(),
            hindsight=path.points(),
            comparator=comparator_numbers(state.sums, self._now),
            units=units,
            cause="product" if stays else "unit",
            erased=erased,
            as_raised=as_raised,
            standing=path.highest(levels[-1].level),
            beside=beside(state.sums, self._monitor, product, self._now, path, rejected=self._rejected(what)),
        )

    def _rejected(self, what: Became) -> bool:
        """Whether e-BH rejected the product when a level was last raised."""
        if what == "raised" or self._live is None:
            return self._product in self._all_rejected()
        return self._live.beside.rejected
