"""Kafka transactions under a name that outlives the process: the batch and the fence of whoever writes exactly."""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.membership import FencedError, Losses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from confluent_kafka import Message

    from streams.control import KafkaConfig

log = structlog.get_logger(__name__)

TIMEOUT_S = 10.0
_STUCK_S = 15.0
_TRANSACTION_TIMEOUT_MS = 20_000
_UNKNOWN_S = 2 * _TRANSACTION_TIMEOUT_MS / 1000
_FENCED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)  # noqa: SLF001 - the client's public constant is spelt so


class TransactionAbortedError(Exception):
    """The transaction did not get through for certain; go on from what the broker says is committed."""


class TransactionalProducer:
    """A librdkafka producer with a transactional id.

    A start under the same name ends at once what a dead process left open; else readers would wait
    for the broker to time it out.

    Args:
        kafka: the clients' settings.
        transactional_id: the name.
        settings: what this producer needs beside them.
        yields: whether another process may rightly take the name. Then its loss is told at once; else the
            name is taken back, unless that happens too often.

    Raises:
        KafkaException, StuckError: the broker did not give the name.
    """

    def __init__(
        self,
        kafka: KafkaConfig,
        transactional_id: str,
        settings: Mapping[str, str | int | bool],
        *,
        yields: bool = False,
    ) -> None:
        self._config = {
            **kafka,
            "transactional.id": transactional_id,
            "transaction.timeout.ms": _TRANSACTION_TIMEOUT_MS,
            "compression.type": "lz4",
            **settings,
        }
        self._id = transactional_id
        self._yields = yields
        self._losses = Losses(transactional_id)
        self._producer = self._born()

    def commit(self, send: Callable[[Producer], None]) -> None:
        """Commit everything that ``send`` sends, all or nothing.

        Raises:
            TransactionAbortedError: whether it counts is settled now, and what is committed tells; go on
                from there.
            FencedError: the name belongs to another process now.
        """
        try:
            self._producer.begin_transaction()
            send(self._producer)
            again(lambda: self._producer.commit_transaction(TIMEOUT_S))
        except StuckError as error:
            self._take_another(error)
            raise TransactionAbortedError(str(error)) from error
        except KafkaException as error:
            self._give_up(error)
            raise TransactionAbortedError(str(error)) from error

    def _give_up(self, error: KafkaException) -> None:
        """End the transaction; where the producer itself is lost, take another under the same name."""
        lost: Exception = error
        if self._yields and error.args[0].code() in _FENCED:
            raise FencedError(f"{self._id} belongs to another process now") from error
        if not error.args[0].fatal():
            try:
                again(lambda: self._producer.abort_transaction(TIMEOUT_S))
            except (KafkaException, StuckError) as worse:
                if self._yields and isinstance(worse, KafkaException) and worse.args[0].code() in _FENCED:
                    raise FencedError(f"{self._id} belongs to another process now") from worse
                lost = worse
            else:
                return
        self._take_another(lost)

    def _take_another(self, error: Exception) -> None:
        """Another producer under the same name: its start settles what the last one left open."""
        if self._yields:
            # Whose the name is now cannot be told from here; whoever owns the work takes it again.
            raise TransactionAbortedError(str(error)) from error
        self._losses.add(error)
        try:
            self._producer = self._born()
        except StuckError as stuck:
            raise TransactionAbortedError(str(stuck)) from stuck

    def _born(self) -> Producer:
        producer = Producer(self._config, logger=logging.getLogger("librdkafka"))
        again(lambda: producer.init_transactions(TIMEOUT_S), math.inf)  # there is no other way on
        return producer


def put(
    producer: Producer,
    topic: str,
    value: bytes | None,
    key: bytes | None = None,
    *,
    partition: int = -1,
    on_delivery: Callable[[KafkaError | None, Message], None] | None = None,
) -> None:
    """Produce a message, waiting while the client's queue is full.

    Raises:
        KafkaException: the client does not take it.
    """
    while True:
        try:
            producer.produce(topic, value, key, partition, on_delivery)
        except BufferError:
            producer.poll(0.05)
        else:
            return


def again(call: Callable[[], None], patience_s: float = _UNKNOWN_S) -> None:
    """Make a call, again while the client says that it may be made again.

    A commit whose fate is unknown is asked for until it is known, but not for ever: the broker has ended the
    transaction by itself long before the patience ends, yet after an outage as long as that librdkafka may go on to
    say "retry call to resume" (seen with confluent-kafka 2.16 on Kafka 3.9, a broker away for 24 s while a commit
    flushed). Another producer of the name settles it then.

    Args:
        call: what is called.
        patience_s: how long it is asked for, in seconds.

    Raises:
        KafkaException: it may not be made again.
        StuckError: it did not come back, or has said too long that it may be made again.
    """
    wait = 0.05
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _in_time(call)
        except KafkaException as error:
            kafka_error: KafkaError = error.args[0]
            if not kafka_error.retriable() or kafka_error.txn_requires_abort() or kafka_error.fatal():
                raise
            if time.monotonic() > deadline:
                raise StuckError(f"asked again for {patience_s:.0f} s: {kafka_error.str()}") from error
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
        StuckError: it did not come back.
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
        raise StuckError(f"the Kafka client did not come back within {_STUCK_S:.0f} s") from None
    if error is not None:
        raise error


class StuckError(Exception):
    """The client keeps waiting for what will not come."""
