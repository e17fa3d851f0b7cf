"""The way out of intake: one librdkafka transaction with everything that one poll decided."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from schemas import topics
from streams.intake import metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import TopicPartition

    from streams.control import KafkaConfig
    from streams.intake.slices import Slice

log = structlog.get_logger(__name__)

_TIMEOUT_S = 10.0
_STUCK_S = 15.0
_TRANSACTION_TIMEOUT_MS = 20_000
_MOST_LOSSES = 3
_LOSS_WINDOW_S = 120.0


class TransactionAbortedError(Exception):
    """The transaction did not get through for certain; go on from what the group has committed."""


class FencedError(Exception):
    """Another instance has taken over this one's name."""


class Losses:
    """Counts how often a name was lost to another client: now and then the broker is to blame, often a twin."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._moments: list[float] = []

    def add(self, error: Exception) -> None:
        """The name was lost once more, and will be taken again.

        Raises:
            FencedError: it is lost too often; another process has it.
        """
        now = time.monotonic()
        self._moments = [moment for moment in self._moments if now - moment < _LOSS_WINDOW_S] + [now]
        if len(self._moments) > _MOST_LOSSES:
            raise FencedError(
                f"{self._name} was taken over {len(self._moments)} times in {_LOSS_WINDOW_S:.0f} s: another process "
                "runs under this name; give each its own GULDADRA_INSTANCE"
            ) from error
        log.warning("lost the name, taking it again", name=self._name, error=str(error))


class Outbox:
    """Commits slices and offsets together, under a name that outlives the process.

    A start under the same name ends at once what a dead process left open; else readers would wait
    for the broker to time it out.
    """

    def __init__(self, kafka: KafkaConfig, transactional_id: str) -> None:
        self._kafka = kafka
        self._id = transactional_id
        self._losses = Losses(transactional_id)
        self._producer = self._born()

    def commit(self, slices: Sequence[Slice], offsets: list[TopicPartition], group: object) -> None:
        """Send the slices' batches and receipts and move the group's offsets, all or nothing.

        Raises:
            TransactionAbortedError: whether it counts is settled now, and the group's committed offsets
                tell; go on from them.
            FencedError: the name belongs to another process now.
        """
        started = time.perf_counter()
        try:
            self._producer.begin_transaction()
            for piece in slices:
                if (batch := piece.accepted_batch()) is not None:
                    self._send(topics.accepted(piece.registry), piece.partition, batch)
                self._send(topics.receipts(piece.registry), piece.partition, piece.receipt())
            _again(lambda: self._producer.send_offsets_to_transaction(offsets, group, _TIMEOUT_S))
            _again(lambda: self._producer.commit_transaction(_TIMEOUT_S))
        except _StuckError as error:
            metrics.ABORTED.inc()
            self._take_another(error)
            raise TransactionAbortedError(str(error)) from error
        except KafkaException as error:
            metrics.ABORTED.inc()
            self._give_up(error)
            raise TransactionAbortedError(str(error)) from error
        metrics.TRANSACTIONS.inc()
        metrics.COMMIT_SECONDS.observe(time.perf_counter() - started)

    def _send(self, topic: str, partition: int, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(topic, value, partition=partition)
            except BufferError:
                self._producer.poll(0.05)
            else:
                return

    def _give_up(self, error: KafkaException) -> None:
        """End the transaction; where the producer itself is lost, take another under the same name."""
        lost: Exception = error
        if not error.args[0].fatal():
            try:
                _again(lambda: self._producer.abort_transaction(_TIMEOUT_S))
            except (KafkaException, _StuckError) as worse:
                lost = worse
            else:
                return
        self._take_another(lost)

    def _take_another(self, error: Exception) -> None:
        """Another producer under the same name: its start settles what the last one left open."""
        self._losses.add(error)
        try:
            self._producer = self._born()
        except _StuckError as stuck:
            raise TransactionAbortedError(str(stuck)) from stuck

    def _born(self) -> Producer:
        producer = Producer(
            {
                **self._kafka,
                "transactional.id": self._id,
                "transaction.timeout.ms": _TRANSACTION_TIMEOUT_MS,
                "compression.type": "lz4",
                "linger.ms": 0,
                "message.max.bytes": 4 << 20,
                "queue.buffering.max.kbytes": 65_536,
            },
            logger=logging.getLogger("librdkafka"),
        )
        _again(lambda: producer.init_transactions(_TIMEOUT_S))
        return producer


def _again(call: Callable[[], None]) -> None:
    """Make a call, again while the client says that it may be made again.

    Without end: a commit whose fate is unknown must be asked for until it is known.
    """
    wait = 0.05
    while True:
        try:
            return _in_time(call)
        except KafkaException as error:
            kafka_error: KafkaError = error.args[0]
            if not kafka_error.retriable() or kafka_error.txn_requires_abort() or kafka_error.fatal():
                raise
            log.warning("the broker is slow or away, asking again", error=kafka_error.str())
            time.sleep(wait)
            wait = min(wait * 2, 5.0)


def _in_time(call: Callable[[], None]) -> None:
    """Make a call that has a time limit of its own, and see that it keeps it.

    After a broker's outage librdkafka's ``send_offsets_to_transaction`` may wait for the group's
    coordinator for ever, whatever its limit (seen with confluent-kafka 2.16 on Kafka 3.9, a broker killed
    between two calls). The call is then left behind in its thread, with its producer.

    Raises:
        KafkaException: the call's own.
        _StuckError: it did not come back.
    """
    came_back: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def make() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits
            came_back.put(error)
        else:
            came_back.put(None)

    threading.Thread(target=make, name="transaction", daemon=True).start()
    try:
        error = came_back.get(timeout=_STUCK_S)
    except queue.Empty:
        raise _StuckError(f"the Kafka client did not come back within {_STUCK_S:.0f} s") from None
    if error is not None:
        raise error


class _StuckError(Exception):
    """The client keeps waiting for what will not come."""
