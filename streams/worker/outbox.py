"""The way out of one partition: what it keeps, what leaves and how far it is, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas import topics
from streams.transactions import TransactionAbortedError, TransactionalProducer, put

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from confluent_kafka import KafkaError, Message, Producer

    from streams.control import KafkaConfig
    from streams.step import Output

_SETTINGS: Mapping[str, str | int | bool] = {
    "linger.ms": 5,  # the commit sends at once whatever waits
    "message.max.bytes": 4 << 20,
    "batch.size": 1 << 20,
    "queue.buffering.max.messages": 1_000_000,
    "queue.buffering.max.kbytes": 262_144,
    "partitioner": topics.MURMUR2,
}


class PartitionOutbox:
    """Commits one partition's transactions under the partition's own name.

    Its start is the fence: from then on no former owner of the partition can commit anything.

    Args:
        kafka: the clients' settings.
        name: of the transactions.
        changelog: what the partition keeps goes there.
        partition: which one.
        turn: held while sending.
        alone: held from the first message to the end of the commit.
        at: told when all is sent and nothing committed.
    """

    def __init__(
        self,
        kafka: KafkaConfig,
        name: str,
        changelog: str,
        partition: int,
        *,
        turn: AbstractContextManager[object],
        alone: AbstractContextManager[object],
        at: Callable[[str], None],
    ) -> None:
        self._transactions = TransactionalProducer(kafka, name, _SETTINGS, yields=True)
        self._changelog = changelog
        self._partition = partition
        self._turn = turn
        self._alone = alone
        self._at = at

    def commit(self, writes: dict[bytes, bytes | None], outputs: Sequence[Output]) -> int:
        """Commit, all or nothing.

        Args:
            writes: what the changelog gets, in their order; the position is the last of them.
            outputs: what leaves.

        Returns:
            The changelog's offset after the last of the writes.

        Raises:
            TransactionAbortedError: the changelog tells whether it counts.
            FencedError: the partition belongs to another process now.
        """
        after = -1

        def note(error: KafkaError | None, message: Message) -> None:
            nonlocal after
            offset = message.offset()
            if error is None and offset is not None:
                after = offset + 1

        def send(producer: Producer) -> None:
            with self._turn:
                for output in outputs:
                    where = -1 if output.partition is None else output.partition
                    put(producer, output.topic, output.value, output.key, partition=where)
                last = next(reversed(writes))
                for key, value in writes.items():
                    if key is not last:
                        put(producer, self._changelog, value, key, partition=self._partition)
                put(producer, self._changelog, writes[last], last, partition=self._partition, on_delivery=note)
            self._at("sent")

        with self._alone:
            self._transactions.commit(send)
        if after < 0:
            raise TransactionAbortedError("the broker did not say where the position is")
        return after
