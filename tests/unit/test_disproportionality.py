"""Disproportionality against reference numbers and against tables worked by hand.

`_STATINS` are rows of the project's reference fixture statin46_disproportionality_expected.csv: FAERS 2014 to 2020,
atorvastatin, with measures computed there in R (openEBGM, PhViD) to ten digits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from streams.statistics.disproportionality import (
    Estimate,
    chi_square,
    evans,
    expected_count,
    information_component,
    likelihood_ratio,
    prr,
    ror,
    stratified_expected_count,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_CELLS = np.array(
    [
        (1353, 196037, 357366, 63421854),
        (71, 197319, 10510, 63768710),
        (14, 197376, 16047, 63763173),
        (34, 197356, 280, 63778940),
        (1175, 196215, 25492, 63753728),
        (2, 197388, 23, 63779197),
    ]
)
_EXPECTED = [1106.772356, 32.6460497, 49.55374769, 0.9687987532, 82.27693105, 0.07713365869]
_TABLES: list[Callable[..., Any]] = [prr, ror, chi_square, evans, expected_count]


def _same(found: object, rows: list[float]) -> None:
    np.testing.assert_allclose(np.asarray(found), rows, rtol=1e-9)


def test_proportional_reporting_ratio_of_the_reference() -> None:
    result = prr(*_CELLS.T)
    _same(result.value, [1.223315904, 2.18277861, 0.2818955627, 39.23511612, 14.89319972, 28.09675835])
    _same(result.lower, [1.159934123, 1.728495188, 0.166918292, 27.48512986, 14.04955785, 6.624377097])
    _same(result.upper, [1.290161029, 2.756456885, 0.476071899, 56.00826138, 15.78750023, 119.1701224])


def test_reporting_odds_ratio_of_the_reference() -> None:
    result = ror(*_CELLS.T)
    _same(result.value, [1.224857177, 2.183204202, 0.2818446271, 39.24170317, 14.97639677, 28.0970329])
    _same(result.lower, [1.160969465, 1.728687579, 0.1668819147, 27.48823654, 14.12331277, 6.624352329])
    _same(result.upper, [1.292260606, 2.757224986, 0.4760036098, 56.02073692, 15.88100921, 119.172897])


def test_chi_square_with_and_without_yates_and_evans_rule_of_the_reference() -> None:
    a, b, c, d = _CELLS.T
    _same(chi_square(a, b, c, d), [55.03433268, 44.03577369, 24.8796043, 1095.748239, 14550.1573, 26.32852141])
    _same(
        chi_square(a, b, c, d, yates=False),
        [55.2585253, 45.20676377, 25.59442212, 1129.690084, 14563.48195, 48.08354213],
    )
    # the last has χ² and PRR enough, but two reports only
    assert np.asarray(evans(*_CELLS.T)).tolist() == [False, True, False, True, True, False]


def test_expected_counts_information_component_and_likelihood_ratio_of_the_reference() -> None:
    a, _, c, _ = _CELLS.T
    expected = expected_count(*_CELLS.T)
    _same(expected, _EXPECTED)
    result = information_component(a, expected)
    _same(result.value, [0.2896847612, 1.109106299, -1.787425192, 4.553887718, 3.827901967, 2.114950718])
    _same(result.lower, [0.2117741147, 0.7538429496, -2.641168037, 4.02804458, 3.74421671, -0.4736896607])
    _same(result.upper, [0.3655195754, 1.424950817, -1.130580562, 4.997747575, 3.909196995, 3.474753202])
    _same(likelihood_ratio(a, expected, a + c), [25.64285435, 16.87973936, 0, 89.75028781, 2054.294311, 4.664021089])


def test_information_component_by_noren_of_another_reference() -> None:
    # the project's fixture mdsstat_textbook_corrections.csv: sums 46, 606, 260 and 11,972 of twelve months
    expected = expected_count(46, 606, 260, 11972)
    assert expected == pytest.approx(15.48525303, rel=1e-9)
    result = information_component(46, expected)
    assert (result.value, result.lower) == pytest.approx((1.540489136, 1.093267601), rel=1e-9)


def test_a_table_by_hand() -> None:
    # PRR = (20/100)/(90/900) = 2, ROR = 20·810/(80·90) = 2.25; se² = 1/20 - 1/100 + 1/90 - 1/900 = 0.05 and
    # 1/20 + 1/80 + 1/90 + 1/810 = 0.0748457; ad - bc = 9000, margins 100·900·110·890 = 8.811e9
    ratio, odds = prr(20, 80, 90, 810), ror(20, 80, 90, 810)
    assert ratio.value == 2.0
    assert (ratio.lower, ratio.upper) == pytest.approx((2 * math.exp(-0.4382614), 2 * math.exp(0.4382614)), rel=1e-6)
    assert odds.value == 2.25
    assert odds.upper == pytest.approx(
        2.25 * math.exp(1.959964 * math.sqrt(0.05 + 0.0125 + 1 / 90 + 1 / 810)), rel=1e-6
    )
    assert chi_square(20, 80, 90, 810, yates=False) == pytest.approx(1000 * 9000**2 / 8.811e9)
    assert chi_square(20, 80, 90, 810) == pytest.approx(1000 * 8500**2 / 8.811e9)
    assert expected_count(20, 80, 90, 810) == 11.0


def test_evans_counts_the_bounds_themselves_as_signals() -> None:
    # a PRR of just 2, as (3/30)/(5/100) is
    assert evans(30, 270, 50, 950) is True  # χ² by Yates is 9.1
    assert evans(29, 271, 50, 950) is False  # PRR 1.93
    assert evans(3, 27, 5, 95) is False  # χ² by Yates is 0.3
    assert evans(3, 0, 1, 96) is True
    assert evans(2, 0, 1, 97) is False  # two reports
    assert evans(3, 10, 0, 200) is True  # an infinite ratio is more than 2


@pytest.mark.parametrize("measure", [prr, ror])
def test_no_reports_of_the_pair_give_nought_and_none_of_the_reaction_elsewhere_infinity(
    measure: Callable[..., Estimate],
) -> None:
    # a = 0, c = 0, and both: a = 0 goes first
    result = measure([0, 5, 0], [10, 10, 10], [7, 0, 0], [90, 90, 90])
    assert np.asarray(result.value).tolist() == [0.0, math.inf, 0.0]
    assert np.all(np.isnan(result.lower))
    assert np.all(np.isnan(result.upper))


def test_empty_cells_b_and_d() -> None:
    # b = 0: every report with the drug has the reaction: PRR = 1/(5/10), se² = 1/5 - 1/10
    ratio = prr(5, 0, 5, 5)
    assert ratio.value == 2.0
    assert ratio.upper == pytest.approx(2 * math.exp(1.959964 * math.sqrt(0.1)), rel=1e-6)
    odds = ror([5, 5, 5], [0, 5, 0], [5, 5, 5], [5, 0, 0])
    assert np.asarray(odds.value).tolist()[:2] == [math.inf, 0.0]
    assert math.isnan(np.asarray(odds.value)[2])
    assert np.all(np.isnan(odds.lower))


def test_margins_of_nought() -> None:
    assert math.isnan(float(chi_square(0, 0, 3, 4)))
    assert math.isnan(float(chi_square(0, 0, 0, 0, yates=False)))
    assert evans(0, 0, 3, 4) is False
    assert expected_count(0, 0, 3, 4) == 0.0
    assert expected_count(0, 0, 0, 0) == 0.0


def test_yates_correction_never_turns_the_difference_round() -> None:
    assert chi_square(5, 5, 5, 6) == 0.0  # |ad - bc| = 5 is less than N/2 = 10.5


def test_whole_numbers_of_a_thousand_million_do_not_overflow() -> None:
    a, b, c, d = (np.array([n], dtype=np.int64) for n in (10**9, 2 * 10**9, 3 * 10**9, 10**9))
    # in thousands of millions: ad - bc = 1 - 6 = -5, N = 7, margins 3·4·4·3 = 144
    assert float(np.asarray(chi_square(a, b, c, d, yates=False))[0]) == pytest.approx(7 * 25 / 144 * 1e9)
    assert float(np.asarray(expected_count(a, b, c, d))[0]) == pytest.approx(12 / 7 * 1e9)
    assert float(np.asarray(prr(a, b, c, d).value)[0]) == pytest.approx((1 / 3) / (3 / 4))
    assert float(np.asarray(ror(a, b, c, d).value)[0]) == pytest.approx(1 / 6)
    # at such counts the gamma is normal, with a relative deviation of 1/√n
    result = information_component(10**9, 1e9)
    assert result.upper == pytest.approx(1.959964 / math.sqrt(1e9) / math.log(2), rel=1e-4)


def test_strata_are_expected_one_by_one_and_summed() -> None:
    # men 20·30/100 = 6, women 5·40/50 = 4; crude 25·70/150 = 11.67
    a, b, c, d = [8, 4], [12, 1], [22, 36], [58, 9]
    assert stratified_expected_count(a, b, c, d) == pytest.approx(10.0)
    assert expected_count(12, 13, 58, 67) == pytest.approx(25 * 70 / 150)
    # a second pair (5·5/10 = 2.5) and an empty stratum of the first
    by_pair = stratified_expected_count([8, 2, 4, 0], [12, 3, 1, 0], [22, 3, 36, 0], [58, 2, 9, 0], pairs=[0, 1, 0, 0])
    np.testing.assert_allclose(by_pair, [10.0, 2.5])


def test_information_component_without_reports_is_half_against_expected_and_a_half() -> None:
    # shape ½ and rate 2 is a χ² of one degree over 4: its quantiles at .025 and .975 are 0.000982069 and 5.023886
    result = information_component(0, 1.5)
    assert result.value == pytest.approx(-2.0)
    assert result.lower == pytest.approx(math.log2(0.000982069 / 4), rel=1e-6)
    assert result.upper == pytest.approx(math.log2(5.023886 / 4), rel=1e-6)
    assert information_component(0, 0).value == 0.0


def test_likelihood_ratio_by_hand_and_at_its_ends() -> None:
    # 6 of 10 where 2 were expected: 6 ln 3 + 4 ln(4/8); all 10 of 10: 10 ln 5; as many as expected or fewer: 0
    found = likelihood_ratio([6, 10, 2, 1, 0], 2.0, 10)
    np.testing.assert_allclose(found, [6 * math.log(3) - 4 * math.log(2), 10 * math.log(5), 0, 0, 0], rtol=1e-12)
    assert likelihood_ratio(0, 0, 0) == 0.0
    assert likelihood_ratio(1, 0, 3) == math.inf


def test_scalars_give_floats_and_arrays_arrays() -> None:
    for measure in (prr, ror):
        result = measure(1, 2, 3, 4)
        assert all(type(field) is float for field in (result.value, result.lower, result.upper))
    assert type(chi_square(1, 2, 3, 4)) is float
    assert type(evans(1, 2, 3, 4)) is bool
    assert type(expected_count(1, 2, 3, 4)) is float
    assert type(stratified_expected_count(1, 2, 3, 4)) is float
    assert type(information_component(1, 2.0).lower) is float
    assert type(likelihood_ratio(1, 2.0, 3)) is float
    assert np.shape(prr([1], 2, 3, 4).value) == (1,)
    assert np.shape(prr([1, 2], [2, 3], 3, 4).upper) == (2,)


@pytest.mark.parametrize("measure", _TABLES)
@pytest.mark.parametrize(
    ("cells", "named"),
    [
        (([1, 2], [1, 2, 3], 1, 1), "a and b differ in length: 2 and 3"),
        ((-1, 1, 1, 1), "a must be 0 or more"),
        ((1, math.nan, 1, 1), "b has values that are NaN"),
        ((1, 1, [], 1), "c is empty"),
        ((1, 1, 1, [math.inf]), "d has values that are NaN or infinite"),
        ((1, 1, 1, [[1]]), "d must have one dimension"),
    ],
)
def test_wrong_cells_are_named(measure: Callable[..., Any], cells: tuple[Any, ...], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        measure(*cells)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: information_component(-1, 1), "observed must be 0 or more"),
        (lambda: information_component(1, -0.1), "expected must be 0 or more"),
        (lambda: information_component([1, 2], [1, 2, 3]), "observed and expected differ in length"),
        (lambda: likelihood_ratio(3, 1, 2), "observed must not exceed total"),
        (lambda: likelihood_ratio(1, 1, math.nan), "total has values that are NaN"),
        (lambda: stratified_expected_count([1, 2], 1, 1, 1, pairs=[0]), "pairs and cells differ in length: 1 and 2"),
        (lambda: stratified_expected_count([1, 2], 1, 1, 1, pairs=[0, 0.5]), "pairs must be whole"),
        (lambda: stratified_expected_count([1, 2], 1, 1, 1, pairs=[0, -1]), "pairs must be 0 or more"),
    ],
)
def test_other_wrong_arguments_are_named(call: Callable[[], object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        call()
