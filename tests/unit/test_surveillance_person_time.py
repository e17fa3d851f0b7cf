"""Person-time by stratum and interval, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from streams.surveillance.bins import OPEN, Bin
from streams.surveillance.intervals import BOUNDS, INTERVALS, interval_of, spans
from streams.surveillance.person_time import PersonTime


def kind(product: str = "A", unit: str = "U", start: int = 1_000, stop: int = OPEN, *, event: bool = False) -> Bin:
    return Bin(product, "", unit, ("F",), start, stop, event)


def test_the_bounds_are_three_six_and_twelve_months_then_years() -> None:
    # 365.25/4 = 91.3, 365.25/2 = 182.6, then whole days of 1, 2, 3, 4 … 20 years
    assert BOUNDS[:7].tolist() == [0, 91, 182, 365, 730, 1_095, 1_461]
    assert (int(BOUNDS[-1]), INTERVALS) == (7_305, 23)


def test_an_outcome_on_the_day_of_a_bound_closes_the_interval_before() -> None:
    days = np.array([0, 1, 91, 92, 182, 365, 366, 7_305, 7_306, 20_000])
    assert interval_of(days).tolist() == [0, 0, 0, 1, 1, 2, 3, 21, 22, 22]


def test_follow_up_is_cut_where_an_interval_ends() -> None:
    found = spans(np.array([1_000, 1_000, 5]), np.array([1_000, 1_091, 9]), np.array([1_200, 1_092, 9]))
    assert found.row.tolist() == [0, 0, 0, 1]
    assert found.interval.tolist() == [0, 1, 2, 1]
    assert found.enter.tolist() == [1_000, 1_091, 1_182, 1_091]
    assert found.leave.tolist() == [1_091, 1_182, 1_200, 1_092]


def test_time_runs_to_the_reported_through_day_and_outcomes_count_at_once() -> None:
    sums = PersonTime()
    sums.add({kind(): 2, kind(stop=1_150, event=True): 1})
    assert sums.time.sum() == 0  # nobody has reported
    assert sums.events[0, :3].tolist() == [0, 1, 0]
    assert sums.report({"U": 1_100}) == {"U"}
    assert sums.time[0, :3].tolist() == [273, 27, 0]  # 3 · 91, 3 · 9
    assert sums.report({"U": 1_200}) == {"U"}
    assert sums.time[0, :3].tolist() == [273, 91 + 91 + 59, 36]
    assert sums.report({"U": 1_200}) == set()
    sums.report({"U": 1_050})  # its latest report was a mistake
    assert sums.time[0, :3].tolist() == [150, 0, 0]


def test_each_unit_has_a_day_of_its_own() -> None:
    sums = PersonTime()
    sums.report({"U": 1_010, "V": 1_020})
    sums.add({kind(): 1, kind(unit="V"): 1, kind(unit="W"): 1})
    assert sums.unit_time[:3, 0].tolist() == [10, 20, 0]


def test_up_to_a_day_the_group_has_what_its_exposures_had_by_then() -> None:
    sums = PersonTime()
    sums.report({"U": 1_200})
    sums.add({kind(): 1, kind("B", start=1_050, stop=1_080, event=True): 1})
    days = np.array([900, 1_000, 1_060, 1_080, 1_100, 5_000])
    time, events = sums.compared_on(days)
    assert time[:, 0].tolist() == [0, 0, 70, 110, 121, 121]
    assert time[:, 1].tolist() == [0, 0, 0, 0, 9, 91]
    assert time[:, 2].tolist() == [0, 0, 0, 0, 0, 18]
    assert events[:, 0].tolist() == [0, 0, 0, 1, 1, 1]


def test_a_change_in_the_past_changes_what_was_worked_out_before() -> None:
    sums = PersonTime()
    sums.report({"U": 1_200})
    sums.add({kind(): 1})
    assert sums.compared_on(np.array([1_100]))[0][0, :2].tolist() == [91, 9]
    sums.add({kind(): -1, kind(stop=1_040): 1})
    assert sums.compared_on(np.array([1_100]))[0][0, :2].tolist() == [40, 0]
    sums.add({Bin("C", "", "U", ("M",), 1_090, OPEN, False): 1})  # a stratum that was not there
    assert sums.compared_on(np.array([1_100]))[0][0, [0, INTERVALS]].tolist() == [40, 10]
    sums.report({"U": 2_000})
    assert sums.compared_on(np.array([1_100, 1_300]))[0].sum(axis=1).tolist() == [50, 250]


def test_a_product_that_is_left_out_is_in_no_comparator_and_comes_back() -> None:
    sums = PersonTime()
    sums.report({"U": 1_010})
    sums.add({kind(): 1, kind("B"): 2, kind("B", stop=1_005, event=True): 1})
    assert sums.leave_out({"B"})
    assert not sums.leave_out({"B"})
    assert (sums.unit_time.sum(), sums.unit_events.sum()) == (10, 0)
    assert sums.compared_on(np.array([1_010]))[0].sum() == 10
    sums.add({kind("B"): 1, kind("B", stop=1_004, event=True): 1})
    sums.report({"U": 1_020})
    assert (sums.unit_time.sum(), sums.unit_events.sum()) == (20, 0)
    assert sums.own(("B",)).time.sum() == 3 * 20 + 5 + 4  # its own is kept up
    sums.leave_out(set())
    assert (sums.unit_time.sum(), sums.unit_events.sum()) == (20 + 69, 2)
    assert sums.compared_on(np.array([1_010]))[0].sum() == 10 + 39


@pytest.mark.parametrize("day", [1_000, 1_050, 1_091, 1_150, 1_400, 3_000])
def test_exposures_alone_have_on_a_day_what_they_have_when_all_is_reported_to_it(day: int) -> None:
    numbers = {kind(): 2, kind(start=1_040): 1, kind(stop=1_150, event=True): 3, kind(start=1_030, stop=1_900): 1}
    whole, short = PersonTime(), PersonTime()
    whole.report({"U": 3_000})
    short.report({"U": day})
    for sums in (whole, short):
        sums.add(numbers)
    rows = np.arange(4)
    weight = whole.bins.column("count").astype(float)
    assert whole.time_on(np.array([day]), rows, weight)[0].tolist() == short.time[0, :INTERVALS].tolist()
