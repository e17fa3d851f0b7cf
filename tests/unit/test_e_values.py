"""E-values against numerical integration, R, hand-worked limits, and what must hold on average under the null."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import gamma, poisson

from streams.statistics.e_values import _log_upper_gamma
from streams.statistics.sequential import e_benjamini_hochberg, e_detector, poisson_e_process


@pytest.mark.parametrize(
    ("events", "expected", "shape", "rate"),
    [(0, 0.5, 1.0, 0.1), (3, 1.0, 1.0, 0.1), (7, 2.5, 2.0, 0.5), (2, 9.0, 0.5, 1.0), (1, 0.0, 3.0, 2.0)],
)
def test_is_the_mean_likelihood_ratio_over_the_truncated_prior(
    events: int, expected: float, shape: float, rate: float
) -> None:
    prior = gamma(shape, scale=1 / rate)
    mean, _ = quad(lambda r: prior.pdf(r) * r**events * math.exp(-(r - 1) * expected), 1, 60, limit=400)
    rest, _ = quad(lambda r: prior.pdf(r) * r**events * math.exp(-(r - 1) * expected), 60, np.inf)
    assert poisson_e_process(events, expected, shape=shape, rate=rate) == pytest.approx(
        math.log((mean + rest) / prior.sf(1)), rel=1e-7
    )


def test_no_event_of_many_expected_is_no_evidence_and_no_underflow() -> None:
    # with a = 1 and N = 0 all exponentials cancel: E = b / (b + μ)
    assert poisson_e_process(0, 1e4) == pytest.approx(math.log(0.1 / 10_000.1), rel=1e-10)
    assert poisson_e_process(0, 1e7) == pytest.approx(math.log(0.1 / 10_000_000.1), rel=1e-8)


def test_very_many_events_of_few_expected_do_not_overflow() -> None:
    # the truncation at 1 takes away nothing of the posterior: e^μ b Γ(1+N) / (b+μ)^(1+N) / e^-b
    by_hand = 1 + math.log(0.1) + 0.1 + math.lgamma(10_001) - 10_001 * math.log(1.1)
    assert poisson_e_process(10_000, 1.0) == pytest.approx(by_hand, rel=1e-12)


def test_nothing_seen_is_an_e_value_of_one_and_arrays_go_through() -> None:
    assert poisson_e_process(0, 0.0) == pytest.approx(0.0, abs=1e-12)
    found = poisson_e_process([0, 5, 10_000], [0.0, 1.0, 1.0])
    assert isinstance(found, np.ndarray)
    assert list(found) == [poisson_e_process(0, 0.0), poisson_e_process(5, 1.0), poisson_e_process(10_000, 1.0)]
    np.testing.assert_array_equal(poisson_e_process([5, 6], 1.0), [poisson_e_process(n, 1.0) for n in (5, 6)])


def test_the_upper_incomplete_gamma_far_out_as_r_has_it() -> None:
    # R 4.2: pgamma(x, a, lower.tail = FALSE, log.p = TRUE), the regularised function
    a = np.array([1e6, 1e5, 0.5, 1000.0])
    x = np.array([1.04e6, 1.2e5, 800.0, 3000.0])
    by_r = [-783.895313752633, -1772.910584581419, -803.915294833194, -906.454506990074]
    np.testing.assert_allclose(_log_upper_gamma(a, x) - [math.lgamma(v) for v in a], by_r, rtol=1e-8)


@pytest.mark.parametrize("expected", [0.3, 2.0, 40.0])
def test_is_one_on_average_where_as_many_come_as_expected_and_less_where_fewer_come(expected: float) -> None:
    counts = np.arange(10_000)
    log_e = poisson_e_process(counts, expected, rate=2.0)
    log_means = [logsumexp(poisson.logpmf(counts, risk * expected) + log_e) for risk in (1.0, 0.6)]
    assert log_means[0] == pytest.approx(0.0, abs=1e-9)
    assert log_means[1] < 0


def test_which_products_are_rejected_by_hand() -> None:
    # K = 4 at 5 %: needed in falling order 80, 40, 26.7, 20; the third does not reach it, the fourth does
    assert list(e_benjamini_hochberg([21, 90, 25, 45], alpha=0.05)) == [True] * 4
    # 19 does not: the second is then the last that does
    assert list(e_benjamini_hochberg([19, 90, 25, 45], alpha=0.05)) == [False, True, False, True]
    assert list(e_benjamini_hochberg([19.9], alpha=0.05)) == [False]
    assert list(e_benjamini_hochberg([20.0], alpha=0.05)) == [True]
    assert list(e_benjamini_hochberg([math.inf, 0.0], alpha=0.05)) == [True, False]


@pytest.mark.parametrize("room", [1 << 18, 6, 1])
def test_the_detector_is_the_sum_of_a_bet_from_every_period(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.statistics.e_values._ROOM", room)
    events, expected = [1, 0, 4], [0.5, 1.5, 1.0]
    found = e_detector(events, expected, shape=2.0, rate=0.7)
    for period in range(3):
        bets = [
            math.exp(
                float(
                    poisson_e_process(
                        sum(events[start : period + 1]), sum(expected[start : period + 1]), shape=2.0, rate=0.7
                    )
                )
            )
            for start in range(period + 1)
        ]
        assert found[period] == pytest.approx(math.log(sum(bets)), rel=1e-12)


def test_the_detector_s_average_run_length_is_at_least_its_threshold() -> None:
    rng = np.random.default_rng(20)
    threshold, periods, mean = 8.0, 70, 0.8
    first = []
    for _ in range(150):
        signals = np.flatnonzero(e_detector(rng.poisson(mean, periods), np.full(periods, mean)) >= math.log(threshold))
        first.append(signals[0] + 1 if signals.size else periods)  # cut short: the true average is longer still
    assert np.mean(first) > threshold


def test_the_detector_finds_a_late_change_that_a_single_bet_has_lost() -> None:
    # 300 periods with half of what is expected, then 12 with four times as much
    events = np.r_[np.tile([1, 0], 150), np.full(12, 4)]
    expected = np.ones(312)
    assert e_detector(events, expected)[-1] > math.log(1000)
    assert poisson_e_process(events.sum(), expected.sum()) < 0


@pytest.mark.parametrize(
    ("events", "expected", "options", "named"),
    [
        ([1, 2], [1.0, 1.0, 1.0], {}, "events and expected differ"),
        ([], [], {}, "events is empty"),
        ([-1], [1.0], {}, "events must"),
        ([0.5], [1.0], {}, "events must"),
        ([1], [-1.0], {}, "expected must"),
        ([1], [math.nan], {}, "expected has"),
        ([1], [1.0], {"shape": 0.0}, "shape must"),
        ([1], [1.0], {"rate": -1.0}, "rate must"),
    ],
)
def test_bad_input_is_refused_by_name(
    events: list[float], expected: list[float], options: dict[str, float], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        poisson_e_process(events, expected, **options)
    with pytest.raises(ValueError, match=named):
        e_detector(events, expected, **options)


@pytest.mark.parametrize(
    ("values", "alpha", "named"),
    [([], 0.05, "e_values is empty"), ([-1.0], 0.05, "e_values must"), ([math.nan], 0.05, "e_values has")]
    + [([1.0], alpha, "alpha must") for alpha in (0.0, 1.0)],
)
def test_bad_e_values_are_refused_by_name(values: list[float], alpha: float, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        e_benjamini_hochberg(values, alpha=alpha)
