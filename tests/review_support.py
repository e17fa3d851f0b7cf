"""What the tests of reviews share: messages by hand, and a way into the tables."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from schemas import topics
from schemas.codec import encode_event
from sinks.clickhouse.buffer import Buffer, Read

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

SIGNAL = "cup/CUP1/0"
NOTHING: dict[str, Any] = {
    "reason": None, "note": None, "patient": None, "registration_id": None, "unit": None, "partition": None,
    "exposure_version": None, "lots": [], "udi_di": None, "first_day": None, "last_day": None, "issued_by": None,
    "reference": None, "company": None, "statement": None, "notice": None,
}  # fmt: skip


def identity(number: int) -> str:
    """A UUID for each number."""
    return str(uuid.UUID(int=number))


def moment(said: str) -> int:
    """A day, or a moment, in milliseconds since 1970."""
    return int(datetime.fromisoformat(said).replace(tzinfo=UTC).timestamp() * 1_000)


def review(number: int, kind: str, state: str, **said: Any) -> dict[str, Any]:
    """Something said of the signal of CUP1 on the first of June, where nothing else is said."""
    return {
        **NOTHING,
        "id": identity(number),
        "said_at": moment("2024-06-01"),
        "by": "anna",
        "kind": kind,
        "state": state,
        "about": SIGNAL,
        "group": "cup",
        "product": "CUP1",
        **said,
    }


def decided(number: int, state: str, **said: Any) -> dict[str, Any]:
    """A decision."""
    return review(number, "decision", state, **said)


def stands(number: int, patient: str, registration_id: str, state: str, **said: Any) -> dict[str, Any]:
    """How it stands with a carrier, said by version 1 of the exposure."""
    own = {"patient": patient, "registration_id": registration_id, "partition": 0, "exposure_version": 1}
    return review(number, "carrier", state, **{**own, **said})


def issued(number: int, **said: Any) -> dict[str, Any]:
    """A field safety notice about CUP1."""
    own = {"about": identity(number), "issued_by": "Nordfalk Ortopedi", "reference": "FSN-7"}
    return review(number, "notice", "issued", **{**own, **said})


def answered(number: int, state: str, **said: Any) -> dict[str, Any]:
    """What Nordfalk answers about the signal."""
    return review(number, "answer", state, **{"company": "nordfalk-ortopedi", **said})


def buffered(definition: RegistryDefinition, *records: dict[str, Any], offset: int = 0, epoch: int = 0) -> Buffer:
    """The records as the loader takes them from one partition, from an offset on."""
    buffer = Buffer({definition.name: definition})
    for place, record in enumerate(records, start=offset):
        value = encode_event("review", {"registry": definition.name, "epoch": epoch, **record})
        buffer.take(Read(topics.reviews(definition.name), 0, place, str(record["group"]).encode(), value))
    return buffer


def say(client: Client, definition: RegistryDefinition, *records: dict[str, Any], **place: int) -> None:
    """Load the records as the loader does, without Kafka in between."""
    buffer = buffered(definition, *records, **place)
    assert buffer.given_up == []
    for rows in buffer.tables:
        client.insert(rows.layout.table, rows.layout.container(rows.blocks), "Avro")
