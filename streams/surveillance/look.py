"""A look at a subject with the comparator as now known: what it comes to, and what it makes of the subject's signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.subjects import subject_of
from streams.surveillance.evidence import Point, Standing, comparator_of, hindsight, per_year, points_of
from streams.surveillance.extent import is_one_of_many, rows_of
from streams.surveillance.levels import LEVELS, Stream, statistic
from streams.surveillance.opted_out import erased_now
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
    from collections.abc import Callable

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


def stands_as_raised(state: State, monitor: Monitor, label: str, erased: int | None = None) -> bool:
    """Whether a subject's own data make a signal when held against the comparator that it was raised by.

    Args:
        state: what is known.
        monitor: what is declared.
        label: the subject's.
        erased: outcomes of persons who have opted out; those that its signal knows of where left out.
    """
    signal = state.live(label)
    if signal is None:
        return False
    if erased is None:
        erased = signal.erased.outcomes if signal.erased else 0
    path = hindsight(state.sums, monitor, label, against=signal.as_raised, erased=erased)
    return path.crossed("watch") is not None


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
        self._live = state.live(label)
        point, self.stream = seen or self._at_the_end()
        self.look = Look(at, point)
        had = {one.level for one in self._live.levels} if self._live else set()
        enough = point.observed >= monitor.of(self._subject.kind).fewest
        self._new: list[Level] = [
            level for level in LEVELS if enough and level not in had and point.statistic >= getattr(point, level)
        ]
        if self._new and not is_one_of_many(state.sums, monitor, label):
            self._new = []

    @property
    def is_kept(self) -> bool:
        """Whether it belongs to the known path: something happened to the subject, or it reached a level."""
        return self._label in self._told.touched or bool(self._new)

    def signal(self, *, stood: bool) -> Signal | None:
        """The signal, less its known path; None where there is none or nothing is new.

        Args:
            stood: whether the subject's data, before they were corrected, made a signal against the comparator that
                it was raised by.
        """
        live = self._live
        if live is None:
            return self._raised() if self._new else None
        restated = live.level == "alarm" and self._told.is_new(self._label)
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
        reasons = tuple(self._told.corrections[self._label]) if what == "withdrawn" else ()
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

    def _at_the_end(self) -> Seen:
        """What is seen where the subject's path is gone through, from the last look on where it was not corrected."""
        known = self._state.known.get(self._label, Known())
        is_whole = not known.looks or _is_other(self._state, self._label, known.stream, self._told)
        resumed = None if is_whole else Standing(known.looks[-1].point.day, known.stream)
        path = self._hindsight(resumed=resumed)
        return Seen(path.points()[-1], path.tested.streams[-1])

    def _hindsight(
        self, *, without: str | None = None, erased: int = 0, resumed: Standing | None = None, alone: bool = False
    ) -> Path:
        return hindsight(
            self._state.sums,
            self._monitor,
            self._label,
            now=self._now,
            without=without,
            erased=erased,
            resumed=resumed,
            alone=alone,
        )

    def _raised(self) -> Signal:
        before = self._state.signals.get(self._label)
        levels = tuple(Raised(level, self.look, None) for level in self._new)
        number = 0 if before is None else before.number + 1
        as_raised = comparator_of(self._state.sums, self._now)
        return self._with_evidence(
            self._hindsight(), "raised", levels, number=number, reasons=(), erased=None, as_raised=as_raised
        )

    def _erased(self, live: Signal) -> Erased | None:
        told = self._told.opted_out(self._label)
        return live.erased if told is None else erased_now(live.erased, self._label, told, last=live.known[-1])

    def _is_withdrawn(self, judged: Path, erased: Erased | None, *, stood: bool) -> bool:
        """Whether it stands no longer because the subject's own data were corrected."""
        if not (stood or self._label in self._told.taken) or judged.crossed("watch") is not None:
            return False
        outcomes = erased.outcomes if erased else 0
        return not stands_as_raised(self._state, self._monitor, self._label, outcomes)

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
        state, label = self._state, self._label
        units = unit_numbers(state.sums, rows_of(state.sums, self._monitor, label), self._now)
        is_unit = self._subject.kind == "unit"
        stays = units and not is_unit and self._hindsight(without=units[0].unit).crossed("watch") is not None
        return Signal(
            group=self._monitor.group,
            product=label,
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
            beside=beside(state.sums, self._monitor, label, self._now, path, rejected=self._rejected(what)),
            products=self._products,
        )

    def _rejected(self, what: Became) -> bool:
        """Whether e-BH rejected the product when a level was last raised."""
        if what == "raised" or self._live is None:
            return self._subject.kind == "product" and self._label in self._all_rejected()
        return self._live.beside.rejected
