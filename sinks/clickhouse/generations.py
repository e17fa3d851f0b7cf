"""Generations of derived values side by side, and the pointer that says which of them readers use.

A changed definition begins a new generation beside the old one; readers go on with the old until the new
one has all that the archive has, and its signals where products are watched, so there is neither a gap nor a mixture.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog
import yaml
from pydantic import ValidationError

from schemas.definition.indicators import Indicators
from schemas.definition.monitors import Monitors
from sinks.clickhouse import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

log = structlog.get_logger(__name__)

_DERIVED = ("cells", "exposures", "list_entries", "progress")
_POINTER = "generation_pointer"
_DEFINITIONS = "generation_definitions"
_CATCH_UP_S = 5.0
_MOMENT_S = 1.0
_LOOK_EVERY_S = 0.2


class GenerationError(Exception):
    """A generation cannot be read, switched to or dropped; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation as it stands in the tables.

    Attributes:
        name: twelve hexadecimal digits.
        current: whether readers use it.
        through: by partition, the version that its values reach.
        behind: by partition, how many archived submissions lie above that; partitions without any are left out.
        cells: how many cells it has, empty ones and all partitions included.
        exposures: how many exposures it has.
    """

    name: str
    current: bool
    through: Mapping[int, int]
    behind: Mapping[int, int]
    cells: int
    exposures: int

    @property
    def caught_up(self) -> bool:
        """Whether it has all that the archive had a moment ago."""
        return not self.behind


def current_generation(client: Client, registry: str) -> str | None:
    """The generation that readers use; None where none was ever pointed to.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    found = client.rows(f"SELECT generation FROM {_table(registry, _POINTER)} ORDER BY pointed_at DESC LIMIT 1")
    return found[0][0] if found else None


def readable(client: Client, definition: RegistryDefinition) -> RegistryDefinition:
    """The registry with the generation that readers use, and the indicators and monitors that it was made by.

    Raises:
        GenerationError: there is none yet, or its definitions are not known any more.
        DatabaseError: the database does not answer, or is not migrated.
    """
    registry = definition.name
    current = current_generation(client, registry)
    if current is None:
        raise GenerationError(
            f"registry {registry} has no derived values yet: run `guldadra process {registry}` and `guldadra load`"
        )
    found = defined_as(client, definition, current)
    if found is None:
        raise GenerationError(
            f"generation {current} of {registry}, which readers use, was made by definitions that are not known here; "
            f"`guldadra generations {registry}` tells what else there is"
        )
    return found


def defined_as(client: Client, definition: RegistryDefinition, generation: str) -> RegistryDefinition | None:
    """The registry with the indicators and monitors that a generation was made by; None where they are not known.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    if generation == definition.generation:
        return definition
    found = client.rows(
        f"SELECT indicators, monitors FROM {_table(definition.name, _DEFINITIONS)} FINAL "
        "WHERE generation = {generation:String}",
        {"generation": generation},
    )
    try:
        indicators, monitors = (yaml.safe_load(text) or {} for text in found[0])
        return replace(
            definition,
            generation=generation,
            indicators=Indicators.model_validate(indicators),
            monitors=Monitors.model_validate(monitors),
        )
    except (IndexError, yaml.YAMLError, ValidationError):
        return None


def progress(client: Client, registry: str, generation: str) -> dict[int, int]:
    """By partition, the version that a generation's values reach.

    Read it before the values: they are then at least as new as it says.
    """
    rows = client.rows(
        f"SELECT partition, max(version) FROM {_table(registry, 'progress')} "
        "WHERE generation = {generation:String} GROUP BY partition ORDER BY partition",
        {"generation": generation},
    )
    return dict(rows)


def highest_archived(client: Client, registry: str) -> dict[int, int]:
    """By partition, the highest version in the archive."""
    archive = _table(registry, "archive")
    return dict(client.rows(f"SELECT partition, max(version) FROM {archive} GROUP BY partition ORDER BY partition"))


def generations(client: Client, registry: str) -> list[Generation]:
    """Every generation that has left anything, the one that readers use first.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    current = current_generation(client, registry)
    counts = " UNION ALL ".join(
        f"SELECT generation, {int(name == 'cells')} * count() AS cells, "
        f"{'countIf(present)' if name == 'exposures' else '0'} AS exposures "
        f"FROM {_table(registry, name)} FINAL GROUP BY generation"
        for name in _DERIVED
    )
    found = client.rows(
        f"SELECT generation, sum(cells), sum(exposures) FROM ({counts}) GROUP BY generation ORDER BY generation"
    )
    if current is not None and current not in {name for name, *_ in found}:
        found.append((current, 0, 0))
    listed = []
    for name, cells, exposures in found:
        through = progress(client, registry, name)
        behind = _behind(client, registry, through)
        listed.append(Generation(name, name == current, through, behind, cells, exposures))
    return sorted(listed, key=lambda one: (not one.current, one.name))


def is_caught_up(client: Client, registry: str, generation: str, *, patience_s: float = _CATCH_UP_S) -> bool:
    """Whether a generation reaches what the archive holds at the time of the call.

    While registrations flow in, the values are always a moment behind; so it is given that moment.

    Args:
        client: the way to ClickHouse.
        registry: whose.
        generation: which.
        patience_s: how long it may take to reach it.
    """
    wanted = highest_archived(client, registry)
    deadline = time.monotonic() + patience_s
    while not _reaches(progress(client, registry, generation), wanted):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True


def switch(
    client: Client, registry: str, generation: str, *, signals: Callable[[], bool] = lambda: True, force: bool = False
) -> None:
    """Let readers use a generation from now on.

    Args:
        client: the way to ClickHouse.
        registry: whose.
        generation: which.
        signals: tells whether its signals are in the tables as well; asked once all else is.
        force: switch although it has not caught up.

    Raises:
        GenerationError: there is no such generation, or it has not caught up.
    """
    known = {one.name: one for one in generations(client, registry)}
    if generation not in known:
        there = ", ".join(known) or "none"
        raise GenerationError(f"registry {registry} has no generation {generation}; there are {there}")
    if not force and not is_caught_up(client, registry, generation):
        behind = sum(_behind(client, registry, progress(client, registry, generation)).values())
        raise GenerationError(
            f"generation {generation} of {registry} has not caught up: {behind:,} archived submissions are not in it "
            "yet. Readers would lose them: wait, or switch by force"
        )
    if not force and not signals():
        raise GenerationError(
            f"generation {generation} of {registry} has not all its signals yet. Readers would lose them: see that "
            f"`guldadra surveillance {registry}` runs with its definitions and wait, or switch by force"
        )
    _point(client, registry, generation)


def drop(client: Client, registry: str, generation: str) -> None:
    """Delete all derived values of a generation; nothing happens where there are none.

    Raises:
        GenerationError: readers use it.
    """
    refuse_current(client, registry, generation)
    for name in _DERIVED:
        client.command(f"ALTER TABLE {_table(registry, name)} DROP PARTITION {sql.text(generation)}")
    log.info("generation dropped", registry=registry, generation=generation)


def refuse_current(client: Client, registry: str, generation: str) -> None:
    """See to it that readers do not use a generation that is to be dropped.

    Raises:
        GenerationError: they do.
    """
    if generation == current_generation(client, registry):
        raise GenerationError(f"generation {generation} of {registry} is the one that readers use: switch first")


def keep_definitions(client: Client, definition: RegistryDefinition) -> None:
    """Keep the texts of the declared indicators and monitors, by which the generation's numbers are read."""
    texts = []
    for name in ("indicators.yaml", "monitors.yaml"):
        path = definition.folder / name
        texts.append(path.read_text(encoding="utf-8") if path.exists() else "")
    values = ", ".join(map(sql.text, (definition.generation, *texts)))
    table = _table(definition.name, _DEFINITIONS)
    client.command(f"INSERT INTO {table} (generation, indicators, monitors) VALUES ({values})")


def follow(
    client: Client, definition: RegistryDefinition, signals: Callable[[RegistryDefinition], bool] = lambda _: True
) -> bool:
    """Point to the generation that is declared now, once it has caught up; whether the pointer moved.

    The first generation of all is pointed to at once, for there is nothing else to read. One that was
    pointed to before is left to whoever switched away from it, or to a process that knows newer definitions.

    Args:
        client: the way to ClickHouse.
        definition: the registry as declared.
        signals: tells whether the generation's signals are in the tables as well; asked once all else is.
    """
    registry, declared = definition.name, definition.generation
    before = [row[0] for row in client.rows(f"SELECT DISTINCT generation FROM {_table(registry, _POINTER)}")]
    if declared in before:
        return False
    if before and not (is_caught_up(client, registry, declared, patience_s=_MOMENT_S) and signals(definition)):
        return False
    _point(client, registry, declared)
    return True


def _point(client: Client, registry: str, generation: str) -> None:
    client.command(f"INSERT INTO {_table(registry, _POINTER)} (generation) VALUES ({sql.text(generation)})")
    log.info("readers use another generation", registry=registry, generation=generation)


def _behind(client: Client, registry: str, through: Mapping[int, int]) -> dict[int, int]:
    wanted = highest_archived(client, registry)
    late = [partition for partition, version in wanted.items() if through.get(partition, -1) < version]
    counts = {}
    for partition in late:
        above = f" AND version > {through[partition]}" if partition in through else ""
        counts[partition] = client.rows(
            f"SELECT count() FROM {_table(registry, 'archive')} FINAL WHERE partition = {partition}{above}"
        )[0][0]
    return counts


def _reaches(through: Mapping[int, int], wanted: Mapping[int, int]) -> bool:
    return all(through.get(partition, -1) >= version for partition, version in wanted.items())


def _table(registry: str, name: str) -> str:
    return sql.table(sql.database_of(registry), name)
