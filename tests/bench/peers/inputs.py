"""What the engines are given: a topic of submissions, and what must come of it, computed in plain Python."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING

from schemas import topics
from schemas.codec import plain_schema, split_wire
from schemas.identity import new_key
from schemas.store import BundledStore, known_versions
from streams.publish.run import PublishOptions, publish_rows
from tests.bench.inputs import invented_hips, real_records
from tests.support import make_log
from tests.workers import registry_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from confluent_kafka import TopicPartition

    from schemas.definition.registry import RegistryDefinition
    from streams.publish.slices import Source
    from tests.bench.peers.log import Log, Record

_EPOCH = date(1970, 1, 1)
_HIP_FORMS = ("primary_operation", "reoperation")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a right engine comes to.

    Attributes:
        living: registrations alive at the end, by cell ``form|unit|month``; cells that are empty are left out.
        changes: submissions that changed something.
        counts: changed counts over all submissions: a correction that moves a registration changes two.
    """

    living: dict[str, int]
    changes: int
    counts: int


@dataclass(frozen=True, slots=True)
class Given:
    """One input, the same for every engine and every round.

    Attributes:
        name: of the data.
        definition: the registry, under a name of its own.
        topic: where the submissions are.
        partitions: of that topic.
        registrations: how many submissions there are.
        forms: a folder of schemas, ``<id on the wire>.avsc``, without logical types.
        expected: what must come of it.
    """

    name: str
    definition: RegistryDefinition
    topic: str
    partitions: list[TopicPartition]
    registrations: int
    forms: Path
    expected: Expected


def hip(log: Log, folder: Path, registrations: int, partitions: int) -> Given:
    """The invented hip register; forms that belong to no unit, such as deaths, are left out."""
    definition = registry_folder(folder, "hip")
    source, mapping = invented_hips(definition, folder, registrations, _HIP_FORMS)
    return _publish(log, folder, definition, source, mapping=mapping, partitions=partitions)


def metabolic(log: Log, folder: Path, partitions: int) -> Given:
    """The 452,012 real records of 17,549 people."""
    definition = registry_folder(folder, "metabolic")
    source, mapping = real_records(definition, folder)
    return _publish(log, folder, definition, source, mapping=mapping, partitions=partitions)


def _publish(
    log: Log, folder: Path, definition: RegistryDefinition, source: Source, *, mapping: str, partitions: int
) -> Given:
    kafka = {"bootstrap.servers": log.bootstrap}
    make_log(kafka, definition, partitions=partitions)
    result = publish_rows(
        source,
        definition,
        kafka=kafka,
        store=BundledStore({definition.name: definition}),
        key=new_key(),
        options=PublishOptions(mapping=mapping, wait_for_receipts=False, from_start=True),
    )
    assert result.refused_here == 0, result
    forms = folder / f"forms-{definition.name}"
    forms.mkdir()
    for wire_id, schema in known_versions(definition).items():
        if "unit" in {field["name"] for field in schema.avro["fields"]}:
            # Without logical types every reader leaves dates as numbers, which is faster for all of them.
            plain = {key: part for key, part in plain_schema(schema.avro).items() if not key.startswith("__")}
            (forms / f"{wire_id}.avsc").write_text(json.dumps(plain), encoding="utf-8")
    return _given(log, source_name(definition), definition, topics.submitted(definition.name), forms)


def source_name(definition: RegistryDefinition) -> str:
    """The bundled registry that a registry is a copy of."""
    return definition.name.partition("_")[0]


def head(log: Log, given: Given, registrations: int) -> Given:
    """The first so many of an input, in a topic of their own: as much of each partition."""
    topic = f"{given.topic}_{registrations}"
    log.make(topic, len(given.partitions))
    log.write(topic, _first(log.read(given.topic), registrations // len(given.partitions)))
    return _given(log, given.name, given.definition, topic, given.forms)


def _first(records: Iterable[Record], of_each: int) -> Iterator[Record]:
    taken: Counter[int] = Counter()
    for record in records:
        if taken[record.partition] < of_each:
            taken[record.partition] += 1
            yield record


def _given(log: Log, name: str, definition: RegistryDefinition, topic: str, forms: Path) -> Given:
    partitions = log.partitions(topic)
    expected = recompute(definition, log.read(topic))
    return Given(name, definition, topic, partitions, log.length(partitions), forms, expected)


def recompute(definition: RegistryDefinition, records: Iterable[Record]) -> Expected:
    """The small job in plain Python over all submissions; each partition's in their order."""
    schemas = known_versions(definition)
    journeys: dict[tuple[bytes, str], str] = {}
    living: Counter[str] = Counter()
    changes = counts = 0
    for record in records:
        schema_id, payload = split_wire(record.value)
        schema = schemas[schema_id]
        registration = schema.decode(payload)
        place = (record.key, registration["registration_id"])
        before = journeys.pop(place, None)
        after = None
        if not registration["retracted"]:
            after = f"{schema.form.name}|{registration['unit']}|{_month(registration['occurred_on'])}"
            journeys[place] = after
        if before != after:
            changes += 1
            for cell, by in ((before, -1), (after, 1)):
                if cell is not None:
                    living[cell] += by
                    counts += 1
    return Expected({cell: count for cell, count in living.items() if count}, changes, counts)


@cache
def _month(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()[:7]
