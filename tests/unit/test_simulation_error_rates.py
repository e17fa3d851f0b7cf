"""Error rates and thresholds, counted by hand on a few made-up scores."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace

import numpy as np
import pytest

from streams.surveillance.levels import Levels
from streams.surveillance.simulation.certificate import Certificate, CertificateError, as_json, read_certificate
from streams.surveillance.simulation.defects import Planted
from streams.surveillance.simulation.error_rates import (
    Bar,
    blamed_for_lot,
    blamed_for_unit,
    delays,
    detected,
    false_signals,
    flat,
    rate_of,
)
from streams.surveillance.simulation.interop import FLAT, early_peak, interop
from streams.surveillance.simulation.plan import Plan
from streams.surveillance.simulation.runs import DEFAULT, Run, Scores
from streams.surveillance.simulation.scene import LOT, PRODUCT, UNIT, StreamKind
from streams.surveillance.simulation.thresholds import (
    CannotKeepError,
    Founds,
    Frontier,
    Nulls,
    frontier,
    kinds_of,
    levels_of,
)

PLAN = Plan(run_in=1, years=5)  # watched from day 365 on


def scores(*rows: tuple[int, int, float, float], kind: int = PRODUCT, group: int = 0) -> Scores:
    """Stream, day, score and expected a year."""
    stream, day, score, per_year = (
        (np.array(column) for column in zip(*rows, strict=True)) if rows else [np.array([])] * 4
    )
    whole = stream.astype(np.int64)
    return Scores(whole, np.full(stream.size, kind), np.full(stream.size, group), day.astype(np.int64), score, per_year)


def both(one: Scores, other: Scores) -> Scores:
    return Scores(*(np.append(getattr(one, field.name), getattr(other, field.name)) for field in fields(Scores)))


def a_run(
    null: Scores, found: Scores | None = None, planted: tuple[Planted, ...] = (), unit: Scores | None = None
) -> Run:
    nothing = scores()
    return Run({DEFAULT: null}, planted, {DEFAULT: found or nothing}, 3.0, 500, unit or nothing, {PRODUCT: 10})


NULL = a_run(
    scores(
        (1, 200, 7.0, 0.1),  # raised before the monitor was switched on: what follows raises nothing anew
        (2, 400, 4.0, 0.1),
        (3, 500, 5.0, 2.0),
        (1, 600, 9.0, 0.1),
        (2, 700, 6.0, 0.1),
        (2, 800, 8.0, 0.1),
    )
)


def test_a_stream_is_a_false_signal_once_and_not_where_it_was_raised_before() -> None:
    assert false_signals(NULL, DEFAULT, "product", flat(5.0), PLAN) == 2  # streams 2 and 3
    # with a higher threshold stream 1 is raised later, and then it counts
    assert false_signals(NULL, DEFAULT, "product", flat(7.5), PLAN) == 2
    assert false_signals(NULL, DEFAULT, "lot", flat(5.0), PLAN) == 0
    second = a_run(scores((1, 500, 9.0, 0.1), group=1))
    assert false_signals(second, DEFAULT, "product", flat(5.0), PLAN) == 1
    assert false_signals(second, DEFAULT, "product", flat(5.0), PLAN, groups=1) == 0


def test_a_unit_that_signals_does_so_beside_each_group_of_components() -> None:
    units = a_run(scores((1, 500, 9.0, 0.1), kind=UNIT))
    assert false_signals(units, DEFAULT, "unit", flat(5.0), PLAN) == 3  # cups, stems and heads
    assert false_signals(units, DEFAULT, "unit", flat(5.0), PLAN, groups=1) == 1
    assert Nulls([units], DEFAULT, PLAN, "unit").signals(flat(5.0)) == 3


def test_limits_of_a_rate() -> None:
    found = rate_of([2, 2], PLAN)  # in two histories of five years
    assert (found.number, found.per_ten_years) == (4, 4.0)
    # exact limits of a count of 4: χ² quantiles at 8 and 10 degrees of freedom, halved (Garwood 1936)
    assert (found.lower, found.upper) == pytest.approx((1.0899, 10.2416), abs=1e-4)
    # 0 and 4: variance 8 and mean 2, four times what chance makes. So it is as if 1 came, each for 4
    wide = rate_of([0, 4], PLAN)
    assert (wide.number, wide.per_ten_years) == (4, 4.0)
    # of 1: -ln 0.975, and (Garwood) 5.5716
    assert (wide.lower, wide.upper) == pytest.approx((-4 * math.log(0.975), 4 * 5.5716), abs=1e-3)


def test_no_false_alarm_has_an_upper_limit_too() -> None:
    found = rate_of([0], PLAN)
    assert (found.number, found.lower) == (0, 0.0)
    assert found.upper == pytest.approx(-math.log(0.025) * 10 / 5)


def test_a_threshold_is_straight_between_its_rows() -> None:
    bar = Bar((0.5, 1.5), (4.0, 8.0))
    assert bar.at(np.array([0.0, 0.5, 1.0, 1.5, 9.0])).tolist() == [4.0, 4.0, 6.0, 8.0, 8.0]
    assert bar.reached(NULL.null[DEFAULT]).stream.tolist() == [1, 2]  # stream 3, at 2 a year, needs 8


def planted(onset: int, defect: str = "product") -> Planted:
    return Planted(defect, 2.0, onset, np.array([onset, onset + 10, onset + 20, onset + 300]))


def test_days_and_implants_to_detection() -> None:
    # found after 20, 100 and 200 days; one never; one stood as a signal before the defect began
    seen = scores((0, 420, 5.0, 1.0), (1, 500, 5.0, 1.0), (2, 600, 4.9, 1.0), (2, 700, 6.0, 1.0), (4, 300, 9.0, 1.0))
    run = a_run(NULL.null[DEFAULT], seen, tuple(planted(onset) for onset in (400, 400, 500, 400, 400)))
    (found,) = detected(delays([run], DEFAULT, {"product": flat(5.0)}))
    assert (found.defect, found.ratio, found.planted, found.share) == ("product", 2.0, 4, 0.75)
    assert (found.median_days, found.late_days) == (100.0, None)
    # put in by then: all but the last; on day 20 the third is just put in
    assert (found.median_implants, found.late_implants) == (3.0, None)
    # missed ones, and those that stood, count as five years
    lost = Founds([run], DEFAULT, "product").days_lost(flat(5.0))
    assert lost == pytest.approx((20 + 100 + 200 + 2 * 5 * 365.25) / 5)


def test_a_lot_is_to_be_found_as_a_lot() -> None:
    # the product of the first signals at once, the lot itself after 50 days
    seen = both(scores((0, 401, 9.0, 1.0)), scores((0, 450, 9.0, 1.0), kind=LOT))
    run = a_run(NULL.null[DEFAULT], seen, (planted(400, "lot"), planted(400, "lot")))
    (found,) = detected(delays([run], DEFAULT, {"product": flat(5.0), "lot": flat(5.0), "unit": flat(5.0)}))
    assert (found.defect, found.planted, found.share, found.median_days) == ("lot", 2, 0.5, 50.0)
    assert Founds([run], DEFAULT, "lot").days_lost(flat(5.0)) == pytest.approx((50 + 5 * 365.25) / 2)
    assert blamed_for_lot([run], flat(5.0)) == {2.0: 0.5}


def test_what_is_blamed_for_a_unit() -> None:
    # 2 is flagged anyhow, 7 before the unit was worse, 8 and 9 because of it
    worse = scores((7, 450, 6.0, 1.0), (2, 600, 6.0, 1.0), (8, 700, 6.0, 1.0), (9, 800, 6.0, 1.0))
    bars: dict[StreamKind, Bar] = {"product": flat(5.5), "family": flat(5.5), "company": flat(5.5), "lot": flat(5.5)}
    found = blamed_for_unit([a_run(NULL.null[DEFAULT], unit=worse)], bars)
    assert found == {"product": {3.0: 2.0}, "family": {3.0: 0.0}, "company": {3.0: 0.0}, "lot": {3.0: 0.0}}


def test_the_lowest_threshold_that_keeps_a_budget() -> None:
    seen = NULL.null[DEFAULT]
    nulls = Nulls([a_run(seen.of(seen.stream != 1))], DEFAULT, PLAN, "product")
    assert nulls.signals(flat(5.0)) == 2
    # one signal in five years: stream 3 comes to 5, so a hair more; none: stream 2 comes to 8
    assert nulls.lowest_flat(0.2) == flat(5.05)
    assert nulls.lowest_flat(0.0) == flat(8.05)
    # small ones, as stream 2, need 7 whatever the ceiling; stream 3, at 2 a year, is halfway to it: (3 + 7) / 2 = 5
    assert nulls.lowest(Bar((1.0,), (7.0,)), 3.0, 0.2) == Bar((1.0, 3.0), (7.0, 7.0))
    assert nulls.lowest(Bar((1.0,), (7.0,)), 3.0, 0.0) is None
    assert nulls.lowest(Bar((0.2, 1.0), (8.1, 4.0)), 3.0, 0.0) == Bar((0.2, 1.0, 3.0), (8.1, 4.0, 6.05))


def test_a_higher_threshold_that_is_reached_later_is_no_cheaper() -> None:
    # stream 1 comes to 7 before the monitor is on and to 9 while it is: between 7 and 9 it counts
    nulls = Nulls([a_run(scores((1, 200, 7.0, 0.1), (1, 600, 9.0, 0.1)))], DEFAULT, PLAN, "product")
    assert [nulls.signals(flat(height)) for height in (6.0, 7.5, 9.5)] == [0, 1, 0]
    assert nulls.lowest_flat(0.0) == flat(9.05)


def test_the_default_reaches_inter_op_when_it_is_wanted() -> None:
    run = a_run(NULL.null[DEFAULT], scores((0, 600, 9.0, 1.0)), (planted(400),))
    rows = frontier([run], Plan(run_in=1, years=40), "product", 1.0)
    chosen = {row.level: row for row in rows if row.chosen}
    assert (chosen["watch"].interop, chosen["alarm"].interop) == (2, 3)
    assert all(row.false is None or row.false <= {"watch": 10.0, "alarm": 1.0}[row.level] for row in rows)


def test_a_budget_that_cannot_be_kept_is_said() -> None:
    always = a_run(scores((1, 500, 500.0, 0.1)), planted=(planted(400),))
    with pytest.raises(
        CannotKeepError, match=r"no threshold of product streams keeps 0\.1 false signals a year at alarm"
    ):
        frontier([always] * 2, PLAN, "product", 1.0)


def test_what_is_not_watched_leaves_its_part_of_the_budget_to_the_rest() -> None:
    assert sum(kinds_of(Plan()).values()) == pytest.approx(1.0)
    without = kinds_of(Plan(constructs=()))
    assert "construct" not in without
    assert sum(without.values()) == pytest.approx(1.0)


def test_levels_have_the_rows_of_both_thresholds_and_alarm_is_never_below_watch() -> None:
    watch = Frontier("product", "watch", 4.0, Bar((0.5, 2.5), (4.0, 8.0)), 1.0, 1.0, 2, chosen=True)
    alarm = Frontier("product", "alarm", 6.0, Bar((0.5, 1.5), (6.0, 6.5)), 1.0, 1.0, 3, chosen=True)
    found = levels_of([watch, replace(watch, floor=9.0, chosen=False), alarm], 50.0)
    assert found == Levels((0.5, 1.5, 2.5), (4.0, 6.0, 8.0), (6.0, 6.5, 8.0), 50.0)


def test_inter_op_by_the_reference_numbers() -> None:
    """Rows of the reference fixture: day, reoperations, expected at 2 per 100 component-years, log-likelihood ratio."""
    found = interop(Levels(), FLAT)
    assert [(one.day, one.number) for one in found] == [(112, 1), (141, 2), (161, 3), (200, 4), (212, 5)]
    expected = [0.06034223, 0.09303217, 0.11893224, 0.17544148, 0.19252567]
    assert [one.expected for one in found] == pytest.approx(expected, abs=1e-7)
    statistic = [1.868065, 4.228946, 6.802373, 8.682418, 11.477344]
    assert [one.statistic for one in found] == pytest.approx(statistic, abs=1e-6)
    assert [one.raised for one in found] == [(), ("watch",), ("alarm",), (), ()]


def test_against_an_early_peak_more_is_expected_of_inter_op() -> None:
    # on day 112 implants 0 to 18 are in; 0 to 3 for more than 91 days: 112, 106, 100 (which failed on it) and 94
    found = interop(Levels(), early_peak(Plan()))[0]
    days = [112 - 6 * implant for implant in range(19)]
    by_hand = sum(5.0 * min(day, 91) + 2.0 * max(day - 91, 0) for day in days) / 36_525
    assert found.expected == pytest.approx(by_hand, abs=1e-7)


LEVELS: dict[StreamKind, Levels] = {
    "product": Levels((0.1, 2.0), (4.0, 5.0), (6.0, 7.0), 50.0),
    "lot": Levels((0.1,), (8.5,), (9.0,), 50.0),
}
CERTIFICATE = Certificate("hip", "abc", as_json({"rates": (1.0,)}), 1, 100, as_json({"run_in": 1}), 2, LEVELS, {})


def test_a_certificate_comes_back_from_its_file() -> None:
    assert read_certificate(CERTIFICATE.written(), monitor="abc") == CERTIFICATE


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (CERTIFICATE.written().replace("4.0", "3.0"), "its content is that of"),
        (CERTIFICATE.written().replace('"version": 3', '"version": 9'), "of version 9"),
        (json.dumps({"version": 3, "id": "x"}), "this is no certificate"),
        ("[]", "this is no certificate"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused(text: str, says: str) -> None:
    with pytest.raises(CertificateError, match=says):
        read_certificate(text)


def test_a_certificate_of_another_monitor_is_refused() -> None:
    with pytest.raises(CertificateError, match="what is declared now is other"):
        read_certificate(CERTIFICATE.written(), monitor="other")
