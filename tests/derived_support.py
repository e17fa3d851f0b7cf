"""What the tests of cells, exposures and lists share: a small registry that has some of each, and messages by hand."""

from __future__ import annotations

import itertools
import threading
from datetime import date
from typing import TYPE_CHECKING, Any

from schemas import topics
from schemas.codec import encode_event
from schemas.definition.folder import load_registry
from sinks.clickhouse.buffer import Buffer, Read
from sinks.clickhouse.generations import keep_definitions
from sinks.clickhouse.loader import Loader, derived_topics, signal_topics
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.sql import database_of
from tests.clickhouse_support import AcceptedLog
from tests.running import working
from tests.support import present_schema, wait_for
from tests.unit.registry_folders import UNIT, field, form, optional, write_registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig

_numbers = itertools.count(1)

UNITS = """code,name,county,region
U1,First clinic,North county,North
U2,Second clinic,South county,South
U3,Third clinic,South county,South
"""

INDICATORS = """
cohorts:
  operations:
    title: {sv: Operationer, en: Operations}
    form: operation
    by:
      sex: {field: sex}
      age_group: {field: age, bands: [65]}
    indicators:
      performed: {kind: count, title: {sv: Antal, en: Number}}
      reoperated:
        kind: proportion
        title: {sv: Reopererade inom ett år, en: Reoperated within a year}
        numerator: {followed_by: {form: reoperation, within_days: 365}}
        direction: lower
        target: 0.1
      pain: {kind: mean, title: {sv: Smärta, en: Pain}, value: pain, resolution: 0.5, smallest_shown: 0}
      stay: {kind: median, title: {sv: Vårddagar, en: Days in hospital}, value: stay, resolution: 0.1}
      reoperation_rate:
        kind: rate
        title: {sv: Reoperationer, en: Reoperations}
        event: {form: reoperation}
        per_years: 100
        smallest_shown: 0
      early_rate:
        kind: rate
        title: {sv: Tidiga reoperationer, en: Early reoperations}
        event: {form: reoperation}
        horizon_days: 365
        per_years: 100
        smallest_shown: 0
  quarters:
    title: {sv: Per kvartal, en: By quarter}
    form: operation
    period: quarter
    indicators:
      quarterly: {kind: count, title: {sv: Antal, en: Number}, smallest_shown: 0}
  years:
    title: {sv: Per år, en: By year}
    form: operation
    period: year
    once_per: year
    indicators:
      yearly: {kind: count, title: {sv: Antal, en: Number}, smallest_shown: 0}
lists:
  in_pain:
    title: {sv: Smärta, en: In pain}
    form: operation
    when: {pain: {gt: 5}}
    show: [pain, sex]
"""

MONITORS = """
exposures:
  cup:
    title: {sv: Cup, en: Cup}
    form: operation
    product: cup
    by: {sex: {field: sex}}
    ends:
      - {form: reoperation, reason: revision}
      - {form: death, reason: death}
    outcomes: {form: reoperation}
"""

WIDTH = 17
"""How many numbers the cohort ``operations`` has: 1 + 2 + 3 + 1 + 5 + 5."""


def derived_registry(
    parent: Path,
    *,
    indicators: str = INDICATORS,
    monitors: str = MONITORS,
    coverage: str = "",
    name: str | None = None,
    components: str | None = None,
) -> RegistryDefinition:
    """A registry of the test's own, with operations, reoperations and the core module's forms.

    Args:
        parent: where its folder is put.
        indicators: of indicators.yaml.
        monitors: of monitors.yaml.
        coverage: of coverage.yaml; no file where empty.
        name: its name; one of its own where left out.
        components: the catalogue of cups; where left out, a cup may have any code.
    """
    parent.mkdir(exist_ok=True)
    name = name or f"derived_{next(_numbers)}_{abs(hash(parent.name)) % 10_000}"
    operation = form(
        UNIT,
        field("sex", "string"),
        field("age", "int"),
        optional("pain", "double", range=[0, 1000]),
        optional("stay", "double", range=[0, 10_000]),
        optional("cup", "string", role="product", **({"codes": {"catalogue": "components"}} if components else {})),
        *([optional("cup_lot", "string")] if components else []),
        name="operation",
    )
    folder = write_registry(
        parent,
        name,
        registry={"modules": ["core"]},
        forms=[operation, form(UNIT, name="reoperation")],
        catalogues={"units": UNITS, **({"components": components} if components else {})},
    )
    (folder / "indicators.yaml").write_text(indicators, encoding="utf-8")
    (folder / "monitors.yaml").write_text(monitors, encoding="utf-8")
    if coverage:
        (folder / "coverage.yaml").write_text(coverage, encoding="utf-8")
    return load_registry(folder)


def made(client: Client, definition: RegistryDefinition, *, current: bool = True) -> RegistryDefinition:
    """The registry with its tables, and with readers pointed to its generation."""
    apply(client, {definition.name: definition})
    keep_definitions(client, definition)
    if current:
        point(client, definition.name, definition.generation)
    return definition


def point(client: Client, registry: str, generation: str) -> None:
    """Let readers use a generation, whatever it has."""
    client.command(f"INSERT INTO {database_of(registry)}.generation_pointer (generation) VALUES ('{generation}')")


def days(day: str) -> int:
    """A day in days since 1970."""
    return (date.fromisoformat(day) - date(1970, 1, 1)).days


def vector(**parts: Sequence[int]) -> list[int]:
    """The vector of the cohort ``operations``: each indicator's numbers, zeros where none are given."""
    places = {"performed": 0, "reoperated": 1, "pain": 3, "stay": 6, "reoperation_rate": 7, "early_rate": 12}
    numbers = [0] * WIDTH
    for name, given in parts.items():
        numbers[places[name] : places[name] + len(given)] = given
    return numbers


def cell(period: str, values: Sequence[int], **said: Any) -> dict[str, Any]:
    """A cell of the cohort ``operations`` at U1, of women under 65, where nothing else is said."""
    return {
        "cohort": "operations",
        "unit": "U1",
        "by": ["female", "<65"],
        "indicator": "",
        "bucket": 0,
        **said,
        "period": days(period),
        "values": list(values),
    }


_NOTHING_MORE: dict[str, Any] = {
    "specific": 0, "first_specific": None, "unknown": 0, "carried_until": None, "recorded": None, "end_recorded": None,
}  # fmt: skip


def exposure(registration_id: str, start: str | None, end: str | None = None, **said: Any) -> dict[str, Any]:
    """A change of an exposure to CUP1 at U1; no start: the exposure is no more."""
    own = {
        "patient": said.pop("patient", f"k1-{registration_id}"),
        "registration_id": registration_id,
        "before": [],
        "opted_out": False,
    }
    if start is None:
        return {**own, "after": []}
    after = {
        "product": "CUP1", "lot": "", "unit": "U1", "side": "", "by": ["female"], "end_reason": "", "outcomes": 0,
        "first_outcome": None, **_NOTHING_MORE, **said, "start": days(start), "end": None if end is None else days(end),
    }  # fmt: skip
    return {**own, "after": [after]}


def entry(registration_id: str, day: str, *, listed: bool = True, **said: Any) -> dict[str, Any]:
    """An entry of the list ``in_pain`` at U1."""
    own = {
        "list": "in_pain",
        "patient": f"k1-{registration_id}",
        "form": "operation",
        "unit": "U1",
        "shown": ["6.0", "f"],
    }
    return {**own, **said, "registration_id": registration_id, "day": days(day), "listed": listed}


def batches(
    definition: RegistryDefinition,
    version: int,
    *,
    cells: Iterable[dict[str, Any]] | None = None,
    exposures: Iterable[dict[str, Any]] = (),
    entries: Iterable[dict[str, Any]] = (),
    partition: int = 0,
    generation: str | None = None,
    after: int | None = None,
) -> list[tuple[str, bytes]]:
    """What one transaction of journeys writes, as (topic, message)."""
    name = definition.name
    common = {
        "registry": name,
        "generation": generation or definition.generation,
        "partition": partition,
        "version": version,
    }
    written = []
    if cells is not None:
        written.append((topics.cells(name), encode_event("cell_batch", {**common, "cells": list(cells)})))
    if changes := [{"version": version, **one} for one in exposures]:
        batch = encode_event(
            "exposure_batch", {**common, "group": "cup", "after": after, "part": 0, "changes": changes}
        )
        written.append((topics.exposures(name), batch))
    if listed := list(entries):
        written.append((topics.lists(name), encode_event("list_batch", {**common, "entries": listed})))
    return written


def write(client: Client, definition: RegistryDefinition, version: int, **said: Any) -> None:
    """Load what one transaction of journeys writes, as the loader does, without Kafka in between."""
    load(client, definition, batches(definition, version, **said))


def load(client: Client, definition: RegistryDefinition, messages: Iterable[tuple[str, bytes]]) -> None:
    """Load messages as the loader does, without Kafka in between."""
    buffer = Buffer({definition.name: definition})
    for offset, (topic, message) in enumerate(messages):
        buffer.take(Read(topic, 0, offset, None, message))
    assert buffer.given_up == []
    for rows in buffer.tables:
        client.insert(rows.layout.table, rows.layout.container(rows.blocks), "Avro")


def load_derived(kafka: KafkaConfig, client: Client, definition: RegistryDefinition, number: int, what: str) -> None:
    """Run the loader of derived values and of what is said until so many of something are in."""
    stop = threading.Event()
    loader = Loader(
        {"session.timeout.ms": 3_000, "heartbeat.interval.ms": 500, **kafka}, client, {definition.name: definition},
        stop=stop, topics_of=lambda name: [*derived_topics(name), *signal_topics(name)], flush_interval_s=0.1,
        group=f"derived-{definition.name}",
    )  # fmt: skip
    with working(lambda _: loader.run()):
        try:
            wait_for(lambda: loader.progress().loaded >= number, f"{number} {what} loaded")
        finally:
            stop.set()


class Register:
    """Accepted registrations of one partition of such a registry, each with its version."""

    def __init__(
        self, definition: RegistryDefinition, *, partition: int = 0, epoch: int = 0, first_offset: int = 0
    ) -> None:
        self.definition = definition
        self.log = AcceptedLog(definition, partition, epoch, next_offset=first_offset)

    def operated(self, patient: str, registration_id: str, day: str = "2024-01-01", **said: Any) -> int:
        """Accept an operation at U1; its version."""
        body = {"unit": "U1", "sex": "female", "age": 60, "pain": None, "stay": None, "cup": "CUP1"}
        return self._add("operation", patient, registration_id, day, {**body, **said})

    def reoperated(self, patient: str, registration_id: str, day: str = "2024-06-01", **said: Any) -> int:
        """Accept a reoperation at U1; its version."""
        return self._add("reoperation", patient, registration_id, day, {"unit": "U1", **said})

    def opted_out(self, patient: str, registration_id: str, day: str = "2024-01-01", **said: Any) -> int:
        """Accept an opt-out; its version."""
        return self._add("opt_out", patient, registration_id, day, said)

    def emigrated(self, patient: str, registration_id: str, day: str) -> int:
        """Accept that somebody moved abroad; its version."""
        return self._add("emigration", patient, registration_id, day, {})

    def died(self, patient: str, registration_id: str, day: str) -> int:
        """Accept that somebody has died; its version."""
        return self._add("death", patient, registration_id, day, {})

    def lifted(self, patient: str, registration_id: str) -> int:
        """Accept an opt-out's retraction; its version."""
        return self.opted_out(patient, registration_id, retracted=True)

    def load(self, client: Client) -> None:
        """Load all of it as the loader does, without Kafka in between."""
        load(client, self.definition, [(topics.accepted(self.definition.name), self.log.batch())])

    def _add(self, form_name: str, patient: str, registration_id: str, day: str, said: dict[str, Any]) -> int:
        body = {
            "registration_id": registration_id,
            "patient": patient,
            "occurred_on": days(day),
            "recorded_at": days(day) * 86_400_000,
            "retracted": False,
            **said,
        }
        return self.log.add_written(present_schema(self.definition, form_name), body)
