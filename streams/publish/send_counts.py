"""Checked counts to the broker, one message a unit; sent twice they are the same, for the latest upload counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from schemas import topics
from streams.publish.send_events import send_events
from streams.publish.unit_counts import coverage_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.definition.registry import RegistryDefinition
    from streams.control import KafkaConfig
    from streams.publish.unit_counts import UnitCount

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
    place = attrgetter("unit", "period", "measure")
    records = [
        (
            unit,
            {
                "source": source,
                "unit": unit,
                "as_of": (as_of - _1970).days,
                "uploaded_at": uploaded_at,
                "counts": [_as_avro(one) for one in own],
            },
        )
        for unit, own in groupby(sorted(counts, key=place), key=attrgetter("unit"))
    ]
    epoch = send_events(kafka, definition, topics.counts(definition.name), "unit_counts", records)
    return Uploaded(len(counts), len(records), epoch)


def _as_avro(count: UnitCount) -> dict[str, object]:
    return {
        "period": (count.period - _1970).days,
        "measure": count.measure,
        "count": count.count,
        "below": count.below,
    }
