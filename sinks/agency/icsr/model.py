"""A batch of case safety reports, field by data element.

Absent is None; why something is absent is a NullFlavor. Sections that repeat are tuples. A model may be
incomplete or wrong: what it lacks is for ``validation`` to say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from decimal import Decimal

    from sinks.agency.icsr.values import Attachment, MeddraTerm, Moment, Quantity, Term, TestValue, Text, Time, Truth


class Place(NamedTuple):
    """Which data elements a field of the model holds: one, those of the parts of its value, or a section's.

    Attributes:
        elements: element number by part of the value; the part "" is the value itself.
        section: the number of the section; empty for a field that is none.
    """

    elements: dict[str, str]
    section: str = ""


def _one(element: str) -> Any:
    return field(default=None, metadata={"place": Place({"": element})})


def _each(element: str) -> Any:
    """Values that repeat, an element each."""
    return field(default=(), metadata={"place": Place({"": element}, element)})


def _quantity(element: str) -> Any:
    return field(default=None, metadata={"place": Place({"value": f"{element}a", "unit": f"{element}b"})})


def _term(element: str) -> Any:
    return field(default=None, metadata={"place": Place({"version": f"{element}a", "code": f"{element}b"})})


def _terms(section: str, element: str) -> Any:
    """Terms that repeat, and are all that the section has."""
    place = Place({"version": f"{element}a", "code": f"{element}b"}, section)
    return field(default=(), metadata={"place": place})


def _parts(**elements: str) -> Any:
    return field(default=None, metadata={"place": Place(elements)})


def _group(section: str) -> Any:
    return field(default=None, metadata={"place": Place({}, section)})


def _groups(section: str) -> Any:
    return field(default=(), metadata={"place": Place({}, section)})


@dataclass(frozen=True, slots=True)
class Document:
    """C.1.6.1.r: a document held by the sender."""

    description: str | None = _one("C.1.6.1.r.1")
    attachment: Attachment | None = _one("C.1.6.1.r.2")


@dataclass(frozen=True, slots=True)
class OtherIdentifier:
    """C.1.9.1.r: what another sender calls the case."""

    source: str | None = _one("C.1.9.1.r.1")
    identifier: str | None = _one("C.1.9.1.r.2")


@dataclass(frozen=True, slots=True)
class PrimarySource:
    """C.2.r: who reported."""

    title: Text | None = _one("C.2.r.1.1")
    given_name: Text | None = _one("C.2.r.1.2")
    middle_name: Text | None = _one("C.2.r.1.3")
    family_name: Text | None = _one("C.2.r.1.4")
    organisation: Text | None = _one("C.2.r.2.1")
    department: Text | None = _one("C.2.r.2.2")
    street: Text | None = _one("C.2.r.2.3")
    city: Text | None = _one("C.2.r.2.4")
    state: Text | None = _one("C.2.r.2.5")
    postcode: Text | None = _one("C.2.r.2.6")
    telephone: Text | None = _one("C.2.r.2.7")
    country: Text | None = _one("C.2.r.3")
    qualification: Text | None = _one("C.2.r.4")
    primary: str | None = _one("C.2.r.5")


@dataclass(frozen=True, slots=True)
class Sender:
    """C.3: who sends the report."""

    kind: str | None = _one("C.3.1")
    organisation: str | None = _one("C.3.2")
    department: str | None = _one("C.3.3.1")
    title: str | None = _one("C.3.3.2")
    given_name: str | None = _one("C.3.3.3")
    middle_name: str | None = _one("C.3.3.4")
    family_name: str | None = _one("C.3.3.5")
    street: str | None = _one("C.3.4.1")
    city: str | None = _one("C.3.4.2")
    state: str | None = _one("C.3.4.3")
    postcode: str | None = _one("C.3.4.4")
    country: str | None = _one("C.3.4.5")
    telephone: str | None = _one("C.3.4.6")
    fax: str | None = _one("C.3.4.7")
    email: str | None = _one("C.3.4.8")


@dataclass(frozen=True, slots=True)
class Literature:
    """C.4.r: an article about the case."""

    reference: Text | None = _one("C.4.r.1")
    attachment: Attachment | None = _one("C.4.r.2")


@dataclass(frozen=True, slots=True)
class StudyRegistration:
    """C.5.1.r: where the study is registered."""

    number: Text | None = _one("C.5.1.r.1")
    country: Text | None = _one("C.5.1.r.2")


@dataclass(frozen=True, slots=True)
class Study:
    """C.5: the study in which the reaction was seen."""

    registrations: tuple[StudyRegistration, ...] = _groups("C.5.1.r")
    name: Text | None = _one("C.5.2")
    sponsor_number: Text | None = _one("C.5.3")
    kind: str | None = _one("C.5.4")


@dataclass(frozen=True, slots=True)
class Condition:
    """D.7.1.r: an earlier or concurrent condition."""

    term: MeddraTerm | None = _term("D.7.1.r.1")
    start: Time | None = _one("D.7.1.r.2")
    continuing: Truth | None = _one("D.7.1.r.3")
    end: Time | None = _one("D.7.1.r.4")
    comments: str | None = _one("D.7.1.r.5")
    family_history: bool | None = _one("D.7.1.r.6")


@dataclass(frozen=True, slots=True)
class PastDrug:
    """D.8.r: a drug taken earlier."""

    name: Text | None = _one("D.8.r.1")
    mpid: Term | None = _term("D.8.r.2")
    phpid: Term | None = _term("D.8.r.3")
    start: Time | None = _one("D.8.r.4")
    end: Time | None = _one("D.8.r.5")
    indication: MeddraTerm | None = _term("D.8.r.6")
    reaction: MeddraTerm | None = _term("D.8.r.7")


@dataclass(frozen=True, slots=True)
class ReportedCause:
    """D.9.2.r: a cause of death as reported."""

    term: MeddraTerm | None = _term("D.9.2.r.1")
    text: str | None = _one("D.9.2.r.2")


@dataclass(frozen=True, slots=True)
class AutopsyCause:
    """D.9.4.r: a cause of death by autopsy."""

    term: MeddraTerm | None = _term("D.9.4.r.1")
    text: str | None = _one("D.9.4.r.2")


@dataclass(frozen=True, slots=True)
class Death:
    """D.9: in case of death."""

    date: Time | None = _one("D.9.1")
    reported_causes: tuple[ReportedCause, ...] = _groups("D.9.2.r")
    autopsy: Truth | None = _one("D.9.3")
    autopsy_causes: tuple[AutopsyCause, ...] = _groups("D.9.4.r")


@dataclass(frozen=True, slots=True)
class ParentCondition:
    """D.10.7.1.r: a condition of the parent."""

    term: MeddraTerm | None = _term("D.10.7.1.r.1")
    start: Time | None = _one("D.10.7.1.r.2")
    continuing: Truth | None = _one("D.10.7.1.r.3")
    end: Time | None = _one("D.10.7.1.r.4")
    comments: str | None = _one("D.10.7.1.r.5")


@dataclass(frozen=True, slots=True)
class ParentPastDrug:
    """D.10.8.r: a drug that the parent took earlier."""

    name: str | None = _one("D.10.8.r.1")
    mpid: Term | None = _term("D.10.8.r.2")
    phpid: Term | None = _term("D.10.8.r.3")
    start: Time | None = _one("D.10.8.r.4")
    end: Time | None = _one("D.10.8.r.5")
    indication: MeddraTerm | None = _term("D.10.8.r.6")
    reaction: MeddraTerm | None = _term("D.10.8.r.7")


@dataclass(frozen=True, slots=True)
class Parent:
    """D.10: the parent, in a report on a child or foetus."""

    name: Text | None = _one("D.10.1")
    birth_date: Time | None = _one("D.10.2.1")
    age: Quantity | None = _quantity("D.10.2.2")
    last_menstrual_period: Time | None = _one("D.10.3")
    weight: Decimal | None = _one("D.10.4")
    height: Decimal | None = _one("D.10.5")
    sex: Text | None = _one("D.10.6")
    conditions: tuple[ParentCondition, ...] = _groups("D.10.7.1.r")
    history: str | None = _one("D.10.7.2")
    past_drugs: tuple[ParentPastDrug, ...] = _groups("D.10.8.r")


@dataclass(frozen=True, slots=True)
class Patient:
    """D: the patient. Weights are in kilograms, heights in centimetres."""

    name: Text | None = _one("D.1")
    gp_record: Text | None = _one("D.1.1.1")
    specialist_record: Text | None = _one("D.1.1.2")
    hospital_record: Text | None = _one("D.1.1.3")
    investigation: Text | None = _one("D.1.1.4")
    birth_date: Time | None = _one("D.2.1")
    age: Quantity | None = _quantity("D.2.2")
    gestation: Quantity | None = _quantity("D.2.2.1")
    age_group: str | None = _one("D.2.3")
    weight: Decimal | None = _one("D.3")
    height: Decimal | None = _one("D.4")
    sex: Text | None = _one("D.5")
    last_menstrual_period: Time | None = _one("D.6")
    conditions: tuple[Condition, ...] = _groups("D.7.1.r")
    history: Text | None = _one("D.7.2")
    concomitant_therapies: bool | None = _one("D.7.3")
    past_drugs: tuple[PastDrug, ...] = _groups("D.8.r")
    death: Death | None = _group("D.9")
    parent: Parent | None = _group("D.10")


@dataclass(frozen=True, slots=True)
class Reaction:
    """E.i: a reaction or event."""

    native_text: str | None = _one("E.i.1.1a")
    native_language: str | None = _one("E.i.1.1b")
    translation: str | None = _one("E.i.1.2")
    term: MeddraTerm | None = _term("E.i.2.1")
    highlighted: str | None = _one("E.i.3.1")
    death: Truth | None = _one("E.i.3.2a")
    life_threatening: Truth | None = _one("E.i.3.2b")
    hospitalisation: Truth | None = _one("E.i.3.2c")
    disabling: Truth | None = _one("E.i.3.2d")
    congenital_anomaly: Truth | None = _one("E.i.3.2e")
    medically_important: Truth | None = _one("E.i.3.2f")
    start: Time | None = _one("E.i.4")
    end: Time | None = _one("E.i.5")
    duration: Quantity | None = _quantity("E.i.6")
    outcome: str | None = _one("E.i.7")
    confirmed: bool | None = _one("E.i.8")
    country: str | None = _one("E.i.9")


@dataclass(frozen=True, slots=True)
class Test:
    """F.r: a test or procedure. The normal values are in the result's unit."""

    date: Time | None = _one("F.r.1")
    name: str | None = _one("F.r.2.1")
    term: MeddraTerm | None = _term("F.r.2.2")
    code: str | None = _one("F.r.3.1")
    value: TestValue | None = _parts(value="F.r.3.2", unit="F.r.3.3")
    result: str | None = _one("F.r.3.4")
    normal_low: Decimal | None = _one("F.r.4")
    normal_high: Decimal | None = _one("F.r.5")
    comments: str | None = _one("F.r.6")
    more_information: bool | None = _one("F.r.7")


@dataclass(frozen=True, slots=True)
class Substance:
    """G.k.2.3.r: an active ingredient, and how much of it a unit holds."""

    name: str | None = _one("G.k.2.3.r.1")
    term: Term | None = _term("G.k.2.3.r.2")
    strength: Quantity | None = _quantity("G.k.2.3.r.3")


@dataclass(frozen=True, slots=True)
class Dosage:
    """G.k.4.r: how the drug was given."""

    dose: Quantity | None = _quantity("G.k.4.r.1")
    interval: Quantity | None = _parts(value="G.k.4.r.2", unit="G.k.4.r.3")
    start: Time | None = _one("G.k.4.r.4")
    end: Time | None = _one("G.k.4.r.5")
    duration: Quantity | None = _quantity("G.k.4.r.6")
    lot: str | None = _one("G.k.4.r.7")
    text: str | None = _one("G.k.4.r.8")
    form: Text | None = _one("G.k.4.r.9.1")
    form_term: Term | None = _term("G.k.4.r.9.2")
    route: Text | None = _one("G.k.4.r.10.1")
    route_term: Term | None = _term("G.k.4.r.10.2")
    parent_route: Text | None = _one("G.k.4.r.11.1")
    parent_route_term: Term | None = _term("G.k.4.r.11.2")


@dataclass(frozen=True, slots=True)
class Indication:
    """G.k.7.r: what the drug was given for."""

    text: Text | None = _one("G.k.7.r.1")
    term: MeddraTerm | None = _term("G.k.7.r.2")


@dataclass(frozen=True, slots=True)
class Assessment:
    """G.k.9.i.2.r: who judged how related drug and reaction are, by which method, and how."""

    source: str | None = _one("G.k.9.i.2.r.1")
    method: str | None = _one("G.k.9.i.2.r.2")
    result: str | None = _one("G.k.9.i.2.r.3")


@dataclass(frozen=True, slots=True)
class DrugReaction:
    """G.k.9.i: a drug beside a reaction.

    Attributes:
        reaction: which of the case's reactions, from 0. A drug's entries stand in the reactions' order.
        since_start: from the beginning of the administration to the start of the reaction.
        since_last_dose: from the last dose to the start of the reaction.
        recurrence: whether it recurred on re-administration.
    """

    reaction: int
    assessments: tuple[Assessment, ...] = _groups("G.k.9.i.2.r")
    since_start: Quantity | None = _quantity("G.k.9.i.3.1")
    since_last_dose: Quantity | None = _quantity("G.k.9.i.3.2")
    recurrence: str | None = _one("G.k.9.i.4")


@dataclass(frozen=True, slots=True)
class Drug:
    """G.k: a drug."""

    role: str | None = _one("G.k.1")
    mpid: Term | None = _term("G.k.2.1.1")
    phpid: Term | None = _term("G.k.2.1.2")
    name: str | None = _one("G.k.2.2")
    substances: tuple[Substance, ...] = _groups("G.k.2.3.r")
    country_obtained: str | None = _one("G.k.2.4")
    blinded: bool | None = _one("G.k.2.5")
    authorisation: str | None = _one("G.k.3.1")
    authorisation_country: str | None = _one("G.k.3.2")
    holder: str | None = _one("G.k.3.3")
    dosages: tuple[Dosage, ...] = _groups("G.k.4.r")
    cumulative_dose: Quantity | None = _quantity("G.k.5")
    gestation: Quantity | None = _quantity("G.k.6")
    indications: tuple[Indication, ...] = _groups("G.k.7.r")
    action: str | None = _one("G.k.8")
    matrix: tuple[DrugReaction, ...] = _groups("G.k.9.i")
    additional_codes: tuple[str, ...] = _each("G.k.10.r")
    additional_information: str | None = _one("G.k.11")


@dataclass(frozen=True, slots=True)
class Summary:
    """H.5.r: the case and the reporter's comments in a native language."""

    text: str | None = _one("H.5.r.1a")
    language: str | None = _one("H.5.r.1b")


@dataclass(frozen=True, slots=True)
class Case:
    """C to H: a case safety report."""

    report_id: str | None = _one("C.1.1")
    created: Moment | None = _one("C.1.2")
    report_type: str | None = _one("C.1.3")
    first_received: Moment | None = _one("C.1.4")
    most_recent: Moment | None = _one("C.1.5")
    documents_available: bool | None = _one("C.1.6.1")
    documents: tuple[Document, ...] = _groups("C.1.6.1.r")
    expedited: Truth | None = _one("C.1.7")
    worldwide_id: str | None = _one("C.1.8.1")
    first_sender: str | None = _one("C.1.8.2")
    other_identifiers_exist: Truth | None = _one("C.1.9.1")
    other_identifiers: tuple[OtherIdentifier, ...] = _groups("C.1.9.1.r")
    linked_reports: tuple[str, ...] = _each("C.1.10.r")
    nullification: str | None = _one("C.1.11.1")
    nullification_reason: str | None = _one("C.1.11.2")
    sources: tuple[PrimarySource, ...] = _groups("C.2.r")
    sender: Sender | None = _group("C.3")
    literature: tuple[Literature, ...] = _groups("C.4.r")
    study: Study | None = _group("C.5")
    patient: Patient | None = _group("D")
    reactions: tuple[Reaction, ...] = _groups("E.i")
    tests: tuple[Test, ...] = _groups("F.r")
    drugs: tuple[Drug, ...] = _groups("G.k")
    narrative: str | None = _one("H.1")
    reporter_comments: str | None = _one("H.2")
    diagnoses: tuple[MeddraTerm, ...] = _terms("H.3.r", "H.3.r.1")
    sender_comments: str | None = _one("H.4")
    summaries: tuple[Summary, ...] = _groups("H.5.r")


@dataclass(frozen=True, slots=True)
class Message:
    """N.2.r: a message, which carries one report."""

    identifier: str | None = _one("N.2.r.1")
    sender: str | None = _one("N.2.r.2")
    receiver: str | None = _one("N.2.r.3")
    created: Moment | None = _one("N.2.r.4")
    case: Case | None = _group("C.1")


@dataclass(frozen=True, slots=True)
class Batch:
    """N.1: what is sent at once."""

    kind: str | None = _one("N.1.1")
    number: str | None = _one("N.1.2")
    sender: str | None = _one("N.1.3")
    receiver: str | None = _one("N.1.4")
    transmitted: Moment | None = _one("N.1.5")
    messages: tuple[Message, ...] = _groups("N.2.r")
