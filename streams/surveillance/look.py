"""A look at a subject with the comparator as now known: what it comes to, and what it makes of the subject's signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.subjects import subject_of
from streams.surveillance.evidence import Point, Standing, comparator_of, hindsight, per_year, points_of
from streams.surveillance.extent import is_one_of_many, rows_of
from streams.surveillance.levels import LEVELS, Stream, statistic
from streams.surveillance.lost import Lost, is_made_up_for
from streams.surveillance.opted_out import erased_now, frozen_at
from streams.surveillance.signals import (
    Look,
    Raised,
    Signal,
    Version,
    beside,
    comparator_numbers,
    unit_numbers,
)
from streams.surveillance.state import Known

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from streams.surveillance.corrections import Told
    from streams.surveillance.evidence import Comparator, Path
    from streams.surveillance.levels import Level
    from streams.surveillance.monitor import Monitor
    from streams.surveillance.present import Present, Together
    from streams.surveillance.signals import Became, Erased
    from streams.surveillance.state import State


class Seen(NamedTuple):
    """What is seen of a subject, and the stream that it is in."""

    point: Point
    stream: Stream


def stands_as_raised(
    state: State, monitor: Monitor, label: str, erased: Erased | None = None, level: Level = "watch"
) -> bool:
    """Whether a subject's own data reach a level when held against the comparator that raised its signal to that.

    Args:
        state: what is known.
        monitor: what is declared.
        label: the subject's.
        erased: who has opted out of it; as its signal knows where left out.
        level: one that was raised.
    """
    signal = state.live(label)
    if signal is None:
        return False
    path = hindsight(state.sums, monitor, label, against=signal.as_raised_to(level))
    lost = state.lost.get(label, Lost())
    taken = lost.as_raised if level == "watch" else lost.as_alarmed
    return _stands(path, level, taken, erased or signal.erased)


def stood_as_raised(state: State, monitor: Monitor, told: Told) -> dict[str, set[Level]]:
    """The levels that subjects reached so before their data were corrected; those of which nothing is left out."""
    found: dict[str, set[Level]] = {}
    for label in told.corrections:
        signal = state.live(label)
        levels: set[Level] = {"watch", signal.level} if signal else set()
        found[label] = {level for level in levels if stands_as_raised(state, monitor, label, level=level)}
    return found


def _is_at(point: Point, level: Level) -> bool:
    return bool(point.statistic >= getattr(point, level))


def _stands(path: Path, level: Level, lost: float, erased: Erased | None) -> bool:
    """Whether a level is reached with what opt-outs took; outcomes that they took are among those that it needs."""
    if path.crossed(level) is not None:
        return True
    outcomes = erased.outcomes if erased else 0
    is_less = lost > 0 or outcomes > 0
    has_enough = int(path.compared.observed[-1]) + outcomes >= path.fewest
    return is_less and has_enough and is_made_up_for(path.above(level), lost)


def seen(state: State, monitor: Monitor, some: Together, told: Told) -> list[Seen | None]:
    """What is seen of some subjects, in the streams that they were in; None where a path is to be gone through.

    Args:
        state: what is known.
        monitor: what is declared.
        some: the subjects.
        told: what is said of them.
    """
    levels, compared = monitor.of(some.kind).levels, some.compared
    streams = [state.known.get(label, Known()).stream for label in some.labels]
    stays = [
        int(due // levels.planned) == stream.number and not _is_other(state, label, stream, told)
        for label, due, stream in zip(some.labels, compared.due.tolist(), streams, strict=True)
    ]
    found = statistic(compared, streams, compared.due, levels.planned)
    thresholds = levels.thresholds(per_year(compared.due, some.last, some.first))
    points = points_of(some.last, compared, found, thresholds, some.time)
    return [
        Seen(point, stream) if it_stays else None
        for point, stream, it_stays in zip(points, streams, stays, strict=True)
    ]


def _is_other(state: State, label: str, stream: Stream, told: Told) -> bool:
    """Whether what closed streams had is another number by now: something was corrected, or is a unit's no more."""
    left_out = subject_of(label).kind == "unit" and bool(state.sums.left_out)
    return stream.number > 0 and (left_out or label in told.corrections)


class LookAt:
    """A look at a subject, and what it makes of its signal.

    Args:
        state: what is known, the changes of the step taken in.
        monitor: what is declared.
        label: the subject's.
        now: how it stands.
        seen: what is seen of it; None where its path is to be gone through.
        at: the submissions that the step takes.
        told: what they say.
        rejected: the products that e-BH rejects now.

    Attributes:
        look: it.
        stream: the one that it is in.
    """

    def __init__(
        self,
        state: State,
        monitor: Monitor,
        label: str,
        now: Present,
        seen: Seen | None,
        *,
        at: Version,
        told: Told,
        rejected: Callable[[], frozenset[str]],
    ) -> None:
        self._state, self._monitor, self._label, self._told = state, monitor, label, told
        self._subject, self._products = monitor.members(label)
        self._now, self._all_rejected = now, rejected
        self._live, self._lost = state.live(label), state.lost.get(label, Lost())
        point, self.stream = seen or self._at_the_end()
        self.look = Look(at, point)
        had = {one.level for one in self._live.levels} if self._live else set()
        enough = point.observed >= monitor.of(self._subject.kind).fewest
        self._new: list[Level] = [level for level in LEVELS if enough and level not in had and _is_at(point, level)]
        if self._new and not is_one_of_many(state.sums, monitor, label):
            self._new = []

    @property
    def is_kept(self) -> bool:
        """Whether it belongs to the known path: something happened to the subject, or it reached a level."""
        return self._label in self._told.touched or bool(self._new)

    def signal(self, *, stood: Collection[Level]) -> Signal | None:
        """The signal, less its known path; None where there is none or nothing is new.

        Args:
            stood: the levels that the subject's data reached, before they were corrected, against the comparators
                that it was raised by.
        """
        live = self._live
        if live is None:
            return self._raised() if self._new else None
        restated = live.level == "alarm" and self._told.is_new(self._label)
        if not (self.is_kept or restated) and live.state != "weakened" and self._still_stands(live):
            return None  # a day ended, and that is all
        path = self._hindsight()
        erased = self._erased(live, path)
        levels = (*live.levels, *(Raised(level, self.look, None) for level in self._new))
        what: Became = "updated"
        if self._is_withdrawn(path, erased, stood=stood):
            what = "withdrawn"
        elif not self._stands(path, levels[-1].level, erased):
            what = "weakened"
        elif self._new:
            what = "raised"
        is_news = self.is_kept or restated or (erased is not None and live.erased is None)
        if not is_news and (what == "weakened") == (live.state == "weakened"):
            return None
        said = {**live.corrected, **self._told.said.get(self._label, {})}
        corrected = {name: words for name, words in said.items() if words is not None}
        reasons: tuple[str, ...] = ()
        if what == "withdrawn" or (what == "weakened" and self._is_by_own_data(live, erased, stood=stood)):
            every = [f"{name} {words}" for name, words in corrected.items()]
            reasons = tuple(dict.fromkeys((*every, *self._told.corrections.get(self._label, ()))))
        return self._with_evidence(
            path,
            what,
            levels,
            number=live.number,
            reasons=reasons,
            erased=erased,
            as_raised=live.as_raised,
            as_alarmed=comparator_of(self._state.sums, self._now) if "alarm" in self._new else live.as_alarmed,
            corrected=corrected,
        )

    def _still_stands(self, live: Signal) -> bool:
        """Whether it stands as is known of it, by what is seen now or on the day that speaks most for it."""
        if _is_at(self.look.point, live.level):
            return True
        then = self._hindsight(resumed=live.standing, alone=True)
        if live.erased is None:
            return then.crossed(live.level) is not None  # else what it was before is to be told first
        return self._stands(then, live.level, live.erased)

    def _stands(self, path: Path, level: Level, erased: Erased | None) -> bool:
        """Whether it stands at a level, with what opt-outs took."""
        return _stands(path, level, self._lost.of(level), erased)

    def _at_the_end(self) -> Seen:
        """What is seen where the subject's path is gone through, from the last look on where it was not corrected."""
        known = self._state.known.get(self._label, Known())
        is_whole = not known.looks or _is_other(self._state, self._label, known.stream, self._told)
        resumed = None if is_whole else Standing(known.looks[-1].point.day, known.stream)
        path = self._hindsight(resumed=resumed)
        return Seen(path.points()[-1], path.tested.streams[-1])

    def _hindsight(self, *, without: str | None = None, resumed: Standing | None = None, alone: bool = False) -> Path:
        return hindsight(
            self._state.sums,
            self._monitor,
            self._label,
            now=self._now,
            without=without,
            resumed=resumed,
            alone=alone,
        )

    def _raised(self) -> Signal:
        before = self._state.signals.get(self._label)
        levels = tuple(Raised(level, self.look, None) for level in self._new)
        number = 0 if before is None else before.number + 1
        now = comparator_of(self._state.sums, self._now)
        return self._with_evidence(
            self._hindsight(),
            "raised",
            levels,
            number=number,
            reasons=(),
            erased=None,
            as_raised=now,
            as_alarmed=now if "alarm" in self._new else None,
            corrected={},
        )

    def _erased(self, live: Signal, path: Path) -> Erased | None:
        """Who has opted out, and what it was before; of those that it is held against only where it hangs on that."""
        told, known = self._told.opted_out(self._label), live.erased
        if known is None:
            looks = self._state.known[self._label].looks
            if told is not None and told.out:
                known = frozen_at(live, looks[-1])
            elif path.crossed(live.level) is None and self._stands(path, live.level, None):
                known = frozen_at(live, next(one for one in reversed(looks) if _is_at(one.point, live.level)))
            else:
                return None
        known = known._replace(others=self._lost.others)
        return known if told is None else erased_now(known, self._label, told)

    def _is_withdrawn(self, path: Path, erased: Erased | None, *, stood: Collection[Level]) -> bool:
        """Whether it stands no longer because the subject's own data were corrected."""
        if not ("watch" in stood or self._label in self._told.taken) or self._stands(path, "watch", erased):
            return False
        return not stands_as_raised(self._state, self._monitor, self._label, erased)

    def _is_by_own_data(self, live: Signal, erased: Erased | None, *, stood: Collection[Level]) -> bool:
        """Whether what was corrected of its own data is why it is weakened, or a part of it; once so, it stays so."""
        if live.state == "weakened" and live.reasons:
            return True
        if live.level not in stood:
            return False
        return not stands_as_raised(self._state, self._monitor, self._label, erased, live.level)

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
        as_alarmed: Comparator | None,
        corrected: Mapping[str, str],
    ) -> Signal:
        state, label = self._state, self._label
        units = unit_numbers(state.sums, rows_of(state.sums, self._monitor, label), self._now)
        is_unit = self._subject.kind == "unit"
        stays = units and not is_unit and self._is_at_watch_without(units[0].unit, erased)
        level = levels[-1].level
        return Signal(
            group=self._monitor.group,
            product=label,
            number=number,
            definition=self._monitor.definition,
            state=what,
            level=level,
            reasons=reasons,
            at=self.look.at,
            versions=tuple(Version(*one) for one in sorted(state.versions.items())),
            levels=tuple(one._replace(day=self._day(one, path, erased)) for one in levels),
            known=(),
            hindsight=path.points(),
            comparator=comparator_numbers(state.sums, self._now),
            units=units,
            cause="product" if stays else "unit",
            erased=erased,
            as_raised=as_raised,
            standing=path.highest(level),
            beside=beside(state.sums, self._monitor, label, self._now, path, in_set=self._in_set(what)),
            products=self._products,
            as_alarmed=as_alarmed,
            corrected=corrected,
        )

    def _is_at_watch_without(self, unit: str, erased: Erased | None) -> bool:
        """Whether it would be at watch without a unit; an opt-out makes no unit's of what was a product's."""
        path = self._hindsight(without=unit)
        if path.crossed("watch") is not None:
            return True
        was_product = self._live is not None and self._live.cause == "product"
        return was_product and self._stands(path, "watch", erased)

    def _day(self, raised: Raised, path: Path, erased: Erased | None) -> int | None:
        """The first day on which a level was crossed; no opt-out makes it a later one, or none."""
        day, live = path.crossed(raised.level), self._live
        known = next((one.day for one in live.levels if one.level == raised.level), None) if live else None
        is_less = self._lost.of(raised.level) > 0 or (erased is not None and erased.persons > 0)
        if live is None or known is None or not is_less or day == known:
            return day
        if day is not None and self._label in self._told.corrections:
            return day  # its own data say so, of those that are left
        if not self._stands(path, raised.level, erased):
            return day
        return known if day is None else min(known, day)

    def _in_set(self, what: Became) -> Collection[str]:
        """The products that e-BH rejects; as they were where nothing is new but who has got one of its own."""
        live = self._live
        if live is not None and not self.is_kept and what == live.state:
            return live.beside.in_set
        return self._all_rejected()
