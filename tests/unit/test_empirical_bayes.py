"""The gamma-Poisson shrinker against openEBGM, against worked cases, and on data made from a known mixture.

`_FAERS` are rows of the project's reference fixture statin46_disproportionality_expected.csv: a, then openEBGM's
Q, EBGM, EB05 and EB95 to six decimals, under the prior that openEBGM's own tests state for its data set caers.
"""

from __future__ import annotations

import math
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma, nbinom, poisson

from streams.statistics.disproportionality import (
    Estimate,
    GammaPoissonMixture,
    ebgm,
    fit_gamma_poisson,
    probability_below,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_CAERS = GammaPoissonMixture(3.25280367, 0.39983376, 2.02490400, 1.90726819, 0.06536416)
_FAERS = np.array(
    [
        (1353, 197390 * 358719 / 63976610, 1.221755, 1.16811, 1.277327),
        (71, 197390 * 10581 / 63976610, 2.102229, 1.725546, 2.541781),
        (14, 197390 * 16061 / 63976610, 0.30174, 0.195407, 0.449421),
        (34, 197390 * 314 / 63976610, 26.854497, 20.321886, 34.945666),
        (1175, 197390 * 26667 / 63976610, 14.24527, 13.575353, 14.941033),
        (2, 197390 * 25 / 63976610, 5.234704, 0.989772, 18.2636),
    ]
)


def test_scores_of_openebgm() -> None:
    observed, expected, value, lower, upper = _FAERS.T
    result = ebgm(observed, expected, _CAERS)
    np.testing.assert_allclose(result.value, value, rtol=1e-6)
    np.testing.assert_allclose(result.lower, lower, rtol=1e-6)
    np.testing.assert_allclose(result.upper, upper, rtol=1e-6)


def test_scores_printed_in_the_vignette_of_openebgm() -> None:
    # its estimates for caers, its first six pairs (N = 1) and the three highest EB05. EBGM is rounded to two
    # decimals; quantiles are found to half of one, and then rounded
    mixture = GammaPoissonMixture(3.25379356, 0.39988854, 2.02612692, 1.90807970, 0.06534557)
    expected = [0.0360548272, 0.0038736591, 0.0002979738, 0.0360548272, 0.0765792610, 0.0527413588]
    result = ebgm(np.ones(6), expected, mixture)
    np.testing.assert_allclose(result.value, [2.23, 2.58, 2.63, 2.23, 1.92, 2.09], atol=0.0051)
    np.testing.assert_allclose(result.lower, [0.49, 0.52, 0.52, 0.49, 0.47, 0.48], atol=0.0101)
    np.testing.assert_allclose(result.upper, [13.85, 15.78, 16.02, 13.85, 11.77, 12.95], atol=0.0101)
    highest = ebgm([16, 19, 6], [0.40643623, 0.89690107, 0.07866508], mixture)
    np.testing.assert_allclose(highest.lower, [15.68, 11.65, 10.16], atol=0.0101)
    np.testing.assert_allclose(highest.value, [23.26, 16.78, 18.28], atol=0.0051)
    np.testing.assert_allclose(highest.upper, [33.48, 23.55, 30.83], atol=0.0101)


def test_scores_by_integrating_over_the_prior() -> None:
    mixture = GammaPoissonMixture(1.5, 0.5, 3.0, 4.0, 0.3)

    def density(ratio: float) -> float:
        prior = 0.3 * gamma.pdf(ratio, 1.5, scale=2.0) + 0.7 * gamma.pdf(ratio, 3.0, scale=0.25)
        return float(prior * poisson.pmf(4, 2.0 * ratio))

    whole = quad(density, 0, 40)[0]
    result = ebgm(4, 2.0, mixture)
    mean_log = quad(lambda ratio: math.log(ratio) * density(ratio), 0, 40)[0] / whole
    assert result.value == pytest.approx(math.exp(mean_log), rel=1e-7)
    assert quad(density, 0, result.lower)[0] / whole == pytest.approx(0.05, rel=1e-7)
    assert quad(density, 0, result.upper)[0] / whole == pytest.approx(0.95, rel=1e-7)


def test_one_exponential_by_hand() -> None:
    # both components alike, nothing observed or expected: λ is Exponential(1), whose mean log is minus Euler's constant
    result = ebgm(0, 0.0, GammaPoissonMixture(1.0, 1.0, 1.0, 1.0, 0.4))
    assert result.value == pytest.approx(math.exp(-0.5772156649015329))
    assert result.lower == pytest.approx(-math.log(0.95))
    assert result.upper == pytest.approx(-math.log(0.05))


def test_nothing_expected_is_the_limit_of_less_and_less_expected() -> None:
    at_zero, near = ebgm(3, 0.0, _CAERS), ebgm(3, 1e-12, _CAERS)
    assert astuple(at_zero) == pytest.approx(astuple(near), rel=1e-9)


def test_limits_at_the_ends_of_what_floats_hold() -> None:
    tiny_shapes = GammaPoissonMixture(1e-4, 1e-4, 1e-5, 5.0, 0.5)
    assert ebgm(0, 1.0, tiny_shapes) == Estimate(0.0, 0.0, 0.0)
    # of a thousand million reports the ratio is known to 1 in √n: 1.644854/√10⁹ each way
    many = ebgm(10**9, 10**9, _CAERS)
    assert (many.lower, many.upper) == pytest.approx((1 - 5.2015e-5, 1 + 5.2015e-5), abs=1e-8)
    extremes = ebgm([0, 0, 10**6, 10**6], [0.0, 1e9, 1e-9, 1e9], _CAERS)
    ends = np.stack([extremes.lower, extremes.value, extremes.upper])
    assert np.all(np.isfinite(ends))
    assert np.all(np.diff(ends, axis=0) > 0)


def test_scalars_give_floats_and_arrays_arrays() -> None:
    one = ebgm(3, 1.5, _CAERS)
    assert all(type(field) is float for field in astuple(one))
    many = ebgm([3, 0], 1.5, _CAERS)
    assert np.shape(many.lower) == (2,)
    assert np.asarray(many.value)[0] == pytest.approx(one.value, rel=1e-15)


def _reported(mixture: GammaPoissonMixture, size: int, seed: int) -> tuple[Floats, Floats]:
    """Counts of 1 or more, each from a component chosen by p and cut at zero."""
    random = np.random.default_rng(seed)
    expected = random.lognormal(0.0, 1.5, size)
    first = random.random(size) < mixture.p
    alpha = np.where(first, mixture.alpha1, mixture.alpha2)
    chance = (beta := np.where(first, mixture.beta1, mixture.beta2)) / (beta + expected)
    none = nbinom.pmf(0, alpha, chance)
    return nbinom.ppf(none + (1 - none) * random.random(size), alpha, chance), expected


def _log_likelihood(mixture: GammaPoissonMixture, observed: Floats, expected: Floats) -> float:
    """By scipy's negative binomial; openEBGM's negLL states the same."""
    cut = [
        nbinom.pmf(observed, alpha, beta / (beta + expected)) / nbinom.sf(0, alpha, beta / (beta + expected))
        for alpha, beta in ((mixture.alpha1, mixture.beta1), (mixture.alpha2, mixture.beta2))
    ]
    return float(np.sum(np.log(mixture.p * cut[0] + (1 - mixture.p) * cut[1])))


_TRUTH = GammaPoissonMixture(2.0, 0.4, 4.0, 5.0, 0.2)
_OBSERVED, _DUE = _reported(_TRUTH, 20_000, seed=1999)


@pytest.fixture(scope="module")
def fit() -> GammaPoissonMixture:
    return fit_gamma_poisson(_OBSERVED, _DUE)


def test_fit_finds_the_mixture_that_the_data_came_from(fit: GammaPoissonMixture) -> None:
    assert astuple(fit) == pytest.approx(astuple(_TRUTH), rel=0.15)
    assert _log_likelihood(fit, _OBSERVED, _DUE) >= _log_likelihood(_TRUTH, _OBSERVED, _DUE)


def test_no_neighbour_of_the_fit_is_more_likely(fit: GammaPoissonMixture) -> None:
    summit = _log_likelihood(fit, _OBSERVED, _DUE)
    for place in range(5):
        for factor in (0.99, 1.01):
            moved = list(astuple(fit))
            moved[place] *= factor
            assert _log_likelihood(GammaPoissonMixture(*moved), _OBSERVED, _DUE) < summit


def test_fit_does_not_depend_on_the_order_of_pairs_nor_on_those_never_reported(fit: GammaPoissonMixture) -> None:
    order = np.random.default_rng(7).permutation(_OBSERVED.size)
    observed = np.concatenate([[0.0, 0.0], _OBSERVED[order]])
    expected = np.concatenate([[0.0, 3.0], _DUE[order]])
    assert astuple(fit_gamma_poisson(observed, expected)) == pytest.approx(astuple(fit), rel=1e-4)


def test_ten_times_as_many_expected_are_ten_times_the_rates(fit: GammaPoissonMixture) -> None:
    alpha1, beta1, alpha2, beta2, p = astuple(fit)
    scaled = fit_gamma_poisson(_OBSERVED, _DUE * 10)
    assert astuple(scaled) == pytest.approx((alpha1, 10 * beta1, alpha2, 10 * beta2, p), rel=1e-4)


@pytest.mark.parametrize("start", [(4.0, 5.0, 2.0, 0.4, 0.8), (100.0, 100.0, 100.0, 10.0, 0.001), _TRUTH])
def test_fit_does_not_depend_on_the_start_and_puts_the_larger_mean_first(start: Any, fit: GammaPoissonMixture) -> None:
    again = fit_gamma_poisson(_OBSERVED, _DUE, start=start)
    assert again.alpha1 / again.beta1 > again.alpha2 / again.beta2
    assert astuple(again) == pytest.approx(astuple(fit), rel=1e-4)


def test_squashed_pairs_give_nearly_the_same_fit_and_scores(fit: GammaPoissonMixture) -> None:
    squashed = fit_gamma_poisson(_OBSERVED, _DUE, squash=True)
    assert astuple(squashed) == pytest.approx(astuple(fit), rel=1e-3)
    assert squashed != fit
    exact, near = ebgm(_OBSERVED, _DUE, fit), ebgm(_OBSERVED, _DUE, squashed)
    np.testing.assert_allclose(near.lower, exact.lower, rtol=1e-3)


def test_ratios_that_do_not_vary_end_in_a_narrow_component() -> None:
    # every λ is 1: wherever the fit ends, what it gives for a large count is that count's own ratio
    expected = np.random.default_rng(5).uniform(5, 20, 500)
    fit = fit_gamma_poisson(poisson.ppf(np.linspace(0.001, 0.999, 500), expected), expected)
    assert ebgm(10, 10.0, fit).value == pytest.approx(1.0, abs=0.05)


def test_single_pair_is_fitted_too() -> None:
    assert 0 < fit_gamma_poisson(3, 1.5).p < 1


@pytest.mark.parametrize(
    ("observed", "expected", "start", "named"),
    [
        ([1, 2], [1, 2, 3], None, "observed and expected differ in length: 2 and 3"),
        ([1, -2], [1, 2], None, "observed must be 0 or more"),
        ([1, math.nan], [1, 2], None, "observed has values that are NaN"),
        ([1, 2], [1, math.inf], None, "expected has values that are NaN or infinite"),
        ([], [], None, "observed is empty"),
        ([0, 0], [1, 2], None, "observed has no count of 1 or more"),
        ([1, 2], [0, 2], None, "expected must be above 0 where observed is 1 or more"),
        ([1, 2], [1, 2], (1, 2, 3), "start must be alpha1, beta1, alpha2, beta2 and p"),
        ([1, 2], [1, 2], (1, 2, 3, 4, 1.5), "start must be .*: p must lie between 0 and 1"),
        ([1, 2], [1, 2], (1, 2, -3, 4, 0.5), "start must be .*: alpha2 must be a number above 0"),
    ],
)
def test_what_cannot_be_fitted_is_named(observed: Any, expected: Any, start: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        fit_gamma_poisson(observed, expected, start=start)


@pytest.mark.parametrize(
    ("observed", "expected", "named"),
    [
        ([1, 2], [1, 2, 3], "observed and expected differ in length: 2 and 3"),
        (-1, 1, "observed must be 0 or more"),
        (1, -1, "expected must be 0 or more"),
        (1, math.nan, "expected has values that are NaN"),
    ],
)
def test_wrong_arguments_of_scores_are_named(observed: Any, expected: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ebgm(observed, expected, _CAERS)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((0, 1, 1, 1, 0.5), "alpha1"),
        ((1, math.inf, 1, 1, 0.5), "beta1"),
        ((1, 1, 1, math.nan, 0.5), "beta2"),
        ((1, 1, 1, 1, 0), "p must lie between 0 and 1"),
        ((1, 1, 1, 1, math.nan), "p must lie between 0 and 1"),
    ],
)
def test_no_mixture_has_fields_out_of_range(values: tuple[float, ...], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        GammaPoissonMixture(*values)


def test_below_eb05_lies_a_twentieth_and_a_count_alone_is_the_gamma_s() -> None:
    observed, expected = np.array([0, 3, 12, 71]), np.array([0.4, 0.2, 3.0, 32.6])
    lower = np.atleast_1d(ebgm(observed, expected, _CAERS).lower)
    for place, eb05 in enumerate(lower.tolist()):
        assert probability_below(eb05, observed[place], expected[place], _CAERS) == pytest.approx(0.05, rel=1e-6)
    # both components alike: Gamma(1 + 1, rate 1 + 1), of which 1 - 3 exp(-2) lies below 1
    alike = GammaPoissonMixture(1, 1, 1, 1, 0.5)
    assert probability_below(1.0, 1, 1.0, alike) == pytest.approx(1 - 3 * math.exp(-2))
    assert np.shape(probability_below(2.0, observed, expected, _CAERS)) == (4,)
    for ratio in (0.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="ratio must be a number above 0"):
            probability_below(ratio, 1, 1.0, alike)
