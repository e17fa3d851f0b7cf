"""The records of a company's part of the API, version 1: each field is one that the company may know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from sinks.clickhouse.queries.company_database.choice import FAILURES
from sinks.portal.api.answers import Frozen
from sinks.portal.projection import (  # noqa: TC001 - pydantic reads them at run time
    ToldLevel,
    ToldLot,
    ToldMethod,
    ToldMonth,
    ToldWord,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinks.clickhouse.queries.company_database.choice import Failure
    from sinks.clickhouse.queries.company_database.reading import Row
    from sinks.clickhouse.queries.company_database.safety import SafetyRow
    from sinks.portal.projection import ToldSignal


class FailuresRecord(Frozen):
    """How many failed in one sense, with the rate per 100 component-years and its exact 95 % limits."""

    number: int
    component_years: float
    rate: float | None
    lower: float | None
    upper: float | None
    this_year: int | None
    last_year: int | None


class AfterRecord(Frozen):
    """Cumulative failures after some years: as if nobody died (Kaplan-Meier), and where death competes."""

    years: float = Field(examples=[1, 3, 5, 10])
    at_risk: int
    failed: float
    lower: float | None
    upper: float | None
    incidence: float
    incidence_lower: float | None
    incidence_upper: float | None


class ComponentRecord(Frozen):
    """An own component, or all others together: at a place, with failures by each definition of one."""

    whose: str = Field(examples=["own", "others"])
    kind: str = Field(examples=["cup"])
    component: str | None = Field(examples=["CUP01"], description="null for all that were asked for")
    name: str
    place: str = Field(
        examples=["country"], description="country, chosen, clinic, region (its other clinics) or rest (other regions)"
    )
    unit: str = Field(description="a clinic's code or a region's name; else empty")
    unit_name: str
    put_in: int
    people: int | None
    in_use: int
    put_in_this_year: int | None
    put_in_last_year: int | None
    revision: FailuresRecord
    reoperation: FailuresRecord
    specific: FailuresRecord
    after: list[AfterRecord] = Field(description="of the failure that was asked about; those with enough at risk")
    among_others: list[int] = Field(description="years in which the clinic's are counted among others'")
    not_shown: list[int] = Field(description="years of which nothing is counted, for too few people are chosen")

    @staticmethod
    def of(row: Row, whose: str, failure: Failure | None = None) -> ComponentRecord:
        """A row of an answer; with the curve of one sort of failure where the answer has it."""
        points = row.survival(failure).after if failure else ()
        return ComponentRecord(
            whose=whose,
            kind=row.kind,
            component=row.component,
            name=row.name,
            place=row.place,
            unit=row.unit,
            unit_name=row.unit_name,
            put_in=row.pieces,
            people=row.people,
            in_use=row.in_use,
            put_in_this_year=row.put_in_this_year,
            put_in_last_year=row.put_in_last_year,
            **{name: FailuresRecord.model_validate(row.failures[name], from_attributes=True) for name in FAILURES},
            after=[AfterRecord.model_validate(one, from_attributes=True) for one in points if one is not None],
            among_others=list(row.among_others),
            not_shown=list(row.not_shown),
        )

    def place_in_order(self) -> tuple[str, ...]:
        """What rows are sorted by."""
        return self.whose, self.kind, self.component or "", self.place, self.unit


class OwnSignalRecord(Frozen):
    """A signal of an own product, as the company is told of it. Hospitals are named on the page alone."""

    registry: str
    id: str = Field(examples=["cup/CUP01/0"])
    monitor: str
    definition: str
    product: str
    name: str
    state: str
    level: str
    why: str | None
    levels: list[ToldLevel]
    path: list[ToldMonth]
    others_not_compared: str | None
    methods: list[ToldMethod]
    lots: list[ToldLot]
    said: list[ToldWord]

    @staticmethod
    def of(told: ToldSignal, words: Sequence[ToldWord]) -> OwnSignalRecord:
        """A signal as the company is told of it, and what was said of it since."""
        known = {name: getattr(told, name) for name in OwnSignalRecord.model_fields if name != "said"}
        return OwnSignalRecord.model_validate({**known, "said": words})


class SafetyRecord(Frozen):
    """Volumes and problems of one component in one region in one period."""

    kind: str
    component: str
    name: str
    first_year: int
    region: str = Field(examples=["whole country", "other regions"])
    put_in: int
    revision: int
    reoperation: int
    specific: int
    reasons: dict[str, int] = Field(description="of first reoperations; the empty text where none is known")

    @staticmethod
    def of(row: SafetyRow) -> SafetyRecord:
        """A row of the report."""
        return SafetyRecord(
            kind=row.kind,
            component=row.component,
            name=row.name,
            first_year=row.first_year,
            region=row.region,
            put_in=row.put_in,
            **{name: row.failures.get(name, 0) for name in FAILURES},
            reasons=dict(row.reasons),
        )

    def place_in_order(self) -> tuple[str | int, ...]:
        """What rows are sorted by."""
        return self.kind, self.component, self.first_year, self.region
