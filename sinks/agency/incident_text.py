"""A care provider's report of an incident with a device, as a text: to be read, checked, and handed on as it stands.

No agency publishes a form of it that a machine could fill in; each takes it on a page of its own. So it says, under
headings, all that the registry knows: what happened, which devices were in, and nothing of who the person is but age
and sex.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sinks.agency.registered import day_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.definition.form import Form, FormField
    from schemas.definition.registry import RegistryDefinition
    from schemas.definition.reporting import ReportingRule
    from sinks.agency.ends import Ends
    from sinks.agency.registered import Person, Registered

CONTENT_TYPE = "text/markdown"
_OF_NO_CONCERN = ("registration_id", "patient", "recorded_at", "retracted", "implant_reference", "unit", "occurred_on")
"""Roles whose fields are not listed: who it is of, or said under a heading of their own."""


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """The registrations that an incident is told of: its own, and the one that put the device in, where it is known."""

    incident: Registered
    put_in: Registered | None

    @property
    def used(self) -> tuple[Registered, ...]:
        """All of them."""
        return (self.incident,) if self.put_in is None else (self.incident, self.put_in)

    @property
    def beside(self) -> Mapping[str, Any]:
        """Nothing is told beside them."""
        return {}


def forms_of_incidents(definition: RegistryDefinition, form: str) -> set[str]:
    """The forms that a report of an incident is made of."""
    attribution = definition.journey.attributions.get(form)
    return {form} if attribution is None else {form, attribution.to}


def incident_facts(definition: RegistryDefinition, person: Person, incident: Registered) -> IncidentFacts:
    """The registrations that tell of an incident, as they stand, by journey.yaml's attribution."""
    attribution = definition.journey.attributions.get(incident.form)
    if attribution is None:
        return IncidentFacts(incident, None)
    day, earlier = (definition.forms[form].name_of("occurred_on") for form in (incident.form, attribution.to))
    before = [
        one
        for one in person.living(definition, attribution.to)
        if one.record[earlier] <= incident.record[day]
        and all(one.record[name] is not None and one.record[name] == incident.record[name] for name in attribution.same)
    ]
    named = None if attribution.reference is None else incident.record[attribution.reference]
    if named is not None:
        before = [one for one in before if one.registration_id == named]
    return IncidentFacts(incident, before[-1] if before else None)


def text_of(definition: RegistryDefinition, rule: ReportingRule, facts: IncidentFacts, ends: Ends, case: str) -> bytes:
    """The report, in English, as UTF-8."""
    return "\n".join(_lines(definition, rule, facts, ends, case)).encode()


def asked_of(definition: RegistryDefinition, facts: IncidentFacts) -> tuple[str, ...]:
    """What is to be asked of whoever registered."""
    if facts.put_in is None:
        return ("device: which one was in is not registered: ask the unit",)
    lots = _lots(definition, facts.put_in.form)
    without = [
        field.name
        for field in _products(definition.forms[facts.put_in.form])
        if facts.put_in.record[field.name] is not None
        and (lot := lots.get(field.name)) is not None
        and not facts.put_in.record.get(lot)
    ]
    return (f"lot: that of {', '.join(without)} is not known: ask the unit",) if without else ()


def _lines(
    definition: RegistryDefinition, rule: ReportingRule, facts: IncidentFacts, ends: Ends, case: str
) -> Iterator[str]:
    form, record = definition.forms[facts.incident.form], facts.incident.record
    yield f"# Incident with a medical device, {case}"
    yield ""
    if not ends.production:
        yield "**To try reporting out: this is no report.**"
        yield ""
    yield f"- From: {ends.name}, by the register {definition.registry.title.en}"
    yield f"- Why: {rule.reason.en}"
    unit = form.field_with("unit")
    if unit is not None:
        code = record[unit.name]
        name = definition.catalogues["units"].rows.get(code, {}).get("name", code)
        yield f"- Care provider: {name}"
    yield f"- Day of the incident: {day_of(record[form.name_of('occurred_on')])}"
    yield f"- Person: {', '.join(_person(definition, facts)) or 'age and sex are not registered'}"
    yield ""
    yield "## What was registered"
    yield ""
    yield from _said(form, record)
    yield ""
    yield "## Devices"
    yield ""
    yield from _devices(definition, facts)


def _person(definition: RegistryDefinition, facts: IncidentFacts) -> Iterator[str]:
    for one in facts.used:
        form = definition.forms[one.form]
        born = form.field_with("birth_year")
        if born is not None and one.record[born.name] is not None:
            happened = day_of(facts.incident.record[definition.forms[facts.incident.form].name_of("occurred_on")])
            yield f"{max(happened.year - one.record[born.name], 0)} years"
        if one.record.get("sex"):
            yield str(one.record["sex"])


def _said(form: Form, record: Mapping[str, Any]) -> Iterator[str]:
    for field in form.fields:
        value = record[field.name]
        if field.role in _OF_NO_CONCERN or field.role == "product" or value in (None, []):
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        yield f"- {field.doc.rstrip('.')}: {str(shown).replace('_', ' ')}"


def _devices(definition: RegistryDefinition, facts: IncidentFacts) -> Iterator[str]:
    if facts.put_in is None:
        yield "Which device was in is not registered."
        return
    form, record = definition.forms[facts.put_in.form], facts.put_in.record
    lots = _lots(definition, form.name)
    yield f"Put in on {day_of(record[form.name_of('occurred_on')])}."
    yield ""
    yield "| Device | Name | Manufacturer | UDI-DI | EMDN | Lot |"
    yield "|---|---|---|---|---|---|"
    for field in _products(form):
        code = record[field.name]
        if code is None:
            continue
        catalogue = definition.catalogues.get(getattr(field.codes, "catalogue", None) or "")
        row = {} if catalogue is None else catalogue.rows.get(code, {})
        lot = record.get(lots.get(field.name) or "") or "not known"
        cells = (field.name, row.get("name", code), row.get("company"), row.get("udi_di"), row.get("emdn"), lot)
        yield f"| {' | '.join(str(cell or '').replace('|', '/') for cell in cells)} |"


def _products(form: Form) -> tuple[FormField, ...]:
    return tuple(field for field in form.fields if field.role == "product")


def _lots(definition: RegistryDefinition, form: str) -> Mapping[str, str]:
    """The field with the lot of each of a form's products, as monitors.yaml has it."""
    followed = [one for one in definition.monitors.exposures.values() if one.form == form and len(one.product) == 1]
    return {one.product[0]: one.lot for one in followed if one.lot is not None}
