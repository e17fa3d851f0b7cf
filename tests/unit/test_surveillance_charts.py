"""Charts of a product's exposures, against the textbook's functions and a plain recomputation of every exposure."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from streams.statistics.cusum import bernoulli_cusum, bk_cusum, cgr_cusum
from streams.statistics.sequential import e_detector
from streams.surveillance import charts as charts_module
from streams.surveillance.bins import OPEN, Bin
from streams.surveillance.charts import Chart, Charts, charts
from streams.surveillance.early import early_outcomes
from streams.surveillance.evidence import hindsight
from streams.surveillance.expected import Baseline
from streams.surveillance.extent import compared_with, rows_of
from streams.surveillance.intervals import INTERVALS, YEAR
from streams.surveillance.monitor import Monitor
from streams.surveillance.person_time import PersonTime
from streams.surveillance.present import Present, present

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FLAT = Monitor("cup", "a1b2", Baseline("flat", (2.0,)))
OTHERS = Monitor("cup", "a1b2", Baseline("contemporary", (2.0,)), unit_shape=2.0)
# put in every sixth day, five reoperated: interop_scenario_input.csv
INTEROP = {6 * implant: None for implant in range(30)} | {12: 112, 36: 141, 66: 161, 90: 200, 120: 212}


def kind(
    product: str, start: int, stop: int | None = None, *, unit: str = "U", stratum: str = "F", event: bool = True
) -> Bin:
    return Bin(product, "", unit, (stratum,), start, OPEN if stop is None else stop, event and stop is not None)


def known(kinds: Iterable[Bin], through: Mapping[str, int]) -> PersonTime:
    sums = PersonTime()
    sums.report(through)
    for one in kinds:
        sums.add({one: 1})
    return sums


def drawn(sums: PersonTime, monitor: Monitor, product: str = "BAD") -> Charts:
    now = present(sums, monitor, product)
    return charts(sums, rows_of(sums, monitor, product), now, hindsight(sums, monitor, product, now=now))


def at(chart: Chart, days: Sequence[int]) -> list[float]:
    """The chart on some days of its own, at their end."""
    return [float(chart.value[np.flatnonzero(chart.days == day)[-1]]) for day in days]


def early(sums: PersonTime, monitor: Monitor, now: Present | None = None) -> Chart:
    rows, compared = rows_of(sums, monitor, "BAD"), compared_with(sums, monitor, "BAD")
    return early_outcomes(sums, monitor, rows, compared, now or present(sums, monitor, "BAD"))


def interop() -> PersonTime:
    return known((kind("BAD", start, stop) for start, stop in INTEROP.items()), {"U": 212})


def test_the_charts_of_interop_by_hand() -> None:
    found = drawn(interop(), FLAT)
    # expected by then 0.06034, 0.09303, 0.11893, 0.17544, 0.19253 (interop_scenario_expected.csv): each outcome adds
    # ln 2, and twice the hazard takes away what was expected since
    bk = [math.log(2)]
    for due in (0.09303217 - 0.06034223, 0.11893224 - 0.09303217, 0.17544148 - 0.11893224, 0.19252567 - 0.17544148):
        bk.append(bk[-1] - due + math.log(2))
    assert at(found.bk, [112, 141, 161, 200, 212]) == pytest.approx(bk, abs=1e-6)
    assert found.bk.reached(2.0) == 161
    assert found.bk.reached(9.9) is None
    # the ratio is at its cap: 5 ln 6 less 5 times what was expected of those put in from day 12, the first that fails
    due = 0.19252567 - 0.02 * (212 + 206) / YEAR
    assert found.cgr.value[-1] == pytest.approx(5 * math.log(6) - 5 * due, abs=1e-6)
    assert (found.since, found.hazard_ratio) == (12, 6.0)
    # quarters end on days 89 and 180; the last is not over
    assert found.detector.days.tolist() == [89, 180, 212]


def test_one_stratum_is_what_the_statistics_make_of_it() -> None:
    entry = np.array(list(INTEROP), dtype=float)
    failed = np.array([stop is not None for stop in INTEROP.values()])
    follow_up = np.array([212 if stop is None else stop for stop in INTEROP.values()]) - entry
    # by month 3 at 40 per 100 component-years, then 10: outcomes within 91 days are none, so no chart is simple
    declared = Monitor("cup", "a1b2", Baseline("declared", (40.0, 10.0, *(1.0,) * (INTERVALS - 2))))
    bounds, total = [0, 91, 182, 365], np.cumsum([0, 91 * 40, 91 * 10, 183]) / (100 * YEAR)

    def hazard(days: Floats) -> Floats:
        found: Floats = np.interp(days, bounds, total)
        return found

    found = drawn(interop(), declared)
    bk = bk_cusum(entry, follow_up, failed, 1.0, hazard)
    cgr = cgr_cusum(entry, follow_up, failed, 1.0, hazard, max_hazard_ratio=6.0)
    assert at(found.bk, [112, 141, 161, 200, 212]) == pytest.approx(bk.value.tolist(), abs=1e-6)
    assert at(found.cgr, [112, 141, 161, 200, 212]) == pytest.approx(cgr.value.tolist(), abs=1e-6)
    assert found.since == cgr.start[-1]
    assert found.hazard_ratio == pytest.approx(cgr.hazard_ratio[-1])
    assert 1 < found.hazard_ratio < 6
    ends = np.array([89, 180, 212])
    due = [hazard(np.minimum(np.maximum(end - entry, 0), follow_up)).sum() for end in ends]
    detector = e_detector([0, 3, 2], np.diff(due, prepend=0.0))
    assert found.detector.value.tolist() == pytest.approx(detector.tolist(), abs=1e-6)


class Patient(NamedTuple):
    start: int
    stop: int
    failed: bool
    unit: str
    stratum: str


BOUNDS = (91, 182, 365, 730, 1_095)


def patients() -> list[Patient]:
    rng = random.Random(4)
    found = []
    for _ in range(80):
        start = rng.randint(1_000, 1_900)
        stop = rng.choice([OPEN, OPEN, start + rng.randint(0, 700)])
        found.append(Patient(start, stop, stop < OPEN and rng.random() < 0.6, rng.choice("UVW"), rng.choice("FM")))
    return found


THROUGH = {"U": 2_100, "V": 1_990, "W": 2_061}


def registry(order: int) -> PersonTime:
    kinds = [
        kind("BAD", one.start, one.stop, unit=one.unit, stratum=one.stratum, event=one.failed) for one in patients()
    ]
    rng = random.Random(9)
    for number in range(300):
        start = rng.randint(900, 1_900)
        failed = number % 6 == 0
        kinds.append(
            kind("GOOD", start, start + rng.randint(0, 900) if failed else None, unit=rng.choice("UVW"),
                 stratum=rng.choice("FFM"))
        )  # fmt: skip
    random.Random(order).shuffle(kinds)
    return known(kinds, THROUGH)


def test_strata_and_units_that_differ_are_as_a_plain_recomputation_has_them() -> None:
    sums = registry(1)
    now = present(sums, OTHERS, "BAD")
    hazards = {
        labels[0]: now.compared.hazard[0][INTERVALS * place : INTERVALS * (place + 1)].tolist()
        for place, labels in enumerate(sums.bins.strata.all)
    }
    factors = dict(zip(sums.bins.units.all, now.factors.tolist(), strict=True))
    assert len(set(factors.values())) == 3

    def due(one: Patient, day: int) -> float:
        last = min(day, THROUGH[one.unit], one.stop)
        ages = range(last - one.start)
        return math.fsum(
            factors[one.unit] * hazards[one.stratum][sum(age >= bound for bound in BOUNDS)] for age in ages
        )

    everybody = patients()
    days = sorted({one.stop for one in everybody if one.failed})
    assert any(one.failed and one.stop > THROUGH[one.unit] for one in everybody)  # counts at once
    bk, chart, cgr, before = [], 0.0, [], (0, 0.0)
    for day in days:
        by_entry = {
            one.start: (
                sum(other.failed and other.stop <= day for other in everybody if other.start >= one.start),
                sum(due(other, day) for other in everybody if other.start >= one.start),
            )
            for one in everybody
        }
        failures, expected = by_entry[min(by_entry)]
        chart = max(0.0, chart - (expected - before[1])) + math.log(2) * (failures - before[0])
        bk.append(chart)
        before = (failures, expected)
        ratios = {k: min(6.0, max(1.0, n / mean if mean else 6.0)) for k, (n, mean) in by_entry.items() if n}
        cgr.append(max(by_entry[k][0] * math.log(ratio) - (ratio - 1) * by_entry[k][1] for k, ratio in ratios.items()))
    found = drawn(sums, OTHERS)
    assert at(found.bk, days) == pytest.approx(bk, abs=1e-5)
    assert at(found.cgr, days) == pytest.approx(cgr, abs=1e-5)
    assert max(cgr) > 0.5


def test_they_are_the_same_in_any_order_and_whatever_is_worked_out_together(monkeypatch: pytest.MonkeyPatch) -> None:
    found = drawn(registry(1), OTHERS)
    others = [drawn(registry(2), OTHERS)]
    monkeypatch.setattr(charts_module, "_ROOM", 1)
    others.append(drawn(registry(1), OTHERS))
    for other in others:
        for one, same in ((found.bk, other.bk), (found.cgr, other.cgr), (found.detector, other.detector)):
            assert one.days.tolist() == same.days.tolist()
            assert one.value.tolist() == same.value.tolist()
        assert (found.since, found.hazard_ratio) == (other.since, other.hazard_ratio)


def test_the_chart_falls_to_now_and_a_day_reached_stays() -> None:
    sums = interop()
    sums.report({"U": 212 + 3_653})
    found = drawn(sums, FLAT)
    assert found.bk.value[-1] == 0.0  # 25 at risk for ten years: 5 expected
    assert found.bk.reached(2.0) == 161


def test_a_late_change_is_found_by_the_detector() -> None:
    # 400 cups, 8 expected a year: none fails for five years, then twelve in one quarter
    kinds = [kind("BAD", number % 30, 1_830 + number if number < 12 else None) for number in range(400)]
    found = drawn(known(kinds, {"U": 1_915}), FLAT)
    assert found.detector.reached(math.log(1_000)) == 1_915  # the last day of March 1975
    assert found.detector.value[-2] < math.log(10)


def test_without_outcomes_or_without_anybody_there_is_nothing_to_see() -> None:
    found = drawn(known([kind("BAD", 1_000)], {"U": 1_100}), FLAT)
    assert (found.bk.value.max(), found.cgr.value.max(), found.since, found.hazard_ratio) == (0.0, 0.0, None, 1.0)
    sums = known([kind("BAD", 1_000)], {"U": 1_100})
    sums.add({kind("BAD", 1_000): -1})
    assert drawn(sums, FLAT).cgr.value.tolist() == [0.0]
    assert early(sums, FLAT).days.size == 0


def others_with_early_outcomes() -> list[Bin]:
    """Of 50 women 4 reoperated within 30 days, of 20 men 1: on days 0, 1, 29, 30, and 30; two more on day 31."""
    women = [0, 1, 29, 30, 31, *[None] * 45]
    men = [30, 31, *[None] * 18]
    return [
        kind("GOOD", 500 + number, None if age is None else 500 + number + age, stratum=stratum)
        for stratum, ages in (("F", women), ("M", men))
        for number, age in enumerate(ages)
    ]


def test_early_outcomes_by_hand() -> None:
    own = [
        kind("BAD", 1_000, 1_030, stratum="F"),
        kind("BAD", 1_000, stratum="M"),
        kind("BAD", 1_001, 1_032, stratum="M"),  # a day too late
        kind("BAD", 1_002, 1_002, stratum="M"),
        kind("BAD", 1_003, 1_010, stratum="F", event=False),  # died, without an outcome
        kind("BAD", 1_071, 1_080, stratum="F"),  # its 30th day is not reported yet
    ]
    found = early(known([*own, *others_with_early_outcomes()], {"U": 1_100}), OTHERS)
    women, men = (4 + 5 / 70) / 51, (1 + 5 / 70) / 21  # the share, with one exposure at that of all
    path = bernoulli_cusum([0, 1, 0, 1, 0], [men, women, men, men, women], odds_ratio=2.0)
    assert found.value.tolist() == pytest.approx(path.tolist(), abs=1e-12)
    assert found.days.tolist() == [1_030, 1_030, 1_031, 1_032, 1_033]


def test_early_outcomes_of_a_unit_that_has_more_of_them_weigh_less() -> None:
    sums = known([kind("BAD", 1_000, 1_010), *others_with_early_outcomes()], {"U": 1_100})
    now = present(sums, OTHERS, "BAD")
    plain = early(sums, OTHERS, now).value[0]
    now.factors[:] = 3.0
    share = (4 + 5 / 70) / 51
    odds = 3 * share / (1 - share)
    assert plain == pytest.approx(math.log(2) - math.log1p(share))
    assert early(sums, OTHERS, now).value[0] == pytest.approx(math.log(2) - math.log1p(odds / (1 + odds)))


@pytest.mark.parametrize(
    ("monitor", "left_out"), [(FLAT, ()), (OTHERS, ("GOOD",))], ids=["a declared rate", "all others left out"]
)
def test_without_others_the_declared_hazard_says_how_likely_they_are(monitor: Monitor, left_out: tuple[str]) -> None:
    sums = known([kind("BAD", 1_000, 1_010), *others_with_early_outcomes()], {"U": 1_100})
    sums.leave_out(left_out)
    likely = 1 - math.exp(-30 * 0.02 / YEAR)
    assert early(sums, monitor).value[0] == pytest.approx(math.log(2) - math.log1p(likely))
