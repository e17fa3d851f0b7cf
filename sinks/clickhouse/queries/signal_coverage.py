"""Coverage beside a signal: the share of what another source counts that is registered, at its units and everywhere.

Of the months since the product was first put in: what was registered before then says nothing about its numbers. A
product may look worse than the others where its units leave out operations that went well, and better where they do
not tell of those that did not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinks.clickhouse import sql
from sinks.clickhouse.generations import readable
from sinks.clickhouse.migrations.opt_outs import counts
from sinks.clickhouse.queries.cell_sums import first_day_of
from sinks.clickhouse.queries.coverage import compare
from sinks.clickhouse.queries.coverage_counts import Counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from schemas.definition.coverage import Coverage
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.coverage import CoverageRow
    from sinks.clickhouse.queries.signals import StatedSignal


@dataclass(frozen=True, slots=True)
class SignalCoverage:
    """What stands beside one signal.

    Attributes:
        definition: which of the declared meanings of coverage.
        until: the day that it is as of.
        first: the first day of the month in which the product was first put in.
        country: of all units.
        together: of the signal's units.
        units: of each of these.
    """

    definition: str
    until: date
    first: date
    country: CoverageRow
    together: CoverageRow
    units: Mapping[str, CoverageRow]


def read_signal_coverage(
    client: Client, definition: RegistryDefinition, signals: Sequence[StatedSignal], *, until: date | None = None
) -> dict[str, SignalCoverage]:
    """Coverage by the ids of signals.

    A signal is not among them where the registry declares no coverage, or no exposure of its product counts any more.
    Where the source has told nothing of a unit, the unit's row says so.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        signals: as they were read.
        until: the day that it is as of; the latest day on which anything was recorded where none is given.

    Raises:
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    if definition.coverage is None or not signals:
        return {}
    name = main_definition(definition.coverage)
    comparison = compare(Counted(client, definition), until)
    if comparison is None:
        return {}
    began = _first_put_in(client, readable(client, definition), signals)
    found = {}
    for signal in signals:
        if (signal.group, signal.product) not in began:
            continue
        first = first_day_of(began[signal.group, signal.product], "month")
        country = {
            unit: [(month, known) for month, known in months.items() if month >= first]
            for unit, months in comparison.months.items()
        }
        own = {one["unit"]: country.get(one["unit"], []) for one in signal.units}
        units = {unit: comparison.row(name, {unit: months}, place=unit) for unit, months in own.items()}
        found[signal.id] = SignalCoverage(
            name, comparison.until, first, comparison.row(name, country), comparison.row(name, own), units
        )
    return found


def main_definition(coverage: Coverage) -> str:
    """Which of the declared meanings stands for all: the first of everything that the source counts.

    Where none is of everything, the first of what the registering units treated, or else the first.
    """
    order = ("everything", "registering_units", "units")
    return min(coverage.definitions, key=lambda name: order.index(coverage.definitions[name].share_of))


def _first_put_in(
    client: Client, definition: RegistryDefinition, signals: Sequence[StatedSignal]
) -> dict[tuple[str, str], date]:
    """By group and product, the day on which the first exposure that counts began."""
    database = sql.database_of(definition.name)
    found = client.rows(
        f"SELECT `group`, product, min(start) FROM {sql.table(database, 'exposures')} FINAL "
        "WHERE generation = {generation:String} AND product IN {products:Array(String)} AND present "
        f"AND {counts(database, 'patient', 'version')} GROUP BY `group`, product",
        {"generation": definition.generation, "products": sorted({one.product for one in signals})},
    )
    return {(group, product): first for group, product, first in found}
