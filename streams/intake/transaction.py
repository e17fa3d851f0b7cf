"""The way out of intake: one librdkafka transaction with everything that one poll decided."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from schemas import topics
from schemas.membership import FencedError
from streams.intake import metrics
from streams.transactions import TIMEOUT_S, TransactionAbortedError, TransactionalProducer, again, put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import Producer, TopicPartition

    from streams.control import KafkaConfig
    from streams.intake.slices import Slice

_SETTINGS = {"linger.ms": 0, "message.max.bytes": 4 << 20, "queue.buffering.max.kbytes": 65_536}


class Outbox:
    """Commits slices and offsets together, under a name that outlives the process."""

    def __init__(self, kafka: KafkaConfig, transactional_id: str) -> None:
        self._transactions = TransactionalProducer(kafka, transactional_id, _SETTINGS)

    def commit(self, slices: Sequence[Slice], offsets: list[TopicPartition], group: object) -> None:
        """Send the slices' batches and receipts and move the group's offsets, all or nothing.

        Raises:
            TransactionAbortedError: whether it counts is settled now, and the group's committed offsets
                tell; go on from them.
            FencedError: the name belongs to another process now.
        """
        started = time.perf_counter()

        def send(producer: Producer) -> None:
            for piece in slices:
                if (batch := piece.accepted_batch()) is not None:
                    put(producer, topics.accepted(piece.registry), batch, partition=piece.partition)
                put(producer, topics.receipts(piece.registry), piece.receipt(), partition=piece.partition)
            again(lambda: producer.send_offsets_to_transaction(offsets, group, TIMEOUT_S))

        try:
            self._transactions.commit(send)
        except (TransactionAbortedError, FencedError):
            metrics.ABORTED.inc()
            raise
        metrics.TRANSACTIONS.inc()
        metrics.COMMIT_SECONDS.observe(time.perf_counter() - started)
