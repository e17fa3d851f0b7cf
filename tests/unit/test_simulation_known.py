"""The simulated known path is that of the monitor: `core.step` told the same changes on the same days."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from schemas.subjects import subject_of
from streams.surveillance.bins import Change
from streams.surveillance.bins import Exposure as Told
from streams.surveillance.core import step
from streams.surveillance.expected import Baseline
from streams.surveillance.levels import Levels
from streams.surveillance.monitor import Makers, Monitor
from streams.surveillance.signals import Version
from streams.surveillance.simulation.history import NEVER, invented, outcome_days
from streams.surveillance.simulation.known import known_path
from streams.surveillance.simulation.plan import Plan
from streams.surveillance.simulation.scene import CONSTRUCT, UNIT, Scene, scene_of
from streams.surveillance.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.surveillance.evidence import Point

SMALL = Plan(
    kinds=(("cup", 1.0), ("stem", 1.0)),
    components=14,
    new_a_year=(1, 2),
    at_one_unit=1,
    units=4,
    surgeons=2,
    operations=150,
    run_in=0,
    years=3,
    hazard=(60.0, 30.0, 20.0, 10.0),
    deaths=10.0,
    delay=20.0,
    slow_units=1,
    slow_delay=60.0,
    companies=3,
    lot=12,
    lots_at_once=2,
    mistaken=0.06,
    false_outcomes=0.04,
    put_right=60.0,
    opting_out=5.0,
)
RIGHT_AT_ONCE = replace(SMALL, mistaken=0.0, false_outcomes=0.0, opting_out=0.0)
CONTEMPORARY = Baseline("contemporary", (2.0,))


def scene(seed: int, plan: Plan = SMALL) -> Scene:
    history = invented(plan, np.random.default_rng(seed))
    return scene_of(history, outcome_days(plan, history.operations))


class Group:
    """One group of a scene as `core` is told of it; subjects are called by their numbers."""

    def __init__(self, told: Scene, number: int) -> None:
        kind, group = told.subjects.kind, told.subjects.group
        in_group = [way for way in told.members if group[way[0]] == number and kind[way[0]] != UNIT]
        self.told = told
        self.product, *makers = in_group
        self.lot = told.lots[number] if number < len(told.lots) else np.full(self.product.size, -1)
        names = [{f"{one}": f"{of}" for one, of in zip(self.product, maker, strict=True)} for maker in makers]
        self.makers = Makers(*names)
        self.unit = told.members[-1]

    def states(self, row: int) -> tuple[Told, Told]:
        """An exposure as it is until its end is told, and from then on."""
        rows = self.told.exposed
        lot = "" if self.lot[row] < 0 else f"{self.lot[row]}"
        start, stop, event = int(rows.start[row]), int(rows.stop[row]), bool(rows.event[row])
        of = (f"{self.product[row]}", lot, f"{self.unit[row]}", "left", (f"{rows.stratum[row]}",), start)
        began = Told(*of, None, "", 0, None)
        return began, began._replace(end=stop, outcomes=int(event), first_outcome=stop if event else None)

    def changes(self) -> dict[int, list[Change]]:
        """What is told on each day: an operation, its outcome or a death, that it was wrong, that it is no more."""
        by_day: defaultdict[int, list[Change]] = defaultdict(list)
        rows = self.told.exposed
        order = np.lexsort((rows.published, rows.operation))
        last: dict[int, Told] = {}
        for row in order.tolist():
            operation, published, told = int(rows.operation[row]), int(rows.published[row]), int(rows.told[row])
            until = int(rows.until[row])
            names = (f"p{operation}", f"r{operation}")
            began, ended = self.states(row)
            now = ended if told == published else began
            before = last.pop(operation, None) if rows.anew[row] else None
            by_day[published].append(Change(*names, before, now))
            if published < told < until:
                by_day[told].append(Change(*names, now, ended))
                now = ended
            last[operation] = now
            goes_on = np.any(rows.anew & (rows.operation == operation) & (rows.published == until))
            if until < NEVER and not goes_on:
                by_day[until].append(Change(*names, now, None, opted_out=True))
        return by_day

    def looks(self, monitor: Monitor) -> Iterator[tuple[str, int, Point]]:
        """What `core` saw of each subject, and when."""
        state, by_day = State(), self.changes()
        monitor = replace(monitor, makers=self.makers)
        first = int(np.flatnonzero(self.told.subjects.kind == UNIT)[0])
        for day in range(self.told.end + 1):
            through = {f"{first + unit}": day - int(lag) for unit, lag in enumerate(self.told.lag)}
            for label, known in step(state, monitor, by_day[day], Version(0, day), through=through).looks.items():
                yield label, day, known.looks[-1].point


# so that the threshold tells what was expected per year, and nothing is raised
TELLING = {"per_year": (0.0, 1000.0), "watch": (100.0, 1100.0), "alarm": (100.0, 1100.0)}


def assert_alike(told: Scene, monitor: Monitor, group: int = 0, *, strays: float = 0.0) -> Counter[str]:
    """Every look of `core` is one of the simulation, with the same numbers; how many there were, by kind and basis.

    Args:
        told: the scene.
        monitor: what is declared.
        group: which of its groups.
        strays: share of looks whose expected a year may be another, for days that were taken back still count there.
    """
    looks = known_path(told, monitor)
    places = {(int(one), int(day)): at for at, (one, day) in enumerate(zip(looks.subject, looks.day, strict=True))}
    found: Counter[str] = Counter()
    other = 0
    for label, day, point in Group(told, group).looks(monitor):
        subject = subject_of(label)
        at = places[int(subject.lot or subject.name), day]
        found.update((subject.kind, point.basis))
        assert looks.observed[at] == point.observed
        assert looks.expected[at] == pytest.approx(point.expected, rel=1e-5, abs=1e-9)
        assert looks.statistic[at] == pytest.approx(point.statistic, rel=1e-5, abs=1e-5)
        other += 100 + looks.per_year[at] != pytest.approx(point.watch, rel=1e-6)
    assert other <= strays * found.total()
    return found


def beside(levels: Levels) -> Monitor:
    """A monitor of products, and of all kinds of streams beside."""
    return Monitor("cup", "x", CONTEMPORARY, levels).beside(dict.fromkeys(("family", "company", "lot", "unit"), levels))


def test_a_history_looks_the_same_to_the_monitor_and_to_the_simulation() -> None:
    told = scene(3, RIGHT_AT_ONCE)
    found = assert_alike(told, beside(Levels(**TELLING, planned=1e6)))
    assert all(found[kind] >= 40 for kind in ("product", "family", "company", "lot", "unit"))
    assert {"prior", "conditional", "contemporary"} <= found.keys()


def test_so_does_one_with_mistakes_that_are_put_right_and_patients_who_opt_out() -> None:
    told = scene(5)
    rows = told.exposed
    assert rows.mistaken.sum() > 5
    assert np.sum(~rows.mistaken & (rows.until < told.end)) > 10
    found = assert_alike(told, beside(Levels(**TELLING, planned=1e6)), strays=0.05)
    assert all(found[kind] >= 40 for kind in ("product", "family", "company", "lot", "unit"))


def test_so_does_what_components_make_together() -> None:
    told = scene(6)
    group = int(told.subjects.group[told.subjects.kind == CONSTRUCT][0])
    assert assert_alike(told, Monitor("both", "x", CONTEMPORARY, Levels(**TELLING, planned=1e6)), group, strays=0.05)


def test_so_does_one_of_streams_that_close() -> None:
    # reports come on the day, so that what had happened by a day is what had been told
    told = scene(4, replace(RIGHT_AT_ONCE, delay=0.001, delay_spread=0.0, slow_units=0))
    monitor = Monitor("cup", "x", Baseline("flat", (20.0,)), Levels(**TELLING, planned=2.0))
    assert assert_alike(told, monitor)["product"] >= 40
