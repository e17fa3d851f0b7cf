"""Who carries a product now: the persons to find when it fails or is called back, by the unit that put it in.

As of a day D somebody carries it who got it by D, from whom it has not been taken out and who has not died by D.
Who moved abroad still carries it. Persons are counted once in a unit, however many of it they carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from schemas.definition.form import EMIGRATION
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
        abroad: whether the person has emigrated since.
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
    """How one unit stands.

    Attributes:
        persons: who carry the product, by what is known.
        carried: the exposures that they carry.
        lot_unknown: of these, where a lot was asked for, those whose lot nobody knows: it may be that one.
        over: exposures of those who carry it no more.
    """

    persons: int
    carried: int
    lot_unknown: int
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
        lot: only this lot, and what is of no known lot: whoever may carry it must be found.
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
        parameters = {
            "generation": definition.generation,
            "product": product,
            "lots": [] if lot is None else [lot, ""],
            "unit": unit or "",
            "until": last_day.isoformat(),
        }
        found = client.rows(_query(definition), parameters)
        for code, exposures in groupby(found, key=itemgetter(0)):
            its = list(exposures)
            carrying = [Carrier(*row) for *row, carried in its if carried]
            carriers += carrying
            units[code] = UnitCarriers(
                len({one.patient for one in carrying}),
                len(carrying),
                0 if lot is None else sum(not one.lot for one in carrying),
                len(its) - len(carrying),
            )
    return CarrierReading(definition.name, definition.generation, through, last_day, product, lot, units, carriers)


def _query(definition: RegistryDefinition) -> str:
    database = sql.database_of(definition.name)
    abroad, leavers = "false", ""
    if EMIGRATION in definition.forms:
        form = definition.forms[EMIGRATION]
        patient, day = (sql.identifier(form.name_of(role)) for role in ("patient", "occurred_on"))
        abroad = "gone.is_gone AND gone.last_day >= start"
        leavers = (
            f"LEFT JOIN (SELECT {patient} AS patient, max({day}) AS last_day, true AS is_gone "
            f"FROM {sql.table(database, EMIGRATION)} WHERE {day} <= {{until:Date32}} GROUP BY patient) AS gone "
            "ON gone.patient = exposure.patient"
        )
    return f"""
        SELECT unit, exposure.patient, registration_id, `group`, lot, side, start,
            if(first_outcome <= {{until:Date32}}, first_outcome, NULL) AS outcome,
            {abroad} AS abroad,
            carried_until IS NULL OR carried_until > {{until:Date32}} AS carried
        FROM
        (
            SELECT * FROM {sql.table(database, "exposures")} FINAL
            WHERE generation = {{generation:String}} AND product = {{product:String}} AND present
            AND start <= {{until:Date32}} AND {counts(database, "patient", "version")}
            AND (empty({{lots:Array(String)}}) OR has({{lots:Array(String)}}, lot))
            AND ({{unit:String}} = '' OR unit = {{unit:String}})
        ) AS exposure {leavers}
        ORDER BY unit, start, registration_id, `group`
        SETTINGS join_use_nulls = 0"""
