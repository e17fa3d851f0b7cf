"""The broker as the runner needs it: topics made and taken away, ends and times told, a topic read whole."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ANSWER_S = 30.0
_AT_ONCE = 20_000

_silent = logging.getLogger(f"{__name__}.librdkafka")  # it outlives the broker, and would tell so at the end
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


class Record(NamedTuple):
    """One message of a topic."""

    partition: int
    key: bytes
    value: bytes


def places(topic: str, partitions: int) -> list[TopicPartition]:
    """The partitions of a topic."""
    return [TopicPartition(topic, partition) for partition in range(partitions)]


class Log:
    """One broker."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap}, logger=_silent)

    def make(self, topic: str, partitions: int) -> None:
        """Make a topic, and wait until it is served."""
        self._admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(_ANSWER_S)
        deadline = time.monotonic() + _ANSWER_S
        while not self._served(topic, partitions):
            assert time.monotonic() < deadline, f"{topic} is not served"
            time.sleep(0.05)

    def _served(self, topic: str, partitions: int) -> bool:
        """Whether a topic is known and its partitions have a leader, which takes a moment."""
        try:
            return topic in self._topics() and self.length(places(topic, partitions)) == 0
        except KafkaException:
            return False

    def drop(self, topics: list[str]) -> None:
        """Take topics away, with what is in them."""
        for done in self._admin.delete_topics(topics).values() if topics else ():
            done.result(_ANSWER_S)

    def named(self, part: str) -> list[str]:
        """Topics with this in their names."""
        return [name for name in self._topics() if part in name]

    def _topics(self) -> list[str]:
        return list(self._admin.list_topics(timeout=_ANSWER_S).topics)

    def partitions(self, topic: str) -> list[TopicPartition]:
        """A topic's partitions."""
        return places(topic, len(self._admin.list_topics(topic, timeout=_ANSWER_S).topics[topic].partitions))

    def length(self, partitions: list[TopicPartition]) -> int:
        """How many messages are in partitions from which nothing was deleted."""
        newest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = self._admin.list_offsets(dict.fromkeys(partitions, newest))
        return sum(answer.result(_ANSWER_S).offset for answer in asked.values())

    def last_append(self, topics: Iterable[str]) -> float:
        """When, in seconds since 1970 by the broker's clock, the last message of some topics was appended."""
        partitions = [place for topic in topics for place in self.partitions(topic)]
        latest = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]
        asked = self._admin.list_offsets(dict.fromkeys(partitions, latest))
        return max(float(answer.result(_ANSWER_S).timestamp) for answer in asked.values()) / 1000

    def committed(self, group: str, partitions: list[TopicPartition]) -> int:
        """How many messages of some partitions a group has committed as done."""
        asked = ConsumerGroupTopicPartitions(group, [TopicPartition(p.topic, p.partition) for p in partitions])
        answer = self._admin.list_consumer_group_offsets([asked])[group].result(_ANSWER_S)
        return sum(max(place.offset, 0) for place in answer.topic_partitions)

    def read(self, topic: str) -> Iterator[Record]:
        """All messages of a topic, each partition's in its order."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "bench-reader",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.queue.backoff.ms": 10,
            }
        )
        open_ends = {place.partition for place in self.partitions(topic)}
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in open_ends])
        while open_ends:
            for found in consumer.consume(_AT_ONCE, 0.1):
                if found.error() is None:
                    yield Record(found.partition() or 0, bytes(found.key() or b""), bytes(found.value() or b""))
                else:
                    open_ends.discard(found.partition() or 0)
        consumer.close()

    def write(self, topic: str, records: Iterable[Record]) -> None:
        """Append messages, each to the partition that it names."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 20, "compression.type": "lz4"})
        for record in records:
            while True:
                try:
                    producer.produce(topic, record.value, record.key, record.partition)
                except BufferError:
                    producer.poll(0.1)
                else:
                    break
        left = producer.flush(_ANSWER_S)
        assert left == 0, f"{left} messages could not be written to {topic}"
