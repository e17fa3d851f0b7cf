"""A batch as HL7 v3 (MCCI_IN200100UV01): batch and messages, and of each case what is not of the patient.

Elements stand in the order of the HL7 schemas. What the model does not have is not written, so an incomplete
batch is written too: validate it first. Reactions and drugs get identifiers, by which assessments refer to them,
from the report's own: the same report is written the same each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import NAMESPACE_OID, uuid5

from sinks.agency.icsr import codes
from sinks.agency.icsr.markup import add, code, coded, document, identifier, meddra, moment, text, truth, typed
from sinks.agency.icsr.serialising import Element, as_bytes
from sinks.agency.icsr.values import NullFlavor
from sinks.agency.icsr.writer_assessments import add_assessments
from sinks.agency.icsr.writer_patient import add_patient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinks.agency.icsr.codes import Code
    from sinks.agency.icsr.model import Batch, Case, Literature, Message, PrimarySource, Sender
    from sinks.agency.icsr.values import Text

_REPORTS = uuid5(NAMESPACE_OID, codes.REPORT_ID)


def write(batch: Batch, list_versions: Mapping[str, str] | None = None) -> bytes:
    """The batch as UTF-8 XML with a declaration.

    Args:
        batch: what is sent.
        list_versions: versions of code lists by their OID, for agencies that want them said beside the codes.

    Raises:
        ValueError: a text has a character that XML cannot hold.
        IndexError: a drug is assessed beside a reaction that is not in the report.
    """
    root = Element(codes.BATCH, {"xmlns": codes.HL7, "xmlns:xsi": codes.XSI, "ITSVersion": "XML_1.0"})
    root.set("xsi:schemaLocation", f"{codes.HL7} {codes.BATCH}.xsd")
    identifier(root, codes.BATCH_NUMBER, batch.number)
    moment(root, "creationTime", batch.transmitted)
    add(root, "responseModeCode", code="D")
    add(root, "interactionId", extension=codes.BATCH, root=codes.INTERACTIONS)
    coded(root, "name", batch.kind, codes.BATCH_KIND)
    for message in batch.messages:
        _message(root, message)
    _device(root, "receiver", "RCV", batch.receiver, codes.BATCH_RECEIVER)
    _device(root, "sender", "SND", batch.sender, codes.BATCH_SENDER)
    if list_versions:
        for node in root.iter():
            version = list_versions.get(node.get("codeSystem", ""))
            if version is not None:
                node.set("codeSystemVersion", version)
    return as_bytes(root)


def _device(parent: Element, tag: str, kind: str, name: str | None, root: str) -> None:
    identifier(add(add(parent, tag, typeCode=kind), "device", classCode="DEV", determinerCode="INSTANCE"), root, name)


def _message(root: Element, message: Message) -> None:
    made = add(root, codes.MESSAGE)
    identifier(made, codes.REPORT_ID, message.identifier)
    moment(made, "creationTime", message.created)
    add(made, "interactionId", extension=codes.MESSAGE, root=codes.INTERACTIONS)
    add(made, "processingCode", code="P")
    add(made, "processingModeCode", code="T")
    add(made, "acceptAckCode", code="AL")
    _device(made, "receiver", "RCV", message.receiver, codes.MESSAGE_RECEIVER)
    _device(made, "sender", "SND", message.sender, codes.MESSAGE_SENDER)
    if message.case is not None:
        _process(made, message.case)


def _process(message: Element, case: Case) -> None:
    process = add(message, "controlActProcess", classCode="CACT", moodCode="EVN")
    code(process, codes.TRIGGER)
    moment(process, "effectiveTime", case.created)
    event = add(add(process, "subject", typeCode="SUBJ"), "investigationEvent", classCode="INVSTG", moodCode="EVN")
    identifier(event, codes.REPORT_ID, case.report_id)
    identifier(event, codes.WORLDWIDE_ID, case.worldwide_id)
    code(event, codes.ADVERSE_EVENT)
    text(event, "text", case.narrative)
    add(event, "statusCode", code="active")
    moment(add(event, "effectiveTime"), "low", case.first_received)
    moment(event, "availabilityTime", case.most_recent)
    _documents(event, case)
    _assessed(event, case)
    _observed(event, case)
    _related(event, case)
    _submissions(event, case)
    _characteristics(event, case)


def _documents(event: Element, case: Case) -> None:
    for held in case.documents:
        made = _document(event, codes.DOCUMENT_HELD)
        text(made, "title", held.description)
        document(made, held.attachment)
    for literature in case.literature:
        _literature(event, literature)


def _literature(event: Element, literature: Literature) -> None:
    made = _document(event, codes.LITERATURE_REFERENCE)
    document(made, literature.attachment)
    text(made, "bibliographicDesignationText", literature.reference)


def _document(event: Element, kind: Code) -> Element:
    made = add(add(event, "reference", typeCode="REFR"), "document", classCode="DOC", moodCode="EVN")
    code(made, kind)
    return made


def _assessed(event: Element, case: Case) -> None:
    reactions = [str(uuid5(_REPORTS, f"{case.report_id} reaction {index}")) for index in range(len(case.reactions))]
    drugs = [str(uuid5(_REPORTS, f"{case.report_id} drug {index}")) for index in range(len(case.drugs))]
    assessment = add(
        add(event, "component", typeCode="COMP"), "adverseEventAssessment", classCode="INVSTG", moodCode="EVN"
    )
    add_patient(assessment, case, reactions, drugs)
    add_assessments(assessment, case, reactions, drugs)
    _comment(assessment, case.reporter_comments, codes.SOURCE_REPORTER_ROLE)
    for diagnosis in case.diagnoses:
        made = _event(assessment, "component1", codes.DIAGNOSIS)
        meddra(typed(made, "CE"), diagnosis)
        _author(made, codes.SENDER_ROLE)
    _comment(assessment, case.sender_comments, codes.SENDER_ROLE)


def _comment(assessment: Element, comment: str | None, whose: Code) -> None:
    if comment is not None:
        made = _event(assessment, "component1", codes.COMMENT)
        typed(made, "ED").text = comment
        _author(made, whose)


def _event(parent: Element, tag: str, what: Code) -> Element:
    made = add(add(parent, tag, typeCode="COMP"), "observationEvent", classCode="OBS", moodCode="EVN")
    code(made, what)
    return made


def _author(parent: Element, whose: Code) -> None:
    code(add(add(parent, "author", typeCode="AUT"), "assignedEntity", classCode="ASSIGNED"), whose)


def _observed(event: Element, case: Case) -> None:
    if case.documents_available is not None:
        truth(_event(event, "component", codes.DOCUMENTS_AVAILABLE), case.documents_available)
    if case.expedited is not None:
        truth(_event(event, "component", codes.EXPEDITED), case.expedited)
    for summary in case.summaries:
        made = _event(event, "component", codes.SUMMARY)
        typed(made, "ED", language=summary.language).text = summary.text
        _author(made, codes.REPORTER_ROLE)


def _related(event: Element, case: Case) -> None:
    if case.first_sender is not None:
        coded(_reported_by(_relation(event), codes.INITIAL_REPORT), "code", case.first_sender, codes.FIRST_SENDER)
    for linked in case.linked_reports:
        investigation = add(_relation(event), "relatedInvestigation", classCode="INVSTG", moodCode="EVN")
        add(investigation, "code", nullFlavor="NA")
        act = add(
            add(investigation, "subjectOf2", typeCode="SUBJ"), "controlActEvent", classCode="CACT", moodCode="EVN"
        )
        identifier(act, codes.WORLDWIDE_ID, linked)
    for source in case.sources:
        _source(event, source)


def _relation(event: Element) -> Element:
    return add(event, "outboundRelationship", typeCode="SPRT")


def _reported_by(relation: Element, what: Code) -> Element:
    investigation = add(relation, "relatedInvestigation", classCode="INVSTG", moodCode="EVN")
    code(investigation, what)
    return _acting(add(investigation, "subjectOf2", typeCode="SUBJ"))


def _acting(subject: Element) -> Element:
    act = add(subject, "controlActEvent", classCode="CACT", moodCode="EVN")
    return add(add(act, "author", typeCode="AUT"), "assignedEntity", classCode="ASSIGNED")


def _source(event: Element, source: PrimarySource) -> None:
    relation = _relation(event)
    if source.primary is not None:
        add(relation, "priorityNumber", value=source.primary)
    entity = _reported_by(relation, codes.SOURCE_REPORT)
    _address(entity, source)
    if isinstance(source.telephone, NullFlavor):
        add(entity, "telecom", value="tel:", nullFlavor=source.telephone.value)  # the scheme says whose it is
    elif source.telephone is not None:
        add(entity, "telecom", value=f"tel:{source.telephone}")
    person = _person(entity, source)
    if source.qualification is not None:
        coded(add(person, "asQualifiedEntity", classCode="QUAL"), "code", source.qualification, codes.QUALIFICATION)
    _country(person, source.country)
    _organisation(entity, source.department, source.organisation)


def _address(entity: Element, who: PrimarySource | Sender) -> None:
    if not (who.street is who.city is who.state is who.postcode is None):
        address = add(entity, "addr")
        text(address, "streetAddressLine", who.street)
        text(address, "city", who.city)
        text(address, "state", who.state)
        text(address, "postalCode", who.postcode)


def _person(entity: Element, who: PrimarySource | Sender) -> Element:
    person = add(entity, "assignedPerson", classCode="PSN", determinerCode="INSTANCE")
    if not (who.title is who.given_name is who.middle_name is who.family_name is None):
        name = add(person, "name")
        text(name, "prefix", who.title)
        text(name, "given", who.given_name)
        text(name, "given", who.middle_name)
        text(name, "family", who.family_name)
    return person


def _country(person: Element, country: Text | None) -> None:
    if country is not None:
        located = add(person, "asLocatedEntity", classCode="LOCE")
        location = add(located, "location", classCode="COUNTRY", determinerCode="INSTANCE")
        coded(location, "code", country, codes.COUNTRY)


def _organisation(entity: Element, department: Text | None, organisation: Text | None) -> None:
    if department is not None or organisation is not None:
        inner = add(entity, "representedOrganization", classCode="ORG", determinerCode="INSTANCE")
        text(inner, "name", department)
        if organisation is not None:
            outer = add(inner, "assignedEntity", classCode="ASSIGNED")
            text(
                add(outer, "representedOrganization", classCode="ORG", determinerCode="INSTANCE"), "name", organisation
            )


def _submissions(event: Element, case: Case) -> None:
    if case.sender is not None:
        _sender(event, case.sender)
    for other in case.other_identifiers:
        act = add(add(event, "subjectOf1", typeCode="SUBJ"), "controlActEvent", classCode="CACT", moodCode="EVN")
        add(
            act,
            "id",
            assigningAuthorityName=other.source,
            extension=other.identifier,
            root=codes.OTHER_ID,
        )


def _sender(event: Element, sender: Sender) -> None:
    entity = _acting(add(event, "subjectOf1", typeCode="SUBJ"))
    coded(entity, "code", sender.kind, codes.SENDER_TYPE)
    _address(entity, sender)
    for scheme, number in (("tel", sender.telephone), ("fax", sender.fax), ("mailto", sender.email)):
        if number is not None:
            add(entity, "telecom", value=f"{scheme}:{number}")
    _country(_person(entity, sender), sender.country)
    _organisation(entity, sender.department, sender.organisation)


def _characteristics(event: Element, case: Case) -> None:
    if case.report_type is not None:
        made = _characteristic(event, codes.KIND_OF_REPORT)
        typed(made, "CE", code=case.report_type, codeSystem=codes.REPORT_TYPE)
    if case.other_identifiers_exist is not None:
        truth(_characteristic(event, codes.OTHER_CASE_IDS), case.other_identifiers_exist)
    if case.nullification is not None:
        made = _characteristic(event, codes.NULLIFICATION_CODE)
        typed(made, "CE", code=case.nullification, codeSystem=codes.NULLIFICATION)
    if case.nullification_reason is not None:
        made = _characteristic(event, codes.NULLIFICATION_REASON)
        text(typed(made, "CE"), "originalText", case.nullification_reason)


def _characteristic(event: Element, what: Code) -> Element:
    made = add(
        add(event, "subjectOf2", typeCode="SUBJ"), "investigationCharacteristic", classCode="OBS", moodCode="EVN"
    )
    code(made, what)
    return made
