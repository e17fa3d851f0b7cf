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


def cells(registry: str) -> str:
    """``CellBatch``es, in the partition of the submissions that they come from."""
    return f"cells.{registry}"


def exposures(registry: str) -> str:
    """``ExposureBatch``es by monitor group: one partition has all products that are compared with each other."""
    return f"exposures.{registry}"


def lists(registry: str) -> str:
    """``ListBatch``es, in the partition of the submissions that they come from."""
    return f"lists.{registry}"


def counts(registry: str) -> str:
    """``UnitCounts``, uploaded, keyed by unit."""
    return f"counts.{registry}"


def signals(registry: str) -> str:
    """``Signal``s, and ``PairSignal``s of drugs and reactions, by monitor, as surveillance states them."""
    return f"signals.{registry}"


def reviews(registry: str) -> str:
    """``Review``s, keyed by monitor group: all that is said of one signal, in order."""
    return f"reviews.{registry}"


def reports(registry: str) -> str:
    """``Report`` steps, keyed by case: all that happens to one, in order."""
    return f"reports.{registry}"


def feed(company: str) -> str:
    """What one company is told of its own products, by every registry: CloudEvents as JSON, in one partition.

    Args:
        company: its code (``schemas.company.company_code``).
    """
    return f"feed.{company}"


def journeys_changelog(registry: str, generation: str) -> str:
    """What one generation of a registry's journeys keeps, compacted; partitioned as the submissions are."""
    return f"journeys.{registry}.{generation}"


def surveillance_changelog(registry: str, generation: str) -> str:
    """What one generation of a registry's surveillance keeps, compacted; partitioned as the exposures are."""
    return f"surveillance.{registry}.{generation}"


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
        *(
            TopicSpec(topic(registry), partitions, {**kept, "max.message.bytes": str(4 * _MIB)})
            for topic in (receipts, cells, exposures, lists, counts, signals, reviews, reports)
        ),
    ]


def changelog_of(name: str, partitions: int) -> TopicSpec:
    """A changelog: only the latest of each key is wanted, however old."""
    return TopicSpec(
        name,
        partitions,
        {
            "cleanup.policy": "compact",
            "max.compaction.lag.ms": str(7 * _DAY_MS),
            "max.message.bytes": str(4 * _MIB),
        },
    )


def feed_of(company: str) -> TopicSpec:
    """A company's feed: there is little on it and nothing of any person, so it is kept for ever."""
    return TopicSpec(
        feed(company), 1, {"retention.ms": "-1", "cleanup.policy": "delete", "max.message.bytes": str(4 * _MIB)}
    )


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


def all_topics(
    registries: Iterable[str], partitions: int, *, companies: Iterable[str] = (), retention_days: int = 30
) -> list[TopicSpec]:
    """The shared topics, those of the registries named, and the feeds of the companies, by their codes."""
    own = [spec for name in registries for spec in topics_of(name, partitions, retention_days=retention_days)]
    return [*shared_topics(retention_days=retention_days), *own, *(feed_of(company) for company in companies)]
