"""Who carries a product now: the persons to find when it fails or is called back, by the unit that put it in.

As of a day D somebody carries it who got it by D, from whom it has not been taken out and who has not died by D.
Who moved abroad still carries it. Persons are counted once in a unit, however many of it they carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinks.clickhouse import sql
from sinks.clickhouse.generations import progress, readable
from sinks.clickhouse.migrations.opt_outs import counts
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.company import latest_day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client


@dataclass(frozen=True, slots=True)
class Carrier:
    """One exposure of somebody who carries the product.

    Attributes:
        unit: the unit that put it in; it knows the person by ``registration_id``.
        patient: pseudonym.
        registration_id: the registration with which it was put in.
        group: the monitor group of the exposure.
        lot: empty where not known.
        side: side of the body; empty where the form has none.
        since: the day it was put in.
        outcome: the first day of an outcome since, such as a reoperation that left it in; None where there was none.
        abroad: whether the person has emigrated.
    """

    unit: str
    patient: str
    registration_id: str
    group: str
    lot: str
    side: str
    since: date
    outcome: date | None
    abroad: bool


@dataclass(frozen=True, slots=True)
class UnitCarriers:
    """How one unit stands: persons who carry the product, the exposures that they carry, those that are over."""

    persons: int
    carried: int
    over: int


@dataclass(frozen=True, slots=True)
class CarrierReading:
    """The carriers of a product, and where the reading comes from.

    Attributes:
        registry: whose.
        generation: the generation of the exposures.
        through: by source partition, the version that they reach at least.
        until: the day that it is a reading of; None where nothing has been registered.
        product: its code.
        lot: the lot asked for; None where all are meant.
        units: by unit, in the order of their codes; those without a carrier too, if they ever put one in.
        carriers: by unit, then the day it was put in.
    """

    registry: str
    generation: str
    through: Mapping[int, int]
    until: date | None
    product: str
    lot: str | None
    units: Mapping[str, UnitCarriers]
    carriers: Sequence[Carrier]


def read_carriers(
    client: Client,
    definition: RegistryDefinition,
    product: str,
    *,
    lot: str | None = None,
    unit: str | None = None,
    until: date | None = None,
) -> CarrierReading:
    """Read who carries a product, in the generation that readers use.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        product: its code, in whatever monitor group it is.
        lot: only this lot.
        unit: only what this unit put in.
        until: the day of the reading; the latest day in any form where none is given.

    Raises:
        CannotBeReadError: the registry has no monitor groups.
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = readable(client, definition)
    if not definition.monitors.exposures:
        raise CannotBeReadError(f"registry {definition.name} follows no product: it has no monitors.yaml")
    through = progress(client, definition.name, definition.generation)
    last_day = until or latest_day(client, definition)
    units: dict[str, UnitCarriers] = {}
    carriers: list[Carrier] = []
    if last_day is not None:
        put_in = _put_in(definition.name, of_lot=lot is not None, of_unit=unit is not None)
        parameters = {
            "generation": definition.generation,
            "product": product,
            "lot": lot or "",
            "unit": unit or "",
            "until": last_day.isoformat(),
        }
        counted = client.rows(
            f"SELECT unit, uniqExactIf(patient, carried), countIf(carried), countIf(NOT carried) FROM ({put_in}) "
            "GROUP BY unit ORDER BY unit",
            parameters,
        )
        units = {code: UnitCarriers(*numbers) for code, *numbers in counted}
        rows = client.rows(
            "SELECT unit, patient, registration_id, `group`, lot, side, start, "
            "if(first_outcome <= {until:Date32}, first_outcome, NULL) AS outcome, "
            f"ifNull(end_reason = 'emigration' AND `end` <= {{until:Date32}}, false) AS abroad FROM ({put_in}) "
            "WHERE carried ORDER BY unit, start, registration_id, `group`",
            parameters,
        )
        carriers = [Carrier(*row) for row in rows]
    return CarrierReading(definition.name, definition.generation, through, last_day, product, lot, units, carriers)


def _put_in(registry: str, *, of_lot: bool, of_unit: bool) -> str:
    database = sql.database_of(registry)
    return (
        "SELECT *, carried_until IS NULL OR carried_until > {until:Date32} AS carried "
        f"FROM {sql.table(database, 'exposures')} FINAL "
        "WHERE generation = {generation:String} AND product = {product:String} AND present "
        f"AND start <= {{until:Date32}} AND {counts(database, 'patient', 'version')}"
        f"{' AND lot = {lot:String}' if of_lot else ''}{' AND unit = {unit:String}' if of_unit else ''}"
    )
