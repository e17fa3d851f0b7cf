"""Facts of cases that agencies publish, typed in as a model, come out as messages that others read equal.

The facts are those of ICH's elements in FDA's published test instances FAERS2022Scenario2 (a spontaneous report with
two reactions and three drugs) and FAERS2022Scenario3 (the same patient in a study). FDA's own elements are left out,
persons, places and companies are replaced by invented ones; the MPIDs' version is shortened to the ten characters
that ICH gives it, and what ICH asks for and the instances leave out is said here.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import e2br3

from sinks.agency.icsr.cases import batch_of
from sinks.agency.icsr.model import (
    Assessment,
    Case,
    Dosage,
    Drug,
    DrugReaction,
    Indication,
    PastDrug,
    Patient,
    PrimarySource,
    Reaction,
    Sender,
    Study,
    StudyRegistration,
    Substance,
)
from sinks.agency.icsr.reader import read
from sinks.agency.icsr.validation import validate
from sinks.agency.icsr.values import MeddraTerm, Moment, NullFlavor, Quantity, Term
from sinks.agency.icsr.writer import write
from tests.icsr_cases import NOW

NI = NullFlavor.NI
NDC = "2.16.840.1.113883.6.69"
COMPANY, REPORTER = "PHARMACEUTICAL COMPANY", "PRIMARY SOURCE REPORTER"
INTROSPECTION = "Global Introspection"


def judged(source: str, result: str) -> tuple[Assessment, ...]:
    return (Assessment(source, INTROSPECTION, result),)


THROMBOSIS = Reaction(
    translation="THROMBOSE VEINEUSE PROFONDE",
    term=MeddraTerm("10027940", "25.0"),
    highlighted="3",
    death=NI,
    life_threatening=NI,
    hospitalisation=NI,
    disabling=True,
    congenital_anomaly=NI,
    medically_important=True,
    start=Moment("20141010"),
    outcome="3",
    country="US",
)
COLITIS = replace(
    THROMBOSIS,
    translation="COLITE ISCHEMIQUE",
    term=MeddraTerm("10009896", "25.0"),
    disabling=NI,
    outcome="1",
)
SPONTANEOUS = Case(
    report_id="US-APHARMA-8744554B",
    created=Moment("20140714151617-0500"),
    report_type="1",
    first_received=Moment("20140615"),
    most_recent=Moment("20140615"),
    documents_available=False,
    expedited=False,
    worldwide_id="US-APHARMA-8744554B",
    first_sender="1",
    other_identifiers_exist=NI,
    sources=(
        PrimarySource(
            title="Doctor", given_name="Invented", family_name="Reporter", street="1 Any St.", city="Anytown",
            state="UT", postcode="00000", telephone="0000000000", country="US", qualification="1", primary="1",
        ),
    ),
    sender=Sender(
        kind="1", organisation="Invented Pharma", department="Management", title="Mr", given_name="Invented",
        family_name="Sender", country="US", telephone="0000000001", fax="0000000002", email="a@b.example",
    ),
    patient=Patient(
        name="JD",
        birth_date=Moment("20010615"),
        age=Quantity(Decimal(48), "a"),
        age_group="5",
        sex="1",
        history="None",
        past_drugs=(PastDrug("CureAll", Term("59762-2858", "2014110112", NDC)),),
    ),
    reactions=(THROMBOSIS, COLITIS),
    drugs=(
        Drug(
            role="1",
            mpid=Term("59762-2858", "2014110112", NDC),
            name="Drug A",
            substances=(
                Substance(
                    "ARGEMONE MEXICANA SEED OIL",
                    Term("0Q5GP4Y4FL", "12JUL2013", "2.16.840.1.113883.4.9"),
                    Quantity(Decimal(3), "mg"),
                ),
            ),
            country_obtained="US",
            authorisation="NDA012345",
            authorisation_country="US",
            holder="Invented Pharma A",
            dosages=(Dosage(lot="UNKNOWN", route="Oral", route_term=Term("001", "2014.10.30")),),
            indications=(Indication("Embolism venous"),),
            action="0",
            matrix=(DrugReaction(0, judged(REPORTER, "Suspected")), DrugReaction(1, judged(COMPANY, "Not Suspected"))),
        ),
        Drug(
            role="1",
            mpid=Term("894444-28525-765", "2014110112", NDC),
            name="Drug B",
            substances=(Substance("Ingredient B"),),
            authorisation="NDA012567",
            authorisation_country="US",
            holder="Invented Pharma B",
            matrix=(
                DrugReaction(0, judged(COMPANY, "Not Suspected")),
                DrugReaction(1, judged(REPORTER, "Not Suspected")),
            ),
        ),
        Drug(role="2", name="Drug C", holder="Invented Pharma C"),
    ),
    narrative="Case Narrative Including Clinical Course",
    reporter_comments="Reporter Comments",
    sender_comments="Sender Comments",
)  # fmt: skip
IN_A_STUDY = replace(
    SPONTANEOUS,
    report_type="2",
    expedited=True,
    study=Study((StudyRegistration("STUDY-US-001", "US"),), "Study ID$Abbreviated Trial Name", "CT-00-00", "1"),
)


def sent(case: Case) -> bytes:
    batch = batch_of([case], "FAERS2022Scenario2", "4567AB89012", "ZZFDA", Moment("20220614101010-0500"))
    assert validate(batch, NOW) == []
    written = write(batch)
    assert read(written) == (batch, [])
    return written


def test_a_spontaneous_report_is_read_by_others_with_all_its_facts() -> None:
    batch = e2br3.parse(sent(SPONTANEOUS))
    assert (batch.batch_type.code, batch.sender, batch.receiver) == ("1", "4567AB89012", "ZZFDA")
    (case,) = batch.icsrs
    assert case.safety_report_id == case.worldwide_case_id == "US-APHARMA-8744554B"
    assert case.creation_date.raw == "20140714151617-0500"
    assert case.report_type.code == "1"
    assert (case.patient.name, case.patient.sex.code) == ("JD", "1")
    assert (case.patient.age.value, case.patient.age.unit) == (48, "a")
    assert [(one.country.code, one.qualification.code) for one in case.primary_sources] == [("US", "1")]
    thrombosis, colitis = case.reactions
    assert (thrombosis.meddra_code, thrombosis.meddra_version) == ("10027940", "25.0")
    assert (colitis.meddra_code, colitis.meddra_version) == ("10009896", "25.0")
    assert thrombosis.translated_term == "THROMBOSE VEINEUSE PROFONDE"
    assert (thrombosis.disabling, thrombosis.other_medically_important) == (True, True)
    assert str(thrombosis.results_in_death) == "nullFlavor=NI"
    assert str(colitis.disabling) == "nullFlavor=NI"
    assert (thrombosis.outcome.code, colitis.outcome.code) == ("3", "1")
    assert thrombosis.start_date.raw == "20141010"
    assert [(drug.role.code, drug.product_name, drug.substances) for drug in case.drugs] == [
        ("1", "Drug A", ["ARGEMONE MEXICANA SEED OIL"]),
        ("1", "Drug B", ["Ingredient B"]),
        ("2", "Drug C", []),
    ]
    first, second, third = case.drugs
    assert (first.action_taken.code, first.dosages[0].route.code, first.dosages[0].route_text) == ("0", "001", "Oral")
    assert [
        (entry.reaction_index, one.source.original_text, one.method.original_text, one.result)
        for drug in (first, second, third)
        for entry in drug.relatedness
        for one in entry.assessments
    ] == [
        (0, REPORTER, INTROSPECTION, "Suspected"),
        (1, COMPANY, INTROSPECTION, "Not Suspected"),
        (0, COMPANY, INTROSPECTION, "Not Suspected"),
        (1, REPORTER, INTROSPECTION, "Not Suspected"),
    ]


def test_a_report_from_a_study_is_one() -> None:
    (case,) = e2br3.parse(sent(IN_A_STUDY)).icsrs
    assert case.report_type.code == "2"
    study = read(sent(IN_A_STUDY)).batch.messages[0].case
    assert study is not None
    assert study.study == IN_A_STUDY.study
