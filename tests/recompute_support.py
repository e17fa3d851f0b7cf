"""A small registry in which every construct of the language can be said, for the tests of the recomputation."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import yaml

from schemas import topics
from schemas.definition.checks import indicator_problems, journey_problems, monitor_problems
from schemas.definition.condition_checks import Known
from schemas.definition.folder import load_registry
from schemas.definition.generation import generation_of
from schemas.definition.indicators import Indicators
from schemas.definition.journey import JourneyRules
from schemas.definition.monitors import Monitors
from sinks.clickhouse import sql
from sinks.clickhouse.buffer import Buffer, Read
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.recompute.cells import cells_query
from sinks.clickhouse.recompute.exposures import exposures_query
from sinks.clickhouse.recompute.lists import list_query
from tests.clickhouse_support import AcceptedLog
from tests.support import patient, present_schema
from tests.unit.registry_folders import DATE, TIMESTAMP, UNIT, form, optional, write_registry
from tests.unit.registry_folders import field as avro_field

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

_numbers = itertools.count(1)
DAY_MS = 86_400_000
TITLE = {"sv": "En titel", "en": "A title"}

ODD = "it's \\ `{x:String}`"

FORMS = (
    form(
        UNIT,
        optional("side", "string", role="side"),
        optional("cup", "string", role="product"),
        optional("lot", "string", role="lot"),
        optional("age", "int"),
        optional("weight", "double", range=[0, 1000]),
        optional("height", "float"),
        optional("counted", "long"),
        optional("private", "boolean"),
        optional("followed_until", DATE),
        optional("reported_at", TIMESTAMP),
        avro_field("marks", {"type": "array", "items": "string"}),
        name="operation",
    ),
    form(
        UNIT,
        optional("side", "string", role="side"),
        optional("operation_id", "string", role="implant_reference"),
        avro_field("removed", {"type": "array", "items": "string"}),
        avro_field("scores", {"type": "array", "items": "int"}),
        name="reoperation",
    ),
    form(
        UNIT,
        optional("viral_load", "double"),
        optional("kind", "string", codes={"list": ["plain", "deep", "third", ODD]}),
        optional("note", "string"),
        optional("treated", "boolean"),
        name="visit",
    ),
    form(
        optional("sex", "string", codes={"list": ["female", "male"]}),
        optional("birth_year", "int", role="birth_year"),
        name="person",
    ),
    form(avro_field("area", "string"), optional("risk_id", "string"), name="planned"),
    form(avro_field("area", "string"), optional("planned_id", "string"), name="performed"),
)

ATTRIBUTIONS = {
    "reoperation": {"to": "operation", "reference": "operation_id", "same": ["side"]},
    "performed": {"to": "planned", "same": ["area"]},
}
VALUES = {
    "days_to_report": {"form": "operation", "days_from": "occurred_on", "to": "reported_at"},
    "days_followed": {"form": "operation", "days_from": "occurred_on", "to": "followed_until"},
}
PERSONS = {"sex": {"form": "person", "field": "sex"}, "birth_year": {"form": "person", "field": "birth_year"}}
RULES = {"attributions": ATTRIBUTIONS, "values": VALUES, "persons": PERSONS}


def small_registry(client: Client, folder: Path) -> RegistryDefinition:
    """The registry under a name of its own, with its tables made."""
    path = write_registry(folder, f"small_{next(_numbers)}", forms=FORMS, registry={"modules": ["core"]})
    definition = load_registry(path)
    apply(client, {definition.name: definition})
    return definition


def declaring(
    definition: RegistryDefinition,
    *,
    cohorts: Mapping[str, Any] | None = None,
    lists: Mapping[str, Any] | None = None,
    exposures: Mapping[str, Any] | None = None,
    rules: Mapping[str, Any] | None = None,
) -> RegistryDefinition:
    """The registry with these declarations, as their YAML would have them; faults in them fail the test."""
    journey = JourneyRules.model_validate(RULES if rules is None else rules)
    indicators = Indicators.model_validate(_from_yaml({"cohorts": cohorts or {}, "lists": lists or {}}))
    monitors = Monitors.model_validate(_from_yaml({"exposures": exposures or {}}))
    known = Known(definition.forms, journey)
    assert list(journey_problems(known)) == []
    assert list(indicator_problems(known, indicators)) == []
    assert list(monitor_problems(known, monitors)) == []
    generation = generation_of(definition.forms, journey, indicators, monitors)
    return replace(definition, journey=journey, indicators=indicators, monitors=monitors, generation=generation)


def _from_yaml(content: Any) -> Any:
    return yaml.safe_load(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))


def cohort(form_name: str, indicators: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A cohort of these indicators."""
    titled = {name: {"title": TITLE, **indicator} for name, indicator in indicators.items()}
    return {"title": TITLE, "form": form_name, "indicators": titled, **more}


def share_of(form_name: str, numerator: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A cohort of one proportion, named ``share``."""
    return cohort(form_name, {"share": {"kind": "proportion", "numerator": numerator}}, **more)


@dataclass
class World:
    """Registrations, and what is computed of them.

    Persons are numbers, days count from 2020-01-01, an id is given where none is said.
    """

    client: Client
    definition: RegistryDefinition
    partition: int = 0
    log: AcceptedLog = field(init=False)

    def __post_init__(self) -> None:
        self._buffer = Buffer({self.definition.name: self.definition})  # making one takes longer than most tests
        self.empty()

    def empty(self, *forms: str) -> None:
        """Forget all registrations; or all that there are, where the test knows of what forms."""
        self.log = AcceptedLog(self.definition, partition=self.partition)
        database = sql.database_of(self.definition.name)
        for name in forms or self.definition.forms:
            self.client.command(f"TRUNCATE TABLE {sql.table(database, f'{name}_rows')}")

    def add(self, form_name: str, person: int, day: int, registration_id: str = "", **fields: Any) -> str:
        """Submit one registration; its id."""
        declared = self.definition.forms[form_name]
        schema = present_schema(self.definition, form_name)
        registration_id = registration_id or f"{form_name}-{next(_numbers)}"
        body: dict[str, Any] = {one["name"]: one.get("default") for one in declared.avro["fields"]}
        body |= {name: [] for name in ("removed", "scores", "marks") if name in body}
        body |= {name: "U1" for name in ("unit",) if name in body}
        body |= {name: "ulcer" for name in ("area",) if name in body}
        body |= {
            "registration_id": registration_id,
            "patient": patient(person),
            "occurred_on": DAY_0 + day,
            "recorded_at": (DAY_0 + day) * DAY_MS,
            "retracted": False,
        }
        self.log.add_written(schema, {**body, **fields})
        return registration_id

    def load(self) -> None:
        """Put what was submitted into the form tables."""
        if self.log.registrations:
            self.insert(topics.accepted(self.definition.name), self.log.batch())

    def insert(self, topic: str, *messages: bytes) -> None:
        """Load messages of a topic as the loader does."""
        self._buffer.clear()
        for message in messages:
            self._buffer.take(Read(topic, self.partition, 0, None, message))
        assert self._buffer.given_up == []
        for rows in self._buffer.tables:
            self.client.insert(rows.layout.table, rows.layout.container(rows.blocks), "Avro")

    def cells(self, definition: RegistryDefinition, name: str) -> dict[tuple[Any, ...], list[int]]:
        """The numbers of a cohort's cells by (unit, period, breakdowns…, indicator, bucket)."""
        rows = self.client.rows(cells_query(definition, name))
        return {
            (unit, period.isoformat(), *by, indicator, bucket): list(values)
            for _, unit, period, by, indicator, bucket, _, values in rows
        }

    def total(self, definition: RegistryDefinition, name: str) -> list[int]:
        """The sum of a cohort's vectors; nothing where there are none."""
        vectors = [values for cell, values in self.cells(definition, name).items() if cell[-2] == ""]
        return [sum(numbers) for numbers in zip(*vectors, strict=True)]

    def exposures(self, definition: RegistryDefinition, group: str) -> dict[str, tuple[Any, ...]]:
        """By registration id: (product, lot, unit, side, by, start, end, reason, outcomes, first outcome)."""
        rows = self.client.rows(exposures_query(definition, group))
        return {
            row[2]: (*row[4:8], list(row[8]), _day(row[9]), _day(row[10]), row[11], row[12], _day(row[13]))
            for row in rows
        }

    def listed(self, definition: RegistryDefinition, name: str, form_name: str) -> dict[str, tuple[Any, ...]]:
        """By registration id: (unit, day, shown)."""
        rows = self.client.rows(list_query(definition, name, form_name))
        return {row[3]: (row[5], _day(row[6]), list(row[7])) for row in rows}

    def holding(self, form_name: str, condition: Mapping[str, Any], rules: Mapping[str, Any] | None = None) -> set[str]:
        """The ids for which a condition holds; its negation must hold for all others."""
        conditions = {"holds": condition, "fails": {"not": condition}}
        lists = {name: {"title": TITLE, "form": form_name, "when": when} for name, when in conditions.items()}
        declared = declaring(self.definition, lists=lists, rules=rules)
        holds, fails = (set(self.listed(declared, name, form_name)) for name in lists)
        view = sql.table(sql.database_of(self.definition.name), form_name)
        everything = {one for (one,) in self.client.rows(f"SELECT registration_id FROM {view}")}
        assert holds.isdisjoint(fails)
        assert holds | fails == everything
        return holds


DAY_0 = 18_262  # 2020-01-01 in days since 1970-01-01


def _day(date: Any) -> int | None:
    return None if date is None else date.toordinal() - 719_163 - DAY_0  # 1970-01-01 is day 719,163
