"""What is read off sums, against published examples and calculation by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml

from schemas.definition.indicators import Indicators
from sinks.clickhouse.queries.cell_sums import CannotBeReadError, Cut, first_day_of, last_day_of, refuse_unreadable
from sinks.clickhouse.queries.estimates import follow_up_days, mean, median, proportion, rate
from tests.derived_support import INDICATORS


@pytest.mark.parametrize(
    ("hits", "n", "lower", "upper"),
    [
        # Newcombe RG (1998), Stat Med 17:857, table I, method 3 (the score method without continuity correction)
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_s_limits_are_those_published(hits: int, n: int, lower: float, upper: float) -> None:
    found = proportion(n, hits)
    assert (found.n, found.events, found.value) == (n, hits, hits / n)
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=5e-5)
    mirrored = proportion(n, n - hits)
    assert mirrored.lower == pytest.approx(1 - (found.upper or 0))


def test_a_rate_has_exact_limits_and_none_without_follow_up() -> None:
    found = rate(3, 1, 365_250, 100.0)  # one event in a thousand years
    # Garwood's limits of one event: 0.0253178 and 5.571643
    assert (found.value, found.years, found.events) == pytest.approx((0.1, 1000.0, 1))
    assert (found.lower, found.upper) == pytest.approx((0.00253178, 0.5571643), rel=1e-5)
    nobody = rate(3, 1, 0, 100.0)
    assert (nobody.value, nobody.lower, nobody.upper, nobody.years) == (None, None, None, 0.0)


def test_a_mean_with_its_deviation_and_limits() -> None:
    # 1, 2 and 4 in halves: 2 + 4 + 8 = 14, squares 4 + 16 + 64 = 84
    found = mean(3, 14, 84, 0.5)
    assert found.value == pytest.approx(7 / 3)
    assert found.sd == pytest.approx(1.527525, abs=1e-6)  # √(((4/3)² + (1/3)² + (5/3)²) / 2)
    # Student's t with 2 degrees of freedom is 4.302653: 4.302653 · 1.527525 / √3 = 3.794575
    assert (found.lower, found.upper) == pytest.approx((-1.461242, 6.127908), abs=1e-4)


def test_one_value_has_a_mean_and_no_limits_and_equal_values_have_no_deviation() -> None:
    assert (mean(1, 3, 9, 2.0).value, mean(1, 3, 9, 2.0).sd, mean(1, 3, 9, 2.0).lower) == (6.0, None, None)
    large = 10**9 + 1  # squares of this in floats would leave a deviation over
    found = mean(3, 3 * large, 3 * large * large, 1.0)
    assert (found.sd, found.lower, found.upper) == (0.0, large, large)


@pytest.mark.parametrize(
    ("counts", "quartiles"),
    [
        ({7: 1}, (7.0, 7.0, 7.0)),
        ({1: 1, 2: 1}, (1.0, 1.0, 2.0)),
        ({1: 1, 2: 1, 3: 1, 4: 1}, (1.0, 2.0, 3.0)),
        ({1: 1, 2: 1, 3: 1, 4: 1, 5: 1}, (2.0, 3.0, 4.0)),
        ({-5: 3, 10: 1}, (-5.0, -5.0, -5.0)),
        ({-5: 2, 10: 3}, (-5.0, 10.0, 10.0)),
    ],
)
def test_of_an_even_number_the_median_is_the_lower_one(
    counts: dict[int, int], quartiles: tuple[float, float, float]
) -> None:
    found = median(counts, 1.0)
    assert (found.quartiles or (0.0, 0.0))[0] == quartiles[0]
    assert found.value == quartiles[1]
    assert (found.quartiles or (0.0, 0.0))[1] == quartiles[2]


def test_a_median_in_tenths_is_in_tenths() -> None:
    assert median({3: 1}, 0.1).value == 0.3


def follow_up(numerator: Any, **said: Any) -> int:
    declared = {"kind": "proportion", "title": {"sv": "a", "en": "a"}, "numerator": numerator, **said}
    cohort = {"title": {"sv": "a", "en": "a"}, "form": "visit", "indicators": {"one": declared}}
    return follow_up_days(Indicators.model_validate({"cohorts": {"c": cohort}}).cohorts["c"].indicators["one"])


def test_how_long_a_numerator_looks_ahead() -> None:
    after = {"form": "visit", "within_days": 30}
    assert follow_up({"weight": {"gt": 3}}) == 0
    assert follow_up({"not": {"followed_by": after}}) == 30
    assert follow_up({"any": [{"followed_by": after}, {"followed_by": {**after, "within_days": 90}}]}) == 90
    assert follow_up({"followed_by": {**after, "that": {"followed_by": after}}}) == 60
    assert follow_up({"preceded_by": {**after, "within_days": 400}}) == 0
    assert follow_up({"preceded_by": {**after, "that": {"followed_by": after}}}) == 30
    assert follow_up({"latest": {"form": "visit", "within_days": 400, "is": {"weight": 3}}}) == 0
    assert follow_up({"weight": 3}, where={"followed_by": after}) == 30
    assert follow_up({"followed_by": {"form": "visit"}}) == 0


def test_a_rate_looks_as_far_as_its_horizon() -> None:
    indicators = Indicators.model_validate(yaml.safe_load(INDICATORS)).cohorts["operations"].indicators
    assert {name: follow_up_days(one) for name, one in indicators.items()} == {
        "performed": 0, "reoperated": 365, "pain": 0, "stay": 0, "reoperation_rate": 0, "early_rate": 365,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("period", "day", "first", "last"),
    [
        ("month", date(2024, 2, 29), date(2024, 2, 1), date(2024, 2, 29)),
        ("quarter", date(2023, 12, 31), date(2023, 10, 1), date(2023, 12, 31)),
        ("quarter", date(2023, 1, 1), date(2023, 1, 1), date(2023, 3, 31)),
        ("year", date(1969, 7, 20), date(1969, 1, 1), date(1969, 12, 31)),
    ],
)
def test_the_period_that_a_day_lies_in(period: str, day: date, first: date, last: date) -> None:
    assert first_day_of(day, period) == first
    assert last_day_of(first, period) == last


def test_what_a_cohort_s_cells_are_too_coarse_for_is_said() -> None:
    cohorts = Indicators.model_validate(yaml.safe_load(INDICATORS)).cohorts
    with pytest.raises(CannotBeReadError, match="cohort quarters is kept by quarter, and cannot be read by month"):
        refuse_unreadable("quarters", cohorts["quarters"], Cut(per="month"))
    with pytest.raises(CannotBeReadError, match="cohort years is kept by year, and cannot be read as rolling twelve"):
        refuse_unreadable("years", cohorts["years"], Cut(per="rolling"))
    with pytest.raises(CannotBeReadError, match="not broken down by cup; it is by sex, age_group"):
        refuse_unreadable("operations", cohorts["operations"], Cut(breakdown=("cup",)))
    refuse_unreadable("quarters", cohorts["quarters"], Cut(per="rolling"))
    refuse_unreadable("years", cohorts["years"], Cut(per="all"))
