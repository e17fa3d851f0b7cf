"""What time is left and what is waited for, as people and alerts are told; the alerts go by metrics that there are."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from sinks.agency import metrics
from sinks.agency.deadlines import Rules
from sinks.agency.finding import NoSuchReportError, cases_of, the_case, the_report
from sinks.agency.known_cases import KnownCases
from sinks.agency.outbox import fold
from sinks.agency.standing import in_order, standings
from tests.agency_support import CASE, days, step

_RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "reports.yaml"
_ON = date(2026, 1, 10)


def standing(*records: dict[str, Any], on: date = _ON) -> Any:
    (found,) = standings(fold(CASE, enumerate(records)), Rules(), on)
    return found


def way(*names: str, **said: Any) -> list[dict[str, Any]]:
    return [step(number, name, **said) for number, name in enumerate(names, start=1)]


@pytest.mark.parametrize(
    ("findings", "waits"),
    [([], "check"), (["E.i.2.1b (N.2.r[1] E.i[1]): no code"], "coding"), (["D.1: nobody"], "completion")],
)
def test_a_draft_waits_for_what_it_lacks(findings: list[str], waits: str) -> None:
    found = standing(step(1, "drafted", findings=findings))
    # day 0 is 1 January; 15 days are the 16th
    assert (found.waits_for, found.days_left, found.legal_days_left, found.late) == (waits, 6, 6, False)


def test_what_the_addressee_has_has_no_clock_and_what_it_refused_has_one() -> None:
    sent = ("drafted", "checked", "attempted", "sent")
    found = standing(*way(*sent, "acknowledged"))
    assert (found.waits_for, found.days_left, [one.code for one in found.receipts]) == (None, None, ["CA"])
    refused = standing(*way(*sent, "rejected"), on=date(2026, 1, 17))
    assert (refused.waits_for, refused.days_left, refused.late) == ("correction", -1, True)


def test_of_two_who_have_to_check_it_waits_for_the_second() -> None:
    found = standing(*way("drafted", "checked", four_eyes=True, by="guldadra")[:1], step(2, "checked", by="anna"))
    assert found.waits_for == "second_check"


def test_an_owner_stays_from_edition_to_edition() -> None:
    records = [*way("drafted", "assigned"), step(3, "drafted", edition=2)]
    assert standing(*records).report.owner == "cecilia"


def test_what_is_due_first_comes_first_and_what_is_done_last() -> None:
    other = step(3, "drafted", case="SE-EXEMPEL-K2", learnt_on=days("2025-12-24"))
    done = [{**one, "case": "SE-EXEMPEL-K0"} for one in way("drafted")]
    void = step(9, "withdrawn", case="SE-EXEMPEL-K0")
    cases = cases_of(enumerate([*way("drafted"), other, *done, void]))
    found = in_order(one for case in cases.values() for one in standings(case, Rules(), _ON))
    assert [one.case for one in found] == ["SE-EXEMPEL-K2", CASE, "SE-EXEMPEL-K0"]


def test_a_case_is_named_whole_or_by_the_beginning_of_its_number() -> None:
    known = ["SE-EXEMPEL-ABCDE1", "SE-EXEMPEL-ABCDE2", "SE-EXEMPEL-XYZWV"]
    assert the_case(known, "xyzw") == "SE-EXEMPEL-XYZWV"
    assert the_case(known, known[0]) == known[0]
    for text, told in (("abcd", "the beginning of 2 cases"), ("xyz", "no case xyz"), ("nobody", "no case nobody")):
        with pytest.raises(NoSuchReportError, match=told):
            the_case(known, text)
    both = fold(CASE, enumerate([step(1, "drafted"), step(2, "drafted", addressee="manufacturer")]))
    with pytest.raises(NoSuchReportError, match="goes to agency and manufacturer: say to whom"):
        the_report(both, None)
    assert the_report(both, "manufacturer") == (1, "manufacturer")


def test_what_a_finished_report_said_is_kept_by_the_tables_alone() -> None:
    cases = KnownCases()
    for record in way("drafted", "checked", "attempted", "sent"):
        cases.take(record)
    assert [one.report.state for one in cases.waiting()] == ["sent"]
    cases.take(step(5, "acknowledged"))
    assert list(cases.waiting()) == []
    (case,) = cases
    assert case.log[0]["content"] == b"-"
    assert case.reports[1, "agency"].state == "acknowledged"
    assert cases.refusal(step(6, "withdrawn")) is None  # never heard
    cases.take(step(6, "withdrawn"))
    assert "is acknowledged, not drafted" in str(cases.refusal(step(6, "withdrawn")))


def test_metrics_tell_states_days_and_what_is_late() -> None:
    name = "standing_test"
    late = step(1, "drafted", case="SE-EXEMPEL-K2", learnt_on=days("2025-12-24"))
    metrics.tell(name, [fold(CASE, enumerate(way("drafted"))), fold("SE-EXEMPEL-K2", [(0, late)])], Rules(), _ON)

    def value(metric: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(metric, {"registry": name, **labels})

    assert value("guldadra_reports", state="drafted") == 2
    assert value("guldadra_reports_waiting", waits_for="check") == 2
    assert value("guldadra_report_days_left", deadline="nominal") == -2  # due on 8 January
    assert value("guldadra_reports_late", deadline="legal") == 1
    metrics.tell(name, [], Rules(), _ON)
    assert value("guldadra_report_days_left", deadline="nominal") == 999
    assert value("guldadra_reports_waiting", waits_for="check") is None


def test_each_alert_goes_by_a_metric_that_there_is() -> None:
    metrics.LAST_PROGRESS.labels("standing_test").set(0)
    metrics.tell("standing_test", [], Rules(), _ON)
    known = {family.name for family in REGISTRY.collect()}
    (group,) = yaml.safe_load(_RULES.read_text(encoding="utf-8"))["groups"]
    assert len(group["rules"]) == 9
    for rule in group["rules"]:
        used = re.findall(r"guldadra_\w+", rule["expr"])
        assert used
        assert set(used) <= known, rule["alert"]
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("warning", "critical")
    waits = re.findall(r'waits_for="(\w+)"', str(group))
    states = re.findall(r'state="(\w+)"', str(group))
    assert (waits, states) == (["coding"], ["unknown", "sent", "rejected"])
