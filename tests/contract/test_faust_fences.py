"""What stock Faust does that a clinical register cannot have, shown by running it; and that our worker does not do it.

Each test that says ``stock`` would fail on a Faust that has mended the fault; the fence around it can then go.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer

from deploy.deadletters import read_dead_letters
from schemas import topics
from streams.worker.app import consumer_of
from tests.stock_faust import Stock, committed
from tests.support import send, wait_for
from tests.worker_support import (
    TinyCore,
    accept,
    kept_versions,
    make_worker_log,
    new_registry,
    running_worker,
    told,
    wait_until_caught_up,
    worker_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.kafka.launcher import KafkaBroker
    from streams.control import KafkaConfig

pytestmark = pytest.mark.kafka


@pytest.fixture
def kafka(real_kafka: KafkaBroker) -> KafkaConfig:
    return {"bootstrap.servers": real_kafka.bootstrap}


@pytest.fixture
def registry(kafka: KafkaConfig) -> str:
    name = new_registry()
    make_worker_log(kafka, name)
    return name


@pytest.fixture
def stock(kafka: KafkaConfig, tmp_path: Path) -> Iterator[Stock]:
    with asyncio.Runner() as runner:
        yield Stock(kafka, tmp_path, runner)


def test_stock_an_agent_that_raises_acknowledges_what_it_failed_on(stock: Stock) -> None:
    name, topic = stock.topic(value_serializer="raw")

    @stock.app.agent(topic)
    async def failing(stream: Any) -> None:
        async for value in stream:
            stock.seen.append(value)
            raise RuntimeError("the database is away")

    send(stock.kafka, name, [(None, b"the only one")])
    stock.run(lambda: stock.committed(name) >= 0)
    assert stock.seen == [b"the only one"]
    assert stock.committed(name) == 1, "lost: nobody has dealt with it, and nobody will see it again"


def test_our_worker_ends_and_acknowledges_nothing_that_it_failed_on(kafka: KafkaConfig, registry: str) -> None:
    class Failing(TinyCore):
        def step(self, *_: Any) -> Any:
            raise ZeroDivisionError

    accept(kafka, registry, range(10))
    worker = worker_of(kafka, registry, core=Failing(registry))
    with pytest.raises(ZeroDivisionError):
        worker.run(threading.Event())
    assert committed(kafka, worker._work.name, worker._work.source) <= 0
    assert kept_versions(kafka, registry, 0) == []


def test_stock_what_cannot_be_decoded_is_acknowledged_unseen(stock: Stock) -> None:
    name, topic = stock.topic(value_type=int, value_serializer="json")

    @stock.app.agent(topic)
    async def counting(stream: Any) -> None:
        async for value in stream:
            stock.seen.append(value)

    send(stock.kafka, name, [(None, b"{junk"), (None, b"7")])
    stock.run(lambda: stock.committed(name) == 2)
    assert stock.seen == [7]


def test_our_worker_makes_a_dead_letter_of_it(kafka: KafkaConfig, registry: str) -> None:
    send(kafka, topics.accepted(registry), [(b"key", b"{junk")])
    with running_worker(kafka, registry) as worker:
        wait_until_caught_up(worker)
    [letter] = [one for one in read_dead_letters(kafka) if one["topic"] == topics.accepted(registry)]
    assert (letter["key"], letter["value"]) == (b"key", b"{junk")


def test_stock_take_acknowledges_a_whole_batch_on_an_error(stock: Stock) -> None:
    name, topic = stock.topic(value_serializer="raw")

    @stock.app.agent(topic)
    async def failing(stream: Any) -> None:
        async for values in stream.take(5, within=1):
            stock.seen.append(values)
            raise RuntimeError("at the first of five")

    send(stock.kafka, name, [(None, b"%d" % number) for number in range(5)])
    stock.run(lambda: stock.committed(name) == 5)
    assert stock.seen[0] == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize(("forgotten", "end"), [((5,), 20), ((5, 6), 5)])
def test_stock_one_message_without_an_ack_is_passed_over_and_two_stop_all_later_commits(
    stock: Stock, forgotten: tuple[int, ...], end: int
) -> None:
    name, topic = stock.topic(value_serializer="raw")

    @stock.app.agent(topic)
    async def acknowledging(stream: Any) -> None:
        async for event in stream.noack().events():
            stock.seen.append(event.value)
            if int(event.value) not in forgotten:
                event.ack()

    send(stock.kafka, name, [(None, b"%d" % number) for number in range(20)])
    stock.run(lambda: len(stock.seen) == 20)
    assert stock.committed(name) == end


def in_a_transaction(kafka: KafkaConfig, name: str, topic: str, value: bytes, *, commit: bool) -> None:
    producer = Producer({**kafka, "transactional.id": name})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, value, partition=0)
    producer.flush()
    (producer.commit_transaction if commit else producer.abort_transaction)(30)


def test_stock_aborted_records_are_read(stock: Stock) -> None:
    name, topic = stock.topic(value_serializer="raw")

    @stock.app.agent(topic)
    async def reading(stream: Any) -> None:
        async for value in stream:
            stock.seen.append(value)

    in_a_transaction(stock.kafka, name, name, b"aborted", commit=False)
    in_a_transaction(stock.kafka, name, name, b"committed", commit=True)
    stock.run(lambda: b"committed" in stock.seen)
    assert stock.seen == [b"aborted", b"committed"]


def test_our_worker_does_not_see_what_intake_has_aborted(kafka: KafkaConfig, registry: str) -> None:
    accepted = topics.accepted(registry)
    in_a_transaction(kafka, registry, accepted, b"would be a dead letter", commit=False)
    accept(kafka, registry, range(10))
    with running_worker(kafka, registry) as worker:
        wait_until_caught_up(worker)
    assert [one for one in read_dead_letters(kafka) if one["topic"] == accepted] == []
    assert len(told(kafka, registry)) == 20


def test_nothing_of_ours_is_ever_acknowledged_by_faust(kafka: KafkaConfig, registry: str) -> None:
    accept(kafka, registry, range(100))
    with running_worker(kafka, registry) as worker:
        wait_for(lambda: worker.health.registrations == 200, "all of it")
        consumer = consumer_of(worker._app)
        assert worker._app.topics.acking_topics == set()
        assert len(consumer.unacked) == 0
        assert {place: acked for place, acked in consumer._acked.items() if acked} == {}
