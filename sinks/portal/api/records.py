"""The records of the API, version 1: what a client reads."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from pydantic import Field

from sinks.clickhouse.queries.awareness import rfc_3339
from sinks.portal.api.answers import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.answer import AnswerRow
    from sinks.clickhouse.queries.awareness import Awareness
    from sinks.clickhouse.queries.estimates import Estimate
    from sinks.clickhouse.queries.indicators import IndicatorRow
    from sinks.clickhouse.queries.pair_signals import StatedPair
    from sinks.clickhouse.queries.question import Question
    from sinks.clickhouse.queries.signals import StatedSignal


class RegistryRecord(Frozen):
    """A registry: its name in addresses, its titles, who is answerable, and how long it has been."""

    name: str = Field(examples=["hip"])
    title_sv: str
    title_en: str
    controller: str | None
    stage: str
    purposes: list[str]

    @staticmethod
    def of(definition: RegistryDefinition) -> RegistryRecord:
        """A registry as declared."""
        said = definition.registry
        return RegistryRecord(
            name=said.name,
            title_sv=said.title.sv,
            title_en=said.title.en,
            controller=said.controller,
            stage=said.stage,
            purposes=list(said.purposes),
        )


class VariableRecord(Frozen):
    """A variable of a form."""

    form: str = Field(examples=["primary_operation"])
    field: str = Field(examples=["cup"])
    kind: str
    meaning: str
    measured_in: str | None
    nullable: bool
    repeated: bool
    codes: list[str]


class EstimateRecord(Frozen):
    """A number with its 95 % limits; ``n`` is how many registrations it rests on."""

    n: int
    value: float | None
    lower: float | None
    upper: float | None
    events: int | None

    @staticmethod
    def of(found: Estimate | None) -> EstimateRecord | None:
        """None where it is hidden, or there is none."""
        if found is None:
            return None
        return EstimateRecord(n=found.n, value=found.value, lower=found.lower, upper=found.upper, events=found.events)


class IndicatorRecord(Frozen):
    """One indicator of one place, time and breakdown; null numbers are hidden."""

    indicator: str = Field(examples=["reoperated_2y"])
    place: str = Field(examples=["U01", ""])
    first_day: str | None
    last_day: str
    breakdown: list[str]
    estimate: EstimateRecord | None
    mature: bool

    @staticmethod
    def of(row: IndicatorRow) -> IndicatorRecord:
        """A row of a reading."""
        return IndicatorRecord(
            indicator=row.indicator,
            place=row.place,
            first_day=row.first_day.isoformat() if row.first_day else None,
            last_day=row.last_day.isoformat(),
            breakdown=list(row.breakdown),
            estimate=EstimateRecord.of(row.estimate),
            mature=row.mature,
        )

    def place_in_order(self) -> tuple[str, ...]:
        """What rows are sorted by."""
        return self.indicator, self.place, self.first_day or "", *self.breakdown


class AnswerRecord(Frozen):
    """A row of an answer to a question; null numbers are hidden, for they are about too few people."""

    labels: dict[str, str] = Field(examples=[{"unit": "C01"}])
    people: int | None
    registrations: int | None
    share: EstimateRecord | None
    mean: EstimateRecord | None
    quartiles: list[float] | None

    @staticmethod
    def of(row: AnswerRow, question: Question) -> AnswerRecord:
        """A row of an answer; the total has no labels."""
        return AnswerRecord(
            labels=dict(zip(question.by, row.labels, strict=False)),
            people=row.people,
            registrations=row.registrations,
            share=EstimateRecord.of(row.share),
            mean=EstimateRecord.of(row.mean),
            quartiles=list(row.quartiles) if row.quartiles else None,
        )


class SignalRecord(Frozen):
    """A signal as it stands."""

    id: str = Field(examples=["cup/INTEROP/0"])
    monitor: str
    product: str
    state: str = Field(examples=["raised"])
    level: str = Field(examples=["alarm"])
    cause: str = Field(examples=["product"])
    observed: int | None
    expected: float | None
    statistic: float | None
    raised_on: dict[str, str | None] = Field(description="By level, the first day on which it was crossed.")

    @staticmethod
    def of(signal: StatedSignal) -> SignalRecord:
        """A signal as a message had it."""
        last = signal.evidence if signal.hindsight else None
        return SignalRecord(
            id=signal.id,
            monitor=signal.monitor,
            product=signal.product,
            state=signal.state,
            level=signal.level,
            cause=signal.cause,
            observed=last["observed"] if last else None,
            expected=last["expected"] if last else None,
            statistic=last["statistic"] if last else None,
            raised_on={one["level"]: str(one["day"]) if one["day"] else None for one in signal.levels},
        )


class MeasureRecord(Frozen):
    """A measure of disproportionality with its 95 % limits, of EBGM the 5th and 95th percentile.

    What is not defined or has no bound is null: no other drug has the reaction, say.
    """

    value: float | None
    lower: float | None
    upper: float | None

    @staticmethod
    def of(value: float | None, lower: float | None, upper: float | None) -> MeasureRecord:
        """A measure as a message had it."""
        found = (None if one is None or not isfinite(one) else one for one in (value, lower, upper))
        return MeasureRecord(**dict(zip(("value", "lower", "upper"), found, strict=True)))


class PairRecord(Frozen):
    """The signal of a pair of drug and reaction as it stands."""

    id: str = Field(examples=["reactions/FEN:HEP/0"])
    monitor: str
    drug: str = Field(examples=["FEN"])
    reaction: str = Field(examples=["HEP"])
    state: str = Field(examples=["raised"])
    level: str = Field(examples=["alarm"])
    reported: int = Field(description="Reports of the pair.")
    expected: float = Field(description="As many would be if drug and reaction had nothing to do with each other.")
    prr: MeasureRecord
    ror: MeasureRecord
    ic: MeasureRecord
    ebgm: MeasureRecord
    leading: str = Field(description="The drug with the most reports of the reaction, which may hide others.")
    share: float = Field(description="Its share of these reports.")
    raised_on: dict[str, str | None] = Field(description="By level, the day of the last report that it rests on.")

    @staticmethod
    def of(signal: StatedPair) -> PairRecord:
        """A signal as a message had it."""
        return PairRecord(
            id=signal.id,
            monitor=signal.monitor,
            drug=signal.drug,
            reaction=signal.reaction,
            state=signal.state,
            level=signal.level,
            reported=signal.a,
            expected=signal.expected,
            prr=MeasureRecord.of(signal.prr, signal.prr_lower, signal.prr_upper),
            ror=MeasureRecord.of(signal.ror, signal.ror_lower, signal.ror_upper),
            ic=MeasureRecord.of(signal.ic, signal.ic_lower, signal.ic_upper),
            ebgm=MeasureRecord.of(signal.ebgm, signal.eb05, signal.eb95),
            leading=signal.leading,
            share=signal.share,
            raised_on={one["level"]: str(one["known_day"]) if one["known_day"] else None for one in signal.levels},
        )


class AwarenessRecord(Frozen):
    """Since when a company is aware of a signal or notice, and by what; what has not happened is null, or empty."""

    company: str = Field(examples=["nordfalk-ortopedi"])
    company_name: str
    subject: str = Field(examples=["cup/CUP01/0"])
    aware_at: str
    delivered_at: str | None
    delivered_by: str
    event: str
    read_at: str | None
    read_by: str

    @staticmethod
    def of(found: Awareness, companies: Mapping[str, str]) -> AwarenessRecord:
        """What is known of one company and subject."""
        return AwarenessRecord(
            company=found.company,
            company_name=companies.get(found.company, found.company),
            subject=found.subject,
            aware_at=rfc_3339(found.aware_at),
            delivered_at=rfc_3339(found.delivered_at) if found.delivered_at else None,
            delivered_by=found.delivered_by,
            event=found.event,
            read_at=rfc_3339(found.read_at) if found.read_at else None,
            read_by=found.read_by,
        )


class AnswerPage(Frozen):
    """A whole answer to a question."""

    rows: list[AnswerRecord]
    total: AnswerRecord
    hidden: int
    link: str = Field(description="The query that asks the same again.")
