"""Rows as bytes: what came through Kafka is wrapped for ClickHouse, not decoded and written anew.

An Avro record is its fields one after another, and nothing else. So the bytes of a row's origin with
the payload behind them are a record of a schema that has the origin's fields and then the form's, and
ClickHouse reads them in its own C++. Each row is a block of its own in the Avro container, so a row of
a wrong length cannot shift the next one: a block's size and the marker behind it would not agree.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from schemas.codec import fingerprint, wire_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MAGIC = b"Obj\x01"
_SYNC = b"guldadra-loader!"  # 16 bytes; a marker need not be secret, for blocks have their size
_ORIGIN: tuple[dict[str, Any], ...] = (
    {"name": "_partition", "type": "int"},
    {"name": "_epoch", "type": "int"},
    {"name": "_schema_id", "type": "int"},
    {"name": "_submitted_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "_offset", "type": "long"},
)


def zigzag(number: int) -> bytes:
    """An int or long as Avro writes it."""
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while rest > 0x7F:  # noqa: PLR2004 - seven bits a byte
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_ONE = zigzag(1)
_SIZES = [zigzag(size) for size in range(4096)]


def block(record: bytes) -> bytes:
    """One Avro record as a block of a container."""
    return b"".join((_ONE, zigzag(len(record)), record, _SYNC))


def placed_block(offset: int, record: bytes) -> bytes:
    """A whole message as a block, its offset before it: where it stands in the log is its version."""
    return block(zigzag(offset) + record)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where rows go, and how their bytes are to be read.

    Attributes:
        registry: whose rows they are.
        table: the quoted table.
        name: the table's name, for metrics.
        header: the container's beginning: the schema that the rows are written with.
    """

    registry: str
    table: str
    name: str
    header: bytes

    def container(self, blocks: Iterable[bytes]) -> bytes:
        """The Avro container of some rows."""
        return b"".join((self.header, *blocks))


def container_header(schema: Mapping[str, Any]) -> bytes:
    """The beginning of an Avro container of uncompressed records."""
    text = json.dumps(schema, separators=(",", ":")).encode()
    entries = ((b"avro.schema", text), (b"avro.codec", b"null"))
    metadata = b"".join(part for key, value in entries for part in (zigzag(len(key)), key, zigzag(len(value)), value))
    return b"".join((_MAGIC, zigzag(len(entries)), metadata, zigzag(0), _SYNC))


def row_schema(form: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a form's rows: where each came from, then the form's fields as they were written."""
    fields = [{"name": field["name"], "type": field["type"]} for field in form["fields"]]
    return {"type": "record", "name": "row", "fields": [*_ORIGIN, *fields]}


@cache
def message_headers(event: str, *, placed: bool = False) -> Mapping[bytes, bytes]:
    """The container headers for whole messages of one of the platform's own records.

    By the wire header that a message begins with: the record may have versions.

    Args:
        event: the record's name.
        placed: whether each message has its own offset before it (``placed_block``).
    """
    folder = files("schemas") / "events"
    released = folder / "released"
    older = [path for path in released.iterdir() if path.name.startswith(f"{event}.")] if released.is_dir() else []
    versions = [json.loads(path.read_text(encoding="utf-8")) for path in (folder / f"{event}.avsc", *older)]
    before = [{"name": "_offset", "type": "long"}] if placed else []
    return {
        wire_header(fingerprint(version)): container_header({**version, "fields": [*before, *version["fields"]]})
        for version in versions
    }


class RowMaker:
    """Makes the rows of one batch: its registrations share all of their origin but time and offset."""

    def __init__(self, partition: int, epoch: int) -> None:
        self._place = zigzag(partition) + zigzag(epoch)
        self._prefixes: dict[tuple[int, int], bytes] = {}

    def row(self, registration: Mapping[str, Any]) -> bytes:
        """The block of one registration of an ``AcceptedBatch``."""
        key = (registration["schema_id"], registration["submitted_at"])
        prefix = self._prefixes.get(key)
        if prefix is None:
            prefix = self._prefixes[key] = self._place + zigzag(key[0]) + zigzag(key[1])
        offset, payload = zigzag(registration["offset"]), registration["payload"]
        size = len(prefix) + len(offset) + len(payload)
        length = _SIZES[size] if size < len(_SIZES) else zigzag(size)
        return b"".join((_ONE, length, prefix, offset, payload, _SYNC))
