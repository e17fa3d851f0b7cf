"""Journeys invented for any registry, and what the stream makes of them, without Kafka."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from schemas import topics
from schemas.definition.form import CatalogueCodes, CodeList
from streams.journeys.core import JourneyCore
from tests.recompute_support import DAY_0, DAY_MS, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.definition.form import Form, FormField
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

#: Few values, so that registrations meet; days are about the limits that definitions set.
_DAYS = (0, 0, 1, 2, 3, 7, 30, 31, 90, 91, 179, 180, 181, 365, 366, 730, 731)
_NUMBERS = (0, 1, 2, 39, 40, 49, 50, 54, 55, 65, 75, 85, 140, 141, 1949, 1950, 1960)
_RECORDED_LATER = (0, 0, 1, DAY_MS - 1, DAY_MS, 3 * DAY_MS, -1)  # in milliseconds
_IDS = ("1", "2", "3")
_PER_PERSON = 12
_RARE, _RETRACTED, _NULL = 0.06, 0.1, 0.2
PARTITIONS = 2


Row = tuple[str, int, int, str, dict[str, Any]]
"""(form, person, day, registration id, fields)."""


def random_rows(definition: RegistryDefinition, seed: int, count: int) -> list[Row]:
    """Registrations, corrections, retractions and a few opt-outs of a few persons.

    Of a seed, not drawn one by one: what matters is that they are many and meet each other.
    """
    random = Random(seed)
    forms = [form for form in definition.forms.values() if form.name not in ("opt_out", "death", "emigration")]
    rare = [definition.forms[name] for name in ("opt_out", "death", "emigration")]
    persons = max(2, count // _PER_PERSON)
    return [
        _row(definition, random.choice(rare if random.random() < _RARE else forms), random, persons)
        for _ in range(count)
    ]


def _row(definition: RegistryDefinition, form: Form, random: Random, persons: int) -> Row:
    said = {field.name: _value(definition, field, random) for field in form.fields if _is_free(field)}
    said[form.name_of("retracted")] = random.random() < _RETRACTED
    day = random.choice(_DAYS)
    said[form.name_of("recorded_at")] = (DAY_0 + day) * DAY_MS + random.choice(_RECORDED_LATER)
    return form.name, random.randint(1, persons), day, random.choice(_IDS), said


def _is_free(field: FormField) -> bool:
    return field.role not in ("registration_id", "patient", "occurred_on", "recorded_at", "retracted")


def _value(definition: RegistryDefinition, field: FormField, random: Random) -> Any:
    pool = _pool(definition, field)
    if field.repeated:
        return random.choices(pool, k=random.randint(0, 2))
    return None if field.nullable and random.random() < _NULL else random.choice(pool)


def _pool(definition: RegistryDefinition, field: FormField) -> Sequence[Any]:
    if isinstance(field.codes, CodeList):
        return field.codes.list
    if isinstance(field.codes, CatalogueCodes):
        return sorted(definition.catalogues[field.codes.catalogue].codes(field.codes.kind))[:3]
    days = [DAY_0 + day for day in (-1, *_DAYS)]
    return {
        "string": _IDS,
        "boolean": (True, False),
        "date": days,
        "timestamp": [day * DAY_MS + DAY_MS - 1 for day in days],
        "float": [number + 0.5 for number in _NUMBERS],
        "double": [*map(float, _NUMBERS), 49.999, 140.5, 0.1],
    }.get(field.kind, _NUMBERS)


class Stream:
    """The pure core with a store in memory, partition by partition, and everything that leaves it."""

    def __init__(self, client: Client, definition: RegistryDefinition) -> None:
        self.definition = definition
        self.worlds = [World(client, definition, partition) for partition in range(PARTITIONS)]
        self._core = JourneyCore(definition)
        self.empty()

    def empty(self) -> None:
        """Begin anew, with nothing registered and nothing derived."""
        for world in self.worlds:
            world.empty()
        for table in ("cells", "exposures", "list_entries", "progress", "opt_out_log", "archive"):
            self.worlds[0].client.command(f"TRUNCATE TABLE guldadra_{self.definition.name}.{table}")
        self._stores: list[dict[bytes, bytes]] = [{} for _ in self.worlds]
        self._versions = [-1] * PARTITIONS
        self._taken = [0] * PARTITIONS

    def submit(self, rows: Sequence[Row]) -> None:
        """Register, and let the core take it in one step a partition."""
        for form, person, day, registration_id, fields in rows:
            self.worlds[person % PARTITIONS].add(form, person, day, registration_id, **fields)
        for world in self.worlds:
            self._step(world)

    def load(self) -> None:
        """Put the registrations into their tables."""
        for world in self.worlds:
            world.load()

    def _step(self, world: World) -> None:
        place = world.partition
        batch = {
            "partition": place,
            "epoch": 0,
            "registrations": world.log.registrations[self._taken[place] :],
        }
        store = self._stores[place]
        step = self._core.step([batch], self._versions[place], lambda keys: [store.get(key) for key in keys])
        assert step.unreadable == []
        for key, value in step.writes.items():
            if value is None:
                store.pop(key, None)
            else:
                store[key] = value
        self._versions[place] = step.version
        self._taken[place] = len(world.log.registrations)
        for topic in (topics.cells, topics.exposures, topics.lists):
            name = topic(self.definition.name)
            world.insert(name, *[output.value for output in step.outputs if output.topic == name])
