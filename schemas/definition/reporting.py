"""``reporting.yaml``: which registrations go on as reports, to whom, by whose duty, and by which time.

    rules:
      mechanical_failure:
        form: reoperation
        when: {reason: {in: [loosening, implant_fracture, wear]}}
        reason: {sv: Protesen själv gav vika, en: The implant itself failed}
        kind: incident
        addressees: [agency, manufacturer]
        sender: care_provider
        deadlines: {incident: always}
        four_eyes: true

A rule decides whether a registration is reported; it changes no indicator and no signal, so it belongs to no
generation (`schemas.definition.generation`). Conditions look at the registration's own fields only, so that whoever
registers learns at once that it goes on, and why.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.definition.condition import All, Condition, parse
from schemas.definition.indicators import Name
from schemas.definition.text import Text
from schemas.reporting import CLASSES, SENDERS_OF, Addressee, ReportType, SenderRole

ALWAYS = All(parts=())
"""The condition that holds of every registration."""


def _condition(raw: object) -> object:
    if raw is None:
        raise ValueError("a condition is needed")
    return parse(raw)


def _condition_or_always(raw: object) -> object:
    return ALWAYS if raw == "always" else _condition(raw)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReportingRule(_Strict):
    """One kind of registration that is reported.

    Attributes:
        form: whose registrations.
        when: which of them are reported.
        reason: why, as whoever registers is told.
        kind: what becomes of it.
        addressees: who gets the report, each its own; a care provider's incident goes to both, for neither forwards it.
        sender: whose duty it is, and so whose deadlines hold.
        deadlines: the classes of that role, each with the condition under which a registration is of it; one of them
            is ``always``, so that there is a deadline whatever was registered. Of those that hold the earliest wins.
        report_type: how a case safety report came about; needed for these, and means nothing for others.
        causality_required: whether each drug and reaction must have been assessed before it is sent, as where reports
            are solicited; what was assessed as not related is then for ``when`` to leave out.
        four_eyes: whether two persons have to have seen it: another than the one who drafted it checks it, or two check
            what the platform drafted.
    """

    form: str
    when: Annotated[Condition, BeforeValidator(_condition)]
    reason: Text
    kind: Literal["icsr", "incident"]
    addressees: Annotated[tuple[Addressee, ...], Field(min_length=1)]
    sender: SenderRole
    deadlines: Annotated[dict[str, Annotated[Condition, BeforeValidator(_condition_or_always)]], Field(min_length=1)]
    report_type: ReportType | None = None
    causality_required: bool = False
    four_eyes: bool = False

    @model_validator(mode="after")
    def _told_to_whom_it_may_concern(self) -> ReportingRule:
        if len(set(self.addressees)) != len(self.addressees):
            raise ValueError("addressees names one twice")
        if self.sender not in SENDERS_OF[self.kind]:
            raise ValueError(f"sender of a report of kind {self.kind} is {' or '.join(SENDERS_OF[self.kind])}")
        if self.sender == "care_provider" and set(self.addressees) != {"agency", "manufacturer"}:
            raise ValueError("addressees: a care provider tells agency and manufacturer, for neither forwards it")
        return self

    @model_validator(mode="after")
    def _has_a_deadline(self) -> ReportingRule:
        if strange := sorted(self.deadlines.keys() - set(CLASSES[self.sender])):
            known = ", ".join(CLASSES[self.sender])
            raise ValueError(f"deadlines: {self.sender} has no class {', '.join(strange)}; it has {known}")
        if ALWAYS not in self.deadlines.values():
            raise ValueError("deadlines: one class holds always, or a registration might have no deadline")
        return self

    @model_validator(mode="after")
    def _type_fits_the_kind(self) -> ReportingRule:
        if (self.report_type is not None) != (self.kind == "icsr"):
            raise ValueError("report_type is for a report of kind icsr, which needs one")
        if self.report_type == "study" and not self.causality_required:
            raise ValueError("causality_required: what is solicited (report_type study) is assessed before it is sent")
        if self.causality_required and self.kind != "icsr":
            raise ValueError("causality_required means nothing for a report of kind incident")
        return self


class Reporting(_Strict):
    """The whole of ``reporting.yaml``; a registry without the file reports nothing."""

    rules: dict[Name, ReportingRule] = Field(default_factory=dict)
