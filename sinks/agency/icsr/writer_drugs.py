"""Drugs in HL7 v3: section G.k but for its role and assessments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.agency.icsr import codes
from sinks.agency.icsr.markup import add, code, coded, identifier, interval, meddra, physical, term, text, truth, typed

if TYPE_CHECKING:
    from sinks.agency.icsr.codes import Code
    from sinks.agency.icsr.model import Dosage, Drug, DrugReaction, Indication, Substance
    from sinks.agency.icsr.serialising import Element
    from sinks.agency.icsr.values import Quantity


def add_drugs(group: Element, drugs: tuple[Drug, ...], reactions: list[str], roots: list[str]) -> None:
    """Each drug by its identifier; reactions are referred to by theirs."""
    for drug, root in zip(drugs, roots, strict=True):
        made = add(
            add(group, "component", typeCode="COMP"), "substanceAdministration", classCode="SBADM", moodCode="EVN"
        )
        add(made, "id", root=root)
        _product(made, drug)
        for entry in drug.matrix:
            _pause(made, "SAS", entry.since_start, reactions[entry.reaction])
            _pause(made, "SAE", entry.since_last_dose, reactions[entry.reaction])
        for dosage in drug.dosages:
            _dosage(made, dosage)
        _said_of(made, drug)
        for entry in drug.matrix:
            _recurrence(made, entry, reactions[entry.reaction])
        for additional in drug.additional_codes:
            observed = _outward(made, "REFR", codes.CODED_INFORMATION)
            typed(observed, "CE", code=additional, codeSystem=codes.DRUG_INFORMATION)
        if drug.additional_information is not None:
            typed(_outward(made, "REFR", codes.ADDITIONAL_INFORMATION), "ST").text = drug.additional_information
        for indication in drug.indications:
            _indication(made, indication)
        if drug.action is not None:
            act = add(add(made, "inboundRelationship", typeCode="CAUS"), "act", classCode="ACT", moodCode="EVN")
            coded(act, "code", drug.action, codes.ACTION_TAKEN)


def _product(made: Element, drug: Drug) -> None:
    instance = add(add(made, "consumable", typeCode="CSM"), "instanceOfKind", classCode="INST")
    product = add(instance, "kindOfProduct", classCode="MMAT", determinerCode="KIND")
    term(product, "code", drug.mpid, codes.MPID)
    term(product, "code", drug.phpid, codes.PHPID)
    text(product, "name", drug.name)
    if not (drug.authorisation is drug.authorisation_country is drug.holder is None):
        _approval(product, drug)
    for substance in drug.substances:
        _substance(product, substance)
    if drug.country_obtained is not None:
        event = add(add(instance, "subjectOf", typeCode="SBJ"), "productEvent", classCode="ACT", moodCode="EVN")
        code(event, codes.RETAIL_SUPPLY)
        entity = add(add(event, "performer", typeCode="PRF"), "assignedEntity", classCode="ASSIGNED")
        shop = add(entity, "representedOrganization", classCode="ORG", determinerCode="INSTANCE")
        text(add(shop, "addr"), "country", drug.country_obtained)


def _approval(product: Element, drug: Drug) -> None:
    manufactured = add(product, "asManufacturedProduct", classCode="MANU")
    approval = add(add(manufactured, "subjectOf", typeCode="SBJ"), "approval", classCode="CNTRCT", moodCode="EVN")
    identifier(approval, codes.AUTHORISATION, drug.authorisation)
    if drug.holder is not None:
        role = add(add(approval, "holder", typeCode="HLD"), "role", classCode="HLD")
        text(add(role, "playingOrganization", classCode="ORG", determinerCode="INSTANCE"), "name", drug.holder)
    if drug.authorisation_country is not None:
        authority = add(add(approval, "author", typeCode="AUT"), "territorialAuthority", classCode="TERR")
        territory = add(authority, "territory", classCode="NAT", determinerCode="INSTANCE")
        coded(territory, "code", drug.authorisation_country, codes.COUNTRY)


def _substance(product: Element, substance: Substance) -> None:
    ingredient = add(product, "ingredient", classCode="ACTI")
    if substance.strength is not None:
        quantity = add(ingredient, "quantity")
        physical(add(quantity, "numerator"), substance.strength)
        add(quantity, "denominator", value="1", unit="1")
    made = add(ingredient, "ingredientSubstance", classCode="MMAT", determinerCode="KIND")
    term(made, "code", substance.term, codes.SUBSTANCE)
    text(made, "name", substance.name)


def _pause(made: Element, kind: str, pause: Quantity | None, reaction: str) -> None:
    if pause is not None:
        relation = add(made, "outboundRelationship1", typeCode=kind)
        physical(add(relation, "pauseQuantity"), pause)
        _reference(relation, reaction)


def _dosage(made: Element, dosage: Dosage) -> None:
    relation = add(made, "outboundRelationship2", typeCode="COMP")
    given = add(relation, "substanceAdministration", classCode="SBADM", moodCode="EVN")
    text(given, "text", dosage.text)
    interval(given, dosage.start, dosage.end, dosage.duration, dosage.interval)
    term(given, "routeCode", dosage.route_term, codes.ROUTE, dosage.route)
    if dosage.dose is not None:
        physical(add(given, "doseQuantity"), dosage.dose)
    if dosage.lot is not None or dosage.form is not None or dosage.form_term is not None:
        instance = add(add(given, "consumable", typeCode="CSM"), "instanceOfKind", classCode="INST")
        if dosage.lot is not None:
            lot = add(instance, "productInstanceInstance", classCode="MMAT", determinerCode="INSTANCE")
            text(lot, "lotNumberText", dosage.lot)
        if dosage.form is not None or dosage.form_term is not None:
            kind = add(instance, "kindOfProduct", classCode="MMAT", determinerCode="KIND")
            term(kind, "formCode", dosage.form_term, codes.DOSE_FORM, dosage.form)
    if dosage.parent_route is not None or dosage.parent_route_term is not None:
        observed = _inward(given, "REFR", codes.PARENT_ROUTE)
        term(observed, "value", dosage.parent_route_term, codes.ROUTE, dosage.parent_route)
        observed[-1].set(codes.TYPE_WRITTEN, "CE")


def _said_of(made: Element, drug: Drug) -> None:
    if drug.blinded is not None:
        truth(_outward(made, "PERT", codes.BLINDED), drug.blinded)
    if drug.cumulative_dose is not None:
        physical(typed(_outward(made, "SUMM", codes.CUMULATIVE_DOSE), "PQ"), drug.cumulative_dose)
    if drug.gestation is not None:
        physical(typed(_outward(made, "PERT", codes.GESTATION), "PQ"), drug.gestation)


def _recurrence(made: Element, entry: DrugReaction, reaction: str) -> None:
    if entry.recurrence is not None:
        observed = _outward(made, "PERT", codes.RECURRENCE)
        typed(observed, "CE", code=entry.recurrence, codeSystem=codes.RECHALLENGE)
        _reference(add(observed, "outboundRelationship1", typeCode="REFR"), reaction)


def _indication(made: Element, indication: Indication) -> None:
    observed = _inward(made, "RSON", codes.INDICATION)
    text(meddra(typed(observed, "CE"), indication.term), "originalText", indication.text)
    entity = add(add(observed, "performer", typeCode="PRF"), "assignedEntity", classCode="ASSIGNED")
    code(entity, codes.SOURCE_REPORTER_ROLE)


def _reference(relation: Element, reaction: str) -> None:
    add(add(relation, "actReference", classCode="OBS", moodCode="EVN"), "id", root=reaction)


def _outward(made: Element, kind: str, what: Code) -> Element:
    relation = add(made, "outboundRelationship2", typeCode=kind)
    observed = add(relation, "observation", classCode="OBS", moodCode="EVN")
    code(observed, what)
    return observed


def _inward(made: Element, kind: str, what: Code) -> Element:
    relation = add(made, "inboundRelationship", typeCode=kind)
    observed = add(relation, "observation", classCode="OBS", moodCode="EVN")
    code(observed, what)
    return observed
