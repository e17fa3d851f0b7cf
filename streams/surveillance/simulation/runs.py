"""One invented registry through all methods: what they come to where nothing is wrong, and with defects planted."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from streams.surveillance.expected import Baseline
from streams.surveillance.intervals import YEAR
from streams.surveillance.levels import Levels
from streams.surveillance.monitor import Monitor
from streams.surveillance.simulation.accrual import Scene, turns_of
from streams.surveillance.simulation.defects import planting, unit_excess
from streams.surveillance.simulation.exposed import exposed, together
from streams.surveillance.simulation.history import invented, outcome_days
from streams.surveillance.simulation.known import known_path
from streams.surveillance.simulation.rivals import charts, yearly

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.simulation.defects import Planted
    from streams.surveillance.simulation.history import History
    from streams.surveillance.simulation.known import Looks
    from streams.surveillance.simulation.plan import Plan
    from streams.surveillance.simulation.rivals import Yearly

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

DEFAULT = "MaxSPRT, by unit, stream and size"
"""The monitor's own method."""
PLAIN, CGR, BK, STAGE_ONE, NJR = "plain MaxSPRT", "CGR-CUSUM, cap 6", "BK-CUSUM", "AOANJRR stage 1", "NJR levels"
METHODS = (DEFAULT, PLAIN, CGR, BK, STAGE_ONE, NJR)
UNIT_RATIOS = (2.0, 3.0, 8.0)
PLANNED = 100.0
"""Expected outcomes at which the monitor's streams close. At 20 a large product opens a stream each year, and each
begins anew: more than twice as many false alarms of large products as at 100."""
_LEAST = 2.0  # no threshold that is thought of lies so low; what is below is not kept


@dataclass(frozen=True, slots=True)
class Scores:
    """What a method came to, in the order of days; a row for each look that may matter.

    Attributes:
        stream: which product, of all groups; or which planted defect.
        group: number of its monitor group.
        day: of the look.
        score: what a threshold is held against.
        per_year: expected outcomes per year then; 0 where the method asks not.
        observed: first outcomes known then.
    """

    stream: Ints
    group: Ints
    day: Ints
    score: Floats
    per_year: Floats
    observed: Floats

    def moved(self, by: int) -> Scores:
        """The same of streams that are so much further on."""
        return replace(self, stream=self.stream + by)

    def of(self, rows: Ints | Bools) -> Scores:
        """Some of them."""
        return Scores(*(getattr(self, field.name)[rows] for field in fields(Scores)))


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one history.

    Attributes:
        null: by method, scores where nothing is wrong: of the monitor's own in all groups, of others in the first.
        planted: what was planted, all in the first group.
        found: by method, scores of what was planted.
        unit_ratio: hazard ratio of the unit that is worse.
        unit_since: the day that it began.
        unit: the monitor's scores of the first group's products there.
        streams: how many products and constructs there were.
    """

    null: dict[str, Scores]
    planted: tuple[Planted, ...]
    found: dict[str, Scores]
    unit_ratio: float
    unit_since: int
    unit: Scores
    streams: int


def monitor_of(plan: Plan, group: tuple[str, ...], planned: float) -> Monitor:
    """The monitor whose known path is simulated: contemporary, its prior the plan's mean rate of a first year."""
    first_year = plan.cumulative_hazard()[min(365, plan.days)]
    baseline = Baseline("contemporary", (float(100 * first_year),))
    return Monitor(" + ".join(group), "simulated", baseline, Levels(planned=planned))


def run(plan: Plan, seed: np.random.SeedSequence, number: int = 0, planned: float = PLANNED) -> Run:
    """Invent one history and run it through all methods.

    Args:
        plan: what is invented.
        seed: of its random numbers; the same seed gives the same run.
        number: of the history; it decides how much worse the one unit is.
        planned: expected outcomes at which the monitor's streams close.
    """
    rng, planter = (
        np.random.default_rng(one) for one in np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key).spawn(2)
    )
    history = invented(plan, rng)
    outcome = outcome_days(plan, history.operations)
    first, *others = plan.groups
    product = _products(history, first)
    null, found, planted = _first_group(history, product, planter, monitor_of(plan, first, planned))
    worse = _worse_unit(
        history, product, UNIT_RATIOS[number % len(UNIT_RATIOS)], planter, monitor_of(plan, first, planned)
    )
    streams, turns = int(product.max()) + 1, None
    for group, kinds in enumerate(others, start=1):
        product = _products(history, kinds)
        scene = _scene(history, product, outcome)
        turns = turns or turns_of(scene)
        looks = known_path(scene, monitor_of(plan, kinds, planned), turns=turns)
        more = _scores(looks, looks.statistic, looks.per_year, group=group, stream=streams)
        null[DEFAULT] = _together([null[DEFAULT], more])
        streams += int(product.max()) + 1
    return Run(null, planted, found, *worse, streams)


def _first_group(
    history: History, product: Ints, rng: np.random.Generator, monitor: Monitor
) -> tuple[dict[str, Scores], dict[str, Scores], tuple[Planted, ...]]:
    """All methods in the group that defects are planted in: where nothing is wrong, and where something is."""
    plan = history.plan
    many = int(product.max()) + 1
    defects = planting(history, product, rng)
    told = exposed(history.operations, product, outcome_days(plan, history.operations))
    whole = together([told, *(one.moved(many + number) for number, one in enumerate(defects.exposed))])
    base = np.append(np.arange(many), np.array(defects.base, dtype=np.int64))
    strata = plan.strata_as_columns()[0].size
    scene = Scene(whole, whole.subject < many, base, history.lag, strata, plan.days)
    turns = turns_of(scene)
    looks = known_path(scene, monitor, turns=turns)
    cusums = charts(scene, looks)
    stage_one, njr = yearly(scene, turns)
    nothing = np.zeros(looks.day.size)
    every = {
        DEFAULT: _scores(looks, looks.statistic, looks.per_year),
        PLAIN: _scores(looks, looks.plain, nothing),
        CGR: _scores(looks, cusums.cgr, nothing),
        BK: _scores(looks, cusums.bk, nothing),
        STAGE_ONE: _flags(stage_one),
        NJR: _flags(njr),
    }
    null = {method: scores.of(scores.stream < many) for method, scores in every.items()}
    found = {method: scores.of(scores.stream >= many).moved(-many) for method, scores in every.items()}
    return null, found, defects.planted


def _worse_unit(
    history: History, product: Ints, ratio: float, rng: np.random.Generator, monitor: Monitor
) -> tuple[float, int, Scores]:
    """The monitor's scores of what a unit uses whose operations all fail sooner from a day on."""
    plan = history.plan
    unit = int(rng.integers(0, plan.units))
    since = int(plan.switched_on + rng.integers(0, max(int((plan.years - 5) * YEAR), 1)))
    scene = _scene(history, product, unit_excess(history, unit, ratio, since))
    used = np.zeros(scene.base.size, dtype=np.bool_)
    used[product[(history.operations.unit == unit) & (history.operations.day >= since)]] = True
    looks = known_path(scene, monitor, watched=used)
    return ratio, since, _scores(looks, looks.statistic, looks.per_year)


def _products(history: History, kinds: tuple[str, ...]) -> Ints:
    """The product of each operation in a group: a component, or what some make together, numbered as they come."""
    names = [kind for kind, _ in history.plan.kinds]
    codes = history.operations.codes[:, [names.index(kind) for kind in kinds]]
    found: Ints = codes[:, 0] if len(kinds) == 1 else np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)
    return found


def _scene(history: History, product: Ints, outcome: Ints) -> Scene:
    told = exposed(history.operations, product, outcome)
    strata = history.plan.strata_as_columns()[0].size
    everything = np.ones(product.size, dtype=np.bool_)
    return Scene(told, everything, np.arange(int(product.max()) + 1), history.lag, strata, history.plan.days)


def _scores(looks: Looks, score: Floats, per_year: Floats, *, group: int = 0, stream: int = 0) -> Scores:
    rows = np.flatnonzero(score >= _LEAST)
    return Scores(
        looks.subject[rows] + stream,
        np.full(rows.size, group),
        looks.day[rows],
        score[rows],
        per_year[rows],
        looks.observed[rows],
    )


def _flags(flags: Yearly) -> Scores:
    nothing = np.zeros(flags.day.size)
    return Scores(flags.subject, nothing.astype(np.int64), flags.day, flags.score, nothing, nothing)


def _together(parts: list[Scores]) -> Scores:
    return Scores(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Scores)))
