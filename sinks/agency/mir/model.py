"""The data elements of the MIR form 7.3.1, by its five sections; None or nothing where a field is left empty."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date

FORM = "7.3.1"

Type = Literal["initial", "follow_up", "combined", "final", "final_not_reportable"]
"""Initial; follow-up; combined initial and final; final of a reportable incident; final of one that turned out not to
be."""
Classification = Literal[
    "serious_public_health_threat", "death", "unanticipated_serious_deterioration", "serious"
]  # fmt: skip
"""As `schemas.reporting.CLASSES` of a manufacturer; "serious" is every other reportable incident."""
Submitter = Literal["manufacturer", "authorised_representative", "other"]
Nomenclature = Literal["EMDN", "GMDN", "UMDNS", "other"]
CountedBy = Literal[
    "active_installed_base",
    "devices_implanted",
    "units_distributed_since_conformity",
    "devices_placed_on_the_market",
    "units_distributed_in_each_period",
    "tests_performed",
    "episodes_of_use",
    "other",
]
NOT_CUMULATIVE: frozenset[CountedBy] = frozenset(
    {"units_distributed_in_each_period", "tests_performed", "episodes_of_use"}
)
"""Ways of counting devices whose numbers may not be added up over the periods (the form's helptext, 4.3.3(b))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """A manufacturer, its representative, or another submitter, and whom to ask there."""

    name: str
    srn: str | None = None
    first_name: str
    last_name: str
    email: str
    phone: str
    street: str | None = None
    postcode: str
    city: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Numbers of what belongs to the same: those of the agency, of Eudamed and of the manufacturer."""

    agency: tuple[str, ...] = ()
    eudamed: tuple[str, ...] = ()
    manufacturer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A day that is known to lie between two, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """Section 1: who reports what, to whom, and when.

    Attributes:
        agency_reference: the agency's number of the incident; "Unknown" where it gave none.
        occurred: when it happened.
        aware_of_incident: when the manufacturer knew of it.
        aware_of_reportability: when it knew that it was reportable.
        reference: the manufacturer's own number of the incident.
        other_devices: reports of the same incident about others of its devices.
        psr: the periodic summary report that it belongs to.
        pmcf: the clinical follow-up that it happened in, by its Eudamed id.
    """

    agency: str
    agency_eudamed: str | None = None
    agency_reference: str | None = None
    eudamed_reference: str | None = None
    submitted_on: date
    occurred: Span
    aware_of_incident: date
    aware_of_reportability: date
    type: Type
    next_report_on: date | None = None
    classification: Classification
    submitter: Submitter = "manufacturer"
    submitter_role: str | None = None
    reference: str
    other_devices: References = field(default_factory=References)
    fsca: References = field(default_factory=References)
    psr: str | None = None
    pmcf: str | None = None
    manufacturer: Organisation
    representative: Organisation | None = None
    other_submitter: Organisation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Udi:
    """A device identifier, and which entity (GS1, HIBCC, ICCBBA, IFA) issued it."""

    value: str
    entity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Section 2: the device.

    Attributes:
        notified_bodies: number and certificate of each, two at most.
        risk_class: as it was when the device was placed on the market, such as "MDR class III, implantable".
        distributed_in: countries by their codes.
    """

    udi_di: Udi | None = None
    udi_pi: str | None = None
    basic_udi_di: Udi | None = None
    unit_of_use_udi_di: Udi | None = None
    nomenclature: Nomenclature | None = None
    nomenclature_other: str | None = None
    nomenclature_code: str | None = None
    brand_name: str
    description: str | None = None
    model: str | None = None
    catalogue_number: str | None = None
    serial_number: str | None = None
    lot: str | None = None
    software: str | None = None
    firmware: str | None = None
    manufactured_on: date | None = None
    expires_on: date | None = None
    implanted: Span | None = None
    explanted: Span | None = None
    implant_facility: str | None = None
    explant_facility: str | None = None
    notified_bodies: tuple[tuple[str, str], ...] = ()
    risk_class: str
    distributed_in: tuple[str, ...] = ()
    accessories: str | None = None
    associated_devices: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """Codes of one annex of the IMDRF terminologies, as they were given.

    Attributes:
        codes: the most fitting first.
        version: of the terminology, such as "2025".
        missing: what would be said if there were a code for it.
    """

    codes: tuple[str, ...] = ()
    version: str | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Section 3: what happened, as told by whoever saw it; of the patient only what the form asks.

    Attributes:
        problems: Annex A, of the device.
        signs: Annex E, clinical signs and symptoms.
        impacts: Annex F, health impact.
        age_years: in whole years.
    """

    description: str
    problems: Codes
    patients: int | None = None
    location: str | None = None
    operator: str | None = None
    usage: str | None = None
    remedial_actions: str | None = None
    signs: Codes
    impacts: Codes
    age_years: int | None = None
    sex: Literal["female", "male", "other", "unknown"] = "unknown"
    weight_kg: int | None = None
    height_cm: int | None = None
    prior_conditions: str | None = None
    reporter: str
    facility: str | None = None
    facility_reference: str | None = None
    facility_country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Similar incidents and the devices among which they happened, given by whoever counted them."""

    incidents: int
    devices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One row of the table of similar incidents."""

    first: date
    last: date
    country: Counts
    eea: Counts
    world: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarIncidents:
    """Section 4.3.3: how often the like happened.

    Attributes:
        identified_by: which devices were taken as the same: model, lots, a range of serial numbers.
        counted_by: what the number of devices counts.
        counted_by_other: in words, where that is "other".
        cumulative: whether each period's devices include those of the periods before.
        periods: the latest first: N, N-1, N-2, N-3.
        determined: how the numbers were come by.
    """

    identified_by: str
    counted_by: CountedBy
    counted_by_other: str | None = None
    cumulative: bool
    periods: tuple[Period, ...]
    determined: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Section 4: what the manufacturer makes of it.

    Attributes:
        preliminary: results and conclusions so far.
        root_causes: evaluation and conclusion.
        not_reportable_because: why it turned out not to be reportable.
        risk_reviewed: whether the risk assessment was; None where that is not said yet.
        risk_adequate: whether it was still adequate.
        investigations: Annex B, of what kind they were.
        findings: Annex C.
        conclusions: Annex D.
        components: Annex G.
        actions: remedial, corrective and preventive.
        schedule: of these.
    """

    preliminary: str | None = None
    initial_actions: str | None = None
    further_investigations: str | None = None
    root_causes: str | None = None
    not_reportable_because: str | None = None
    root_cause_confirmed: bool | None = None
    risk_reviewed: bool | None = None
    not_reviewed_because: str | None = None
    risk_adequate: bool | None = None
    risk_results: str | None = None
    investigations: Codes = field(default_factory=Codes)
    findings: Codes = field(default_factory=Codes)
    conclusions: Codes = field(default_factory=Codes)
    components: Codes = field(default_factory=Codes)
    actions: str | None = None
    schedule: str | None = None
    final_comments: str | None = None
    similar: SimilarIncidents | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mir:
    """A manufacturer's incident report; ``comments`` is section 5."""

    administration: Administration
    device: Device
    incident: Incident
    analysis: Analysis
    comments: str | None = None

    @property
    def concludes(self) -> bool:
        """Whether it is the last word on a reportable incident."""
        return self.administration.type in ("combined", "final")
