"""Topics, epochs, stop switch and dead letters on a broker."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from deploy.deadletters import read_dead_letters, replay
from deploy.embedded.broker import EmbeddedBroker
from deploy.logbook import LogError, TopicFinding, begin_epoch, check_topics, make_topics, set_stopped
from schemas import topics
from sinks.clickhouse.buffer import GivenUp, Read
from sinks.clickhouse.dead_letters import DeadLetterBox
from streams.control import ControlReader
from streams.intake.loop import IntakeNotReadyError
from streams.publish.errors import RegistryClosedError
from streams.publish.gate import Gate
from tests.running import intake_of
from tests.support import bundled, make_log, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from streams.control import KafkaConfig

DAY_MS = 86_400_000


def described(kafka: KafkaConfig, topic: str) -> dict[str, str]:
    admin = AdminClient(dict(kafka))  # kept: its answers come only while it lives
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)])
    (answer,) = asked.values()
    return {name: entry.value for name, entry in answer.result().items()}


def test_topics_are_made_as_they_must_be_and_left_alone_after(kafka: KafkaConfig) -> None:
    name = bundled("hip").name
    before = {finding.name: finding for finding in check_topics(kafka, [name], 3, retention_days=5)}
    assert before[f"submitted.{name}"] == TopicFinding(
        f"submitted.{name}", made=False, problem="is missing: run `guldadra topics create`"
    )

    made = {finding.name: finding for finding in make_topics(kafka, [name], 3, retention_days=5)}
    inside = ("submitted", "accepted", "receipts", "cells", "exposures", "lists", "counts", "signals")
    parts = (*inside, "reviews", "reports")
    own = {f"{part}.{name}" for part in parts}
    assert set(made) == own | {"registry-control", "dead-letters"}
    assert all(made[topic] == TopicFinding(topic, made=True, problem="") for topic in own)

    known = AdminClient(dict(kafka)).list_topics(timeout=30).topics
    assert {topic: len(known[topic].partitions) for topic in made} == {
        **dict.fromkeys(own, 3),
        "registry-control": 1,
        "dead-letters": 1,
    }
    for topic, largest in ((f"submitted.{name}", 12), (f"accepted.{name}", 4), (f"receipts.{name}", 4)):
        config = described(kafka, topic)
        assert config["retention.ms"] == str(5 * DAY_MS)
        assert config["cleanup.policy"] == "delete"
        assert config["max.message.bytes"] == str(largest << 20)
    assert described(kafka, f"submitted.{name}")["message.timestamp.type"] == "LogAppendTime"
    assert described(kafka, "registry-control")["cleanup.policy"] == "compact"

    again = {finding.name: finding for finding in make_topics(kafka, [name], 3, retention_days=5)}
    assert all(again[topic] == TopicFinding(topic, made=False, problem="") for topic in own)


def test_what_is_otherwise_is_told_and_not_touched(kafka: KafkaConfig) -> None:
    name = bundled("hip").name
    admin = AdminClient(dict(kafka))
    others = NewTopic(f"accepted.{name}", num_partitions=2, replication_factor=1, config={"retention.ms": "1000"})
    for future in admin.create_topics([others]).values():
        future.result()
    found = {finding.name: finding for finding in make_topics(kafka, [name], 4, retention_days=30)}
    wrong = found[f"accepted.{name}"]
    assert not wrong.made
    assert "has 2 partitions instead of 4" in wrong.problem
    assert f"retention.ms is 1000 instead of {30 * DAY_MS}" in wrong.problem
    assert found[f"submitted.{name}"] == TopicFinding(f"submitted.{name}", made=True, problem="")
    assert len(admin.list_topics(timeout=30).topics[f"accepted.{name}"].partitions) == 2
    assert described(kafka, f"accepted.{name}")["retention.ms"] == "1000"


def test_a_log_begins_only_with_a_later_epoch(kafka: KafkaConfig) -> None:
    definition = bundled("hip")
    make_log(kafka, definition, partitions=4, epoch=3)
    for earlier in (2, 3):
        with pytest.raises(LogError, match=rf"{definition.name} is in epoch 3 already; {earlier} would not be later"):
            begin_epoch(kafka, definition.name, 4, earlier, by="test", reason="too early")
    begin_epoch(kafka, definition.name, 6, 4, by="Ada", reason="restored")
    with ControlReader(kafka) as control:
        said = control.of(definition.name)
    assert said is not None
    assert (said.epoch, said.partitions, said.stopped, said.by, said.reason) == (4, 6, False, "Ada", "restored")


def test_the_stop_switch_says_who_when_and_why_and_keeps_the_epoch(kafka: KafkaConfig) -> None:
    definition = bundled("hip")
    name = definition.name
    with pytest.raises(LogError, match=f"registry {name} has no log: run `guldadra topics create {name}`"):
        set_stopped(kafka, name, stopped=True, by="Ada", reason="the law")
    make_log(kafka, definition, partitions=4, epoch=3)
    stopped = set_stopped(kafka, name, stopped=True, by="Ada", reason="the law")
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.fullmatch(rf"registry {name} is stopped since {moment}, by Ada: the law", stopped.sentence)
    assert (stopped.epoch, stopped.partitions) == (3, 4)
    resumed = set_stopped(kafka, name, stopped=False, by="Bo", reason="a new decision")
    assert re.fullmatch(rf"registry {name} is running since {moment}, by Bo: a new decision", resumed.sentence)
    with ControlReader(kafka) as control:
        assert control.of(name) == resumed


@pytest.mark.embedded
def test_a_broker_without_any_topic_has_no_log_and_says_so_at_once(tmp_path: Path) -> None:
    definition = bundled("hip")
    why = f"registry {definition.name} has no log.*: run `guldadra topics create {definition.name}`"
    with EmbeddedBroker(tmp_path) as broker:
        kafka = {"bootstrap.servers": broker.bootstrap}
        with pytest.raises(LogError, match=why):
            set_stopped(kafka, definition.name, stopped=True, by="Ada", reason="the law")
        with pytest.raises(RegistryClosedError, match=why), Gate(kafka, definition):
            pass
        with pytest.raises(IntakeNotReadyError, match=why):
            intake_of(kafka, definition).run(threading.Event())
        # a first word may be said only where it is known that nothing has been said
        with pytest.raises(LogError, match="does not know registry-control"):
            begin_epoch(kafka, definition.name, 4, 0, by="Ada", reason="the first")


def test_who_follows_the_control_topic_sees_the_latest_word_on_each_registry(kafka: KafkaConfig) -> None:
    first, second = bundled("hip"), bundled("hip")
    make_log(kafka, first, second)
    with ControlReader(kafka) as control:
        assert control.of("nobody") is None

        def is_stopped(name: str) -> bool:
            control.poll()
            said = control.of(name)
            assert said is not None
            return said.stopped

        assert not is_stopped(first.name)
        set_stopped(kafka, first.name, stopped=True, by="test", reason="r")
        wait_for(lambda: is_stopped(first.name), "the stop")
        assert not is_stopped(second.name)
        set_stopped(kafka, second.name, stopped=True, by="test", reason="r")
        set_stopped(kafka, first.name, stopped=False, by="test", reason="r")
        wait_for(lambda: is_stopped(second.name) and not is_stopped(first.name), "the latest word")


def test_dead_letters_go_back_to_the_partition_they_came_from(kafka: KafkaConfig) -> None:
    definition = bundled("hip")
    topic = topics.accepted(definition.name)
    make_log(kafka, definition, partitions=4)
    letters = [
        GivenUp(Read(topic, 3, 17, b"k1", b"as it was read"), "Code: 53", b"one registration"),
        GivenUp(Read(topic, 1, 4, None, b"\x00\xff"), "not Avro", b"\x00\xff"),
    ]
    DeadLetterBox(kafka).send(letters)
    ours = [letter for letter in read_dead_letters(kafka) if letter["topic"] == topic]
    assert [
        (one["process"], one["partition"], one["offset"], one["key"], one["value"], one["error"]) for one in ours
    ] == [
        ("load", 3, 17, b"k1", b"one registration", "Code: 53"),
        ("load", 1, 4, None, b"\x00\xff", "not Avro"),
    ]

    assert replay(kafka, ours) == 2
    assert read_partition(kafka, topic, 3) == [(b"k1", b"one registration")]
    assert read_partition(kafka, topic, 1) == [(None, b"\x00\xff")]
    assert read_partition(kafka, topic, 0) == read_partition(kafka, topic, 2) == []
    assert len([letter for letter in read_dead_letters(kafka) if letter["topic"] == topic]) == 2, "they stay listed"


def read_partition(kafka: KafkaConfig, topic: str, partition: int) -> list[tuple[bytes | None, bytes | None]]:
    consumer = Consumer({**kafka, "group.id": "test-reader", "enable.auto.commit": False})
    place = TopicPartition(topic, partition, 0)
    _, end = consumer.get_watermark_offsets(place, timeout=30)
    consumer.assign([place])
    found: list[tuple[bytes | None, bytes | None]] = []
    while len(found) < end:
        for message in consumer.consume(end - len(found), 0.5):
            key = message.key()
            found.append((key if key is None else bytes(key), bytes(message.value() or b"")))
    consumer.close()
    return found
