"""One invented registry through all methods: what they come to where nothing is wrong, and with defects planted."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from streams.surveillance.simulation.defects import planting, some_day, unit_excess
from streams.surveillance.simulation.history import invented, outcome_days
from streams.surveillance.simulation.known import known_path, touched
from streams.surveillance.simulation.rivals import chart, yearly
from streams.surveillance.simulation.scene import LOT, PRODUCT, UNIT, scene_of
from streams.surveillance.simulation.watching import watching_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.simulation.defects import Planted
    from streams.surveillance.simulation.history import History
    from streams.surveillance.simulation.known import Looks
    from streams.surveillance.simulation.plan import Plan
    from streams.surveillance.simulation.rivals import Yearly
    from streams.surveillance.simulation.scene import Scene
    from streams.surveillance.simulation.watching import Watching

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

DEFAULT = "MaxSPRT, by unit, stream and size"
"""The monitor's own method."""
PLAIN, CGR, STAGE_ONE, NJR = "plain MaxSPRT", "CGR-CUSUM, cap 6", "AOANJRR stage 1", "NJR levels"
METHODS = (DEFAULT, PLAIN, CGR, STAGE_ONE, NJR)
CHARTED_EVERY = 3
"""One history in so many goes through the CGR-CUSUM, which takes as much time as all else together."""
UNIT_RATIOS = (2.0, 3.0, 8.0)
PLANNED = 300.0
"""Expected outcomes at which the monitor's streams close. What was expected of all that went before is estimated anew
at each look, and moves by a few outcomes; just after a stream has opened these are all that it has. At 100 honest large
products and constructs came to statistics of 36 and 78 by that alone, at 300 to none above 13."""
FEWEST = 2
"""Outcomes that it takes for any level."""
_NO_END = 1e9
_LEAST = 3.0  # no threshold that is thought of lies so low; what is below is not kept


@dataclass(frozen=True, slots=True)
class Scores:
    """What a method came to, in the order of days; a row for each look that may matter.

    Attributes:
        stream: whose, of all kinds and groups; or which planted defect.
        kind: number of the kind of stream.
        group: number of its monitor group.
        day: of the look.
        score: what a threshold is held against.
        per_year: expected outcomes per year then; 0 where the method asks not.
    """

    stream: Ints
    kind: Ints
    group: Ints
    day: Ints
    score: Floats
    per_year: Floats

    def of(self, rows: Ints | Bools) -> Scores:
        """Some of them."""
        return Scores(*(getattr(self, field.name)[rows] for field in fields(Scores)))


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one history.

    Attributes:
        null: by method, scores where nothing is wrong: of the monitor's own in all groups, of others of products, lots
            and units in the first; the CGR-CUSUM's in some histories alone.
        planted: what was planted, all in the first group.
        found: by method, scores of what was planted, by the kind of stream: a lot's also as its product's.
        unit_ratio: hazard ratio of the unit that is worse; 0 in histories where none is.
        unit_since: the day that it began.
        unit: the monitor's scores of the first group's streams there, on the days on which it is told of the unit.
        streams: by kind, how many there were.
    """

    null: dict[str, Scores]
    planted: tuple[Planted, ...]
    found: dict[str, Scores]
    unit_ratio: float
    unit_since: int
    unit: Scores
    streams: dict[int, int]


def run(
    plan: Plan,
    seed: np.random.SeedSequence,
    number: int = 0,
    planned: float = PLANNED,
    watching: Watching | None = None,
) -> Run:
    """Invent one history and run it through all methods.

    Args:
        plan: what is invented.
        seed: of its random numbers; the same seed gives the same run.
        number: of the history; it decides whether and how much one unit is worse, and which are charted.
        planned: expected outcomes at which the monitor's streams close.
        watching: how it watches; as where nothing is declared if left out.
    """
    watching = watching or watching_of(plan)
    rng, planter = (
        np.random.default_rng(one) for one in np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key).spawn(2)
    )
    history = invented(plan, rng)
    operations, monitor = history.operations, watching.monitor(planned)
    plants = planting(history, operations.codes[:, 0], operations.lots[:, 0], planter)
    scene = scene_of(history, outcome_days(plan, operations), plants)
    looks = known_path(scene, monitor)
    every = _every_method(scene, looks, is_charted=number % CHARTED_EVERY == 0)
    planted = scene.subjects.planted
    ratio = UNIT_RATIOS[number // 2 % len(UNIT_RATIOS)] if number % 2 else 0.0
    kinds, counts = np.unique(scene.subjects.kind[np.unique(looks.subject)], return_counts=True)
    return Run(
        {method: scores.of(planted[scores.stream] < 0) for method, scores in every.items()},
        tuple(plant.planted for plant in plants),
        {method: _of_planted(scores, planted) for method, scores in every.items()},
        *_worse_unit(history, ratio, planter, watching),
        dict(zip(kinds.tolist(), counts.tolist(), strict=True)),
    )


def _every_method(scene: Scene, looks: Looks, *, is_charted: bool) -> dict[str, Scores]:
    subjects = scene.subjects
    beside = np.isin(subjects.kind, (PRODUCT, LOT, UNIT)) & (subjects.group == 0)
    others = looks.of(beside[looks.subject])
    stage_one, njr = yearly(scene, beside)
    found = {
        DEFAULT: _scores(scene, looks, np.where(looks.observed >= FEWEST, looks.statistic, 0.0), looks.per_year),
        PLAIN: _scores(scene, others, others.plain, np.zeros(others.day.size)),
        STAGE_ONE: _flags(scene, stage_one),
        NJR: _flags(scene, njr),
    }
    if is_charted:
        charted = others.of(_with_more(others))  # the chart only falls where there is no outcome more
        found[CGR] = _scores(scene, charted, chart(scene, charted), np.zeros(charted.day.size))
    return found


def _with_more(looks: Looks) -> Bools:
    """Whether a subject has more outcomes than when it was looked at before."""
    order = np.argsort(looks.subject, kind="stable")
    subject, observed = looks.subject[order], looks.observed[order]
    more = np.append(True, (subject[1:] != subject[:-1]) | (observed[1:] > observed[:-1]))[: order.size]
    found = np.empty(order.size, dtype=np.bool_)
    found[order] = more
    return found


def _worse_unit(
    history: History, ratio: float, rng: np.random.Generator, watching: Watching
) -> tuple[float, int, Scores]:
    """The monitor's scores of what a unit uses whose operations all fail sooner from a day on.

    They are looked at on few days, too few to tell when a stream of theirs would have closed: it is all one.
    """
    if not ratio:
        none = np.empty(0, dtype=np.int64)
        return 0.0, 0, Scores(none, none, none, none, np.empty(0), np.empty(0))
    unit, since = int(rng.integers(0, history.plan.units)), some_day(history, rng)
    scene = scene_of(history, unit_excess(history, unit, ratio, since), groups=1)
    failed = scene.exposed.event & (scene.exposed.unit == unit) & (scene.exposed.start >= since)
    subject, day = touched(scene)
    known = np.concatenate(
        [member[failed] * (1 << 32) + scene.exposed.told[failed] for member in (*scene.members, *scene.lots)]
    )
    some = np.isin(subject * (1 << 32) + day, known)
    looks = known_path(scene, watching.monitor(_NO_END), (subject[some], day[some]))
    return ratio, since, _scores(scene, looks, np.where(looks.observed >= FEWEST, looks.statistic, 0.0), looks.per_year)


def _scores(scene: Scene, looks: Looks, score: Floats, per_year: Floats) -> Scores:
    rows = np.flatnonzero(score >= _LEAST)
    rows = rows[np.argsort(looks.day[rows], kind="stable")]
    stream = looks.subject[rows]
    subjects = scene.subjects
    return Scores(stream, subjects.kind[stream], subjects.group[stream], looks.day[rows], score[rows], per_year[rows])


def _flags(scene: Scene, flags: Yearly) -> Scores:
    nothing, subjects = np.zeros(flags.day.size), scene.subjects
    kind, group = subjects.kind[flags.subject], subjects.group[flags.subject]
    return Scores(flags.subject, kind, group, flags.day, flags.score, nothing)


def _of_planted(scores: Scores, planted: Ints) -> Scores:
    found = scores.of(planted[scores.stream] >= 0)
    return Scores(planted[found.stream], *(getattr(found, field.name) for field in fields(Scores)[1:]))
