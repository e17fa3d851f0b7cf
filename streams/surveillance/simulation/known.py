"""The known path of every stream of a simulated registry, by the functions that the monitor itself uses.

A subject is looked at on each day on which an outcome of it is told, or a mistake in its data is put right, or a
patient opts out; one that is near a level every four weeks too, as units report through further days. Two things are
simpler than in `core`: those further days are weeks apart, and a stream that opens leaves behind what had been told at
the look before, in place of what had happened by that day.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.statistics.sequential import poisson_maxsprt_llr
from streams.surveillance.evidence import per_year
from streams.surveillance.expected import Experience, compare_days, summed
from streams.surveillance.intervals import INTERVALS
from streams.surveillance.levels import Stream, statistic
from streams.surveillance.simulation.against_others import AgainstOthers
from streams.surveillance.simulation.in_use import InUse
from streams.surveillance.simulation.of_lots import OfLots
from streams.surveillance.simulation.scene import LOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.expected import Comparison
    from streams.surveillance.monitor import Monitor
    from streams.surveillance.simulation.scene import Scene

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_NEAR = 3.0  # less than three quarters of any threshold, from which on `core` looks again
_REVIEWED = 28
_FAR = 1 << 32


@dataclass(frozen=True, slots=True)
class Looks:
    """Looks; a row for each.

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


def known_path(scene: Scene, monitor: Monitor, when: tuple[Ints, Ints] | None = None) -> Looks:
    """The known path of every subject, in the order of days.

    Args:
        scene: what is told.
        monitor: what is declared.
        when: subjects and days to look at alone; all that the monitor looks at where left out.
    """
    follower = _Follower(scene, monitor)
    subject, day = touched(scene) if when is None else when
    found = [follower.looks(subject[:0], day[:0])]
    for first in range(0, scene.end + 1, _REVIEWED):
        now = slice(*np.searchsorted(day, [first, first + _REVIEWED]))
        near = follower.near() if when is None else subject[:0]
        again = np.setdiff1d(near, subject[now][day[now] == first])
        some = np.concatenate((again, subject[now]))
        if some.size:
            found.append(follower.looks(some, np.concatenate((np.full(again.size, first), day[now]))))
    every = Looks(*(np.concatenate([getattr(one, field.name) for one in found]) for field in fields(Looks)))
    return every.of(follower.in_use.is_watched(every.subject, every.day))


def touched(scene: Scene) -> tuple[Ints, Ints]:
    """Subject and day of every look that something new of a subject asks for, in the order of days.

    A family or company of which one product is in use is followed too: once there is another, its streams that closed
    are as they would be. Of lots none lasts so long.
    """
    exposed = scene.exposed
    keys = []
    for rows, day in (
        (exposed.event & (exposed.told < exposed.until), exposed.told),
        (exposed.until <= scene.end, exposed.until),
        (exposed.anew, exposed.published),
    ):
        at = np.flatnonzero(rows & (day <= scene.end))
        for member in (*scene.members, *scene.lots):
            known = at[member[at] >= 0]
            keys.append(day[known] * _FAR + member[known])
    key = np.unique(np.concatenate(keys))
    subject, day = key % _FAR, key // _FAR
    return subject, day


class _Last(NamedTuple):
    """The last look at a subject: the stream that it was in, and its sums."""

    stream: Stream
    observed: float
    trials: float
    share: float


class _Follower:
    """What is seen of subjects, in the streams that they were in.

    Attributes:
        in_use: what decides whether each is watched.
    """

    def __init__(self, scene: Scene, monitor: Monitor) -> None:
        self._scene, self._monitor = scene, monitor
        self._others = AgainstOthers(scene, monitor)
        self._lots = OfLots(scene)
        self._days = _KnownDays(scene)
        self.in_use = InUse(scene)
        self._last: dict[int, _Last] = {}
        self._statistic = np.zeros(scene.subjects.kind.size)

    def near(self) -> Ints:
        """The subjects whose last look was near a level."""
        return np.flatnonzero(self._statistic >= _NEAR)

    def looks(self, subject: Ints, day: Ints) -> Looks:
        """Look at some subjects on some days, which ascend."""
        if not subject.size:
            nothing = np.empty(0)
            hazard = np.empty((0, self._scene.strata * INTERVALS), dtype=np.float32)
            return Looks(subject, day, nothing, nothing, nothing, nothing, nothing, hazard)
        unwatched = (self._scene.subjects.kind[subject] == LOT) & ~self.in_use.is_watched(subject, day)
        subject, day = subject[~unwatched], day[~unwatched]
        is_lot = self._scene.subjects.kind[subject] == LOT
        lots, whole = np.flatnonzero(is_lot), np.flatnonzero(~is_lot)
        product = self._scene.subjects.product[subject[lots]]
        # a lot is held against its product as that stands on the day, whether or not this is looked at for itself
        keys, place = np.unique(
            np.concatenate((day[whole] * _FAR + subject[whole], day[lots] * _FAR + product)), return_inverse=True
        )
        held = self._others.held(keys % _FAR, keys // _FAR)
        columns = [held.of(place[: whole.size])]
        if lots.size:
            columns.append(self._lots.held(subject[lots], day[lots], held.of(place[whole.size :])))
        order = np.argsort(np.concatenate((whole, lots)))
        time, weighed, events, others_time, others_events = (
            np.concatenate([getattr(one, name) for one in columns])[order]
            for name in ("time", "weighed", "events", "others_time", "others_events")
        )
        compared = compare_days(
            Experience(weighed, events), Experience(others_time, others_events), self._monitor.baseline
        )
        found = self._in_streams(subject, compared)
        first, last = self._days.of(subject, day)
        return Looks(
            subject,
            day,
            compared.observed,
            compared.expected,
            found,
            per_year(compared.due, last, first),
            _llr(compared.observed, summed(compared.hazard * time)),
            compared.hazard.astype(np.float32),
        )

    def _in_streams(self, subject: Ints, compared: Comparison) -> Floats:
        planned = self._monitor.levels.planned
        due = compared.due.copy()
        streams = []
        columns = (subject, compared.observed, compared.trials, compared.share, due)
        for at, (one, observed, trials, share, expected) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            last = self._last.get(one, _Last(Stream(), 0.0, 0.0, 0.0))
            number = int(expected // planned)
            stream = last.stream
            if number > stream.number:
                stream = Stream(number, last.observed, last.trials, last.share)
            due[at] = max(expected, stream.number * planned)
            streams.append(stream)
            self._last[one] = _Last(stream, observed, trials, share)
        found = statistic(compared, streams, due, planned)
        self._statistic[subject] = found  # of a subject that is looked at twice the last counts
        return found


class _KnownDays:
    """The first day of use of a subject and the last that is known of, as `extent.days_by` has them.

    What is taken back goes on counting here: the days are those of all that was ever told.
    """

    def __init__(self, scene: Scene) -> None:
        exposed = scene.exposed
        members = (*scene.members, *scene.lots)
        row = np.concatenate([np.flatnonzero(member >= 0) for member in members])
        subject = np.concatenate([member[member >= 0] for member in members])
        published = exposed.published[row]
        order = np.argsort(subject * _FAR + published, kind="stable")
        row, subject, published = row[order], subject[order], published[order]
        self._began = _Running(subject, published, exposed.start[row], np.minimum)
        self._lag = _Running(subject, published, scene.lag[exposed.unit[row]], np.minimum)
        failed = exposed.event[row]
        row, subject = row[failed], subject[failed]
        order = np.argsort(subject * _FAR + exposed.told[row], kind="stable")
        row, subject = row[order], subject[order]
        self._stopped = _Running(subject, exposed.told[row], exposed.stop[row], np.maximum)

    def of(self, subject: Ints, day: Ints) -> tuple[Ints, Ints]:
        """First and last day, for each subject on a day by which something of it is known."""
        last = np.maximum(self._stopped.at(subject, day, 0), day - self._lag.at(subject, day, 0))
        return self._began.at(subject, day, 0), last


class _Running:
    """The lowest or highest so far of what became known of each subject, told in the order of subjects and days."""

    def __init__(self, subject: Ints, known: Ints, value: Ints, better: np.ufunc) -> None:
        self._key = subject * _FAR + known
        # subjects are told apart by an offset that outweighs every value
        sign = 1 if better is np.maximum else -1
        offset = subject * _FAR
        self._best = sign * (np.maximum.accumulate(sign * value + offset) - offset)

    def at(self, subject: Ints, day: Ints, otherwise: int) -> Ints:
        """By a day; ``otherwise`` where nothing was known by then."""
        if not self._key.size:
            return np.full(subject.size, otherwise)
        place = np.searchsorted(self._key, subject * _FAR + day, side="right") - 1
        known = (place >= 0) & (self._key[place] // _FAR == subject)
        return np.where(known, self._best[place], otherwise)


def _llr(observed: Floats, expected: Floats) -> Floats:
    return np.where(expected > 0, poisson_maxsprt_llr(observed, np.where(expected > 0, expected, 1.0)), 0.0)
