"""Run lengths against the project's reference fixtures, a chain worked by hand and a simulation.

`_TRUTH` are the rows of bernoulli_cusum_arl_truth.csv: probability, odds ratio, threshold, and the run lengths without
and with that odds ratio, simulated (with standard error) and on a grid of 20,001 points. `_SPC` are the rows of
spc_cusum_arl_expected.csv (R spc's xcusum.arl): mean, run lengths of the one-sided and the two-sided chart with
reference 0.25 and threshold 2.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from streams.statistics.cusum import bernoulli_cusum_arl, normal_cusum_arl
from streams.statistics.run_length import _lattice_run_length

_TRUTH = [
    (0.01, 1.5, 2.5, (10942.6, 117.87, 11077.8), (1611.1, 8.38, 1609.5)),
    (0.01, 1.5, 4.0, (61924.1, 673.85, 61592.1), (2942.3, 13.54, 2966.7)),
    (0.01, 2.0, 2.5, (3901.0, 41.71, 3865.1), (479.4, 2.56, 480.0)),
    (0.01, 2.0, 4.0, (20875.1, 230.26, 21115.3), (861.9, 4.1, 863.9)),
]
_SPC = [
    (0.0, 18.1869529689671, 9.09347648448355),
    (0.5, 6.31770839237152, 5.92118963102074),
    (1.0, 3.39316374065122, 3.37820257001434),
    (2.0, 1.75960865622689, 1.75957017592369),
]


@pytest.mark.parametrize(("probability", "odds_ratio", "threshold", "without", "with_it"), _TRUTH)
def test_run_lengths_of_the_reference(
    probability: float,
    odds_ratio: float,
    threshold: float,
    without: tuple[float, float, float],
    with_it: tuple[float, float, float],
) -> None:
    for true_odds_ratio, (simulated, std_err, on_grid) in ((1.0, without), (odds_ratio, with_it)):
        found = bernoulli_cusum_arl(probability, threshold, odds_ratio=odds_ratio, true_odds_ratio=true_odds_ratio)
        assert found == pytest.approx(on_grid, rel=0.005)
        assert abs(found - simulated) < 3 * std_err


def _simulated(
    probability: float, threshold: float, odds_ratio: float, true_odds_ratio: float, charts: int = 20_000
) -> tuple[float, float]:
    rng = np.random.default_rng(7)
    event = true_odds_ratio * probability / (1 - probability + true_odds_ratio * probability)
    without = -math.log(1 - probability + odds_ratio * probability)
    chart, length = np.zeros(charts), np.zeros(charts)
    running, patients = np.arange(charts), 0
    while running.size:
        patients += 1
        steps = np.where(rng.random(running.size) < event, without + math.log(odds_ratio), without)
        chart[running] = np.maximum(0, chart[running] + steps)
        signals = chart[running] >= threshold - 1e-10
        length[running[signals]] = patients
        running = running[~signals]
    return float(length.mean()), float(length.std() / math.sqrt(charts))


@pytest.mark.parametrize(
    ("probability", "threshold", "odds_ratio", "true_odds_ratio"),
    [
        (0.2, 1.5, 5.0, 1.0),  # few places, far apart
        (0.2, 2 * math.log(2 / 1.2), 2.0, 1.0),  # two events in a row meet the threshold exactly
        (0.6, 1.7, 3.0, 1.0),
        (0.15, 1.0, 1.2, 1.2),
        (0.1, 2.5, 2.0, math.sqrt(2)),  # the chart drifts nowhere
        (0.1, 1.2, 0.5, 1.0),  # looks for fewer events
        (0.1, 2.0, 0.5, 0.5),
        (0.3, 2.0, 0.2, 1.0),
    ],
)
def test_run_lengths_as_simulated(
    probability: float, threshold: float, odds_ratio: float, true_odds_ratio: float
) -> None:
    mean, std_err = _simulated(probability, threshold, odds_ratio, true_odds_ratio)
    found = bernoulli_cusum_arl(probability, threshold, odds_ratio=odds_ratio, true_odds_ratio=true_odds_ratio)
    assert abs(found - mean) < 4 * std_err


def test_a_chart_that_the_first_event_ends_waits_for_that_event() -> None:
    assert bernoulli_cusum_arl(0.2, 0.1, odds_ratio=3.0) == pytest.approx(5.0)
    # p = 0.001 and odds of 4/999: probability 4/1003
    assert bernoulli_cusum_arl(0.001, 0.1, odds_ratio=3.0, true_odds_ratio=4.0) == pytest.approx(1003 / 4)


def test_a_chart_for_fewer_events_that_one_patient_without_ends() -> None:
    # a patient without an event adds -ln(1 - 0.2 / 2) = 0.105
    assert bernoulli_cusum_arl(0.2, 0.1, odds_ratio=0.5) == pytest.approx(1 / 0.8)


def test_two_events_without_a_return_to_zero_between_by_hand() -> None:
    # W is ln 2 - ln 1.25 = 0.470 with an event (p = 0.25) and -0.223 without. From 0.470 two patients without come
    # to 0.024 and a third to 0; an event after none, one or two of them reaches at least 0.494, above the threshold.
    # With f = 3/4: P(signal before 0) = p (1 - f^3), and a cycle has 1 + p (1 + f + f^2) patients.
    p, f = 0.25, 0.75
    by_hand = (1 + p * (1 + f + f**2)) / (p * (1 - f**3))
    assert bernoulli_cusum_arl(p, 0.49, odds_ratio=2.0) == pytest.approx(by_hand, rel=1e-9)


@pytest.mark.parametrize("true_odds_ratio", [1.0, 1.1])
@pytest.mark.parametrize("probability", [0.001, 0.2])
def test_the_lattice_of_long_problems_agrees_with_all_places(probability: float, true_odds_ratio: float) -> None:
    odds_ratio, threshold = 1.1, 3.0
    event = true_odds_ratio * probability / (1 - probability + true_odds_ratio * probability)
    jump, drift = math.log(odds_ratio), math.log1p(probability * (odds_ratio - 1))
    coarse, fine = (_lattice_run_length(event, jump, drift, threshold, cells, rises=True) for cells in (40, 80))
    exact = bernoulli_cusum_arl(probability, threshold, odds_ratio=odds_ratio, true_odds_ratio=true_odds_ratio)
    assert fine**2 / coarse == pytest.approx(exact, rel=2e-3)


def test_a_threshold_of_hundreds_of_steps_has_the_run_length_of_brownian_motion() -> None:
    # Steps are small (about 0.02), so a diffusion serves: with drift m = v/2 per patient towards the signal,
    # E = 2 (h + e^-h - 1) / v, and with that drift away from it 2 (e^h - h - 1) / v (Cox & Miller 1965), where the
    # overshoot of about 0.583 steps lengthens h (Siegmund 1985)
    p, odds_ratio, threshold = 0.3, 1.02, 5.0
    step = math.log(odds_ratio) * math.sqrt(p * (1 - p))
    h = threshold + 2 * 0.583 * step
    away = 2 * (math.exp(h) - h - 1) / step**2
    towards = 2 * (h + math.exp(-h) - 1) / step**2
    assert bernoulli_cusum_arl(p, threshold, odds_ratio=odds_ratio) == pytest.approx(away, rel=0.01)
    found = bernoulli_cusum_arl(p, threshold, odds_ratio=odds_ratio, true_odds_ratio=odds_ratio)
    assert found == pytest.approx(towards, rel=0.01)


def test_what_a_float_cannot_tell_is_infinite() -> None:
    assert bernoulli_cusum_arl(0.5, 6.0, odds_ratio=1.1, true_odds_ratio=0.001) == math.inf


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"probability": 0.0}, "probability must"),
        ({"probability": 1.0}, "probability must"),
        ({"threshold": 0.0}, "threshold must"),
        ({"threshold": math.inf}, "threshold must"),
        ({"odds_ratio": 1.0}, "odds_ratio must"),
        ({"odds_ratio": -2.0}, "odds_ratio must"),
        ({"true_odds_ratio": 0.0}, "true_odds_ratio must"),
        ({"true_odds_ratio": math.nan}, "true_odds_ratio must"),
    ],
)
def test_bad_charts_are_refused_by_name(arguments: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        bernoulli_cusum_arl(**{"probability": 0.1, "threshold": 2.0, "odds_ratio": 2.0, **arguments})


@pytest.mark.parametrize(("mean", "one_sided", "two_sided"), _SPC)
def test_normal_run_lengths_of_r_spc(mean: float, one_sided: float, two_sided: float) -> None:
    assert normal_cusum_arl(2.0, reference=0.25, mean=mean) == pytest.approx(one_sided, rel=1e-9)
    assert normal_cusum_arl(2.0, reference=0.25, mean=mean, two_sided=True) == pytest.approx(two_sided, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"threshold": -1.0}, "threshold must"),
        ({"reference": -0.5}, "reference must"),
        ({"mean": math.inf}, "mean must"),
    ],
)
def test_bad_normal_charts_are_refused_by_name(arguments: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        normal_cusum_arl(**{"threshold": 4.0, "reference": 0.5, **arguments})  # type: ignore[arg-type]
