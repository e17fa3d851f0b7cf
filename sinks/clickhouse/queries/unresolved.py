"""Outcomes that fit no operation, by what watches for them, and what a signal would be if they were its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.indicators import UNRESOLVED
from sinks.clickhouse import sql
from sinks.clickhouse.generations import readable
from sinks.clickhouse.migrations.opt_outs import counts
from sinks.clickhouse.recompute.field_tests import conjunction, disjunction
from sinks.clickhouse.recompute.journeys import ANCHOR, Journeys
from streams.statistics.sequential import binomial_maxsprt_llr, poisson_maxsprt_llr

if TYPE_CHECKING:
    from schemas.definition.monitors import Exposure, Monitor
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.signals import StatedSignal


def read_unresolved(client: Client, definition: RegistryDefinition) -> dict[str, int]:
    """By monitor of products, how many outcomes fit no operation and would count for a product if they fitted one.

    Where a product's own outcomes count, those are left out that are surely none of its kind's: another component was
    taken out, say. Those of which nobody knows are among them.

    Raises:
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = readable(client, definition)
    found = {}
    for name, monitor in definition.monitors.monitors.items():
        exposure = definition.monitors.exposures[monitor.exposures]
        ((found[name],),) = client.rows(
            _query(definition, monitor, exposure),
            {"generation": definition.generation, "list": UNRESOLVED, "form": exposure.outcomes.form},
        )
    return found


def bound(signal: StatedSignal, unresolved: int) -> float | None:
    """A signal's statistic if so many outcomes that fit no operation were its own, none of them expected.

    No way of resolving them gives more. None where a message was stated before it said what that is worked out from.
    """
    if not signal.stream:
        return None
    (now,) = signal.stream
    observed, trials, share = now["observed"] + unresolved, now["trials"] + unresolved, now["share"]
    if not now["conditional"]:
        return float(poisson_maxsprt_llr(observed, now["expected"])) if now["expected"] > 0 else 0.0
    return float(binomial_maxsprt_llr(observed, trials, (trials - share) / share)) if 0 < share < trials else 0.0


def _query(definition: RegistryDefinition, monitor: Monitor, exposure: Exposure) -> str:
    journeys, form, database = Journeys(definition), exposure.outcomes.form, sql.database_of(definition.name)
    its = [journeys.condition(exposure.outcomes.where, form)]
    if monitor.outcome == "specific":
        said = [one for one in (exposure.specific, exposure.unknown) if one is not None]
        its.append(disjunction([journeys.condition(one, form) for one in said]))
    listed = (
        f"(SELECT patient, registration_id FROM {sql.table(database, 'list_entries')} FINAL "
        "WHERE generation = {generation:String} AND list = {list:String} AND form = {form:String} AND listed "
        f"AND {counts(database, 'patient', 'version')})"
    )
    living = journeys.living(form)
    return journeys.statement.finish(
        f"SELECT count() FROM {living} AS {ANCHOR}\n"
        f"WHERE ({ANCHOR}._patient, {ANCHOR}._id) IN {listed} AND {conjunction(its)}"
    )
