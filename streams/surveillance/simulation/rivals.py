"""Other methods on the same data, so that all can be compared at one rate of false alarms.

Each looks when the monitor does, or once a year, and is given what the monitor knows on that day: also the
contemporary hazard of all other products in the product's strata and intervals, in place of one of long ago.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.statistics.evidence import most_evidence
from streams.statistics.follow_up import Experience as Entered
from streams.statistics.rates import Experience, aoanjrr_stage_one, njr_level
from streams.surveillance.intervals import BOUNDS, INTERVALS, YEAR
from streams.surveillance.simulation.accrual import Accrual

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.simulation.accrual import Scene, Turns
    from streams.surveillance.simulation.exposed import Exposed
    from streams.surveillance.simulation.known import Looks

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

CAP = 6.0
"""The highest hazard ratio that the CGR-CUSUM believes."""
_THETA = math.log(2)  # the hazard ratio that the BK-CUSUM is made for is 2


class Charts(NamedTuple):
    """Charts at each look: CGR-CUSUM, and BK-CUSUM."""

    cgr: Floats
    bk: Floats


class Yearly(NamedTuple):
    """Products that a registry's rule flags at the end of a year.

    Attributes:
        subject: which.
        day: end of the year.
        score: for AOANJRR stage 1, -ln of the probability of as many; for the NJR, 2 at its level 1 and 1 at level 2.
    """

    subject: Ints
    day: Ints
    score: Floats


def charts(scene: Scene, looks: Looks) -> Charts:
    """Both charts at every look.

    Args:
        scene: what is told.
        looks: when, in the order of days, and by which hazard.
    """
    cgr, due = np.zeros(looks.day.size), np.zeros(looks.day.size)
    rows = np.argsort(scene.exposed.subject, kind="stable")
    bounds = np.searchsorted(scene.exposed.subject[rows], np.arange(scene.base.size + 1))
    of_subject = np.argsort(looks.subject, kind="stable")
    starts = np.searchsorted(looks.subject[of_subject], np.arange(scene.base.size + 1))
    for subject in np.unique(looks.subject).tolist():
        own = scene.exposed.of(rows[bounds[subject] : bounds[subject + 1]])
        days, entered = np.unique(own.start, return_inverse=True)
        lag = scene.lag[own.unit]
        for at in of_subject[starts[subject] : starts[subject + 1]].tolist():
            ages = _ages(own, lag, int(looks.day[at]))
            seen = _entered(own, ages, (days.astype(np.float64), entered), looks.hazard[at])
            cgr[at] = most_evidence(seen, CAP)[0]
            due[at] = seen.intensity.sum()
    return Charts(cgr, _bk(looks, due))


def yearly(scene: Scene, turns: Turns | None = None) -> tuple[Yearly, Yearly]:
    """AOANJRR stage 1 and the NJR's levels at the end of every year.

    Args:
        scene: what is told.
        turns: of the scene, where they are known.
    """
    sums = Accrual(scene, turns)
    exposed = scene.exposed
    found: tuple[list[tuple[int, int, float]], list[tuple[int, int, float]]] = ([], [])
    for day in [int((year + 1) * YEAR) - 1 for year in range(int((scene.end + 1) / YEAR))]:
        sums.upto(day)
        known = exposed.published <= day
        primaries = np.bincount(exposed.subject[known], minlength=scene.base.size)
        put_in = int(np.sum(known & scene.shared))
        whole = sums.of_all()
        everything = np.array([put_in, whole.events.sum(), whole.time.sum() / YEAR])
        for subject in np.flatnonzero(primaries).tolist():
            own = _numbers(sums, subject, int(primaries[subject]))
            base = int(scene.base[subject])
            rest = everything - _numbers(sums, base, int(primaries[base])) if base >= 0 else everything
            if own[1] < 1 or own[2] <= 0 or rest[2] <= 0:
                continue
            component = Experience(int(own[0]), int(own[1]), float(own[2]))
            group = Experience(int(own[0] + rest[0]), int(own[1] + rest[1]), float(own[2] + rest[2]))
            stage = aoanjrr_stage_one(component, group)
            if stage.flagged:
                found[0].append((subject, day, -math.log(max(stage.p_value, 1e-300))))
            level = njr_level(component, group)
            if level is not None:
                found[1].append((subject, day, 3.0 - level))
    return _as_yearly(found[0]), _as_yearly(found[1])


class _Ages(NamedTuple):
    """How long each exposure was followed, as far as is known, and whether it is known to have failed."""

    age: Ints
    failed: NDArray[np.bool_]


def _ages(own: Exposed, lag: Ints, day: int) -> _Ages:
    known, ended = own.published <= day, own.told <= day
    until = np.where(ended, np.minimum(own.stop, day - lag), day - lag)
    return _Ages(np.maximum(np.where(known, until - own.start, 0), 0), own.event & ended)


def _entered(own: Exposed, ages: _Ages, entry: tuple[Floats, Ints], hazard: NDArray[np.float32]) -> Entered:
    """What those who entered on each day have gone through."""
    age, (days, entered) = ages.age, entry
    by_interval = hazard.astype(np.float64).reshape(-1, INTERVALS)
    before = np.cumsum(by_interval[:, :-1] * np.diff(BOUNDS), axis=1)
    before = np.concatenate((np.zeros((by_interval.shape[0], 1)), before), axis=1)
    interval = np.searchsorted(BOUNDS, age, side="right") - 1
    due = before[own.stratum, interval] + by_interval[own.stratum, interval] * (age - BOUNDS[interval])
    failures = np.bincount(entered[ages.failed], minlength=days.size + 1).astype(np.int64)
    intensity = np.bincount(entered, weights=due, minlength=days.size + 1).astype(np.float64)
    return Entered(days, failures, intensity, np.flatnonzero(failures))


def _bk(looks: Looks, due: Floats) -> Floats:
    """The BK-CUSUM from failures and intensity as known at each look."""
    found = np.zeros(due.size)
    last: dict[int, tuple[float, float, float]] = {}
    columns = (looks.subject, looks.observed, due)
    for at, (subject, observed, intensity) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        chart, failures, before = last.get(subject, (0.0, 0.0, 0.0))
        chart = max(0.0, chart - math.expm1(_THETA) * max(intensity - before, 0.0)) + _THETA * (observed - failures)
        last[subject] = (chart, observed, intensity)
        found[at] = chart
    return found


def _numbers(sums: Accrual, subject: int, primaries: int) -> Floats:
    """Primaries, outcomes and component-years of a subject."""
    _, time, events = sums.own(subject)
    return np.array([primaries, events.sum(), time.sum() / YEAR])


def _as_yearly(found: list[tuple[int, int, float]]) -> Yearly:
    subject, day, score = zip(*found, strict=True) if found else ((), (), ())
    return Yearly(np.array(subject, dtype=np.int64), np.array(day, dtype=np.int64), np.array(score, dtype=np.float64))
