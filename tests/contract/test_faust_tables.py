"""What stock Faust's tables, transactions and groups do that a clinical register cannot have; and that ours do not.

As in ``test_faust_fences``, each test that says ``stock`` would fail on a Faust that has mended the fault. That our
worker loses and repeats nothing where it dies in a transaction, and that nothing of a former owner gets behind its
successor, is in ``test_worker_exactness``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from faust.exceptions import ConsistencyError

from streams.worker.app import GroupOptions
from tests.stock_faust import EXACTLY_ONCE, NEVER_COMMITS, Counter, Stock, is_frozen, values_of
from tests.support import send, wait_for
from tests.worker_support import (
    TinyCore,
    accept,
    assert_exact,
    kept,
    make_worker_log,
    new_registry,
    running_worker,
    wait_until_caught_up,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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
def make_stock(kafka: KafkaConfig, tmp_path: Path) -> Iterator[Callable[..., Stock]]:
    """Makes apps, all with the same folder."""
    with asyncio.Runner() as runner:
        yield lambda **options: Stock(kafka, tmp_path, runner, **options)


@pytest.fixture
def counter(kafka: KafkaConfig, tmp_path: Path) -> Counter:
    return Counter(kafka, tmp_path)


_TRIES = 8  # stock recovery hangs now and then
_TRY_S = 20.0


def go_on(counter: Counter, until: Callable[[], bool], what: str) -> None:
    """Have a process count until something holds; another one where it hangs."""
    for _ in range(_TRIES):
        with counter.process(), suppress(AssertionError):
            wait_for(until, what, _TRY_S)
        if until():
            return
    raise AssertionError(f"still waiting: {what}")


@contextmanager
def with_a_message_in_hand(counter: Counter) -> Iterator[int]:
    """A process that is frozen at its first message; another one where it hangs before."""
    for _ in range(_TRIES):
        with counter.process(freezes=True) as one:
            with suppress(AssertionError):
                wait_for(lambda one=one: is_frozen(one.pid), "the first message to be in hand", _TRY_S)
            if is_frozen(one.pid):
                yield one.pid
                return
    raise AssertionError("still waiting: the first message to be in hand")


def test_stock_a_worker_killed_before_its_commit_has_a_message_counted_twice(
    kafka: KafkaConfig, counter: Counter
) -> None:
    send(kafka, counter.messages, [(None, b"the only one")])
    with counter.process(**NEVER_COMMITS) as first:
        wait_for(lambda: counter.counts() == [1], "the count")
        first.kill()
    go_on(counter, lambda: len(counter.counts()) > 1, "its successor")
    assert counter.counts() == [1, 2]


def test_stock_a_worker_that_lost_its_partition_writes_its_table_behind_its_successor(
    kafka: KafkaConfig, counter: Counter
) -> None:
    send(kafka, counter.messages, [(None, b"1")])
    with with_a_message_in_hand(counter) as stalled:
        send(kafka, counter.messages, [(None, b"2"), (None, b"3")])
        go_on(counter, lambda: counter.counts() == [1, 2, 3], "its successor")
        os.kill(stalled, signal.SIGCONT)
        wait_for(lambda: len(counter.counts()) > 3, "what it had in hand")
    assert counter.counts()[:4] == [1, 2, 3, 1], "whoever recovers now has one of three"


def test_stock_a_replacement_gets_nothing_until_the_session_of_the_killed_has_ended(
    kafka: KafkaConfig, counter: Counter
) -> None:
    admin = AdminClient(dict(kafka))

    def members() -> dict[str, set[str]]:
        """What each has partitions of."""
        group = admin.describe_consumer_groups([counter.name])[counter.name].result()
        return {one.client_id: {place.topic for place in one.assignment.topic_partitions} for one in group.members}

    def owners() -> list[str]:
        return [name for name, has in members().items() if counter.messages in has]

    waited = 0

    def goes_on() -> bool:
        nonlocal waited
        if counter.counts() != before:
            return True
        waited += owner in members()
        return False

    send(kafka, counter.messages, [(None, b"1")])
    session: dict[str, Any] = {"broker_session_timeout": 6.0}
    with (
        counter.process(broker_client_id="one", **session) as one,
        counter.process(broker_client_id="other", **session) as other,
    ):
        wait_for(counter.counts, "the first count")
        wait_for(lambda: len(members()) == 2 and owners(), "both to take part")
        [owner] = owners()
        before = counter.counts()
        (one if owner == "one" else other).kill()
        send(kafka, counter.messages, [(None, b"2")])
        wait_for(goes_on, "the other to have the partition")
        assert waited > 0
        assert owner not in members()


def test_a_replacement_of_the_same_name_need_not_wait_for_the_session_of_the_killed(
    kafka: KafkaConfig, registry: str
) -> None:
    longer_than_our_patience = 80.0
    group = GroupOptions(instance="one", session_timeout=longer_than_our_patience, rebalance_timeout=3.0)
    accept(kafka, registry, range(100))
    admin = AdminClient(dict(kafka))
    for _ in range(2):
        with running_worker(kafka, registry, group=group) as worker:
            wait_until_caught_up(worker)
        name = worker._work.name
        [left] = admin.describe_consumer_groups([name])[name].result().members
        assert left.group_instance_id == "one", "to the group it is as if it had been killed: its session goes on"
    assert_exact(kafka, registry, range(100))


def test_stock_exactly_once_loses_what_goes_to_another_partition(make_stock: Callable[..., Stock]) -> None:
    stock = make_stock(**EXACTLY_ONCE)
    source, in_topic = stock.topic(partitions=2, value_serializer="raw")
    sink, out_topic = stock.topic(partitions=2, value_serializer="raw")

    @stock.app.agent(in_topic)
    async def forwarding(stream: Any) -> None:
        async for value in stream:
            await out_topic.send(value=value, partition=1)

    @stock.app.agent(out_topic)
    async def taking(stream: Any) -> None:
        async for value in stream:
            stock.seen.append(value)

    with Producer(dict(stock.kafka)) as producer:
        producer.produce(source, b"the only one", partition=0)
    stock.run(lambda: stock.committed(source) == 1)
    assert values_of(stock.kafka, sink, 1, committed=False) == [b"the only one"]
    assert values_of(stock.kafka, sink, 1) == stock.seen == [], "it is in the transaction of partition 1, left open"


def test_stock_exactly_once_says_twice_what_it_says_on_a_topic_that_it_does_not_read(
    kafka: KafkaConfig, counter: Counter
) -> None:
    send(kafka, counter.messages, [(None, b"the only one")])
    with counter.process(**EXACTLY_ONCE, **NEVER_COMMITS) as first:
        wait_for(lambda: counter.said() == [1], "the count, outside of any transaction")
        first.kill()
    with counter.process(**EXACTLY_ONCE):
        wait_for(lambda: len(counter.said()) > 1, "its successor")
    assert counter.said() == [1, 1]


def test_stock_the_actors_of_an_agent_lose_each_others_table_writes(make_stock: Callable[..., Stock]) -> None:
    stock = make_stock()
    name, topic = stock.topic(value_serializer="raw")
    changelog, counts = stock.table()
    both = asyncio.Barrier(2)

    @stock.app.agent(topic, concurrency=2)
    async def counting(stream: Any) -> None:
        async for _ in stream:
            before = counts["all"]
            await both.wait()  # as if it asked a database
            counts["all"] = before + 1

    send(stock.kafka, name, [(None, b"one"), (None, b"other")])
    stock.run(lambda: stock.committed(name) == 2)
    assert values_of(stock.kafka, changelog) == [b"1", b"1"]


def test_our_steps_on_a_partition_come_one_after_the_other(kafka: KafkaConfig, registry: str) -> None:
    class Slow(TinyCore):
        inside = overlaps = steps = 0

        def step(self, *given: Any) -> Any:
            self.overlaps += self.inside
            self.inside += 1
            time.sleep(0.001)
            self.inside -= 1
            self.steps += 1
            return super().step(*given)

    core = Slow(registry)
    accept(kafka, registry, range(100), size=1)
    with running_worker(kafka, registry, core=core, most=5) as worker:
        wait_until_caught_up(worker)
    assert core.steps >= 40, "at most five registrations of two hundred each"
    assert core.overlaps == 0
    assert_exact(kafka, registry, range(100))


def test_stock_unsent_table_writes_stall_the_stream_at_100_and_pile_up_all_the_same(
    make_stock: Callable[..., Stock], caplog: pytest.LogCaptureFixture
) -> None:
    stock = make_stock()
    name, topic = stock.topic(value_serializer="raw")
    changelog, counts = stock.table()
    unsent: list[int] = []

    @stock.app.agent(topic)
    async def writing(stream: Any) -> None:
        async for value in stream:
            for number in range(500):
                counts[f"{value}-{number}"] = 1
            unsent.append(stock.app.producer.buffer.size)

    send(stock.kafka, name, [(None, b"%d" % number) for number in range(4)])
    stock.run(lambda: len(unsent) == 4)
    stalls = [record for record in caplog.records if record.getMessage().startswith("producer buffer full")]
    assert len(stalls) >= 2
    assert unsent == sorted(unsent)
    assert unsent[-1] > 1_000
    assert len(values_of(stock.kafka, changelog)) == 2_000


def test_our_worker_sends_more_than_any_buffer_holds_in_one_transaction(kafka: KafkaConfig, registry: str) -> None:
    class Wide(TinyCore):
        def step(self, *given: Any) -> Any:
            step = super().step(*given)
            step.writes.update({b"x%d" % number: b"" for number in range(150_000)})
            return step

    accept(kafka, registry, range(10), partitions=[0])
    with running_worker(kafka, registry, core=Wide(registry)) as worker:
        wait_until_caught_up(worker)
        assert worker.health.last_error is None
    assert sum(key.startswith(b"x") for key in kept(kafka, registry, 0)) == 150_000


def on_disk(make_stock: Callable[..., Stock], changelog: list[tuple[bytes, bytes]], messages: int) -> Stock:
    """An app that counts messages in a table on disk, of one name and in one folder with all such apps."""
    stock = make_stock(store="rocksdb://")
    name, topic = stock.topic(value_serializer="raw")
    changelog_name, counts = stock.table()

    @stock.app.agent(topic)
    async def counting(stream: Any) -> None:
        async for _ in stream:
            counts["all"] += 1
            stock.seen.append((counts["all"], counts["others"]))

    send(stock.kafka, changelog_name, [*changelog])
    send(stock.kafka, name, [(None, b"")] * messages)
    stock.run(lambda: len(stock.seen) == messages or stock.app.should_stop)
    return stock


def test_stock_tables_on_disk_of_another_app_are_taken_for_ones_own(make_stock: Callable[..., Stock]) -> None:
    assert on_disk(make_stock, [], 3).seen == [(1, 0), (2, 0), (3, 0)]
    other = on_disk(make_stock, [(b'"others"', b"7")] * 3, 1)
    assert other.seen == [(4, 0)], "it has counted one, and there are seven of the others"


def test_stock_a_table_on_disk_that_is_ahead_of_its_changelog_ends_the_worker(make_stock: Callable[..., Stock]) -> None:
    on_disk(make_stock, [], 3)
    other = on_disk(make_stock, [], 1)
    assert other.seen == []
    assert isinstance(other.app.crash_reason, ConsistencyError)


def test_our_stores_of_two_registries_in_one_folder_are_apart(
    kafka: KafkaConfig, registry: str, tmp_path: Path
) -> None:
    other = new_registry()
    make_worker_log(kafka, other)
    for name, count in ((registry, 100), (other, 30), (registry, 100)):
        accept(kafka, name, range(count))
        with running_worker(kafka, name, folder=tmp_path) as worker:
            wait_until_caught_up(worker)
    assert_exact(kafka, registry, range(100))
    assert_exact(kafka, other, range(30))
