"""Faust's settings and habits that are fenced, seen without a broker: a change of Faust's shows here first."""

from __future__ import annotations

import asyncio
import base64
import inspect
import pickle
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import faust
import pytest
from faust.exceptions import SecurityWarning
from faust.serializers import codecs
from faust.transport.consumer import Consumer as FaustConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from streams.worker import transport
from streams.worker.app import GroupOptions, build, consumer_of

if TYPE_CHECKING:
    from collections.abc import Callable

NOWHERE = {"bootstrap.servers": "127.0.0.1:1"}


def test_stock_windows_forget_by_the_clock_of_the_wall() -> None:
    operated_2001 = 978_350_400.0

    async def main() -> None:
        app = faust.App("stock", broker="kafka://127.0.0.1:1", store="memory://")
        windowed = app.Table("operations", default=int, partitions=1).tumbling(86_400.0, expires=365 * 86_400.0)
        table: Any = windowed.table
        closing = (operated_2001, operated_2001 + 86_399.9)
        table.data["P1", closing] = 1
        table._partition_timestamps[0] = [closing[1]]
        table._partition_timestamp_keys[0, closing[1]] = {("P1", closing)}
        table.last_closed_window = 0.0
        await table._del_old_keys()
        assert dict(table.data) == {}, "an operation of 2001, replayed today, is forgotten at once"

    asyncio.run(main())


def our_app(group: GroupOptions) -> faust.App:
    async def nothing(*_: Any) -> None:
        """Take it."""

    return build(NOWHERE, "ours", "source", group, deliver=nothing, on_revoked=nothing, on_assigned=nothing)


def within_a_loop(look: Callable[[], Any]) -> None:
    """Apps want one to be made in."""

    async def main() -> None:
        look()

    asyncio.run(main())


def test_stock_defaults_that_are_dangerous_are_not_ours() -> None:
    def look() -> None:
        stock = faust.App("stock", broker="kafka://127.0.0.1:1")
        ours = our_app(GroupOptions(instance="one"))
        assert stock.conf.web_enabled is True, "it shows tables to anybody"
        assert ours.conf.web_enabled is False
        assert stock.conf.table_standby_replicas == 1, "workers replay each other, record by record"
        assert ours.conf.table_standby_replicas == 0
        assert stock.conf.broker_session_timeout == 60.0, "so long a dead worker's partitions stand still"
        assert ours.conf.broker_session_timeout == 10.0
        assert ours.conf.consumer_group_instance_id == "one"
        assert str(ours.conf.processing_guarantee.value) == "at_least_once", "Faust's exactly_once loses and duplicates"
        assert [agent.concurrency for agent in ours.agents.values()] == [1]
        assert dict(ours.tables) == {}
        assert ours.conf.consumer_auto_offset_reset == "earliest"

    within_a_loop(look)


def test_stock_pickle_is_code_execution_and_ours_is_raw() -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (str.upper, ("executed",))

    with pytest.warns(SecurityWarning):
        assert codecs.loads("pickle", base64.b64encode(pickle.dumps(Evil()))) == "EXECUTED"

    def look() -> None:
        [agent] = our_app(GroupOptions()).agents.values()
        assert (agent.channel.key_serializer, agent.channel.value_serializer) == ("raw", "raw")

    within_a_loop(look)


def test_stock_waits_a_second_and_a_half_and_reads_what_is_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def made_by(kind: type[Any]) -> tuple[Any, Any]:
        app = our_app(GroupOptions())
        thread = app.consumer._thread  # type: ignore[attr-defined]
        try:
            consumer = kind._create_worker_consumer(thread, app.transport)
        finally:
            thread.thread_loop.close()
        await consumer.stop()
        return consumer._fetch_max_wait_ms, consumer._isolation_level

    assert asyncio.run(made_by(AIOKafkaConsumerThread)) == (1500, "read_uncommitted")
    assert asyncio.run(made_by(transport._Thread)) == (50, "read_committed")
    otherwise = SimpleNamespace(_fetch_max_wait_ms=500, _isolation_level="read_committed")
    monkeypatch.setattr(AIOKafkaConsumerThread, "_create_worker_consumer", lambda *_: otherwise)
    with pytest.raises(transport.FaustChangedError):
        asyncio.run(made_by(transport._Thread))


def test_stock_drops_what_lies_between_when_it_seeks_back_and_ours_does_not() -> None:
    assert "DROPPED MESSAGE ROFF" in inspect.getsource(FaustConsumer._drain_messages)

    def look() -> None:
        consumer = consumer_of(our_app(GroupOptions()))
        place = TP("source", 0)
        consumer._read_offset[place] = 7
        consumer._read_offset.update({place: 7})
        assert consumer._read_offset[place] is None
        consumer._thread.thread_loop.close()

    within_a_loop(look)
