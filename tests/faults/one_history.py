"""That what left the journeys' process is one history: no value twice, none behind a later one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas import topics
from tests.support import read_events

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from schemas.definition.registry import RegistryDefinition
    from streams.control import KafkaConfig


def assert_one_history(
    kafka: KafkaConfig, registry: RegistryDefinition, *, whole: bool, opted_out: Collection[str]
) -> None:
    """Of each value, what left follows from what left before, with ever higher versions.

    A worker that wrote behind its successor, or a transaction taken twice, would break the chain.

    Args:
        kafka: the clients' settings.
        registry: of which generation.
        whole: whether all of it is on the topics, so that it begins with nothing.
        opted_out: who has ever opted out: what is known of them leaves anew when they come back, also where it is as
            it was.
    """
    name = registry.name
    exposures: dict[Any, tuple[int, Any]] = {}
    for batch in _batches(kafka, topics.exposures(name), "exposure_batch", registry.generation):
        for change in batch["changes"]:
            key = (batch["group"], change["patient"], change["registration_id"])
            version, state = exposures.get(key, (-1, [] if whole else change["before"]))
            assert batch["version"] > version, f"{key} left with version {batch['version']} after {version}"
            assert change["before"] == state, f"{key} was {state}, but {change['before']} is said"
            assert change["after"] != state or change["patient"] in opted_out, f"{key} left again unchanged"
            exposures[key] = (batch["version"], change["after"])
    cells: dict[Any, tuple[int, Any]] = {}
    for batch in _batches(kafka, topics.cells(name), "cell_batch", registry.generation):
        for cell in batch["cells"]:
            named = (cell["cohort"], cell["unit"], cell["period"], *cell["by"], cell["indicator"], cell["bucket"])
            place = (batch["partition"], named)
            version, values = cells.get(place, (-1, None))
            assert batch["version"] > version, f"{place} left with version {batch['version']} after {version}"
            assert cell["values"] != values, f"{place} left again unchanged"
            cells[place] = (batch["version"], cell["values"])


def _batches(kafka: KafkaConfig, topic: str, event: str, generation: str) -> Iterator[dict[str, Any]]:
    return (batch for batch in read_events(kafka, topic, event) if batch["generation"] == generation)
