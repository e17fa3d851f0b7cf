"""Who carries a product now: the persons to find when it fails or is called back, and how it stands with each.

As of a day D somebody carries it who got it by D, from whom it has not been taken out and who has not died by D.
Who moved abroad still carries it. Persons are counted once in a unit, however many of it they carry. The unit that put
it in answers for its carrier, until the carrier is said to have moved to another. What is said of carriers is said of
a signal or a notice, and the latest counts, whatever the day of the reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from schemas.definition.form import DEATH, EMIGRATION
from schemas.review import CARRIER, CHECKED, DEAD, MOVED, TO_CALL
from schemas.subjects import MAKERS, made_by, product_field, products_of, subject_of
from sinks.clickhouse import sql
from sinks.clickhouse.generations import progress, readable
from sinks.clickhouse.migrations.opt_outs import counts
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.company import latest_day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from schemas.definition.registry import RegistryDefinition
    from schemas.subjects import Subject
    from sinks.clickhouse.client import Client

_FIRST_DAY = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Carrier:
    """One exposure of somebody who carries the product.

    Attributes:
        unit: the unit that answers for the person.
        patient: pseudonym.
        registration_id: the registration with which it was put in.
        group: the monitor group of the exposure.
        lot: empty where not known.
        side: side of the body; empty where the form has none.
        since: the day it was put in.
        outcome: the first day of an outcome since, such as a reoperation that left it in; None where there was none.
        abroad: whether the person has emigrated since.
        put_in_at: the unit that put it in; it knows the person by ``registration_id``.
        state: how it stands with the person, as last said; ``to_call`` where nothing was, ``dead`` where the person has
            died unchecked.
        carried: whether the person carries it still; False for the dead that were asked for.
        partition: partition of the submissions that the exposure comes from.
        version: the version of the exposure.
        said_at: when the state was said, by the sender's clock; None where nothing was.
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
    put_in_at: str
    state: str
    carried: bool
    partition: int
    version: int
    said_at: datetime | None


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
class Affected:
    """Which of a product is asked for, and about what.

    Attributes:
        product: its code, in whatever monitor group it is: whoever carries it must be found. Or another subject's
            label: of a family or company, any of its products; of a lot, those of it; of a unit, whatever of the group
            it put in.
        lots: only these, and what is of no known lot; all where none are given.
        first_day: only what was put in from this day on.
        last_day: only what was put in until this day.
        about: signal or notice whose states are read; None: the latest, whatever it was said about.
        dead_since: who carried it on this day and has died since is a carrier too; None: the dead are none.
        group: the monitor group, or a monitor of it, of a family, company or unit.
    """

    product: str
    lots: tuple[str, ...] = ()
    first_day: date | None = None
    last_day: date | None = None
    about: str | None = None
    dead_since: date | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class CarrierReading:
    """The carriers of a product, and where the reading comes from.

    Attributes:
        registry: whose.
        generation: the generation of the exposures.
        through: by source partition, the version that they reach at least.
        until: the day that it is a reading of; None where nothing has been registered.
        affected: what was asked for.
        units: by unit, in the order of their codes; those without a carrier too, if they ever put one in.
        carriers: by unit, then the day it was put in.
    """

    registry: str
    generation: str
    through: Mapping[int, int]
    until: date | None
    affected: Affected
    units: Mapping[str, UnitCarriers]
    carriers: Sequence[Carrier]


def read_carriers(
    client: Client,
    definition: RegistryDefinition,
    affected: Affected,
    *,
    unit: str | None = None,
    until: date | None = None,
) -> CarrierReading:
    """Read who carries a product, in the generation that readers use.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        affected: the product, and which of it.
        unit: only whom this unit answers for.
        until: the day of the reading; the latest day in any form where none is given.

    Raises:
        CannotBeReadError: the registry has no monitor groups.
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = readable(client, definition)
    if not definition.monitors.groups:
        raise CannotBeReadError(f"registry {definition.name} follows no product: it has no monitors.yaml")
    through = progress(client, definition.name, definition.generation)
    last_day = until or latest_day(client, definition)
    units: dict[str, UnitCarriers] = {}
    carriers: list[Carrier] = []
    if last_day is not None:
        subject, group = subject_of(affected.product), _group(definition, affected.group or "")
        parameters = {
            "generation": definition.generation,
            "label": affected.product,
            "products": _products(definition, subject, group),
            "group": group,
            "put_in_at": subject.name if subject.kind == "unit" else "",
            "of_lots": f"lot:{affected.product}:",
            "of_makers": _of_makers(definition, affected.product),
            "lots": [*affected.lots, ""] if affected.lots else [],
            "first": (affected.first_day or _FIRST_DAY).isoformat(),
            "last": min(affected.last_day or last_day, last_day).isoformat(),
            "about": affected.about or "",
            "dead_since": (affected.dead_since or last_day).isoformat(),
            "unit": unit or "",
            "until": last_day.isoformat(),
        }
        found = client.rows(_query(definition), parameters)
        for code, exposures in groupby(found, key=itemgetter(0)):
            its = list(exposures)
            listed = [
                Carrier(*(*row, moment.replace(tzinfo=UTC) if is_said else None))
                for *row, is_said, moment, is_listed in its
                if is_listed
            ]
            carriers += listed
            carried = [one for one in listed if one.carried]
            units[code] = UnitCarriers(
                len({one.patient for one in carried}),
                len(carried),
                sum(not one.lot for one in carried) if affected.lots else 0,
                len(its) - len(carried),
            )
    return CarrierReading(definition.name, definition.generation, through, last_day, affected, units, carriers)


def _group(definition: RegistryDefinition, name: str) -> str:
    """The group that a monitor watches; a name that is no monitor's is a group's own."""
    monitor = definition.monitors.monitors.get(name)
    return name if monitor is None else monitor.exposures


def _products(definition: RegistryDefinition, subject: Subject, group: str) -> list[str]:
    """The codes of the products that are asked for."""
    if subject.kind in MAKERS and group not in definition.monitors.exposures:
        return []
    return list(products_of(definition, group, subject))


def _of_makers(definition: RegistryDefinition, product: str) -> list[str]:
    """What a product's family and company are called in each group that follows it: group/label."""
    return [
        f"{group}/{kind}:{maker}"
        for group in definition.monitors.exposures
        for kind in MAKERS
        if (maker := made_by(product_field(definition, group), definition.catalogues, kind).get(product))
    ]


def _query(definition: RegistryDefinition) -> str:
    database = sql.database_of(definition.name)
    abroad, leavers = "false", ""
    if EMIGRATION in definition.forms:
        abroad = "gone.known AND gone.last_day >= start"
        leavers = _last_days(definition, EMIGRATION, "gone")
    dead, deaths = "false", ""
    if DEATH in definition.forms:  # a product that was taken out before was carried until an earlier day
        dead = "NOT is_carried AND died.known AND died.last_day <= carried_until"
        deaths = _last_days(definition, DEATH, "died")
    return f"""
        SELECT
            if(told.moved_to = '', exposure.unit, told.moved_to) AS answers,
            exposure.patient, exposure.registration_id, `group`, lot, side, start,
            if(first_outcome <= {{until:Date32}}, first_outcome, NULL) AS outcome,
            {abroad} AS abroad,
            exposure.unit AS put_in_at,
            multiIf(
                {dead} AND told.state_now != '{CHECKED}', '{DEAD}', told.state_now = '', '{TO_CALL}', told.state_now
            ) AS stands,
            carried_until IS NULL OR carried_until > {{until:Date32}} AS is_carried,
            partition, version,
            told.state_now != '' AS is_said, told.last_said,
            is_carried OR ({dead} AND carried_until > {{dead_since:Date32}}) AS listed
        FROM
        (
            SELECT * FROM ({_as_said_last(database)})
            WHERE present AND {_OF_IT}
            AND start BETWEEN {{first:Date32}} AND {{last:Date32}} AND {counts(database, "patient", "version")}
            AND (empty({{lots:Array(String)}}) OR has({{lots:Array(String)}}, lot))
        ) AS exposure
        LEFT JOIN ({_told(database)}) AS told
            ON told.patient = exposure.patient AND told.registration_id = exposure.registration_id
        {leavers}
        {deaths}
        WHERE {{unit:String}} = '' OR answers = {{unit:String}}
        ORDER BY answers, start, exposure.registration_id, `group`
        SETTINGS join_use_nulls = 0"""


_OF_IT = (
    "(has({products:Array(String)}, product) "
    "OR ({put_in_at:String} != '' AND unit = {put_in_at:String} AND `group` = {group:String}))"
)


def _as_said_last(database: str) -> str:
    """The exposures that were ever said to be of it, as they were said to be last.

    What ``FINAL`` would make of all that there is takes some times as long as to look for these few first. Of one unit
    only what it put in can be wanted, and whom it was said to have taken over.
    """
    table, key = sql.table(database, "exposures"), "`group`, patient, registration_id"
    return f"""
                SELECT * FROM {table} WHERE generation = {{generation:String}}
                AND ({key}) IN
                (
                    SELECT {key} FROM {table} WHERE generation = {{generation:String}} AND {_OF_IT}
                    AND (
                        {{unit:String}} = '' OR unit = {{unit:String}}
                        OR patient IN (
                            SELECT patient FROM {sql.table(database, "reviews")}
                            WHERE kind = '{CARRIER}' AND unit = {{unit:String}}
                        )
                    )
                )
                ORDER BY version DESC LIMIT 1 BY {key}"""


def _told(database: str) -> str:
    """What was last said of each carrier: of one signal or notice in the order of the log, else by the clocks.

    Of a product that is what was said of it, of one of its lots, of its family or its company.
    """
    return f"""
            SELECT patient, registration_id,
                argMax(state, place) AS state_now,
                argMaxIf(unit, place, state = '{MOVED}') AS moved_to,
                argMax(said_at, place) AS last_said
            FROM
            (
                SELECT *, (if({{about:String}} = '', toUnixTimestamp64Milli(said_at), 0), version) AS place
                FROM {sql.table(database, "reviews")} FINAL
                WHERE kind = '{CARRIER}'
                AND if(
                    {{about:String}} != '',
                    about = {{about:String}},
                    product = {{label:String}} OR startsWith(product, {{of_lots:String}})
                    OR has({{of_makers:Array(String)}}, concat(`group`, '/', product))
                )
                AND {counts(database, "patient", "exposure_version")}
            )
            GROUP BY patient, registration_id"""


def _last_days(definition: RegistryDefinition, form: str, name: str) -> str:
    """The join with the latest day until the reading's on which a person is registered in a form."""
    declared = definition.forms[form]
    patient, day = (sql.identifier(declared.name_of(role)) for role in ("patient", "occurred_on"))
    return (
        f"LEFT JOIN (SELECT {patient} AS patient, max({day}) AS last_day, true AS known "
        f"FROM {sql.table(sql.database_of(definition.name), form)} WHERE {day} <= {{until:Date32}} GROUP BY patient) "
        f"AS {name} ON {name}.patient = exposure.patient"
    )
