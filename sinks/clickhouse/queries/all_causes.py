"""All causes beside a signal whose monitor counts a product's own outcomes: as the AOANJRR and the NJR count them.

Of its exposures and of those that it is held against: how many had any outcome while exposed, from the first day to
that, and of how many outcomes nobody knows whether they are the product's own. A year is 365.25 days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.subjects import subject_of
from sinks.clickhouse import sql
from sinks.clickhouse.generations import readable
from sinks.clickhouse.migrations.opt_outs import counts
from sinks.clickhouse.queries.company import latest_day
from sinks.clickhouse.queries.estimates import DAYS_PER_YEAR
from streams.statistics.rates import Experience, aoanjrr_stage_one, incidence_rate, njr_level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.signals import StatedSignal


@dataclass(frozen=True, slots=True)
class AllCauses:
    """All outcomes of what a signal is of, and what the registries' rules say of them.

    Attributes:
        exposures: how many began.
        component_years: until the first outcome of any cause.
        with_outcome: how many had one.
        rate: of these per 100 component-years, with its exact 95 % limits; None where nobody was at risk.
        lower: lower limit.
        upper: upper limit.
        others: how many of those that it is held against had one.
        others_years: their component-years.
        ratio: of its rate and that of its group, the AOANJRR's; None where it is not defined.
        p_value: P(so many or more) if the group's rate were its own; likewise.
        stage_one: whether the AOANJRR's first stage flags it.
        njr: the NJR's level, 1 or 2; None for no outlier.
        outcomes: how many outcomes there were, however many of one exposure.
        own: how many of them are its own.
        unknown: of how many nobody knows.
    """

    exposures: int
    component_years: float
    with_outcome: int
    rate: float | None
    lower: float | None
    upper: float | None
    others: int
    others_years: float
    ratio: float | None
    p_value: float | None
    stage_one: bool
    njr: int | None
    outcomes: int
    own: int
    unknown: int

    @property
    def unknown_share(self) -> float | None:
        """The share of its outcomes of which nobody knows whether they are its own; None where it has none."""
        return self.unknown / self.outcomes if self.outcomes else None


def read_all_causes(client: Client, definition: RegistryDefinition, signal: StatedSignal) -> AllCauses | None:
    """Read all causes beside a signal; None where its monitor counts them anyway, or nothing has been registered.

    Raises:
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = readable(client, definition)
    monitor = definition.monitors.monitors.get(signal.monitor)
    until = latest_day(client, definition)
    if monitor is None or monitor.outcome == "all" or until is None:
        return None
    (comparator,) = signal.comparator
    its, compared, parameters = _whose(signal)
    found: dict[bool, list[int]] = {True: [0] * 6, False: [0] * 6}
    for is_its, *numbers in client.rows(
        _query(definition.name, its, compared),
        {
            **parameters,
            "generation": definition.generation,
            "group": signal.group,
            "until": until.isoformat(),
            "left_out": list(comparator["left_out"]),
        },
    ):
        found[bool(is_its)] = numbers
    return _held(*(found[which] for which in (True, False)))


def _held(its: list[int], others: list[int]) -> AllCauses:
    exposures, days, with_outcome, *told = its
    own = Experience(exposures, with_outcome, days / DAYS_PER_YEAR)
    group = Experience(exposures + others[0], with_outcome + others[2], own.component_years + others[1] / DAYS_PER_YEAR)
    rate = incidence_rate(own.revisions, own.component_years) if own.component_years else None
    try:
        stage = aoanjrr_stage_one(own, group)
    except ValueError:
        stage = None  # nobody is at risk, or there is nobody else
    is_known = stage is not None and group.revisions > own.revisions
    is_rated = own.component_years > 0 and group.revisions > 0
    outcomes, specific, unknown = told
    return AllCauses(
        exposures=exposures,
        component_years=own.component_years,
        with_outcome=with_outcome,
        rate=float(rate.rate) if rate else None,
        lower=float(rate.lower) if rate else None,
        upper=float(rate.upper) if rate else None,
        others=others[2],
        others_years=others[1] / DAYS_PER_YEAR,
        ratio=stage.ratio if stage and is_known else None,
        p_value=stage.p_value if stage and is_known else None,
        stage_one=bool(stage and stage.flagged),
        njr=njr_level(own, group) if is_rated else None,
        outcomes=outcomes,
        own=specific,
        unknown=unknown,
    )


def _whose(signal: StatedSignal) -> tuple[str, str, Mapping[str, Any]]:
    """Which exposures are the signal's, which are looked at beside them, and the parameters of both."""
    subject = subject_of(signal.product)
    if subject.kind == "unit":
        return "unit = {unit:String}", "NOT product IN {left_out:Array(String)}", {"unit": subject.name}
    if subject.kind == "lot":
        parameters = {"product": subject.name, "lot": subject.lot}
        return "lot = {lot:String}", "product = {product:String}", parameters
    products = list(signal.products or [signal.product])
    its = "product IN {products:Array(String)}"
    return its, f"({its} OR NOT product IN {{left_out:Array(String)}})", {"products": products}


def _query(registry: str, its: str, compared: str) -> str:
    database = sql.database_of(registry)
    return f"""
        SELECT
            {its} AS is_its,
            count() AS number,
            sum(dateDiff('day', start, least(
                {{until:Date32}}, ifNull(`end`, {{until:Date32}}), ifNull(first_outcome, {{until:Date32}})))) AS days,
            countIf(ifNull(first_outcome <= {{until:Date32}}, false)) AS with_outcome,
            sum(outcomes) AS outcomes_in_all,
            sum(specific) AS own,
            sum(unknown) AS not_known
        FROM {sql.table(database, "exposures")} FINAL
        WHERE generation = {{generation:String}} AND `group` = {{group:String}} AND present
        AND start <= {{until:Date32}} AND {counts(database, "patient", "version")} AND {compared}
        GROUP BY is_its"""
