"""A few of the platform's own records to the broker: sent by people, so each is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, Producer

from schemas import topics
from schemas.codec import encode_event
from streams.publish.errors import BrokerError, RegistryClosedError
from streams.publish.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from schemas.definition.registry import RegistryDefinition
    from streams.control import KafkaConfig, RegistryControl

_PATIENCE_S = 30.0
_AT_ONCE = 10_000  # librdkafka's queue takes 100,000


def send_events(
    kafka: KafkaConfig,
    definition: RegistryDefinition,
    topic: str,
    event: str,
    records: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    on_sent: Callable[[int], None] = lambda _: None,
) -> int:
    """Send records, and wait until the broker has them all.

    Args:
        kafka: librdkafka's settings.
        definition: the registry.
        topic: one of its topics, in which the partition of a key is for life.
        event: which of the platform's own records they are; it has the fields ``registry`` and ``epoch``.
        records: key and record, without these two.
        on_sent: told how many the broker has, now and then.

    Returns:
        The life of the log that they were sent in.

    Raises:
        RegistryClosedError: the registry may not be published to; the message says what to do.
        BrokerError: the broker does not answer, or did not take everything.
    """
    failures: list[KafkaError] = []
    with Gate(kafka, definition) as gate:
        producer = Producer(
            {
                **kafka,
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": topics.MURMUR2,
                "compression.type": "lz4",
                "message.timeout.ms": int(_PATIENCE_S * 1000),
            }
        )
        _require(producer, topic, gate.control)
        common = {"registry": definition.name, "epoch": gate.control.epoch}
        left = 0
        for first in range(0, len(records), _AT_ONCE):
            some = records[first : first + _AT_ONCE]
            for key, record in some:
                producer.produce(
                    topic,
                    encode_event(event, {**common, **record}),
                    key,
                    on_delivery=lambda error, _: failures.append(error) if error else None,
                )
            left = producer.flush(_PATIENCE_S)
            if left or failures:
                break
            on_sent(first + len(some))
        gate.look()  # where it was stopped or began a new epoch meanwhile, its user must know
    if left or failures:
        why = failures[0].str() if failures else f"no answer within {_PATIENCE_S:g} s"
        raise BrokerError(f"the broker did not take everything: {why}; the same again puts it right")
    return gate.control.epoch


def _require(producer: Producer, topic: str, control: RegistryControl) -> None:
    """See that the topic is there as it was made: the partition of a key is for life, so what has it stays in order.

    Raises:
        RegistryClosedError: it is not.
        BrokerError: nobody answers.
    """
    try:
        known = producer.list_topics(timeout=_PATIENCE_S).topics  # all of them: asked for one, a broker may make it
    except KafkaException as error:
        raise BrokerError(f"no answer from the broker: {error.args[0].str()}") from error
    if topic not in known:
        raise RegistryClosedError(f"there is no topic {topic}: run `guldadra topics create {control.registry}`")
    found = len(known[topic].partitions)
    if found != control.partitions:
        raise RegistryClosedError(
            f"{topic} has {found} partitions and was made with {control.partitions}: the number is for life; "
            "see `guldadra topics check`"
        )
