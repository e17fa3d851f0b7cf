"""What became of our own submissions: intake's receipts held against our own offsets."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas import topics
from schemas.codec import NotARegistrationError, decode_event
from schemas.rules import Fault
from streams.publish.errors import BrokerError, NoReceiptsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.control import KafkaConfig
    from streams.publish.ledger import Ledger
    from streams.publish.map import Faults

_ANSWER_S = 30.0
_AT_ONCE = 1_000
_POLL_S = 0.2

_client_log = logging.getLogger("librdkafka")


class Receipts:
    """Follows the receipts of one registry, from where they ended before the first submission.

    Args:
        kafka: librdkafka's settings.
        registry: the registry's name.
        epoch: the life of the log that the submissions belong to.
        ledger: our own submissions.
        begin: by partition, where to begin; where the receipts end now if left out.

    Attributes:
        begin: by partition, where reading began.
        accepted: how many of our submissions were accepted.
        refused: how many were refused.
        refusals: the faults that intake found, by row.

    Raises:
        BrokerError: no answer.
    """

    def __init__(
        self,
        kafka: KafkaConfig,
        registry: str,
        epoch: int,
        ledger: Ledger,
        begin: Mapping[int, int] | None = None,
    ) -> None:
        self.accepted = 0
        self.refused = 0
        self.refusals: dict[int, Faults] = {}
        self._topic = topics.receipts(registry)
        self._epoch = epoch
        self._ledger = ledger
        self._slices: list[deque[dict[str, Any]]] = [deque() for _ in ledger.rows]
        self._consumer = Consumer(
            {
                **kafka,
                "group.id": "guldadra-publish",  # required by the client, never used: nothing is committed
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.queue.backoff.ms": 10,
                "fetch.wait.max.ms": 100,
                "queued.max.messages.kbytes": 16_384,
            },
            logger=_client_log,
        )
        try:
            self.begin = dict(begin) if begin is not None else self._ends()
        except KafkaException as error:
            self._consumer.close()
            raise BrokerError(f"no answer about {self._topic}: {error.args[0].str()}") from error
        self._consumer.assign([TopicPartition(self._topic, *place) for place in self.begin.items()])

    @property
    def settled(self) -> int:
        """How many of our submissions have a verdict."""
        return self.accepted + self.refused

    def poll(self, timeout_s: float = 0.0) -> bool:
        """Take what has arrived; whether any of it was about us.

        Raises:
            NoReceiptsError: a message on the topic is no receipt.
        """
        before = self.settled
        for message in self._consumer.consume(_AT_ONCE, timeout_s):
            if message.error() is not None:
                continue  # the client tries again by itself; a silence that lasts is told by ``wait``
            try:
                receipt = decode_event("receipt", bytes(message.value() or b""))
            except NotARegistrationError as error:
                raise NoReceiptsError(f"{self._topic}, partition {message.partition()}: {error}") from error
            if receipt["epoch"] == self._epoch:
                self._slices[receipt["partition"]].append(receipt)
        for partition, slices in enumerate(self._slices):
            while slices and self._ledger.has_answer_up_to(partition, slices[0]["last_offset"]):
                self._settle(slices.popleft())
        return self.settled > before

    def wait(self, patience_s: float, while_waiting: Callable[[], None]) -> None:
        """Wait until every acknowledged submission has a verdict.

        Raises:
            NoReceiptsError: none came for as long as the patience lasts.
        """
        heard = time.monotonic()
        while self.settled < self._ledger.acknowledged:
            if self.poll(_POLL_S):
                heard = time.monotonic()
            while_waiting()
            if time.monotonic() - heard > patience_s:
                missing = self._ledger.acknowledged - self.settled
                raise NoReceiptsError(
                    f"no receipts for {missing:,} submissions, and none new for {patience_s:g} s: is `guldadra intake` "
                    "running? They are in the log; the same command again waits for their receipts"
                )

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()

    def _settle(self, receipt: Mapping[str, Any]) -> None:
        partition = receipt["partition"]
        ours = self._ledger.submissions_between(partition, receipt["first_offset"], receipt["last_offset"])
        refused = 0
        for refusal in receipt["refusals"] if ours else ():
            row = self._ledger.row_of(partition, refusal["offset"])
            if row is not None:
                refused += 1
                self.refusals[row] = tuple(Fault(fault["field"], fault["rule"]) for fault in refusal["faults"])
        self.refused += refused
        self.accepted += ours - refused

    def _ends(self) -> dict[int, int]:
        places = [TopicPartition(self._topic, partition) for partition in range(len(self._ledger.rows))]
        return {place.partition: self._consumer.get_watermark_offsets(place, _ANSWER_S)[1] for place in places}
