"""Events of companies' feeds as rows of the platform's database: the CloudEvent as it came, and what it is found by."""

from __future__ import annotations

from typing import Any

from schemas.compiled_writer import compile_writer
from schemas.version import version_of
from sinks.clickhouse import sql
from sinks.clickhouse.rows import Layout, block, container_header
from sinks.feeds.event import read_event

TABLE = "feed"
_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "row",
    "fields": [
        *({"name": name, "type": "string"} for name in ("company", "id", "registry", "type", "subject")),
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "event", "type": "string"},
        {"name": "version", "type": "long"},
    ],
}
_write = compile_writer(_SCHEMA)


def feed_layout() -> Layout:
    """Where the rows go."""
    return Layout(sql.PLATFORM, sql.table(sql.PLATFORM, TABLE), TABLE, container_header(_SCHEMA))


def feed_row(value: bytes, offset: int) -> bytes:
    """The block of one event that stands at an offset of its feed.

    Raises:
        NotARegistrationError: it is no event.
    """
    event, epoch = read_event(value)
    row = {
        "company": event.company,
        "id": event.id,
        "registry": event.registry,
        "type": event.type,
        "subject": event.subject,
        "at": event.at,
        "event": value.decode(),
        "version": version_of(epoch, offset),
    }
    return block(_write(row))
