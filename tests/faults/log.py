"""What drills do to a registry's log from outside: topics made anew, groups put back, ends asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from deploy.logbook import make_topics
from schemas import topics
from tests.support import wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.control import KafkaConfig

PARTITIONS = 4


def places(names: Sequence[str]) -> list[TopicPartition]:
    """Every partition of some topics."""
    return [TopicPartition(name, partition) for name in names for partition in range(PARTITIONS)]


def ends(kafka: KafkaConfig, names: Sequence[str]) -> dict[TopicPartition, int]:
    """The offset behind the last message of every partition of some topics."""
    admin = AdminClient(dict(kafka))
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = admin.list_offsets(dict.fromkeys(places(names), latest))
    return {place: future.result().offset for place, future in asked.items()}


def rewind(kafka: KafkaConfig, group: str, names: Sequence[str]) -> None:
    """Put a group back to the beginning of some topics, once it has no members any more."""
    consumer = Consumer({**kafka, "group.id": group, "enable.auto.commit": False})
    starts = [TopicPartition(place.topic, place.partition, 0) for place in places(names)]

    def commits() -> bool:
        try:
            consumer.commit(offsets=starts, asynchronous=False)
        except Exception:  # noqa: BLE001 - whatever the reason, it is tried again until patience ends
            return False
        return True

    wait_for(commits, f"group {group} to be free")
    consumer.close()


def remake_topics(kafka: KafkaConfig, registry: str, *, also: Sequence[str] = ()) -> None:
    """Delete a registry's topics, with all that is on them, and make them anew."""
    names = [spec.name for spec in topics.topics_of(registry, PARTITIONS)]
    delete_topics(kafka, [*names, *also])
    make_topics(kafka, [registry], PARTITIONS, retention_days=30)


def delete_topics(kafka: KafkaConfig, names: Sequence[str]) -> None:
    """Delete topics, and wait until they are gone."""
    admin = AdminClient(dict(kafka))
    for future in admin.delete_topics([*names]).values():
        future.result(30)
    wait_for(lambda: not set(names) & set(admin.list_topics(timeout=10).topics), "the topics to go")
