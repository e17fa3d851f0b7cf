"""The simulated known path is that of the monitor: `core.step` told the same changes on the same days."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.surveillance.bins import Change
from streams.surveillance.bins import Exposure as Told
from streams.surveillance.core import step
from streams.surveillance.expected import Baseline
from streams.surveillance.levels import Levels
from streams.surveillance.monitor import Monitor
from streams.surveillance.signals import Version
from streams.surveillance.simulation.accrual import Scene
from streams.surveillance.simulation.exposed import exposed
from streams.surveillance.simulation.history import invented, outcome_days
from streams.surveillance.simulation.known import Looks, known_path
from streams.surveillance.simulation.plan import Plan
from streams.surveillance.state import State

if TYPE_CHECKING:
    from streams.surveillance.evidence import Point

SMALL = Plan(
    components=15,
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
)
CONTEMPORARY = Baseline("contemporary", (2.0,))


def scene(seed: int, plan: Plan = SMALL) -> Scene:
    history = invented(plan, np.random.default_rng(seed))
    operations = history.operations
    cup = operations.codes[:, 0]
    told = exposed(operations, cup, outcome_days(plan, operations))
    every = np.ones(cup.size, dtype=np.bool_)
    return Scene(told, every, np.arange(cup.max() + 1), history.lag, 12, plan.days)


def changes_by_day(told: Scene) -> dict[int, list[Change]]:
    """What is told on each day: an operation, its outcome or the patient's death, as `core` would be told it."""
    by_day: defaultdict[int, list[Change]] = defaultdict(list)
    columns = ("subject", "unit", "stratum", "start", "published", "stop", "event", "told")
    rows = zip(*(getattr(told.exposed, name).tolist() for name in columns), strict=True)
    for number, (subject, unit, stratum, start, published, stop, event, known) in enumerate(rows):
        began = Told(f"{subject}", "", f"U{unit}", "left", (f"{stratum}",), start, None, "", 0, None)
        ended = began._replace(end=stop, outcomes=int(event), first_outcome=stop if event else None)
        names = (f"p{number}", f"r{number}")
        if known == published:
            by_day[published].append(Change(*names, None, ended))
            continue
        by_day[published].append(Change(*names, None, began))
        by_day[known].append(Change(*names, began, ended))
    return by_day


def by_core(told: Scene, monitor: Monitor) -> dict[tuple[int, int], Point]:
    """By subject and day, what `core` saw when an outcome of the subject was told."""
    state, found = State(), {}
    by_day = changes_by_day(told)
    for day in range(told.end + 1):
        through = {f"U{unit}": day - int(lag) for unit, lag in enumerate(told.lag)}
        seen = step(state, monitor, by_day[day], Version(0, day), through=through)
        touched = {
            change.after.product
            for change in by_day[day]
            if change.after is not None and change.after.first_outcome is not None
        }
        found.update({(int(one), day): seen.looks[one].looks[0].point for one in touched})
    return found


def by_simulation(told: Scene, monitor: Monitor) -> tuple[dict[tuple[int, int], int], Looks]:
    looks = known_path(told, monitor)
    return {(int(one), int(day)): at for at, (one, day) in enumerate(zip(looks.subject, looks.day, strict=True))}, looks


# so that the threshold tells what was expected per year, and nothing is raised
TELLING = {"per_year": (0.0, 1000.0), "watch": (100.0, 1100.0), "alarm": (100.0, 1100.0)}


def assert_alike(told: Scene, monitor: Monitor, *, at_least: int) -> dict[tuple[int, int], Point]:
    expected = by_core(told, monitor)
    places, looks = by_simulation(told, monitor)
    assert len(expected) >= at_least
    assert expected.keys() <= places.keys()
    for key, point in expected.items():
        at = places[key]
        assert looks.observed[at] == point.observed
        assert looks.expected[at] == pytest.approx(point.expected, rel=1e-5, abs=1e-9)
        assert looks.statistic[at] == pytest.approx(point.statistic, rel=1e-5, abs=1e-5)
        assert 100 + looks.per_year[at] == pytest.approx(point.watch, rel=1e-6)
    return expected


def test_a_history_looks_the_same_to_the_monitor_and_to_the_simulation() -> None:
    found = assert_alike(scene(3), Monitor("cup", "x", CONTEMPORARY, Levels(**TELLING, planned=1e6)), at_least=60)
    assert {point.basis for point in found.values()} == {"prior", "conditional", "contemporary"}


def test_so_does_one_of_streams_that_close() -> None:
    # reports come on the day, so that what had happened by a day is what had been told
    told = scene(4, replace(SMALL, delay=0.001, delay_spread=0.0))
    monitor = Monitor("cup", "x", Baseline("flat", (20.0,)), Levels(**TELLING, planned=2.0))
    found = assert_alike(told, monitor, at_least=60)
    assert max(point.expected for point in found.values()) > 4.0
