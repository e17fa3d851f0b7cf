"""Messages to the broker: idempotent, in order, with a bound on what waits, and every offset known."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import numpy as np
from confluent_kafka import KafkaError, KafkaException, Producer

from schemas import topics
from streams.publish.errors import BrokerError
from streams.publish.partition import partitions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import Message

    from streams.control import KafkaConfig
    from streams.publish.ledger import Ledger

MOST_WAITING = 50_000
"""Messages that may wait for the broker at once."""

_MOST_WAITING_BYTES = 64 << 20
_SILENCE_S = 2.0
_POLL_S = 0.1
_HALT_S = 5.0
_ANSWER_S = 30.0

_client_log = logging.getLogger("librdkafka")
_client_log.addHandler(
    logging.NullHandler()
)  # a broker that is down is told as progress; logs are the program's choice


class Sender:
    """Sends to one registry's submissions.

    Args:
        kafka: librdkafka's settings.
        registry: the registry's name.
        ledger: where rows and offsets are written down.
        patience_s: how long a message may wait for the broker before it is given up.
        while_waiting: called again and again while there is nothing to do but wait; may raise.
    """

    def __init__(
        self, kafka: KafkaConfig, registry: str, ledger: Ledger, *, patience_s: float, while_waiting: Callable[[], None]
    ) -> None:
        self._topic = topics.submitted(registry)
        self._ledger = ledger
        self._patience_s = patience_s
        self._while_waiting = while_waiting
        self._failures: list[KafkaError] = []
        self._frozen = False
        self._note: list[Callable[[int], object]] = [offsets.append for offsets in ledger.offsets]
        self._last_error = ""
        self._largest = 1
        self._acknowledged = ledger.acknowledged
        self._heard = time.monotonic()
        self._producer = Producer(
            {
                **kafka,
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": topics.MURMUR2,
                "compression.type": "lz4",
                "linger.ms": 10,
                "batch.num.messages": 10_000,
                "queue.buffering.max.messages": 2 * MOST_WAITING,
                "queue.buffering.max.kbytes": 4 * _MOST_WAITING_BYTES >> 10,
                "message.timeout.ms": int(patience_s * 1000),
                "error_cb": self._note_error,
            },
            logger=_client_log,
        )

    def partitions(self) -> int:
        """How many partitions the topic has; 0 where it is not there.

        Raises:
            BrokerError: no answer.
        """
        try:
            found = self._producer.list_topics(self._topic, timeout=_ANSWER_S).topics[self._topic]
        except KafkaException as error:
            raise BrokerError(f"no answer from the broker: {error.args[0].str()}") from error
        return 0 if found.error is not None else len(found.partitions)

    @property
    def waiting_for_broker(self) -> bool:
        """Whether messages are on their way and the broker has been silent for a while."""
        return len(self._producer) > 0 and time.monotonic() - self._heard > _SILENCE_S

    def send(self, rows: Sequence[int], keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Send messages in this order; returns when they are queued.

        Raises:
            BrokerError: the broker did not take an earlier message.
        """
        if not rows:
            return
        self._make_room(len(values), max(map(len, values)))
        messages = [{"key": key, "value": value} for key, value in zip(keys, values, strict=True)]
        numbers = np.asarray(rows, dtype=np.int64)
        sent = self._ledger.rows
        partitions = partitions_of(keys, len(sent))
        for partition, places in ((own, np.flatnonzero(partitions == own)) for own in range(len(sent))):
            if not len(places):
                continue
            sent[partition].frombytes(numbers[places].tobytes())
            batch = [messages[place] for place in places.tolist()]
            queued = self._producer.produce_batch(
                self._topic, batch, partition=partition, on_delivery=self._note_answer
            )
            if queued != len(batch):
                self.freeze()
                why = next(str(message["_error"]) for message in batch if "_error" in message)
                raise BrokerError(f"the client did not take a submission: {why}")
        self.poll(0)

    def poll(self, timeout_s: float) -> None:
        """Take the broker's answers.

        Raises:
            BrokerError: it did not take a message.
        """
        self._producer.poll(timeout_s)
        self._take_stock()

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait until the broker has everything.

        Raises:
            BrokerError: it did not take a message, or not in the time given.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self._producer.flush(_POLL_S):
            self._take_stock()
            self._while_waiting()
            if deadline is not None and time.monotonic() > deadline:
                raise BrokerError(f"the broker has not taken everything within {timeout_s:g} s; {self._reason()}")
        self._take_stock()

    def freeze(self) -> None:
        """Write down no more answers: one of them may have been lost, and the next would be taken for it."""
        self._frozen = True
        self._note = [_forget] * len(self._note)

    def halt(self) -> None:
        """Send nothing more; wait a little for the answers that are on their way."""
        self._producer.purge(in_queue=True, in_flight=False, blocking=True)
        if not self._frozen:
            self._producer.flush(_HALT_S)
        self.freeze()

    def close(self) -> None:
        """Let go of the broker; what is still waiting is dropped."""
        self.freeze()
        self._producer.purge()
        self._producer.flush(_POLL_S)
        self._producer.close()

    def _make_room(self, count: int, largest: int) -> None:
        self._largest = max(self._largest, largest)
        most = max(count, min(MOST_WAITING, _MOST_WAITING_BYTES // self._largest))
        while len(self._producer) + count > most and len(self._producer) > 0:
            self.poll(_POLL_S)
            self._while_waiting()

    def _note_answer(self, error: KafkaError | None, message: Message) -> None:
        """The broker's answer to one message; called for every one, so it does as little as it can."""
        if error is None:
            self._note[message.partition()](message.offset())  # type: ignore[index, arg-type]  # both are known now
        elif error.code() != KafkaError._PURGE_QUEUE:  # noqa: SLF001 - the client's public constant is spelt so
            self._failures.append(error)
            self.freeze()

    def _take_stock(self) -> None:
        acknowledged = self._ledger.acknowledged
        if acknowledged != self._acknowledged or not len(self._producer):
            self._acknowledged = acknowledged
            self._heard = time.monotonic()
        if self._failures:
            raise BrokerError(f"the broker did not take a submission: {self._failures[0].str()}; {self._reason()}")

    def _reason(self) -> str:
        waited = f"a submission waits {self._patience_s:g} s at most"
        return f"{self._last_error}; {waited}" if self._last_error else waited

    def _note_error(self, error: KafkaError) -> None:
        self._last_error = error.str()


def _forget(_: int) -> None:
    """What becomes of an answer that comes too late to be counted."""
