"""The form's elements in its order: number, our words for it, and where its value is read.

Letters are those of form 7.3.1 as far as they are known; elements of a section whose letters are not have its number
alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.markdown import row, table_head
from sinks.agency.mir.model import FORM, Codes, References, Span, Udi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from sinks.agency.mir.model import Mir, Organisation

Value = str | int | bool | None
SECTIONS = {
    "1": "Administration",
    "2": "Device",
    "3": "Incident",
    "4": "Manufacturer's analysis",
    "5": "General comments",
}


class Element(NamedTuple):
    """One filled or empty field of the form.

    Attributes:
        number: on the form, such as 1.2(c).
        label: what it asks, in our words.
        value: as a person reads it; None where it is empty.
    """

    number: str
    label: str
    value: str | None


def elements_of(mir: Mir) -> list[Element]:
    """All elements of a report in the form's order."""
    return [
        *_administration(mir),
        *_device(mir),
        *_incident(mir),
        *_analysis(mir),
        *_similar(mir),
        *_rows("5", ("General comments", mir.comments)),
    ]


def _administration(mir: Mir) -> Iterator[Element]:
    own = mir.administration
    yield from _lettered(
        "1.1",
        ("Agency", own.agency),
        ("Its Eudamed number", own.agency_eudamed),
        ("Its number of the incident", own.agency_reference),
        ("Eudamed's number of the incident", own.eudamed_reference),
    )
    yield from _lettered(
        "1.2",
        ("Submitted", own.submitted_on),
        ("Happened", own.occurred),
        ("Manufacturer aware of the incident", own.aware_of_incident),
        ("Manufacturer aware that it is reportable", own.aware_of_reportability),
        ("Type of report", own.type),
        ("Next report expected", own.next_report_on),
        ("Class of incident", own.classification),
    )
    yield from _lettered(
        "1.3.1",
        ("Submitter", own.submitter_role or own.submitter),
        ("Manufacturer's number of the incident", own.reference),
        ("Reports about other devices", own.other_devices),
        ("Field safety corrective action", own.fsca),
        ("Periodic summary report", own.psr),
        ("Clinical follow-up", own.pmcf),
    )
    yield from _organisation("1.3.2", "Manufacturer", own.manufacturer)
    yield from _organisation("1.3.3", "Authorised representative", own.representative)
    yield from _organisation("1.3.4", "Other submitter", own.other_submitter)


def _organisation(number: str, what: str, one: Organisation | None) -> Iterator[Element]:
    if one is None:
        return
    yield from _rows(
        number,
        (what, one.name),
        ("Single registration number", one.srn),
        ("To ask", f"{one.first_name} {one.last_name}"),
        ("E-mail", one.email),
        ("Telephone", one.phone),
        ("Address", ", ".join(part for part in (one.street, f"{one.postcode} {one.city}", one.country) if part)),
    )


def _device(mir: Mir) -> Iterator[Element]:
    own = mir.device
    yield from _lettered(
        "2.1",
        ("UDI-DI", own.udi_di),
        ("UDI-PI", own.udi_pi),
        ("Basic UDI-DI", own.basic_udi_di),
        ("Unit-of-use UDI-DI", own.unit_of_use_udi_di),
    )
    yield from _lettered(
        "2.2",
        ("Nomenclature", own.nomenclature_other or own.nomenclature),
        ("Its code", own.nomenclature_code),
    )
    yield Element("2.3(a)", "Brand name", own.brand_name)
    yield from _rows(
        "2.3",
        ("Description", own.description),
        ("Model", own.model),
        ("Catalogue number", own.catalogue_number),
        ("Serial number", own.serial_number),
        ("Lot", own.lot),
        ("Made", own.manufactured_on),
        ("Expires", own.expires_on),
        ("Implanted", own.implanted),
        ("Explanted", own.explanted),
        ("Implanting facility", own.implant_facility),
        ("Explanting facility", own.explant_facility),
    )
    yield from (
        Element("2.3(g)", "Software version", own.software),
        Element("2.3(h)", "Firmware version", own.firmware),
        Element("2.3(p)", "Notified bodies", "; ".join(" ".join(one) for one in own.notified_bodies) or None),
    )
    yield from _rows("2.4", ("Risk class when placed on the market", own.risk_class))
    yield Element("2.5(a)", "Distributed in", ", ".join(own.distributed_in) or None)
    yield from _rows("2.6", ("Accessories", own.accessories), ("Associated devices", own.associated_devices))


def _incident(mir: Mir) -> Iterator[Element]:
    own = mir.incident
    yield from _lettered("3.1", ("What happened", own.description))
    yield from _lettered(
        "3.2",
        ("IMDRF Annex A, problem of the device", own.problems),
        ("Patients involved", own.patients),
        ("Where the device is", own.location),
        ("Who used the device", own.operator),
    )
    yield from _rows("3.2", ("How it was used", own.usage), ("Remedial actions", own.remedial_actions))
    yield from (
        Element("3.3(a)", "IMDRF Annex E, clinical signs", _shown(own.signs)),
        Element("3.3(a)", "IMDRF Annex F, health impact", _shown(own.impacts)),
        Element("3.3(b)", "Age in years", _shown(own.age_years)),
        Element("3.3(c)", "Sex", own.sex),
        Element("3.3(d)", "Weight in kg", _shown(own.weight_kg)),
        Element("3.3(e)", "Height in cm", _shown(own.height_cm)),
    )
    yield from _rows("3.3", ("Prior health condition or medication", own.prior_conditions))
    yield from _rows("3.4", ("First told by", own.reporter), ("Healthcare facility", own.facility))
    yield Element("3.4(c)", "The facility's own report", own.facility_reference)
    yield from _rows("3.4", ("The facility's country", own.facility_country))


def _analysis(mir: Mir) -> Iterator[Element]:
    own = mir.analysis
    yield from _rows(
        "4.1",
        ("Preliminary results and conclusions", own.preliminary),
        ("Initial actions", own.initial_actions),
        ("Further investigations", own.further_investigations),
    )
    yield from _lettered(
        "4.2",
        ("Root causes and conclusion", own.root_causes),
        ("Why it is not reportable", own.not_reportable_because),
        ("Root cause confirmed", own.root_cause_confirmed),
        ("Risk assessment reviewed", own.risk_reviewed),
    )
    yield from (
        Element("4.2(d)", "Why it was not reviewed", own.not_reviewed_because),
        Element("4.2(d)", "Risk assessment adequate", _shown(own.risk_adequate)),
        Element("4.2(d)", "Results of the review", own.risk_results),
        Element("4.2(e)", "IMDRF Annex B, type of investigation", _shown(own.investigations)),
        Element("4.2(e)", "IMDRF Annex C, findings", _shown(own.findings)),
        Element("4.2(e)", "IMDRF Annex D, conclusions", _shown(own.conclusions)),
        Element("4.2(f)", "IMDRF Annex G, components", _shown(own.components)),
        Element("4.2(g)", "Actions", own.actions),
        Element("4.2(h)", "Their schedule", own.schedule),
    )
    yield from _rows("4.2", ("Final comments", own.final_comments))


def _similar(mir: Mir) -> Iterator[Element]:
    own = mir.analysis.similar
    if own is None:
        return
    yield Element("4.3.3(a)", "Similar devices are those of", own.identified_by)
    yield Element("4.3.3(b)", "Devices are counted by", own.counted_by_other or own.counted_by)
    for back, period in enumerate(own.periods):
        name = "N" if back == 0 else f"N-{back}"
        counts = (("country", period.country), ("EEA, CH, TR", period.eea), ("world", period.world))
        told = "; ".join(f"{where} {one.incidents} of {one.devices}" for where, one in counts)
        yield Element("4.3.3(c)", f"{name}: {period.first} to {period.last}", told)
    yield Element("4.3.3(d)", "How the numbers were come by", own.determined)


_Field = tuple[str, "Value | date | Span | Udi | References | Codes"]


def _lettered(section: str, *fields: _Field) -> Iterator[Element]:
    for letter, (label, value) in zip("abcdefgh", fields, strict=False):
        yield Element(f"{section}({letter})", label, _shown(value))


def _rows(section: str, *fields: _Field) -> Iterator[Element]:
    for label, value in fields:
        yield Element(section, label, _shown(value))


def _shown(value: Value | date | Span | Udi | References | Codes) -> str | None:
    shown: str | None = None
    match value:
        case None:
            pass
        case bool():
            shown = "yes" if value else "no"
        case Span(first=first, last=last):
            shown = str(first) if first == last else f"{first} to {last}"
        case Udi():
            shown = f"{value.value} ({value.entity})"
        case References():
            given = (("agency", value.agency), ("Eudamed", value.eudamed), ("manufacturer", value.manufacturer))
            shown = "; ".join(f"{whose} {', '.join(numbers)}" for whose, numbers in given if numbers) or None
        case Codes():
            coded = [f"{', '.join(value.codes)} ({value.version})"] if value.codes else []
            uncoded = [] if value.missing is None else [f"no code for: {value.missing}"]
            shown = "; ".join([*coded, *uncoded]) or None
        case _:
            shown = str(value)
    return shown


def as_markdown(mir: Mir) -> str:
    """A report as a text that a person can read, check and enter; empty fields are left out."""
    filled = [(one.number, one.label, one.value) for one in elements_of(mir) if one.value is not None]
    parts = [f"# Manufacturer incident report, form {FORM}"]
    for section, title in SECTIONS.items():
        rows = [row(cells) for cells in filled if cells[0].startswith(section)]
        if rows:
            parts.append("\n".join([f"## {section}. {title}", "", *table_head(("Element", "Asks", "Answer")), *rows]))
    return "\n\n".join(parts) + "\n"
