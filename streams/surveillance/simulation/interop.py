"""The case that all is judged by: the Inter-op cup, looked at on the day of each reoperation, all reporting at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.surveillance.expected import Baseline
from streams.surveillance.intervals import BOUNDS, YEAR
from streams.surveillance.levels import LEVELS
from streams.surveillance.monitor import Monitor
from streams.surveillance.simulation.defects import INTEROP_REOPERATED, interop_starts
from streams.surveillance.simulation.exposed import Exposed
from streams.surveillance.simulation.history import NEVER
from streams.surveillance.simulation.known import known_path
from streams.surveillance.simulation.scene import PRODUCT, Scene, Subjects

if TYPE_CHECKING:
    from streams.surveillance.levels import Level, Levels
    from streams.surveillance.simulation.plan import Plan

FLAT = Baseline("flat", (2.0,))
"""First outcomes per 100 component-years that the reference case is held against."""


class Reoperation(NamedTuple):
    """A reoperation of the Inter-op cup.

    Attributes:
        number: the first is 1.
        day: since the first implant.
        expected: how many were to be expected by then.
        statistic: log-likelihood ratio.
        raised: levels that are reached with it for the first time.
    """

    number: int
    day: int
    expected: float
    statistic: float
    raised: tuple[Level, ...]


def interop(levels: Levels, baseline: Baseline) -> tuple[Reoperation, ...]:
    """What each reoperation raises.

    Args:
        levels: thresholds.
        baseline: a declared one, by which outcomes are expected.
    """
    start = interop_starts()
    zero = np.zeros_like(start)
    stop = np.full(start.size, NEVER)
    stop[list(INTEROP_REOPERATED)] = list(INTEROP_REOPERATED.values())
    no = np.zeros(start.size, dtype=np.bool_)
    rows = Exposed(zero, no, no, zero, zero, start, start, stop, stop < NEVER, stop, np.full_like(start, NEVER))
    one = Subjects(*(np.array([value]) for value in (PRODUCT, 0, 0, -1, -1)))
    scene = Scene(rows, ~no, (zero,), (), (), one, np.array([0]), 1, max(INTEROP_REOPERATED.values()))
    looks = known_path(scene, Monitor("interop", "reference", baseline, levels))
    looks = looks.of(np.isin(looks.day, list(INTEROP_REOPERATED.values())))
    thresholds = levels.thresholds(looks.per_year)
    first = {level: np.flatnonzero(looks.statistic >= thresholds[level])[:1] for level in LEVELS}
    return tuple(
        Reoperation(
            at + 1,
            int(looks.day[at]),
            float(looks.expected[at]),
            float(looks.statistic[at]),
            tuple(level for level in LEVELS if at in first[level]),
        )
        for at in range(looks.day.size)
    )


def early_peak(plan: Plan) -> Baseline:
    """A plan's hazard as a declared baseline, without what patients, units and surgeons differ in."""
    days = np.minimum(np.append(BOUNDS, int(21 * YEAR)), plan.days)
    hazard = plan.cumulative_hazard()
    rates = [
        (hazard[until] - hazard[since]) / (until - since) if until > since else plan.hazard[-1] / (100 * YEAR)
        for since, until in zip(days[:-1].tolist(), days[1:].tolist(), strict=True)
    ]
    return Baseline("declared", tuple(float(100 * YEAR * rate) for rate in rates))
