"""A registered adverse reaction as a case in ICH E2B(R3): every element from a field, or why it has no value.

A form of reactions has the fields of ``FIELDS``, and may have more that are read here; a
registry's other forms say the rest by what is declared of them: treatments are those that monitors.yaml follows with
the reaction as outcome, sex and year of birth the person's facts of journey.yaml. docs/reporting.md has the table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sinks.agency.coding.mapping import TEXT
from sinks.agency.icsr import model
from sinks.agency.icsr.narrative import with_narrative
from sinks.agency.icsr.values import MeddraTerm, Moment, NullFlavor, Quantity
from sinks.agency.registered import day_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from schemas.definition.registry import RegistryDefinition
    from schemas.definition.reporting import ReportingRule
    from sinks.agency.coding.mapping import OwnMapping
    from sinks.agency.ends import Ends
    from sinks.agency.registered import Person, Registered

FIELDS = ("reaction_text", "reaction_code", "seriousness", "outcome", "reporter")
"""The fields that a form has of which case safety reports are made, beside the drug, which has the role product."""

_REPORT_TYPES = {"spontaneous": "1", "study": "2", "other": "3", "not_available": "4"}
_QUALIFICATIONS = {"doctor": "1", "pharmacist": "2", "nurse": "3", "health_professional": "3", "patient": "5"}
_SEXES = {"male": "1", "female": "2"}
_OUTCOMES = {
    "recovered": "1", "recovering": "2", "not_recovered": "3", "recovered_with_sequelae": "4", "fatal": "5",
    "unknown": "0",
}  # fmt: skip
_RECURRENCES = {"recurred": "1", "not_recurred": "2", "unknown": "3"}
_WITHDRAWN, _UNCHANGED, _ACTION_UNKNOWN = "1", "4", "0"
_SUSPECT, _CONCOMITANT = "1", "2"
_OTHER_SENDER = "2"
_LANGUAGE = "swe"
_LONGEST_WORDS, _LONGEST_LOT, _LONGEST_NAME = 250, 35, 60
_CODE = re.compile(r"[0-9]{8}")
_VERSION = re.compile(r"([0-9]{1,2}\.[0-9])$")
_NI = NullFlavor.NI


@dataclass(frozen=True, slots=True)
class ReactionFacts:
    """The registrations that a case is made of.

    Attributes:
        reaction: the report.
        others: reports of the same event by others, such as the patient beside the doctor.
        treatment: with the drug that is suspected; None where none is registered.
        sex: the person's; None where no registration says it.
        birth_year: likewise.
        death: the person's; None while none is registered.
    """

    reaction: Registered
    others: Sequence[Registered] = ()
    treatment: Registered | None = None
    sex: str | None = None
    birth_year: int | None = None
    death: Registered | None = None

    @property
    def used(self) -> tuple[Registered, ...]:
        """All of them."""
        return tuple(one for one in (self.reaction, *self.others, self.treatment, self.death) if one is not None)

    @property
    def beside(self) -> Mapping[str, Any]:
        """What is told of the person beside them, whichever registration says it."""
        return {"sex": self.sex, "birth_year": self.birth_year}


def lacking(definition: RegistryDefinition, form: str) -> list[str]:
    """The fields that a form lacks to be made case safety reports of."""
    declared = definition.forms[form]
    names = {field.name for field in declared.fields}
    product = [] if declared.field_with("product") else ["a field with the role product"]
    return [*(name for name in FIELDS if name not in names), *product]


def forms_of_reactions(definition: RegistryDefinition, form: str) -> set[str]:
    """The forms that a report of a reaction is made of."""
    treatments = {one.form for one in definition.monitors.exposures.values() if _follows(one, form)}
    facts = {one.form for name, one in definition.journey.persons.items() if name in ("sex", "birth_year")}
    return {form, *treatments, *facts, *({"death"} & definition.forms.keys())}


def reaction_facts(definition: RegistryDefinition, person: Person, reaction: Registered) -> ReactionFacts:
    """The registrations that tell of a reaction, as they stand."""
    others = [
        one
        for one in person.living(definition, reaction.form)
        if one.record.get("same_event_as") == reaction.registration_id and one is not reaction
    ]
    death = next(iter(person.living(definition, "death")), None) if "death" in definition.forms else None
    return ReactionFacts(
        reaction,
        others,
        _treatment(definition, person, reaction),
        _fact(definition, person, "sex"),
        _fact(definition, person, "birth_year"),
        death if reaction.record["outcome"] == "fatal" or "death" in reaction.record["seriousness"] else None,
    )


def case_of(
    definition: RegistryDefinition,
    rule: ReportingRule,
    facts: ReactionFacts,
    ends: Ends,
    case: str,
    *,
    first: date,
    latest: date,
    expedited: bool,
    mapping: OwnMapping,
) -> model.Case:
    """The case that registrations tell.

    Args:
        definition: the registry.
        rule: by which it is reported.
        facts: the registrations.
        ends: who sends it.
        case: its id.
        first: the day on which the registry first had it.
        latest: the day on which it had the latest of what is told.
        expedited: whether it is of a class that has to be reported soon.
        mapping: the user's own, of codes and texts to MedDRA.
    """
    told = model.Case(
        report_id=case,
        report_type=_REPORT_TYPES[rule.report_type or "not_available"],
        first_received=Moment.of(first),
        most_recent=Moment.of(latest),
        documents_available=False,
        expedited=expedited,
        worldwide_id=case,
        first_sender=_OTHER_SENDER,
        other_identifiers_exist=_NI,
        sources=tuple(_sources(definition, facts, ends)),
        sender=model.Sender(kind=ends.kind, organisation=ends.name, country=ends.country),
        patient=_patient(definition, facts),
        reactions=(_reaction(definition, facts, ends, mapping),),
        drugs=tuple(_drugs(definition, facts, ends)),
    )
    return with_narrative(told, lambda language: _term_names(definition, facts) if language == "en" else {})


def asked_of(definition: RegistryDefinition, facts: ReactionFacts) -> tuple[str, ...]:
    """What is to be asked of whoever registered: of a biological drug the batch (GVP VI)."""
    if _lot(definition, facts) is None:
        return (f"G.k.4.r.7: the batch of {_product(definition, facts)[0]} is not known: ask who gave it",)
    return ()


def _follows(exposure: Any, form: str) -> bool:  # noqa: ANN401 - an Exposure
    return exposure.outcomes is not None and exposure.outcomes.form == form


def _treatment(definition: RegistryDefinition, person: Person, reaction: Registered) -> Registered | None:
    """The latest course of the suspected drug that had begun when the reaction did."""
    reacted = definition.forms[reaction.form]
    drug, onset = reaction.record[reacted.name_of("product")], reaction.record[reacted.name_of("occurred_on")]
    found = None
    for exposure in definition.monitors.exposures.values():
        if not _follows(exposure, reaction.form) or len(exposure.product) != 1:
            continue
        started = definition.forms[exposure.form].name_of("occurred_on")
        for one in person.living(definition, exposure.form):
            if one.record[exposure.product[0]] == drug and one.record[started] <= onset:
                found = one
    return found


def _fact(definition: RegistryDefinition, person: Person, name: str) -> Any:  # noqa: ANN401 - a field's
    """What the latest registration that says a fact about the person says; None where none does."""
    said = definition.journey.persons.get(name)
    if said is None:
        return None
    values = [one.record[said.field] for one in person.living(definition, said.form)]
    return next((value for value in reversed(values) if value is not None), None)


def _sources(definition: RegistryDefinition, facts: ReactionFacts, ends: Ends) -> Iterator[model.PrimarySource]:
    units = definition.catalogues["units"].rows if "units" in definition.catalogues else {}
    for place, one in enumerate((facts.reaction, *facts.others)):
        reporter = one.record["reporter"]
        unit = definition.forms[one.form].field_with("unit")
        name = units.get(one.record[unit.name], {}).get("name") if unit is not None and reporter != "patient" else None
        yield model.PrimarySource(
            organisation=name[:_LONGEST_NAME] if name else None,
            country=ends.country,
            qualification=_QUALIFICATIONS.get(reporter, NullFlavor.UNK),
            primary="1" if place == 0 else None,
        )


def _patient(definition: RegistryDefinition, facts: ReactionFacts) -> model.Patient:
    age = _age(definition, facts)
    died = None
    if facts.death is not None:
        day = day_of(facts.death.record[definition.forms["death"].name_of("occurred_on")])
        died = model.Death(date=Moment.of(day), autopsy=NullFlavor.UNK)
    return model.Patient(
        name=NullFlavor.MSK,
        age=None if age is None else Quantity(Decimal(age), "a"),
        sex=_SEXES.get(facts.sex or "", NullFlavor.UNK),
        history=NullFlavor.NASK,
        death=died,
    )


def _age(definition: RegistryDefinition, facts: ReactionFacts) -> int | None:
    """In the year of the onset; the register has no day of birth."""
    born = facts.birth_year
    return None if born is None else max(_onset(definition, facts).year - born, 0)


def _onset(definition: RegistryDefinition, facts: ReactionFacts) -> date:
    return day_of(facts.reaction.record[definition.forms[facts.reaction.form].name_of("occurred_on")])


def _reaction(definition: RegistryDefinition, facts: ReactionFacts, ends: Ends, mapping: OwnMapping) -> model.Reaction:
    record = facts.reaction.record
    serious = set(record["seriousness"])

    def is_so(name: str) -> bool | NullFlavor:
        return True if name in serious else _NI

    return model.Reaction(
        native_text=record["reaction_text"][:_LONGEST_WORDS],
        native_language=_LANGUAGE,
        term=term_of(definition, facts.reaction.form, record, mapping),
        death=is_so("death"),
        life_threatening=is_so("life_threatening"),
        hospitalisation=is_so("hospitalisation"),
        disabling=is_so("disability"),
        congenital_anomaly=is_so("congenital_anomaly"),
        medically_important=is_so("other"),
        start=Moment.of(_onset(definition, facts)),
        outcome=_OUTCOMES[record["outcome"]],
        country=ends.country,
    )


def term_of(
    definition: RegistryDefinition, form: str, record: Mapping[str, Any], mapping: OwnMapping
) -> MeddraTerm | None:
    """The MedDRA term of a reaction, with its version; None while nobody has coded it.

    The registered code is MedDRA's own, or the user's mapping has it, or the registry's catalogue of reactions has
    MedDRA's beside it, in the columns ``meddra`` and ``meddra_version``. A reaction without a code is what the mapping
    says of its very words.
    """
    code = record["reaction_code"]
    if code is None:
        return mapping.term_of(TEXT, record["reaction_text"])
    version = _VERSION.search(record.get("reaction_code_version") or "")
    if _CODE.fullmatch(code) and version is not None:
        return MeddraTerm(code, version[1])
    field = next(one for one in definition.forms[form].fields if one.name == "reaction_code")
    catalogue = getattr(field.codes, "catalogue", None) or ""
    if (mapped := mapping.term_of(catalogue, code)) is not None:
        return mapped
    row = definition.catalogues[catalogue].rows.get(code, {}) if catalogue in definition.catalogues else {}
    return MeddraTerm(row["meddra"], row["meddra_version"]) if row.get("meddra") and row.get("meddra_version") else None


def _term_names(definition: RegistryDefinition, facts: ReactionFacts) -> Mapping[str, str]:
    """The names, in English, of the terms that the registry's catalogue of reactions has beside its own."""
    field = next(one for one in definition.forms[facts.reaction.form].fields if one.name == "reaction_code")
    catalogue = definition.catalogues.get(getattr(field.codes, "catalogue", None) or "")
    rows = {} if catalogue is None else catalogue.rows
    return {row["meddra"]: row["name"] for row in rows.values() if row.get("meddra")}


def _product(definition: RegistryDefinition, facts: ReactionFacts) -> tuple[str, str | None, str | None]:
    """(name, substance, company) of the suspected drug."""
    form = definition.forms[facts.reaction.form]
    field = form.field_with("product")
    code = facts.reaction.record[form.name_of("product")]
    catalogue = definition.catalogues.get(getattr(field.codes, "catalogue", None) or "") if field else None
    row = {} if catalogue is None else catalogue.rows.get(code, {})
    return row.get("name") or code, row.get("substance") or None, row.get("company") or None


def _lot(definition: RegistryDefinition, facts: ReactionFacts) -> str | None:
    """The batch: as reported with the reaction, else that of the treatment."""
    for one in (facts.reaction, facts.treatment):
        if one is not None:
            field = definition.forms[one.form].field_with("lot")
            if field is not None and (lot := one.record[field.name]):
                return str(lot)
    return None


def _drugs(definition: RegistryDefinition, facts: ReactionFacts, ends: Ends) -> Iterator[model.Drug]:
    name, substance, company = _product(definition, facts)
    record, treatment = facts.reaction.record, {} if facts.treatment is None else facts.treatment.record
    started = stopped = None
    if facts.treatment is not None:
        started = Moment.of(day_of(treatment[definition.forms[facts.treatment.form].name_of("occurred_on")]))
        ended = treatment.get("stopped_on")
        stopped = None if ended is None else Moment.of(day_of(ended))
    lot, indication, again = _lot(definition, facts), treatment.get("indication"), record.get("rechallenge")
    yield model.Drug(
        role=_SUSPECT,
        name=name,
        substances=(model.Substance(name=substance),) if substance else (),
        country_obtained=ends.country,
        holder=company[:_LONGEST_NAME] if company else None,
        dosages=(model.Dosage(start=started, end=stopped, lot=None if lot is None else lot[:_LONGEST_LOT]),)
        if started or lot
        else (),
        indications=(model.Indication(text=f"ICD-10-SE {indication}"),) if indication else (),
        action=_action(record, treatment),
        matrix=(model.DrugReaction(0, recurrence=_RECURRENCES[again]),) if again else (),
    )
    for code in record.get("concomitant_drugs") or ():
        yield model.Drug(role=_CONCOMITANT, name=code, additional_information="Named by its ATC code.")


def _action(record: Mapping[str, Any], treatment: Mapping[str, Any]) -> str:
    """What was done with the drug (G.k.8)."""
    if record.get("dechallenge") is not None or treatment.get("stop_reason") == "adverse_reaction":
        return _WITHDRAWN
    return _ACTION_UNKNOWN if not treatment or treatment.get("stopped_on") is not None else _UNCHANGED
