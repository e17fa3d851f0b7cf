"""In which order HL7 v3's schemas want elements to stand: told without the schemas, which are not ours to ship."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from lxml import etree

from sinks.agency.icsr import codes
from sinks.agency.icsr.findings import Finding
from sinks.agency.icsr.leaves import is_a

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

_ORDER = {
    parent: {name: rank for rank, name in enumerate(names.split())}
    for parent, names in {
        codes.BATCH: f"id creationTime responseModeCode interactionId name {codes.MESSAGE} receiver sender",
        codes.MESSAGE: (
            "id creationTime interactionId processingCode processingModeCode acceptAckCode receiver sender "
            "controlActProcess"
        ),
        "controlActProcess": "code effectiveTime subject",
        "investigationEvent": (
            "id code text statusCode effectiveTime availabilityTime reference component outboundRelationship "
            "subjectOf1 subjectOf2"
        ),
        "document": "code title text bibliographicDesignationText",
        "adverseEventAssessment": "subject1 component component1",
        "primaryRole": "player1 subjectOf1 subjectOf2",
        "player1": "name administrativeGenderCode birthTime deceasedTime asIdentifiedEntity role",
        "asIdentifiedEntity": "id code",
        "role": "code associatedPerson subjectOf2",
        "associatedPerson": "name administrativeGenderCode birthTime",
        "researchStudy": "id code title authorization",
        "studyRegistration": "id author",
        "organizer": "code component",
        "observation": (
            "id code effectiveTime value interpretationCode performer location referenceRange outboundRelationship1 "
            "outboundRelationship2 inboundRelationship"
        ),
        "observationRange": "value interpretationCode",
        "observationEvent": "code value author",
        "substanceAdministration": (
            "id text effectiveTime routeCode doseQuantity consumable outboundRelationship1 outboundRelationship2 "
            "inboundRelationship"
        ),
        "instanceOfKind": "productInstanceInstance kindOfProduct subjectOf",
        "kindOfProduct": "code name formCode asManufacturedProduct ingredient",
        "approval": "id holder author",
        "ingredient": "quantity ingredientSubstance",
        "ingredientSubstance": "code name",
        "causalityAssessment": "code value methodCode author subject1 subject2",
        "outboundRelationship": "priorityNumber relatedInvestigation",
        "outboundRelationship1": "pauseQuantity actReference",
        "relatedInvestigation": "code subjectOf2",
        "controlActEvent": "id author",
        "assignedEntity": "code addr telecom assignedPerson representedOrganization",
        "assignedPerson": "name asQualifiedEntity asLocatedEntity",
        "representedOrganization": "name addr assignedEntity",
        "investigationCharacteristic": "code value",
    }.items()
}
"""By parent; children that are not named, such as a region's own, may stand anywhere."""

_ELEMENTS = {
    (codes.BATCH, "id"): "N.1.2",
    (codes.BATCH, "creationTime"): "N.1.5",
    (codes.BATCH, "name"): "N.1.1",
    (codes.BATCH, codes.MESSAGE): "N.2.r.1",
    (codes.BATCH, "receiver"): "N.1.4",
    (codes.BATCH, "sender"): "N.1.3",
    (codes.MESSAGE, "id"): "N.2.r.1",
    (codes.MESSAGE, "creationTime"): "N.2.r.4",
    (codes.MESSAGE, "receiver"): "N.2.r.3",
    (codes.MESSAGE, "sender"): "N.2.r.2",
    ("controlActProcess", "effectiveTime"): "C.1.2",
    ("controlActProcess", "subject"): "C.1.2",
    ("investigationEvent", "id"): "C.1.1",
    ("investigationEvent", "text"): "H.1",
    ("investigationEvent", "effectiveTime"): "C.1.4",
    ("investigationEvent", "availabilityTime"): "C.1.5",
    ("player1", "name"): "D.1",
    ("player1", "administrativeGenderCode"): "D.5",
    ("player1", "birthTime"): "D.2.1",
    ("player1", "deceasedTime"): "D.9.1",
}
"""Whose element a misplaced child is, where it is one's alone."""

_SECTIONS = {
    codes.REACTION: "E.i",
    codes.HISTORY_GROUP: "D.7.1.r",
    codes.DRUG_HISTORY_GROUP: "D.8.r",
    codes.TEST_GROUP: "F.r",
    codes.DRUG_GROUP: "G.k",
    codes.ROLE: "G.k.1",
    codes.CAUSALITY: "G.k.9.i.2.r",
    codes.SOURCE_REPORT: "C.2.r",
    codes.INITIAL_REPORT: "C.1.8.2",
    codes.DOCUMENT_HELD: "C.1.6.1.r",
    codes.LITERATURE_REFERENCE: "C.4.r",
    codes.PARENT: "D.10",
}
_HOLDERS = {
    "player1": "D",
    "researchStudy": "C.5",
    "primaryRole": "D",
    "subjectOf1": "C.3",
    codes.MESSAGE: "C.1",
    codes.BATCH: "N.1",
}
"""The section of what lies in an element of that name, and in none of the above."""


def out_of_order(root: _Element) -> Iterator[Finding]:
    """Elements that do not stand where they have to among those around them: the fewest that would have to move."""
    for parent in root.iter(etree.Element):
        name = _name(parent)
        ranks = _ORDER.get(name)
        if ranks is None:
            continue
        known = [(rank, child) for child in parent if (rank := ranks.get(_name(child))) is not None]
        for child in _misplaced(known):
            element = _ELEMENTS.get((name, _name(child))) or _section(parent)
            what = f"In {name}, {_name(child)} stands out of order. Put it where the schemas have it."
            yield Finding(element, f"line {child.sourceline}", what)


def _misplaced(ranked: list[tuple[int, _Element]]) -> list[_Element]:
    """All but a longest part that is in order (patience sorting)."""
    tops: list[int] = []  # the lowest rank that ends an ordered part of each length, and which element that is
    ends: list[int] = []
    before: list[int | None] = []
    for index, (rank, _) in enumerate(ranked):
        length = bisect_right(tops, rank)
        before.append(ends[length - 1] if length else None)
        tops[length : length + 1], ends[length : length + 1] = [rank], [index]
    kept = set()
    last = ends[-1] if ends else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return [child for index, (_, child) in enumerate(ranked) if index not in kept]


def _name(element: _Element) -> str:
    return etree.QName(element).localname


def _section(node: _Element) -> str:
    """The number of the section in which a node lies: at the latest that of the batch."""
    return next(
        number
        for ancestor in (node, *node.iterancestors())
        for number in (
            *(number for what, number in _SECTIONS.items() if is_a(ancestor, what)),
            *filter(None, [_HOLDERS.get(_name(ancestor))]),
        )
    )
