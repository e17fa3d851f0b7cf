"""The products that people have confirmed a signal of, as they say so: no other product is compared with them then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from confluent_kafka import KafkaError, KafkaException

from schemas import topics
from schemas.codec import NotARegistrationError, decode_event
from schemas.review import CLOSED, CONFIRMED, DECISION, review_faults, signal_id
from streams.hearing import Hearer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.control import KafkaConfig

log = structlog.get_logger(__name__)

_EVENT = "review"


class ConfirmedReader:
    """Follows the reviews of a registry, from what was said before its topic begins on.

    Args:
        kafka: the clients' settings.
        registry: whose reviews.
        before: decisions that are known of elsewhere, in the order in which they were said: id, signal and state. The
            topic forgets, and a product whose signal was confirmed stays nobody's comparator.

    Raises:
        KafkaException: the broker does not answer, or has no such topic.
    """

    def __init__(self, kafka: KafkaConfig, registry: str, before: Iterable[tuple[str, str, str]] = ()) -> None:
        self._said: dict[tuple[str, str], bool] = {}
        self._ids: set[str] = set()
        for one in before:
            self._take(*one)
        topic = topics.reviews(registry)
        self._hearer = Hearer(kafka, topic, "guldadra-confirmed", self._hear)
        if not self._hearer.is_there:
            self._hearer.close()
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"there is no topic {topic}"))
        self._hearer.read_to_end()

    def said(self) -> dict[tuple[str, str], bool]:
        """By monitor and product, whether the latest decision on its signals is that it is confirmed; never waits.

        Products of which only other things were said are left out: taking a signal up changes nothing.

        Raises:
            KafkaException: the topic cannot be read.
        """
        self._hearer.poll()
        return self._said

    def close(self) -> None:
        """Let go of the topic."""
        self._hearer.close()

    def _hear(self, value: bytes) -> None:
        try:
            said = decode_event(_EVENT, value)
        except NotARegistrationError as error:
            log.warning("a message among the reviews is none, left out", error=str(error))
            return
        if said["kind"] == DECISION and not review_faults(said):
            self._take(said["id"], said["about"], said["state"])

    def _take(self, name: str, about: str, state: str) -> None:
        signal = signal_id(about)
        if signal is None or name in self._ids:
            return
        self._ids.add(name)  # of an id the first message counts
        if state in (CONFIRMED, CLOSED):
            self._said[signal.group, signal.product] = state == CONFIRMED
