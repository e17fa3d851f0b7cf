"""What is judged of drugs in HL7 v3: the role of each (G.k.1), and how related it is to reactions (G.k.9.i.2.r)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.agency.icsr import codes
from sinks.agency.icsr.markup import add, code, text, typed

if TYPE_CHECKING:
    from sinks.agency.icsr.codes import Code
    from sinks.agency.icsr.model import Assessment, Case
    from sinks.agency.icsr.serialising import Element


def add_assessments(parent: Element, case: Case, reactions: list[str], drugs: list[str]) -> None:
    """Roles, then assessments; drugs and reactions are referred to by these identifiers."""
    for drug, root in zip(case.drugs, drugs, strict=True):
        if drug.role is not None:
            made = _judged(parent, codes.ROLE)
            typed(made, "CE", code=drug.role, codeSystem=codes.DRUG_ROLE)
            _of_drug(made, root)
    for drug, root in zip(case.drugs, drugs, strict=True):
        for entry in drug.matrix:
            for assessment in entry.assessments:
                _assessment(parent, assessment, reactions[entry.reaction], root)


def _assessment(parent: Element, assessment: Assessment, reaction: str, drug: str) -> None:
    made = _judged(parent, codes.CAUSALITY)
    if assessment.result is not None:
        typed(made, "ST").text = assessment.result
    if assessment.method is not None:
        text(add(made, "methodCode"), "originalText", assessment.method)
    if assessment.source is not None:
        entity = add(add(made, "author", typeCode="AUT"), "assignedEntity", classCode="ASSIGNED")
        text(add(entity, "code"), "originalText", assessment.source)
    effect = add(add(made, "subject1", typeCode="SUBJ"), "adverseEffectReference", classCode="OBS", moodCode="EVN")
    add(effect, "id", root=reaction)
    _of_drug(made, drug)


def _judged(parent: Element, what: Code) -> Element:
    made = add(add(parent, "component", typeCode="COMP"), "causalityAssessment", classCode="OBS", moodCode="EVN")
    code(made, what)
    return made


def _of_drug(made: Element, drug: str) -> None:
    use = add(add(made, "subject2", typeCode="SUBJ"), "productUseReference", classCode="SBADM", moodCode="EVN")
    add(use, "id", root=drug)
