"""What has been read from Kafka and not yet inserted, row by row, by the table that it goes to."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from schemas import topics
from schemas.codec import (
    HEADER_BYTES,
    NotARegistrationError,
    decode_event,
    encode_event,
    is_present,
    is_version_of,
    released_version,
)
from schemas.company import companies_of
from schemas.dead_letter import registration_alone
from schemas.report import report_faults
from schemas.review import review_faults
from schemas.store import known_versions
from sinks.clickhouse import sql
from sinks.clickhouse.feed_rows import feed_layout, feed_row
from sinks.clickhouse.migrations.forms import rows_table
from sinks.clickhouse.rows import Layout, RowMaker, block, container_header, message_headers, placed_block, row_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from schemas.definition.registry import RegistryDefinition
    from schemas.rules import Fault

_BATCH = "accepted_batch"
_ARCHIVED = "accepted_messages"
_PLACED = frozenset(
    {"unit_counts", "review", "report"}
)  # their version is their own place, which only whoever reads them knows
# The other messages go in whole: the topic of each, and the table that takes it. A topic may have several records.
_WHOLE: tuple[tuple[Callable[[str], str], str, str], ...] = (
    (topics.receipts, "receipt", "receipt_messages"),
    (topics.cells, "cell_batch", "cell_messages"),
    (topics.exposures, "exposure_batch", "exposure_messages"),
    (topics.lists, "list_batch", "list_messages"),
    (topics.counts, "unit_counts", "unit_count_messages"),
    (topics.signals, "signal", "signal_messages"),
    (topics.signals, "pair_signal", "pair_signal_messages"),
    (topics.reviews, "review", "review_messages"),
    (topics.reports, "report", "report_messages"),
)
# Many, large and our own: to decode them here would cost more than all the rest of their way, so what is wrong
# with one is left to ClickHouse's reader to find.
_UNDECODED = frozenset({"cell_batch", "exposure_batch", "list_batch"})
_FAULTS: Mapping[str, Callable[[Mapping[str, Any]], list[Fault]]] = {"review": review_faults, "report": report_faults}
_Key = tuple[str, int | bytes]  # a topic, and a form's schema id or the wire header of whole messages
_OF_A_FEED = b""  # which has no wire header: it is JSON


@dataclass(frozen=True, slots=True)
class Read:
    """One message as it was read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A message, or one registration of it, that cannot be loaded; ``error`` quotes no value."""

    read: Read
    error: str
    value: bytes | None


@dataclass(slots=True)
class TableRows:
    """The rows for one table, written with one schema.

    Attributes:
        layout: where they go and how they are read.
        schema_id: the schema of the registrations; None where a row is a whole message.
        blocks: the rows.
        registrations: how many registrations they are, or messages of another kind.
        sources: the messages that they came from, and ``starts`` their first rows' places.
    """

    layout: Layout
    schema_id: int | None
    blocks: list[bytes] = field(default_factory=list)
    registrations: int = 0
    sources: list[Read] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)

    def rows_of(self, read: Read) -> list[bytes]:
        """The list to put the rows of this message on."""
        self.sources.append(read)
        self.starts.append(len(self.blocks))
        return self.blocks

    def given_up(self, row: int, error: str) -> GivenUp:
        """The row, as what it was in its message: the message whole, or its one registration."""
        source = bisect_right(self.starts, row) - 1
        read = self.sources[source]
        if self.schema_id is None or read.value is None:
            return GivenUp(read, error, read.value)
        batch = decode_event(_BATCH, read.value)
        own = [one for one in batch["registrations"] if one["schema_id"] == self.schema_id]
        return _registration_given_up(read, batch, own[row - self.starts[source]], error)


class Buffer:
    """Takes messages and keeps their rows until ``clear``.

    Args:
        definitions: the registries whose topics are read.

    Attributes:
        registrations: how many registrations it holds, and messages of other kinds.
        size: how many bytes the messages that it holds had.
        given_up: what could not be made rows of.
    """

    def __init__(self, definitions: Mapping[str, RegistryDefinition]) -> None:
        self._takers: dict[str, Callable[[Read, bytes], None]] = {}
        self._layouts: dict[_Key, Layout] = {}
        for name, definition in definitions.items():
            database = sql.database_of(name)
            self._takers[topics.accepted(name)] = self._take_batch
            self._lay_out(name, topics.accepted(name), _BATCH, _ARCHIVED)
            for topic, event, table in _WHOLE:
                events = [one for of, one, _ in _WHOLE if of is topic]
                self._takers[topic(name)] = partial(self._take_message, events)
                self._lay_out(name, topic(name), event, table)
            for schema_id, schema in known_versions(definition).items():
                table = rows_table(schema.form.name)
                self._layouts[topics.accepted(name), schema_id] = Layout(
                    name, sql.table(database, table), table, container_header(row_schema(schema.avro))
                )
        for company in companies_of(definitions.values()):
            self._takers[topics.feed(company)] = self._take_told
            self._layouts[topics.feed(company), _OF_A_FEED] = feed_layout()
        self.clear()

    def _lay_out(self, registry: str, topic: str, event: str, table: str) -> None:
        quoted = sql.table(sql.database_of(registry), table)
        for wire, header in message_headers(event, placed=event in _PLACED).items():
            self._layouts[topic, wire] = Layout(registry, quoted, table, header)

    def clear(self) -> None:
        """Forget everything."""
        self._tables: dict[_Key, TableRows] = {}
        self.given_up: list[GivenUp] = []
        self.registrations = 0
        self.size = 0

    @property
    def tables(self) -> list[TableRows]:
        """The rows held, the largest tables first."""
        return sorted(self._tables.values(), key=lambda rows: -rows.registrations)

    @property
    def waves(self) -> list[list[TableRows]]:
        """The same, in the order to insert them: whoever finds a registration in the archive finds it in its form."""
        rest: list[TableRows] = []
        archive: list[TableRows] = []
        for rows in self.tables:
            (archive if rows.layout.name == _ARCHIVED else rest).append(rows)
        return [wave for wave in (rest, archive) if wave]

    def take(self, read: Read) -> None:
        """Make rows of a message; one that cannot be read is given up, whole."""
        if read.value is None:
            self.given_up.append(GivenUp(read, "the message has no value", None))
            return
        self.size += len(read.value)
        try:
            self._takers[read.topic](read, read.value)
        except NotARegistrationError as error:
            self.given_up.append(GivenUp(read, str(error), read.value))

    def _take_batch(self, read: Read, value: bytes) -> None:
        batch = decode_event(_BATCH, value)
        registrations = batch["registrations"]
        self._take_whole(read, value, len(registrations))
        row = RowMaker(batch["partition"], batch["epoch"]).row
        rows_by_schema: dict[int, list[bytes]] = {}
        for registration in registrations:
            schema_id = registration["schema_id"]
            rows = rows_by_schema.get(schema_id)
            if rows is None:
                if (read.topic, schema_id) not in self._layouts:
                    error = f"schema id {schema_id} is no version of any form declared here"
                    self.given_up.append(_registration_given_up(read, batch, registration, error))
                    continue
                rows = rows_by_schema[schema_id] = self._rows(read, schema_id).rows_of(read)
            rows.append(row(registration))
        for schema_id in rows_by_schema:
            table = self._rows(read, schema_id)
            table.registrations = len(table.blocks)

    def _take_message(self, events: Sequence[str], read: Read, value: bytes) -> None:
        event = next((one for one in events if is_version_of(one, value)), events[0])
        if event not in _UNDECODED or not is_present(event, value):
            record = decode_event(event, value)
            if event in _UNDECODED:  # of an earlier version, and ClickHouse fills in no nested field that is not there
                value = encode_event(event, _as_meant_then(event, record, released_version(event, value)))
            elif event in _FAULTS and (faults := _FAULTS[event](record)):  # anybody may write there
                raise NotARegistrationError(f"the {event} is not as it must be: {'; '.join(map(str, faults))}")
        self._take_whole(read, value, 1, placed=event in _PLACED)

    def _take_whole(self, read: Read, value: bytes, registrations: int, *, placed: bool = False) -> None:
        table = self._rows(read, value[:HEADER_BYTES])
        payload = value[HEADER_BYTES:]
        table.rows_of(read).append(placed_block(read.offset, payload) if placed else block(payload))
        table.registrations += registrations
        self.registrations += registrations

    def _take_told(self, read: Read, value: bytes) -> None:
        row = feed_row(value, read.offset)
        table = self._rows(read, _OF_A_FEED)
        table.rows_of(read).append(row)
        table.registrations += 1
        self.registrations += 1

    def _rows(self, read: Read, written_with: int | bytes) -> TableRows:
        key = (read.topic, written_with)
        rows = self._tables.get(key)
        if rows is None:
            schema_id = written_with if isinstance(written_with, int) else None
            rows = self._tables[key] = TableRows(self._layouts[key], schema_id)
        return rows


def _as_meant_then(event: str, record: dict[str, Any], version: int | None) -> dict[str, Any]:
    """A record of an earlier version: in the first, an exposure's end was the end of carrying the product too."""
    if event == "exposure_batch" and version == 1:
        for change in record["changes"]:
            for state in (*change["before"], *change["after"]):
                state["carried_until"] = state["end"]
    return record


def _registration_given_up(
    read: Read, batch: Mapping[str, Any], registration: Mapping[str, Any], error: str
) -> GivenUp:
    """One registration of a batch, in a batch of its own that may be replayed; the archive has it."""
    place = f"registration at offset {registration['offset']} of epoch {batch['epoch']}"
    return GivenUp(read, f"{error} ({place}; it is in the archive)", registration_alone(batch, registration))
