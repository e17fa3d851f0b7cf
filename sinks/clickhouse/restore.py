"""After the log is lost: fill `accepted` again from the archive, with the epochs and offsets of old.

The same versions give the same derived values. What is submitted from then on belongs to the next
epoch, which is for the caller to begin (`highest_epoch` + 1).
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from schemas import topics
from schemas.codec import encode_event
from sinks.clickhouse.archive import partitions, read_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from confluent_kafka import Message

    from sinks.clickhouse.archive import Archived
    from sinks.clickhouse.client import Client

    KafkaConfig = Mapping[str, str | int | bool]

log = structlog.get_logger(__name__)

MAX_REGISTRATIONS = 1_000
MAX_BYTES = 512 * 1024
_ANSWER_S = 30.0
_SEND_S = 120.0
_LOOK_AGAIN_S = 0.1
_NO_LEADER_YET = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
_client_log = logging.getLogger("librdkafka")


class RestoreError(Exception):
    """The log cannot be filled as it is; the message says why and what to do."""


def restore(
    kafka: KafkaConfig,
    client: Client,
    registry: str,
    *,
    onto_filled: bool = False,
    loaded_by: str | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Fill ``accepted.<registry>`` from the archive.

    Args:
        kafka: the Kafka clients' settings.
        client: the way to ClickHouse.
        registry: whose log.
        onto_filled: go on although the topic holds something already.
        loaded_by: a loader's consumer group that need not load all this again, for it stands in these
            very tables; it must have no members now. None where the form tables are to be filled too.
        on_progress: told how many registrations have been sent, now and then.

    Returns:
        How many registrations were sent, each of them acknowledged by the broker.

    Raises:
        RestoreError: the topic is missing, too narrow, or not empty.
        KafkaException: the broker does not answer, or does not take a batch.
        DatabaseError: the archive cannot be read.
    """
    topic = topics.accepted(registry)
    consumer = Consumer(
        {**kafka, "group.id": loaded_by or "guldadra-restore", "enable.auto.commit": False}, logger=_client_log
    )
    try:
        places = _places(consumer, topic)
        _refuse_unfit(consumer, topic, places, partitions(client, registry), onto_filled=onto_filled)
        sent, ends = _send(kafka, topic, registry, read_archive(client, registry), on_progress)
        if loaded_by and ends:
            after = [TopicPartition(topic, partition, offset + 1) for partition, offset in ends.items()]
            consumer.commit(offsets=after, asynchronous=False)
    finally:
        consumer.close()
    log.info("log restored", registry=registry, registrations=sent)
    return sent


def batches(registry: str, archived: Iterable[Archived]) -> Iterator[tuple[int, int, bytes]]:
    """Accepted submissions as (partition, how many, ``AcceptedBatch``), in order, of at most the usual size."""
    gathered: list[Archived] = []
    size = 0
    for one in archived:
        elsewhere = bool(gathered) and gathered[-1][:2] != one[:2]  # another partition or epoch
        if elsewhere or len(gathered) >= MAX_REGISTRATIONS or (gathered and size + len(one.payload) > MAX_BYTES):
            yield _batch(registry, gathered)
            gathered, size = [], 0
        gathered.append(one)
        size += len(one.payload)
    if gathered:
        yield _batch(registry, gathered)


def _batch(registry: str, gathered: list[Archived]) -> tuple[int, int, bytes]:
    first, last = gathered[0], gathered[-1]
    record = {
        "registry": registry,
        "partition": first.partition,
        "epoch": first.epoch,
        "first_offset": first.offset,
        "last_offset": last.offset,
        "registrations": [
            {
                "offset": one.offset,
                "submitted_at": one.submitted_at,
                "form": one.form,
                "schema_id": one.schema_id,
                "patient": one.patient,
                "registration_id": one.registration_id,
                "payload": one.payload,
            }
            for one in gathered
        ],
    }
    return first.partition, len(gathered), encode_event("accepted_batch", record)


def _places(consumer: Consumer, topic: str) -> list[int]:
    found = consumer.list_topics(topic, timeout=_ANSWER_S).topics[topic]
    if found.error is not None:
        raise RestoreError(f"there is no topic {topic}: run `guldadra topics create` first")
    return sorted(found.partitions)


def _refuse_unfit(consumer: Consumer, topic: str, places: list[int], wanted: list[int], *, onto_filled: bool) -> None:
    if too_high := [partition for partition in wanted if partition not in places]:
        raise RestoreError(
            f"{topic} has {len(places)} partitions, and the archive has registrations of partition "
            f"{', '.join(map(str, too_high))}: make the topic with as many as it had"
        )
    if onto_filled:
        return
    for partition in places:
        low, high = _ends(consumer, TopicPartition(topic, partition))
        if high > low:
            raise RestoreError(
                f"{topic} is not empty: partition {partition} has messages. A log that was restored in part is "
                "made anew before it is restored again: delete the topic and create it"
            )


def _ends(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    """Where a partition begins and ends; one that was made a moment ago may have no leader yet."""
    deadline = time.monotonic() + _ANSWER_S
    while True:
        try:
            low, high = consumer.get_watermark_offsets(place, timeout=_ANSWER_S)
        except KafkaException as error:
            if error.args[0].code() not in _NO_LEADER_YET or time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_AGAIN_S)
        else:
            return low, high


def _send(
    kafka: KafkaConfig,
    topic: str,
    registry: str,
    archived: Iterable[Archived],
    on_progress: Callable[[int], None] | None,
) -> tuple[int, dict[int, int]]:
    """Send everything; how many registrations, and each partition's last offset on the log."""
    failures: list[KafkaError] = []
    ends: dict[int, int] = {}

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failures.append(error)
        else:
            partition, offset = message.partition() or 0, message.offset() or 0
            ends[partition] = max(offset, ends.get(partition, -1))

    producer = Producer(
        {
            **kafka,
            "enable.idempotence": True,  # each partition in order, each batch once
            "compression.type": "lz4",
            "linger.ms": 5,
            "message.max.bytes": 4 << 20,
            "queue.buffering.max.kbytes": 64 << 10,
        },
        logger=_client_log,
    )
    sent = 0
    for partition, count, value in batches(registry, archived):
        _produce(producer, topic, partition, value, delivered)
        sent += count
        if failures:
            break
        if on_progress is not None:
            on_progress(sent)
    left = producer.flush(_SEND_S)
    if failures:
        raise KafkaException(failures[0])
    if left:
        raise KafkaException(
            KafkaError(KafkaError._MSG_TIMED_OUT, f"{topic} did not take {left} batches in {_SEND_S:.0f} s")  # noqa: SLF001 - the client's public constant is spelt so
        )
    return sent, ends


def _produce(
    producer: Producer,
    topic: str,
    partition: int,
    value: bytes,
    delivered: Callable[[KafkaError | None, Message], None],
) -> None:
    while True:
        try:
            producer.produce(topic, value, partition=partition, on_delivery=delivered)
        except BufferError:
            producer.poll(0.05)
        else:
            producer.poll(0)
            return
