"""The state of every registry's log, on one compacted topic: its epoch, its partitions, its stop switch.

Intake and publishers follow it while they work, so that a registry can be halted at once, by law or
by its controller, without touching any of their machines.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from schemas import topics
from schemas.codec import NotARegistrationError, decode_event, encode_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    KafkaConfig = Mapping[str, str | int | bool]

log = structlog.get_logger(__name__)

_EVENT = "registry_control"
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class RegistryControl:
    """The latest word on a registry; ``at`` is in milliseconds since 1970."""

    registry: str
    epoch: int
    partitions: int
    stopped: bool
    reason: str
    by: str
    at: int

    @property
    def sentence(self) -> str:
        """What to tell whoever meets the stop switch."""
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.at / 1000))
        verb = "stopped" if self.stopped else "running"
        return f"registry {self.registry} is {verb} since {when}, by {self.by}: {self.reason}"


class ControlReader:
    """Follows the control topic; ``poll`` is cheap enough for every turn of a loop.

    Where the topic is not there yet, nothing has been said of any registry, and nothing will be heard.

    Attributes:
        is_there: whether the broker knows the topic. Who is about to say a first word must not take a broker's not
            knowing it yet for silence.
    """

    def __init__(self, kafka: KafkaConfig) -> None:
        self._consumer = Consumer(
            {
                **kafka,
                "group.id": "guldadra-control",  # required by the client, never used: nothing is committed
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.queue.backoff.ms": 10,
                "fetch.wait.max.ms": 10,  # the first reading is waited for by every process at its start
            }
        )
        answer = self._consumer.list_topics(topics.CONTROL, timeout=_PATIENCE_S)  # of a known broker it reads at once
        error = answer.topics[topics.CONTROL].error
        self._latest: dict[str, RegistryControl] = {}
        # the embedded broker never tells a reader that a topic is not there
        self.is_there = error is None or error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART
        self._at_end = not self.is_there
        if self.is_there:
            self._consumer.assign([TopicPartition(topics.CONTROL, 0, OFFSET_BEGINNING)])

    def __enter__(self) -> Self:
        """Read what has been said so far."""
        self.read_to_end()
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the topic."""
        self._consumer.close()

    def read_to_end(self, patience_s: float = _PATIENCE_S) -> None:
        """Read all that has been said.

        Raises:
            KafkaException: the broker did not answer in time.
        """
        deadline = time.monotonic() + patience_s
        while not self._at_end:
            if time.monotonic() > deadline:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"no answer about {topics.CONTROL}"))  # noqa: SLF001 - the client's public constant is spelt so
            self._take(0.02)

    def poll(self) -> None:
        """Take what is new, without waiting."""
        self._take(0)

    def of(self, registry: str) -> RegistryControl | None:
        """The latest word on a registry, None where nothing was ever said."""
        return self._latest.get(registry)

    def _take(self, timeout: float) -> None:
        for message in self._consumer.consume(100, timeout):
            error = message.error()
            if error is None:
                value = message.value()
                if value is not None:
                    self._hear(bytes(value))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public constant is spelt so
                self._at_end = True
            elif error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise KafkaException(error)

    def _hear(self, value: bytes) -> None:
        """Take one word; junk and a word about an earlier epoch leave the last good one in force."""
        try:
            said = RegistryControl(**decode_event(_EVENT, value))
        except NotARegistrationError as error:
            log.warning("a message on the control topic is no word about a registry, left out", error=str(error))
            return
        known = self._latest.get(said.registry)
        if known is None or said.epoch >= known.epoch:
            self._latest[said.registry] = said


def write_control(kafka: KafkaConfig, control: RegistryControl) -> None:
    """Say something about a registry, and wait until the broker has it.

    Raises:
        KafkaException: the broker did not take it.
    """
    failures: list[KafkaError] = []
    producer = Producer({**kafka, "acks": "all", "enable.idempotence": True, "message.timeout.ms": 30_000})
    producer.list_topics(timeout=_PATIENCE_S)  # likewise
    producer.produce(
        topics.CONTROL,
        encode_event(_EVENT, asdict(control)),
        control.registry,
        on_delivery=lambda error, _: failures.append(error) if error else None,
    )
    producer.flush()
    if failures:
        raise KafkaException(failures[0])
