"""The registries' rules for implants, by hand and by the project's fixture.

`_FIXTURE` are the rows of the reference fixture implant_outlier_rules_expected.csv: hand-calculated, the tail with R's
ppois. `_INTER_OP` are rows of interop_scenario_expected.csv: a cup put in 30 times, against a flat 2 per 100 years.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest

from streams.statistics.rates import Experience, aoanjrr_stage_one, njr_level, poisson_tail

_GROUP = Experience(40_000, 900, 150_000.0)
# component; AOANJRR: rate, ratio, p, flagged; NJR: level by the point and by the lower limit
_FIXTURE = [
    (Experience(1200, 18, 4100.0), 0.439024, 0.731707, 0.9298338593, False, None, None),
    (Experience(350, 30, 1200.0), 2.5, 4.166667, 1.918614526e-10, True, 1, 1),
    (Experience(80, 4, 210.0), 1.904762, 3.174603, 0.03920821606, True, 2, None),
    (Experience(9, 2, 20.0), 10.0, 16.666667, 0.006649110877, False, 2, 2),
]
# put in, reoperated, component-years, P(X ≥ reoperated)
_INTER_OP = [
    (19, 1, 3.017112, 0.058557713, False),
    (24, 2, 4.651608, 0.0040682307, True),
    (27, 3, 5.946612, 0.00025652208, True),
    (30, 5, 9.626283, 1.878218e-06, True),
]


@pytest.mark.parametrize(
    ("observed", "expected", "probability"),
    [
        # R: ppois(observed - 1, expected, lower.tail = FALSE)
        (0, 2.5, 1.0),
        (5, 0.3, 1.578504054166e-05),
        (30, 7.2, 1.918614525922e-10),
        (200, 20.0, 4.66350178907865e-124),
        (0, 0.0, 1.0),
        (1, 0.0, 0.0),
        (1, 0.06034223, 1 - math.exp(-0.06034223)),
    ],
)
def test_poisson_tail(observed: int, expected: float, probability: float) -> None:
    assert poisson_tail(observed, expected) == pytest.approx(probability, rel=1e-11)


@pytest.mark.parametrize("row", _FIXTURE)
def test_the_fixture_s_components(row: tuple[Any, ...]) -> None:
    component, rate, ratio, p, flagged, point, lower = row
    stage = aoanjrr_stage_one(component, _GROUP)
    assert stage.flagged is flagged
    assert stage.rate == pytest.approx(rate, abs=5e-7)
    assert stage.group_rate == pytest.approx(0.6)
    assert stage.ratio == pytest.approx(ratio, abs=5e-7)
    assert stage.p_value == pytest.approx(p, rel=1e-8)
    assert njr_level(component, _GROUP) == point
    assert njr_level(component, _GROUP, rule="lower_limit") == lower


@pytest.mark.parametrize(("put_in", "reoperated", "years", "p", "flagged"), _INTER_OP)
def test_inter_op_against_a_flat_rate(put_in: int, reoperated: int, years: float, p: float, flagged: bool) -> None:
    flat = Experience(10_000_000, 2_000_000, 100_000_000.0)
    stage = aoanjrr_stage_one(Experience(put_in, reoperated, years), flat)
    assert stage.flagged is flagged
    assert stage.p_value == pytest.approx(p, rel=1e-6)


def test_the_reasons_say_what_holds_or_what_does_not() -> None:
    flagged = aoanjrr_stage_one(Experience(350, 30, 1200.0), _GROUP)
    assert len(flagged.reasons) == 3
    assert "2.5, is more than twice the group's, 0.6" in flagged.reasons[0]
    few = aoanjrr_stage_one(Experience(9, 2, 20.0), _GROUP)
    assert few.reasons == ("9 primaries, 2 revised, are too few",)


def test_exactly_twice_the_rate_is_not_more_than_twice() -> None:
    # 24 in 1,000 years against 12 in 1,000: 900 in 75,000 years is the group
    group = Experience(40_000, 900, 75_000.0)
    assert not aoanjrr_stage_one(Experience(400, 24, 1000.0), group).flagged
    assert aoanjrr_stage_one(Experience(400, 25, 1000.0), group).flagged
    # quotients would be rounded: 14/55 years is not exactly twice 7/55
    assert not aoanjrr_stage_one(Experience(50, 14, 55.0), Experience(50_000, 7000, 55_000.0)).flagged


def test_a_component_is_taken_out_of_the_group_above_a_quarter_of_its_primaries() -> None:
    component = Experience(250, 30, 1000.0)
    # exactly a quarter: stays in, 60/4,000 years; more than a quarter: 30/3,000 years are left
    assert aoanjrr_stage_one(component, Experience(1000, 60, 4000.0)).group_rate == pytest.approx(1.5)
    assert aoanjrr_stage_one(component, Experience(999, 60, 4000.0)).group_rate == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("primaries", "revisions", "flagged"),
    [
        (10, 2, True),
        (9, 2, False),
        (3, 2, False),  # two thirds
        (4, 3, True),  # exactly three quarters
        (2, 2, True),
        (1, 1, False),  # one revision is not two
    ],
)
def test_few_primaries_count_only_where_most_are_revised(primaries: int, revisions: int, flagged: bool) -> None:
    component = Experience(primaries, revisions, 2.0)
    assert aoanjrr_stage_one(component, _GROUP).flagged is flagged


def test_a_p_value_of_0_05_and_more_does_not_flag() -> None:
    # 1 revision at an expected 0.05129… has P = 1 - exp(-0.05129…) = 0.05; a rate of 10 times the group's
    group = Experience(10_000_000, 60_000, 10_000_000.0)
    years = -math.log(0.95) / 0.006
    assert not aoanjrr_stage_one(Experience(20, 1, years * 1.001), group).flagged
    assert aoanjrr_stage_one(Experience(20, 1, years * 0.999), group).flagged


def test_a_group_without_revisions() -> None:
    alone = aoanjrr_stage_one(Experience(20, 4, 50.0), Experience(60, 4, 500.0))
    assert alone.flagged
    assert (alone.ratio, alone.p_value) == (math.inf, 0.0)
    none = aoanjrr_stage_one(Experience(20, 0, 50.0), Experience(60, 0, 500.0))
    assert not none.flagged
    assert math.isnan(none.ratio)
    assert njr_level(Experience(200, 0, 500.0), Experience(1000, 0, 5000.0)) is None


@pytest.mark.parametrize(
    ("primaries", "revisions", "level"),
    [
        # the group: 1 per 100 years; the component: 1,000 years
        (100, 20, 1),  # exactly 2
        (99, 20, 2),
        (100, 19, 2),
        (100, 15, 2),  # exactly 1.5
        (99, 19, None),
        (100, 14, None),
    ],
)
def test_njr_levels_at_their_limits(primaries: int, revisions: int, level: Literal[1, 2] | None) -> None:
    assert njr_level(Experience(primaries, revisions, 1000.0), Experience(50_000, 1000, 100_000.0)) == level


def test_njr_by_the_lower_limit() -> None:
    # R: poisson.test(31, 10)$conf.int[1] = 2.106 and 30: 2.024, 29: 1.942; against 1 per 100 years in 1,000 years
    group = Experience(50_000, 1000, 100_000.0)
    assert njr_level(Experience(500, 30, 1000.0), group, rule="lower_limit") == 1
    assert njr_level(Experience(500, 29, 1000.0), group, rule="lower_limit") == 2
    # an NJR group keeps the component, however large it is
    assert njr_level(Experience(400, 20, 1000.0), Experience(500, 20, 1200.0)) is None


_ONE = Experience(10, 1, 10.0)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: poisson_tail(-1, 1.0), "observed must"),
        (lambda: poisson_tail(1.5, 1.0), "observed must"),  # type: ignore[arg-type]
        (lambda: poisson_tail(math.nan, 1.0), "observed must"),  # type: ignore[arg-type]
        (lambda: poisson_tail(1, -0.1), "expected must"),
        (lambda: poisson_tail(1, math.nan), "expected must"),
        (lambda: Experience(-1, 0, 1.0), "primaries must"),
        (lambda: Experience(1, math.nan, 1.0), "revisions must"),  # type: ignore[arg-type]
        (lambda: Experience(1, 0, -1.0), "component_years must"),
        (lambda: Experience(1, 0, math.inf), "component_years must"),
        (lambda: aoanjrr_stage_one(Experience(1, 0, 0.0), _GROUP), "component has no"),
        (lambda: njr_level(Experience(1, 0, 0.0), _GROUP), "component has no"),
        (lambda: aoanjrr_stage_one(_ONE, Experience(9, 1, 10.0)), "group must include"),
        (lambda: njr_level(_ONE, Experience(10, 0, 10.0)), "group must include"),
        (lambda: aoanjrr_stage_one(_ONE, _ONE), "group has no component-years"),
        (lambda: njr_level(_ONE, _GROUP, rule="upper"), "rule must"),  # type: ignore[arg-type]
    ],
)
def test_bad_input_is_refused_by_name(call: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        call()
