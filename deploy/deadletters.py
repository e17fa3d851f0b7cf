"""What processes gave up: read it, and put it back once its cause is mended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from schemas import topics
from schemas.codec import decode_event

if TYPE_CHECKING:
    from streams.control import KafkaConfig

_PATIENCE_S = 30.0
_UNDERWAY = 1_000  # letters on their way at once: the client's queue takes no end of them


def read_dead_letters(kafka: KafkaConfig) -> list[dict[str, Any]]:
    """All dead letters that the topic still keeps, oldest first.

    Raises:
        KafkaException: the broker did not answer in time, or the topic is not there.
    """
    consumer = Consumer(
        {
            **kafka,
            "group.id": "guldadra-dead-letters",  # required by the client, never used: nothing is committed
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,  # the end is told with an empty answer
            "isolation.level": "read_committed",
        }
    )
    letters: list[dict[str, Any]] = []
    deadline = time.monotonic() + _PATIENCE_S
    try:
        consumer.list_topics(timeout=_PATIENCE_S)  # else the client asks for the beginning too early, and again later
        consumer.assign([TopicPartition(topics.DEAD_LETTERS, 0, OFFSET_BEGINNING)])
        while time.monotonic() < deadline:
            for message in consumer.consume(100, 0.02):
                error = message.error()
                if error is None:
                    letters.append(decode_event("dead_letter", bytes(message.value() or b"")))
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public constant is spelt so
                    return letters
                elif error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise KafkaException(error)
    finally:
        consumer.close()
    raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"no answer about {topics.DEAD_LETTERS}"))  # noqa: SLF001 - likewise


def replay(kafka: KafkaConfig, letters: list[dict[str, Any]]) -> int:
    """Put the letters back on their topics and partitions; how many the broker took.

    They are new messages there: whoever reads them recognises what they hold by its version.
    """
    taken = 0

    def count(error: KafkaError | None, _: object) -> None:
        nonlocal taken
        taken += error is None

    producer = Producer({**kafka, "acks": "all", "enable.idempotence": True, "message.max.bytes": 16 << 20})
    for letter in letters:
        producer.produce(
            letter["topic"], letter["value"], letter["key"], partition=letter["partition"], on_delivery=count
        )
        if len(producer) >= _UNDERWAY:
            producer.flush()
    producer.flush()
    return taken
