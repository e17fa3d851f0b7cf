"""ICH's conditional rules, by the section that they look at, and what makes a case a valid one.

Each says "optional, but required if ..." or "only one of ..." of ICH's core data elements and business rules;
those on the order of dates, and that a name has its parts in order, are our own.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sinks.agency.icsr import model
from sinks.agency.icsr.countries import COUNTRIES
from sinks.agency.icsr.values import MeddraTerm, Moment, NullFlavor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Broken = Iterator[tuple[str, str]]

_NOT_IDENTIFIABLE = (
    "The patient is not identifiable. Give at least one of initials (D.1), birth date (D.2.1), age (D.2.2), "
    "age group (D.2.3) and sex (D.5): a case with all of them absent or masked is not valid."
)
_CASE_ID = re.compile(r"([A-Z]{2})-[^-]+-.+", re.DOTALL)
_HEALTH_PROFESSIONALS = {"1", "2", "3"}
_SUSPECT_ROLES = {"1", "3", "4"}
"""Suspect, interacting, not administered: of these every case has one."""
_STUDY = "2"
_PATIENT_SENDS = "7"


def broken(node: object) -> Broken:
    """The element and the sentence of each rule that a section of the model breaks."""
    rule = _RULES.get(type(node))
    return rule(node) if rule else iter(())


def _batch(batch: model.Batch) -> Broken:
    seen = Counter(message.identifier for message in batch.messages)
    if any(count > 1 for identifier, count in seen.items() if identifier is not None):
        yield "N.2.r.1", "Two messages have the same identifier. Send each report in one message only."


def _message(message: model.Message) -> Broken:
    case = message.case
    if case is None:
        return
    if message.identifier != case.report_id:
        yield "N.2.r.1", "The message's identifier is not that of its report (C.1.1). Make them the same."
    if message.created != case.created:
        yield "N.2.r.4", "The message's date of creation is not that of its report (C.1.2). Make them the same."


def _case(case: model.Case) -> Broken:
    yield from _identification(case)
    yield from _reporters(case)
    if case.report_type == _STUDY and (case.study is None or case.study.kind is None):
        yield "C.5.4", "The report comes from a study (C.1.3), but not from which kind of study. Say which."
    if case.patient is not None and not _identifiable_patient(case.patient):
        yield "D.1", _NOT_IDENTIFIABLE
    if case.drugs and not any(drug.role in _SUSPECT_ROLES for drug in case.drugs):
        yield "G.k.1", "No drug is suspect, interacting or not administered. Say which of them is."
    if len(_meddra_versions(case)) > 1:
        yield "E.i.2.1a", "The report's terms are of several MedDRA versions. Code all of them in one."
    yield from _matrix(case)


def _identification(case: model.Case) -> Broken:
    yield from _identifiers(case)
    if case.documents_available is True and not case.documents:
        yield "C.1.6.1.r.1", "There are additional documents (C.1.6.1), but not which. List them."
    for document in case.documents:
        if document.description is None:
            yield "C.1.6.1.r.1", "A document has no description. Say what it is."
    if case.nullification is not None and case.nullification_reason is None:
        yield "C.1.11.2", "The report is nullified or amended (C.1.11.1) without a reason. Give it."
    if case.nullification is None and case.nullification_reason is not None:
        yield "C.1.11.1", "There is a reason (C.1.11.2), but not of which. Say nullification or amendment."
    yield from _in_order(case.first_received, case.most_recent, "C.1.5", "the first receipt (C.1.4)")


def _identifiers(case: model.Case) -> Broken:
    for element, identifier in (("C.1.1", case.report_id), ("C.1.8.1", case.worldwide_id)):
        if identifier is not None:
            found = _CASE_ID.fullmatch(identifier)
            if not found or found[1] not in COUNTRIES:
                yield element, "The identifier is not of the form country code-organisation-number. Make it so."
    if case.other_identifiers and case.other_identifiers_exist is not True:
        yield "C.1.9.1", "The case has other identifiers. Say true."
    if case.other_identifiers_exist is True and not case.other_identifiers:
        yield "C.1.9.1.r.1", "There are other case identifiers (C.1.9.1), but not which. Give source and identifier."


def _reporters(case: model.Case) -> Broken:
    primary = sum(source.primary is not None for source in case.sources)
    if case.sources and primary != 1:
        yield "C.2.r.5", f"{primary} primary sources are marked as the one for regulatory purposes. Mark exactly one."
    if case.sources and not any(_identifiable_reporter(source) for source in case.sources):
        yield (
            "C.2.r.4",
            "No reporter is identifiable. Give at least one's qualification, name, organisation or address.",
        )
    if case.sources and all(source.qualification in _HEALTH_PROFESSIONALS for source in case.sources):
        for reaction in case.reactions:
            if reaction.confirmed is not None:
                yield "E.i.8", "Health professionals reported it, so nothing has to confirm it. Leave it out."


def _identifiable_reporter(source: model.PrimarySource) -> bool:
    parts = (
        source.qualification, source.given_name, source.family_name, source.organisation, source.department,
        source.street, source.city, source.state, source.postcode, source.telephone,
    )  # fmt: skip
    return any(map(_says, parts))


def _identifiable_patient(patient: model.Patient) -> bool:
    age = patient.age.value if patient.age else None
    return any(map(_says, (patient.name, patient.birth_date, age, patient.age_group, patient.sex)))


def _matrix(case: model.Case) -> Broken:
    for drug in case.drugs:
        reactions = [entry.reaction for entry in drug.matrix]
        if not all(0 <= reaction < len(case.reactions) for reaction in reactions):
            yield (
                "G.k.9.i.1",
                "A drug is assessed beside a reaction that is not in the report. Refer to one that is.",
            )
        if any(earlier >= later for earlier, later in pairwise(reactions)):
            yield "G.k.9.i.1", "A drug's assessments are not in the order of reactions, one for each. Sort them."


def _source(source: model.PrimarySource) -> Broken:
    if source.primary is not None and source.country is None:
        yield "C.2.r.3", "The primary source for regulatory purposes (C.2.r.5) has no country. Give it."
    if source.middle_name is not None and source.given_name is None:
        yield "C.2.r.1.2", "A middle name stands after a given name. Give that too, or why there is none."


def _sender(sender: model.Sender) -> Broken:
    if sender.kind is not None and sender.kind != _PATIENT_SENDS and sender.organisation is None:
        yield "C.3.2", "A sender that is no patient (C.3.1) has no organisation. Name it."
    if sender.middle_name is not None and sender.given_name is None:
        yield "C.3.3.3", "A middle name stands after a given name. Give that too."


def _other_identifier(other: model.OtherIdentifier) -> Broken:
    if other.source is None:
        yield "C.1.9.1.r.1", "A case identifier has no source. Say whose it is."
    if other.identifier is None:
        yield "C.1.9.1.r.2", "A source of a case identifier has no identifier. Give it."


def _patient(patient: model.Patient) -> Broken:
    if not patient.conditions and patient.history is None:
        yield "D.7.2", "There is no medical history (D.7.1.r). Describe it here, say None, or why it is absent."


def _condition(condition: model.Condition | model.ParentCondition) -> Broken:
    at = "D.7.1.r" if isinstance(condition, model.Condition) else "D.10.7.1.r"
    if condition.term is None:
        yield f"{at}.1b", "A condition has no term. Code it, or describe it in the text for medical history."
    yield from _in_order(condition.start, condition.end, f"{at}.4", f"its start ({at}.2)")


def _past_drug(drug: model.PastDrug | model.ParentPastDrug) -> Broken:
    at = "D.8.r" if isinstance(drug, model.PastDrug) else "D.10.8.r"
    if drug.name is None and at == "D.8.r":
        yield "D.8.r.1", "A past drug has no name. Give it, or why there is none."
    if drug.mpid is not None and drug.phpid is not None:
        yield f"{at}.3b", f"A drug has both an MPID ({at}.2b) and a PhPID. Give one of them."
    yield from _in_order(drug.start, drug.end, f"{at}.5", f"its start ({at}.4)")


def _death(death: model.Death) -> Broken:
    if death.date is not None and death.autopsy is None:
        yield "D.9.3", "There is a date of death (D.9.1), but not whether an autopsy was done. Say so."
    elif death.autopsy_causes and death.autopsy is not True:
        yield "D.9.3", "There are causes of death by autopsy (D.9.4.r) without an autopsy. Say true."


def _autopsy_cause(cause: model.AutopsyCause) -> Broken:
    if cause.text is None:
        yield "D.9.4.r.2", "A cause of death by autopsy has a code only. Give its text too."


def _parent(parent: model.Parent) -> Broken:
    if parent.birth_date is not None and parent.age is not None:
        yield "D.10.2.2a", "The parent has both a birth date (D.10.2.1) and an age. Give one of them."
    if parent.sex is None:
        yield "D.10.6", "There is a parent without a sex. Give it, or why there is none."


def _reaction(reaction: model.Reaction) -> Broken:
    if reaction.native_text is not None and reaction.native_language is None:
        yield "E.i.1.1b", "The reaction's words (E.i.1.1a) have no language. Give it."
    if reaction.native_language is not None and reaction.native_text is None:
        yield "E.i.1.1a", "There is a language (E.i.1.1b) without the reaction's words. Give them."
    yield from _in_order(reaction.start, reaction.end, "E.i.5", "its start (E.i.4)")


def _test(test: model.Test) -> Broken:
    if test.date is None:
        yield "F.r.1", "A test has no date. Give it, or UNK."
    if test.name is None and test.term is None:
        yield "F.r.2.2b", "A test has no name. Code it, or name it in words (F.r.2.1)."
    if test.code is None and test.value is None and test.result is None:
        yield "F.r.3.4", "A test has no result. Give it as a code (F.r.3.1), a value (F.r.3.2) or in words."
    if test.value is not None and test.result is not None:
        yield "F.r.3.4", "A test has its result both as a value (F.r.3.2) and in words. Give one of them."


def _drug(drug: model.Drug) -> Broken:
    if drug.mpid is not None and drug.phpid is not None:
        yield "G.k.2.1.2b", "A drug has both an MPID (G.k.2.1.1b) and a PhPID. Give one of them."
    if drug.authorisation is not None and drug.authorisation_country is None:
        yield "G.k.3.2", "An authorisation number (G.k.3.1) has no country. Give it."


def _dosage(dosage: model.Dosage) -> Broken:
    yield from _in_order(dosage.start, dosage.end, "G.k.4.r.5", "the start (G.k.4.r.4)")


def _summary(summary: model.Summary) -> Broken:
    if summary.text is None:
        yield "H.5.r.1a", "There is a language (H.5.r.1b) without a summary. Give it."
    if summary.language is None:
        yield "H.5.r.1b", "A summary has no language. Give it."


def _says(value: object) -> bool:
    return value is not None and not isinstance(value, NullFlavor) and value != ""


def _in_order(start: object, end: object, element: str, before: str) -> Broken:
    if isinstance(start, Moment) and isinstance(end, Moment) and end.day()[1] < start.day()[0]:
        yield element, f"The date lies before {before}. Correct one of them."


def _meddra_versions(case: model.Case) -> set[str]:
    terms: list[MeddraTerm | None] = [reaction.term for reaction in case.reactions]
    terms += [test.term for test in case.tests]
    terms += [indication.term for drug in case.drugs for indication in drug.indications]
    terms += case.diagnoses
    if patient := case.patient:
        terms += [condition.term for condition in patient.conditions]
        terms += [term for drug in patient.past_drugs for term in (drug.indication, drug.reaction)]
        if patient.death:
            terms += [reported.term for reported in patient.death.reported_causes]
            terms += [found.term for found in patient.death.autopsy_causes]
        if patient.parent:
            terms += [theirs.term for theirs in patient.parent.conditions]
            terms += [term for taken in patient.parent.past_drugs for term in (taken.indication, taken.reaction)]
    return {term.version for term in terms if term is not None and term.version is not None}


_RULES: dict[type, Callable[[Any], Broken]] = {
    model.Batch: _batch,
    model.Message: _message,
    model.Case: _case,
    model.PrimarySource: _source,
    model.Sender: _sender,
    model.OtherIdentifier: _other_identifier,
    model.Patient: _patient,
    model.Condition: _condition,
    model.ParentCondition: _condition,
    model.PastDrug: _past_drug,
    model.ParentPastDrug: _past_drug,
    model.Death: _death,
    model.AutopsyCause: _autopsy_cause,
    model.Parent: _parent,
    model.Reaction: _reaction,
    model.Test: _test,
    model.Drug: _drug,
    model.Dosage: _dosage,
    model.Summary: _summary,
}
