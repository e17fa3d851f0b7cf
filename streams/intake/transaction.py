"""The way out of intake: one librdkafka transaction with everything that one poll decided."""

from __future__ import annotations

import logging
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

_TIMEOUT_S = 30.0
_TRANSACTION_TIMEOUT_MS = 20_000
_MOST_REBIRTHS = 3
_REBIRTH_WINDOW_S = 120.0


class TransactionAbortedError(Exception):
    """Nothing of the transaction counts; decide the same submissions again."""


class FencedError(Exception):
    """Another instance has taken over this one's name."""


class Outbox:
    """Commits slices and offsets together, under a name that outlives the process.

    A start under the same name ends at once what a dead process left open; else readers would wait
    for the broker to time it out.
    """

    def __init__(self, kafka: KafkaConfig, transactional_id: str) -> None:
        self._kafka = kafka
        self._id = transactional_id
        self._rebirths: list[float] = []
        self._producer = self._born()

    def commit(self, slices: Sequence[Slice], offsets: list[TopicPartition], group: object) -> None:
        """Send the slices' batches and receipts and move the group's offsets, all or nothing.

        Raises:
            TransactionAbortedError: nothing was sent; the same may be tried again.
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
        kafka_error: KafkaError = error.args[0]
        if not kafka_error.fatal():
            try:
                _again(lambda: self._producer.abort_transaction(_TIMEOUT_S))
            except KafkaException as worse:
                kafka_error = worse.args[0]
            else:
                return
        now = time.monotonic()
        self._rebirths = [moment for moment in self._rebirths if now - moment < _REBIRTH_WINDOW_S] + [now]
        if len(self._rebirths) > _MOST_REBIRTHS:
            raise FencedError(
                f"{self._id} was taken over {len(self._rebirths)} times in {_REBIRTH_WINDOW_S:.0f} s: another process "
                "runs under this name; give each its own GULDADRA_INSTANCE"
            ) from error
        log.warning("transactional producer lost, taking another", error=kafka_error.str())
        self._producer = self._born()

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
            return call()
        except KafkaException as error:
            kafka_error: KafkaError = error.args[0]
            if not kafka_error.retriable() or kafka_error.txn_requires_abort() or kafka_error.fatal():
                raise
            log.warning("the broker is slow or away, asking again", error=kafka_error.str())
            time.sleep(wait)
            wait = min(wait * 2, 5.0)
