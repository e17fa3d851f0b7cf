"""Units against the country and over time, worked by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from scipy.stats import binom

from schemas.definition.indicators import Count, Mean, Median, Proportion, Rate
from schemas.definition.text import Text
from sinks.clickhouse.queries.estimates import Estimate, mean, median, proportion, rate
from sinks.clickhouse.queries.indicators import IndicatorRow
from sinks.portal.comparing import compare
from sinks.portal.following import follow

TITLE = Text(sv="Andel", en="Share")


def share(**said: Any) -> Proportion:
    return Proportion.model_validate({"kind": "proportion", "title": TITLE, "numerator": {"sex": "f"}, **said})


def standings(indicator: Any, nation: Estimate, places: dict[str, Estimate], **how: Any) -> dict[str, str]:
    found = compare(indicator, nation, places, **how)
    assert found is not None
    return {one.place: one.standing for one in found.units}


def test_shares_are_inside_outside_and_far_outside_the_exact_limits() -> None:
    # of 100 where 10 are expected: 95 % limits 4.9 to 17.6 % (Clopper and Pearson); the far upper limit lies where
    # 10 or fewer have the probability 0.001, between 22 and 25 %
    assert binom.cdf(10, 100, 0.22) > 0.001 > binom.cdf(10, 100, 0.25)
    places = {"A": proportion(100, 17), "B": proportion(100, 18), "C": proportion(100, 25), "D": proportion(100, 4)}
    found = standings(share(), proportion(10_000, 1_000), places)
    assert found == {"A": "inside", "B": "outside 95", "C": "outside 99.8", "D": "outside 95"}


def test_none_at_all_stands_out_only_where_some_were_to_be_expected() -> None:
    # with 3 %, none of 20 has the probability 0.97^20 = 0.54; none of 125 has 0.022, below 0.025; none of 250 0.0005
    nation = proportion(10_000, 300)
    places = {"A": proportion(20, 0), "B": proportion(125, 0), "C": proportion(250, 0)}
    assert standings(share(), nation, places) == {"A": "inside", "B": "outside 95", "C": "outside 99.8"}
    # and all of them, where 97 % is usual
    turned = {place: proportion(one.n, one.n) for place, one in places.items()}
    assert standings(share(), proportion(10_000, 9_700), turned) == {
        "A": "inside", "B": "outside 95", "C": "outside 99.8",
    }  # fmt: skip


def test_no_event_stands_out_only_where_some_were_to_be_expected() -> None:
    declared = Rate.model_validate({"kind": "rate", "title": TITLE, "event": {"form": "visit"}, "per_years": 100})
    nation = rate(1_000, 200, 100 * 36_525, 100)  # 2 per 100 years
    # none where 1, 4 and 8 are expected: e^-1 = 0.37, e^-4 = 0.018, e^-8 = 0.0003
    places = {name: rate(9, 0, 36_525 * years // 100, 100) for name, years in (("A", 50), ("B", 200), ("C", 400))}
    assert standings(declared, nation, places) == {"A": "inside", "B": "outside 95", "C": "outside 99.8"}


def test_units_that_all_differ_do_not_stand_out_once_that_is_allowed_for() -> None:
    places = {f"U{number}": proportion(1_000, hits) for number, hits in enumerate(range(20, 200, 20))}
    nation = proportion(9_000, 900)
    assert "outside 99.8" in standings(share(), nation, places).values()
    assert "outside 99.8" not in standings(share(), nation, places, adjusted=True).values()


def test_the_best_comes_first_and_has_rank_1() -> None:
    places = {"low": proportion(1_000, 50), "high": proportion(1_000, 900)}
    nation = proportion(2_000, 950)
    for direction, best in (("lower", "low"), ("higher", "high"), (None, "low")):
        found = compare(share(direction=direction), nation, places)
        assert found is not None
        assert found.units[0].place == best
        assert [one.ranks for one in found.units] == [(1, 1), (2, 2)]
        assert [one.above for one in found.units] == [one.place == "high" for one in found.units]


def test_rates_are_held_against_what_is_expected_of_their_person_years() -> None:
    declared = Rate.model_validate({"kind": "rate", "title": TITLE, "event": {"form": "visit"}, "per_years": 100})
    year = 36_525  # days of 100 years
    # 2 per 100 years: 10 expected in 500; exact 95 % limits 0.48 to 1.84 times that (FunnelPlotR), 99.8 % 0.30 to 2.41
    nation = rate(1_000, 200, 100 * year, 100)
    places = {"A": rate(50, 18, 5 * year, 100), "B": rate(50, 19, 5 * year, 100), "C": rate(50, 25, 5 * year, 100)}
    found = compare(declared, nation, places)
    assert found is not None
    assert {one.place: one.standing for one in found.units} == {
        "A": "inside", "B": "outside 95", "C": "outside 99.8",
    }  # fmt: skip
    assert [one.size for one in found.units] == [500.0] * 3
    assert found.limits[0].upper > found.limits[-1].upper


def test_means_go_by_the_countrys_standard_deviation() -> None:
    declared = Mean.model_validate({"kind": "mean", "title": TITLE, "value": "pain"})
    # two values of 4 and two of 6: mean 5, sd 2/√3 = 1.1547; of 4 the 95 % limits are 5 ± 1.96 · 0.5774 = 3.87 to 6.13
    nation = mean(4, 20, 104, 1.0)
    places = {"A": Estimate(4, 6.1, sd=1.0), "B": Estimate(4, 6.2, sd=1.0), "C": Estimate(4, 6.9, sd=1.0)}
    assert standings(declared, nation, places) == {"A": "inside", "B": "outside 95", "C": "outside 99.8"}


def test_what_has_no_limits_by_chance_is_not_compared() -> None:
    count = Count.model_validate({"kind": "count", "title": TITLE})
    middle = Median.model_validate({"kind": "median", "title": TITLE, "value": "stay"})
    assert compare(count, Estimate(9, 9.0), {"A": Estimate(9, 9.0)}) is None
    assert compare(middle, median({1: 9}, 1.0), {"A": median({1: 9}, 1.0)}) is None
    assert compare(share(), proportion(10, 0), {"A": proportion(10, 0)}) is None
    assert compare(share(), proportion(10, 1), {}) is None


def months(*hits: int, of: int = 100, young: int = 0) -> list[IndicatorRow]:
    rows = []
    for number, one in enumerate(hits):
        first = date(2023 + number // 12, number % 12 + 1, 1)
        mature = number < len(hits) - young
        rows.append(IndicatorRow("share", "", first, first.replace(day=28), (), of, proportion(of, one), mature))
    return rows


def test_a_level_that_changes_is_told_by_its_runs() -> None:
    found = follow(share(), months(*[10] * 6, *[30] * 6))
    # 12 points: a run above round(log2 12) + 3 = 7, or fewer than 3 crossings; here 6 and 1
    assert found.centre == pytest.approx(0.2)
    assert found.rules is not None
    assert (found.rules.longest_run, found.rules.crossings, found.rules.signal) == (6, 1, True)
    # 0.2 ± 3 √(0.2 · 0.8 / 100) = 0.2 ± 0.12
    assert [found.points[0].lower, found.points[0].upper] == pytest.approx([0.08, 0.32])
    assert not any(point.outside for point in found.points)


def test_a_single_point_far_off_is_outside_and_no_run() -> None:
    found = follow(share(), months(*[10, 12] * 6, 40))
    assert [point.outside for point in found.points] == [*[False] * 12, True]
    assert found.rules is not None


def test_young_months_are_shown_and_judged_by_nothing() -> None:
    found = follow(share(), months(*[10, 12] * 6, 90, 90, young=2))
    assert [point.young for point in found.points] == [*[False] * 12, True, True]
    assert found.points[-1].lower is None
    assert not found.points[-1].outside
    assert found.centre == pytest.approx(0.11)


def test_few_or_overlapping_periods_have_no_rules() -> None:
    assert follow(share(), months(10, 20)).centre is None
    assert follow(share(), months(*[10, 12] * 4)).rules is None
    overlapping = follow(share(), months(*[10, 12] * 8), overlapping=True)
    assert (overlapping.centre, overlapping.rules) == (None, None)


def test_hidden_periods_are_left_out() -> None:
    rows = months(10, 12, 14, 10)
    rows[1] = IndicatorRow("share", "", date(2023, 2, 1), date(2023, 2, 28), (), None, None, mature=True)
    assert [point.day.month for point in follow(share(), rows).points] == [1, 3, 4]
