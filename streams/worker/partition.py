"""One partition, in a thread of its own: take it over, recover, fill, then follow the log, exactly.

Each turn: gather what has arrived, compute, commit everything in one transaction, and only then write the store.
After any failure whose outcome is not certain the changelog alone tells what counts, so the partition is taken
over anew, from the store's mark on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog
from confluent_kafka import KafkaException

from schemas import topics
from schemas.codec import NotARegistrationError
from schemas.dead_letter import dead_letter
from schemas.membership import FencedError, Losses
from streams.step import Output
from streams.transactions import StuckError, TransactionAbortedError
from streams.worker import metrics, position
from streams.worker.changelog import Changelog
from streams.worker.feed import EndedFeedError, InterruptedFeedError
from streams.worker.health import PartitionHealth, State
from streams.worker.outbox import PartitionOutbox
from streams.worker.position import BEGINNING, Position
from streams.worker.store import Mark, StoreCorruptError, StoreError
from streams.worker.work import FillError, Log

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from contextlib import AbstractContextManager

    from streams.control import KafkaConfig
    from streams.worker.feed import Arrived, Feed
    from streams.worker.health import WorkerHealth
    from streams.worker.source import Source
    from streams.worker.store import Store
    from streams.worker.work import Work

log = structlog.get_logger(__name__)

T = TypeVar("T")

_GATHER_S = 0.1
_LULL_S = 0.002
_IDLE_S = 0.5
_LONGEST_BACKOFF_S = 10.0
_PATIENCE_S = 600.0
_PROCESS = "process"
_RETRIED = (KafkaException, StuckError, TransactionAbortedError, StoreError, FillError)


class PartitionRun(Generic[T]):
    """The work on one partition, for as long as it is ours.

    Args:
        work: what is done.
        partition: where.
        kafka: the clients' settings.
        store: opens the partition's store.
        source: the log, asked about its ends.
        feed: what Faust reads of it.
        epoch: tells which life of the log it is now.
        turn: held while computing: one partition at a time, for there is one interpreter.
        alone: held while a transaction is written.
        health: the worker's.
        most: registrations in one transaction.
        fenced_s: how long to wait for the group's word on whose the partition is, after its name was lost.
        at: called with the name of each moment of a transaction; for tests that break off there.

    Attributes:
        partition: where.
        busy: whether something has been gathered that is not committed yet.
    """

    def __init__(
        self,
        work: Work[T],
        partition: int,
        *,
        kafka: KafkaConfig,
        store: Callable[[], Store],
        source: Source,
        feed: Feed,
        epoch: Callable[[], int],
        turn: AbstractContextManager[object],
        alone: AbstractContextManager[object],
        health: WorkerHealth,
        most: int = 20_000,
        fenced_s: float = 20.0,
        at: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._work = work
        self.partition = partition
        self.busy = False
        self._kafka = kafka
        self._open_store = store
        self._source = source
        self._feed = feed
        self._epoch = epoch
        self._turn = turn
        self._alone = alone
        self._all = health
        self._health = health.partitions.setdefault(partition, PartitionHealth())
        self._limit = self._most = most
        self._fenced_s = fenced_s
        self._at = at
        self._log = log.bind(process=work.name, partition=partition)
        self._losses = Losses(f"{work.name}-{partition}")
        self._store: Store | None = None
        self._outbox: PartitionOutbox | None = None
        self._position = Position()
        self._mark = Mark("", 0)
        self._failing_since: float | None = None
        self._failures = 0

    @property
    def reached(self) -> int:
        """The source's offset up to which everything is committed."""
        return self._position.offset

    def run(self) -> None:
        """Work until the partition is not ours any more.

        Raises:
            UnknownSchemaError: newer definitions must be deployed first.
            FencedError: another process keeps taking the partition's name.
            Exception: what failed for too long, or a fault of ours.
        """
        try:
            while True:
                try:
                    self._turns()
                except InterruptedFeedError:
                    self._outbox = None  # it may have been another's in between
                    self.busy = False
                    self._tell(State.HELD)
                except FencedError as error:
                    self._lose(error)
                except _RETRIED as error:
                    self._fail(error)
        except EndedFeedError:
            self._log.info("partition left", version=self._position.version)
        finally:
            self._outbox = None
            self._work.released(self.partition)
            if self._store is not None:
                self._store.close()
            metrics.LIVE.labels(self._work.name, self.partition).set(0)

    def _turns(self) -> None:
        if self._outbox is None:
            self._take_over()
        start = self._start()
        self._feed.open(start)
        if self._position.epoch != self._epoch():  # it has changed since it was asked for, so nobody will tell us
            raise InterruptedFeedError
        self._tell(State.LIVE)
        expected = start
        while True:
            messages, letters, after = self._gather(expected)
            if messages or letters:
                self._process(messages, after, letters)
            expected = after

    def _take_over(self) -> None:
        """Fence whoever had the partition, then bring the store up to what they have committed.

        Only on the group's word: a process that was stalled must not take the partition from its successor.
        """
        self._feed.wait_for_word()
        self._tell(State.TAKING)
        if self._store is None:
            self._store = self._open_store()
        work = self._work
        name = f"{work.name}-{self.partition}"
        outbox = PartitionOutbox(
            self._kafka, name, work.changelog, self.partition, turn=self._turn, alone=self._alone, at=self._at
        )
        self._tell(State.RECOVERING)
        started = time.perf_counter()
        count = Changelog(self._kafka, work.changelog, self.partition).recover(self._store, self._tell_recovery)
        metrics.RECOVERY_SECONDS.labels(work.name).observe(time.perf_counter() - started)
        metrics.RECOVERED.labels(work.name).inc(count)
        self._position = position.unpacked(self._store.read([position.KEY])[0])
        work.recovered(self.partition, self._kept)
        self._mark = self._store.mark or self._mark
        self._health.version = self._position.version
        self._outbox = outbox

    def _kept(self) -> Iterator[tuple[bytes, bytes]]:
        if self._store is not None:
            yield from ((key, value) for key, value in self._store.items() if key != position.KEY)

    def _tell_recovery(self, done: int, total: int) -> None:
        self._feed.check()
        self._health.done, self._health.total = done, total
        self._all.last_progress = time.monotonic()

    def _start(self) -> int:
        """The source's offset to follow it from; what it does not have any more has been filled in.

        An offset of another life of the log means nothing in this one. Then everything is read again, and the
        versions tell what is in already.
        """
        epoch, topic = self._epoch(), self._source.identity()
        low, high = self._source.ends(self.partition)
        # Where the log has forgotten all that was read, the last thing was the end of a transaction, that nobody reads.
        forgotten = low == high == self._position.offset + 1
        if (self._position.epoch, self._position.topic) == (epoch, topic) and (
            low <= self._position.offset <= high or forgotten
        ):
            return max(low, self._position.offset)
        self._position = self._position._replace(offset=BEGINNING, epoch=epoch, topic=topic)
        offset, first = self._first()
        filled: int | None = -1
        while first != filled:  # the log forgets while we fill
            self._fill(offset, first)
            filled = first
            offset, first = self._first()
        return offset

    def _first(self) -> tuple[int, int | None]:
        """Where the log begins now: the offset, and the version of the first registration, if there is one."""
        low, _ = self._source.ends(self.partition)
        messages = self._logged()
        try:
            for message in messages:
                version = self._work.first_version(message)
                if version is not None:
                    return low, version
        finally:
            messages.close()
        return low, None

    def _logged(self) -> Generator[T]:
        """All that the log has, but for what is no message; close it when there is enough."""
        arrived = self._source.read(self.partition)
        try:
            for one in arrived:
                try:
                    yield self._work.decode(one.value)
                except NotARegistrationError:
                    continue
        finally:
            arrived.close()

    def _fill(self, offset: int, below: int | None) -> None:
        """Fill in what is before the offset that the log begins at now."""
        self._tell(State.FILLING)
        self._health.done = 0
        messages: list[tuple[int, T]] = []
        size = 0
        log = Log(offset, self._source.partitions(), self._logged)
        for message in self._work.fill(self.partition, self._position.version, below, log):
            messages.append((BEGINNING, message))
            size += self._work.size(message)
            if size >= self._limit and not self._work.fills_at_once:
                self._process(messages, BEGINNING)
                self._health.done += size
                messages, size = [], 0
        if messages:
            self._process(messages, offset)
            self._health.done += size

    def _gather(self, expected: int) -> tuple[list[tuple[int, T]], list[Output], int]:
        """What has arrived: a lone registration hardly waits, a flood comes in bulk.

        Returns:
            The messages with their offsets, a dead letter for each that cannot be read, and the offset after them.
        """
        messages: list[tuple[int, T]] = []
        letters: list[Output] = []
        size = 0
        self.busy = False
        arrived = self._feed.take(_IDLE_S)
        self.busy = arrived is not None
        deadline = time.monotonic() + _GATHER_S
        while arrived is not None:
            self._see_that_none_is_missing(expected, arrived.offset)
            expected = arrived.offset + 1
            try:
                message = self._work.decode(arrived.value)
            except NotARegistrationError as error:
                letters.append(self._letter(arrived, str(error)))
            else:
                messages.append((arrived.offset, message))
                size += self._work.size(message)
            if size >= self._limit or (time.monotonic() > deadline and not self._feed):
                break  # what waits already goes along: in a flood, small transactions make it last longer
            arrived = self._feed.take(_LULL_S)
        return messages, letters, expected

    def _see_that_none_is_missing(self, expected: int, offset: int) -> None:
        """A transaction's end takes an offset; more may be missing because the log has forgotten them unread.

        Raises:
            TransactionAbortedError: it has; begin anew, then the archive has them.
            InterruptedFeedError: the log itself has begun anew.
        """
        if offset < expected:
            raise InterruptedFeedError
        if offset <= expected + 1:
            return
        low, _ = self._source.ends(self.partition)
        if low > expected:
            self._position = self._position._replace(offset=BEGINNING)
            raise TransactionAbortedError(f"the log begins at {low} now, and {expected} has not been read")

    def _process(self, messages: Sequence[tuple[int, T]], after: int, letters: Sequence[Output] = ()) -> None:
        """Compute, commit, keep."""
        self._feed.check()
        store, outbox = self._store, self._outbox
        if store is None or outbox is None:
            raise RuntimeError("the partition has not been taken over")
        name = self._work.name
        started = time.perf_counter()
        with self._turn:
            step = self._work.step(self.partition, messages, self._position.version, store.read)
        computed = time.perf_counter()
        metrics.STEP_SECONDS.labels(name).observe(computed - started)
        self._at("computed")
        reached = self._position._replace(offset=after, version=step.version)
        writes = step.writes
        writes.pop(position.KEY, None)
        writes[position.KEY] = reached.packed()
        self._limit = max(1, sum(self._work.size(message) for _, message in messages) // 2)  # should it fail
        offset = outbox.commit(writes, [*step.outputs, *letters])
        metrics.COMMIT_SECONDS.labels(name).observe(time.perf_counter() - computed)
        self._at("committed")
        self._mark = self._mark._replace(offset=offset)
        store.write(writes, self._mark)
        self._position = reached
        self._succeed(step.registrations, len(step.unreadable) + len(letters))

    def _succeed(self, registrations: int, letters: int) -> None:
        self._limit = self._most
        self._failing_since = None
        self._failures = 0
        self._health.version = self._position.version
        self._all.registrations += registrations
        self._all.last_progress = time.monotonic()
        metrics.TRANSACTIONS.labels(self._work.name).inc()
        metrics.REGISTRATIONS.labels(self._work.name).inc(registrations)
        if letters:
            metrics.DEAD_LETTERS.labels(self._work.name).inc(letters)

    def _fail(self, error: Exception) -> None:
        """Wait, longer each time, then take the partition over anew.

        Raises:
            Exception: the error itself, after too long without success.
        """
        self._outbox = None
        self.busy = False
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        if now - self._failing_since > _PATIENCE_S:
            raise error
        self._failures += 1
        self._all.last_error = f"partition {self.partition}: {error}"
        self._log.warning("failed, will be taken again", error=str(error), failures=self._failures)
        if isinstance(error, TransactionAbortedError):
            metrics.ABORTED.labels(self._work.name).inc()
        if isinstance(error, StoreCorruptError) and self._store is not None:
            self._store.wipe()
        self._tell(State.WAITING)
        self._feed.interrupt()
        self._feed.pause(min(0.05 * 2**self._failures, _LONGEST_BACKOFF_S))

    def _lose(self, error: FencedError) -> None:
        """Wait for the group's word; where the partition is still ours after that, take its name back.

        Raises:
            FencedError: it is lost too often.
        """
        self._outbox = None
        self.busy = False
        metrics.FENCED.labels(self._work.name).inc()
        self._all.last_error = f"partition {self.partition}: {error}"
        self._tell(State.LOST)
        self._feed.interrupt()
        self._losses.add(error)
        self._feed.pause(self._fenced_s)

    def _letter(self, arrived: Arrived, error: str) -> Output:
        work = self._work
        letter = dead_letter(
            _PROCESS, work.source, self.partition, arrived.offset, error, key=arrived.key, value=arrived.value
        )
        return Output(topics.DEAD_LETTERS, arrived.key, letter, None)

    def _tell(self, state: State) -> None:
        self._health.state = state
        metrics.LIVE.labels(self._work.name, self.partition).set(state is State.LIVE)
