"""The loader: from the registries' topics to ClickHouse, at least once, exact when read with FINAL.

Messages are buffered as rows until there are many or the last flush is long enough ago, so that one after
a quiet time goes in at once; then the rows go in, the archive's after all others, and only then are the offsets
committed. Whatever dies in between, the same rows come again and replace themselves. While the database
is away the loader reads nothing, stays a member of its group, and says so. Where its name in the group is
lost, as by its own rejoin after a broker's restart, it takes the name again and reads on from what is committed.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog

from schemas import topics
from schemas.company import companies_of
from schemas.membership import Losses, MembershipLostError
from sinks.clickhouse import metrics
from sinks.clickhouse.buffer import Buffer
from sinks.clickhouse.dead_letters import DeadLetterBox, insert_finding_refused
from sinks.clickhouse.errors import DatabaseUnavailableError
from sinks.clickhouse.migrations.plan import refuse_unmigrated
from sinks.clickhouse.reader import Reader

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.buffer import GivenUp, TableRows
    from sinks.clickhouse.client import Client

log = structlog.get_logger(__name__)

_IDLE_S = 0.2
_PARALLEL_INSERTS = 2
_FIRST_BACKOFF_S = 0.2
_LONGEST_BACKOFF_S = 5.0
_LAG_EVERY_S = 1.0
_MOST_GIVEN_UP = 100
_MOST_BYTES = 32 << 20
_STUCK_AFTER_S = 60.0


def submission_topics(registry: str) -> list[str]:
    """What intake writes: accepted registrations and receipts."""
    return [topics.accepted(registry), topics.receipts(registry)]


def derived_topics(registry: str) -> list[str]:
    """What journeys write; and the few counts, which wait for nobody either."""
    return [topic(registry) for topic in (topics.cells, topics.exposures, topics.lists, topics.counts)]


def signal_topics(registry: str) -> list[str]:
    """What surveillance writes, what people say of it, and reports: few, and nobody is to wait for them."""
    return [topics.signals(registry), topics.reviews(registry), topics.reports(registry)]


def feed_topics(definition: RegistryDefinition) -> list[str]:
    """The feeds of the companies that make a registry's products; other registries may tell them things there too."""
    return [topics.feed(company) for company in companies_of([definition])]


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far the loader is.

    Attributes:
        loaded: registrations, and messages of other kinds, inserted since the start, repeats included.
        last_moved: when something was last inserted and committed, of the monotonic clock; the start
            where nothing was yet.
        lag: messages not yet read.
        waiting: those read and not yet inserted.
        database_up: whether the last insert got through.
        last_error: what went wrong last, if anything did.
    """

    loaded: int
    last_moved: float
    lag: int = 0
    waiting: int = 0
    database_up: bool = True
    last_error: str | None = None


class Loader:
    """Loads some topics of some registries: the accepted registrations and receipts, or what is derived of them.

    Args:
        kafka: the Kafka clients' settings.
        client: the way to ClickHouse.
        definitions: the registries, by name.
        stop: set it, and the loader finishes what it has in hand.
        topics_of: the topics of a registry that it reads.
        flush_interval_s: how long after one flush the next may follow, so how long a row waits at most.
        max_rows: how many rows make a buffer full; one poll may bring some thousands more.
        group: the consumer group; instances in one group share the partitions.
        instance: this instance's own name, the same after a restart (static membership); None for none.
    """

    def __init__(
        self,
        kafka: Mapping[str, str | int | bool],
        client: Client,
        definitions: Mapping[str, RegistryDefinition],
        *,
        stop: threading.Event,
        topics_of: Callable[[str], Sequence[str]] = submission_topics,
        flush_interval_s: float = 0.5,
        max_rows: int = 50_000,
        group: str = "guldadra-load",
        instance: str | None = None,
    ) -> None:
        self._client = client.with_patience(0.0)  # while the database is away, this waits in its own way
        self._definitions = definitions
        self._stop = stop
        self._flush_interval_s = flush_interval_s
        self._max_rows = max_rows
        self._buffer = Buffer(definitions)
        self._holding = False
        self._flushed_at = time.monotonic()
        self._flushing = False
        self._dead_letters = DeadLetterBox(kafka)
        self._losses = Losses(f"loader {instance or group}")
        self._reader = Reader(
            kafka,
            list(dict.fromkeys(topic for name in definitions for topic in topics_of(name))),
            group=group,
            instance=instance,
            on_revoke=self._flush_before_revoke,
        )
        self._inserts = ThreadPoolExecutor(_PARALLEL_INSERTS, thread_name_prefix="insert")
        self._progress = LoadProgress(0, time.monotonic())
        self._lag_told = 0.0

    def progress(self) -> LoadProgress:
        """How far it is; may be asked from any thread."""
        return self._progress

    def holds(self, topic: str, partition: int) -> bool:
        """Whether the partition is this instance's now; may be asked from any thread."""
        return self._reader.holds(topic, partition)

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether it is well (the database is up, and it moved lately or has nothing to do), and the facts."""
        now = self._progress
        idle = now.lag == 0 and now.waiting == 0
        moving = idle or time.monotonic() - now.last_moved < _STUCK_AFTER_S
        facts = asdict(now)
        del facts["last_moved"]
        return now.database_up and moving, {"process": "load", **facts}

    def run(self) -> None:
        """Load until told to stop; what is in hand is finished, unless the database is away.

        Raises:
            MigrationError: the tables are not as declared.
            ReaderNotReadyError: a topic is missing.
            StatementError: ClickHouse refuses to let us insert.
            TooManyRefusedError: it refuses so many rows that it cannot be the rows.
            FencedError: another instance runs under the same name.
            KafkaException: the client cannot join, or dead letters cannot be sent.
        """
        try:
            self._wait_for_tables()
            self._reader.subscribe()
            log.info("loader started", registries=sorted(self._definitions))
            while not self._load_while_member():
                self._reader.rejoin()
        except BaseException:
            self._clear()  # leaving the group must not try again what has just failed
            raise
        finally:
            self._reader.close()
            self._inserts.shutdown()
        log.info("loader stopped", loaded=self._progress.loaded)

    def _wait_for_tables(self) -> None:
        for backoff in _backoffs():
            try:
                refuse_unmigrated(self._client, self._definitions)
            except DatabaseUnavailableError as error:
                self._database_away(error)
                if self._stop.wait(backoff):
                    return
            else:
                self._database_back()
                return

    def _load_while_member(self) -> bool:
        """Load until told to stop; False where the name in the group is lost before.

        Raises:
            FencedError: it is lost too often.
        """
        try:
            while not self._stop.is_set():
                self._turn()
            if self._flush():
                self._reader.commit()
        except MembershipLostError as error:
            self._losses.add(error)
            self._clear()  # all that is not committed comes again
            return False
        return True

    def _turn(self) -> None:
        room = min(_IDLE_S, self._due() - time.monotonic()) if self._holding else _IDLE_S
        for read in self._reader.read(room):
            self._buffer.take(read)
            self._holding = True
        full = self._buffer.registrations >= self._max_rows or self._buffer.size >= _MOST_BYTES
        if self._holding and (full or time.monotonic() >= self._due()):
            self._flush()
        if time.monotonic() - self._lag_told >= _LAG_EVERY_S:
            self._lag_told = time.monotonic()
            if not self._holding:
                self._reader.commit()  # what a refused commit left, and the marks of transactions passed since
            self._tell(lag=self._reader.lag(), waiting=self._buffer.registrations)

    def _flush(self) -> bool:
        """Insert the buffer, then commit; while the database is away, wait with it.

        Returns:
            Whether everything read is inserted; not so where the stop came before the database.
        """
        if not self._holding:
            return True
        begun = time.monotonic()
        backoffs = _backoffs()
        self._flushing = True
        try:
            while not self._try_insert():
                if self._stop.is_set():
                    log.warning("stopped without the database: what was read will be read again")
                    self._clear()
                    return False
                self._wait(next(backoffs))
            self._reader.go_on()
            self._reader.commit()
        finally:
            self._flushing = False
        metrics.FLUSH_SECONDS.observe(time.monotonic() - begun)
        metrics.LAST_FLUSH.set_to_current_time()
        self._inserted()
        return True

    def _flush_before_revoke(self) -> None:
        """Partitions go: what was read of them is committed if that can be done at once."""
        if self._flushing or not self._holding:
            return  # the flush under way commits what is still held when it is done
        if self._try_insert():
            self._reader.commit()
            self._inserted()

    def _try_insert(self) -> bool:
        """Insert all tables' rows and send the dead letters; False where the database is away."""
        refused: list[GivenUp] = []
        try:
            for wave in self._buffer.waves:
                refused += [one for found in self._inserts.map(self._insert, wave) for one in found]
        except DatabaseUnavailableError as error:
            self._database_away(error)
            return False
        self._database_back()
        self._give_up([*self._buffer.given_up, *refused])
        for rows in self._buffer.tables:
            metrics.LOADED.labels(rows.layout.registry, rows.layout.name).inc(rows.registrations)
        return True

    def _insert(self, rows: TableRows) -> list[GivenUp]:
        layout = rows.layout
        return insert_finding_refused(
            rows, lambda data: self._client.insert(layout.table, data, "Avro"), _MOST_GIVEN_UP
        )

    def _give_up(self, letters: list[GivenUp]) -> None:
        if not letters:
            return
        self._dead_letters.send(letters)
        for letter in letters:
            log.error(
                "given up, see the dead letters",
                topic=letter.read.topic,
                partition=letter.read.partition,
                offset=letter.read.offset,
                error=letter.error,
            )
        self._tell(last_error=letters[-1].error)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stop.is_set() and time.monotonic() < until:
            for read in self._reader.wait(min(_IDLE_S, until - time.monotonic())):
                self._buffer.take(read)

    def _database_away(self, error: DatabaseUnavailableError) -> None:
        log.warning("ClickHouse is not available, the loader waits", error=str(error))
        metrics.DATABASE_UP.set(0)
        self._tell(database_up=False, last_error=str(error), waiting=self._buffer.registrations)

    def _database_back(self) -> None:
        metrics.DATABASE_UP.set(1)
        self._tell(database_up=True)

    def _inserted(self) -> None:
        self._tell(loaded=self._progress.loaded + self._buffer.registrations, last_moved=time.monotonic())
        self._clear()

    def _clear(self) -> None:
        self._buffer.clear()
        self._holding = False
        self._flushed_at = time.monotonic()
        self._tell(waiting=0)

    def _due(self) -> float:
        """When the rows held are to be flushed, of the monotonic clock."""
        return self._flushed_at + self._flush_interval_s

    def _tell(self, **changes: float | bool | str | None) -> None:
        self._progress = replace(self._progress, **changes)  # type: ignore[arg-type]  # fields by name


def _backoffs() -> Iterator[float]:
    """How long to wait before the next attempt, for ever."""
    backoff = _FIRST_BACKOFF_S
    while True:
        yield backoff
        backoff = min(backoff * 2, _LONGEST_BACKOFF_S)
