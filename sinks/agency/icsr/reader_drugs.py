"""Drugs out of HL7 v3: section G.k, put together of what stands in three places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.agency.icsr import codes
from sinks.agency.icsr.leaves import At, child, children, term, which
from sinks.agency.icsr.model import Assessment, Dosage, Drug, DrugReaction, Indication, Substance
from sinks.agency.icsr.reader_patient import identified, identity, part_of_time, product, product_terms, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

    from sinks.agency.icsr.codes import Code


def read_drugs(
    at: At, assessment: _Element | None, role: _Element | None, reactions: list[str | None]
) -> tuple[Drug, ...]:
    """G.k, with each drug's role and its assessments beside reactions, which are known by these identities."""
    group = next(which(role, "subjectOf2", "organizer", what=codes.DRUG_GROUP), None)
    nodes = [
        node
        for node in children(group, "component", "substanceAdministration")
        if child(node, "id") is not None or product(node) is not None
    ]
    roles = {
        identity(drug): child(judged, "value")
        for judged in which(assessment, "component", "causalityAssessment", what=codes.ROLE)
        for drug in children(judged, "subject2", "productUseReference")
    }
    causalities = list(which(assessment, "component", "causalityAssessment", what=codes.CAUSALITY))
    return tuple(
        _drug(at.into("G.k", index), node, roles.get(identity(node)), causalities, reactions)
        for index, node in enumerate(nodes)
    )


def _drug(
    at: At, node: _Element, role: _Element | None, causalities: list[_Element], reactions: list[str | None]
) -> Drug:
    made = product(node)
    mpid, phpid = product_terms(made)
    approval = child(made, "asManufacturedProduct", "subjectOf", "approval")
    supply = child(node, "consumable", "instanceOfKind", "subjectOf", "productEvent", "performer", "assignedEntity")
    action = child(node, "inboundRelationship", "act", "code")
    substances = enumerate(children(made, "ingredient"))
    dosages = enumerate(children(node, "outboundRelationship2", "substanceAdministration"))
    indications = enumerate(which(node, "inboundRelationship", "observation", what=codes.INDICATION))
    return Drug(
        role=at.plain_code(role, "G.k.1", codes.DRUG_ROLE),
        mpid=mpid,
        phpid=phpid,
        name=at.words(child(made, "name"), "G.k.2.2"),
        substances=tuple(_substance(at.into("G.k.2.3.r", index), one) for index, one in substances),
        country_obtained=at.words(child(supply, "representedOrganization", "addr", "country"), "G.k.2.4"),
        blinded=at.known_truth(_outward(node, codes.BLINDED), "G.k.2.5"),
        authorisation=at.plain(identified(approval, codes.AUTHORISATION), "extension", "G.k.3.1"),
        authorisation_country=at.plain_code(
            child(approval, "author", "territorialAuthority", "territory", "code"), "G.k.3.2", codes.COUNTRY
        ),
        holder=at.words(child(approval, "holder", "role", "playingOrganization", "name"), "G.k.3.3"),
        dosages=tuple(_dosage(at.into("G.k.4.r", index), one) for index, one in dosages),
        cumulative_dose=at.quantity(_outward(node, codes.CUMULATIVE_DOSE), "G.k.5a", "G.k.5b"),
        gestation=at.quantity(_outward(node, codes.GESTATION), "G.k.6a", "G.k.6b"),
        indications=tuple(_indication(at.into("G.k.7.r", index), one) for index, one in indications),
        action=at.plain_code(action, "G.k.8", codes.ACTION_TAKEN),
        matrix=_matrix(at, node, causalities, reactions),
        additional_codes=tuple(_additional_codes(at, node)),
        additional_information=at.words(_outward(node, codes.ADDITIONAL_INFORMATION), "G.k.11"),
    )


def _outward(node: _Element, what: Code) -> _Element | None:
    return child(next(which(node, "outboundRelationship2", "observation", what=what), None), "value")


def _substance(at: At, node: _Element) -> Substance:
    substance = child(node, "ingredientSubstance")
    return Substance(
        name=at.words(child(substance, "name"), "G.k.2.3.r.1"),
        term=term(child(substance, "code"), codes.SUBSTANCE),
        strength=at.quantity(child(node, "quantity", "numerator"), "G.k.2.3.r.3a", "G.k.2.3.r.3b"),
    )


def _dosage(at: At, node: _Element) -> Dosage:
    start, end, duration = span(at, node, "G.k.4.r.4", "G.k.4.r.5", "G.k.4.r.6")
    route = child(node, "routeCode")
    form = child(product(node), "formCode")
    parent = child(next(which(node, "inboundRelationship", "observation", what=codes.PARENT_ROUTE), None), "value")
    lot = child(node, "consumable", "instanceOfKind", "productInstanceInstance", "lotNumberText")
    return Dosage(
        dose=at.quantity(child(node, "doseQuantity"), "G.k.4.r.1a", "G.k.4.r.1b"),
        interval=at.quantity(part_of_time(node, "period"), "G.k.4.r.2", "G.k.4.r.3"),
        start=start,
        end=end,
        duration=duration,
        lot=at.words(lot, "G.k.4.r.7"),
        text=at.words(child(node, "text"), "G.k.4.r.8"),
        form=at.text(child(form, "originalText"), "G.k.4.r.9.1"),
        form_term=term(form, codes.DOSE_FORM),
        route=at.text(child(route, "originalText"), "G.k.4.r.10.1"),
        route_term=term(route, codes.ROUTE),
        parent_route=at.text(child(parent, "originalText"), "G.k.4.r.11.1"),
        parent_route_term=term(parent, codes.ROUTE),
    )


def _indication(at: At, node: _Element) -> Indication:
    value = child(node, "value")
    return Indication(at.text(child(value, "originalText"), "G.k.7.r.1"), at.meddra(value, "G.k.7.r.2"))


def _additional_codes(at: At, node: _Element) -> Iterator[str]:
    for index, observed in enumerate(which(node, "outboundRelationship2", "observation", what=codes.CODED_INFORMATION)):
        code = at.into("G.k.10.r", index).plain_code(child(observed, "value"), "G.k.10.r", codes.DRUG_INFORMATION)
        if code is not None:
            yield code


def _matrix(
    at: At, node: _Element, causalities: list[_Element], reactions: list[str | None]
) -> tuple[DrugReaction, ...]:
    pauses = {"SAS": _pauses(at, node, "SAS", reactions), "SAE": _pauses(at, node, "SAE", reactions)}
    recurrences: dict[int, _Element | None] = {}
    for observed in which(node, "outboundRelationship2", "observation", what=codes.RECURRENCE):
        reaction = _referred(at, child(observed, "outboundRelationship1", "actReference"), reactions)
        if reaction is not None:
            recurrences[reaction] = child(observed, "value")
    assessments: dict[int, list[_Element]] = {}
    for judged in causalities:
        drug = child(judged, "subject2", "productUseReference")
        if drug is not None and identity(drug) == identity(node):
            reaction = _referred(at, child(judged, "subject1", "adverseEffectReference"), reactions)
            if reaction is not None:
                assessments.setdefault(reaction, []).append(judged)
    entries = []
    for index, reaction in enumerate(sorted({*pauses["SAS"], *pauses["SAE"], *recurrences, *assessments})):
        here = at.into("G.k.9.i", index)
        since_start, since_last = pauses["SAS"].get(reaction), pauses["SAE"].get(reaction)
        entries.append(
            DrugReaction(
                reaction,
                tuple(
                    _assessment(here.into("G.k.9.i.2.r", number), judged)
                    for number, judged in enumerate(assessments.get(reaction, ()))
                ),
                here.quantity(since_start, "G.k.9.i.3.1a", "G.k.9.i.3.1b"),
                here.quantity(since_last, "G.k.9.i.3.2a", "G.k.9.i.3.2b"),
                here.plain_code(recurrences.get(reaction), "G.k.9.i.4", codes.RECHALLENGE),
            )
        )
    return tuple(entries)


def _pauses(at: At, node: _Element, kind: str, reactions: list[str | None]) -> dict[int, _Element | None]:
    found = {}
    for relation in children(node, "outboundRelationship1"):
        if relation.get("typeCode") == kind:
            reaction = _referred(at, child(relation, "actReference"), reactions)
            if reaction is not None:
                found[reaction] = child(relation, "pauseQuantity")
    return found


def _referred(at: At, reference: _Element | None, reactions: list[str | None]) -> int | None:
    if reference is not None and (whose := identity(reference)) is not None and whose in reactions:
        return reactions.index(whose)
    at.say("G.k.9.i.1", "A drug is assessed beside a reaction that is not in the report. Refer to one that is.")
    return None


def _assessment(at: At, node: _Element) -> Assessment:
    source = child(node, "author", "assignedEntity", "code", "originalText")
    return Assessment(
        source=at.words(source, "G.k.9.i.2.r.1"),
        method=at.words(child(node, "methodCode", "originalText"), "G.k.9.i.2.r.2"),
        result=at.words(child(node, "value"), "G.k.9.i.2.r.3"),
    )
