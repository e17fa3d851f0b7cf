"""A small topic heard from its first message on: whoever asks knows the latest word, and never waits for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PATIENCE_S = 30.0
_AT_ONCE = 1_000
_LOOK_S = 0.02
_NO_WAY_ON = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)


class Hearer:
    """Follows every partition of a topic; ``poll`` is cheap enough for every turn of a loop.

    Where the topic is not there yet, nothing has been said, and nothing will be heard.

    Args:
        kafka: the clients' settings.
        topic: which.
        reader: what the client is called; nothing is committed under the name.
        hear: takes the value of each message that has one.

    Attributes:
        is_there: whether the broker knows the topic.

    Raises:
        KafkaException: the broker does not answer, or not to us.
    """

    def __init__(
        self, kafka: Mapping[str, str | int | bool], topic: str, reader: str, hear: Callable[[bytes], None]
    ) -> None:
        self._topic = topic
        self._hear = hear
        self._consumer = Consumer(
            {
                **kafka,
                "group.id": reader,  # required by the client, never used
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.queue.backoff.ms": 10,
                "fetch.wait.max.ms": 100,  # the end is told with an empty answer; less keeps the broker busy all day
            }
        )
        self._behind = self._partitions()  # of a known broker it reads at once
        self.is_there = bool(self._behind)
        if self.is_there:
            self._consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in self._behind])

    def _partitions(self) -> set[int]:
        """Those of the topic; none where it is not there, which the embedded broker never tells a reader."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            known = self._consumer.list_topics(self._topic, timeout=_PATIENCE_S).topics[self._topic]
            if known.error is None:
                return set(known.partitions)
            if known.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return set()
            if known.error.code() != KafkaError.LEADER_NOT_AVAILABLE or time.monotonic() > deadline:
                self._consumer.close()
                raise KafkaException(known.error)
            time.sleep(_LOOK_S)  # it was made a moment ago

    def read_to_end(self, patience_s: float = _PATIENCE_S) -> None:
        """Hear all that has been said so far: a word must not count without the one that took it back.

        Raises:
            KafkaException: the broker did not answer in time, or the topic cannot be read.
        """
        deadline = time.monotonic() + patience_s
        while self._behind:
            if time.monotonic() > deadline:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"no answer about {self._topic}"))  # noqa: SLF001 - the client's public constant is spelt so
            self._take(_LOOK_S)

    def poll(self) -> None:
        """Hear what is new, without waiting.

        Raises:
            KafkaException: the topic cannot be read.
        """
        self._take(0)

    def close(self) -> None:
        """Let go of the topic."""
        self._consumer.close()

    def _take(self, patience_s: float) -> None:
        problem: KafkaError | None = None
        for message in self._consumer.consume(_AT_ONCE, patience_s):
            error, value = message.error(), message.value()
            if error is None:
                if value is not None:
                    self._hear(bytes(value))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - likewise
                self._behind.discard(message.partition() or 0)
            elif error.code() in _NO_WAY_ON:
                problem = error
        if problem is not None:
            raise KafkaException(problem)
