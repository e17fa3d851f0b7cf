"""The patient out of HL7 v3: sections D, C.5, E.i and F.r."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.agency.icsr import codes
from sinks.agency.icsr.leaves import At, child, children, term, which
from sinks.agency.icsr.model import (
    AutopsyCause,
    Condition,
    Death,
    Parent,
    ParentCondition,
    ParentPastDrug,
    PastDrug,
    Patient,
    Reaction,
    ReportedCause,
    Study,
    StudyRegistration,
    Test,
)
from sinks.agency.icsr.values import NullFlavor, TestValue

if TYPE_CHECKING:
    from decimal import Decimal
    from typing import Literal

    from lxml.etree import _Element

    from sinks.agency.icsr.codes import Code
    from sinks.agency.icsr.values import MeddraTerm, Quantity, Term, Text, Time, Truth


def identity(node: _Element) -> str | None:
    """By what others refer to a reaction or drug."""
    found = child(node, "id")
    return None if found is None else f"{found.get('root')}|{found.get('extension')}"


def identified(node: _Element | None, root: str) -> _Element | None:
    """A node's identifier in a namespace."""
    return next((one for one in children(node, "id") if one.get("root") == root), None)


def read_study(at: At, role: _Element | None) -> Study | None:
    """C.5."""
    node = child(role, "subjectOf1", "researchStudy")
    if node is None:
        return None
    registrations = enumerate(filter(_is_registered, children(node, "authorization", "studyRegistration")))
    return Study(
        registrations=tuple(_registration(at.into("C.5.1.r", index), one) for index, one in registrations),
        name=at.text(child(node, "title"), "C.5.2"),
        sponsor_number=at.attribute(identified(node, codes.SPONSOR_NUMBER), "extension", "C.5.3"),
        kind=at.plain_code(child(node, "code"), "C.5.4", codes.STUDY_TYPE),
    )


def _is_registered(node: _Element) -> bool:
    """Regions keep numbers of their own beside, under other roots."""
    return child(node, "id") is None or identified(node, codes.STUDY_NUMBER) is not None


def _registration(at: At, node: _Element) -> StudyRegistration:
    country = child(node, "author", "territorialAuthority", "governingPlace", "code")
    return StudyRegistration(
        number=at.attribute(identified(node, codes.STUDY_NUMBER), "extension", "C.5.1.r.1"),
        country=at.code(country, "C.5.1.r.2", codes.COUNTRY),
    )


def read_patient(at: At, role: _Element | None) -> Patient | None:
    """D; None where nothing is said of a patient."""
    player = child(role, "player1")
    history = _group(role, codes.HISTORY_GROUP)
    found = Patient(
        name=at.text(child(player, "name"), "D.1"),
        gp_record=_record(at, player, codes.GP_RECORD, "D.1.1.1"),
        specialist_record=_record(at, player, codes.SPECIALIST_RECORD, "D.1.1.2"),
        hospital_record=_record(at, player, codes.HOSPITAL_RECORD, "D.1.1.3"),
        investigation=_record(at, player, codes.INVESTIGATION, "D.1.1.4"),
        birth_date=at.moment(child(player, "birthTime"), "D.2.1"),
        age=at.quantity(_observed(role, codes.AGE), "D.2.2a", "D.2.2b"),
        gestation=at.quantity(_observed(role, codes.GESTATION), "D.2.2.1a", "D.2.2.1b"),
        age_group=at.plain_code(_observed(role, codes.PATIENT_AGE_GROUP), "D.2.3", codes.AGE_GROUP),
        weight=at.number(_observed(role, codes.WEIGHT), "D.3", "kg"),
        height=at.number(_observed(role, codes.HEIGHT), "D.4", "cm"),
        sex=at.code(child(player, "administrativeGenderCode"), "D.5", codes.SEX),
        last_menstrual_period=at.moment(_observed(role, codes.LAST_MENSTRUAL_PERIOD), "D.6"),
        conditions=tuple(
            _condition(at.into("D.7.1.r", index), node) for index, node in enumerate(_condition_nodes(history))
        ),
        history=at.text(_member(history, codes.HISTORY_TEXT), "D.7.2"),
        concomitant_therapies=at.known_truth(_member(history, codes.CONCOMITANT_THERAPY), "D.7.3"),
        past_drugs=tuple(
            _past_drug(at.into("D.8.r", index), node) for index, node in enumerate(_past_drug_nodes(role))
        ),
        death=_death(at, role, player),
        parent=_parent(at, child(player, "role")),
    )
    return found if found != Patient() else None


def _record(at: At, player: _Element | None, root: str, element: str) -> Text | None:
    entities = children(player, "asIdentifiedEntity")
    records = (record for entity in entities if (record := identified(entity, root)) is not None)
    return at.attribute(next(records, None), "extension", element)


def _observed(role: _Element | None, what: Code) -> _Element | None:
    return child(next(which(role, "subjectOf2", "observation", what=what), None), "value")


def _group(role: _Element | None, what: Code) -> _Element | None:
    return next(which(role, "subjectOf2", "organizer", what=what), None)


def _member(group: _Element | None, what: Code) -> _Element | None:
    return child(next(which(group, "component", "observation", what=what), None), "value")


def _condition_nodes(history: _Element | None) -> list[_Element]:
    """Conditions have their own term as code, history and therapies one of ICH's."""
    return [
        node
        for node in children(history, "component", "observation")
        if (code := child(node, "code")) is None or code.get("codeSystem") != codes.HISTORY_TEXT.system
    ]


def _condition(at: At, node: _Element) -> Condition:
    family = next(which(node, "outboundRelationship2", "observation", what=codes.FAMILY_HISTORY), None)
    return Condition(
        *_condition_of(at, node, "D.7.1.r"), family_history=at.known_truth(child(family, "value"), "D.7.1.r.6")
    )


def _condition_of(
    at: At, node: _Element, section: str
) -> tuple[MeddraTerm | None, Time | None, Truth | None, Time | None, str | None]:
    """What is said of a patient's and of a parent's condition alike: term, start, continuing, end, comments."""
    continuing = next(which(node, "inboundRelationship", "observation", what=codes.CONTINUING), None)
    return (
        at.meddra(child(node, "code"), f"{section}.1"),
        at.moment(child(node, "effectiveTime", "low"), f"{section}.2"),
        at.truth(child(continuing, "value"), f"{section}.3"),
        at.moment(child(node, "effectiveTime", "high"), f"{section}.4"),
        at.words(_outward(node, codes.COMMENT), f"{section}.5"),
    )


def _past_drug_nodes(role: _Element | None) -> list[_Element]:
    return list(children(_group(role, codes.DRUG_HISTORY_GROUP), "component", "substanceAdministration"))


def product(node: _Element) -> _Element | None:
    """What was given."""
    return child(node, "consumable", "instanceOfKind", "kindOfProduct")


def product_terms(node: _Element | None) -> tuple[Term | None, Term | None]:
    """A product's MPID and PhPID; a code of a region's own system is taken for an MPID."""
    coded = {one.get("codeSystem") == codes.PHPID: one for one in children(node, "code")}
    return term(coded.get(False), codes.MPID), term(coded.get(True), codes.PHPID)


def _past_drug(at: At, node: _Element) -> PastDrug:
    return PastDrug(at.text(_product_name(node), "D.8.r.1"), *_past_drug_of(at, node, "D.8.r"))


def _product_name(node: _Element) -> _Element | None:
    return child(product(node), "name")


def _past_drug_of(
    at: At, node: _Element, section: str
) -> tuple[Term | None, Term | None, Time | None, Time | None, MeddraTerm | None, MeddraTerm | None]:
    """What is said of an earlier drug of patient or parent, after its name: product, time, indication, reaction."""
    return (
        *product_terms(product(node)),
        at.moment(child(node, "effectiveTime", "low"), f"{section}.4"),
        at.moment(child(node, "effectiveTime", "high"), f"{section}.5"),
        at.meddra(_outward(node, codes.INDICATION), f"{section}.6"),
        at.meddra(_outward(node, codes.REACTION), f"{section}.7"),
    )


def _outward(node: _Element | None, what: Code) -> _Element | None:
    return child(next(which(node, "outboundRelationship2", "observation", what=what), None), "value")


def _death(at: At, role: _Element | None, player: _Element | None) -> Death | None:
    autopsy = next(which(role, "subjectOf2", "observation", what=codes.AUTOPSY), None)
    reported = enumerate(which(role, "subjectOf2", "observation", what=codes.REPORTED_CAUSE))
    found = enumerate(which(autopsy, "outboundRelationship2", "observation", what=codes.CAUSE_OF_DEATH))
    death = Death(
        date=at.moment(child(player, "deceasedTime"), "D.9.1"),
        reported_causes=tuple(
            ReportedCause(*_cause(at.into("D.9.2.r", index), node, "D.9.2.r")) for index, node in reported
        ),
        autopsy=at.truth(child(autopsy, "value"), "D.9.3"),
        autopsy_causes=tuple(
            AutopsyCause(*_cause(at.into("D.9.4.r", index), node, "D.9.4.r")) for index, node in found
        ),
    )
    return death if death != Death() else None


def _cause(at: At, node: _Element, section: str) -> tuple[MeddraTerm | None, str | None]:
    value = child(node, "value")
    return at.meddra(value, f"{section}.1"), at.words(child(value, "originalText"), f"{section}.2")


def _parent(at: At, role: _Element | None) -> Parent | None:
    if role is None:
        return None
    person = child(role, "associatedPerson")
    history = _group(role, codes.HISTORY_GROUP)
    return Parent(
        name=at.text(child(person, "name"), "D.10.1"),
        birth_date=at.moment(child(person, "birthTime"), "D.10.2.1"),
        age=at.quantity(_observed(role, codes.AGE), "D.10.2.2a", "D.10.2.2b"),
        last_menstrual_period=at.moment(_observed(role, codes.LAST_MENSTRUAL_PERIOD), "D.10.3"),
        weight=at.number(_observed(role, codes.WEIGHT), "D.10.4", "kg"),
        height=at.number(_observed(role, codes.HEIGHT), "D.10.5", "cm"),
        sex=at.code(child(person, "administrativeGenderCode"), "D.10.6", codes.SEX),
        conditions=tuple(
            _parent_condition(at.into("D.10.7.1.r", index), node)
            for index, node in enumerate(_condition_nodes(history))
        ),
        history=at.words(_member(history, codes.HISTORY_TEXT), "D.10.7.2"),
        past_drugs=tuple(
            _parent_past_drug(at.into("D.10.8.r", index), node) for index, node in enumerate(_past_drug_nodes(role))
        ),
    )


def _parent_condition(at: At, node: _Element) -> ParentCondition:
    return ParentCondition(*_condition_of(at, node, "D.10.7.1.r"))


def _parent_past_drug(at: At, node: _Element) -> ParentPastDrug:
    return ParentPastDrug(at.words(_product_name(node), "D.10.8.r.1"), *_past_drug_of(at, node, "D.10.8.r"))


def read_reactions(at: At, nodes: list[_Element]) -> tuple[Reaction, ...]:
    """E.i, in their order."""
    return tuple(_reaction(at.into("E.i", index), node) for index, node in enumerate(nodes))


def _reaction(at: At, node: _Element) -> Reaction:
    value = child(node, "value")
    words = child(value, "originalText")
    start, end, duration = span(at, node, "E.i.4", "E.i.5", "E.i.6")
    return Reaction(
        native_text=at.words(words, "E.i.1.1a"),
        native_language=at.plain(words, "language", "E.i.1.1b"),
        translation=at.words(_outward(node, codes.TRANSLATION), "E.i.1.2"),
        term=at.meddra(value, "E.i.2.1"),
        highlighted=at.plain_code(_outward(node, codes.TERM_HIGHLIGHTED), "E.i.3.1", codes.HIGHLIGHTED),
        death=at.truth(_outward(node, codes.RESULTS_IN_DEATH), "E.i.3.2a"),
        life_threatening=at.truth(_outward(node, codes.LIFE_THREATENING), "E.i.3.2b"),
        hospitalisation=at.truth(_outward(node, codes.HOSPITALISATION), "E.i.3.2c"),
        disabling=at.truth(_outward(node, codes.DISABLING), "E.i.3.2d"),
        congenital_anomaly=at.truth(_outward(node, codes.CONGENITAL_ANOMALY), "E.i.3.2e"),
        medically_important=at.truth(_outward(node, codes.MEDICALLY_IMPORTANT), "E.i.3.2f"),
        start=start,
        end=end,
        duration=duration,
        outcome=at.plain_code(_outward(node, codes.REACTION_OUTCOME), "E.i.7", codes.OUTCOME),
        confirmed=at.known_truth(_outward(node, codes.CONFIRMED), "E.i.8"),
        country=at.plain_code(child(node, "location", "locatedEntity", "locatedPlace", "code"), "E.i.9", codes.COUNTRY),
    )


def span(
    at: At, node: _Element, start: str, end: str, duration: str
) -> tuple[Time | None, Time | None, Quantity | None]:
    """When something was, by the elements of start, end and duration, whether one interval says it or several."""
    return (
        at.moment(part_of_time(node, "low"), start),
        at.moment(part_of_time(node, "high"), end),
        at.quantity(part_of_time(node, "width"), f"{duration}a", f"{duration}b"),
    )


def part_of_time(node: _Element, tag: str) -> _Element | None:
    """A part of an effective time, or of those that it consists of."""
    found = child(node, "effectiveTime", tag)
    return child(node, "effectiveTime", "comp", tag) if found is None else found


def read_tests(at: At, role: _Element | None) -> tuple[Test, ...]:
    """F.r."""
    nodes = enumerate(children(_group(role, codes.TEST_GROUP), "component", "observation"))
    return tuple(_test(at.into("F.r", index), node) for index, node in nodes)


def _test(at: At, node: _Element) -> Test:
    code, value = child(node, "code"), child(node, "value")
    is_text = value is not None and (value.get(codes.TYPE) or "").endswith("ED")
    measured = None if is_text else _test_value(at, value)
    unit = measured.unit if measured else None
    more = next(which(node, "outboundRelationship2", "observation", what=codes.MORE_INFORMATION), None)
    return Test(
        date=at.moment(child(node, "effectiveTime"), "F.r.1"),
        name=at.words(child(code, "originalText"), "F.r.2.1"),
        term=at.meddra(code, "F.r.2.2"),
        code=at.plain_code(child(node, "interpretationCode"), "F.r.3.1", codes.TEST_RESULT),
        value=measured,
        result=at.words(value, "F.r.3.4") if is_text else None,
        normal_low=_normal(at, node, "L", "F.r.4", unit),
        normal_high=_normal(at, node, "H", "F.r.5", unit),
        comments=at.words(_outward(node, codes.COMMENT), "F.r.6"),
        more_information=at.known_truth(child(more, "value"), "F.r.7"),
    )


def _test_value(at: At, value: _Element | None) -> TestValue | None:
    if value is None:
        return None
    center, low, high = child(value, "center"), child(value, "low"), child(value, "high")
    if center is not None:
        return _bound(at, center, "=")
    if low is not None and low.get("nullFlavor") == NullFlavor.NINF.value:
        return _bound(at, high, "<=" if high is not None and high.get("inclusive") == "true" else "<")
    if high is not None and high.get("nullFlavor") == NullFlavor.PINF.value:
        return _bound(at, low, ">=" if low is not None and low.get("inclusive") == "true" else ">")
    at.say("F.r.3.2", "The result is neither a number nor a limit with NINF or PINF. Give one of them.")
    return None


def _bound(at: At, node: _Element | None, comparison: Literal["=", "<", "<=", ">", ">="]) -> TestValue | None:
    found = at.quantity(node, "F.r.3.2", "F.r.3.3")
    return None if found is None else TestValue(found.value, found.unit, comparison)


def _normal(at: At, node: _Element, end: str, element: str, unit: str | None) -> Decimal | None:
    for reference in children(node, "referenceRange", "observationRange"):
        code = child(reference, "interpretationCode")
        if code is not None and code.get("code") == end:
            return at.number(child(reference, "value"), element, unit)
    return None
