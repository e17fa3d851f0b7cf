"""Checked counts to the broker, one message a unit; sent twice they are the same, for the latest upload counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, Producer

from schemas import topics
from schemas.codec import encode_event
from streams.publish.errors import BrokerError, RegistryClosedError
from streams.publish.gate import Gate
from streams.publish.unit_counts import coverage_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.definition.registry import RegistryDefinition
    from streams.control import KafkaConfig, RegistryControl
    from streams.publish.unit_counts import UnitCount

_PATIENCE_S = 30.0
_1970 = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What was sent: so many counts about so many units, in that life of the log."""

    counts: int
    units: int
    epoch: int


def send_counts(
    kafka: KafkaConfig, definition: RegistryDefinition, counts: Sequence[UnitCount], *, as_of: date, uploaded_at: int
) -> Uploaded:
    """Send counts, and wait until the broker has them all; where that fails halfway, the same again puts it right.

    Args:
        kafka: librdkafka's settings.
        definition: the registry.
        counts: as ``read_counts`` gives them.
        as_of: the day on which the source counted.
        uploaded_at: the time now, in milliseconds since 1970.

    Raises:
        RegistryClosedError: the registry may not be published to; the message says what to do.
        BrokerError: the broker does not answer, or did not take everything.
    """
    source = coverage_of(definition).source.en
    topic = topics.counts(definition.name)
    failures: list[KafkaError] = []
    place = attrgetter("unit", "period", "measure")
    by_unit = {unit: list(own) for unit, own in groupby(sorted(counts, key=place), key=attrgetter("unit"))}
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
        for unit, own in by_unit.items():
            record = {
                "registry": definition.name,
                "epoch": gate.control.epoch,
                "source": source,
                "unit": unit,
                "as_of": (as_of - _1970).days,
                "uploaded_at": uploaded_at,
                "counts": [_as_avro(one) for one in own],
            }
            producer.produce(
                topic,
                encode_event("unit_counts", record),
                unit,
                on_delivery=lambda error, _: failures.append(error) if error else None,
            )
        left = producer.flush(_PATIENCE_S)
        gate.look()  # where it was stopped or began a new epoch meanwhile, its user must know
    if left or failures:
        why = failures[0].str() if failures else f"no answer within {_PATIENCE_S:g} s"
        raise BrokerError(f"the broker did not take all counts: {why}; the same again puts it right")
    return Uploaded(len(counts), len(by_unit), gate.control.epoch)


def _as_avro(count: UnitCount) -> dict[str, object]:
    return {
        "period": (count.period - _1970).days,
        "measure": count.measure,
        "count": count.count,
        "below": count.below,
    }


def _require(producer: Producer, topic: str, control: RegistryControl) -> None:
    """See that the topic is there as it was made: the partition of a unit is for life, so its uploads stay in order.

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
