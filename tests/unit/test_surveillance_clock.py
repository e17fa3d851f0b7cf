"""Reported-through days by hand: the latest day but one, less the days within which nine in ten were recorded."""

from __future__ import annotations

import random

import pytest

from streams.surveillance.bins import Change, Exposure
from streams.surveillance.clock import SILENT, Clock, Report

DEATHS = frozenset({"death"})


def put_in(unit: str, start: int, recorded: int | None) -> Exposure:
    return Exposure("A", "", unit, "left", (), start, None, "", 0, None, recorded=recorded)


def new(unit: str, start: int, recorded: int | None) -> Change:
    return Change("p", "r", None, put_in(unit, start, recorded))


def died(unit: str, start: int, end: int, recorded: int, reason: str = "death") -> Change:
    exposure = put_in(unit, start, start)._replace(end=end, end_reason=reason, end_recorded=recorded)
    return Change("p", "r", put_in(unit, start, start), exposure)


def lag_of(lags: list[int]) -> int | None:
    clock = Clock(DEATHS)
    clock.take([new("U", 1_000 + number, 1_000 + number + lag) for number, lag in enumerate(lags)])
    return clock.lag("U")


def test_the_latest_day_but_one_less_the_lag() -> None:
    clock = Clock(DEATHS)
    # recorded on days 100, 110 and 120, after 2, 4 and 6 days: nine in ten of three are all three
    clock.take([new("U", 98, 100), new("U", 106, 110), new("U", 114, 120)])
    assert clock.lag("U") == 6
    assert clock.through() == {"U": 110 - 6}
    clock.take([new("U", 119, 120)])  # another on the latest day, so that this is no single odd one
    assert clock.through() == {"U": 120 - 6}


def test_the_lag_is_that_of_nine_in_ten() -> None:
    assert lag_of([*range(1, 10), 700]) == 9
    assert lag_of([*range(1, 9), 300, 300]) == 300
    assert lag_of([3]) == 3
    assert lag_of([]) is None
    assert lag_of([-5, -5]) == 0, "recorded before it happened"
    assert lag_of([40_000, 40_000]) == SILENT, "where all was imported, a year"


def test_where_it_is_not_told_when_it_was_recorded_it_was_at_once() -> None:
    clock = Clock(DEATHS)
    clock.take([new("U", 50, None), new("U", 60, None)])
    assert (clock.lag("U"), clock.through()) == (0, {"U": 50})


def test_no_single_odd_date_moves_anything() -> None:
    clock = Clock(DEATHS)
    clock.take([new(unit, day, day + 1) for unit in ("U", "V", "W") for day in range(100, 200)])
    before = clock.through()
    assert before == {"U": 198, "V": 198, "W": 198}  # the latest day but one is 199
    clock.take([new("U", 150, 90_000)])
    # the latest day but one is 200 now, which had been the latest
    assert clock.through() == {"U": 199, "V": 198, "W": 198}
    # nor does a unit whose calendar runs ahead close all others: the latest unit but one is the measure, and ten
    # years more the most
    clock.take([new("U", 90_000, 90_000)])
    assert clock.through() == {"U": 198 + 3_653, "V": 198, "W": 198}


def test_the_lag_is_that_of_the_last_year() -> None:
    clock = Clock(DEATHS)
    clock.take([new("U", day, day + 200) for day in range(1_000, 1_100)])
    clock.take([new("U", day, day + 3) for day in range(2_000, 2_020)])
    assert (clock.lag("U"), clock.through()) == (3, {"U": 2_022 - 1 - 3})


def test_a_history_that_was_imported_does_not_hold_the_clock_back() -> None:
    clock = Clock(DEATHS)
    clock.take([new("U", day, 7_300) for day in range(0, 6_900, 10)])
    assert clock.through() == {"U": 7_300 - SILENT}
    clock.take([new("U", day, day + 5) for day in range(7_300, 7_400)])
    assert clock.through() == {"U": 7_404 - 1 - 5}


def test_of_two_units_the_one_that_has_closed_does_not_hold_the_other_back() -> None:
    clock = Clock(DEATHS)
    clock.take([new("closed", day, day) for day in (100, 101)])
    clock.take([new("open", day, day) for day in (5_000, 5_001)])
    assert clock.through() == {"closed": 5_000 - SILENT, "open": 5_000}


def test_a_form_without_units_has_a_day_too() -> None:
    clock = Clock(DEATHS)
    clock.take([new("", day, day) for day in (100, 110)])
    assert clock.through() == {"": 100}


def test_a_retraction_takes_it_back() -> None:
    clock = Clock(DEATHS)
    clock.take([new("U", 100, 101), new("U", 110, 111)])
    before = clock.through()
    late = new("U", 200, 260)
    clock.take([late])
    assert clock.through() != before
    assert clock.take([Change("p", "r", late.after, None)]) == {
        Report("U", "recorded", 260): 0,
        Report("U", "lag", 60, 260 // 91): 0,
    }
    assert clock.through() == before
    assert clock.lag("U") == 1


def test_a_correction_that_changes_neither_unit_nor_days_changes_no_count() -> None:
    clock = Clock(DEATHS)
    first = new("U", 100, 101)
    clock.take([first])
    assert first.after is not None
    assert clock.take([Change("p", "r", first.after, first.after._replace(product="B"))]) == {}
    assert clock.take([Change("p", "r", first.after, first.after._replace(unit="V"))]) == {
        Report("U", "recorded", 101): 0, Report("U", "lag", 1, 1): 0,
        Report("V", "recorded", 101): 1, Report("V", "lag", 1, 1): 1,
    }  # fmt: skip


def test_a_silent_unit_is_followed_as_far_as_others_less_a_year() -> None:
    clock = Clock(DEATHS)
    clock.take([new("closed", day, day) for day in (100, 101)])
    clock.take([new(unit, day, day) for unit in ("U", "V") for day in (2_000, 2_001)])
    clock.take([new("fresh", 2_001, 2_001)])  # one operation tells no day of its own
    assert clock.through() == {"closed": 2_000 - SILENT, "U": 2_000, "V": 2_000, "fresh": 2_000 - SILENT}


def test_before_two_operations_of_any_unit_nothing_is_known() -> None:
    clock = Clock(DEATHS)
    assert clock.through() == {}
    first, second = new("U", 100, 100), new("U", 110, 110)
    clock.take([first])
    assert clock.through() == {"U": None}
    clock.take([second])
    assert clock.through() == {"U": 100}
    clock.take([Change("p", "r", second.after, None)])
    assert clock.through() == {"U": None}, "not the day of before"


@pytest.mark.parametrize("first_day", [-400, -1, 0])
def test_days_before_1970_are_days_too(first_day: int) -> None:
    clock = Clock(DEATHS)
    clock.take([new("U", day, day) for day in (first_day - 10, first_day - 5)])
    assert clock.through() == {"U": first_day - 10}


def test_nobody_is_followed_beyond_what_is_known_of_deaths() -> None:
    clock = Clock(DEATHS)
    clock.take([new(unit, day, day) for unit in ("U", "V") for day in (2_000, 2_001)])
    clock.take([died("U", 1_500, day, day + 20) for day in range(1_600, 1_629)])
    # 29 deaths are too few to tell a day; the 30th is recorded on day 1649, and the latest but one on 1648
    assert clock.through() == {"U": 2_000, "V": 2_000}
    clock.take([died("U", 1_500, 1_629, 1_649)])
    # 1648 less the 20 days would be more than a year behind the units
    assert clock.through() == {"U": 2_000 - SILENT, "V": 2_000 - SILENT}
    clock.take([died("V", 1_500, 1_900, 1_920), died("V", 1_500, 1_901, 1_921)])
    assert clock.through() == {"U": 1_900, "V": 1_900}


def test_what_ends_otherwise_is_no_death() -> None:
    clock = Clock(DEATHS)
    clock.take([new(unit, day, day) for unit in ("U", "V") for day in (2_000, 2_001)])
    clock.take([died("U", 1_500, 1_900 + day, 1_900 + day, "emigration") for day in range(40)])
    assert clock.through() == {"U": 2_000, "V": 2_000}


@pytest.mark.parametrize("seed", range(40))
def test_the_order_of_arrival_does_not_matter_nor_what_was_corrected_on_the_way(seed: int) -> None:
    dice = random.Random(seed)

    def drawn() -> Exposure:
        start = dice.randint(-30, 700)
        one = put_in(dice.choice("UVW"), start, start + dice.choice((0, 1, 5, 400)))
        if dice.random() < 0.5:
            one = one._replace(end=start + 50, end_reason="death", end_recorded=start + 50 + dice.randint(0, 90))
        return one

    living = [drawn() for _ in range(dice.randint(0, 80))]
    changes = [Change("p", "r", None, one) for one in living]
    for wrong in (drawn() for _ in range(20)):
        changes += [Change("p", "r", None, wrong), Change("p", "r", wrong, None)]
    plain, mixed, again = Clock(DEATHS), Clock(DEATHS), Clock(DEATHS)
    plain.take([Change("p", "r", None, one) for one in living])
    numbers: dict[Report, int] = {}
    # what is taken back comes after what it takes back, all else in any order
    for number in dice.sample(range(len(living) + 20), len(living) + 20):
        some = changes[number : number + 1] if number < len(living) else changes[2 * number - len(living) :][:2]
        for change in some:
            numbers |= mixed.take([change])
    again.put({report: count for report, count in numbers.items() if count})

    def known(clock: Clock) -> dict[str, int]:
        return {
            unit: day
            for unit, day in clock.through().items()
            if unit in {one.unit for one in living} and day is not None
        }

    assert known(mixed) == known(plain) == known(again)
    assert [mixed.lag(unit) for unit in "UVW"] == [plain.lag(unit) for unit in "UVW"]
