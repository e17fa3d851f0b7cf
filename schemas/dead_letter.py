"""What a process writes about a message or registration that it could not handle."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from schemas.codec import encode_event

if TYPE_CHECKING:
    from collections.abc import Mapping


def dead_letter(
    process: str, topic: str, partition: int, offset: int, error: str, *, key: bytes | None, value: bytes | None
) -> bytes:
    """A ``DeadLetter`` of now, in the wire format; ``error`` quotes no value."""
    record = {
        "process": process,
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "error": error,
        "at": int(time.time() * 1000),
        "key": key,
        "value": value,
    }
    return encode_event("dead_letter", record)


def registration_alone(batch: Mapping[str, Any], registration: Mapping[str, Any]) -> bytes:
    """One registration of an ``AcceptedBatch``, in a batch of its own that may be replayed."""
    offset = registration["offset"]
    alone = {**batch, "first_offset": offset, "last_offset": offset, "registrations": [registration]}
    return encode_event("accepted_batch", alone)
