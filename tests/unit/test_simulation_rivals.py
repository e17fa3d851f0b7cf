"""Rival methods on what is known, against the charts and rules themselves where everything is known at once."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from streams.statistics.cusum import cgr_cusum
from streams.surveillance.intervals import INTERVALS, YEAR
from streams.surveillance.simulation.exposed import Exposed
from streams.surveillance.simulation.history import NEVER
from streams.surveillance.simulation.known import Looks
from streams.surveillance.simulation.rivals import CAP, chart, yearly
from streams.surveillance.simulation.scene import LOT, PRODUCT, Scene, Subjects

END = 1_500
A_DAY = 0.0002


def at_once(subject: np.ndarray, start: np.ndarray, stop: np.ndarray, event: np.ndarray) -> Scene:
    """Everybody reports on the day, and nobody is mistaken."""
    zero, no = np.zeros_like(start), np.zeros(start.size, dtype=np.bool_)
    rows = Exposed(np.arange(start.size), no, no, zero, zero, start, start, stop, event, stop, zero + NEVER)
    many = np.arange(int(subject.max()) + 1)
    subjects = Subjects(0 * many + PRODUCT, 0 * many, many, 0 * many - 1, 0 * many - 1)
    return Scene(rows, ~no, (subject,), (), (), subjects, np.array([0]), 1, END)


def test_the_chart_is_the_chart_where_all_is_known_at_once() -> None:
    rng = np.random.default_rng(4)
    start = np.sort(rng.integers(0, 1_000, 200))
    age = rng.exponential(1 / (3 * A_DAY), 200).astype(np.int64) + 1
    stop = start + age
    failed = stop <= END
    scene = at_once(np.zeros(200, dtype=np.int64), start, np.where(failed, stop, NEVER), failed)
    days = np.unique(stop[failed])
    observed = np.array([np.sum(stop[failed] <= day) for day in days], dtype=np.float64)
    nothing = np.zeros(days.size)
    hazard = np.full((days.size, INTERVALS), A_DAY, dtype=np.float32)
    looks = Looks(np.zeros_like(days), days, observed, nothing, nothing, nothing, nothing, hazard)
    found = chart(scene, looks)
    arguments = (start, np.minimum(stop, END) - start, failed, 1.0, lambda since: A_DAY * since)
    cgr = cgr_cusum(*arguments, max_hazard_ratio=CAP, at=days)
    assert cgr.value.max() > 5
    assert found[0] == 0  # of one outcome no chart is made
    assert found[1:] == pytest.approx(cgr.value[1:], rel=1e-5)


def test_a_product_that_fails_more_often_is_flagged_at_the_end_of_the_year() -> None:
    # product 0: 200 on day 0, 4 fail on day 300; product 1: 40 on day 0, 8 fail on day 300
    subject = np.repeat([0, 1], [200, 40])
    event = np.zeros(240, dtype=np.bool_)
    event[:4] = event[200:208] = True
    scene = at_once(subject, np.zeros(240, dtype=np.int64), np.where(event, 300, NEVER), event)
    stage_one, njr = yearly(scene, np.ones(2, dtype=np.bool_))
    # the first year ends on day 364. It is less than a quarter, so it stays in its group: 12 in both together
    years = [(196 * 364 + 4 * 300) / YEAR, (32 * 364 + 8 * 300) / YEAR]
    expected = 12 / sum(years) * years[1]
    tail = 1 - sum(math.exp(-expected) * expected**count / math.factorial(count) for count in range(8))
    assert (int(stage_one.subject[0]), int(stage_one.day[0])) == (1, 364)
    assert stage_one.score[0] == pytest.approx(-math.log(tail))
    assert set(stage_one.subject.tolist()) == {1}
    assert (int(njr.subject[0]), float(njr.score[0])) == (1, 1.0)  # fewer than 100: level 2


def test_a_lot_is_held_against_its_product() -> None:
    # the products of the test before as two lots of product 2; of another product, 3, nothing ever fails
    lot = np.repeat([0, 1, 0], [200, 40, 500])
    product = np.repeat([2, 3], [240, 500])
    event = np.zeros(740, dtype=np.bool_)
    event[:4] = event[200:208] = True
    scene = at_once(product, np.zeros(740, dtype=np.int64), np.where(event, 300, NEVER), event)
    subjects = Subjects(
        np.array([LOT, LOT, PRODUCT, PRODUCT]), np.zeros(4, int), np.arange(4), np.array([2, 2, -1, -1]), np.full(4, -1)
    )
    scene = replace(scene, subjects=subjects, lots=(np.where(product == 2, lot, -1),))
    stage_one, _ = yearly(scene, np.array([True, True, False, False]))
    years = [(196 * 364 + 4 * 300) / YEAR, (32 * 364 + 8 * 300) / YEAR]
    expected = 12 / sum(years) * years[1]
    tail = 1 - sum(math.exp(-expected) * expected**count / math.factorial(count) for count in range(8))
    assert set(stage_one.subject.tolist()) == {1}
    assert stage_one.score[0] == pytest.approx(-math.log(tail))
