"""What people confirm reaches surveillance: on the embedded broker, and on real Kafka."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaException

from schemas import topics
from schemas.codec import encode_event
from sinks.clickhouse.queries.reviews import read_verdicts
from streams.confirmed import ConfirmedReader
from tests.clickhouse_support import migrated
from tests.derived_support import load
from tests.review_support import decided, identity, issued
from tests.support import bundled, make_log, send, wait_for

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig


def say(kafka: KafkaConfig, registry: RegistryDefinition, *records: dict[str, Any]) -> None:
    messages = [
        (record["group"].encode(), encode_event("review", {"registry": registry.name, "epoch": 0, **record}))
        for record in records
    ]
    send(kafka, topics.reviews(registry.name), [*messages])


def test_reviews_that_have_no_topic_are_not_taken_for_silence(kafka: KafkaConfig) -> None:
    with pytest.raises(KafkaException, match=r"there is no topic reviews\.nobody"):
        ConfirmedReader(kafka, "nobody")


def test_the_latest_decision_on_a_product_s_signals_counts(kafka: KafkaConfig) -> None:
    registry = bundled("hip")
    make_log(kafka, registry, partitions=2)
    say(
        kafka,
        registry,
        decided(1, "confirmed", about="cup/CUP1/0", product="CUP1"),
        decided(2, "taken_up", about="cup/CUP2/0", product="CUP2"),
        decided(3, "confirmed", about="stem/STEM1/4", product="STEM1", group="stem"),
        issued(4, product="CUP3"),
        decided(1, "closed", about="cup/CUP1/0", product="CUP1", reason="of an id that was said before"),
    )
    send(kafka, topics.reviews(registry.name), [(b"cup", b"junk")])
    with closing(ConfirmedReader(kafka, registry.name)) as reader:
        confirmed = {("cup", "CUP1"): True, ("stem", "STEM1"): True}
        assert reader.said() == confirmed, "all that was said before, from the first"
        say(kafka, registry, decided(5, "closed", about="cup/CUP1/0", product="CUP1", reason="not the cup"))
        wait_for(lambda: reader.said() == {**confirmed, ("cup", "CUP1"): False}, "what is said now")
        say(kafka, registry, decided(6, "confirmed", about="cup/CUP1/1", product="CUP1", id=identity(6)))
        wait_for(lambda: reader.said() == confirmed, "a later signal of the product")


def test_what_the_topic_has_forgotten_is_known_from_the_database(kafka: KafkaConfig, client: Client) -> None:
    """The topic keeps 30 days; a later generation must not compare others with what was confirmed before."""
    registry = migrated(client, "hip")
    make_log(kafka, registry, partitions=2)
    old = [
        decided(1, "confirmed", about="cup/CUP1/0", product="CUP1"),
        decided(2, "confirmed", about="cup/CUP2/0", product="CUP2"),
        decided(3, "closed", about="cup/CUP2/0", product="CUP2", reason="not the cup"),
        decided(4, "taken_up", about="cup/CUP1/1", product="CUP1"),
        decided(1, "closed", about="cup/CUP1/0", product="CUP1", reason="of an id that was said before"),
    ]
    values = [encode_event("review", {"registry": registry.name, "epoch": 0, **one}) for one in old]
    load(client, registry, [(topics.reviews(registry.name), one) for one in values])
    known = {("cup", "CUP1"): True, ("cup", "CUP2"): False}
    with closing(ConfirmedReader(kafka, registry.name, read_verdicts(client, registry.name))) as reader:
        assert reader.said() == known
        say(kafka, registry, old[1])  # the topic still has it: it is no news
        say(kafka, registry, decided(5, "confirmed", about="cup/CUP3/0", product="CUP3"))
        wait_for(lambda: reader.said() == {**known, ("cup", "CUP3"): True}, "what is said now")
    with closing(ConfirmedReader(kafka, registry.name)) as reader:
        assert reader.said() == {("cup", "CUP2"): True, ("cup", "CUP3"): True}, "by the topic alone"
