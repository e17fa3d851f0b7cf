"""Incidence rates against R's poisson.test and against limits worked by hand.

`_R_POISSON_TEST` are the rows of the project's reference fixture ptir_poisson_exact_ci.csv: revisions,
component-years, rate per 100 and its exact 95 % limits, made with R's poisson.test(r, T)$conf.int · 100.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from streams.statistics.rates import incidence_rate

_R_POISSON_TEST = np.array(
    [
        (0, 100, 0, 0, 3.68887945411393),
        (2, 100, 2, 0.242209278543965, 7.22468766772396),
        (5, 100, 5, 1.62348639011842, 11.6683320793227),
        (17, 100, 17, 9.90312646960729, 27.2186468159066),
        (50, 100, 50, 37.1109637374619, 65.9187666643368),
        (500, 100, 500, 457.128576899629, 545.809268565171),
    ]
)


def test_all_of_r_poisson_test_in_one_call() -> None:
    events, exposure, rate, lower, upper = _R_POISSON_TEST.T
    result = incidence_rate(events, exposure)
    np.testing.assert_allclose(result.rate, rate, rtol=1e-12)
    np.testing.assert_allclose(result.lower, lower, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result.upper, upper, rtol=1e-9)


def test_no_events_give_lower_zero_and_the_upper_limit_that_leaves_half_of_alpha() -> None:
    # P(X = 0 | m) = e^-m = 0.025, so m = -ln 0.025, in 50 years per 1,000
    result = incidence_rate(0, 50.0, per=1000.0)
    assert (result.rate, result.lower) == (0.0, 0.0)
    assert result.upper == pytest.approx(-math.log(0.025) * 20)


def test_limits_at_another_level_solve_their_tail_equations() -> None:
    result = incidence_rate(3, 1.0, per=1.0, conf_level=0.80)
    below = sum(result.upper**k * math.exp(-result.upper) / math.factorial(k) for k in range(4))
    above = 1 - sum(result.lower**k * math.exp(-result.lower) / math.factorial(k) for k in range(3))
    assert below == pytest.approx(0.10)  # P(X <= 3 | upper)
    assert above == pytest.approx(0.10)  # P(X >= 3 | lower)


def test_scalars_give_floats_and_a_single_exposure_serves_all_events() -> None:
    assert isinstance(incidence_rate(1, 2.0).rate, float)
    shared = incidence_rate([0, 4], 200.0)
    assert list(np.asarray(shared.rate)) == [0.0, 2.0]


@pytest.mark.parametrize(
    ("events", "exposure", "options", "named"),
    [
        ([1, 2], [1.0, 2.0, 3.0], {}, "events and exposure differ"),
        ([], [], {}, "events is empty"),
        ([-1], [1.0], {}, "events must"),
        ([1.5], [1.0], {}, "events must"),
        ([math.nan], [1.0], {}, "events has"),
        ([1], [0.0], {}, "exposure must"),
        ([1], [-2.0], {}, "exposure must"),
        ([1], [math.inf], {}, "exposure has"),
        ([[1]], [1.0], {}, "events must have one dimension"),
        ([1], [1.0], {"per": 0.0}, "per must"),
        ([1], [1.0], {"conf_level": 1.0}, "conf_level must"),
        ([1], [1.0], {"conf_level": 0.0}, "conf_level must"),
    ],
)
def test_bad_input_is_refused_by_the_argument_s_name(
    events: list[float], exposure: list[float], options: dict[str, float], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        incidence_rate(events, exposure, **options)
