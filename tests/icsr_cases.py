"""Invented case safety reports: one with nothing but what must be there, and one with every data element."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from sinks.agency.icsr.cases import batch_of
from sinks.agency.icsr.model import (
    Assessment,
    AutopsyCause,
    Batch,
    Case,
    Condition,
    Death,
    Document,
    Dosage,
    Drug,
    DrugReaction,
    Indication,
    Literature,
    OtherIdentifier,
    Parent,
    ParentCondition,
    ParentPastDrug,
    PastDrug,
    Patient,
    PrimarySource,
    Reaction,
    ReportedCause,
    Sender,
    Study,
    StudyRegistration,
    Substance,
    Summary,
    Test,
)
from sinks.agency.icsr.values import (
    Attachment,
    MeddraTerm,
    Moment,
    NullFlavor,
    Quantity,
    Term,
    TestValue,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CREATED = Moment("20260301101500+0100")
VERSION = "28.0"
NI, MSK, UNK, NA = NullFlavor.NI, NullFlavor.MSK, NullFlavor.UNK, NullFlavor.NA
ASKU, NASK = NullFlavor.ASKU, NullFlavor.NASK


def term(code: str) -> MeddraTerm:
    return MeddraTerm(code, VERSION)


def quantity(number: str, unit: str) -> Quantity:
    return Quantity(Decimal(number), unit)


def batch(*cases: Case) -> Batch:
    return batch_of(cases, "SE-GULD-BATCH-1", "GULD", "AGENCYTEST", Moment("20260301101600+0100"))


SMALLEST_REACTION = Reaction(
    term=term("10019211"),
    death=NI,
    life_threatening=NI,
    hospitalisation=NI,
    disabling=NI,
    congenital_anomaly=NI,
    medically_important=NI,
    outcome="0",
)
SMALLEST = Case(
    report_id="SE-GULD-1",
    created=CREATED,
    report_type="1",
    first_received=Moment("20260227"),
    most_recent=Moment("20260227"),
    documents_available=False,
    expedited=False,
    worldwide_id="SE-GULD-1",
    first_sender="2",
    other_identifiers_exist=NI,
    sources=(PrimarySource(country="SE", qualification=UNK, family_name="Berg", primary="1"),),
    sender=Sender(kind="7"),
    patient=Patient(name=MSK, sex="2", history=UNK),
    reactions=(SMALLEST_REACTION,),
    drugs=(Drug(role="1", name="Invented drug"),),
    narrative="A reaction.",
)

PARENT_OF_FULL = Parent(
    name="CD", age=quantity("31", "a"), last_menstrual_period=Moment("20251101"), weight=Decimal(64),
    height=Decimal(171), sex="2",
    conditions=(ParentCondition(term("10020772"), Moment("2020"), True, NASK, "Mild."),),
    history="Otherwise well.",
    past_drugs=(
        ParentPastDrug(
            "Parent's drug", Term("MP-2", "1"), None, Moment("2024"), ASKU, term("10039073"), term("10019211")
        ),
        ParentPastDrug("Parent's other drug", None, Term("PH-2", "2")),
    ),
)  # fmt: skip

PATIENT_OF_FULL = Patient(
    name="AB", gp_record="1", specialist_record="22", hospital_record="333", investigation=MSK,
    birth_date=Moment("19700115"), age=quantity("56", "a"), gestation=quantity("12", "wk"), age_group="5",
    weight=Decimal("71.5"), height=Decimal(168), sex="2", last_menstrual_period=Moment("202601"),
    conditions=(
        Condition(term("10039073"), Moment("2001"), True, MSK, "Seropositive.", True),
        Condition(term("10020772"), NASK, False, Moment("201912"), None, None),
        Condition(term("10003553"), None, UNK),
    ),
    history="Smoked until 2010.",
    concomitant_therapies=True,
    past_drugs=(
        PastDrug(
            "Old drug", Term("MP-1", "2025-01"), None, Moment("2015"), Moment("201603"),
            term("10039073"), term("10019211"),
        ),
        PastDrug(UNK, None, Term("PH-1", "1"), NASK, ASKU),
        PastDrug("Older drug", Term("0071-0220", "2024", "2.16.840.1.113883.6.69")),
    ),
    death=Death(
        Moment("20260226"),
        (ReportedCause(term("10040047"), "Sepsis"), ReportedCause(term("10035664"))),
        True,
        (AutopsyCause(term("10040047"), "Sepsis by autopsy"),),
    ),
    parent=PARENT_OF_FULL,
)  # fmt: skip

FULL = Case(
    report_id="SE-GULD-2",
    created=CREATED,
    report_type="2",
    first_received=Moment("20260220"),
    most_recent=Moment("20260227"),
    documents_available=True,
    documents=(
        Document("Discharge letter", Attachment(b"%PDF-1.7 \x00", "application/pdf", "letter.pdf")),
        Document("Laboratory list"),
    ),
    expedited=True,
    worldwide_id="SE-GULD-2",
    first_sender="2",
    other_identifiers_exist=True,
    other_identifiers=(OtherIdentifier("Hospital A", "SE-HOSPA-77"), OtherIdentifier("Maker B", "DE-MAKERB-5")),
    linked_reports=("SE-GULD-1", "SE-GULD-3"),
    nullification="2",
    nullification_reason="The dose was wrong.",
    sources=(
        PrimarySource(
            title="Dr", given_name="Maja", middle_name="Ek", family_name="Lind", organisation="Hospital A",
            department="Rheumatology", street="Storgatan 1", city="Storstad", state="Norra", postcode="123 45",
            telephone="+46 10 123 45 67", country="SE", qualification="1", primary="1",
        ),
        PrimarySource(
            title=UNK, given_name=MSK, middle_name=NASK, family_name=ASKU, organisation=NASK, department=MSK,
            street=MSK, city=MSK, state=ASKU, postcode=MSK, telephone=MSK, country=UNK, qualification="5",
        ),
    ),
    sender=Sender(
        kind="3", organisation="Guld register", department="Safety", title="Ms", given_name="Elsa", middle_name="Mo",
        family_name="Dahl", street="Lillgatan 2", city="Lillstad", state="Södra", postcode="543 21", country="SE",
        telephone="+46 10 765 43 21", fax="+46 10 765 43 22", email="safety@guld.example",
    ),
    literature=(
        Literature("Invented A. A case. J Inv. 2025;1:1.", Attachment(b"x" * 40, "text/plain", None, "DF")),
        Literature(ASKU),
    ),
    study=Study(
        registrations=(StudyRegistration("2025-500000-00", "EU"), StudyRegistration(NASK, ASKU)),
        name="Follow-up of biologics",
        sponsor_number="GULD-7",
        kind="3",
    ),
    patient=PATIENT_OF_FULL,
    reactions=(
        Reaction(
            native_text="Svår huvudvärk", native_language="swe", translation="Severe headache", term=term("10019211"),
            highlighted="3", death=True, life_threatening=True, hospitalisation=True, disabling=NI,
            congenital_anomaly=NI, medically_important=True, start=Moment("20260215"), end=Moment("20260226"),
            duration=quantity("11", "d"), outcome="5", confirmed=True, country="SE",
        ),
        replace(SMALLEST_REACTION, start=Moment("202602"), duration=quantity("2", "h")),
        replace(SMALLEST_REACTION, end=MSK, duration=quantity("1.5", "wk"), confirmed=False),
        replace(SMALLEST_REACTION, start=MSK, end=ASKU, medically_important=True),
    ),
    tests=(
        Test(
            Moment("20260216"), "S-CRP", term("10006825"), "1", TestValue(Decimal("121.5"), "mg/L"), None,
            Decimal(0), Decimal(5), "Repeated.", True,
        ),
        Test(UNK, None, term("10006825"), None, TestValue(Decimal(200), "mg/L", ">")),
        Test(Moment("2026"), "Titre", None, None, TestValue(Decimal(40), "{titer}", "<=")),
        Test(Moment("20260217"), "Titre", None, "4", TestValue(Decimal(3), "1", ">="), None, None, None, None, False),
        Test(Moment("20260218"), "Base excess", None, None, TestValue(Decimal("-4.5"), "mmol/L", "<")),
        Test(Moment("20260219"), "Culture", None, None, None, "Growth of invented bacteria."),
        Test(Moment("20260219"), "Antigen", None, "2"),
    ),
    drugs=(
        Drug(
            role="1", mpid=Term("MP-9", "2026-01"), name="Invented mab",
            substances=(
                Substance("inventedmab", Term("SUB-1", "3"), quantity("40", "mg")),
                Substance("other", Term("UNII9", None, "2.16.840.1.113883.4.9")),
            ),
            country_obtained="SE", blinded=True, authorisation="EU/1/00/000/001", authorisation_country="EU",
            holder="Maker B",
            dosages=(
                Dosage(
                    quantity("40", "mg"), quantity("2", "wk"), Moment("20250901"), Moment("202602010800+0100"),
                    quantity("22", "wk"), "LOT-77", "One pen", "solution", Term("11201000", "2020"), "subcutaneous",
                    Term("20066000", "1"), "intravenous", Term("20045000", "1"),
                ),
                Dosage(interval=quantity("1", "d"), form=ASKU, route=UNK, parent_route=NASK),
                Dosage(start=MSK, end=NASK, dose=quantity("1", "{DF}")),
                Dosage(start=Moment("2025"), duration=quantity("3", "mo")),
                Dosage(duration=quantity("3", "mo"), interval=Quantity(None, "{asnecessary}")),
                Dosage(end=Moment("2025"), route_term=Term("048", "2.1", "2.16.840.1.113883.3.989.2.1.1.14")),
                Dosage(text="As prescribed"),
            ),
            cumulative_dose=quantity("480", "mg"), gestation=quantity("2", "{trimester}"),
            indications=(Indication("Rheumatoid arthritis", term("10039073")), Indication(UNK, term("10057097"))),
            action="1",
            matrix=(
                DrugReaction(
                    0,
                    (Assessment("Reporter", "Global introspection", "Probable"), Assessment("Us", None, "Possible")),
                    quantity("167", "d"), quantity("14", "d"), "1",
                ),
                DrugReaction(1, (Assessment(None, None, "Unlikely"),)),
                DrugReaction(3, (), None, None, "4"),
            ),
            additional_codes=("7", "11"),
            additional_information="Stored too warm.",
        ),
        Drug(role="2", phpid=Term("PH-9", "1"), name="Second drug", holder="Maker C", action="9"),
        Drug(role="3", name="Third drug", matrix=(DrugReaction(2, (), quantity("3", "min")),)),
    ),
    narrative="A woman of 56 had a severe headache.\nShe died.\tSee <letter> & list.",
    reporter_comments="It came suddenly.",
    diagnoses=(term("10040047"), term("10019211")),
    sender_comments="The reaction is listed.",
    summaries=(Summary("En kvinna dog.", "swe"), Summary("Eine Frau starb.", "ger")),
)  # fmt: skip
