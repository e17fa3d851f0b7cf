"""From a registry's topics to others, exactly: what is told and how far was read commit together.

Whatever dies in between, the next start takes the name of the transactions, which settles what was left open, reads
again what was told, and goes on from the offsets that are committed. One process at a time has the name.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from streams.control import ControlReader
from streams.transactions import TIMEOUT_S, TransactionAbortedError, TransactionalProducer, again

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence

    from confluent_kafka import Message, Producer

    from streams.control import KafkaConfig

log = structlog.get_logger(__name__)

_MOST_MESSAGES = 500
_WAIT_S = 0.05
_STOPPED_WAIT_S = 0.2
_ANSWER_S = 30.0
_FIRST_BACKOFF_S = 0.2
_LONGEST_BACKOFF_S = 10.0
_SETTINGS = {"linger.ms": 0, "message.max.bytes": 4 << 20}
_client_log = logging.getLogger("librdkafka")


class RelayNotReadyError(Exception):
    """What is to be read or written is not there; the message says what to do."""


class Heard(NamedTuple):
    """A message that was read; ``at`` is when it was sent, in milliseconds since 1970."""

    topic: str
    value: bytes
    at: int


class Told(NamedTuple):
    """A message that leaves, to a topic of one partition."""

    topic: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Teller(Protocol):
    """What is made of messages. Its state is what it has told: it is given that back at each start."""

    def recall(self, topic: str, value: bytes) -> None:
        """Take up what was told, in order."""
        ...

    def forget(self) -> None:
        """Nothing was told: all of it is recalled next."""
        ...

    def tell(self, heard: Heard, control: ControlReader) -> Iterable[Told]:
        """What is to be told of a message; bytes that say nothing are told of to the log alone."""
        ...


@dataclass(slots=True)
class RelayHealth:
    """What a relay says of itself; ``last_progress`` is of the monotonic clock."""

    told: int = 0
    lag: int = 0
    caught_up: bool = False
    stopped: str = ""
    last_progress: float = 0.0
    last_error: str | None = None


class Relay:
    """Reads a registry's topics and tells what they come to.

    Args:
        kafka: the clients' settings.
        registry: whose topics; its stop switch holds here too.
        name: of the transactions and the group that offsets are committed in: for life.
        teller: what is made of messages.
        sources: the topics that are read, those first that the others speak of: of a later one nothing is taken
            until the earlier ones are read to their ends.
        targets: the topics that are written to.
        at: told when a moment of a transaction is reached: ``computed``, ``sent``, ``committed``.
    """

    def __init__(
        self,
        kafka: KafkaConfig,
        registry: str,
        name: str,
        teller: Teller,
        *,
        sources: Sequence[str],
        targets: Sequence[str],
        at: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.health = RelayHealth(last_progress=time.monotonic())
        self._kafka = kafka
        self._registry = registry
        self._name = name
        self._sources = list(sources)
        self._targets = list(targets)
        self._teller = teller
        self._at = at

    def run(self, stop: threading.Event) -> None:
        """Tell until told to stop; the transaction in hand is finished.

        Raises:
            RelayNotReadyError: a topic is not there.
            FencedError: another process runs under the same name.
            KafkaException: the broker does not answer at the start.
        """
        with ControlReader(self._kafka) as control:
            self._refuse_missing()
            transactions = TransactionalProducer(self._kafka, self._name, _SETTINGS)
            log.info("relay started", name=self._name)
            failures = 0
            while not stop.is_set():
                sources = [_Source(self._kafka, self._name, topic) for topic in self._sources]
                try:
                    self._teller.forget()
                    for topic in self._targets:
                        read_whole(self._kafka, topic, lambda value, topic=topic: self._teller.recall(topic, value))  # type: ignore[misc]  # a default binds the loop's value
                    while not stop.is_set():
                        self._turn(control, sources, transactions, stop)
                        failures = 0
                except (TransactionAbortedError, KafkaException) as error:
                    failures += 1
                    self.health.last_error = str(error)
                    self.health.caught_up = False
                    log.warning("what was read will be read again", error=str(error), failures=failures)
                    stop.wait(min(_FIRST_BACKOFF_S * 2**failures, _LONGEST_BACKOFF_S))
                finally:
                    for source in sources:
                        source.close()
        log.info("relay stopped", told=self.health.told)

    def _turn(
        self,
        control: ControlReader,
        sources: Sequence[_Source],
        transactions: TransactionalProducer,
        stop: threading.Event,
    ) -> None:
        control.poll()
        said = control.of(self._registry)
        self.health.stopped = said.sentence if said is not None and said.stopped else ""
        if self.health.stopped:
            stop.wait(_STOPPED_WAIT_S)
            return
        for source in sources:
            messages = source.read(0 if source is not sources[0] else _WAIT_S)
            if messages:
                self._relay(control, source, messages, transactions)
                self.health.caught_up = False
                return
            if not source.at_end:
                self.health.caught_up = False
                return
        self.health.caught_up = True
        self.health.lag = 0
        self.health.last_progress = time.monotonic()

    def _relay(
        self, control: ControlReader, source: _Source, messages: Sequence[Message], transactions: TransactionalProducer
    ) -> None:
        told: list[Told] = []
        for message in messages:
            value = message.value()
            if value is not None:
                told += self._teller.tell(Heard(source.topic, bytes(value), message.timestamp()[1]), control)
        self._at("computed")

        def send(producer: Producer) -> None:
            for one in told:
                producer.produce(one.topic, one.value, partition=0, headers=[*one.headers])
            again(lambda: producer.send_offsets_to_transaction(source.after(messages), source.group, TIMEOUT_S))
            self._at("sent")

        transactions.commit(send)
        self._at("committed")
        self.health.told += len(told)
        self.health.lag = source.lag()
        self.health.last_progress = time.monotonic()

    def _refuse_missing(self) -> None:
        asking = Consumer({**self._kafka, "group.id": self._name}, logger=_client_log)
        try:
            known = asking.list_topics(timeout=_ANSWER_S).topics
        finally:
            asking.close()
        if missing := [topic for topic in (*self._sources, *self._targets) if topic not in known]:
            raise RelayNotReadyError(f"there is no topic {', '.join(missing)}: run `guldadra topics create`")


class _Source:
    """One topic, read from where the group has committed on, all of its partitions."""

    def __init__(self, kafka: KafkaConfig, group: str, topic: str) -> None:
        self.topic = topic
        self._consumer = Consumer(
            {
                **kafka,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.queue.backoff.ms": 10,
            },
            logger=_client_log,
        )
        known = self._consumer.list_topics(topic, timeout=_ANSWER_S).topics[topic]
        if known.error is not None:
            raise KafkaException(known.error)
        places = [TopicPartition(topic, number) for number in known.partitions]
        self._behind = set(known.partitions)
        committed = self._consumer.committed(places, timeout=_ANSWER_S)
        for place in committed:
            if place.error is not None:
                raise KafkaException(place.error)
        self._consumer.assign(
            [
                TopicPartition(topic, place.partition, place.offset if place.offset >= 0 else OFFSET_BEGINNING)
                for place in committed
            ]
        )

    @property
    def at_end(self) -> bool:
        """Whether all partitions have been read to their ends."""
        return not self._behind

    @property
    def group(self) -> object:
        """What a transaction needs to know to commit the group's offsets."""
        return self._consumer.consumer_group_metadata()

    def read(self, patience_s: float) -> list[Message]:
        """What has arrived, or arrives within the time: one by itself hardly waits.

        Raises:
            KafkaException: the topic cannot be read.
        """
        found = self._consumer.consume(1, patience_s)
        if found:
            found += self._consumer.consume(_MOST_MESSAGES - 1, 0)
        messages = []
        for message in found:
            error = message.error()
            if error is None:
                self._behind.add(int(message.partition() or 0))
                messages.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public constant is spelt so
                self._behind.discard(int(message.partition() or 0))
            elif not error.retriable():
                raise KafkaException(error)
        return messages

    def after(self, messages: Sequence[Message]) -> list[TopicPartition]:
        """The offsets to go on from after these messages."""
        last = {int(message.partition() or 0): int(message.offset() or 0) + 1 for message in messages}
        return [TopicPartition(self.topic, partition, offset) for partition, offset in last.items()]

    def lag(self) -> int:
        """Messages not yet read, as far as the client knows."""
        total = 0
        for place in self._consumer.position(self._consumer.assignment()):
            if place.partition in self._behind:
                first, end = self._consumer.get_watermark_offsets(place, cached=True)
                total += max(end - max(place.offset, first, 0), 0)
        return total

    def close(self) -> None:
        """Let go of the topic."""
        self._consumer.close()


def read_whole(kafka: KafkaConfig, topic: str, take: Callable[[bytes], None]) -> None:
    """Read a topic of one partition from its beginning to its end, committed transactions only.

    Raises:
        KafkaException: it cannot be read, or the broker does not answer for long.
    """
    consumer = Consumer(
        {
            **kafka,
            "group.id": "guldadra-relay",  # required by the client, never used: nothing is committed
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 10,
            "fetch.wait.max.ms": 10,  # the end is waited for at each start
        },
        logger=_client_log,
    )
    try:
        consumer.list_topics(topic, timeout=_ANSWER_S)  # of a known broker it reads at once
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        heard = time.monotonic()
        while True:
            for message in consumer.consume(_MOST_MESSAGES, 0.02):
                heard = time.monotonic()
                error, value = message.error(), message.value()
                if error is None and value is not None:
                    take(bytes(value))
                elif error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - likewise
                    return
                elif error is not None and not error.retriable():
                    raise KafkaException(error)
            if time.monotonic() - heard > _ANSWER_S:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"no answer about {topic}"))  # noqa: SLF001 - likewise
    finally:
        consumer.close()
