"""HL7 v3 (MCCI_IN200100UV01) back into the model: ours, and other senders'.

What stands where ICH does not expect it, such as a region's own elements, is not read. What stands where it should
but cannot be a value is found and left out. Whether what was read may stand there is for ``validation`` to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sinks.agency.icsr import codes
from sinks.agency.icsr.findings import Finding, Path
from sinks.agency.icsr.leaves import At, child, children, is_a, which
from sinks.agency.icsr.model import (
    Batch,
    Case,
    Document,
    Literature,
    Message,
    OtherIdentifier,
    PrimarySource,
    Sender,
    Summary,
)
from sinks.agency.icsr.order import out_of_order
from sinks.agency.icsr.parsing import parse
from sinks.agency.icsr.reader_drugs import read_drugs
from sinks.agency.icsr.reader_patient import identified, identity, read_patient, read_reactions, read_study, read_tests

if TYPE_CHECKING:
    from lxml.etree import _Element

    from sinks.agency.icsr.values import Text


class Reading(NamedTuple):
    """What was read.

    Attributes:
        batch: all that could be.
        findings: what could not, or stood in the wrong order.
    """

    batch: Batch
    findings: list[Finding]


def read(data: bytes) -> Reading:
    """A batch from its XML.

    Raises:
        RefusedXMLError: it is not such a batch, or not safe to read.
    """
    root = parse(data, codes.BATCH)
    findings = list(out_of_order(root))
    at = At(findings, Path())
    messages = enumerate(children(root, codes.MESSAGE))
    batch = Batch(
        kind=at.plain_code(child(root, "name"), "N.1.1", codes.BATCH_KIND),
        number=_identifier(at, root, codes.BATCH_NUMBER, "N.1.2"),
        sender=_identifier(at, child(root, "sender", "device"), codes.BATCH_SENDER, "N.1.3"),
        receiver=_identifier(at, child(root, "receiver", "device"), codes.BATCH_RECEIVER, "N.1.4"),
        transmitted=at.known_moment(child(root, "creationTime"), "N.1.5"),
        messages=tuple(_message(at.into("N.2.r", index), message) for index, message in messages),
    )
    return Reading(batch, findings)


def _identifier(at: At, node: _Element | None, root: str, element: str) -> str | None:
    return at.plain(identified(node, root), "extension", element)


def _message(at: At, node: _Element) -> Message:
    process = child(node, "controlActProcess")
    events = list(children(process, "subject", "investigationEvent"))
    if len(events) > 1:
        at.say("C.1.1", "The message has several reports, of which the first is read. Send each in its own message.")
    return Message(
        identifier=_identifier(at, node, codes.REPORT_ID, "N.2.r.1"),
        sender=_identifier(at, child(node, "sender", "device"), codes.MESSAGE_SENDER, "N.2.r.2"),
        receiver=_identifier(at, child(node, "receiver", "device"), codes.MESSAGE_RECEIVER, "N.2.r.3"),
        created=at.known_moment(child(node, "creationTime"), "N.2.r.4"),
        case=_case(at, process, events[0]) if events else None,
    )


def _case(at: At, process: _Element | None, event: _Element) -> Case:
    assessment = child(event, "component", "adverseEventAssessment")
    role = child(assessment, "subject1", "primaryRole")
    reactions = list(which(role, "subjectOf2", "observation", what=codes.REACTION))
    characteristics = ("subjectOf2", "investigationCharacteristic")
    kind = _value(event, *characteristics, what=codes.KIND_OF_REPORT)
    nullification = _value(event, *characteristics, what=codes.NULLIFICATION_CODE)
    reason = child(_value(event, *characteristics, what=codes.NULLIFICATION_REASON), "originalText")
    documents = enumerate(which(event, "reference", "document", what=codes.DOCUMENT_HELD))
    literature = enumerate(which(event, "reference", "document", what=codes.LITERATURE_REFERENCE))
    diagnoses = enumerate(which(assessment, "component1", "observationEvent", what=codes.DIAGNOSIS))
    summaries = enumerate(which(event, "component", "observationEvent", what=codes.SUMMARY))
    return Case(
        report_id=_identifier(at, event, codes.REPORT_ID, "C.1.1"),
        created=at.known_moment(child(process, "effectiveTime"), "C.1.2"),
        report_type=at.plain_code(kind, "C.1.3", codes.REPORT_TYPE),
        first_received=at.known_moment(child(event, "effectiveTime", "low"), "C.1.4"),
        most_recent=at.known_moment(child(event, "availabilityTime"), "C.1.5"),
        documents_available=at.known_truth(
            _value(event, "component", "observationEvent", what=codes.DOCUMENTS_AVAILABLE), "C.1.6.1"
        ),
        documents=tuple(_document(at.into("C.1.6.1.r", index), node) for index, node in documents),
        expedited=at.truth(_value(event, "component", "observationEvent", what=codes.EXPEDITED), "C.1.7"),
        worldwide_id=_identifier(at, event, codes.WORLDWIDE_ID, "C.1.8.1"),
        first_sender=_first_sender(at, event),
        other_identifiers_exist=at.truth(_value(event, *characteristics, what=codes.OTHER_CASE_IDS), "C.1.9.1"),
        other_identifiers=tuple(_other_identifiers(event)),
        linked_reports=tuple(_linked_reports(event)),
        nullification=at.plain_code(nullification, "C.1.11.1", codes.NULLIFICATION),
        nullification_reason=at.words(reason, "C.1.11.2"),
        sources=tuple(_source(at.into("C.2.r", index), node) for index, node in enumerate(_sources(event))),
        sender=_sender(at, event),
        literature=tuple(_literature(at.into("C.4.r", index), node) for index, node in literature),
        study=read_study(at, role),
        patient=read_patient(at, role),
        reactions=read_reactions(at, reactions),
        tests=read_tests(at, role),
        drugs=read_drugs(at, assessment, role, [identity(reaction) for reaction in reactions]),
        narrative=at.words(child(event, "text"), "H.1"),
        reporter_comments=_comment(at, assessment, codes.SOURCE_REPORTER_ROLE, "H.2"),
        diagnoses=tuple(
            term
            for index, node in diagnoses
            if (term := at.into("H.3.r", index).meddra(child(node, "value"), "H.3.r.1")) is not None
        ),
        sender_comments=_comment(at, assessment, codes.SENDER_ROLE, "H.4"),
        summaries=tuple(_summary(at.into("H.5.r", index), node) for index, node in summaries),
    )


def _value(node: _Element | None, *path: str, what: codes.Code) -> _Element | None:
    return child(next(which(node, *path, what=what), None), "value")


def _document(at: At, node: _Element) -> Document:
    return Document(
        description=at.words(child(node, "title"), "C.1.6.1.r.1"),
        attachment=at.document(child(node, "text"), "C.1.6.1.r.2"),
    )


def _literature(at: At, node: _Element) -> Literature:
    return Literature(
        reference=at.text(child(node, "bibliographicDesignationText"), "C.4.r.1"),
        attachment=at.document(child(node, "text"), "C.4.r.2"),
    )


def _first_sender(at: At, event: _Element) -> str | None:
    initial = next(which(event, "outboundRelationship", "relatedInvestigation", what=codes.INITIAL_REPORT), None)
    entity = child(initial, "subjectOf2", "controlActEvent", "author", "assignedEntity")
    return at.plain_code(child(entity, "code"), "C.1.8.2", codes.FIRST_SENDER)


def _other_identifiers(event: _Element) -> list[OtherIdentifier]:
    return [
        OtherIdentifier(node.get("assigningAuthorityName") or None, node.get("extension") or None)
        for node in children(event, "subjectOf1", "controlActEvent", "id")
        if node.get("root") == codes.OTHER_ID
    ]


def _linked_reports(event: _Element) -> list[str]:
    return [
        extension
        for investigation in children(event, "outboundRelationship", "relatedInvestigation")
        if not is_a(investigation, codes.SOURCE_REPORT)
        for node in children(investigation, "subjectOf2", "controlActEvent", "id")
        if node.get("root") == codes.WORLDWIDE_ID and (extension := node.get("extension"))
    ]


def _sources(event: _Element) -> list[_Element]:
    return [
        relation
        for relation in children(event, "outboundRelationship")
        if is_a(child(relation, "relatedInvestigation"), codes.SOURCE_REPORT)
    ]


def _source(at: At, relation: _Element) -> PrimarySource:
    entity = child(relation, "relatedInvestigation", "subjectOf2", "controlActEvent", "author", "assignedEntity")
    person = child(entity, "assignedPerson")
    given = [*children(person, "name", "given"), None, None]
    department = child(entity, "representedOrganization")
    organisation = child(department, "assignedEntity", "representedOrganization")
    country = child(person, "asLocatedEntity", "location", "code")
    return PrimarySource(
        title=at.text(child(person, "name", "prefix"), "C.2.r.1.1"),
        given_name=at.text(given[0], "C.2.r.1.2"),
        middle_name=at.text(given[1], "C.2.r.1.3"),
        family_name=at.text(child(person, "name", "family"), "C.2.r.1.4"),
        organisation=at.text(child(organisation, "name"), "C.2.r.2.1"),
        department=at.text(child(department, "name"), "C.2.r.2.2"),
        street=_street(at, entity, "C.2.r.2.3"),
        city=at.text(child(entity, "addr", "city"), "C.2.r.2.4"),
        state=at.text(child(entity, "addr", "state"), "C.2.r.2.5"),
        postcode=at.text(child(entity, "addr", "postalCode"), "C.2.r.2.6"),
        telephone=_telephone(at, entity),
        country=at.code(country, "C.2.r.3", codes.COUNTRY),
        qualification=at.code(child(person, "asQualifiedEntity", "code"), "C.2.r.4", codes.QUALIFICATION),
        primary=at.plain(child(relation, "priorityNumber"), "value", "C.2.r.5"),
    )


def _street(at: At, entity: _Element | None, element: str) -> Text | None:
    """Lines of a street address are one element of ICH's."""
    lines = [at.text(line, element) for line in children(entity, "addr", "streetAddressLine")]
    texts = [line for line in lines if isinstance(line, str)]
    return ", ".join(texts) if texts else next(iter(lines), None)


def _telephone(at: At, entity: _Element | None) -> Text | None:
    number = _telecom(entity, "tel")
    if number is not None:
        return number
    absent = next((node for node in children(entity, "telecom") if node.get("value", "tel:") == "tel:"), None)
    return at.attribute(absent, "nullFlavor", "C.2.r.2.7")


def _telecom(entity: _Element | None, scheme: str) -> str | None:
    values = (node.get("value", "") for node in children(entity, "telecom"))
    return next((value.partition(":")[2] for value in values if value.partition(":")[0] == scheme), None) or None


def _sender(at: At, event: _Element) -> Sender | None:
    entities = children(event, "subjectOf1", "controlActEvent", "author", "assignedEntity")
    entity = next(entities, None)
    if entity is None:
        return None
    person = child(entity, "assignedPerson")
    given = [*children(person, "name", "given"), None, None]
    department = child(entity, "representedOrganization")
    organisation = child(department, "assignedEntity", "representedOrganization")
    street = _street(at, entity, "C.3.4.1")
    country = child(person, "asLocatedEntity", "location", "code")
    return Sender(
        kind=at.plain_code(child(entity, "code"), "C.3.1", codes.SENDER_TYPE),
        organisation=at.words(child(organisation, "name"), "C.3.2"),
        department=at.words(child(department, "name"), "C.3.3.1"),
        title=at.words(child(person, "name", "prefix"), "C.3.3.2"),
        given_name=at.words(given[0], "C.3.3.3"),
        middle_name=at.words(given[1], "C.3.3.4"),
        family_name=at.words(child(person, "name", "family"), "C.3.3.5"),
        street=street if isinstance(street, str) else None,
        city=at.words(child(entity, "addr", "city"), "C.3.4.2"),
        state=at.words(child(entity, "addr", "state"), "C.3.4.3"),
        postcode=at.words(child(entity, "addr", "postalCode"), "C.3.4.4"),
        country=at.plain_code(country, "C.3.4.5", codes.COUNTRY),
        telephone=_telecom(entity, "tel"),
        fax=_telecom(entity, "fax"),
        email=_telecom(entity, "mailto"),
    )


def _comment(at: At, assessment: _Element | None, whose: codes.Code, element: str) -> str | None:
    for comment in which(assessment, "component1", "observationEvent", what=codes.COMMENT):
        if is_a(child(comment, "author", "assignedEntity"), whose):
            return at.words(child(comment, "value"), element)
    return None


def _summary(at: At, node: _Element) -> Summary:
    value = child(node, "value")
    return Summary(text=at.words(value, "H.5.r.1a"), language=at.plain(value, "language", "H.5.r.1b"))
