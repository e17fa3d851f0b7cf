"""Verdicts gathered into slices: what one accepted batch and one receipt say of a run of offsets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.codec import encode_event
from streams.intake.decide import Accepted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.intake.decide import Refused

MAX_REGISTRATIONS = 1_000
MAX_BYTES = 512 * 1024


@dataclass(slots=True)
class Slice:
    """The verdicts on consecutive submissions of one partition, until one limit is reached."""

    registry: str
    partition: int
    epoch: int
    first_offset: int
    last_offset: int = -1
    registrations: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    written_bytes: int = 0

    @property
    def full(self) -> bool:
        """Whether the next verdict belongs to another slice."""
        return len(self.registrations) + len(self.refusals) >= MAX_REGISTRATIONS or self.written_bytes >= MAX_BYTES

    def add(self, offset: int, submitted_at: int, verdict: Accepted | Refused) -> None:
        """Take the verdict on the next submission."""
        self.last_offset = offset
        if isinstance(verdict, Accepted):
            self.written_bytes += len(verdict.payload)
            self.registrations.append(
                {
                    "offset": offset,
                    "submitted_at": submitted_at,
                    "form": verdict.form,
                    "schema_id": verdict.schema_id,
                    "patient": verdict.patient,
                    "registration_id": verdict.registration_id,
                    "payload": verdict.payload,
                }
            )
        else:
            self.written_bytes += sum(len(fault.field) + len(fault.rule) for fault in verdict)
            self.refusals.append({"offset": offset, "faults": [fault._asdict() for fault in verdict]})

    def accepted_batch(self) -> bytes | None:
        """The ``AcceptedBatch`` as Avro bytes; None where nothing was accepted."""
        if not self.registrations:
            return None
        return encode_event("accepted_batch", {**self._range(), "registrations": self.registrations})

    def receipt(self) -> bytes:
        """The ``Receipt`` as Avro bytes."""
        accepted, refused = len(self.registrations), len(self.refusals)
        counts = {"received": accepted + refused, "accepted": accepted, "refusals": self.refusals}
        return encode_event("receipt", {**self._range(), **counts})

    def _range(self) -> dict[str, Any]:
        return {
            "registry": self.registry,
            "partition": self.partition,
            "epoch": self.epoch,
            "first_offset": self.first_offset,
            "last_offset": self.last_offset,
        }


def cut(
    registry: str, partition: int, epoch: int, verdicts: Iterable[tuple[int, int, Accepted | Refused]]
) -> Iterator[Slice]:
    """Cut the verdicts on one partition, (offset, submitted at, verdict) in order, into slices."""
    current: Slice | None = None
    for offset, submitted_at, verdict in verdicts:
        if current is None:
            current = Slice(registry, partition, epoch, first_offset=offset)
        current.add(offset, submitted_at, verdict)
        if current.full:
            yield current
            current = None
    if current is not None:
        yield current
