"""The patient in HL7 v3: sections D, C.5 and F, with reactions (E.i) and, from elsewhere, drugs (G.k)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.agency.icsr import codes
from sinks.agency.icsr.markup import (
    add,
    code,
    coded,
    identifier,
    interval,
    meddra,
    moment,
    number,
    physical,
    term,
    text,
    truth,
    typed,
)
from sinks.agency.icsr.model import Condition, Death, Patient
from sinks.agency.icsr.values import NullFlavor, Quantity, TestValue
from sinks.agency.icsr.writer_drugs import add_drugs

if TYPE_CHECKING:
    from decimal import Decimal

    from sinks.agency.icsr.codes import Code
    from sinks.agency.icsr.model import (
        Case,
        Parent,
        ParentCondition,
        ParentPastDrug,
        PastDrug,
        Reaction,
        Study,
        Test,
    )
    from sinks.agency.icsr.serialising import Element
    from sinks.agency.icsr.values import Text, Time

_SERIOUSNESS = (
    ("death", codes.RESULTS_IN_DEATH),
    ("life_threatening", codes.LIFE_THREATENING),
    ("hospitalisation", codes.HOSPITALISATION),
    ("disabling", codes.DISABLING),
    ("congenital_anomaly", codes.CONGENITAL_ANOMALY),
    ("medically_important", codes.MEDICALLY_IMPORTANT),
)


def add_patient(assessment: Element, case: Case, reactions: list[str], drugs: list[str]) -> None:
    """The patient with all that was seen and given; reactions and drugs by these identifiers."""
    patient = case.patient or Patient()
    role = add(add(assessment, "subject1", typeCode="SBJ"), "primaryRole", classCode="INVSBJ")
    _player(role, patient)
    if case.study is not None:
        _study(role, case.study)
    _measures(role, patient)
    _history(role, patient)
    if patient.death is not None:
        _death(role, patient.death)
    for reaction, root in zip(case.reactions, reactions, strict=True):
        _reaction(role, reaction, root)
    if case.tests:
        group = _group(role, codes.TEST_GROUP)
        for test in case.tests:
            _test(group, test)
    if case.drugs:
        add_drugs(_group(role, codes.DRUG_GROUP), case.drugs, reactions, drugs)


def _player(role: Element, patient: Patient) -> None:
    player = add(role, "player1", classCode="PSN", determinerCode="INSTANCE")
    text(player, "name", patient.name)
    coded(player, "administrativeGenderCode", patient.sex, codes.SEX)
    moment(player, "birthTime", patient.birth_date)
    if patient.death is not None:
        moment(player, "deceasedTime", patient.death.date)
    for kind, root, record, name in (
        ("1", codes.GP_RECORD, patient.gp_record, "GP"),
        ("2", codes.SPECIALIST_RECORD, patient.specialist_record, "Specialist"),
        ("3", codes.HOSPITAL_RECORD, patient.hospital_record, "Hospital Record"),
        ("4", codes.INVESTIGATION, patient.investigation, "Investigation"),
    ):
        if record is not None:
            entity = add(player, "asIdentifiedEntity", classCode="IDENT")
            identifier(entity, root, record)
            add(entity, "code", code=kind, codeSystem=codes.RECORD_SOURCE, displayName=name)
    if patient.parent is not None:
        _parent(player, patient.parent)


def _parent(player: Element, parent: Parent) -> None:
    role = add(player, "role", classCode="PRS")
    code(role, codes.PARENT)
    person = add(role, "associatedPerson", classCode="PSN", determinerCode="INSTANCE")
    text(person, "name", parent.name)
    coded(person, "administrativeGenderCode", parent.sex, codes.SEX)
    moment(person, "birthTime", parent.birth_date)
    _quantity(role, codes.AGE, parent.age)
    _date(role, codes.LAST_MENSTRUAL_PERIOD, parent.last_menstrual_period)
    _measure(role, codes.WEIGHT, parent.weight, "kg")
    _measure(role, codes.HEIGHT, parent.height, "cm")
    _conditions(role, parent.conditions, parent.history, therapies=None)
    _past_drugs(role, parent.past_drugs)


def _study(role: Element, study: Study) -> None:
    made = add(add(role, "subjectOf1", typeCode="SBJ"), "researchStudy", classCode="CLNTRL", moodCode="EVN")
    identifier(made, codes.SPONSOR_NUMBER, study.sponsor_number)
    coded(made, "code", study.kind, codes.STUDY_TYPE)
    text(made, "title", study.name)
    for registration in study.registrations:
        authorization = add(made, "authorization", typeCode="AUTH")
        registered = add(authorization, "studyRegistration", classCode="ACT", moodCode="EVN")
        identifier(registered, codes.STUDY_NUMBER, registration.number)
        if registration.country is not None:
            author = add(registered, "author", typeCode="AUT")
            authority = add(author, "territorialAuthority", classCode="TERR")
            place = add(authority, "governingPlace", classCode="COUNTRY", determinerCode="INSTANCE")
            coded(place, "code", registration.country, codes.COUNTRY)


def _measures(role: Element, patient: Patient) -> None:
    _quantity(role, codes.AGE, patient.age)
    _quantity(role, codes.GESTATION, patient.gestation)
    if patient.age_group is not None:
        made = _observation(role, codes.PATIENT_AGE_GROUP)
        typed(made, "CE", code=patient.age_group, codeSystem=codes.AGE_GROUP)
    _measure(role, codes.WEIGHT, patient.weight, "kg")
    _measure(role, codes.HEIGHT, patient.height, "cm")
    _date(role, codes.LAST_MENSTRUAL_PERIOD, patient.last_menstrual_period)


def _history(role: Element, patient: Patient) -> None:
    _conditions(role, patient.conditions, patient.history, patient.concomitant_therapies)
    _past_drugs(role, patient.past_drugs)


def _conditions(
    role: Element,
    conditions: tuple[Condition, ...] | tuple[ParentCondition, ...],
    history: Text | None,
    therapies: bool | None,
) -> None:
    if not conditions and history is None and therapies is None:
        return
    group = _group(role, codes.HISTORY_GROUP)
    for condition in conditions:
        _condition(group, condition)
    if isinstance(history, NullFlavor):
        typed(_component(group, codes.HISTORY_TEXT), "ED", nullFlavor=history.value)
    elif history is not None:
        typed(_component(group, codes.HISTORY_TEXT), "ED").text = history
    if therapies is not None:
        truth(_component(group, codes.CONCOMITANT_THERAPY), therapies)


def _condition(group: Element, condition: Condition | ParentCondition) -> None:
    made = add(add(group, "component", typeCode="COMP"), "observation", classCode="OBS", moodCode="EVN")
    meddra(add(made, "code"), condition.term)
    interval(made, condition.start, condition.end, None)
    if condition.comments is not None:
        typed(_outward(made, "COMP", codes.COMMENT), "ED").text = condition.comments
    if isinstance(condition, Condition) and condition.family_history is not None:
        truth(_outward(made, "EXPL", codes.FAMILY_HISTORY), condition.family_history)
    if condition.continuing is not None:
        inward = add(made, "inboundRelationship", typeCode="REFR")
        observed = add(inward, "observation", classCode="OBS", moodCode="EVN")
        code(observed, codes.CONTINUING)
        truth(observed, condition.continuing)


def _past_drugs(role: Element, drugs: tuple[PastDrug, ...] | tuple[ParentPastDrug, ...]) -> None:
    if not drugs:
        return
    group = _group(role, codes.DRUG_HISTORY_GROUP)
    for drug in drugs:
        made = add(
            add(group, "component", typeCode="COMP"), "substanceAdministration", classCode="SBADM", moodCode="EVN"
        )
        interval(made, drug.start, drug.end, None)
        instance = add(add(made, "consumable", typeCode="CSM"), "instanceOfKind", classCode="INST")
        product = add(instance, "kindOfProduct", classCode="MMAT", determinerCode="KIND")
        term(product, "code", drug.mpid, codes.MPID)
        term(product, "code", drug.phpid, codes.PHPID)
        text(product, "name", drug.name)
        if drug.indication is not None:
            meddra(typed(_outward(made, "RSON", codes.INDICATION), "CE"), drug.indication)
        if drug.reaction is not None:
            meddra(typed(_outward(made, "CAUS", codes.REACTION), "CE"), drug.reaction)


def _death(role: Element, death: Death) -> None:
    for cause in death.reported_causes:
        text(meddra(typed(_observation(role, codes.REPORTED_CAUSE), "CE"), cause.term), "originalText", cause.text)
    if death.autopsy is not None or death.autopsy_causes:
        made = _observation(role, codes.AUTOPSY)
        truth(made, death.autopsy)
        for found in death.autopsy_causes:
            observed = _outward(made, "DRIV", codes.CAUSE_OF_DEATH)
            text(meddra(typed(observed, "CE"), found.term), "originalText", found.text)


def _reaction(role: Element, reaction: Reaction, root: str) -> None:
    made = add(add(role, "subjectOf2", typeCode="SBJ"), "observation", classCode="OBS", moodCode="EVN")
    add(made, "id", root=root)
    code(made, codes.REACTION)
    interval(made, reaction.start, reaction.end, reaction.duration)
    value = meddra(typed(made, "CE"), reaction.term)
    if reaction.native_text is not None or reaction.native_language is not None:
        add(value, "originalText", language=reaction.native_language).text = reaction.native_text
    if reaction.country is not None:
        entity = add(add(made, "location", typeCode="LOC"), "locatedEntity", classCode="LOCE")
        place = add(entity, "locatedPlace", classCode="COUNTRY", determinerCode="INSTANCE")
        coded(place, "code", reaction.country, codes.COUNTRY)
    if reaction.translation is not None:
        typed(_outward(made, "PERT", codes.TRANSLATION), "ED").text = reaction.translation
    if reaction.highlighted is not None:
        observed = _outward(made, "PERT", codes.TERM_HIGHLIGHTED)
        typed(observed, "CE", code=reaction.highlighted, codeSystem=codes.HIGHLIGHTED)
    for name, criterion in _SERIOUSNESS:
        serious = getattr(reaction, name)
        if serious is not None:
            truth(_outward(made, "PERT", criterion), serious)
    if reaction.outcome is not None:
        observed = _outward(made, "PERT", codes.REACTION_OUTCOME)
        typed(observed, "CE", code=reaction.outcome, codeSystem=codes.OUTCOME)
    if reaction.confirmed is not None:
        truth(_outward(made, "PERT", codes.CONFIRMED), reaction.confirmed)


def _test(group: Element, test: Test) -> None:
    made = add(add(group, "component", typeCode="COMP"), "observation", classCode="OBS", moodCode="EVN")
    text(meddra(add(made, "code"), test.term), "originalText", test.name)
    moment(made, "effectiveTime", test.date)
    if test.value is not None:
        _test_value(made, test.value)
    if test.result is not None:
        typed(made, "ED").text = test.result
    coded(made, "interpretationCode", test.code, codes.TEST_RESULT)
    unit = test.value.unit if test.value else None
    for normal, end in ((test.normal_low, codes.LOW), (test.normal_high, codes.HIGH)):
        if normal is not None:
            reference = add(made, "referenceRange", typeCode="REFV")
            criterion = add(reference, "observationRange", classCode="OBS", moodCode="EVN.CRT")
            physical(typed(criterion, "PQ"), Quantity(normal, unit))
            code(criterion, end, "interpretationCode")
    if test.comments is not None:
        typed(_outward(made, "PERT", codes.COMMENT), "ED").text = test.comments
    if test.more_information is not None:
        truth(_outward(made, "REFR", codes.MORE_INFORMATION), test.more_information)


def _test_value(made: Element, value: TestValue) -> None:
    written = typed(made, "IVL_PQ")
    attributes = {"value": number(value.value), "unit": value.unit}
    if value.comparison == "=":
        add(written, "center", **attributes)
        return
    inclusive = "true" if value.comparison.endswith("=") else "false"
    if value.comparison.startswith("<"):
        add(written, "low", nullFlavor=NullFlavor.NINF.value)
        add(written, "high", **attributes, inclusive=inclusive)
    else:
        add(written, "low", **attributes, inclusive=inclusive)
        add(written, "high", nullFlavor=NullFlavor.PINF.value)


def _group(role: Element, what: Code) -> Element:
    made = add(add(role, "subjectOf2", typeCode="SBJ"), "organizer", classCode="CATEGORY", moodCode="EVN")
    code(made, what)
    return made


def _component(group: Element, what: Code) -> Element:
    made = add(add(group, "component", typeCode="COMP"), "observation", classCode="OBS", moodCode="EVN")
    code(made, what)
    return made


def _observation(role: Element, what: Code) -> Element:
    made = add(add(role, "subjectOf2", typeCode="SBJ"), "observation", classCode="OBS", moodCode="EVN")
    code(made, what)
    return made


def _outward(parent: Element, kind: str, what: Code) -> Element:
    made = add(add(parent, "outboundRelationship2", typeCode=kind), "observation", classCode="OBS", moodCode="EVN")
    code(made, what)
    return made


def _quantity(role: Element, what: Code, value: Quantity | None) -> None:
    if value is not None:
        physical(typed(_observation(role, what), "PQ"), value)


def _measure(role: Element, what: Code, value: Decimal | None, unit: str) -> None:
    if value is not None:
        physical(typed(_observation(role, what), "PQ"), Quantity(value, unit))


def _date(role: Element, what: Code, value: Time | None) -> None:
    if isinstance(value, NullFlavor):
        typed(_observation(role, what), "TS", nullFlavor=value.value)
    elif value is not None:
        typed(_observation(role, what), "TS", value=value.text)
