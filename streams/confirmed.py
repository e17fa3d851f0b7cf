"""The products that people have confirmed a signal of, as they say so: no other product is compared with them then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from schemas import topics
from schemas.codec import NotARegistrationError, decode_event
from schemas.review import CLOSED, CONFIRMED, DECISION, review_faults, signal_id

if TYPE_CHECKING:
    from streams.control import KafkaConfig

log = structlog.get_logger(__name__)

_EVENT = "review"
_ANSWER_S = 30.0


class ConfirmedReader:
    """Follows the reviews of a registry; what was said before the log begins is no news to whoever kept it.

    Args:
        kafka: the clients' settings.
        registry: whose reviews.

    Raises:
        KafkaException: the broker does not answer, or has no such topic.
    """

    def __init__(self, kafka: KafkaConfig, registry: str) -> None:
        self._topic = topics.reviews(registry)
        self._said: dict[tuple[str, str], bool] = {}
        self._ids: set[str] = set()
        self._consumer = Consumer(
            {
                **kafka,
                "group.id": "guldadra-confirmed",  # required by the client, never used: nothing is committed
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.queue.backoff.ms": 10,
            }
        )
        known = self._consumer.list_topics(self._topic, timeout=_ANSWER_S).topics[self._topic]
        if known.error is not None:
            raise KafkaException(known.error)
        self._behind = set(known.partitions)
        self._consumer.assign([TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in known.partitions])
        deadline = time.monotonic() + _ANSWER_S
        while self._behind:  # a decision must not count without the one that took it back
            self._read(0.05)
            if self._behind and time.monotonic() > deadline:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"no answer about {self._topic}"))  # noqa: SLF001 - the client's public constant is spelt so

    def said(self) -> dict[tuple[str, str], bool]:
        """By monitor and product, whether the latest decision on its signals is that it is confirmed; never waits.

        Products of which only other things were said are left out: taking a signal up changes nothing.

        Raises:
            KafkaException: the topic cannot be read.
        """
        self._read(0)
        return self._said

    def _read(self, patience_s: float) -> None:
        problem: KafkaError | None = None
        for message in self._consumer.consume(1_000, patience_s):
            error, value = message.error(), message.value()
            if error is None and value is not None:
                self._hear(bytes(value))
            elif error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - likewise
                self._behind.discard(message.partition())
            elif error is not None and not error.retriable():
                problem = error
        if problem is not None:
            raise KafkaException(problem)

    def close(self) -> None:
        """Let go of the topic."""
        self._consumer.close()

    def _hear(self, value: bytes) -> None:
        try:
            said = decode_event(_EVENT, value)
        except NotARegistrationError as error:
            log.warning("a message among the reviews is none, left out", error=str(error))
            return
        signal = signal_id(said["about"])
        if said["kind"] != DECISION or signal is None or said["id"] in self._ids or review_faults(said):
            return
        self._ids.add(said["id"])  # of an id the first message counts
        if said["state"] in (CONFIRMED, CLOSED):
            self._said[signal.group, signal.product] = said["state"] == CONFIRMED
