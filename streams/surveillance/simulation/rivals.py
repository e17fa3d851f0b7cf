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
from streams.surveillance.simulation.scene import LOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.simulation.exposed import Exposed
    from streams.surveillance.simulation.known import Looks
    from streams.surveillance.simulation.scene import Scene

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

CAP = 6.0
"""The highest hazard ratio that the CGR-CUSUM believes."""


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


def chart(scene: Scene, looks: Looks) -> Floats:
    """The CGR-CUSUM at every look; 0 with one outcome, since it is at most ln(CAP) then, which is no threshold.

    Args:
        scene: what is told.
        looks: when, in the order of days, and by which hazard.
    """
    found = np.zeros(looks.day.size)
    of_subject = np.argsort(looks.subject, kind="stable")
    subjects, starts = np.unique(looks.subject[of_subject], return_index=True)
    row, subject = _members(scene, looks)
    bounds = np.searchsorted(subject, [subjects, subjects + 1])
    for place, of in enumerate(np.split(of_subject, starts[1:]) if subjects.size else ()):
        own = scene.exposed.of(row[bounds[0][place] : bounds[1][place]])
        own = own.of(np.argsort(own.start, kind="stable"))
        days, entered = np.unique(own.start, return_inverse=True)
        lag = scene.lag[own.unit]
        for at in of[looks.observed[of] > 1].tolist():
            day = int(looks.day[at])
            so_far = slice(int(np.searchsorted(own.start, day, side="right")))
            entry = days[: int(np.searchsorted(days, day, side="right"))].astype(np.float64), entered[so_far]
            some = own.of(so_far)
            seen = _entered(some, _ages(some, lag[so_far], day), entry, looks.hazard[at])
            found[at] = most_evidence(seen, CAP)[0]
    return found


def yearly(scene: Scene, watched: NDArray[np.bool_]) -> tuple[Yearly, Yearly]:
    """AOANJRR stage 1 and the NJR's levels at the end of every year.

    A product or unit is held against all, itself among them; a lot against all of its product.

    Args:
        scene: what is told.
        watched: by subject, whether the rules are asked of it.
    """
    subjects, exposed = scene.subjects, scene.exposed
    found: tuple[list[tuple[int, int, float]], list[tuple[int, int, float]]] = ([], [])
    asked = np.flatnonzero(watched)
    is_lot = subjects.kind[asked] == LOT
    others = np.where(is_lot, subjects.product[asked], -1)
    left_out = subjects.base[asked]
    for day in [int((year + 1) * YEAR) - 1 for year in range(int((scene.end + 1) / YEAR))]:
        ages = _ages(exposed, scene.lag[exposed.unit], day)
        row = np.stack((exposed.is_known(day).astype(np.float64), ages.failed, ages.age / YEAR))
        numbers = np.zeros((3, subjects.kind.size + 1))  # the last is nobody's, and of nothing
        for member in (*scene.members, *scene.lots):
            has = np.flatnonzero(member >= 0)
            numbers += [np.bincount(member[has], weights[has], subjects.kind.size + 1) for weights in row]
        everything = np.where(is_lot, numbers[:, others], row[:, scene.shared].sum(axis=1)[:, None])
        own, rest = numbers[:, asked], everything - numbers[:, left_out]
        for at in np.flatnonzero((own[1] >= 1) & (own[2] > 0) & (rest[2] > 0)).tolist():
            subject = int(asked[at])
            component, group = (_experience(one[:, at]) for one in (own, own + rest))
            stage = aoanjrr_stage_one(component, group)
            if stage.flagged:
                found[0].append((subject, day, -math.log(max(stage.p_value, 1e-300))))
            level = njr_level(component, group)
            if level is not None:
                found[1].append((subject, day, 3.0 - level))
    return _as_yearly(found[0]), _as_yearly(found[1])


def _members(scene: Scene, looks: Looks) -> tuple[Ints, Ints]:
    """Rows and subjects of the exposures of all that is looked at, in the order of subjects."""
    is_wanted = np.zeros(scene.subjects.kind.size + 1, dtype=np.bool_)
    is_wanted[looks.subject] = True
    ways = [(np.flatnonzero(is_wanted[way]), way) for way in (*scene.members, *scene.lots)]
    row = np.concatenate([rows for rows, _ in ways])
    subject = np.concatenate([way[rows] for rows, way in ways])
    order = np.argsort(subject, kind="stable")
    return row[order], subject[order]


class _Ages(NamedTuple):
    """How long each exposure was followed, as far as is known, and whether it is known to have failed."""

    age: Ints
    failed: NDArray[np.bool_]


def _ages(own: Exposed, lag: Ints, day: int) -> _Ages:
    known = own.is_known(day)
    ended = known & own.ended(day)
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


def _experience(numbers: Floats) -> Experience:
    """Primaries, outcomes and component-years."""
    return Experience(int(numbers[0]), int(numbers[1]), float(numbers[2]))


def _as_yearly(found: list[tuple[int, int, float]]) -> Yearly:
    subject, day, score = zip(*found, strict=True) if found else ((), (), ())
    return Yearly(np.array(subject, dtype=np.int64), np.array(day, dtype=np.int64), np.array(score, dtype=np.float64))
