"""The state of every registry's log, on one compacted topic: its epoch, its partitions, its stop switch.

Intake and publishers follow it while they work, so that a registry can be halted at once, by law or
by its controller, without touching any of their machines.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from schemas import topics
from schemas.codec import NotARegistrationError, decode_event, encode_event
from streams.hearing import Hearer

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
        self._latest: dict[str, RegistryControl] = {}
        self._hearer = Hearer(kafka, topics.CONTROL, "guldadra-control", self._hear)
        self.is_there = self._hearer.is_there
        self.read_to_end, self.poll = self._hearer.read_to_end, self._hearer.poll

    def __enter__(self) -> Self:
        """Read what has been said so far."""
        self.read_to_end()
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the topic."""
        self._hearer.close()

    def of(self, registry: str) -> RegistryControl | None:
        """The latest word on a registry, None where nothing was ever said."""
        return self._latest.get(registry)

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
