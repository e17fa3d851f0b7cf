"""Control charts against Montgomery's worked examples and tables, and by hand.

Montgomery DC, Introduction to Statistical Quality Control (7th ed.): table 6.6 (individuals), example 7.1 (p),
example 7.3 (c), example 7.4 (u) and appendix VI (factors of x̄ and s charts).
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pytest

from streams.statistics.charts import control_chart, runs_rules

# cans of orange juice that leak, of 50; non-conformities in 26 boards; in 20 weeks of 50 shipments; costs of a loan
_CANS = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]
_BOARDS = [21, 24, 16, 12, 15, 5, 28, 20, 31, 25, 20, 24, 16, 19, 10, 17, 13, 22, 18, 39, 30, 24, 16, 19, 17, 15]
_WEEKS = [2, 3, 8, 1, 1, 4, 1, 4, 5, 1, 8, 2, 4, 3, 4, 1, 8, 3, 7, 4]
_LOANS = [310, 288, 297, 298, 307, 303, 294, 297, 308, 306, 294, 299, 297, 299, 314, 295, 293, 306, 301, 304]


def test_p_chart_of_montgomery() -> None:
    chart = control_chart("p", _CANS, [50] * 30)
    assert chart.centre == pytest.approx(0.2313, abs=5e-5)
    np.testing.assert_allclose(chart.lower, 0.0524, atol=5e-5)
    np.testing.assert_allclose(chart.upper, 0.4102, atol=5e-5)
    assert np.flatnonzero(chart.outside).tolist() == [14, 22]  # samples 15 and 23


def test_p_chart_has_a_limit_for_each_point_cut_to_0_and_1() -> None:
    # p̄ = 75/150 = ½: ½ ± 3·½/√n
    chart = control_chart("p", [50, 23, 2], [100, 46, 4])
    np.testing.assert_allclose(chart.values, [0.5, 0.5, 0.5])
    np.testing.assert_allclose(chart.lower, [0.35, 0.5 - 1.5 / math.sqrt(46), 0])
    np.testing.assert_allclose(chart.upper, [0.65, 0.5 + 1.5 / math.sqrt(46), 1])


def test_u_chart_of_montgomery() -> None:
    chart = control_chart("u", _WEEKS, [50] * 20)
    assert chart.centre == pytest.approx(0.074)
    np.testing.assert_allclose(chart.upper, 0.1894, atol=5e-5)
    np.testing.assert_allclose(chart.lower, 0)


def test_u_chart_has_a_limit_for_each_point() -> None:
    # ū = 40/10 = 4: 4 ± 3·√(4/n)
    chart = control_chart("u", [4, 36], [1, 9])
    np.testing.assert_allclose(chart.lower, [0, 2])
    np.testing.assert_allclose(chart.upper, [10, 6])


def test_c_chart_of_montgomery() -> None:
    chart = control_chart("c", _BOARDS)
    assert chart.centre == pytest.approx(19.85, abs=5e-3)
    np.testing.assert_allclose(chart.lower, 6.48, atol=5e-3)
    # the book's 33.22 is 19.85 + 3√19.85 = 33.216
    np.testing.assert_allclose(chart.upper, 33.21, atol=6e-3)
    assert np.flatnonzero(chart.outside).tolist() == [5, 19]  # samples 6 and 20
    np.testing.assert_allclose(control_chart("c", [1, 3]).lower, 0)


def test_individuals_and_moving_ranges_of_montgomery() -> None:
    chart = control_chart("I", _LOANS)
    assert chart.centre == pytest.approx(300.5)
    np.testing.assert_allclose(chart.upper, 321.22, atol=5e-3)
    np.testing.assert_allclose(chart.lower, 279.78, atol=5e-3)
    ranges = control_chart("MR", _LOANS)
    assert ranges.values[:3].tolist() == [22, 9, 1]
    assert ranges.centre == pytest.approx(7.79, abs=5e-3)
    np.testing.assert_allclose(ranges.upper, 25.45, atol=6e-3)
    np.testing.assert_allclose(ranges.lower, 0)


# Montgomery's appendix VI: n, A3, B3, B4
_FACTORS = [(2, 2.659, 0, 3.267), (5, 1.427, 0, 2.089), (6, 1.287, 0.030, 1.970), (10, 0.975, 0.284, 1.716)]


@pytest.mark.parametrize(("size", "a3", "b3", "b4"), _FACTORS)
def test_means_and_standard_deviations_have_the_table_s_factors(size: int, a3: float, b3: float, b4: float) -> None:
    groups = np.random.default_rng(size).normal(10, 2, (12, size))
    typical = groups.std(axis=1, ddof=1).mean()
    means = control_chart("xbar", groups)
    np.testing.assert_allclose(means.values, groups.mean(axis=1))
    assert means.centre == pytest.approx(groups.mean())
    np.testing.assert_allclose((means.upper - means.centre) / typical, a3, atol=6e-4)
    np.testing.assert_allclose((means.centre - means.lower) / typical, a3, atol=6e-4)
    spreads = control_chart("s", groups)
    np.testing.assert_allclose(spreads.values, groups.std(axis=1, ddof=1))
    assert spreads.centre == pytest.approx(typical)
    np.testing.assert_allclose(spreads.lower / typical, b3, atol=6e-4)
    np.testing.assert_allclose(spreads.upper / typical, b4, atol=6e-4)


def test_subgroups_of_unlike_size_by_hand() -> None:
    # deviations √2 (n = 2) and 2 (n = 3): s̄² = (1·2 + 2·4)/3; the mean weighs every value alike
    # c4 of 2 and 3: √(2/π) and √π/2
    groups = [[1, 3], [2, 4, 6]]
    typical = math.sqrt(10 / 3)
    c4 = np.array([math.sqrt(2 / math.pi), math.sqrt(math.pi) / 2])
    means = control_chart("xbar", groups)
    assert means.centre == pytest.approx(16 / 5)
    np.testing.assert_allclose(means.upper, 16 / 5 + 3 * typical / (c4 * np.sqrt([2, 3])))
    spreads = control_chart("s", groups)
    np.testing.assert_allclose(spreads.values, [math.sqrt(2), 2])
    np.testing.assert_allclose(spreads.upper, typical * (1 + 3 * np.sqrt(1 - c4**2) / c4))
    # the same with a label for each value, in any order
    labelled = control_chart("xbar", [2, 3, 4, 1, 6], ["b", "a", "b", "a", "b"])
    np.testing.assert_allclose(labelled.values, means.values)
    np.testing.assert_allclose(labelled.upper, means.upper)


def test_times_between_events_by_hand() -> None:
    # roots 4, 6, 5, 9: mean 6, moving ranges 2, 1, 4 with mean 7/3; 6 - 3·(7/3)/1.128 is below 0
    chart = control_chart("t", np.array([4.0, 6.0, 5.0, 9.0]) ** 3.6)
    assert chart.centre == pytest.approx(6**3.6)
    np.testing.assert_allclose(chart.upper, (6 + 7 / 1.128) ** 3.6)
    np.testing.assert_allclose(chart.lower, 0)
    np.testing.assert_allclose(chart.values[0], 4**3.6)
    # roots 5, 6: mean 5.5, moving range 1
    np.testing.assert_allclose(control_chart("t", [5**3.6, 6**3.6]).lower, (5.5 - 3 / 1.128) ** 3.6)


# n, longest run, crossings: R: round(log2(n)) + 3 and qbinom(.05, n - 1, .5)
_RUNS = [(1, 3, 0), (2, 4, 0), (3, 5, 0), (6, 6, 1), (10, 6, 2), (16, 7, 4), (20, 7, 6), (24, 8, 8), (25, 8, 8)]


@pytest.mark.parametrize(("n", "longest", "crossings"), [*_RUNS, (100, 10, 41), (1000, 13, 474)])
def test_limits_of_runs(n: int, longest: int, crossings: int) -> None:
    rules = runs_rules([(-1) ** point for point in range(n)], 0)
    assert (rules.useful, rules.longest_run_limit, rules.crossings_limit) == (n, longest, crossings)
    assert (rules.longest_run, rules.crossings) == (1, n - 1)
    assert not rules.signal


def test_points_on_the_centre_neither_break_a_run_nor_count() -> None:
    # above, above, (on), above, below, (on), above: 5 useful, a run of 3, 2 crossings
    rules = runs_rules([3, 4, 2, 5, 1, 2, 6], 2)
    assert (rules.useful, rules.longest_run, rules.crossings) == (5, 3, 2)
    with_line = runs_rules([3, 4, 2, 5, 1, 2, 6], [2, 2, 2, 2, 2, 2, 9])
    assert (with_line.longest_run, with_line.crossings) == (3, 1)


def test_a_run_signals_beyond_its_limit_and_crossings_below_theirs() -> None:
    # 16 points: a run of 7 is still allowed, and 4 crossings
    seven = [1] * 7 + [-1, 1, -1, 1, -1, 1, -1, 1, -1]
    eight = [1] * 8 + [-1, 1, -1, 1, -1, 1, -1, 1]
    assert not runs_rules(seven, 0).signal
    assert runs_rules(eight, 0).signal
    four = [1] * 4 + [-1] * 3 + [1] * 3 + [-1] * 3 + [1] * 3
    three = [1] * 4 + [-1] * 4 + [1] * 4 + [-1] * 4
    assert (runs_rules(four, 0).crossings, runs_rules(four, 0).signal) == (4, False)
    assert (runs_rules(three, 0).crossings, runs_rules(three, 0).signal) == (3, True)


def test_no_point_off_the_centre_is_no_signal() -> None:
    rules = runs_rules([5, 5], 5)
    assert (rules.useful, rules.longest_run, rules.signal) == (0, 0, False)


@pytest.mark.parametrize(
    ("kind", "numerator", "denominator", "named"),
    [
        ("np", [1], None, "kind must"),
        ("p", [1, 2], None, "denominator is needed"),
        ("p", [1, 2], [3], "numerator and denominator differ"),
        ("p", [1, 2], [3, 0], "denominator must"),
        ("p", [1, 4], [3, 3], "numerator must not be above"),
        ("p", [1, -1], [3, 3], "numerator must not be negative"),
        ("u", [1, math.nan], [3, 3], "numerator has"),
        ("u", [1, 2], [3, math.inf], "denominator has"),
        ("c", [], None, "numerator is empty"),
        ("c", [1, -2], None, "numerator must not be negative"),
        ("c", [1, 2], [1, 1], "denominator has no place"),
        ("I", [1], None, "numerator must have two"),
        ("MR", [1], None, "numerator must have two"),
        ("t", [1, -1], None, "numerator must not be negative"),
        ("t", [1, 2], [1, 1], "denominator has no place"),
        ("xbar", [1, 2, 3], None, "denominator is needed"),
        ("xbar", [[1, 2], [3]], None, "numerator must have two"),
        ("s", [[1, 2], [3, math.nan]], None, "numerator has"),
        ("xbar", [1, 2, 3], [1, 1], "numerator and denominator differ"),
        ("xbar", [1, 2, 3], [[1, 1, 1]], "denominator must"),
    ],
)
def test_bad_input_is_refused_by_the_argument_s_name(
    kind: Literal["p"], numerator: Any, denominator: Any, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        control_chart(kind, numerator, denominator)


@pytest.mark.parametrize(
    ("values", "centre", "named"),
    [
        ([], 0, "values is"),
        ([1, math.nan], 0, "values has"),
        ([1, 2], [1], "values and centre"),
        ([1], [[1]], "centre"),
    ],
)
def test_bad_runs_are_refused_by_the_argument_s_name(values: Any, centre: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        runs_rules(values, centre)
