"""How many submissions may be taken together and decide the same as one by one.

A level is raised by the submission that first reaches it. Of many that are taken as one step only the end is seen; so
a step ends where the next submission may decide something: where a subject's outcomes come near a level, held against
no more than was expected before, or where data are corrected that a signal may hang on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import replace
from heapq import nsmallest
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from schemas.subjects import KINDS, subject_of
from streams.statistics.sequential import poisson_maxsprt_llr
from streams.surveillance.corrections import Told, is_first_outcome
from streams.surveillance.evidence import per_year
from streams.surveillance.extent import rows_of
from streams.surveillance.levels import LEVELS, statistic
from streams.surveillance.present import together
from streams.surveillance.state import Known

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from streams.surveillance.bins import Change
    from streams.surveillance.monitor import Monitor
    from streams.surveillance.present import Together
    from streams.surveillance.state import State

    Ints = NDArray[np.int64]

_AT_ONCE = 8
_CLOSE = 0.95  # of the threshold: more than others' outcomes and time may add to it within what comes together
_FEW = 1.0  # expected outcomes, below which one exposure more or less changes much
_NEAR = 0.75  # of the threshold of a level: without an outcome of its own no subject comes so far in a day


def is_near(state: State, label: str) -> bool:
    """Whether a subject was near the next level when it was last looked at."""
    signal, looks = state.live(label), state.known.get(label, Known()).looks
    if not looks or (signal is not None and signal.level == LEVELS[-1]):
        return False
    point = looks[-1].point
    return point.statistic >= _NEAR * (point.watch if signal is None else point.alarm)


class Ahead:
    """What some submissions say of subjects, by their places among them.

    Args:
        monitor: what is declared.
        submissions: the changes of each, in their order.
    """

    def __init__(self, monitor: Monitor, submissions: Sequence[Sequence[Change]]) -> None:
        self._monitor = monitor
        self._many = len(submissions)
        self._outcomes: defaultdict[str, list[int]] = defaultdict(list)
        self._corrected: list[tuple[int, frozenset[str]]] = []
        self._opted_out: list[int] = []
        self._of_unit: defaultdict[str, list[int]] = defaultdict(list)
        self._places: dict[str, int] | None = None  # of each subject, where it may come near a level; not before
        for place, changes in enumerate(submissions):
            for one in changes:
                self._take(place, one)

    def _take(self, place: int, change: Change) -> None:
        before, after = change.before, change.after
        if change.opted_out:
            self._opted_out.append(place)
        if before is not None:
            self._of_unit[before.unit].append(place)
        if after is not None:
            self._of_unit[after.unit].append(place)
        if after is not None and is_first_outcome(change):
            for label in self._monitor.labels(after.product, after.lot, after.unit):
                self._outcomes[label].append(place)
        if before is not None:
            told = Told((change,), self._monitor)
            if touched := frozenset((*told.corrections, *told.gone)):
                self._corrected.append((place, touched))

    def undecided(self, state: State, start: int) -> int:
        """How many from one on may be taken as one step: at least that one, for by itself it decides what it decides.

        Places are asked for in their order, with the state of all submissions before them.

        Args:
            state: what is known of those before it.
            start: its place.
        """
        if self._places is None or self._is_corrected(start - 1):
            known = (label for label in state.known if _had_no_time(state, self._monitor, label))
            outcomes = (label for label in self._outcomes if self._may_come_near(state, label, start))
            self._places = dict.fromkeys((*known, *outcomes), start - 1)
        places, fresh = self._places, set[str]()
        first = self._many
        while places:
            soonest = nsmallest(_AT_ONCE, places, key=places.__getitem__)
            first = places[soonest[0]]
            if first == self._many or soonest[0] in fresh:
                break
            again = [label for label in soonest if label not in fresh]
            places.update(self._come_near(state, again, start))
            fresh.update(again)
        hanging = (
            place
            for place, labels in self._corrected
            if place >= start and any(_hangs_on_one(state, label) for label in labels)
        )
        # what an opt-out takes of any signal is measured where nothing else comes in between
        opted = self._opted_out[bisect_left(self._opted_out, start) :] if any(map(state.live, state.signals)) else []
        return max(1, min([first, next(hanging, self._many), *opted[:1]]) - start)

    def _is_corrected(self, place: int) -> bool:
        at = bisect_left(self._corrected, place, key=itemgetter(0))
        return at < len(self._corrected) and self._corrected[at][0] == place

    def _come_near(self, state: State, labels: list[str], start: int) -> Iterator[tuple[str, int]]:
        """Of each of some subjects, the first place at which it may come near a level; else the one after the last.

        That holds until there, as no less is expected later.
        """
        if not state.sums.cells:  # there is nothing yet that anything could be expected by
            yield from ((label, min([self._many, *self._left(label, start)])) for label in labels)
            return
        labels.sort(key=lambda label: (KINDS.index(subject_of(label).kind), label))
        for some in together(state.sums, self._monitor, labels):
            yield from zip(some.labels, self._near(state, some, start), strict=True)

    def _left(self, label: str, start: int) -> list[int]:
        places = self._outcomes.get(label, [])
        return places[bisect_left(places, start) :]

    def _may_come_near(self, state: State, label: str, start: int) -> bool:
        """Whether it is worth while to work out what is expected by now: it is no less than at the last look."""
        left = len(self._left(label, start))
        if not left or not _has_enough(state, self._monitor, label, left):
            return False
        known = state.known.get(label, Known())
        if not known.looks or known.stream.number:
            return True
        point = known.looks[-1].point
        if point.expected <= 0:
            return True
        wanted = point.watch if state.live(label) is None else point.alarm
        return float(poisson_maxsprt_llr(point.observed + left, point.expected)) >= _CLOSE * wanted

    def _near(self, state: State, some: Together, start: int) -> list[int]:
        """See ``_come_near``."""
        own, before = self._monitor.of(some.kind), some.compared
        places = [self._left(label, start) for label in some.labels]
        streams = [state.known.get(label, Known()).stream for label in some.labels]
        thresholds = own.levels.thresholds(per_year(before.due, some.last, some.first))
        alive = np.array([state.live(label) is not None for label in some.labels])
        wanted = _CLOSE * np.where(alive, thresholds["alarm"], thresholds["watch"])

        def is_near_with(more: Ints) -> NDArray[np.bool_]:
            compared = replace(before, observed=before.observed + more, trials=before.trials + more)
            enough = compared.observed >= own.fewest
            return enough & (statistic(compared, streams, before.due, own.levels.planned) >= wanted)

        low = np.zeros(len(places), dtype=np.int64)  # as many outcomes more do not come near
        high = np.array([len(one) for one in places], dtype=np.int64)  # as many do, if any do
        comes_near = is_near_with(high)
        while (high - low > 1).any():
            middle = (low + high) // 2
            reached = is_near_with(middle)
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
        found = []
        for label, left, at, near, due in zip(
            some.labels, places, high.tolist(), comes_near.tolist(), before.due.tolist(), strict=True
        ):
            own_places = [left[at - 1]] if left and near else []
            if due <= 0:
                own_places += self._first_time(state, label, left, start)
            found.append(min([self._many, *own_places]))
        return found

    def _first_time(self, state: State, label: str, left: list[int], start: int) -> list[int]:
        """Where a subject of which nothing is expected yet may have its first day at risk, or its next outcome."""
        bins = state.sums.bins
        units = {bins.units.all[at] for at in np.unique(bins.column("unit")[rows_of(state.sums, self._monitor, label)])}
        lists = (self._of_unit[unit] for unit in units)
        return [*left[:1], *(one[at] for one in lists if (at := bisect_left(one, start)) < len(one))]


def _hangs_on_one(state: State, label: str) -> bool:
    """Whether what becomes of a single exposure of a subject may decide."""
    looks = state.known.get(label, Known()).looks
    return state.live(label) is not None or is_near(state, label) or (bool(looks) and looks[-1].point.expected < _FEW)


def _had_no_time(state: State, monitor: Monitor, label: str) -> bool:
    """Whether a subject had outcomes, but nothing was expected yet: its first day at risk may take it anywhere."""
    point = state.known[label].looks[-1].point
    return point.expected <= 0 and _has_enough(state, monitor, label, 0)


def _has_enough(state: State, monitor: Monitor, label: str, more: int) -> bool:
    """Whether a subject has a level left to reach, and with so many more the outcomes that it takes."""
    signal = state.live(label)
    if signal is not None and signal.level == LEVELS[-1]:
        return False
    looks = state.known.get(label, Known()).looks
    observed = looks[-1].point.observed if looks else 0
    return observed + more >= monitor.of(subject_of(label).kind).fewest
