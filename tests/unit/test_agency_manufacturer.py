"""What a manufacturer is drafted beside single incidents: trends, periodic summaries, notices tied; and a reminder."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from math import exp, factorial, log
from typing import Any

import pytest

from sinks.agency.deadlines import AtOnce, Rules
from sinks.agency.lex_maria import TEXT, CareIncident, reminders
from sinks.agency.manufacturer.corrective_actions import SafetyNotice, TiedAnswer, notices_of, with_notices
from sinks.agency.manufacturer.periodic_summary import (
    Agreement,
    SeriousIncident,
    not_covered,
    summary_as_markdown,
    summary_of,
)
from sinks.agency.manufacturer.periods import Period, months_later, period
from sinks.agency.manufacturer.trend import Counted, TrendPlan, trend_as_markdown, trend_draft
from sinks.agency.mir.faults import mir_faults
from sinks.agency.mir.model import References
from tests.mir_cases import INITIAL


def plan(**said: Any) -> TrendPlan:
    base: dict[str, Any] = {
        "reference": "PMS plan 7, section 4",
        "declared_on": date(2025, 12, 1),
        "device": "CUP07",
        "outcome": "squeaking",
        "outcome_kind": "non_serious",
        "starts_on": date(2026, 1, 1),
        "months": 3,
        "exposure": "uses",
        "foreseeable_rate": 0.02,
        "method": "poisson_exact",
        "alpha": 0.01,
    }
    return TrendPlan(**{**base, **said})


def tail(observed: int, expected: float) -> float:
    """P(X ≥ observed), term by term."""
    return 1 - sum(exp(-expected) * expected**count / factorial(count) for count in range(observed))


# Periods


def test_periods_follow_one_another_without_a_gap() -> None:
    start = date(2025, 11, 30)
    found = [period(start, 3, number) for number in range(9)]
    assert found[0] == Period(date(2025, 11, 30), date(2026, 2, 27))
    assert found[1].first == date(2026, 2, 28)  # there is no 30 February
    assert all(later.first - earlier.last == timedelta(days=1) for earlier, later in pairwise(found))
    assert found[8].first == date(2027, 11, 30)
    assert months_later(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert date(2026, 2, 27) in found[0]
    assert date(2026, 2, 28) not in found[0]


# Trends


@pytest.mark.parametrize("incidents", range(8, 24))
def test_an_increase_is_what_is_rarer_than_alpha_at_the_foreseeable_rate(incidents: int) -> None:
    draft = trend_draft(plan(), [Counted(incidents, 0, 500, complete=True)])  # 10 are foreseeable
    assert (draft is not None) == (tail(incidents, 10) < 0.01) == (incidents >= 19)
    if draft is not None:
        (increase,) = draft.increases
        assert (increase.of, increase.observed, increase.expected, increase.limit) == ("frequency", incidents, 10, 0.01)
        assert increase.measure == pytest.approx(tail(incidents, 10))


def test_the_period_is_that_of_the_plan() -> None:
    quiet = Counted(10, 0, 500, complete=True)
    draft = trend_draft(plan(), [quiet, quiet, Counted(30, 0, 500, complete=True)])
    assert draft is not None
    assert draft.period == Period(date(2026, 7, 1), date(2026, 9, 30))
    assert trend_draft(plan(), [Counted(30, 0, 500, complete=True), quiet]) is None  # the earlier was drafted then


def test_severity_is_held_against_its_foreseeable_share() -> None:
    # P(X >= 5) of 10 at 0.1 is 0.00163; of 4 it is 0.0128.
    watched = plan(foreseeable_severe=0.1)
    draft = trend_draft(watched, [Counted(10, 5, 500, complete=True)])
    assert draft is not None
    (increase,) = draft.increases
    assert (increase.of, increase.observed, increase.expected) == ("severity", 5, 1)
    assert increase.measure == pytest.approx(0.0016349374)
    assert trend_draft(watched, [Counted(10, 4, 500, complete=True)]) is None
    assert trend_draft(plan(), [Counted(10, 10, 500, complete=True)]) is None


def test_maxsprt_looks_at_all_periods_together_and_drafts_once() -> None:
    # The critical value of 10 expected, alpha 0.05, is 3.467952 (Kulldorff et al. 2011, Seq Anal 30:58, table 1).
    watched = plan(method="maxsprt", alpha=0.05, planned_expected=10.0, exposure="device_years")
    counts = [Counted(number, 0, 100, complete=True) for number in (3, 4, 7, 9)]  # 2 foreseeable in each
    drafts = [trend_draft(watched, counts[: number + 1]) for number in range(4)]
    assert [draft is not None for draft in drafts] == [False, False, True, False]
    draft = drafts[2]
    assert draft is not None
    (increase,) = draft.increases
    assert increase.observed == 14
    assert increase.expected == pytest.approx(6)
    assert increase.measure == pytest.approx(6 - 14 + 14 * log(14 / 6))  # 3.86
    assert increase.limit == pytest.approx(3.467952, abs=5e-7)


@pytest.mark.parametrize(
    ("said", "counted", "words"),
    [
        ({"declared_on": date(2026, 1, 2)}, [Counted(9, 0, 1, complete=True)], "said in advance"),
        ({}, [], "no period"),
        ({}, [Counted(9, 0, 1, complete=False)], "may still come"),
        ({}, [Counted(3, 4, 1, complete=True)], "a count is impossible"),
        ({}, [Counted(3, 0, -1, complete=True)], "a count is impossible"),
        ({"outcome_kind": "serious"}, [], "serious ones go one by one"),
        ({"foreseeable_rate": 0.0}, [], "above 0"),
        ({"months": 0}, [], "one month"),
        ({"alpha": 1.0}, [], "alpha"),
        ({"foreseeable_severe": 1.5}, [], "share"),
        ({"method": "maxsprt"}, [], "planned_expected"),
        ({"planned_expected": 20.0}, [], "planned_expected"),
    ],
)
def test_what_was_not_declared_in_advance_or_is_no_trend_is_refused(
    said: dict[str, Any], counted: list[Counted], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        trend_draft(plan(**said), counted)


def test_a_trend_is_told_with_its_plan() -> None:
    draft = trend_draft(plan(foreseeable_severe=0.1), [Counted(20, 9, 500, complete=True)])
    assert draft is not None
    text = trend_as_markdown(draft)
    for line in (
        "| Plan | PMS plan 7, section 4, declared 2025-12-01 |",
        "| Outcome | squeaking (incidents that are not serious) |",
        "| Period | 2026-01-01 to 2026-03-31 |",
        "| Counted | 20 incidents, 9 severe, 500 uses |",
        f"| frequency | 20 | 10 | {tail(20, 10):.3g} | 0.01 |",
    ):
        assert line in text


# Periodic summaries


def agreement(**said: Any) -> Agreement:
    base: dict[str, Any] = {
        "agency": "Exempelmyndigheten",
        "reference": "2026-17",
        "agreed_on": date(2025, 12, 15),
        "condition": "root_cause_known",
        "devices": frozenset({"CUP07"}),
        "problems": frozenset({"A0501"}),
        "classes": frozenset({"serious"}),
        "starts_on": date(2026, 1, 1),
        "months": 6,
        "due_days": 30,
        "format": "counts by country",
    }
    return Agreement(**{**base, **said})


def incident(case: str, aware: str, **said: Any) -> SeriousIncident:
    base = SeriousIncident(case, "CUP07", "A0501", "serious", "SE", date.fromisoformat(aware))
    return base._replace(**said)


def test_a_summary_is_of_what_was_agreed_on_and_nothing_else() -> None:
    known = [
        incident("c3", "2026-06-30"),
        incident("c1", "2026-01-01", country="NO"),
        incident("c2", "2026-02-01", device="CUP08"),
        incident("c4", "2026-03-01", classification="death"),
        incident("c5", "2026-03-02", problem="A0601"),
        incident("c6", "2026-07-01"),  # of the next period
        incident("c0", "2025-12-31"),
    ]
    found = summary_of(agreement(), known, 0)
    assert found.period == Period(date(2026, 1, 1), date(2026, 6, 30))
    assert found.due == date(2026, 7, 30)
    assert [one.case for one in found.covered] == ["c1", "c3"]
    assert found.apart == (
        ("c2", "its device is none of those agreed on"),
        ("c4", "its class is none of those agreed on"),
        ("c5", "its problem is none of those agreed on"),
    )
    assert [one.case for one in summary_of(agreement(), known, 1).covered] == ["c6"]
    text = summary_as_markdown(found)
    assert "| Agency and agreement | Exempelmyndigheten, 2026-17, 2025-12-15 |" in text
    assert "| CUP07 | A0501 | NO | 1 |" in text
    assert "| c4 | its class is none of those agreed on |" in text
    assert "| Incidents | 0 |" in summary_as_markdown(summary_of(agreement(), [], 4))


def test_an_agreement_has_an_end() -> None:
    ended = agreement(ends_on=date(2026, 4, 10))
    found = summary_of(ended, [incident("a", "2026-04-10"), incident("b", "2026-04-11")], 0)
    assert found.period.last == date(2026, 4, 10)
    assert found.due == date(2026, 5, 10)
    assert [one.case for one in found.covered] == ["a"]
    assert not_covered(ended, incident("b", "2026-04-11")) == "it was known after the agreement ended"
    assert not_covered(ended, incident("c", "2025-12-31")) == "it was known before the agreement began"
    with pytest.raises(ValueError, match="has ended"):
        summary_of(ended, [], 1)


@pytest.mark.parametrize(
    "said",
    [
        {"reference": " "}, {"agency": ""}, {"format": ""}, {"devices": frozenset()}, {"problems": frozenset()},
        {"classes": frozenset()}, {"classes": frozenset({"incident"})}, {"condition": "it is easier"},
        {"starts_on": date(2025, 12, 14)}, {"months": 0}, {"due_days": 0},
    ],
)  # fmt: skip
def test_nothing_is_summed_up_without_an_agreement_on_record(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"agreement|class"):
        agreement(**said)


# Notices


_NOTICES = [
    SafetyNotice("n1", "cup", "CUP07", "FSN-1"),
    SafetyNotice("n2", "cup", "CUP07", "FSN-2", ("L1",), date(2024, 1, 1), date(2024, 12, 31)),
    SafetyNotice("n3", "cup", "CUP08", "FSN-3"),
]
_ANSWERS = [
    TiedAnswer("cup/CUP07/0", "acknowledged", ""),
    TiedAnswer("cup/CUP07/0", "tied", "n3"),
    TiedAnswer("cup/CUP07/0", "tied", "n1"),
    TiedAnswer("cup/CUP07/0", "tied", "n3"),
    TiedAnswer("cup/CUP07/0", "tied", "gone"),
    TiedAnswer("cup/CUP07/1", "tied", "n2"),
]


def test_what_a_company_ties_to_a_signal_belongs_to_its_incidents() -> None:
    found = notices_of("cup/CUP07/0", _NOTICES, _ANSWERS)
    assert [one.id for one in found.tied] == ["n3", "n1"]
    assert [one.id for one in found.untied] == ["n2"]
    report = with_notices(INITIAL, found)
    assert report.administration.fsca.manufacturer[-2:] == ("FSN-3", "FSN-1")
    assert with_notices(report, found) == report
    assert not {one.field for one in mir_faults(report)} - {one.field for one in mir_faults(INITIAL)}


def test_references_that_were_there_stay() -> None:
    own = References(agency=("A-1",), manufacturer=("FSCA-9",))
    report = replace(INITIAL, administration=replace(INITIAL.administration, fsca=own))
    found = with_notices(report, notices_of("cup/CUP07/0", _NOTICES, _ANSWERS)).administration.fsca
    assert found == References(agency=("A-1",), manufacturer=("FSCA-9", "FSN-3", "FSN-1"))


@pytest.mark.parametrize(
    ("lot", "implanted", "untied"),
    [
        ("L1", date(2024, 6, 1), ["n1", "n2"]),
        ("L2", date(2024, 6, 1), ["n1"]),
        ("L1", date(2025, 1, 1), ["n1"]),
        ("L1", date(2023, 12, 31), ["n1"]),
        (None, None, ["n1", "n2"]),
    ],
)
def test_a_notice_on_the_product_may_mean_the_device(
    lot: str | None, implanted: date | None, untied: list[str]
) -> None:
    found = notices_of("cup/CUP07/0", _NOTICES, [], lot=lot, implanted=implanted)
    assert found.tied == ()
    assert [one.id for one in found.untied] == untied
    with pytest.raises(ValueError, match="no such signal"):
        notices_of("CUP07", _NOTICES, [])


# Lex Maria


def test_a_unit_is_reminded_until_somebody_has_noted_what_was_decided() -> None:
    incidents = [
        CareIncident("c2", "SH11", date(2026, 3, 2)),
        CareIncident("c1", "SH12", date(2026, 3, 1)),
        CareIncident("c3", "SH11", date(2026, 2, 1)),
    ]
    found = reminders(incidents, {"c3"}, Rules(at_once=AtOnce(days=3)))
    assert [(one.case, one.unit, one.deadline.nominal, one.deadline.legal) for one in found] == [
        ("c1", "SH12", date(2026, 3, 4), None),
        ("c2", "SH11", date(2026, 3, 5), None),
    ]
    assert reminders(incidents, {"c1", "c2", "c3"}, Rules()) == []
    assert set(TEXT) == {"sv", "en"}
