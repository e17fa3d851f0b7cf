"""The Kafka side of the loader: messages in, offsets out when what they stand for is inserted.

A partition that is taken away loses its claim to a commit at once; rows of it that were read may still
be inserted, here and by its next owner, for a row twice is a row once.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.membership import refuse_lost_membership
from sinks.clickhouse import metrics
from sinks.clickhouse.buffer import Read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from confluent_kafka import Message

log = structlog.get_logger(__name__)

_MESSAGES_A_POLL = 20  # of up to 1,000 registrations each
_client_log = logging.getLogger("librdkafka")
_Place = tuple[str, int]


class ReaderNotReadyError(Exception):
    """The topics cannot be read; the message says what to do."""


class Reader:
    """Reads the loader's topics, read_committed, and commits when told.

    Args:
        kafka: the client's settings.
        names: the topics.
        group: the consumer group.
        instance: a name that is the same after a restart, for static membership; None for none.
        on_revoke: called before partitions go, so that what was read of them can still be inserted
            and committed.
    """

    def __init__(
        self,
        kafka: Mapping[str, str | int | bool],
        names: Sequence[str],
        *,
        group: str,
        instance: str | None,
        on_revoke: Callable[[], None],
    ) -> None:
        self._on_revoke = on_revoke
        self._names = list(names)
        self._taken: dict[_Place, int] = {}
        self._read_from: set[_Place] = set()
        self._ended: set[_Place] = set()
        self._held: frozenset[_Place] = frozenset()
        self._paused = False
        self._settings: dict[str, str | int | bool] = {
            "session.timeout.ms": 6_000,
            "heartbeat.interval.ms": 1_000,
            **kafka,
            "group.id": group,
            **({"group.instance.id": instance} if instance else {}),
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 10,  # at its default a second is lost whenever the queue was full
            "queued.max.messages.kbytes": 32 << 10,
            "fetch.max.bytes": 16 << 20,
        }
        self._consumer = Consumer(self._settings, logger=_client_log)

    def subscribe(self) -> None:
        """Join the group.

        Raises:
            ReaderNotReadyError: a topic is not there.
            KafkaException: the broker does not answer.
        """
        existing = self._consumer.list_topics(timeout=30.0).topics
        if missing := [name for name in self._names if name not in existing]:
            raise ReaderNotReadyError(f"there is no topic {', '.join(missing)}: run `guldadra topics create`")
        self._join()

    def rejoin(self) -> None:
        """Take the name again with another consumer, once it was lost.

        What was read and not committed comes again; nothing of it may be held any more.

        Raises:
            KafkaException: the client cannot join.
        """
        self._consumer.close()
        self._forget([TopicPartition(*place) for place in self._held])
        self._paused = False
        self._consumer = Consumer(self._settings, logger=_client_log)
        self._join()

    def read(self, timeout_s: float) -> Iterator[Read]:
        """What has arrived, or arrives within the time.

        Raises:
            MembershipLostError: the consumer cannot go on, such as a fenced static member.
        """
        # consume() waits for as many as it was asked for or its time: so wait for one, then take what is there
        messages = self._consumer.consume(1, max(timeout_s, 0.0))
        if messages:
            messages += self._consumer.consume(_MESSAGES_A_POLL - 1, 0.0)
        for message in messages:
            error = message.error()
            place = (str(message.topic()), int(message.partition() or 0))
            if error is None:
                yield self._taken_in(place, message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public constant is spelt so
                self._ended.add(place)
                if place in self._read_from:  # the end lies behind the marks of transactions: so far it is read
                    self._taken[place] = int(message.offset() or 0)
            else:
                refuse_lost_membership(error)
                metrics.BROKER_ERRORS.inc()
                log.warning("the broker reports", error=error.str())

    def holds(self, topic: str, partition: int) -> bool:
        """Whether a partition is assigned to this reader now; may be asked from any thread."""
        return (topic, partition) in self._held

    def wait(self, seconds: float) -> Iterator[Read]:
        """Read nothing for a while and stay a member; what was on its way all the same is given out."""
        self._paused = True
        self._consumer.pause(self._consumer.assignment())  # each time: a rebalance brings partitions that are not
        yield from self.read(seconds)

    def go_on(self) -> None:
        """Read again after waiting."""
        if self._paused:
            self._paused = False
            self._consumer.resume(self._consumer.assignment())

    def commit(self) -> None:
        """Commit everything read so far of the partitions still held.

        A commit that the broker refuses is no loss: the same messages come again, to the same rows.

        Raises:
            MembershipLostError: the consumer cannot go on.
        """
        if not self._taken:
            return
        offsets = [TopicPartition(topic, partition, after) for (topic, partition), after in self._taken.items()]
        try:
            done = self._consumer.commit(offsets=offsets, asynchronous=False) or []
        except KafkaException as error:
            reason = error.args[0]
            refuse_lost_membership(reason)
            metrics.COMMITS_FAILED.inc()
            log.warning("offsets not committed, they will be with the next", error=reason.str())
            return
        for place in done:
            if place.error is None and self._taken.get((place.topic, place.partition)) == place.offset:
                del self._taken[place.topic, place.partition]

    def lag(self) -> int:
        """Messages not yet read over all partitions held; also told to Prometheus."""
        total = 0
        for at in self._consumer.position(self._consumer.assignment()):
            first, end = self._consumer.get_watermark_offsets(at, cached=True)
            # the end counts transaction markers too, so a partition read to its end says so itself
            behind = 0 if (at.topic, at.partition) in self._ended else max(end - max(at.offset, first, 0), 0)
            metrics.LAG.labels(at.topic, at.partition).set(behind)
            total += behind
        return total

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _join(self) -> None:
        self._consumer.subscribe(self._names, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def _taken_in(self, place: _Place, message: Message) -> Read:
        offset = int(message.offset() or 0)
        self._taken[place] = offset + 1
        self._read_from.add(place)
        self._ended.discard(place)
        key = message.key()
        return Read(*place, offset, key.encode() if isinstance(key, str) else key, message.value())

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("partitions assigned", partitions=_names(partitions))
        self._held |= {(place.topic, place.partition) for place in partitions}
        if self._paused:
            consumer.pause(partitions)

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._on_revoke()
        self._forget(partitions)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.warning("partitions lost", partitions=_names(partitions))
        self._forget(partitions)

    def _forget(self, partitions: list[TopicPartition]) -> None:
        self._held -= {(place.topic, place.partition) for place in partitions}
        for place in partitions:
            self._taken.pop((place.topic, place.partition), None)
            self._read_from.discard((place.topic, place.partition))
            self._ended.discard((place.topic, place.partition))
            metrics.LAG.remove(place.topic, str(place.partition))


def _names(partitions: Sequence[TopicPartition]) -> list[str]:
    return [f"{place.topic}/{place.partition}" for place in partitions]
