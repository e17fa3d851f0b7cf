"""The manufacturer's incident report: what each type must have, by the form's numbers, and how it reads."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reporting import CLASSES
from sinks.agency.deadlines import Fact, Rules, deadline_of
from sinks.agency.mir.elements import as_markdown, elements_of
from sinks.agency.mir.faults import mir_faults
from sinks.agency.mir.model import (
    NOT_CUMULATIVE,
    Analysis,
    Codes,
    Counts,
    Mir,
    Period,
    References,
    SimilarIncidents,
    Span,
)
from tests.mir_cases import INITIAL, MAKER, coded, day, once

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER = "19121212-1212"


def _period(year: int, incidents: int, devices: int) -> Period:
    counts = Counts(incidents=incidents, devices=devices)
    return Period(first=day(f"{year}-01-01"), last=day(f"{year}-12-31"), country=counts, eea=counts, world=counts)


_SIMILAR = SimilarIncidents(
    identified_by="All lots of the model",
    counted_by="devices_implanted",
    cumulative=True,
    periods=(_period(2025, 5, 30), _period(2024, 0, 12), _period(2023, 0, 4), _period(2022, 0, 0)),
    determined="From the hip register's exposures.",
)
_FINAL = replace(
    INITIAL,
    administration=replace(
        INITIAL.administration,
        type="final",
        next_report_on=None,
        agency_reference="Unknown",
        submitted_on=day("2026-05-04"),
    ),
    analysis=Analysis(
        root_causes="The coating of one lot was too thin.",
        root_cause_confirmed=True,
        risk_reviewed=True,
        risk_adequate=False,
        risk_results="One hazard added.",
        investigations=coded("B01"),
        findings=coded("C0201"),
        conclusions=coded("D02"),
        components=coded("G07001"),
        actions="The lot is recalled.",
        schedule="Done by June.",
        similar=_SIMILAR,
    ),
)
_NOT_REPORTABLE = replace(
    _FINAL,
    administration=replace(_FINAL.administration, type="final_not_reportable"),
    analysis=Analysis(not_reportable_because="The cup was sound; the bone was not."),
)
_COMBINED = replace(
    _FINAL,
    administration=replace(_FINAL.administration, type="combined", agency_reference=None),
    analysis=replace(_FINAL.analysis, preliminary="All is known already."),
)
_FOLLOW_UP = replace(
    INITIAL,
    administration=replace(INITIAL.administration, type="follow_up", agency_reference="LV-2026-1"),
)


WHOLE = replace(
    _FINAL,
    administration=replace(_FINAL.administration, representative=MAKER, other_submitter=MAKER),
)
"""A report with every part that it can have."""


def changed(mir: Mir, path: str, value: object) -> Mir:
    """The report with one attribute set, such as device.udi_di."""

    def into(node: Any, steps: list[str]) -> Any:
        inner = into(getattr(node, steps[0]), steps[1:]) if len(steps) > 1 else value
        return replace(node, **{steps[0]: inner})

    made: Mir = into(mir, path.split("."))
    return made


@pytest.mark.parametrize(
    "mir", [INITIAL, _FOLLOW_UP, _COMBINED, _FINAL, _NOT_REPORTABLE], ids=lambda mir: mir.administration.type
)
def test_each_type_may_be_sent_where_it_has_what_it_needs(mir: Mir) -> None:
    assert mir_faults(mir) == []


@pytest.mark.parametrize(
    ("mir", "path", "value", "told"),
    [
        (_FOLLOW_UP, "administration.agency_reference", None, "1.1(c) is needed of a follow-up or final report"),
        (_FINAL, "administration.agency_reference", None, "1.1(c) is needed of a follow-up or final report"),
        (INITIAL, "administration.agency", " ", "1.1(a) is empty"),
        (INITIAL, "administration.submitted_on", day("2026-03-05"), "1.2(a) lies before the manufacturer knew that"),
        (
            INITIAL,
            "administration.occurred",
            Span(first=day("2026-03-03"), last=day("2026-03-02")),
            "1.2(b) ends before",
        ),
        (INITIAL, "administration.aware_of_incident", day("2026-03-01"), "1.2(c) lies before the incident"),
        (INITIAL, "administration.aware_of_reportability", day("2026-03-04"), "1.2(d) lies before the manufacturer"),
        (INITIAL, "administration.next_report_on", None, "1.2(f) belongs to initial and follow-up reports"),
        (_FINAL, "administration.next_report_on", day("2026-06-01"), "1.2(f) belongs to initial and follow-up reports"),
        (INITIAL, "administration.next_report_on", day("2026-03-12"), "1.2(f) is not after this report's day"),
        (INITIAL, "administration.submitter", "authorised_representative", "1.3.3 is needed, for the representative"),
        (INITIAL, "administration.other_submitter", MAKER, "1.3.4 goes with another submitter"),
        (INITIAL, "administration.manufacturer.country", "Sweden", "1.3.2 has a country that is no code"),
        (INITIAL, "device.udi_di.entity", "ISBN", "2.1(a) is issued by none of GS1, HIBCC, ICCBBA, IFA"),
        (INITIAL, "device.udi_di", None, "2.1(b) says which piece of a device that 2.1(a) does not name"),
        (INITIAL, "device.nomenclature_code", None, "2.2(b) goes with the nomenclature"),
        (INITIAL, "device.nomenclature", "other", "2.2(a) goes with the name of a nomenclature"),
        (INITIAL, "device.brand_name", "", "2.3(a) is empty"),
        (INITIAL, "device.explanted", once("2025-01-01"), "2.3 has a device explanted before it was implanted"),
        (INITIAL, "device.notified_bodies", (("1", "a"), ("2", "b"), ("3", "c")), "2.3(p) has more than two"),
        (INITIAL, "device.risk_class", "", "2.4 is empty"),
        (INITIAL, "device.distributed_in", ("Sweden",), "2.5(a) has a country that is no code"),
        (INITIAL, "incident.description", "x" * 4_001, "3.1(a) is longer than 4000 characters"),
        (INITIAL, "incident.description", f"of {NUMBER}", "3.1(a) holds a personal identity number"),
        (INITIAL, "incident.problems", Codes(), "3.2(a) needs a code of annex A, or what there is no code for"),
        (INITIAL, "incident.problems", Codes(codes=("A04",)), "3.2(a) has codes of annex A without the version"),
        (INITIAL, "incident.problems", coded("A04", "A04"), "3.2(a) has a code of annex A twice"),
        (INITIAL, "incident.problems", coded(*(f"A0{n}" for n in range(1, 8))), "3.2(a) has more than 6 codes"),
        (INITIAL, "incident.problems", coded("E04"), "3.2(a) has a code that is none of annex A"),
        (INITIAL, "incident.signs", coded("E1"), "3.3(a) has a code that is none of annex E"),
        (INITIAL, "incident.impacts", Codes(), "3.3(a) needs a code of annex F"),
        (INITIAL, "incident.patients", -1, "3.2(b) is below nought"),
        (INITIAL, "incident.facility_country", "Norge", "3.4 has a country that is no code"),
        (INITIAL, "analysis.preliminary", None, "4.1 needs the preliminary results"),
        (_COMBINED, "analysis.preliminary", None, "4.1 needs the preliminary results"),
        (_FINAL, "analysis.root_causes", None, "4.2(a) is needed of a final report"),
        (_COMBINED, "analysis.root_causes", None, "4.2(a) is needed of a final report"),
        (_FINAL, "analysis.not_reportable_because", "It was not.", "4.2(b) belongs to the final report of what is not"),
        (_NOT_REPORTABLE, "analysis.not_reportable_because", None, "4.2(b) belongs to the final report of what is not"),
        (_FINAL, "analysis.root_cause_confirmed", None, "4.2(c) is needed of a final report"),
        (_FINAL, "analysis.risk_reviewed", None, "4.2(d) is needed of a final report"),
        (_FINAL, "analysis.risk_reviewed", False, "4.2(d) needs the reason why the risk assessment was not reviewed"),
        (_FINAL, "analysis.risk_adequate", None, "4.2(d) needs whether the risk assessment is adequate"),
        (_FINAL, "analysis.investigations", Codes(), "4.2(e) needs a code of annex B"),
        (_FINAL, "analysis.investigations", coded(*(f"B0{n}" for n in range(1, 10))), "4.2(e) has more than 8 codes"),
        (_FINAL, "analysis.findings", Codes(), "4.2(e) needs a code of annex C"),
        (_FINAL, "analysis.conclusions", coded("C01"), "4.2(e) has a code that is none of annex D"),
        (_FINAL, "analysis.components", Codes(), "4.2(f) needs a code of annex G"),
        (_FINAL, "analysis.schedule", None, "4.2(h) is needed where there are actions"),
        (_FINAL, "analysis.similar", None, "4.3.3 is needed of a final report"),
        (_FINAL, "analysis.similar.counted_by", "other", "4.3.3(b) goes with what is counted otherwise"),
        (
            _FINAL,
            "analysis.similar.counted_by",
            "episodes_of_use",
            "4.3.3(b) is counted in a way that may not be added",
        ),
        (_FINAL, "analysis.similar.periods", _SIMILAR.periods[:3], "4.3.3(c) has not 4 periods"),
        (
            _FINAL,
            "analysis.similar.periods",
            (*_SIMILAR.periods[:3], _period(2022, 0, 9)),
            "4.3.3(c) has devices added up over the periods that become fewer",
        ),
        (
            _FINAL,
            "analysis.similar.periods",
            (_period(2026, 5, 30), *_SIMILAR.periods[1:]),
            "4.3.3(c) has a period that ends after this report's day",
        ),
        (
            _FINAL,
            "analysis.similar.periods",
            (replace(_SIMILAR.periods[0], country=Counts(incidents=6, devices=30)), *_SIMILAR.periods[1:]),
            "4.3.3(c) has incidents of a country or of the EEA that are more than all of them",
        ),
        (
            _FINAL,
            "analysis.similar.periods",
            (replace(_SIMILAR.periods[0], first=day("2024-06-01")), *_SIMILAR.periods[1:]),
            "4.3.3(c) has periods that overlap, or not the latest first",
        ),
    ],
)
def test_each_rule_is_told_by_the_element_s_number(mir: Mir, path: str, value: object, told: str) -> None:
    (fault,) = mir_faults(changed(mir, path, value))
    assert str(fault).startswith(told)
    assert NUMBER not in str(fault)


def test_another_submitter_has_a_role_and_is_named() -> None:
    other = changed(INITIAL, "administration.submitter", "other")
    assert [str(one) for one in mir_faults(other)] == [
        "1.3.1(a) needs the role of a submitter that is neither manufacturer nor representative",
        "1.3.4 goes with another submitter",
    ]
    named = changed(
        changed(other, "administration.other_submitter", MAKER), "administration.submitter_role", "Importer"
    )
    assert mir_faults(named) == []


def test_what_has_no_code_is_said_in_words() -> None:
    uncoded = changed(INITIAL, "incident.problems", Codes(missing="squeaks"))
    assert mir_faults(uncoded) == []
    assert "| 3.2(a) | IMDRF Annex A, problem of the device | no code for: squeaks |" in as_markdown(uncoded)


@pytest.mark.parametrize("counted_by", sorted(NOT_CUMULATIVE))
def test_numbers_of_each_period_may_fall_where_they_are_not_added_up(counted_by: str) -> None:
    each = changed(changed(_FINAL, "analysis.similar.cumulative", False), "analysis.similar.counted_by", counted_by)
    assert mir_faults(changed(each, "analysis.similar.periods", (*_SIMILAR.periods[:3], _period(2022, 0, 9)))) == []


def test_its_class_is_its_manufacturer_s_deadline() -> None:
    own = INITIAL.administration
    deadline = deadline_of("manufacturer", Fact(own.classification, own.aware_of_incident), Rules())
    assert deadline.nominal == day("2026-03-20")
    for classification in CLASSES["manufacturer"]:
        assert mir_faults(changed(INITIAL, "administration.classification", classification)) == []


def test_it_reads_as_tables_by_section_with_what_is_filled_in() -> None:
    text = as_markdown(_FINAL)
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# Manufacturer incident report, form 7.3.1",
        "## 1. Administration",
        "## 2. Device",
        "## 3. Incident",
        "## 4. Manufacturer's analysis",
    ]
    for line in (
        "| 1.1(c) | Its number of the incident | Unknown |",
        "| 1.2(b) | Happened | 2026-03-02 |",
        "| 1.2(e) | Type of report | final |",
        "| 1.3.1(b) | Manufacturer's number of the incident | NF-2026-7 |",
        "| 2.1(a) | UDI-DI | 09520001000010 (GS1) |",
        "| 3.2(a) | IMDRF Annex A, problem of the device | A0401 (2025) |",
        "| 3.3(b) | Age in years | 71 |",
        "| 4.2(c) | Root cause confirmed | yes |",
        "| 4.2(d) | Risk assessment adequate | no |",
        "| 4.3.3(c) | N: 2025-01-01 to 2025-12-31 | country 5 of 30; EEA, CH, TR 5 of 30; world 5 of 30 |",
        "| 4.3.3(c) | N-3: 2022-01-01 to 2022-12-31 | country 0 of 0; EEA, CH, TR 0 of 0; world 0 of 0 |",
    ):
        assert line in text
    assert "None" not in text
    references = References(agency=("LV-1", "LV-2"), manufacturer=("NF-8",))
    assert "agency LV-1, LV-2; manufacturer NF-8" in as_markdown(changed(_FINAL, "administration.fsca", references))


def _texts(node: Any, path: str = "") -> Iterator[str]:
    for one in fields(node):
        value, here = getattr(node, one.name), f"{path}.{one.name}".lstrip(".")
        if is_dataclass(value):
            yield from _texts(value, here)
        elif isinstance(value, str):
            yield here


_CHOSEN = ("type", "classification", "submitter", "nomenclature", "sex", "counted_by", "country", "entity", "version")
_FREE_TEXTS = [path for path in _texts(_FINAL) if path.rsplit(".", 1)[-1] not in _CHOSEN]


@given(path=st.sampled_from(_FREE_TEXTS), marker=st.text("abcdefghij", min_size=12, max_size=12))
def test_whatever_was_said_is_in_the_text(path: str, marker: str) -> None:
    said = changed(_FINAL, path, marker)
    assert marker in as_markdown(said)
    assert mir_faults(said) == []
    hidden = mir_faults(changed(_FINAL, path, f"{marker} {NUMBER}"))
    assert [one.rule for one in hidden] == ["holds a personal identity number"]


def test_the_elements_stand_in_the_form_s_order() -> None:
    sections = [one.number.split("(")[0] for one in elements_of(_FINAL)]
    assert sections == sorted(sections, key=lambda number: [int(part) for part in number.split(".")])


def test_the_documentation_has_every_element() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reporting.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([1-5][0-9.]*(?:\([a-h|p]\))?) \| (.*) \|$", page, re.MULTILINE))
    told = {(number, label) for number, labels in rows.items() for label in labels.split("; ")}
    known = {(one.number, one.label) for one in elements_of(WHOLE) if one.number != "4.3.3(c)"}
    assert {one for one in told if one[0] != "4.3.3(c)"} == known
    assert "4.3.3(c)" in rows
