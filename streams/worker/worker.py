"""The process: a Faust app that brings messages, and a thread for every partition that it is given."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import CancelledError
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka.errors import KafkaError
from confluent_kafka.admin import AdminClient
from faust.types import TP

from schemas.membership import FencedError, Losses
from streams.control import ControlReader
from streams.worker import metrics
from streams.worker.app import GroupOptions, build, consumer_of
from streams.worker.feed import Feed, InterruptedFeedError
from streams.worker.garbage import seldom_collected
from streams.worker.health import State, WorkerHealth
from streams.worker.partition import PartitionRun
from streams.worker.source import Source
from streams.worker.store import MemoryStore, RocksStore, StoreMemory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import faust

    from streams.control import KafkaConfig
    from streams.worker.feed import Arrived
    from streams.worker.store import Store
    from streams.worker.work import Work

log = structlog.get_logger(__name__)

_ANSWER_S = 30.0
_TICK_S = 0.5
_LOOK_S = 0.05
_FINISH_S = 30.0
_SETTLE_S = 2.0
_MOST_GIVEN = 20
_TWIN_WINDOW_S = 30.0


class WorkerNotReadyError(Exception):
    """The worker cannot start; the message says what to do."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How one worker runs.

    Attributes:
        group: how it takes part in its consumer group.
        folder: where its stores are; None keeps them in memory.
        memory: what its stores on disk may use of the memory, in bytes.
        most: registrations in one transaction.
        one_transaction: whether a partition's transaction waits until that of another has ended.
        at: called with a partition and the name of each moment of a transaction; for tests that break off there.
    """

    group: GroupOptions = field(default_factory=GroupOptions)
    folder: Path | None = None
    memory: int = 256 << 20
    most: int = 20_000
    one_transaction: bool = False
    at: Callable[[int, str], None] = lambda *_: None


@dataclass(slots=True)
class _Ours:
    """A partition that is ours: what it is fed by, and the thread that works on it."""

    feed: Feed
    run: PartitionRun[Any]
    thread: threading.Thread


class Worker:
    """Runs one work on the partitions that its group gives it.

    Args:
        kafka: the clients' settings.
        work: what is done.
        options: how.
    """

    def __init__(self, kafka: KafkaConfig, work: Work[Any], options: WorkerOptions) -> None:
        self.health = WorkerHealth()
        self._kafka = kafka
        self._work = work
        self._options = options
        self._turn = threading.Lock()
        self._alone = threading.Lock() if options.one_transaction else nullcontext()
        self._memory = StoreMemory(options.memory) if options.folder else None
        self._ours: dict[int, _Ours] = {}
        self._leaving: list[_Ours] = []
        self._failure: BaseException | None = None
        self._epoch = -1
        self._told: dict[TP, int] = {}
        self._given: list[float] = []
        self._refusals = Losses(options.group.instance or work.name)
        self._app: faust.App
        self._loop: asyncio.AbstractEventLoop
        self._room: asyncio.Event
        self._source: Source

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; transactions in hand are finished, and the group is left.

        Raises:
            WorkerNotReadyError: the registry has no log yet, or topics are missing.
            UnknownSchemaError: newer definitions must be deployed first.
            FencedError: another process keeps taking a partition's name.
            Exception: what failed for too long, or a fault of ours. Nothing is committed after it.
        """
        with ControlReader(self._kafka) as control, seldom_collected():
            self._check_topics(control)
            self._source = Source(self._kafka, self._work.source)
            try:
                asyncio.run(self._main(control, stop))
            finally:
                self._source.close()
        if self._failure is not None:
            raise self._failure

    async def _main(self, control: ControlReader, stop: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Event()
        self._app = build(
            self._kafka,
            self._work.name,
            self._work.source,
            self._options.group,
            deliver=self._deliver,
            on_revoked=self._revoked,
            on_assigned=self._assigned,
        )
        log.info("worker started", process=self._work.name, store="disk" if self._options.folder else "memory")
        # Faust says that it has started when the group has first given partitions out, which may never be.
        starting = asyncio.create_task(self._app.start())
        try:
            await self._watch(control, stop, starting)
        finally:
            starting.cancel()
            await self._stop()
        log.info("worker stopped", process=self._work.name, registrations=self.health.registrations)

    async def _watch(self, control: ControlReader, stop: threading.Event, starting: asyncio.Task[Any]) -> None:
        """Until told to stop or something has failed."""
        ticked = 0.0
        while not stop.is_set() and self._failure is None:
            if starting.done():
                starting.result()
            if self._app.should_stop:
                self._failure = self._app.crash_reason or RuntimeError("Faust has stopped by itself")
                return
            if time.monotonic() - ticked > _TICK_S:
                ticked = time.monotonic()
                self._follow(control)
                await self._tell()
            await asyncio.sleep(_LOOK_S)

    async def _stop(self) -> None:
        """Let every partition finish, tell the group, leave it.

        Also after a failure, for nothing is acknowledged by Faust: so whoever comes next gets the partitions at once,
        instead of after the session.
        """
        everything = [*self._ours.values()]
        for one in everything:
            one.feed.end()
        await self._finished(everything + self._leaving, _FINISH_S)
        if self._failure is None and not self._app.should_stop:
            await self._tell()
        await self._app.stop()

    async def _finished(self, ended: list[_Ours], patience_s: float) -> None:
        await asyncio.to_thread(_wait, lambda: not any(one.thread.is_alive() for one in ended), patience_s)

    # what Faust tells

    async def _deliver(self, partition: int, stretch: int, message: Arrived) -> None:
        """A message, as far as its partition has room."""
        ours = self._ours.get(partition)
        if ours is None:
            return
        try:
            while ours.feed.full:
                self._room.clear()
                if ours.feed.full:
                    await self._room.wait()
            ours.feed.offer(stretch, message)
        except BaseException:  # Faust would go on with the next message
            ours.feed.interrupt()
            raise

    async def _revoked(self, _: set[int]) -> None:
        """All partitions may become another's now; what is in hand may finish, if it does so soon."""
        for partition, ours in self._ours.items():
            ours.feed.hold()
            consumer_of(self._app).shut(TP(self._work.source, partition))
        runs = [ours.run for ours in self._ours.values()]
        patience_s = min(_SETTLE_S, self._options.group.rebalance_timeout / 2)
        await asyncio.to_thread(_wait, lambda: not any(run.busy for run in runs), patience_s)

    async def _assigned(self, partitions: set[int]) -> None:
        """These are ours from now on."""
        self._see_that_we_have_no_twin()
        log.info("partitions given", process=self._work.name, partitions=sorted(partitions))
        for partition in self._ours.keys() - partitions:
            leaving = self._ours.pop(partition)
            self.health.partitions.pop(partition, None)
            leaving.feed.end()
            self._leaving.append(leaving)
        self._leaving = [one for one in self._leaving if one.thread.is_alive()]
        for partition in sorted(partitions):
            if partition in self._ours:
                self._ours[partition].feed.release()
            else:
                self._begin(partition)
        self.health.joined = True

    def _see_that_we_have_no_twin(self) -> None:
        """Two processes of one name take it from each other again and again: exact all the same, but no way to work."""
        now = time.monotonic()
        self._given = [moment for moment in self._given if now - moment < _TWIN_WINDOW_S] + [now]
        instance = self._options.group.instance
        if instance is not None and len(self._given) > _MOST_GIVEN:
            self._failure = self._failure or FencedError(
                f"{instance} was given partitions {len(self._given)} times in {_TWIN_WINDOW_S:.0f} s: another process "
                "runs under this name; give each its own GULDADRA_INSTANCE"
            )

    def _begin(self, partition: int) -> None:
        before = [one.thread for one in self._leaving if one.run.partition == partition]
        feed = Feed(lambda offset, stretch: self._seek(feed, partition, offset, stretch), self._drained)
        run = PartitionRun(
            self._work,
            partition,
            kafka=self._kafka,
            store=partial(self._store, partition),
            source=self._source,
            feed=feed,
            epoch=lambda: self._epoch if self._work.follows_epochs else 0,
            turn=self._turn,
            alone=self._alone,
            health=self.health,
            most=self._options.most,
            fenced_s=2 * self._options.group.session_timeout,
            at=partial(self._options.at, partition),
        )
        thread = threading.Thread(target=self._work_on, args=(run, before), name=f"partition-{partition}", daemon=True)
        self._ours[partition] = _Ours(feed, run, thread)
        thread.start()

    # in the partitions' threads

    def _work_on(self, run: PartitionRun[Any], before: list[threading.Thread]) -> None:
        for thread in before:  # it is ours again, and its store may still be open
            thread.join()
        try:
            run.run()
        except BaseException as error:  # noqa: BLE001 - handed to the event loop
            # Without its traceback: where that is shown with its variables, these are patients.
            log.error("a partition cannot go on", process=self._work.name, partition=run.partition, error=str(error))  # noqa: TRY400 - see above
            self.health.last_error = str(error)
            self._failure = self._failure or error

    def _seek(self, feed: Feed, partition: int, offset: int, stretch: int) -> None:
        """Have Faust give what follows an offset, once it can.

        Raises:
            InterruptedFeedError: the feed has been interrupted before.
        """
        place = TP(self._work.source, partition)
        opening = asyncio.run_coroutine_threadsafe(consumer_of(self._app).open(place, offset, stretch), self._loop)
        while True:
            try:
                return opening.result(_LOOK_S)
            except (TimeoutError, CancelledError):
                if opening.done() or not feed.is_open:
                    opening.cancel()
                    raise InterruptedFeedError from None

    def _drained(self) -> None:
        self._loop.call_soon_threadsafe(self._room.set)

    def _store(self, partition: int) -> Store:
        if self._options.folder is None or self._memory is None:
            return MemoryStore()
        return RocksStore(self._options.folder / self._work.name / str(partition), self._memory)

    # twice a second

    def _follow(self, control: ControlReader) -> None:
        """Where the log has begun a new life, offsets of the one before mean nothing."""
        control.poll()
        said = control.of(self._work.registry)
        if said is not None and said.epoch != self._epoch:
            log.warning("the log has begun a new life", registry=self._work.registry, epoch=said.epoch)
            self._epoch = said.epoch
            for ours in self._ours.values() if self._work.follows_epochs else ():
                ours.feed.interrupt()

    async def _tell(self) -> None:
        """Say how far we are: the health, the metrics, and the group for those who look."""
        places = {TP(self._work.source, partition): ours for partition, ours in self._ours.items()}
        try:
            readings = await consumer_of(self._app).reading(places)
        except KafkaError as error:
            self._is_refused(error)
            return
        dealt_with: dict[TP, int] = {}
        for place, ours in places.items():
            health = self.health.partitions.get(place.partition)
            if health is None:
                continue
            reading = readings.get(place)
            if reading is None or health.state is not State.LIVE:
                health.lag = -1
                continue
            reached = reading.dealt_with(ours.run.reached)
            health.lag = max(0, reading.end - reached)
            metrics.LAG.labels(self._work.name, place.partition).set(health.lag)
            if reached >= 0 and self._told.get(place) != reached:
                dealt_with[place] = reached
        if self.health.caught_up:
            self.health.last_progress = time.monotonic()
        if dealt_with and not self._app.rebalancing and await consumer_of(self._app).commit_offsets(dealt_with):
            self._told.update(dealt_with)

    def _is_refused(self, error: KafkaError) -> None:
        """The group would not have us; the client tries again.

        Raises:
            FencedError: too often; another process has our name.
            KafkaError: too often; for another reason.
        """
        self.health.last_error = f"the group {self._work.name}: {error}"
        try:
            self._refusals.add(error)
        except FencedError:
            if self._options.group.instance is not None:
                raise
            raise error from None

    def _check_topics(self, control: ControlReader) -> None:
        work = self._work
        said = control.of(work.registry)
        known = AdminClient(dict(self._kafka)).list_topics(timeout=_ANSWER_S).topics
        if said is None or work.source not in known:
            raise WorkerNotReadyError(
                f"registry {work.registry} has no log: run `guldadra topics create {work.registry}`"
            )
        self._epoch = said.epoch
        for topic in (work.source, work.changelog):
            partitions = len(known[topic].partitions) if topic in known else 0
            if partitions != said.partitions:
                raise WorkerNotReadyError(
                    f"{topic} has {partitions} partitions, but the registry's log was made with {said.partitions}: "
                    "run `guldadra topics create`; where it has another number, it must be deleted first"
                )


def _wait(until: Callable[[], bool], patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while not until() and time.monotonic() < deadline:
        time.sleep(0.01)
