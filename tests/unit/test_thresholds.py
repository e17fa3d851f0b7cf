"""Thresholds by simulation: against run lengths that are exact, and against made-up histories worked by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.statistics.cusum import (
    History,
    bernoulli_cusum_arl,
    bernoulli_history,
    bk_history,
    cgr_history,
    threshold_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def _handed_out(histories: list[History]) -> Callable[[np.random.Generator], History]:
    left = iter(histories)
    return lambda _: next(left)


def test_the_limits_cover_the_threshold_that_is_exact() -> None:
    found = threshold_for(bernoulli_history(0.05, odds_ratio=2.0, patients=3000), run_length=800.0, histories=500)
    lower, value, upper = (
        bernoulli_cusum_arl(0.05, threshold, odds_ratio=2.0) for threshold in (found.lower, found.value, found.upper)
    )
    assert lower < 800 < upper
    assert value == pytest.approx(800, rel=0.15)


def test_a_share_of_false_alarms_by_hand() -> None:
    # highest values 1 to 100: at most 10 may signal, so 90 must not; 90 ± 1.96·√(100·0.1·0.9) are 5.88 places away
    made = [History(np.arange(3.0), np.array([0.0, top, 0.5]), 3.0) for top in range(1, 101)]
    found = threshold_for(_handed_out(made), false_alarms=0.1, histories=100)
    assert found.value == pytest.approx(90)
    assert found.value > 90
    assert (found.lower, found.upper) == (84.0, 96.0)
    assert (found.histories, found.signals) == (100, 10)


def test_a_run_length_by_hand() -> None:
    # All of 400 histories of length 100 reach 1 at time 2 and 3 at time 10, and 100 of them 5 at time 50: run lengths
    # 2, 10 and (100 · 50 + 300 · 100) / 100 = 350
    charts = [np.array([1.0, 3.0, 5.0 if number < 100 else 2.0]) for number in range(400)]
    made = [History(np.array([2.0, 10.0, 50.0]), chart, 100.0) for chart in charts]
    for wanted, threshold in ((1.5, 1.0), (5.0, 3.0), (200.0, 5.0)):
        found = threshold_for(_handed_out(made), run_length=wanted, histories=400)
        assert found.value == threshold
        assert found.lower <= found.value <= found.upper


def test_the_same_seed_gives_the_same_threshold() -> None:
    method = bernoulli_history([0.02, 0.1], odds_ratio=2.0, patients=400)
    first, again, other = (threshold_for(method, false_alarms=0.2, histories=200, seed=seed) for seed in (5, 5, 6))
    assert first == again
    assert first != other


@pytest.mark.parametrize("chart", ["bk", "cgr"])
def test_other_histories_signal_about_as_often_as_was_wanted(chart: str) -> None:
    def hazard(days: np.ndarray) -> np.ndarray:
        return 0.001 * days

    risk = [0.7, 1.0, 1.5]
    method = (
        bk_history(0.3, 400.0, risk, hazard, horizon=90.0)
        if chart == "bk"
        else cgr_history(0.3, 400.0, risk, hazard, horizon=90.0, max_hazard_ratio=6.0)
    )
    found = threshold_for(method, false_alarms=0.2, histories=400)
    rng = np.random.default_rng(99)
    signals = np.mean([method(rng).value.max(initial=0.0) >= found.value for _ in range(400)])
    assert abs(signals - 0.2) < 0.1  # 3.5 standard errors of the difference of two such shares


def test_a_history_without_patients_never_signals() -> None:
    history = bk_history(1e-9, 1.0, 1.0, lambda days: days)(np.random.default_rng(1))
    assert history.value.size == 0


def test_histories_too_few_or_too_short_are_told() -> None:
    with pytest.raises(ValueError, match="too few"):
        threshold_for(bernoulli_history(0.1, odds_ratio=2.0, patients=50), false_alarms=0.01, histories=100)
    with pytest.raises(ValueError, match="too short"):
        threshold_for(bernoulli_history(0.1, odds_ratio=2.0, patients=50), run_length=1e6, histories=100)


def test_bad_wishes_are_refused_by_name() -> None:
    method = bernoulli_history(0.1, odds_ratio=2.0, patients=5)
    with pytest.raises(ValueError, match="either run_length or false_alarms"):
        threshold_for(method)
    with pytest.raises(ValueError, match="either run_length or false_alarms"):
        threshold_for(method, run_length=5.0, false_alarms=0.1)
    with pytest.raises(ValueError, match="run_length must"):
        threshold_for(method, run_length=0.0)
    with pytest.raises(ValueError, match="false_alarms must"):
        threshold_for(method, false_alarms=1.0)
    with pytest.raises(ValueError, match="histories must"):
        threshold_for(method, run_length=5.0, histories=0)
    with pytest.raises(ValueError, match="patients must"):
        bernoulli_history(0.1, odds_ratio=2.0, patients=0)
    with pytest.raises(ValueError, match="per_day must"):
        bk_history(0.0, 10.0, 1.0, lambda days: days)
    with pytest.raises(ValueError, match="days must"):
        cgr_history(1.0, 0.0, 1.0, lambda days: days)
