"""MaxSPRT against R's package Sequential, an independent calculation of the size, and cases worked by hand.

`_POISSON` and `_BINOMIAL` have all rows of the project's reference fixtures maxsprt_poisson_cv.csv and
maxsprt_binomial_cv.csv, and further runs of CV.Poisson and CV.Binomial, all by Sequential 4.5.1, tolerance 1e-5. R
rounds binomial values up to five decimals, and gives values to about seven digits.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from streams.statistics.sequential import (
    binomial_maxsprt_critical_value,
    binomial_maxsprt_llr,
    poisson_maxsprt_critical_value,
    poisson_maxsprt_llr,
)

_POISSON = [  # upper limit, delay, fewest events, alpha, critical value
    (1, 0, 1, 0.05, 2.85393714904785),
    (2, 0, 1, 0.05, 3.0469774628286),
    (5, 0, 1, 0.05, 3.29718279728549),
    (10, 0, 1, 0.05, 3.46795158033368),
    (0.1, 0, 1, 0.05, 2.044069),
    (0.5, 0, 1, 0.01, 4.48374),
    (3.3, 0, 2, 0.05, 2.864139),
    (7.7, 1.2, 1, 0.05, 2.685698),
    (25.5, 3, 1, 0.01, 4.630713),
    (33, 5.5, 4, 0.025, 3.585921),
    (60.5, 0, 10, 0.001, 7.486477),
    (150.5, 10, 1, 0.05, 3.239646),
    (220, 0, 1, 0.05, 4.090943),
    (20, 4, 3, 0.05, 2.717137),
    (5, 3, 1, 0.05, 1.936447),  # no exact alpha: 5 events are allowed at the first look, 6 too seldom
    (10, 2, 1, 0.02, 3.615599),
    (4, 0.3, 1, 0.3, 0.8153056),
]
_BINOMIAL = [  # trials, controls for each, fewest cases, alpha, critical value, size
    (10, 1, 1, 0.05, 2.77259, 0.041015625),
    (10, 1, 3, 0.05, 2.77259, 0.041015625),
    (20, 1, 1, 0.05, 3.09884, 0.0461368560791016),
    (20, 1, 3, 0.05, 3.09884, 0.0461368560791016),
    (30, 1, 1, 0.05, 3.39139, 0.0499610370025039),
    (30, 1, 3, 0.05, 3.39139, 0.0499610370025039),
    (15, 2, 1, 0.05, 3.19516, 0.0498599),
    (40, 0.5, 1, 0.05, 3.24373, 0.04728723),
    (40, 3, 4, 0.01, 4.79047, 0.00972784),
    (50, 1, 1, 0.05, 3.46574, 0.0388046),
    (10, 50, 1, 0.05, 2.06189, 0.04839597),
    (100, 2, 1, 0.001, 7.69029, 0.000800139),
]


@pytest.mark.parametrize(("upper_limit", "delay", "min_events", "alpha", "expected"), _POISSON)
def test_poisson_critical_values_of_r_sequential(
    upper_limit: float, delay: float, min_events: int, alpha: float, expected: float
) -> None:
    found = poisson_maxsprt_critical_value(upper_limit, alpha=alpha, min_events=min_events, delay=delay)
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("row", _BINOMIAL)
def test_binomial_critical_values_of_r_sequential(row: tuple[int, float, int, float, float, float]) -> None:
    trials, ratio, min_events, alpha, expected, size = row
    found = binomial_maxsprt_critical_value(trials, ratio, alpha=alpha, min_events=min_events)
    assert found.value == pytest.approx(expected, abs=1e-5)
    assert found.exact_alpha == pytest.approx(size, abs=1e-8)


def _size(value: float, upper_limit: float, *, min_events: int, delay: float, parts: int) -> float:
    """The size of the test, by moving all counts on in small steps of the expected count: slow and plain."""
    step = upper_limit / parts
    most = int(upper_limit + 12 * math.sqrt(upper_limit)) + 12
    arrive = [math.exp(-step) * step**k / math.factorial(k) for k in range(12)]
    states = [1.0] + [0.0] * most
    signalled = 0.0
    for part in range(1, parts + 1):
        mean = part * step
        moved = [sum(states[c - k] * arrive[k] for k in range(min(c, 11) + 1)) for c in range(most + 1)]
        for c in range(most + 1):
            # an event in this step came at its middle, on average; a first look sees all events so far
            at = mean if mean - step < delay <= mean else mean - step / 2
            if c >= min_events and mean >= delay and c > at and at - c + c * math.log(c / at) >= value:
                signalled += moved[c]
                moved[c] = 0.0
        states = moved
    return signalled


@pytest.mark.parametrize(
    ("upper_limit", "min_events", "delay", "alpha"),
    [(2.0, 1, 0.0, 0.05), (3.0, 2, 1.0, 0.02), (4.0, 3, 0.0, 0.01)],
)
def test_the_size_at_the_critical_value_is_alpha(
    upper_limit: float, min_events: int, delay: float, alpha: float
) -> None:
    value = poisson_maxsprt_critical_value(upper_limit, alpha=alpha, min_events=min_events, delay=delay)
    assert _size(value, upper_limit, min_events=min_events, delay=delay, parts=600) == pytest.approx(alpha, rel=0.02)


def test_a_single_look_allows_the_most_events_that_alpha_does() -> None:
    # P(X >= 19 | 12) = 0.0374 and P(X >= 18 | 12) = 0.0630, so 18 must not signal: LLR(18, 12) = 18 ln 1.5 - 6
    value = poisson_maxsprt_critical_value(12.0, delay=12.0)
    assert value == pytest.approx(18 * math.log(1.5) - 6, abs=1e-6)
    assert poisson_maxsprt_llr(18, 12.0) < value < poisson_maxsprt_llr(19, 12.0)


def test_where_alpha_is_not_attainable_the_smallest_value_with_a_size_below_it() -> None:
    # At 2 expected P(X >= 5) = 0.0527, so 5 must not signal: LLR(5, 2) = 5 ln 2.5 - 3. Six by 2.5 expected signal
    # whenever they come, since LLR(6, 2.5) = 6 ln 2.4 - 3.5 is more; P(X >= 6 | 2.5) = 0.0420.
    assert poisson_maxsprt_critical_value(2.5, delay=2.0) == pytest.approx(5 * math.log(2.5) - 3, abs=1e-6)


@pytest.mark.parametrize(("upper_limit", "alpha"), [(0.01, 1e-3), (0.001, 1e-5)])
def test_a_small_upper_limit_can_be_done_by_hand(upper_limit: float, alpha: float) -> None:
    # Two events always signal, since LLR(2, upper limit) is larger still; one does until m, its boundary time. No
    # signal: none until m and at most one after it, e^-T (1 + T - m) = 1 - alpha
    m = 1 + upper_limit - (1 - alpha) * math.exp(upper_limit)
    value = poisson_maxsprt_critical_value(upper_limit, alpha=alpha)
    assert value == pytest.approx(m - 1 - math.log(m), abs=1e-7)
    assert value < 2 * math.log(2 / upper_limit) - 2


@pytest.mark.parametrize(("upper_limit", "min_events"), [(0.05, 1), (1.0, 4), (10.0, 17)])
def test_no_poisson_boundary_where_the_fewest_events_are_rarer_than_alpha(upper_limit: float, min_events: int) -> None:
    # P(X >= 1 | 0.05) = 0.0488, P(X >= 4 | 1) = 0.0190, P(X >= 17 | 10) = 0.0270
    with pytest.raises(ValueError, match="no boundary exists"):
        poisson_maxsprt_critical_value(upper_limit, min_events=min_events)


@pytest.mark.parametrize(("trials", "ratio", "min_events"), [(4, 1.0, 1), (10, 500.0, 1), (10, 1.0, 9), (5, 1.0, 6)])
def test_no_binomial_boundary(trials: int, ratio: float, min_events: int) -> None:
    # 0.5^4 = 0.0625; P(X >= 1 | 10, 1/501) = 0.0198; P(X >= 9 | 10, 1/2) = 0.0107; 6 cases among 5 trials
    with pytest.raises(ValueError, match="no boundary exists"):
        binomial_maxsprt_critical_value(trials, ratio, min_events=min_events)


def test_a_binomial_value_lies_just_above_the_ratio_that_must_not_signal() -> None:
    # 4 cases of 4: probability 1/16, too much; the next ratio is 8 of 9
    found = binomial_maxsprt_critical_value(10, 1.0)
    assert found.value == pytest.approx(4 * math.log(2), rel=1e-9)
    assert binomial_maxsprt_llr(4, 4, 1.0) < found.value < binomial_maxsprt_llr(8, 9, 1.0)


def test_poisson_ratios_by_hand() -> None:
    # 3 against 1: -2 + 3 ln 3; nothing for as many as expected or fewer; infinite where none was expected
    found = poisson_maxsprt_llr([3, 1, 0, 0, 2], [1.0, 1.0, 2.0, 0.0, 0.0])
    np.testing.assert_allclose(found, [-2 + 3 * math.log(3), 0, 0, 0, np.inf], rtol=1e-12)
    assert isinstance(poisson_maxsprt_llr(3, 1.0), float)
    np.testing.assert_allclose(poisson_maxsprt_llr([1, 2], 1.0), [0, 2 * math.log(2) - 1], rtol=1e-12)


def test_binomial_ratios_by_hand() -> None:
    # p = 1/3: 3 of 3: 3 ln 3; 1 of 2: ln 1.5 + ln 0.75; 0 of 2 and 1 of 3 (just as expected): 0; no trial yet: 0
    found = binomial_maxsprt_llr([3, 1, 0, 1, 0], [3, 2, 2, 3, 0], 2.0)
    np.testing.assert_allclose(found, [3 * math.log(3), math.log(1.5 * 0.75), 0, 0, 0], rtol=1e-12, atol=1e-15)
    assert isinstance(binomial_maxsprt_llr(3, 3, 2.0), float)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"upper_limit": 0.0}, "upper_limit must"),
        ({"upper_limit": math.nan}, "upper_limit must"),
        ({"alpha": 0.0}, "alpha must"),
        ({"alpha": 1.0}, "alpha must"),
        ({"min_events": 0}, "min_events must"),
        ({"min_events": 1.5}, "min_events must"),
        ({"delay": -1.0}, "delay must"),
        ({"delay": 5.5}, "delay must"),
        ({"delay": math.nan}, "delay must"),
    ],
)
def test_bad_plans_of_the_poisson_test(options: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        poisson_maxsprt_critical_value(**{"upper_limit": 5.0, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("trials", "ratio", "options", "named"),
    [
        (0, 1.0, {}, "trials must"),
        (2.5, 1.0, {}, "trials must"),
        (10, 0.0, {}, "matching_ratio must"),
        (10, 1.0, {"alpha": 1.5}, "alpha must"),
        (10, 1.0, {"min_events": 0}, "min_events must"),
    ],
)
def test_bad_plans_of_the_binomial_test(trials: int, ratio: float, options: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        binomial_maxsprt_critical_value(trials, ratio, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("events", "expected", "named"),
    [
        ([1, 2], [1.0, 1.0, 1.0], "events and expected differ"),
        ([], [], "events is empty"),
        ([-1], [1.0], "events must"),
        ([0.5], [1.0], "events must"),
        ([1], [-1.0], "expected must"),
        ([1], [math.nan], "expected has"),
    ],
)
def test_bad_counts_are_refused_by_name(events: list[float], expected: list[float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        poisson_maxsprt_llr(events, expected)


@pytest.mark.parametrize(
    ("cases", "trials", "ratio", "named"),
    [
        ([2], [1], 1.0, "cases must not"),
        ([1], [1], 0.0, "matching_ratio must"),
        ([1, 1], [1], 1.0, "cases and trials differ"),
        ([1.5], [2], 1.0, "cases must"),
        ([1], [1.5], 1.0, "trials must"),
        ([1], [2], math.inf, "matching_ratio has"),
    ],
)
def test_bad_cases_are_refused_by_name(cases: list[float], trials: list[float], ratio: float, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        binomial_maxsprt_llr(cases, trials, ratio)
