"""``coverage.yaml``: what share of what another source counts is registered, and which unit has fallen silent.

Only counts cross the border, never rows: how many operations (or visits) the source has, per unit and month.

    source: {sv: Patientregistret, en: Patient register}
    form: primary_operation
    where: {procedure: {starts_with: NFB}}
    counts:                                   # what is uploaded, by the name it has in the file
      patient_register: {sv: Operationer i patientregistret, en: Operations in the patient register}
    definitions:
      units: {title: …, share_of: units, reference: [patient_register]}
      at_registering_units: {title: …, share_of: registering_units, reference: [patient_register]}
      all: {title: …, share_of: everything, reference: [patient_register], target: 0.8}
    lag: {mature_after_days: 365, estimated_over_months: 12, expected_at_least: 0.5}
    silence: {after_days: 60, expected_at_least: 3, late_after_days: 30}

The three definitions are those that the registers used side by side, and that make figures of different
registers impossible to compare unless they are named: the share of treating units that register; the share
found of what the registering units treated; the share found of what the whole country treated. A source that
links by person itself can count what is in both; then ``found`` names that count, and ``reference`` what it is a
share of, such as [matched, source_only, register_only].
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.definition.condition import Days
from schemas.definition.indicators import Anchors, Name
from schemas.definition.text import Text

ShareOf = Literal["units", "registering_units", "everything"]
Share = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CoverageDefinition(_Strict):
    """One meaning of coverage.

    Attributes:
        title: in both languages.
        share_of: ``units``: of the units that the source knows something of, those that registered anything in
            the period. ``registering_units``: of what the source counts at units that registered anything in
            the period, what is found. ``everything``: of all that the source counts, what is found.
        reference: the uploaded counts whose sum is the denominator.
        found: the uploaded count that is the numerator; None: the register's own living registrations.
        target: what to reach.
    """

    title: Text
    share_of: ShareOf
    reference: Annotated[tuple[Name, ...], Field(min_length=1)]
    found: Name | None = None
    target: Share | None = None

    @model_validator(mode="after")
    def _counts_fit(self) -> CoverageDefinition:
        if len(set(self.reference)) != len(self.reference):
            raise ValueError("reference names a count twice")
        if self.share_of == "units" and self.found is not None:
            raise ValueError("of units it is asked whether they register: found has no meaning here")
        return self

    @property
    def needs(self) -> frozenset[str]:
        """The uploaded counts that it cannot do without."""
        return frozenset((*self.reference, *(() if self.found is None else (self.found,))))


class Lag(_Strict):
    """How the register's own delay is learnt, and when a month is too young to be judged.

    Attributes:
        mature_after_days: a month whose last day is so long ago is taken to be complete.
        estimated_over_months: how many of the latest mature months the delay is learnt from.
        expected_at_least: a month of which a smaller share is to be expected by now is too early to judge.
    """

    mature_after_days: Annotated[int, Field(ge=30, le=3_660)] = 365
    estimated_over_months: Annotated[int, Field(ge=1, le=120)] = 12
    expected_at_least: Annotated[float, Field(gt=0, le=1)] = 0.5


class Silence(_Strict):
    """When a unit has not reported for too long.

    Attributes:
        after_days: the longest that it may be silent.
        expected_at_least: and so many registrations are to be expected of it since its last one; a small unit's
            ordinary pause is no silence.
        usual_over_days: what is usual is learnt from so many days before its last registration.
        late_after_days: a registration later than so many days after what it tells of is late.
    """

    after_days: Annotated[Days, Field(ge=1)] = 60
    expected_at_least: Annotated[float, Field(ge=0)] = 3.0
    usual_over_days: Annotated[Days, Field(ge=30)] = 365
    late_after_days: Days = 30


class Coverage(Anchors):
    """The whole of ``coverage.yaml``; ``once_per: month`` counts persons instead of registrations.

    Attributes:
        source: what the register is held against.
        counts: the uploaded counts by the name that they have in files, with what they are.
        definitions: the meanings of coverage, the ones shown first standing first.
        lag: about the register's own delay.
        silence: about units that do not report.
    """

    source: Text
    counts: Annotated[dict[Name, Text], Field(min_length=1)]
    definitions: Annotated[dict[Name, CoverageDefinition], Field(min_length=1)]
    lag: Lag = Lag()
    silence: Silence = Silence()

    @model_validator(mode="after")
    def _by_month(self) -> Coverage:
        if self.once_per not in (None, "month"):
            raise ValueError("counts are by month, so once_per is month or left out")
        return self

    @model_validator(mode="after")
    def _counts_are_declared(self) -> Coverage:
        needed = frozenset[str]().union(*(one.needs for one in self.definitions.values()))
        if undeclared := sorted(needed - self.counts.keys()):
            raise ValueError(f"counts does not declare {', '.join(undeclared)}, which a definition needs")
        if unused := sorted(self.counts.keys() - needed):
            raise ValueError(f"counts declares {', '.join(unused)}, which no definition needs")
        return self
