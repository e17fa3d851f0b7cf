"""Funnel limits and overdispersion against R's FunnelPlotR, by the project's reference fixtures, and by hand.

`_UNITS` and the expected values are funnelplotr_overdispersion_input.csv and …_expected.csv: observed and expected
of 45 units. `_POISSON` are the rows of funnelplotr_poisson_limits_expected.csv.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, poisson

from streams.statistics.funnel import (
    Overdispersion,
    binomial_funnel_limits,
    overdispersion,
    poisson_funnel_limits,
    variance_between,
)

_UNITS = np.array(
    [
        [321, 287.0783], [295, 292.0487], [241, 285.7249], [339, 337.527], [292, 317.7062],
        [714, 642.1826], [595, 634.8455], [678, 632.339], [643, 597.2786], [654, 627.1347],
        [1032, 968.1002], [946, 978.108], [971, 930.4286], [939, 947.9337], [1008, 927.299],
        [265, 318.5607], [327, 316.4257], [336, 300.8905], [349, 313.5555], [297, 303.8808],
        [397, 543.8161], [639, 557.8167], [605, 602.6817], [578, 642.6733], [518, 598.4151],
        [866, 894.5881], [1021, 964.209], [854, 930.7674], [989, 924.5011], [618, 937.2057],
        [249, 289.5341], [318, 284.8114], [324, 300.3236], [347, 325.6065], [286, 293.2049],
        [597, 590.6808], [711, 658.9293], [621, 608.9915], [647, 632.1732], [701, 636.1262],
        [834, 938.9136], [951, 894.285], [988, 916.5644], [901, 895.4051], [940, 920.728],
    ]
)  # fmt: skip
_POISSON = np.array(
    [
        (5, 0.324697278023684, 2.33366641586453, 0.147874346383567, 3.29094904073602),
        (10, 0.479538869613243, 1.83903560420178, 0.296052037274376, 2.41339711454176),
        (15, 0.559692408852221, 1.64934792476572, 0.386265034854835, 2.08290730190295),
    ]
)


def test_poisson_limits_are_funnelplotr_s() -> None:
    expected, lower_95, upper_95, lower_998, upper_998 = _POISSON.T
    for level, lower, upper in ((0.95, lower_95, upper_95), (0.998, lower_998, upper_998)):
        got = poisson_funnel_limits(expected, level=level)
        np.testing.assert_allclose(got[0], lower, rtol=1e-12)
        np.testing.assert_allclose(got[1], upper, rtol=1e-12)


def test_poisson_limits_of_one_number_are_numbers_and_solve_their_tail_equations() -> None:
    lower, upper = poisson_funnel_limits(7, level=0.90)
    assert isinstance(lower, float)
    # Garwood: with the limit as mean, 7 or more, and 7 or fewer, have the probability 0.05
    assert poisson.sf(6, 7 * lower) == pytest.approx(0.05)
    assert poisson.cdf(7, 7 * float(upper)) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("method", "used", "phi", "tau2"),
    [("SHMI", 37, 2.66963523925448, 0.00295468704030125), ("CQC", 45, 3.37698549455251, 0.000998993339183577)],
)
def test_overdispersion_is_funnelplotr_s(method: Any, used: int, phi: float, tau2: float) -> None:
    got = overdispersion(_UNITS[:, 0], _UNITS[:, 1], method=method)
    assert got.used == used
    assert got.phi == pytest.approx(phi, rel=1e-11)
    assert got.tau2 == pytest.approx(tau2, rel=1e-10)


def test_overdispersion_by_hand_without_trimming() -> None:
    # E = 100 and 400, √(O/E) = 1.1 and 0.9, so z = 0.1·20 and -0.1·40: φ = (4 + 16)/2; w = 400 and 1,600
    got = overdispersion([121, 324], [100, 400], method="CQC", trim=0)
    assert got.phi == pytest.approx(10)
    assert got.tau2 == pytest.approx((20 - 1) / (2000 - (400**2 + 1600**2) / 2000))
    # ln(O/E) = ±0.1 with E = 100: z = ±1, φ = 1; 2·1 - 1 over 200 - 100
    logs = overdispersion([100 * math.exp(0.1), 100 * math.exp(-0.1)], [100, 100], trim=0)
    assert logs.phi == pytest.approx(1)
    assert logs.tau2 == pytest.approx(1 / 100)


def test_no_more_than_chance_has_no_variance_between_units() -> None:
    assert overdispersion([100, 101, 99, 100], [100] * 4).tau2 == 0
    assert overdispersion([100, 101, 99, 100], [100] * 4, method="CQC").tau2 == 0


def test_shmi_drops_by_rank_of_z_and_cqc_draws_in_to_the_quantiles() -> None:
    # 9 units: ranks/10 are 0.1 to 0.9, so SHMI drops the highest (0.9) and keeps the lowest (0.1)
    ratios = np.exp([-0.4, -0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3, 5.0])
    shmi = overdispersion(100 * ratios, [100.0] * 9)
    assert shmi.used == 8
    assert shmi.phi == pytest.approx((16 + 9 + 4 + 1 + 0 + 1 + 4 + 9) / 8)
    # √ratio - 1 in steps: z = -4 to 4 by 1; the quantiles at 0.1 and 0.9 lie 0.8 in from the ends: -3.2 and 3.2
    roots = 1 + np.arange(-4, 5) / 20
    cqc = overdispersion(100 * roots**2, [100.0] * 9, method="CQC")
    assert cqc.used == 9
    assert cqc.phi == pytest.approx(2 * (3.2**2 + 9 + 4 + 1) / 9)


def test_a_unit_without_events_may_be_trimmed_or_taken_by_the_root() -> None:
    observed = [0, *range(96, 115)]
    assert math.isfinite(overdispersion(observed, [100.0] * 20).phi)
    assert math.isfinite(overdispersion([0, 100, 100], [100.0] * 3, method="CQC").phi)
    with pytest.raises(ValueError, match="observed is 0"):
        overdispersion([0, 100, 100], [100.0] * 3)


def test_adjusted_limits_by_hand() -> None:
    # √(1/100 + 0.03) = 0.2; z = 1.959963985
    lower, upper = Overdispersion(2.0, 0.03, "SHMI", 40).limits(100, level=0.95)
    assert (lower, upper) == pytest.approx((math.exp(-0.391992797), math.exp(0.391992797)))
    # √(1/400 + 0.0375) = 0.2; and below 0 the root is cut: E = 0.25 has half a width of 1.96·√1.0375
    bounds = Overdispersion(2.0, 0.0375, "CQC", 40).limits([100, 0.25], level=0.95)
    np.testing.assert_allclose(bounds[0], [(1 - 0.391992797) ** 2, 0])
    np.testing.assert_allclose(bounds[1], [1.391992797**2, (1 + 1.959963985 * math.sqrt(1.0375)) ** 2])


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        (([], []), {}, "observed is empty"),
        (([1, 2], [1]), {}, "observed and expected differ"),
        (([1, -2], [1, 1]), {}, "observed must not"),
        (([1, 2], [1, 0]), {}, "expected must be above 0"),
        (([1, math.nan], [1, 1]), {}, "observed has"),
        (([1, 2], [1, math.inf]), {}, "expected has"),
        (([1], [1]), {}, "observed must leave two"),
        (([1, 2], [1, 2]), {"method": "DSR"}, "method must"),
        (([1, 2], [1, 2]), {"trim": 0.5}, "trim must"),
        (([1, 2], [1, 2]), {"trim": -0.1}, "trim must"),
        (([1, 2], [1, 2]), {"trim": math.nan}, "trim must"),
    ],
)
def test_bad_units_are_refused_by_the_argument_s_name(
    arguments: tuple[Any, Any], options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        overdispersion(*arguments, **options)


@pytest.mark.parametrize(
    ("expected", "level", "named"),
    [([], 0.95, "expected is"), ([0], 0.95, "expected must"), ([1], 0, "^level must"), ([1], 1, "^level must")],
)
def test_bad_limits_are_refused_by_the_argument_s_name(expected: list[float], level: float, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        poisson_funnel_limits(expected, level=level)
    with pytest.raises(ValueError, match=named):
        Overdispersion(1.0, 0.0, "SHMI", 9).limits(expected, level=level)


def test_binomial_limits_solve_their_tail_equations() -> None:
    lower, upper = binomial_funnel_limits(0.5, 10, level=0.95)
    # Clopper and Pearson of 5 of 10, as tabulated: 0.187 to 0.813
    assert lower == pytest.approx(0.1871, abs=5e-5)
    assert upper == pytest.approx(0.8129, abs=5e-5)
    assert binom.sf(4, 10, lower) == pytest.approx(0.025)
    assert binom.cdf(5, 10, upper) == pytest.approx(0.025)


def test_binomial_limits_of_rare_outcomes_are_those_of_poisson() -> None:
    number = np.array([1e7, 2e7])
    lower, upper = binomial_funnel_limits(1e-6, number, level=0.998)
    like_lower, like_upper = poisson_funnel_limits(number * 1e-6, level=0.998)
    np.testing.assert_allclose(np.asarray(lower) / 1e-6, like_lower, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(upper) / 1e-6, like_upper, rtol=1e-5)


def test_variance_between_of_square_roots_is_funnelplotr_s_cqc() -> None:
    observed, expected = _UNITS.T
    got = variance_between(np.sqrt(observed / expected), 1 / (2 * np.sqrt(expected)), centre=1.0)
    assert got.phi == pytest.approx(3.37698549455251)
    assert got.tau2 == pytest.approx(0.000998993339183577)


def test_variance_between_by_hand() -> None:
    # z = -2, 0, 2 and equal weights 4: the sum of squares is 8, φ = 8/3, τ² = (8 - 2) / (12 - 48/12) = 0.75
    got = variance_between([-1.0, 0.0, 1.0], [0.5, 0.5, 0.5], centre=0.0, trim=0.0)
    assert got.phi == pytest.approx(8 / 3)
    assert got.tau2 == pytest.approx(0.75)
    assert variance_between([0.1, -0.1], [1.0, 1.0], centre=0.0).tau2 == 0.0


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: binomial_funnel_limits(0.0, 10, level=0.95), "share"),
        (lambda: binomial_funnel_limits(0.1, 0, level=0.95), "of"),
        (lambda: variance_between([1.0], [1.0], centre=0.0), "values"),
        (lambda: variance_between([1.0, 2.0], [1.0, 0.0], centre=0.0), "std_errs"),
        (lambda: variance_between([1.0, 2.0], [1.0, 1.0], centre=0.0, trim=0.5), "trim"),
    ],
)
def test_what_is_wrong_with_limits_is_named(call: Any, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named} "):
        call()
