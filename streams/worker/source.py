"""The log that a worker reads, asked about its ends: what Faust reads in between is not of this module."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from streams.worker.feed import Arrived
from streams.worker.identity import identity_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from streams.control import KafkaConfig

_ANSWER_S = 30.0


class Source:
    """One topic's ends; may be asked from any thread.

    Raises (all of its methods):
        KafkaException: the broker does not answer.
    """

    def __init__(self, kafka: KafkaConfig, topic: str) -> None:
        self.topic = topic
        self._kafka = kafka
        self._lock = threading.Lock()
        self._consumer = Consumer(
            {
                **kafka,
                "group.id": "guldadra-source",  # required by the client, never used: nothing is committed
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",  # the log may forget its beginning while we look for it
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.queue.backoff.ms": 10,
                "fetch.wait.max.ms": 10,
                "queued.min.messages": 1,  # the first message is all that is wanted
                "queued.max.messages.kbytes": 8_192,
            },
            logger=logging.getLogger("librdkafka"),
        )

    def identity(self) -> str:
        """Which life of the topic it is."""
        return identity_of(self._kafka, self.topic)

    def partitions(self) -> int:
        """How many it has."""
        with self._lock:
            known = self._consumer.list_topics(self.topic, timeout=_ANSWER_S)
        return len(known.topics[self.topic].partitions)

    def ends(self, partition: int) -> tuple[int, int]:
        """The first offset that a partition still has, and the one after its last."""
        with self._lock:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(self.topic, partition), _ANSWER_S)
        return low, high

    def read(self, partition: int) -> Generator[Arrived]:
        """A partition's messages from the first on, to its end; close the iterator when there is enough."""
        with self._lock:
            self._consumer.list_topics(self.topic, timeout=_ANSWER_S)  # assigned to a known broker, it reads at once
            self._consumer.assign([TopicPartition(self.topic, partition, OFFSET_BEGINNING)])
            try:
                yield from self._messages()
            finally:
                self._consumer.unassign()

    def _messages(self) -> Iterator[Arrived]:
        deadline = time.monotonic() + _ANSWER_S
        while time.monotonic() < deadline:
            message = self._consumer.poll(0.1)
            if message is None:
                continue
            error = message.error()
            if error is None:
                deadline = time.monotonic() + _ANSWER_S
                key, value = message.key(), message.value()
                yield Arrived(message.offset() or 0, key, value)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public constant is spelt so
                return
            elif not error.retriable():
                raise KafkaException(error)
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"no answer about {self.topic}"))  # noqa: SLF001 - likewise

    def close(self) -> None:
        """Let go of the broker."""
        with self._lock:
            self._consumer.close()
