"""ICH's conditional rules, each by a case that breaks only it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sinks.agency.icsr import model
from sinks.agency.icsr.findings import Finding
from sinks.agency.icsr.model import Batch, Case, Drug, Message, Patient, PrimarySource, Sender
from sinks.agency.icsr.validation import validate
from sinks.agency.icsr.values import Attachment, MeddraTerm, Moment, NullFlavor, Quantity, Term
from sinks.agency.icsr.values import TestValue as MeasuredValue
from tests.icsr_cases import FULL, NOW, SMALLEST, SMALLEST_REACTION, batch, quantity, term

PATIENT = SMALLEST.patient or Patient()
DRUG = SMALLEST.drugs[0]
SOURCE = SMALLEST.sources[0]
MSK, UNK, NI = NullFlavor.MSK, NullFlavor.UNK, NullFlavor.NI


def found(case: Case) -> list[tuple[str, str]]:
    return [(finding.element, finding.place) for finding in validate(batch(case), NOW)]


def of_case(**changes: Any) -> Case:
    return replace(SMALLEST, **changes)


def of_patient(**changes: Any) -> Case:
    return replace(SMALLEST, patient=replace(PATIENT, **changes))


def of_drug(**changes: Any) -> Case:
    return replace(SMALLEST, drugs=(replace(DRUG, **changes),))


def of_reaction(**changes: Any) -> Case:
    return replace(SMALLEST, reactions=(replace(SMALLEST_REACTION, **changes),))


def of_dosage(**changes: Any) -> Case:
    return of_drug(dosages=(model.Dosage(**changes),))


def of_test(**changes: Any) -> Case:
    fine = {"date": UNK, "name": "Titre", "result": "Normal"}
    return replace(SMALLEST, tests=(model.Test(**{**fine, **changes}),))


def of_death(**changes: Any) -> Case:
    return of_patient(death=model.Death(**changes))


def of_parent(**changes: Any) -> Case:
    return of_patient(parent=model.Parent(**{"sex": "2", **changes}))


M = "N.2.r[1]"
BROKEN: dict[str, tuple[Case, str, str]] = {
    "documents, but which": (replace(SMALLEST, documents_available=True), "C.1.6.1.r.1", M),
    "a document without a description": (
        replace(SMALLEST, documents_available=True, documents=(replace(FULL.documents[0], description=None),)),
        "C.1.6.1.r.1",
        M,
    ),
    "other identifiers, but which": (replace(SMALLEST, other_identifiers_exist=True), "C.1.9.1.r.1", M),
    "other identifiers, but not said": (replace(SMALLEST, other_identifiers=FULL.other_identifiers), "C.1.9.1", M),
    "an identifier without a source": (
        replace(SMALLEST, other_identifiers_exist=True, other_identifiers=(model.OtherIdentifier(None, "A"),)),
        "C.1.9.1.r.1",
        f"{M} C.1.9.1.r[1]",
    ),
    "a source without an identifier": (
        replace(SMALLEST, other_identifiers_exist=True, other_identifiers=(model.OtherIdentifier("A"),)),
        "C.1.9.1.r.2",
        f"{M} C.1.9.1.r[1]",
    ),
    "false other identifiers": (replace(SMALLEST, other_identifiers_exist=False), "C.1.9.1", M),
    "nullified without a reason": (replace(SMALLEST, nullification="1"), "C.1.11.2", M),
    "a reason for nothing": (replace(SMALLEST, nullification_reason="A duplicate."), "C.1.11.1", M),
    "no primary source for regulatory purposes": (
        replace(SMALLEST, sources=(replace(SOURCE, primary=None),)),
        "C.2.r.5",
        M,
    ),
    "two primary sources for regulatory purposes": (replace(SMALLEST, sources=(SOURCE, SOURCE)), "C.2.r.5", M),
    "a primary source without a country": (
        replace(SMALLEST, sources=(replace(SOURCE, country=None),)),
        "C.2.r.3",
        f"{M} C.2.r[1]",
    ),
    "a middle name without a given one": (
        replace(SMALLEST, sources=(replace(SOURCE, middle_name="Ek"),)),
        "C.2.r.1.2",
        f"{M} C.2.r[1]",
    ),
    "a sender without an organisation": (replace(SMALLEST, sender=Sender(kind="3")), "C.3.2", M),
    "a sender's middle name without a given one": (
        replace(SMALLEST, sender=Sender(kind="7", middle_name="Mo")),
        "C.3.3.3",
        M,
    ),
    "a study of no kind": (replace(SMALLEST, report_type="2"), "C.5.4", M),
    "an age without a unit": (of_patient(age=Quantity(Decimal(5))), "D.2.2b", M),
    "a unit without an age": (of_patient(age=Quantity(None, "a")), "D.2.2a", M),
    "a gestation without a unit": (of_patient(gestation=Quantity(Decimal(5))), "D.2.2.1b", M),
    "no medical history": (of_patient(history=None), "D.7.2", M),
    "a condition without a term": (
        of_patient(conditions=(model.Condition(comments="Mild."),)),
        "D.7.1.r.1b",
        f"{M} D.7.1.r[1]",
    ),
    "a term without a version": (
        of_patient(conditions=(model.Condition(MeddraTerm("10039073")),)),
        "D.7.1.r.1a",
        f"{M} D.7.1.r[1]",
    ),
    "a condition that ends before it starts": (
        of_patient(conditions=(model.Condition(term("10039073"), Moment("20250301"), None, Moment("202502")),)),
        "D.7.1.r.4",
        f"{M} D.7.1.r[1]",
    ),
    "a past drug without a name": (
        of_patient(past_drugs=(model.PastDrug(start=Moment("2020")),)),
        "D.8.r.1",
        f"{M} D.8.r[1]",
    ),
    "a past drug with both identifiers": (
        of_patient(past_drugs=(model.PastDrug("A", Term("1", "1"), Term("2", "1")),)),
        "D.8.r.3b",
        f"{M} D.8.r[1]",
    ),
    "an identifier without a version": (
        of_patient(past_drugs=(model.PastDrug("A", Term("1")),)),
        "D.8.r.2a",
        f"{M} D.8.r[1]",
    ),
    "a death without a word on autopsy": (of_death(date=Moment("2026")), "D.9.3", M),
    "an autopsy's cause without its text": (
        of_death(autopsy=True, autopsy_causes=(model.AutopsyCause(term("10040047")),)),
        "D.9.4.r.2",
        f"{M} D.9.4.r[1]",
    ),
    "an autopsy's cause without an autopsy": (
        of_death(autopsy_causes=(model.AutopsyCause(term("10040047"), "Sepsis"),)),
        "D.9.3",
        M,
    ),
    "a parent's birth date and age": (of_parent(birth_date=Moment("1990"), age=quantity("36", "a")), "D.10.2.2a", M),
    "a parent without a sex": (of_parent(sex=None, name="CD"), "D.10.6", M),
    "a parent's drug with both identifiers": (
        of_parent(past_drugs=(model.ParentPastDrug("A", Term("1", "1"), Term("2", "1")),)),
        "D.10.8.r.3b",
        f"{M} D.10.8.r[1]",
    ),
    "words without a language": (of_reaction(native_text="Huvudvärk"), "E.i.1.1b", f"{M} E.i[1]"),
    "a language without words": (of_reaction(native_language="swe"), "E.i.1.1a", f"{M} E.i[1]"),
    "a duration without a unit": (of_reaction(duration=Quantity(Decimal(2))), "E.i.6b", f"{M} E.i[1]"),
    "a reaction that ends before it starts": (
        of_reaction(start=Moment("202602"), end=Moment("20260131")),
        "E.i.5",
        f"{M} E.i[1]",
    ),
    "a physician's report that has to be confirmed": (
        replace(of_reaction(confirmed=True), sources=(replace(SOURCE, qualification="1"),)),
        "E.i.8",
        M,
    ),
    "a test without a date": (of_test(date=None), "F.r.1", f"{M} F.r[1]"),
    "a test without a name": (of_test(name=None), "F.r.2.2b", f"{M} F.r[1]"),
    "a test without a result": (of_test(result=None), "F.r.3.4", f"{M} F.r[1]"),
    "a test with two results": (of_test(value=FULL.tests[0].value), "F.r.3.4", f"{M} F.r[1]"),
    "no suspect drug": (of_drug(role="2"), "G.k.1", M),
    "a drug with both identifiers": (of_drug(mpid=Term("1", "1"), phpid=Term("2", "1")), "G.k.2.1.2b", f"{M} G.k[1]"),
    "an authorisation without a country": (of_drug(authorisation="EU/1"), "G.k.3.2", f"{M} G.k[1]"),
    "a strength without a unit": (
        of_drug(substances=(model.Substance("a", None, Quantity(Decimal(5))),)),
        "G.k.2.3.r.3b",
        f"{M} G.k[1] G.k.2.3.r[1]",
    ),
    "a dose without a unit": (of_dosage(dose=Quantity(Decimal(5))), "G.k.4.r.1b", f"{M} G.k[1] G.k.4.r[1]"),
    "an interval without a unit": (of_dosage(interval=Quantity(Decimal(5))), "G.k.4.r.3", f"{M} G.k[1] G.k.4.r[1]"),
    "an interval of days without their number": (
        of_dosage(interval=Quantity(None, "d")),
        "G.k.4.r.2",
        f"{M} G.k[1] G.k.4.r[1]",
    ),
    "a drug that ends before it starts": (
        of_dosage(start=Moment("2026"), end=Moment("20251231")),
        "G.k.4.r.5",
        f"{M} G.k[1] G.k.4.r[1]",
    ),
    "an indication's version without its code": (
        of_drug(indications=(model.Indication(None, MeddraTerm(None, "28.0")),)),
        "G.k.7.r.2b",
        f"{M} G.k[1] G.k.7.r[1]",
    ),
    "an assessment beside no reaction": (
        of_drug(matrix=(model.DrugReaction(1, (), None, None, "1"),)),
        "G.k.9.i.1",
        M,
    ),
    "assessments that are not in order": (
        of_drug(matrix=(model.DrugReaction(0, (), None, None, "1"),) * 2),
        "G.k.9.i.1",
        M,
    ),
    "a summary without a language": (replace(SMALLEST, summaries=(model.Summary("A"),)), "H.5.r.1b", f"{M} H.5.r[1]"),
    "a language without a summary": (
        replace(SMALLEST, summaries=(model.Summary(None, "swe"),)),
        "H.5.r.1a",
        f"{M} H.5.r[1]",
    ),
    "two versions of MedDRA": (replace(SMALLEST, diagnoses=(MeddraTerm("10019211", "27.1"),)), "E.i.2.1a", M),
    "information that is older than the report": (replace(SMALLEST, most_recent=Moment("20260226")), "C.1.5", M),
    "an identifier without a country": (replace(SMALLEST, worldwide_id="XX-GULD-1"), "C.1.8.1", M),
    "an identifier of another form": (replace(SMALLEST, worldwide_id="SE-GULD"), "C.1.8.1", M),
    "an empty section": (replace(SMALLEST, literature=(model.Literature(),)), "C.4.r", f"{M} C.4.r[1]"),
    "no reporter": (replace(SMALLEST, sources=()), "C.2.r.4", M),
    "no sender": (replace(SMALLEST, sender=None), "C.3.1", M),
    "no patient": (replace(SMALLEST, patient=None), "D.1", M),
    "no reaction": (replace(SMALLEST, reactions=()), "E.i.2.1b", M),
    "no drug": (replace(SMALLEST, drugs=()), "G.k.1", M),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_rule_that_is_broken_is_found_and_nothing_else(what: str) -> None:
    case, element, place = BROKEN[what]
    assert found(case) == [(element, place)]


def with_document(**changes: Any) -> Case:
    attachment = replace(Attachment(b"a", "text/plain"), **changes)
    return replace(SMALLEST, literature=(model.Literature("A", attachment),))


WRONG: dict[str, tuple[Case, str, str]] = {
    "a text for a date": (of_patient(birth_date="1970"), "D.2.1", "is not a date"),
    "a text for a truth": (of_reaction(confirmed="true"), "E.i.8", "is neither true nor false"),
    "a number for a text": (of_case(narrative=5), "H.1", "is not text"),
    "a truth for a code": (of_reaction(outcome=True), "E.i.7", "is not text"),
    "blanks": (replace(SMALLEST, narrative=" \n"), "H.1", "is blank"),
    "a control character": (replace(SMALLEST, narrative="A\x00B"), "H.1", "control character"),
    "half a character": (replace(SMALLEST, narrative="A\ud800"), "H.1", "control character"),
    "no number": (of_patient(weight=Decimal("NaN")), "D.3", "is not a number"),
    "no end of a number": (of_patient(weight=Decimal("Infinity")), "D.3", "is not a number"),
    "a negative weight": (of_patient(weight=Decimal(-1)), "D.3", "is negative"),
    "decimals of a height": (of_patient(height=Decimal("9.5")), "D.4", "has decimals"),
    "a number with an exponent": (of_patient(weight=Decimal("1E+6")), "D.3", "has 7 characters, of which 6"),
    "a document without content": (with_document(content=b""), "C.4.r.2", "has no content"),
    "a document of no type": (with_document(media_type="pdf"), "C.4.r.2", "has no media type"),
    "a document compressed otherwise": (with_document(compression="GZ"), "C.4.r.2", "another way than DF"),
    "a language that is none": (of_reaction(native_text="A", native_language="sv"), "E.i.1.1b", "ISO 639-2"),
    "a unit that is none": (of_dosage(dose=Quantity(Decimal(1), "a tablet")), "G.k.4.r.1b", "is no unit of UCUM"),
    "a unit of time that is none": (of_patient(age=Quantity(Decimal(1), "years")), "D.2.2b", "not as ICH lists it"),
    "a MedDRA version that is none": (of_reaction(term=MeddraTerm("10019211", "28")), "E.i.2.1a", "Give it as in 28.0"),
    "a country in small letters": (of_reaction(country="se"), "E.i.9", "is no country of ISO 3166-1"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_value_that_may_not_stand_there_is_found_with_what_to_do(what: str) -> None:
    case, element, said = WRONG[what]
    (finding,) = validate(batch(case), NOW)
    assert finding.element == element
    assert said in finding.text
    assert finding.text.count(". ") >= 1


def test_a_negative_result_is_a_result() -> None:
    value = model.Test(UNK, "Base excess", None, None, MeasuredValue(Decimal("-4.5"), "mmol/L"), None, Decimal(-2))
    assert found(replace(SMALLEST, tests=(value,))) == []


def test_what_is_missing_is_found_where_it_is_missing() -> None:
    second = replace(SMALLEST_REACTION, outcome=None)
    other = replace(SMALLEST, report_id="SE-GULD-4", reactions=(SMALLEST_REACTION, second))
    (finding,) = validate(batch(SMALLEST, other), NOW)
    assert finding == Finding(
        "E.i.7",
        "N.2.r[2] E.i[2]",
        "Outcome of Reaction / Event at the Time of Last Observation is missing, and every report has it. "
        "Give one of 0, 1, 2, 3, 4, 5.",
    )
    assert str(finding).startswith("E.i.7 (N.2.r[2] E.i[2]): Outcome of Reaction")


@pytest.mark.parametrize(
    ("identifying", "enough"),
    [
        ({"name": "AB"}, True),
        ({"birth_date": Moment("19700101")}, True),
        ({"age": quantity("5", "10.a")}, True),
        ({"age_group": "6"}, True),
        ({"sex": "1"}, True),
        ({}, False),
        ({"name": MSK, "birth_date": MSK, "sex": MSK}, False),
        ({"name": UNK, "sex": NullFlavor.ASKU}, False),
        ({"weight": Decimal(70), "height": Decimal(170)}, False),
    ],
)
def test_a_patient_is_identifiable_by_one_of_five(identifying: dict[str, Any], enough: bool) -> None:
    case = replace(SMALLEST, patient=Patient(**{"name": MSK, "history": UNK, **identifying}))
    assert found(case) == ([] if enough else [("D.1", M)])


@pytest.mark.parametrize(
    ("identifying", "enough"),
    [
        ({"qualification": "5"}, True),
        ({"qualification": UNK, "given_name": "Maja"}, True),
        ({"qualification": UNK, "family_name": "Lind"}, True),
        ({"qualification": UNK, "organisation": "Hospital A"}, True),
        ({"qualification": UNK, "telephone": "+46 10"}, True),
        ({"qualification": UNK}, False),
        ({"qualification": UNK, "family_name": MSK, "organisation": MSK}, False),
        ({"qualification": UNK, "title": "Dr"}, False),
    ],
)
def test_a_reporter_is_identifiable_by_qualification_name_or_address(identifying: dict[str, Any], enough: bool) -> None:
    case = replace(SMALLEST, sources=(PrimarySource(country="SE", primary="1", **identifying),))
    assert found(case) == ([] if enough else [("C.2.r.4", M)])


@pytest.mark.parametrize("role", ["1", "3", "4"])
def test_a_drug_that_is_suspect_interacting_or_not_given_makes_a_case(role: str) -> None:
    assert found(replace(SMALLEST, drugs=(Drug(role="2", name="A"), Drug(role=role, name="B")))) == []


def test_what_needs_no_number_is_no_half() -> None:
    assert found(of_dosage(interval=Quantity(None, "{asnecessary}"))) == []
    assert found(of_dosage(form_term=Term("11201000"), route_term=Term("20066000"))) == []


def test_messages_are_their_reports_and_only_once_in_a_batch() -> None:
    sent = batch(SMALLEST)
    other = replace(sent.messages[0], identifier="SE-GULD-9", created=Moment("20260301101501+0100"))
    assert [(one.element, one.place) for one in validate(replace(sent, messages=(other,)), NOW)] == [
        ("N.2.r.1", M),
        ("N.2.r.4", M),
    ]
    twice = validate(batch(SMALLEST, SMALLEST), NOW)
    assert [(one.element, one.place) for one in twice] == [("N.2.r.1", "")]


def test_nothing_at_all_lacks_what_a_batch_must_have() -> None:
    assert [one.element for one in validate(Batch(), NOW)] == ["N.1.1", "N.1.2", "N.1.3", "N.1.4", "N.1.5", "N.2.r.1"]
    of_a_message = [one.element for one in validate(Batch(messages=(Message(),)), NOW) if one.place]
    assert of_a_message == ["N.2.r.1", "N.2.r.2", "N.2.r.3", "N.2.r.4", "C.1.1"]


def test_dates_are_not_after_now_wherever_they_may_have_been() -> None:
    """Without an offset a date is after now only where that is so in every place of the world (+14:00)."""
    assert found(of_reaction(start=Moment("20260303"))) == []  # in Kiribati it is past 02:00 of that day
    assert found(of_reaction(start=Moment("20260304"))) == [("E.i.4", f"{M} E.i[1]")]
    assert found(of_reaction(start=Moment("202603021300+0100"))) == []
    assert found(of_reaction(start=Moment("202603021301+0100"))) == [("E.i.4", f"{M} E.i[1]")]
    late = validate(batch(SMALLEST), NOW - timedelta(days=30))
    assert {one.element for one in late} == {"N.1.5", "N.2.r.4", "C.1.2", "C.1.4", "C.1.5"}


def test_no_finding_tells_a_value() -> None:
    secret = "Hemligsson"
    case = replace(
        FULL,
        report_id=secret,
        worldwide_id=secret,
        sender=Sender(kind=secret, organisation=secret * 50, country=secret),
        patient=Patient(name=secret * 10, birth_date=Moment("1970"), sex=secret, age=Quantity(Decimal(-1), secret)),
        reactions=(replace(SMALLEST_REACTION, term=MeddraTerm(secret, secret), native_language=secret),),
        drugs=(Drug(role=secret, name=secret * 30, country_obtained=secret, dosages=FULL.drugs[0].dosages),),
    )
    findings = validate(batch(case), NOW)
    assert len(findings) > 15
    assert not any(secret in str(finding) for finding in findings)
