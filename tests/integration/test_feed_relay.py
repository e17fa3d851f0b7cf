"""From signals and reviews through the relay and the loader to the table of feeds, on a broker and a database."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from deploy.feeding import feed_relay
from deploy.logbook import begin_epoch, begin_feeds, set_stopped
from schemas import topics
from sinks.clickhouse.client import connect
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.queries.feeds import START, highest_epoch, last_position, position_of, read_feed, read_news
from streams.relay import RelayNotReadyError
from tests.feed_support import (
    companies,
    feed_of,
    in_short,
    loading_feeds,
    project,
    registry_with_companies,
    relaying,
    review,
    run_through,
    say,
    signal,
    state,
    until_told,
    whole_feed,
)
from tests.support import make_log, send, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig


@pytest.fixture
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture
def definition(kafka: KafkaConfig) -> RegistryDefinition:
    made = registry_with_companies()
    make_log(kafka, made)
    return made


def test_each_company_s_feed_has_what_it_is_told_in_order(kafka: KafkaConfig, definition: RegistryDefinition) -> None:
    first, second = companies(definition)
    with relaying(kafka, definition) as relay:
        state(kafka, definition, signal(definition), signal(definition, "CUP02"), signal(definition, message=2))
        until_told(kafka, definition, 3)
        say(kafka, definition, review(definition, "decision", "confirmed", "cup/CUP01/0"))
        until_told(kafka, definition, 4)
        wait_for(lambda: relay.health.caught_up, "the end")
        assert (relay.health.told, relay.health.lag) == (4, 0)
    assert in_short(feed_of(kafka, first)) == [
        ("signal.raised", "cup/CUP01/0"), ("signal.updated", "cup/CUP01/0"), ("review.confirmed", "cup/CUP01/0"),
    ]  # fmt: skip
    assert in_short(feed_of(kafka, second)) == [("signal.raised", "cup/CUP02/0")]


def test_the_next_process_goes_on_where_the_last_has_left_and_knows_what_it_told(
    kafka: KafkaConfig, definition: RegistryDefinition
) -> None:
    first, _ = companies(definition)
    state(kafka, definition, signal(definition))
    assert run_through(kafka, definition).health.told == 1
    state(kafka, definition, signal(definition), signal(definition, message=2))  # the first one stated again
    say(kafka, definition, review(definition, "decision", "closed", "cup/CUP01/0", reason="said"))
    assert run_through(kafka, definition).health.told == 2
    assert in_short(feed_of(kafka, first))[1:] == [("signal.updated", "cup/CUP01/0"), ("review.closed", "cup/CUP01/0")]
    assert run_through(kafka, definition).health.told == 0


def test_a_decision_does_not_overtake_the_signal_that_it_is_about(
    kafka: KafkaConfig, definition: RegistryDefinition
) -> None:
    say(kafka, definition, review(definition, "decision", "confirmed", "cup/CUP01/0"))
    state(kafka, definition, *(signal(definition, message=number) for number in range(1, 1_200)))
    run_through(kafka, definition)
    told = in_short(feed_of(kafka, companies(definition)[0]))
    assert len(told) == 1_200
    assert told[-1] == ("review.confirmed", "cup/CUP01/0")


def test_junk_is_passed_over_and_a_newer_signal_stops_it(kafka: KafkaConfig, definition: RegistryDefinition) -> None:
    send(kafka, topics.signals(definition.name), [(b"cup", b"junk"), (b"cup", None)])
    send(kafka, topics.reviews(definition.name), [(b"cup", b"\0" * 9)])  # of a version that is not known
    state(kafka, definition, signal(definition))
    relay = feed_relay(kafka, definition, project)
    with pytest.raises(RelayNotReadyError, match="whoever wrote it is newer"):
        relay.run(threading.Event())
    assert len(feed_of(kafka, companies(definition)[0])) == 1


def test_a_registry_that_is_stopped_tells_nobody_anything(kafka: KafkaConfig, definition: RegistryDefinition) -> None:
    set_stopped(kafka, definition.name, stopped=True, by="Ada", reason="the law")
    with relaying(kafka, definition) as relay:
        wait_for(lambda: "the law" in relay.health.stopped, "the stop switch to be heard of")
        state(kafka, definition, signal(definition))
        assert feed_of(kafka, companies(definition)[0]) == []
        set_stopped(kafka, definition.name, stopped=False, by="Bo", reason="a new decision")
        until_told(kafka, definition, 1)


def test_without_its_topics_it_says_what_to_do(kafka: KafkaConfig) -> None:
    with pytest.raises(RelayNotReadyError, match="run `guldadra topics create`"):
        feed_relay(kafka, registry_with_companies(), project).run(threading.Event())


@pytest.mark.embedded
def test_the_table_has_the_feed_in_its_order_and_the_first_of_an_id_counts(
    embedded_broker: KafkaConfig, client: Client
) -> None:
    kafka: KafkaConfig = {"bootstrap.servers": embedded_broker.bootstrap}  # type: ignore[attr-defined]  # the broker
    definition = registry_with_companies()
    apply(client, {definition.name: definition})
    make_log(kafka, definition)
    first, second = companies(definition)
    assert (last_position(client, first), highest_epoch(client, first)) == (START, None)
    state(kafka, definition, signal(definition), signal(definition, "CUP02"), signal(definition, message=2))
    run_through(kafka, definition)
    with loading_feeds(kafka, client, definition) as loader:
        wait_for(lambda: loader.progress().loaded == 3, "the first three")
        one, two = read_feed(client, first, START)
        assert [one.event, two.event] == whole_feed(kafka, first)
        # the log is lost: in its next life all is told again, and something new
        begin_epoch(kafka, topics.feed(first), 1, 1, by="test", reason="made anew")
        producer = Producer(dict(kafka))
        for event in feed_of(kafka, first):
            producer.produce(topics.feed(first), event.to_json(1), partition=0)
        producer.flush()
        state(kafka, definition, signal(definition, message=3))
        run_through(kafka, definition)
        wait_for(lambda: loader.progress().loaded == 6, "all six")
    found = read_feed(client, first, START)
    assert found[:2] == [one, two]
    assert [two.position < found[2].position, len(found)] == [True, 3]
    assert highest_epoch(client, first) == 1
    assert read_feed(client, first, one.position, two.position) == [two]
    assert position_of(client, first, two.id) == two.position
    assert position_of(client, second, two.id) is None, "of another company's event it knows nothing"
    news, reached = read_news(client, {first: two.position, second: START})
    assert [(one.company, one.subject) for one in news] == [(first, "cup/CUP01/0"), (second, "cup/CUP02/0")]
    assert reached == {first: found[2].position, second: news[1].position}
    assert read_news(client, reached) == ([], {})
    assert len(read_news(client, {first: START}, most=2)[0]) == 2
    assert read_news(client, {first: START}, most=2)[1] == {first: two.position}


@pytest.mark.embedded
def test_a_feed_made_anew_begins_a_later_life_than_all_that_was_told(embedded_broker: KafkaConfig) -> None:
    kafka: KafkaConfig = {"bootstrap.servers": embedded_broker.bootstrap}  # type: ignore[attr-defined]  # the broker
    definition = registry_with_companies()
    make_log(kafka, definition)
    first, second = companies(definition)
    assert begin_feeds(kafka, [first, second], set(), lambda _: 9, by="test") == []
    assert begin_feeds(kafka, [first, second], {topics.feed(first)}, lambda _: 9, by="test") == [topics.feed(first)]
    state(kafka, definition, signal(definition), signal(definition, "CUP02"))
    run_through(kafka, definition)
    assert b'"epoch":10,' in whole_feed(kafka, first)[0]
    assert b'"epoch":0,' in whole_feed(kafka, second)[0]
