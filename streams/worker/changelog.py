"""Bringing a store up to the end of its changelog: in bulk, by librdkafka, committed transactions only."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from streams.worker.identity import admin_of, identity_of
from streams.worker.store import Mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.control import KafkaConfig
    from streams.worker.store import Store

log = structlog.get_logger(__name__)
_client_log = logging.getLogger("librdkafka")

_ANSWER_S = 30.0
_AT_ONCE = 10_000
_TELL_EVERY_S = 5.0


class Changelog:
    """One partition of a changelog.

    Whoever recovers from it has taken its producer's name first, so nobody else writes it any more.
    """

    def __init__(self, kafka: KafkaConfig, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self._kafka = kafka

    def recover(self, store: Store, tell: Callable[[int, int], None]) -> int:
        """Bring a store to the changelog's end.

        Args:
            store: goes on from its mark where that is of this changelog, else it is wiped first.
            tell: told again and again how far it is, and of how much (both offsets).

        Returns:
            How many records were read.

        Raises:
            KafkaException: the broker does not answer.
            StoreError: the store cannot be written.
            RecoveryStoppedError: ``tell`` says so.
        """
        identity = identity_of(self._kafka, self.topic)
        place = TopicPartition(self.topic, self.partition)
        admin = admin_of(self._kafka)
        low, end = (
            admin.list_offsets({place: spec}, request_timeout=_ANSWER_S)[place].result().offset
            for spec in (OffsetSpec.earliest(), OffsetSpec.latest())  # type: ignore[no-untyped-call]
        )
        mark = store.mark
        if mark is not None and (mark.topic != identity or not low <= mark.offset <= end):
            log.warning(
                "the store is of another changelog, filling it anew", topic=self.topic, partition=self.partition
            )
            store.wipe()
            mark = None
        place.offset = low if mark is None else mark.offset
        if mark is None:
            store.write({}, Mark(identity, low))
        return self._read(store, place, end, tell)

    def _read(self, store: Store, place: TopicPartition, end: int, tell: Callable[[int, int], None]) -> int:
        """Read to the end.

        The embedded broker tells an end that is too low, so the end is where the client meets it; a
        broker that has just become the leader may let it be met too early, so not before the end that was told.
        """
        identity = "" if store.mark is None else store.mark.topic
        started = progress = told = time.monotonic()
        count = 0
        consumer = self._consumer()
        try:
            consumer.list_topics(self.topic, timeout=_ANSWER_S)  # assigned to a known broker, it reads at once
            consumer.assign([place])
            reached = False
            while not reached:
                writes: dict[bytes, bytes | None] = {}
                offset = -1
                for message in consumer.consume(_AT_ONCE, 0.1):
                    error = message.error()
                    if error is None:
                        key = message.key()
                        if key is not None:
                            writes[key] = message.value()
                        count += 1
                        offset = message.offset() + 1  # type: ignore[operator]  # a message that was read has one
                    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public constant is spelt so
                        offset = message.offset() or 0
                        reached = offset >= end
                    elif not error.retriable():
                        raise KafkaException(error)
                now = time.monotonic()
                if offset >= 0:
                    store.write(writes, Mark(identity, offset))
                    progress = now
                elif now - progress > _ANSWER_S:
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"no answer about {self.topic}"))  # noqa: SLF001 - likewise
                tell(max(offset, 0), end)
                if now - told > _TELL_EVERY_S:
                    told = now
                    log.info("recovering", topic=self.topic, partition=self.partition, offset=offset, end=end)
        finally:
            consumer.close()
        log.info(
            "recovered",
            topic=self.topic,
            partition=self.partition,
            records=count,
            seconds=round(time.monotonic() - started, 3),
        )
        return count

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                **self._kafka,
                "group.id": "guldadra-recovery",  # required by the client, never used: nothing is committed
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.queue.backoff.ms": 10,  # the default of 1,000 idles
                "fetch.wait.max.ms": 10,  # the end is told with an empty answer
                "fetch.message.max.bytes": 8 << 20,
                "queued.min.messages": 1_000_000,
                "queued.max.messages.kbytes": 65_536,
            },
            logger=_client_log,
        )
