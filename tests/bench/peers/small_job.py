"""What the Python peers share: their orders, and reading a registration; imports nothing of the project's.

The peers run in a virtual environment of their own, with fastavro but without the platform.
"""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import fastavro

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER_BYTES = 5
_EPOCH = date(1970, 1, 1)


class Orders(NamedTuple):
    """The arguments of every peer's program, in this order.

    Attributes:
        bootstrap: the broker.
        name: application id and consumer group, of this run alone.
        source: topic to read.
        output: topic to write.
        forms: folder of schemas, ``<id on the wire>.avsc``.
        state: folder for the engine's state.
        partitions: of both topics.
    """

    bootstrap: str
    name: str
    source: str
    output: str
    forms: str
    state: str
    partitions: str


def reader(forms: str) -> Callable[[bytes], tuple[str, str | None]]:
    """A function from a message to (registration id, cell); no cell where the registration is withdrawn."""
    schemas = {}
    for path in Path(forms).glob("*.avsc"):
        schema: Any = fastavro.parse_schema(json.loads(path.read_text(encoding="utf-8")))
        schemas[b"\0" + int(path.stem).to_bytes(4, "big")] = (form_name(schema), schema)
    read_record = fastavro.schemaless_reader

    def read(message: bytes) -> tuple[str, str | None]:
        form, schema = schemas[message[:HEADER_BYTES]]
        record: Any = read_record(io.BytesIO(message[HEADER_BYTES:]), schema, None)
        if record["retracted"]:
            return record["registration_id"], None
        return record["registration_id"], f"{form}|{record['unit']}|{month(record['occurred_on'])}"

    return read


def form_name(schema: dict[str, Any]) -> str:
    """A parsed schema's name without its namespace: the form."""
    return str(schema["name"]).rpartition(".")[2]


@cache
def month(day: int) -> str:
    """The month of a day since 1970-01-01; there are few enough days to remember them all."""
    return (_EPOCH + timedelta(days=day)).strftime("%Y-%m")
