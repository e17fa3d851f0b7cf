"""The Faust app: it gives out partitions and brings their messages; all else is done in the partitions' threads.

It has no Faust tables, hence no changelogs of Faust's: those are at-least-once, written record by record, recovered at
7,500 records a second, and nothing fences a worker that has lost its partition. And no acknowledgements: Faust
acknowledges what an agent has failed on, what it could not decode, and what it skips in a rebalance.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import faust

from streams.worker.credentials import brokers_of, credentials_of
from streams.worker.feed import Arrived
from streams.worker.transport import WorkerConsumer, WorkerTransport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from faust.types import TP, StreamT

    from streams.control import KafkaConfig

    Deliver = Callable[[int, int, Arrived], Awaitable[None]]
    Rebalanced = Callable[[set[int]], Awaitable[None]]

_BUFFERED = 16  # messages of up to 4 MiB in Faust's own queue
_FETCHED = 4 << 20  # bytes of a partition at once; by default a quarter of it, three or four batches
_LOGGERS = ("aiokafka", "faust", "mode", "asyncio")


@dataclass(frozen=True, slots=True)
class GroupOptions:
    """How a worker takes part in its consumer group; times in seconds.

    Attributes:
        instance: the worker's name in the group, the same after a restart, which then need not wait for the session
            before it to end; None where the broker does not do that well.
        session_timeout: how long a silent worker keeps its partitions.
        heartbeat: how often it says that it is there.
        rebalance_timeout: how long the group waits for a worker to take part in sharing out anew.
    """

    instance: str | None = None
    session_timeout: float = 10.0
    heartbeat: float = 2.0
    rebalance_timeout: float = 10.0


class _App(faust.App):
    """An app that leaves the working folder alone: Faust makes three empty folders for tables there."""

    def _create_directories(self) -> None:
        """None: it has no tables."""


def build(
    kafka: KafkaConfig,
    name: str,
    source: str,
    group: GroupOptions,
    *,
    deliver: Deliver,
    on_revoked: Rebalanced,
    on_assigned: Rebalanced,
) -> faust.App:
    """An app with one agent on one topic.

    Args:
        kafka: the clients' settings.
        name: of the app and its consumer group.
        source: the topic.
        group: see ``GroupOptions``.
        deliver: takes a message: its partition, the number of the stretch it was fetched in, and itself. Must
            not raise.
        on_revoked: told which partitions may become another's.
        on_assigned: told which partitions are ours from now on, all of them.

    Raises:
        CredentialsError: the settings cannot be passed on to Faust's client.
    """
    for logger in _LOGGERS:  # they build debug records for every message only to drop them
        logging.getLogger(logger).setLevel(logging.WARNING)
    app = _App(
        name,
        broker=brokers_of(kafka),
        broker_credentials=credentials_of(kafka),
        broker_session_timeout=group.session_timeout,
        broker_heartbeat_interval=group.heartbeat,
        broker_rebalance_timeout=group.rebalance_timeout,
        broker_max_poll_records=_BUFFERED,
        consumer_group_instance_id=group.instance,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=_FETCHED,
        stream_buffer_maxsize=_BUFFERED,
        stream_wait_empty=False,  # nothing is acknowledged, so nothing can be waited for
        stream_recovery_delay=0.0,
        store="memory://",
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,  # it shows tables to anybody
        autodiscover=False,
        key_serializer="raw",
        value_serializer="raw",
    )
    app.transport = WorkerTransport(app.conf.broker_consumer, app, app.loop)
    topic = app.topic(source, key_serializer="raw", value_serializer="raw", acks=False, internal=False)

    @app.agent(topic, name=f"{name}-agent")
    async def bring(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            message = event.message
            arrived = Arrived(message.offset, message.key, message.value)
            await deliver(message.partition, cast("int", message.stretch), arrived)

    @app.on_partitions_revoked.connect
    async def revoked(*given: Any, **_: Any) -> None:  # noqa: ANN401 - the app and the partitions
        places: set[TP] = given[1]
        await on_revoked({place.partition for place in places})

    @app.on_partitions_assigned.connect
    async def assigned(*given: Any, **_: Any) -> None:  # noqa: ANN401 - likewise
        places: set[TP] = given[1]
        await on_assigned({place.partition for place in places if place.topic == source})

    return app


def consumer_of(app: faust.App) -> WorkerConsumer:
    """The app's consumer."""
    return cast("WorkerConsumer", app.consumer)
