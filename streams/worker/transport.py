"""What of Faust's Kafka transport must be otherwise, all in one place.

Faust reads uncommitted records and lets a fetch wait for 1.5 s, both without a setting. Its own idea of where to read
from is the group's committed offset; ours is in the changelog. It drops messages that it has read before, so that a
seek backwards would lose what lies between.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import structlog
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata
from aiokafka.structs import TopicPartition as ClientPlace
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

    import aiokafka

log = structlog.get_logger(__name__)

_FETCH_MAX_WAIT_MS = 50
_FAUST_SAYS = (1500, "read_uncommitted")
_SLOT_S = 0.01


class Reading(NamedTuple):
    """How far a partition has been read.

    Attributes:
        position: what comes next; all before it is a message that was fetched, or none at all: the ends of
            transactions take offsets too.
        end: where there is nothing more to read now.
        last: the last message fetched since the last seek; None where there was none.
    """

    position: int
    end: int
    last: int | None

    def dealt_with(self, committed: int) -> int:
        """The offset up to which nothing is left to do, when all messages before ``committed`` are done."""
        return self.position if self.last is None or committed > self.last else committed


class FaustChangedError(Exception):
    """Faust is not as it was when this module was written: read both again."""


class _NoMemory(dict[TP, int | None]):
    """What Faust has read of each partition: never anything, so it drops nothing."""

    def __missing__(self, _: TP) -> None:
        return None

    def __setitem__(self, _key: TP, _value: int | None) -> None:
        """Forget it."""

    def update(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - as dict has it
        """Forget it."""


class _Thread(driver.AIOKafkaConsumerThread):
    """The consumer's thread, where fetches and seeks happen one after the other."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._stretches: dict[TP, int] = {}
        self._last: dict[TP, int] = {}

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        """Faust's own consumer, which has not started yet, but for the settings that it has no settings for."""
        consumer = super()._create_worker_consumer(transport)
        if (consumer._fetch_max_wait_ms, consumer._isolation_level) != _FAUST_SAYS:  # noqa: SLF001 - see below
            raise FaustChangedError("Faust sets the wait for a fetch or the isolation otherwise than it did")
        consumer._fetch_max_wait_ms = _FETCH_MAX_WAIT_MS  # noqa: SLF001 - Faust leaves no other way
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - likewise
        return consumer

    async def _fetch_records(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as Faust has it
        """Faust's fetch, with the number of the stretch on every record."""
        tagged = {}
        for place, records in (await super()._fetch_records(*args, **options)).items():
            stretch = self._stretches.get(place, 0)
            self._last[place] = records[-1].offset
            tagged[place] = [(stretch, record) for record in records]
        return tagged

    async def begin_stretch(self, place: TP, offset: int, stretch: int) -> None:
        """Read from an offset on."""
        await self.call_thread(self._begin_stretch, place, offset, stretch)

    async def _begin_stretch(self, place: TP, offset: int, stretch: int) -> None:
        self._ensure_consumer().seek(ClientPlace(*place), offset)
        self._stretches[place] = stretch
        self._last.pop(place, None)

    async def reading(self, places: Iterable[TP]) -> dict[TP, Reading]:
        """How far each partition has been read.

        Raises:
            KafkaError: the group would not have us. The client waits with it until it is asked, then tries again;
                Faust never asks.
        """
        if self._consumer is None or self._consumer._fetcher is None:  # noqa: SLF001 - it has not started yet
            return {}
        return cast("dict[TP, Reading]", await self.call_thread(self._reading, [*places]))

    async def _reading(self, places: list[TP]) -> dict[TP, Reading]:
        self._ensure_consumer()._coordinator.check_errors()  # noqa: SLF001 - see ``reading``
        subscriptions = self._ensure_consumer()._fetcher._subscriptions  # noqa: SLF001 - aiokafka tells nobody
        found = {}
        with subscriptions.fetch_context():  # we are alive, also while no partition is read
            for place in places:
                if not subscriptions.is_assigned(ClientPlace(*place)):
                    continue
                state = subscriptions.subscription.assignment.state_value(ClientPlace(*place))
                if state is not None and state.has_valid_position and state.highwater is not None:
                    end = state.highwater if state.lso is None else state.lso
                    found[place] = Reading(state.position, end, self._last.get(place))
        return found

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Tell the group, for those who look; nothing depends on it."""
        return bool(await self.call_thread(self._commit_offsets, offsets))

    async def _commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        ours = {
            place: OffsetAndMetadata(offset, "")
            for place, offset in ((ClientPlace(*of), offset) for of, offset in offsets.items())
            if place in consumer.assignment()
        }
        if not ours:
            return True
        try:
            await consumer.commit(ours)
        except KafkaError as error:  # a rebalance, or the broker is away
            log.info("the group was not told how far we are", error=str(error))
            return False
        return True


class WorkerConsumer(driver.Consumer):
    """Faust's consumer, reading from where we say."""

    _thread: _Thread

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as Faust has it
        super().__init__(*args, **options)
        self._read_offset: MutableMapping[TP, int | None] = _NoMemory()
        self._ours: set[TP] = set()

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:  # noqa: ANN401 - a record with its stretch
        stretch, plain = record
        message = super()._to_message(tp, plain)
        message.stretch = stretch  # type: ignore[attr-defined]  # a message takes any attribute
        return message

    async def perform_seek(self) -> None:
        """Nothing: after a rebalance every partition is read from where its state says."""

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Only what has been opened: after a rebalance Faust resumes all."""
        super().resume_partitions({place for place in tps if place in self._ours})

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: by acknowledgements, of which we have none, nothing ever moves."""

    async def open(self, place: TP, offset: int, stretch: int) -> None:
        """Read a partition from an offset on.

        In this order: what Faust fetches of a partition that is not resumed, or while a rebalance goes on, it drops.
        """
        while self.app.rebalancing or not self.flow_active:
            if self.should_stop:
                return
            await asyncio.sleep(_SLOT_S)
        self._ours.add(place)
        super().resume_partitions({place})
        await self._thread.begin_stretch(place, offset, stretch)

    def shut(self, place: TP) -> None:
        """Read a partition no more."""
        self._ours.discard(place)
        self.pause_partitions({place})

    async def reading(self, places: Iterable[TP]) -> dict[TP, Reading]:
        """How far each partition has been read, of those that are.

        Raises:
            KafkaError: the group would not have us; it is asked again.
        """
        return await self._thread.reading(places)

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Tell the group how far we are; whether it heard."""
        return await self._thread.commit_offsets(offsets)


class WorkerTransport(driver.Transport):
    """Faust's transport with our consumer."""

    Consumer = WorkerConsumer
