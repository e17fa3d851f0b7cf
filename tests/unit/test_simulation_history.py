"""Invented registries are what their plan says: moments by hand, what nobody may use, and seeds."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from streams.surveillance.intervals import YEAR
from streams.surveillance.simulation.defects import INTEROP_REOPERATED, planting, unit_excess
from streams.surveillance.simulation.exposed import exposed
from streams.surveillance.simulation.history import NEVER, History, invented, outcome_days
from streams.surveillance.simulation.plan import Group, Plan

# nothing but the hazard by time since operation: no strata, no frailty, no drift
PLAIN = Plan(
    components=40,
    units=10,
    surgeons=2,
    operations=6_000,
    run_in=1,
    years=7,
    drift=0.0,
    strata=((Group(1.0, 1.0, 1.0),),),
    unit_variance=0.0,
    surgeon_variance=0.0,
    slow_units=0,
    mistaken=0.0,
    false_outcomes=0.0,
    opting_out=0.0,
)
BY_91_DAYS = 91 * 5.0 / (100 * YEAR)


@pytest.fixture(scope="module")
def plain() -> History:
    return invented(PLAIN, np.random.default_rng(5))


def assert_near(count: float | np.integer[Any], expected: float) -> None:
    """Within four standard deviations of a Poisson count."""
    assert abs(count - expected) < 4 * math.sqrt(expected)


def test_the_cumulative_hazard_is_that_of_the_declared_rates() -> None:
    hazard = PLAIN.cumulative_hazard()
    assert hazard[[0, 1]] == pytest.approx([0.0, 5 / 36_525])
    assert hazard[91] == pytest.approx(BY_91_DAYS)
    assert hazard[800] == pytest.approx((91 * 5 + 91 * 2 + 183 * 1.2 + 435 * 0.6) / 36_525)


def test_as_many_are_operated_as_planned_and_fail_at_the_declared_rates(plain: History) -> None:
    operations = plain.operations
    many = operations.day.size
    assert_near(many, 6_000 * PLAIN.days / YEAR)
    age = outcome_days(PLAIN, operations) - operations.day
    assert_near(np.count_nonzero(age < 91), many * -math.expm1(-BY_91_DAYS))
    later = -math.expm1(-(91 * 2 + 183 * 1.2) / 36_525) * math.exp(-BY_91_DAYS)
    assert_near(np.count_nonzero((age >= 91) & (age < 365)), many * later)


def test_deaths_come_at_the_declared_rate(plain: History) -> None:
    operations = plain.operations
    assert_near(
        np.count_nonzero(operations.death - operations.day < 365), operations.day.size * -math.expm1(-0.03 * 365 / YEAR)
    )


def test_nine_in_ten_reports_are_told_within_a_unit_s_lag(plain: History) -> None:
    operations = plain.operations
    for unit in range(PLAIN.units):
        delays = operations.outcome_delay[operations.unit == unit]
        # days are whole: a delay of just under the lag is told a day earlier, so somewhat more are within it
        within = np.mean(delays <= plain.lag[unit])
        assert 0.88 < within < 0.93 + 1 / plain.lag[unit]


def test_frailty_has_mean_one_and_the_declared_variance() -> None:
    plan = replace(PLAIN, units=400, surgeons=1, unit_variance=0.2)
    operations = invented(plan, np.random.default_rng(6)).operations
    risk = np.array([operations.risk[operations.unit == unit][0] for unit in np.unique(operations.unit)])
    assert risk.mean() == pytest.approx(1.0, abs=4 * math.sqrt(0.2 / 400))
    assert risk.var() == pytest.approx(0.2, rel=0.35)


def test_the_hazard_drifts_by_the_year_of_operation() -> None:
    operations = invented(replace(PLAIN, drift=0.02), np.random.default_rng(7)).operations
    assert operations.risk == pytest.approx(1.02 ** (operations.day / YEAR))


def test_a_component_is_used_while_it_is_on_sale_only(plain: History) -> None:
    for kind, catalogue in enumerate(plain.catalogues):
        code, day = plain.operations.codes[:, kind], plain.operations.day
        quarter = YEAR / 4  # by which choices are made
        assert np.all(day >= catalogue.introduced[code] - quarter)
        assert np.all(day < catalogue.given_up[code] + quarter)


def test_new_components_come_every_year_and_one_unit_has_some_alone() -> None:
    plan = replace(PLAIN, new_a_year=(4, 6), at_one_unit=6)
    history = invented(plan, np.random.default_rng(8))
    introduced = np.concatenate([one.introduced for one in history.catalogues])
    assert np.sum(introduced < 0) == 40
    a_year = np.histogram(introduced, [int(year * YEAR) for year in range(9)])[0]
    assert a_year.min() >= 4
    assert a_year.max() <= 6
    alone = 0
    for kind, catalogue in enumerate(history.catalogues):
        for code in np.flatnonzero(catalogue.only_unit >= 0):
            units = history.operations.unit[history.operations.codes[:, kind] == code]
            assert set(units.tolist()) <= {int(catalogue.only_unit[code])}
            alone += 1
    assert alone == 6


def test_a_seed_gives_the_same_history_and_another_seed_another() -> None:
    first, again, other = (invented(PLAIN, np.random.default_rng(seed)).operations for seed in (1, 1, 2))
    assert all(np.array_equal(getattr(first, one.name), getattr(again, one.name)) for one in fields(first))
    assert first.day.size != other.day.size


def test_what_is_told_of_an_operation() -> None:
    operations = invented(PLAIN, np.random.default_rng(9)).operations
    outcome = outcome_days(PLAIN, operations)
    told = exposed(operations, outcome)
    assert np.array_equal(told.operation, np.arange(outcome.size))
    assert not told.mistaken.any()
    assert np.all(told.until >= NEVER)
    assert np.all(told.told >= told.published)
    assert np.all(told.stop[told.event] == outcome[told.event])
    assert np.all(told.stop[~told.event] == operations.death[~told.event])
    dead_first = (outcome < NEVER) & (operations.death < outcome)
    assert dead_first.any()
    assert not told.event[dead_first].any()


def test_slow_units_report_slowly() -> None:
    plan = replace(PLAIN, slow_units=3, slow_delay=200.0)
    history = invented(plan, np.random.default_rng(3))
    # nine in ten of exponential delays are within ln 10 = 2.3026 times their mean: 461 days
    slow = np.flatnonzero(history.lag == 461)
    assert slow.size == 3
    delays = history.operations.delay[np.isin(history.operations.unit, slow)]
    assert delays.mean() == pytest.approx(200.0, rel=4 / math.sqrt(delays.size))


def test_mistakes_are_told_until_they_are_put_right() -> None:
    plan = replace(PLAIN, mistaken=0.05, false_outcomes=0.02, put_right=100.0)
    operations = invented(plan, np.random.default_rng(4)).operations
    many = operations.day.size
    told = exposed(operations, outcome_days(plan, operations))
    wrong = np.any(operations.first_codes != operations.codes, axis=1)
    # one in twenty is told with the component of the unit's patient before, which half of the time is the same or so
    assert 0.01 * many < wrong.sum() < 0.05 * many
    assert np.array_equal(operations.corrected < NEVER, wrong)
    mistaken = told.operation[told.mistaken]
    assert np.array_equal(np.sort(mistaken), np.flatnonzero(wrong))
    # each is there twice, from the day on which the other ends
    again = told.of(told.anew)
    first = told.of(~told.anew & np.isin(told.operation, again.operation))
    assert np.array_equal(first.until[np.argsort(first.operation)], again.published[np.argsort(again.operation)])
    days = operations.corrected[wrong] - (operations.day + operations.delay)[wrong]
    assert days.mean() == pytest.approx(100.5, rel=4 / math.sqrt(days.size))  # at least a day
    never_was = first.event & ~first.mistaken
    assert_near(np.count_nonzero(operations.false_outcome < NEVER), 0.02 * (many - wrong.sum()))
    assert np.array_equal(first.stop[never_was], operations.false_outcome[first.operation[never_was]])


def test_who_opts_out_is_told_of_no_more() -> None:
    plan = replace(PLAIN, opting_out=5.0)
    operations = invented(plan, np.random.default_rng(5)).operations
    days = operations.opted_out - operations.day - operations.delay
    assert_near(np.count_nonzero(days < 365), operations.day.size * -math.expm1(-0.05 * 365 / YEAR))
    told = exposed(operations, outcome_days(plan, operations))
    assert np.array_equal(told.until, operations.opted_out[told.operation])


def test_lots_are_as_large_as_planned_and_a_few_are_on_sale_at_a_time() -> None:
    plan = replace(PLAIN, lot=50, lots_at_once=2, lot_unknown=0.1)
    operations = invented(plan, np.random.default_rng(6)).operations
    lot, cup = operations.lots[:, 0], operations.codes[:, 0]
    assert np.mean(lot < 0) == pytest.approx(0.1, abs=4 * math.sqrt(0.09 / lot.size))
    known = lot >= 0
    of = np.full(int(lot.max()) + 1, -1)
    of[lot[known]] = cup[known]
    assert np.array_equal(of[lot[known]], cup[known])  # a lot is of one product
    used = np.bincount(lot[known])
    whole = used[of == np.argmax(np.bincount(cup))]
    # 100 of each two lots, of which each has half, and nine in ten are known; the last two may be half used
    assert np.median(whole) == pytest.approx(45, abs=4)
    most = np.flatnonzero(cup == np.argmax(np.bincount(cup)))[:100]
    assert set(lot[most][lot[most] >= 0].tolist()) == set(np.unique(lot[most][lot[most] >= 0])[:2].tolist())


def test_families_are_of_one_company_each() -> None:
    (catalogue, *_) = invented(PLAIN, np.random.default_rng(7)).catalogues
    for family in np.unique(catalogue.family):
        assert np.unique(catalogue.company[catalogue.family == family]).size == 1
    assert catalogue.company.max() < PLAIN.companies


def test_a_defect_multiplies_the_hazard(plain: History) -> None:
    operations = plain.operations
    age = outcome_days(PLAIN, operations, ratio=8.0) - operations.day
    assert_near(np.count_nonzero(age < 91), operations.day.size * -math.expm1(-8 * BY_91_DAYS))


def test_a_late_defect_leaves_what_is_early_alone(plain: History) -> None:
    operations = plain.operations
    honest = outcome_days(PLAIN, operations) - operations.day
    late = outcome_days(PLAIN, operations, ratio=2.0, from_age=365) - operations.day
    early = honest < 364
    assert np.array_equal(honest[early], late[early])
    assert np.all(late[~early] >= 364)
    many = operations.day.size
    to_one_year = math.exp(-(91 * 5 + 91 * 2 + 183 * 1.2) / 36_525)
    assert_near(
        np.count_nonzero((late >= 365) & (late < 730)), many * to_one_year * -math.expm1(-2 * 365 * 0.6 / 36_525)
    )


def test_a_unit_that_is_worse_is_so_from_a_day_on_and_alone(plain: History) -> None:
    operations = plain.operations
    honest, worse = outcome_days(PLAIN, operations), unit_excess(plain, 3, 8.0, 1_000)
    changed = honest != worse
    assert np.all(worse <= honest)
    assert set(operations.unit[changed].tolist()) == {3}
    assert operations.day[changed].min() >= 1_000


def test_defects_are_planted_in_new_products_of_some_use(plain: History) -> None:
    cup, lots = plain.operations.codes[:, 0], plain.operations.lots[:, 0]
    found = planting(plain, cup, lots, np.random.default_rng(1))
    defects = [plant.planted.defect for plant in found]
    each = PLAIN.targets
    assert {one: defects.count(one) for one in set(defects)} == {
        "interop": 1,
        "product": 4 * each,
        "lot": 4 * each,
        "late": each,
        "unit": 4 * each,
    }
    honest = exposed(plain.operations, outcome_days(PLAIN, plain.operations))
    for planted, beside, rows, in_lot in found[1:]:
        of = plain.operations.unit == beside.unit if planted.defect == "unit" else cup == beside.product
        starts = plain.operations.day[of]
        assert planted.onset == planted.starts[0] >= PLAIN.switched_on
        assert np.array_equal(rows.start, starts)
        lasts = honest.of(of).stop
        assert np.all(rows.stop <= lasts)
        assert in_lot.any() == (planted.defect == "lot")
        if planted.defect == "lot":
            assert np.array_equal(in_lot, lots[of] == beside.lot)
            assert np.array_equal(rows.start[in_lot], planted.starts)
            assert np.array_equal(rows.stop[~in_lot], lasts[~in_lot])
        elif planted.defect == "unit":
            assert np.array_equal(rows.stop[starts < planted.onset], lasts[starts < planted.onset])
            assert np.array_equal(planted.starts, starts[starts >= planted.onset])
        else:
            assert np.array_equal(planted.starts, starts)


def test_interop_is_that_of_the_reference_case(plain: History) -> None:
    operations = plain.operations
    planted, beside, rows, _ = planting(plain, operations.codes[:, 0], operations.lots[:, 0], np.random.default_rng(2))[
        0
    ]
    assert (planted.defect, beside.product, rows.start.size) == ("interop", -1, 30)
    assert rows.start.tolist() == [planted.onset + 6 * implant for implant in range(30)]
    failed = {implant: int(rows.stop[implant]) - planted.onset for implant in np.flatnonzero(rows.event).tolist()}
    assert failed == INTEROP_REOPERATED == {2: 112, 6: 141, 11: 161, 15: 200, 20: 212}
    assert len(set(rows.unit.tolist())) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"units": 0},
        {"mistaken": 1.0},
        {"lot": 0},
        {"delay_spread": -1.0},
        {"hazard": (1.0,)},
        {"from_age": (0, 5, 5, 9)},
        {"from_age": (1, 2, 3, 4)},
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).removesuffix("_spread")):
        replace(PLAIN, **wrong)
