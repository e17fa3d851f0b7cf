"""The topics, their names and their settings: what the outside may rely on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONTROL = "registry-control"
DEAD_LETTERS = "dead-letters"
MURMUR2 = "murmur2_random"
"""librdkafka's name for the partitioner that Java clients use: ``murmur2(key) % partitions``."""

_DAY_MS = 86_400_000
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it must be; ``partitions`` is for life."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


def submitted(registry: str) -> str:
    """One registration a message, in the Confluent wire format, keyed by the patient's pseudonym."""
    return f"submitted.{registry}"


def accepted(registry: str) -> str:
    """``AcceptedBatch``es, in the partition of their submissions."""
    return f"accepted.{registry}"


def receipts(registry: str) -> str:
    """``Receipt``s, in the partition of their submissions."""
    return f"receipts.{registry}"


def topics_of(registry: str, partitions: int, *, retention_days: int = 30) -> list[TopicSpec]:
    """The topics of one registry.

    The log is not the memory: a patient may have everything deleted, so only the archive keeps.
    Submissions carry the broker's own time, for a rule about the future needs a time that the sender
    does not choose; and they may be far too large, for intake refuses with a receipt, the broker without.
    """
    kept = {"retention.ms": str(retention_days * _DAY_MS), "cleanup.policy": "delete"}
    return [
        TopicSpec(
            submitted(registry),
            partitions,
            {**kept, "message.timestamp.type": "LogAppendTime", "max.message.bytes": str(12 * _MIB)},
        ),
        TopicSpec(accepted(registry), partitions, {**kept, "max.message.bytes": str(4 * _MIB)}),
        TopicSpec(receipts(registry), partitions, {**kept, "max.message.bytes": str(4 * _MIB)}),
    ]


def shared_topics(*, retention_days: int = 30) -> list[TopicSpec]:
    """The topics that all registries share."""
    return [
        TopicSpec(CONTROL, 1, {"cleanup.policy": "compact"}),
        TopicSpec(
            DEAD_LETTERS,
            1,
            {"retention.ms": str(retention_days * _DAY_MS), "max.message.bytes": str(16 * _MIB)},
        ),
    ]


def all_topics(registries: Iterable[str], partitions: int, *, retention_days: int = 30) -> list[TopicSpec]:
    """The shared topics and those of the registries named."""
    own = [spec for name in registries for spec in topics_of(name, partitions, retention_days=retention_days)]
    return [*shared_topics(retention_days=retention_days), *own]
