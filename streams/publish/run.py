"""One input from its first row to its last receipt: read, map, send, follow, write what was refused."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import structlog

from streams.publish.errors import COULD_NOT_RUN, InterruptedPublishError, PublishError
from streams.publish.journal import Journal
from streams.publish.map import RegistryMapper
from streams.publish.publisher import BROKER_PATIENCE_S, RECEIPTS_PATIENCE_S, Publisher, now_ms
from streams.publish.read import open_source
from streams.publish.refusals import Refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from schemas.identity import PseudonymKey
    from schemas.store import SchemaStore
    from schemas.version import OffsetRange
    from streams.control import KafkaConfig
    from streams.publish.slices import Slice, Source

log = structlog.get_logger(__name__)

ALL_ACCEPTED, SOME_REFUSED = 0, 1
"""Exit codes of a run that reached its end; ``COULD_NOT_RUN`` (2) is every ``PublishError``'s."""
__all__ = [
    "ALL_ACCEPTED",
    "COULD_NOT_RUN",
    "SOME_REFUSED",
    "Progress",
    "PublishOptions",
    "PublishResult",
    "publish_file",
    "publish_rows",
]

_TELL_EVERY_S = 0.1

State = Literal["reading", "publishing", "waiting for the broker", "waiting for receipts", "done"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; told about ten times a second.

    Attributes:
        state: what it is doing.
        rows: rows read so far.
        total_rows: about how many there are.
        published: submissions that the broker has.
        refused_here: rows refused before they were sent.
        accepted: submissions that intake accepted.
        refused: submissions that intake refused.
    """

    state: State
    rows: int
    total_rows: int
    published: int = 0
    refused_here: int = 0
    accepted: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What a run came to.

    ``published = accepted + refused`` where receipts were waited for. A row that was moved to another
    patient is two submissions, and one that was interrupted between sending and writing the journal is
    submitted again; so ``rows - refused_here`` may be fewer than ``published``.

    Attributes:
        rows: rows of the input.
        published: submissions that the broker has, those of an interrupted run before this one included.
        refused_here: rows refused before they were sent.
        accepted: submissions that intake accepted; None where receipts were not waited for.
        refused: submissions that intake refused; None likewise.
        seconds: how long this run took.
        resumed_after: the row after which this run went on; 0 where it began anew.
        ranges: where in the log the submissions are.
        refused_path: the file of refused rows; None where there are none.
    """

    rows: int
    published: int
    refused_here: int
    accepted: int | None
    refused: int | None
    seconds: float
    resumed_after: int
    ranges: tuple[OffsetRange, ...]
    refused_path: Path | None

    @property
    def exit_code(self) -> int:
        """0 where nothing was refused, else 1."""
        return SOME_REFUSED if self.refused_here or self.refused else ALL_ACCEPTED


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How to publish.

    Attributes:
        mapping: the name of one of the registry's mappings; None: the source's own, or else columns are
            named as the fields are.
        ignore_columns: whether columns that a form has no field for are left out, instead of refused.
        dry_run: map, validate and write the refused rows, but send nothing; needs no broker.
        from_start: whether to leave an interrupted run's journal out of account.
        wait_for_receipts: whether to wait for intake's verdicts.
        receipts_patience_s: how long to wait without hearing anything.
        broker_patience_s: how long a submission may wait for the broker.
    """

    mapping: str | None = None
    ignore_columns: bool = False
    dry_run: bool = False
    from_start: bool = False
    wait_for_receipts: bool = True
    receipts_patience_s: float = RECEIPTS_PATIENCE_S
    broker_patience_s: float = BROKER_PATIENCE_S


def publish_file(
    path: Path,
    definition: RegistryDefinition,
    *,
    kafka: KafkaConfig,
    store: SchemaStore,
    key: PseudonymKey | None,
    form: str | None = None,
    options: PublishOptions | None = None,
    observe: Callable[[Progress], None] = lambda _: None,
    clock: Callable[[], int] = now_ms,
) -> PublishResult:
    """Publish a CSV, Parquet or NDJSON file; see ``publish_rows``, and ``open_source`` for ``form``."""
    source = open_source(path, definition.forms, form)
    return publish_rows(
        source, definition, kafka=kafka, store=store, key=key, options=options, observe=observe, clock=clock
    )


def publish_rows(
    source: Source,
    definition: RegistryDefinition,
    *,
    kafka: KafkaConfig,
    store: SchemaStore,
    key: PseudonymKey | None,
    options: PublishOptions | None = None,
    observe: Callable[[Progress], None] = lambda _: None,
    clock: Callable[[], int] = now_ms,
) -> PublishResult:
    """Publish all rows of a source, and wait for the receipts.

    Args:
        source: the rows.
        definition: the registry.
        kafka: librdkafka's settings; not used in a dry run.
        store: where the schemas' ids are.
        key: what patients become pseudonyms with; None where they are pseudonyms already.
        options: how.
        observe: told how far it is.
        clock: the time of submission, in milliseconds since 1970.

    Raises:
        PublishError: it could not begin, or not go on; what was sent stays sent, and the same again
            goes on from there. An InterruptedPublishError for Ctrl-C.
    """
    run = _Run(source, definition, options or PublishOptions(), observe)
    if run.options.dry_run:
        return run.try_out(key, clock)
    return run.publish(kafka, store, key, clock)


class _Run:
    """The state of one run."""

    def __init__(
        self,
        source: Source,
        definition: RegistryDefinition,
        options: PublishOptions,
        observe: Callable[[Progress], None],
    ) -> None:
        self.options = options if options.mapping else replace(options, mapping=source.mapping)
        self._source = source
        self._definition = definition
        self._observe = observe
        self._began = time.monotonic()
        self._refusals = Refusals(source)
        self._state: State = "reading"
        self._progress = Progress(self._state, 0, source.total_rows())
        self._told = 0.0
        self._publisher: Publisher | None = None

    def try_out(self, key: PseudonymKey | None, clock: Callable[[], int]) -> PublishResult:
        """Map and validate everything, send nothing."""
        mapper = RegistryMapper(
            self._definition,
            mapping=self.options.mapping,
            key=key,
            wire_id=lambda _: 0,
            now_ms=clock,
            ignore_columns=self.options.ignore_columns,
            decimal_comma=self._source.decimal_comma,
        )
        for part in self._slices(mapper):
            self._refusals.add(part, mapper.map(part).refused)
            self._tell(rows=part.last_row)
        return self._result(published=0, accepted=None, refused=None, resumed_after=0, ranges=())

    def publish(
        self, kafka: KafkaConfig, store: SchemaStore, key: PseudonymKey | None, clock: Callable[[], int]
    ) -> PublishResult:
        """Send everything, wait for the receipts."""
        journal = Journal(self._source.beside, self._fingerprint(key))
        if self.options.from_start:
            journal.remove()
        publisher = self._publisher = Publisher(
            kafka,
            self._definition,
            store,
            key,
            mapping=self.options.mapping,
            ignore_columns=self.options.ignore_columns,
            decimal_comma=self._source.decimal_comma,
            broker_patience_s=self.options.broker_patience_s,
            clock=clock,
            while_waiting=self._tell,
            journal=journal,
        )
        with publisher:
            try:
                self._send(publisher, journal)
                if self.options.wait_for_receipts:
                    self._wait(publisher, journal)
            except BaseException as error:
                stopped = self._stopped(publisher, journal, error)
                if stopped is error:
                    raise
                raise stopped from error
            result = self._finish(publisher)
        journal.remove()
        return result

    def _send(self, publisher: Publisher, journal: Journal) -> None:
        resumed_after = publisher.resumed.last_row if publisher.resumed else 0
        if resumed_after:
            log.info("publishing goes on", registry=self._definition.name, after_row=resumed_after)
        self._tell(state="publishing")
        for part in self._slices(publisher.mapper):
            mapped = publisher.mapper.map(part)
            self._refusals.add(part, mapped.refused)
            publisher.send(mapped.after(resumed_after))
            publisher.receipts.poll()
            self._tell(rows=part.last_row)
            if journal.due:
                self._write(publisher, journal)
        publisher.flush()
        self._write(publisher, journal)

    def _wait(self, publisher: Publisher, journal: Journal) -> None:
        """The journal stays until all receipts are there: it knows whose they are."""
        self._tell(state="waiting for receipts")
        results = publisher.results(self.options.receipts_patience_s)
        self._refusals.add_of_intake(results.refusals)
        self._write(publisher, journal)

    def _finish(self, publisher: Publisher) -> PublishResult:
        waited = self.options.wait_for_receipts
        return self._result(
            published=publisher.ledger.acknowledged,
            accepted=publisher.receipts.accepted if waited else None,
            refused=publisher.receipts.refused if waited else None,
            resumed_after=publisher.resumed.last_row if publisher.resumed else 0,
            ranges=tuple(publisher.ledger.ranges(publisher.epoch)),
        )

    def _slices(self, mapper: RegistryMapper) -> Iterator[Slice]:
        for nth, part in enumerate(self._source.slices()):
            if nth == 0:
                mapper.check_columns(part, tabular=self._source.tabular)
            yield part

    def _stopped(self, publisher: Publisher, journal: Journal, error: BaseException) -> BaseException:
        """Keep what has been reached, and say it."""
        publisher.halt(answers_may_be_lost=not isinstance(error, PublishError))
        self._write(publisher, journal)
        stopped = InterruptedPublishError("interrupted") if isinstance(error, KeyboardInterrupt) else error
        if isinstance(stopped, PublishError) and (published := publisher.ledger.acknowledged):
            row = self._last_row(publisher)
            stopped.progress = (
                f"{published:,} submissions are in the log, with everything up to row {row:,} of the input; "
                "the same command goes on from there"
            )
        return stopped

    def _write(self, publisher: Publisher, journal: Journal) -> None:
        if publisher.ledger.acknowledged:
            journal.write(self._last_row(publisher), publisher.epoch, publisher.ledger, publisher.receipts.begin)

    def _last_row(self, publisher: Publisher) -> int:
        """The row up to which nothing is missing at the broker; what an earlier run reached is not lost again."""
        before = publisher.resumed.last_row if publisher.resumed else 0
        return publisher.ledger.last_row(max(before, self._progress.rows))

    def _result(
        self,
        *,
        published: int,
        accepted: int | None,
        refused: int | None,
        resumed_after: int,
        ranges: tuple[OffsetRange, ...],
    ) -> PublishResult:
        try:
            path = self._refusals.write()
        except OSError as error:
            raise PublishError(
                f"{error.filename}: {error.strerror}; the refused rows stand beside the input"
            ) from error
        self._tell(state="done")
        return PublishResult(
            rows=self._progress.rows,
            published=published,
            refused_here=self._refusals.here,
            accepted=accepted,
            refused=refused,
            seconds=time.monotonic() - self._began,
            resumed_after=resumed_after,
            ranges=ranges,
            refused_path=path,
        )

    def _tell(self, state: State | None = None, rows: int | None = None) -> None:
        """Bring the progress up to date; a change of state is told at once."""
        if rows is not None:
            self._progress = replace(self._progress, rows=rows)
        now = time.monotonic()
        if state is None and now - self._told < _TELL_EVERY_S:
            return
        self._told = now
        publisher = self._publisher
        self._state = state or self._state
        self._progress = replace(
            self._progress,
            state="waiting for the broker" if publisher and publisher.waiting_for_broker else self._state,
            refused_here=self._refusals.here,
            published=publisher.ledger.acknowledged if publisher else 0,
            accepted=publisher.receipts.accepted if publisher else 0,
            refused=publisher.receipts.refused if publisher else 0,
        )
        self._observe(self._progress)

    def _fingerprint(self, key: PseudonymKey | None) -> str:
        """Everything that makes a row the same submission again."""
        definition = self._definition
        said = {
            "input": self._source.fingerprint(),
            "registry": definition.name,
            "forms": {name: form.model_dump(mode="json") for name, form in definition.forms.items()},
            "catalogues": {
                name: {code: dict(row) for code, row in catalogue.rows.items()}
                for name, catalogue in definition.catalogues.items()
            },
            "mapping": {
                form: mapped.model_dump(mode="json")
                for form, mapped in definition.mappings.get(self.options.mapping or "", {}).items()
            },
            "ignore_columns": self.options.ignore_columns,
            "key": key.pseudonym("journal", "opaque") if key else None,
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
