"""The known path of every product of a simulated registry, by the functions that the monitor itself uses.

A product is looked at on each day on which an outcome of it is told; one that is near a level every four weeks too, as
units report through further days. Two things are simpler than in `core`: those further days are weeks apart, and a
stream that opens leaves behind what had been told at the look before, in place of what had happened by that day.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.statistics.sequential import poisson_maxsprt_llr
from streams.surveillance.evidence import per_year
from streams.surveillance.expected import Comparison, Experience, compare, hazard_of, summed
from streams.surveillance.levels import Stream, statistic
from streams.surveillance.simulation.accrual import Accrual
from streams.surveillance.units import unit_factors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.monitor import Monitor
    from streams.surveillance.simulation.accrual import All, Scene, Turns

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_NEAR = 3.0  # less than three quarters of any threshold, from which on `core` looks again
_REVIEWED = 28
_AT_ONCE = 24


@dataclass(frozen=True, slots=True)
class Looks:
    """Looks in the order of days; a row for each.

    Attributes:
        subject: whose.
        day: of the look.
        observed: first outcomes known by then.
        expected: how many were to be expected.
        statistic: log-likelihood ratio, of the stream that it is in.
        per_year: expected outcomes per year, by which thresholds go.
        plain: log-likelihood ratio without units' factors, streams and the conditional form.
        hazard: the comparator's hazard a day, a column for each cell.
    """

    subject: Ints
    day: Ints
    observed: Floats
    expected: Floats
    statistic: Floats
    per_year: Floats
    plain: Floats
    hazard: NDArray[np.float32]

    def of(self, rows: Ints | Bools) -> Looks:
        """Some of them."""
        return Looks(*(getattr(self, field.name)[rows] for field in fields(Looks)))


def known_path(scene: Scene, monitor: Monitor, *, watched: Bools | None = None, turns: Turns | None = None) -> Looks:
    """The known path of every subject.

    Args:
        scene: what is told.
        monitor: what is declared.
        watched: by subject, whether it is looked at; all are where left out.
        turns: of the scene, where they are known.
    """
    follower = _Follower(scene, monitor, turns)
    subject, day = told_outcomes(scene, watched)
    found = [follower.looks(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))]
    for first in range(0, scene.end + 1, _REVIEWED):
        last = min(first + _REVIEWED - 1, scene.end)
        now = slice(*np.searchsorted(day, [first, last + 1]))
        found.append(follower.looks(subject[now], day[now]))
        again = np.setdiff1d(follower.near(), subject[now][day[now] == last])
        found.append(follower.looks(again, np.full(again.size, last)))
    return Looks(*(np.concatenate([getattr(one, field.name) for one in found]) for field in fields(Looks)))


def told_outcomes(scene: Scene, watched: Bools | None = None) -> tuple[Ints, Ints]:
    """Subject and day of every day on which an outcome of a subject is told, in the order of days."""
    exposed = scene.exposed
    rows = exposed.event & (exposed.told <= scene.end)
    if watched is not None:
        rows &= watched[exposed.subject]
    found = np.unique(np.stack((exposed.told[rows], exposed.subject[rows])), axis=1)
    return found[1], found[0]


class _Last(NamedTuple):
    """The last look at a subject: the stream that it was in, and its sums."""

    stream: Stream
    observed: float
    trials: float
    share: float
    statistic: float


class _Seen(NamedTuple):
    """What is known of a subject, of what is left out of its comparator, and of all, on a day."""

    all: All
    own_units: Ints
    own_time: Floats
    own_events: Floats
    base_units: Ints
    base_time: Floats
    base_events: Floats


class _Follower:
    def __init__(self, scene: Scene, monitor: Monitor, turns: Turns | None) -> None:
        self._scene, self._monitor = scene, monitor
        self._sums = Accrual(scene, turns)
        self._days = _KnownDays(scene)
        self._last: dict[int, _Last] = {}

    def near(self) -> Ints:
        """The subjects whose last look was near a level."""
        return np.array(sorted(one for one, last in self._last.items() if last.statistic >= _NEAR), dtype=np.int64)

    def looks(self, subject: Ints, day: Ints) -> Looks:
        """Look at some subjects on some days, which ascend."""
        parts = [
            self._some(subject[at : at + _AT_ONCE], day[at : at + _AT_ONCE]) for at in range(0, subject.size, _AT_ONCE)
        ]
        if not parts:
            nothing = np.empty(0)
            hazard = np.empty((0, self._sums.cells), dtype=np.float32)
            return Looks(subject, day, nothing, nothing, nothing, nothing, nothing, hazard)
        compared = Comparison(
            *(np.concatenate([getattr(one, field.name) for one, _ in parts]) for field in fields(Comparison))
        )
        plain = np.concatenate([raw for _, raw in parts])
        found = self._in_streams(subject, compared)
        first, last = self._days.of(subject, day)
        return Looks(
            subject,
            day,
            compared.observed,
            compared.expected,
            found,
            per_year(compared.due, last, first),
            _llr(compared.observed, plain),
            compared.hazard.astype(np.float32),
        )

    def _some(self, subject: Ints, day: Ints) -> tuple[Comparison, Floats]:
        """The comparison at each look, and what was to be expected with no unit weighed."""
        seen = [self._seen(one, when) for one, when in zip(subject.tolist(), day.tolist(), strict=True)]
        raw = np.stack([one.own_time.sum(axis=0) for one in seen])
        others = Experience(
            np.stack([one.all.time - one.base_time.sum(axis=0) for one in seen]),
            np.stack([one.all.events - one.base_events.sum(axis=0) for one in seen]),
        )
        weighed = raw
        if self._monitor.baseline.kind == "contemporary":
            weighed = np.stack([self._weighed(*one) for one in zip(seen, hazard_of(others), strict=True)])
        own = Experience(weighed, np.stack([one.own_events.sum(axis=0) for one in seen]))
        compared = compare(own, others, self._monitor.baseline)
        return compared, summed(compared.hazard * raw)

    def _seen(self, subject: int, day: int) -> _Seen:
        self._sums.upto(day)
        own = self._sums.own(subject)
        base = int(self._scene.base[subject])
        if base == subject:
            return _Seen(self._sums.of_all(), *own, *own)
        nothing = np.empty((0, self._sums.cells))
        taken = self._sums.own(base) if base >= 0 else (np.empty(0, dtype=np.int64), nothing, nothing)
        return _Seen(self._sums.of_all(), *own, *taken)

    def _weighed(self, seen: _Seen, hazard: Floats) -> Floats:
        """A subject's days at risk by cell, each unit's times the factor that its other products give it."""
        # einsum and not a product of matrices: its sums are the same on every machine, and it starts no threads
        events, due = seen.all.unit_events.copy(), np.einsum("uc,c->u", seen.all.unit_time, hazard)
        events[seen.base_units] -= seen.base_events.sum(axis=1)
        due[seen.base_units] -= np.einsum("uc,c->u", seen.base_time, hazard)
        factors = unit_factors(events, np.maximum(due, 0.0), self._monitor.unit_shape)
        weighed: Floats = factors[seen.own_units] @ seen.own_time
        return weighed

    def _in_streams(self, subject: Ints, compared: Comparison) -> Floats:
        planned = self._monitor.levels.planned
        due = compared.due.copy()
        streams = []
        columns = (subject, compared.observed, compared.trials, compared.share, due)
        for at, (one, observed, trials, share, expected) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            last = self._last.get(one, _Last(Stream(), 0.0, 0.0, 0.0, 0.0))
            number = int(expected // planned)
            stream = last.stream
            if number > stream.number:
                stream = Stream(number, last.observed, last.trials, last.share)
            due[at] = max(expected, stream.number * planned)
            streams.append(stream)
            self._last[one] = _Last(stream, observed, trials, share, 0.0)
        found = statistic(compared, streams, due, planned)
        for one, value in zip(subject.tolist(), found.tolist(), strict=True):
            self._last[one] = self._last[one]._replace(statistic=value)
        return found


class _KnownDays:
    """The first day of use of a subject and the last that is known of, as `evidence.known_days` has them."""

    def __init__(self, scene: Scene) -> None:
        exposed = scene.exposed
        lag = scene.lag[exposed.unit]
        self._began = _Running(exposed.subject, exposed.published, exposed.start, np.minimum)
        self._lag = _Running(exposed.subject, exposed.published, lag, np.minimum)
        rows = exposed.event
        self._stopped = _Running(exposed.subject[rows], exposed.told[rows], exposed.stop[rows], np.maximum)

    def of(self, subject: Ints, day: Ints) -> tuple[Ints, Ints]:
        """First and last day, for each subject on a day by which at least one of its outcomes is known."""
        last = np.maximum(self._stopped.at(subject, day), day - self._lag.at(subject, day))
        return self._began.at(subject, day), last


_FAR = 1 << 32


class _Running:
    """The lowest or highest so far of what became known of each subject."""

    def __init__(self, subject: Ints, known: Ints, value: Ints, better: np.ufunc) -> None:
        order = np.lexsort((known, subject))
        self._key = subject[order] * _FAR + known[order]
        # subjects are told apart by an offset that outweighs every value
        sign = 1 if better is np.maximum else -1
        offset = subject[order] * _FAR
        self._best = sign * (np.maximum.accumulate(sign * value[order] + offset) - offset)

    def at(self, subject: Ints, day: Ints) -> Ints:
        found: Ints = self._best[np.searchsorted(self._key, subject * _FAR + day, side="right") - 1]
        return found


def _llr(observed: Floats, expected: Floats) -> Floats:
    return np.where(expected > 0, poisson_maxsprt_llr(observed, np.where(expected > 0, expected, 1.0)), 0.0)
