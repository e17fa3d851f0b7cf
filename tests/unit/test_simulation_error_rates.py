"""Error rates and thresholds, counted by hand on a few made-up scores."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from streams.surveillance.levels import Levels
from streams.surveillance.simulation.certificate import Certificate, CertificateError, as_json, read_certificate
from streams.surveillance.simulation.defects import Planted
from streams.surveillance.simulation.error_rates import Bar, blamed, detected, false_alarms, flat
from streams.surveillance.simulation.interop import FLAT, early_peak, interop
from streams.surveillance.simulation.plan import Plan
from streams.surveillance.simulation.runs import DEFAULT, Run, Scores
from streams.surveillance.simulation.thresholds import (
    CannotKeepError,
    Frontier,
    Nulls,
    days_lost,
    frontier,
    levels_of,
    solve_flat,
)

PLAN = Plan(run_in=1, years=5)  # watched from day 365 on


def scores(*rows: tuple[int, int, float, float], group: int = 0) -> Scores:
    """Stream, day, score and expected a year."""
    stream, day, score, per_year = (
        (np.array(column) for column in zip(*rows, strict=True)) if rows else [np.array([])] * 4
    )
    return Scores(
        stream.astype(np.int64),
        np.full(stream.size, group),
        day.astype(np.int64),
        score,
        per_year,
        np.ones(stream.size),
    )


def a_run(
    null: Scores, found: Scores | None = None, planted: tuple[Planted, ...] = (), unit: Scores | None = None
) -> Run:
    nothing = scores()
    return Run({DEFAULT: null}, planted, {DEFAULT: found or nothing}, 3.0, 500, unit or nothing, 10)


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


def test_a_stream_is_a_false_alarm_once_and_not_where_it_was_raised_before() -> None:
    found = false_alarms([NULL, NULL], DEFAULT, flat(5.0), PLAN, groups=[0])
    assert (found.number, found.per_ten_years) == (4, 4.0)  # streams 2 and 3, in each of two histories of five years
    # exact limits of a count of 4: χ² quantiles at 8 and 10 degrees of freedom, halved (Garwood 1936)
    assert (found.lower, found.upper) == pytest.approx((1.0899, 10.2416), abs=1e-4)
    # with a higher threshold stream 1 is raised later, and then it counts
    assert false_alarms([NULL], DEFAULT, flat(7.5), PLAN, groups=[0]).number == 2
    assert false_alarms([NULL], DEFAULT, flat(5.0), PLAN, groups=[1]).number == 0


def test_no_false_alarm_has_an_upper_limit_too() -> None:
    found = false_alarms([NULL], DEFAULT, flat(99.0), PLAN, groups=[0])
    assert (found.number, found.lower) == (0, 0.0)
    assert found.upper == pytest.approx(-math.log(0.025) * 10 / 5)


def test_a_threshold_is_straight_between_its_rows() -> None:
    bar = Bar((0.5, 1.5), (4.0, 8.0))
    assert bar.at(np.array([0.0, 0.5, 1.0, 1.5, 9.0])).tolist() == [4.0, 4.0, 6.0, 8.0, 8.0]
    assert bar.reached(NULL.null[DEFAULT]).stream.tolist() == [1, 2]  # stream 3, at 2 a year, needs 8


def planted(onset: int) -> Planted:
    return Planted("product", 2.0, onset, np.array([onset, onset + 10, onset + 20, onset + 300]))


def test_days_and_implants_to_detection() -> None:
    # found after 20, 100 and 200 days; one never; one stood as a signal before the defect began
    seen = scores((0, 420, 5.0, 1.0), (1, 500, 5.0, 1.0), (2, 600, 4.9, 1.0), (2, 700, 6.0, 1.0), (4, 300, 9.0, 1.0))
    run = a_run(NULL.null[DEFAULT], seen, tuple(planted(onset) for onset in (400, 400, 500, 400, 400)))
    (found,) = detected([run], DEFAULT, flat(5.0))
    assert (found.defect, found.ratio, found.planted, found.share) == ("product", 2.0, 4, 0.75)
    assert (found.median_days, found.late_days) == (100.0, None)
    # put in by then: all but the last; on day 20 the third is just put in
    assert (found.median_implants, found.late_implants) == (3.0, None)
    # missed ones, and those that stood, count as five years
    assert days_lost([run], DEFAULT, flat(5.0)) == pytest.approx((20 + 100 + 200 + 2 * 5 * 365.25) / 5)


def test_products_that_are_blamed_for_a_unit() -> None:
    # 2 is flagged anyhow, 7 before the unit was worse, 8 and 9 because of it
    worse = scores((7, 450, 6.0, 1.0), (2, 600, 6.0, 1.0), (8, 700, 6.0, 1.0), (9, 800, 6.0, 1.0))
    assert blamed([a_run(NULL.null[DEFAULT], unit=worse)], DEFAULT, flat(5.5)) == {3.0: 2.0}


def test_the_lowest_threshold_that_keeps_a_budget() -> None:
    seen = NULL.null[DEFAULT]
    nulls = Nulls([a_run(seen.of(seen.stream != 1))], DEFAULT, PLAN, [0])
    assert nulls.signals(flat(5.0)) == 2
    # one signal in five years: stream 3 comes to 5, so a hair more; none: stream 2 comes to 8
    assert solve_flat(nulls, 0.2) == flat(5.05)
    assert solve_flat(nulls, 0.0) == flat(8.05)


def test_the_default_reaches_inter_op_when_it_is_wanted() -> None:
    run = a_run(NULL.null[DEFAULT], scores((0, 600, 9.0, 1.0)), (planted(400),))
    rows = frontier([run], DEFAULT, Plan(run_in=1, years=20), [0], 1.0)
    chosen = {row.level: row for row in rows if row.chosen}
    assert (chosen["watch"].interop, chosen["alarm"].interop) == (2, 3)
    assert all(row.false is None or row.false <= {"watch": 10.0, "alarm": 1.0}[row.level] for row in rows)


def test_a_budget_that_cannot_be_kept_is_said() -> None:
    always = a_run(scores((1, 500, 500.0, 0.1)), planted=(planted(400),))
    with pytest.raises(CannotKeepError, match=r"0\.1 false signals a year at alarm"):
        frontier([always] * 2, DEFAULT, PLAN, [0], 1.0)


def test_levels_have_the_rows_of_both_thresholds_and_alarm_is_never_below_watch() -> None:
    watch = Frontier("watch", 4.0, Bar((0.5, 2.5), (4.0, 8.0)), 1.0, 1.0, 2, chosen=True)
    alarm = Frontier("alarm", 6.0, Bar((0.5, 1.5), (6.0, 6.5)), 1.0, 1.0, 3, chosen=True)
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


CERTIFICATE = Certificate(
    "hip", "abc", 1, 100, as_json({"run_in": 1}), Levels((0.1, 2.0), (4.0, 5.0), (6.0, 7.0), 50.0), {}
)


def test_a_certificate_comes_back_from_its_file() -> None:
    assert read_certificate(CERTIFICATE.written(), monitor="abc") == CERTIFICATE


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (CERTIFICATE.written().replace("4.0", "3.0"), "its content is that of"),
        (CERTIFICATE.written().replace('"version": 1', '"version": 9'), "of version 9"),
        (json.dumps({"version": 1, "id": "x"}), "this is no certificate"),
        ("[]", "this is no certificate"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused(text: str, says: str) -> None:
    with pytest.raises(CertificateError, match=says):
        read_certificate(text)


def test_a_certificate_of_another_monitor_is_refused() -> None:
    with pytest.raises(CertificateError, match="what is declared now is other"):
        read_certificate(CERTIFICATE.written(), monitor="other")
