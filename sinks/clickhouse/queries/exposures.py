"""Exposures, live: of each product how many began, how long they lasted, how they ended and what came of them.

As of a day D: an exposure that begins later is not known yet, one that ends later is open on D, and open
ones last until D. An exposure lasts from its first day to its last: of one day's difference it has one
day, of none it has none. A year is 365.25 days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinks.clickhouse import sql
from sinks.clickhouse.generations import progress, readable
from sinks.clickhouse.migrations.opt_outs import counts
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.company import latest_day
from sinks.clickhouse.queries.estimates import DAYS_PER_YEAR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client


@dataclass(frozen=True, slots=True)
class ExposureRow:
    """One product of a monitor group.

    Attributes:
        group: the monitor group.
        product: its code.
        exposures: how many began.
        still_open: how many of them are open.
        ended: how many ended, by reason.
        with_outcome: how many had an outcome.
        outcomes: how many outcomes they had, as far as is known now.
        specific: how many of these are the product's own.
        unknown: of how many nobody knows whether they are.
        days: exposure-days.
    """

    group: str
    product: str
    exposures: int
    still_open: int
    ended: Mapping[str, int]
    with_outcome: int
    outcomes: int
    specific: int
    unknown: int
    days: int

    @property
    def years(self) -> float:
        """Exposure-years."""
        return self.days / DAYS_PER_YEAR


@dataclass(frozen=True, slots=True)
class ExposureReading:
    """Rows, and where they come from.

    Attributes:
        registry: whose.
        generation: the generation of the exposures.
        through: by source partition, the version that they reach at least.
        until: the day that it is a reading of; None where nothing has been registered.
        rows: by group in the order declared, then product.
    """

    registry: str
    generation: str
    through: Mapping[int, int]
    until: date | None
    rows: Sequence[ExposureRow]


def read_exposures(
    client: Client,
    definition: RegistryDefinition,
    groups: Sequence[str] = (),
    *,
    unit: str | None = None,
    until: date | None = None,
) -> ExposureReading:
    """Read the exposures of the generation that readers use.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        groups: which monitor groups; all of them where none are named.
        unit: only those that this unit began.
        until: the day of the reading; the latest day in any form where none is given.

    Raises:
        CannotBeReadError: there is no such group.
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = readable(client, definition)
    known = list(definition.monitors.exposures)
    if unknown := [group for group in groups if group not in known]:
        raise CannotBeReadError(
            f"registry {definition.name} has no monitor group {', '.join(unknown)}; it has {', '.join(known) or 'none'}"
        )
    wanted = [group for group in known if not groups or group in groups]
    through = progress(client, definition.name, definition.generation)
    last_day = until or latest_day(client, definition)
    rows: list[ExposureRow] = []
    if last_day is not None and wanted:
        parameters = {
            "generation": definition.generation,
            "groups": wanted,
            "unit": unit or "",
            "until": last_day.isoformat(),
        }
        found = client.rows(_query(definition.name, of_unit=unit is not None), parameters)
        rows = [
            ExposureRow(group, product, exposures, still_open, dict(zip(reasons, ended, strict=True)), *rest)
            for group, product, exposures, still_open, (reasons, ended), *rest in found
        ]
        rows.sort(key=lambda row: (wanted.index(row.group), row.product))
    return ExposureReading(definition.name, definition.generation, through, last_day, rows)


def _query(registry: str, *, of_unit: bool) -> str:
    database = sql.database_of(registry)
    return f"""
        SELECT
            `group`,
            product,
            count() AS number,
            countIf(is_open) AS still_open,
            sumMapIf([toString(end_reason)], [toUInt64(1)], NOT is_open) AS ended,
            countIf(first_outcome <= {{until:Date32}}) AS with_outcome,
            sum(outcomes) AS outcomes_in_all,
            sum(specific) AS own,
            sum(unknown) AS not_known,
            sum(dateDiff('day', start, if(is_open, {{until:Date32}}, assumeNotNull(`end`)))) AS days
        FROM
        (
            SELECT *, `end` IS NULL OR `end` > {{until:Date32}} AS is_open
            FROM {sql.table(database, "exposures")} FINAL
            WHERE generation = {{generation:String}} AND `group` IN {{groups:Array(String)}} AND present
            AND start <= {{until:Date32}} AND {counts(database, "patient", "version")}
            {"AND unit = {unit:String}" if of_unit else ""}
        )
        GROUP BY `group`, product"""
