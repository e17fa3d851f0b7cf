"""CUSUMs against R's package success, a plain double loop over the formulas, and cases worked by hand.

The twelve patients of `_ENTRY`, `_FOLLOW_UP` and `_EVENTS` have cumulative baseline hazard 0.01 t^1.2. `_BK` and
`_CGR` are the charts that R success 1.0.1 makes of them (bk_cusum, and cgr_cusum with cmethod "memory" and
maxtheta ln 6), after the jump at each time of failure. No one of them fails on the day of entry, which bk_cusum loses.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.statistics.cusum import bernoulli_cusum, bk_cusum, cgr_cusum
from streams.statistics.cusum_charts import bk_chart

if TYPE_CHECKING:
    from collections.abc import Callable

_ENTRY = [0, 0, 3, 5, 5, 9, 12, 14, 20, 21, 21, 30]
_FOLLOW_UP = [40, 7, 12, 2, 30, 4, 25, 3, 6, 60, 1, 10]
_EVENTS = [1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1]
_TIMES = [7, 13, 17, 22, 35, 37, 40, 81]
_BK = [
    1.38629436111989,
    1.69883689072093,
    2.09841010117419,
    2.44809853602643,
    1.91280051726898,
    2.43592719724148,
    3.62852603491542,
    3.30329011650599,
]
_BK_TIMES_20 = [7, 13, 17, 22, 40]
_BK_20 = [2.19722457733622, 2.53462756408651, 3.04609191254125, 3.54602535253708, 2.99686005313405]  # theta ln 3
_CGR = [
    (2.056836472185938, 6.0),
    (2.548460894197668, 6.0),
    (3.478463836011916, 6.0),
    (4.096101090927880, 6.0),
    (2.432311737783257, 3.25054009035686),
    (3.372048819735043, 3.61645496720673),
    (4.370744140461620, 3.93685487151361),
    (3.264026740174645, 2.54225340685525),
]


def _hazard(days: np.ndarray) -> np.ndarray:
    return 0.01 * days**1.2


def test_bk_chart_of_r_success() -> None:
    path = bk_cusum(_ENTRY, _FOLLOW_UP, _EVENTS, 1.0, _hazard)
    assert list(path.time) == _TIMES
    np.testing.assert_allclose(path.value, _BK, rtol=1e-12)
    assert list(path.failures) == [2, 3, 4, 5, 6, 7, 9, 10]


def test_bk_chart_falls_where_nobody_failed_and_not_below_0() -> None:
    found = bk_chart(np.array([1, 1, 2]), np.array([0.1, 0.3, 2.0]), math.log(2))
    assert found.tolist() == pytest.approx([math.log(2), math.log(2) - 0.2, math.log(2)])


def test_bk_chart_of_r_success_with_a_horizon() -> None:
    path = bk_cusum(_ENTRY, _FOLLOW_UP, _EVENTS, np.ones(12), _hazard, theta=math.log(3), horizon=20)
    assert list(path.time) == _BK_TIMES_20
    np.testing.assert_allclose(path.value, _BK_20, rtol=1e-12)


def test_cgr_chart_of_r_success() -> None:
    path = cgr_cusum(_ENTRY, _FOLLOW_UP, _EVENTS, 1.0, _hazard, max_hazard_ratio=6)
    assert list(path.time) == _TIMES
    np.testing.assert_allclose(np.transpose([path.value, path.hazard_ratio]), _CGR, rtol=1e-12)


def test_bernoulli_chart_by_hand() -> None:
    # p = 0.1 and OR = 2: without an event -ln 1.1, with one ln 2 - ln 1.1; 0 and 0 stay at 0
    up, down = math.log(2 / 1.1), -math.log(1.1)
    path = bernoulli_cusum([0, 1, 0, 1, 0, 0], 0.1, odds_ratio=2.0)
    np.testing.assert_allclose(path, [0, up, up + down, 2 * up + down, 2 * (up + down), 2 * up + 3 * down], rtol=1e-12)


def test_bernoulli_chart_with_each_patient_s_own_probability() -> None:
    # W = x ln 3 - ln(1 + 2p): -ln 1.4, ln 3 - ln 2, ln 3 - ln 1.1, -ln 2.6 (which would end below 0)
    path = bernoulli_cusum([False, True, True, False], [0.2, 0.5, 0.05, 0.8], odds_ratio=3.0)
    after = math.log(1.5) + math.log(3 / 1.1)
    np.testing.assert_allclose(path, [0, math.log(1.5), after, after - math.log(2.6)], rtol=1e-12)


def test_bernoulli_chart_for_fewer_events() -> None:
    # p = 0.5 and OR = 0.5: without an event -ln 0.75, with one ln 0.5 - ln 0.75 = -0.405
    path = bernoulli_cusum([0, 0, 1, 1], 0.5, odds_ratio=0.5)
    up = math.log(4 / 3)
    np.testing.assert_allclose(path, [up, 2 * up, 2 * up - math.log(1.5), 0], rtol=1e-12, atol=1e-15)


def test_bk_chart_by_hand() -> None:
    # Λ₀(t) = t / 10, θ = ln 2. A enters on day 0 (risk 1) and fails on day 4, B enters on day 2 (risk 2), followed to
    # day 8, C enters on day 4 and fails on that very day. Day 4: Λ = 0.4 + 0.4, the chart was at 0, two failures.
    # D enters on day 5 (risk 1) and fails on day 6: Λ = 0.4 + 0.8 + 0 + 0.1, so a fall of 0.5.
    path = bk_cusum([0, 2, 4, 5], [4, 6, 0, 1], [1, 0, 1, 1], [1, 2, 1, 1], lambda days: days / 10)
    assert list(path.time) == [4, 6]
    np.testing.assert_allclose(path.intensity, [0.8, 1.3], rtol=1e-12)
    np.testing.assert_allclose(path.value, [2 * math.log(2), 3 * math.log(2) - 0.5], rtol=1e-12)
    assert list(path.failures) == [2, 3]


def test_bk_chart_seen_until_a_day_knows_nothing_later() -> None:
    whole = bk_cusum(_ENTRY, _FOLLOW_UP, _EVENTS, 1.0, _hazard)
    seen = bk_cusum(_ENTRY, _FOLLOW_UP, _EVENTS, 1.0, _hazard, until=22)
    assert list(seen.time) == [7, 13, 17, 22]
    np.testing.assert_array_equal(seen.value, whole.value[:4])
    assert bk_cusum(_ENTRY, _FOLLOW_UP, _EVENTS, 1.0, _hazard, until=6.5).time.size == 0


def test_a_failure_on_the_horizon_counts_and_one_after_it_does_not() -> None:
    path = bk_cusum([0, 1], [10, 10.5], [1, 1], 1.0, lambda days: days / 100, horizon=10)
    assert list(path.time) == [10]
    np.testing.assert_allclose(path.intensity, [0.19])
    later = cgr_cusum([0, 1], [10, 10.5], [1, 1], 1.0, lambda days: days / 100, horizon=10, at=[30])
    np.testing.assert_allclose(later.hazard_ratio, [1 / 0.2])


def test_cgr_chart_by_hand() -> None:
    # Λ₀(t) = t / 100. Entries on day 0 (two, followed 100 days) and day 50 (two, both fail on day 60).
    # On day 60: since day 50 N = 2, Λ = 0.2; since day 0 N = 2, Λ = 1.4. So start 50, ratio 10, 2 ln 10 - 1.8.
    entry, follow_up, events = [0, 0, 50, 50], [100, 100, 10, 10], [0, 0, 1, 1]
    path = cgr_cusum(entry, follow_up, events, 1.0, lambda days: days / 100)
    assert list(path.time) == [60]
    np.testing.assert_allclose([path.value[0], path.hazard_ratio[0]], [2 * math.log(10) - 1.8, 10], rtol=1e-12)
    assert list(path.start) == [50]
    capped = cgr_cusum(entry, follow_up, events, 1.0, lambda days: days / 100, max_hazard_ratio=4)
    np.testing.assert_allclose([capped.value[0], capped.hazard_ratio[0]], [2 * math.log(4) - 0.6, 4], rtol=1e-12)


def test_a_failure_before_any_could_be_expected_is_infinite_evidence_or_that_of_the_cap() -> None:
    entry, follow_up, events = [0, 7, 7], [30, 0, 0], [0, 1, 1]
    path = cgr_cusum(entry, follow_up, events, 1.0, lambda days: days / 100)
    assert (path.time[0], path.value[0], path.start[0], path.hazard_ratio[0]) == (7, math.inf, 7, math.inf)
    capped = cgr_cusum(entry, follow_up, events, 1.0, lambda days: days / 100, max_hazard_ratio=6, at=[7, 20])
    np.testing.assert_allclose(capped.value, [2 * math.log(6)] * 2, rtol=1e-12)
    np.testing.assert_array_equal(capped.start, [7, 7])


def test_of_equal_evidence_the_earliest_start_is_named() -> None:
    # who enters on day 5 and is not followed adds nothing to N or Λ since day 8
    path = cgr_cusum([0, 5, 8], [10, 0, 2], [0, 0, 1], 1.0, lambda days: days / 100)
    assert list(path.start) == [5]


def test_no_more_than_expected_is_no_evidence() -> None:
    path = cgr_cusum([3, 4], [5, 50], [1, 0], 1.0, lambda days: days / 2.0, at=[1, 3, 8, 60])
    np.testing.assert_array_equal(path.value, 0)
    np.testing.assert_array_equal(path.hazard_ratio, 1)
    np.testing.assert_array_equal(path.start, [np.nan, 3, 3, 3])


def test_times_asked_for_come_back_in_their_order() -> None:
    path = cgr_cusum(_ENTRY, _FOLLOW_UP, _EVENTS, 1.0, _hazard, max_hazard_ratio=6, at=[40, 7, 22])
    assert list(path.time) == [40, 7, 22]
    np.testing.assert_allclose(path.value, [_CGR[6][0], _CGR[0][0], _CGR[3][0]], rtol=1e-12)


def test_a_hazard_of_single_numbers_and_a_constant_one_serve_too() -> None:
    single = bk_cusum(_ENTRY, _FOLLOW_UP, _EVENTS, 1.0, lambda days: 0.01 * math.pow(days, 1.2))
    np.testing.assert_allclose(single.value, _BK, rtol=1e-12)
    none = cgr_cusum(_ENTRY, _FOLLOW_UP, _EVENTS, 1.0, lambda _: 0.0, max_hazard_ratio=6)
    np.testing.assert_allclose(none.value, np.array([2, 3, 4, 5, 6, 7, 9, 10]) * math.log(6), rtol=1e-12)
    assert list(none.start) == [0] * 8


class _Plain:
    """The formulas as they stand: a loop over starts and one over patients."""

    def __init__(self, patients: list[tuple[float, float, int, float]], horizon: float | None) -> None:
        cut = math.inf if horizon is None else horizon
        self.patients = [(e, min(f, cut), x if f <= cut else 0, r) for e, f, x, r in patients]
        self.times = sorted({e + f for e, f, x, _ in self.patients if x})

    def since(self, start: float, time: float) -> tuple[int, float]:
        failures, intensity = 0, 0.0
        for entry, follow_up, event, risk in self.patients:
            if start <= entry <= time:
                failures += event if entry + follow_up <= time else 0
                intensity += risk * 0.01 * min(time - entry, follow_up) ** 1.2
        return failures, intensity

    def bk(self, theta: float) -> list[float]:
        chart, path, before = 0.0, [], (0, 0.0)
        for time in self.times:
            now = self.since(-1, time)
            chart = max(0.0, chart - (math.exp(theta) - 1) * (now[1] - before[1])) + theta * (now[0] - before[0])
            path.append(chart)
            before = now
        return path

    def cgr(self, time: float, cap: float) -> tuple[float, float, float]:
        best = (-1.0, math.nan, 1.0)
        for start in sorted({entry for entry, *_ in self.patients if entry <= time}):
            failures, intensity = self.since(start, time)
            ratio = failures / intensity if intensity else (cap if failures else 1.0)
            ratio = min(max(1.0, ratio), cap)
            value = failures * math.log(ratio) - (ratio - 1) * intensity
            if value > best[0]:
                best = (value, start, ratio)
        return best


@pytest.mark.parametrize("horizon", [None, 40.0])
@pytest.mark.parametrize("whole_days", [True, False])
@pytest.mark.parametrize("worse", [1.0, 4.0])
def test_charts_as_a_plain_double_loop_makes_them(*, horizon: float | None, whole_days: bool, worse: float) -> None:
    rng = np.random.default_rng(11)
    entry, risk = rng.uniform(0, 150, 200), rng.choice([0.5, 1.0, 2.0], 200)
    failure = (rng.exponential(size=200) / (0.01 * risk * np.where(entry > 70, worse, 1.0))) ** (1 / 1.2)
    censored = rng.uniform(0, 120, 200)
    if whole_days:
        entry, failure, censored = np.floor(entry), np.floor(failure), np.floor(censored)
    follow_up, events = np.minimum(failure, censored), (failure <= censored).astype(int)
    patients = list(zip(entry.tolist(), follow_up.tolist(), events.tolist(), risk.tolist(), strict=True))
    plain = _Plain(patients, horizon)

    bk = bk_cusum(entry, follow_up, events, risk, _hazard, theta=0.5, horizon=horizon)
    np.testing.assert_array_equal(bk.time, plain.times)
    np.testing.assert_allclose(bk.value, plain.bk(0.5), rtol=1e-9)

    at = plain.times[::3]
    cgr = cgr_cusum(entry, follow_up, events, risk, _hazard, max_hazard_ratio=6, horizon=horizon, at=at)
    expected = np.array([plain.cgr(time, 6.0) for time in at])
    np.testing.assert_allclose(cgr.value, expected[:, 0], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(cgr.start, expected[:, 1])
    np.testing.assert_allclose(cgr.hazard_ratio, expected[:, 2], rtol=1e-9)


@pytest.mark.parametrize("chart", [bk_cusum, cgr_cusum])
@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"entry": [0.0]}, "entry and follow_up differ"),
        ({"events": [1, 0, 1]}, "entry and events differ"),
        ({"risk": [1.0, 1.0, 1.0]}, "entry and risk differ"),
        ({"entry": [-1.0, 0.0]}, "entry must"),
        ({"follow_up": [-1.0, 0.0]}, "follow_up must"),
        ({"follow_up": [math.nan, 0.0]}, "follow_up has"),
        ({"events": [2, 0]}, "events must"),
        ({"risk": [-1.0, 1.0]}, "risk must"),
        ({"entry": [], "follow_up": [], "events": [], "risk": []}, "entry is empty"),
        ({"horizon": 0.0}, "horizon must"),
        ({"baseline_cumulative_hazard": lambda days: -days}, "baseline_cumulative_hazard gave"),
        ({"baseline_cumulative_hazard": lambda days: np.full(days.size, np.nan)}, "baseline_cumulative_hazard gave"),
        ({"baseline_cumulative_hazard": lambda days: np.append(days, 1.0)}, "baseline_cumulative_hazard gave 3"),
    ],
)
def test_bad_patients_are_refused_by_name(chart: Callable[..., object], changed: dict[str, object], named: str) -> None:
    good = {"entry": [0.0, 1.0], "follow_up": [5.0, 3.0], "events": [1, 0], "risk": [1.0, 1.0]}
    with pytest.raises(ValueError, match=named):
        chart(**{"baseline_cumulative_hazard": lambda days: days / 10, **good, **changed})


@pytest.mark.parametrize(
    ("chart", "option", "value"),
    [
        (bk_cusum, "theta", 0.0),
        (bk_cusum, "theta", -0.5),
        (bk_cusum, "until", -1.0),
        (bk_cusum, "until", math.nan),
        (cgr_cusum, "max_hazard_ratio", 1.0),
        (cgr_cusum, "max_hazard_ratio", math.nan),
        (cgr_cusum, "at", [-1.0]),
        (cgr_cusum, "at", []),
    ],
)
def test_bad_options_are_refused_by_name(chart: Callable[..., object], option: str, value: object) -> None:
    with pytest.raises(ValueError, match=option):
        chart([0.0], [5.0], [1], [1.0], lambda days: days / 10, **{option: value})


@pytest.mark.parametrize(
    ("outcomes", "probabilities", "odds_ratio", "named"),
    [
        ([0, 2], 0.1, 2.0, "outcomes must"),
        ([], 0.1, 2.0, "outcomes is empty"),
        ([0, 1], [0.1], 2.0, "outcomes and probabilities differ"),
        ([0, 1], [0.0, 0.1], 2.0, "probabilities must"),
        ([0, 1], 1.0, 2.0, "probabilities must"),
        ([0, 1], math.nan, 2.0, "probabilities has"),
        ([0, 1], 0.1, 0.0, "odds_ratio must"),
        ([0, 1], 0.1, 1.0, "odds_ratio must"),
    ],
)
def test_bad_outcomes_are_refused_by_name(
    outcomes: list[int], probabilities: float | list[float], odds_ratio: float, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        bernoulli_cusum(outcomes, probabilities, odds_ratio=odds_ratio)
