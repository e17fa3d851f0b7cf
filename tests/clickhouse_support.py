"""What the tests of the ClickHouse sink share: a log of accepted registrations, and a way into the tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas import topics
from schemas.codec import encode_event, form_schema
from schemas.version import version_of
from sinks.clickhouse.buffer import Buffer, Read
from sinks.clickhouse.migrations.plan import apply
from tests.support import bundled, registration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.codec import FormSchema
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

SUBMITTED_AT = 1_000_000_000_000  # 2001-09-09 01:46:40 UTC


def migrated(client: Client, name: str) -> RegistryDefinition:
    """A registry of the test's own, with its tables made."""
    definition = bundled(name)
    apply(client, {definition.name: definition})
    return definition


@dataclass
class AcceptedLog:
    """Accepted registrations, in the order that they were submitted to one partition."""

    definition: RegistryDefinition
    partition: int = 0
    epoch: int = 0
    next_offset: int = 0
    registrations: list[dict[str, Any]] = field(default_factory=list)
    _schemas: dict[str, FormSchema] = field(default_factory=dict)

    def add(self, form: str, number: int = 1, **fields: Any) -> int:
        """Accept a valid registration of the form's present version; its version."""
        if form not in self._schemas:
            declared = self.definition.forms[form]
            self._schemas[form] = form_schema(declared, declared.avro)
        return self.add_written(self._schemas[form], registration(self.definition, form, number, **fields))

    def add_written(self, schema: FormSchema, body: Mapping[str, Any]) -> int:
        """Accept a registration written with a schema of one's own; its version."""
        return self.add_bytes(
            schema.encode(body),
            form=schema.form.name,
            schema_id=schema.schema_id,
            patient=body["patient"],
            registration_id=body["registration_id"],
        )

    def add_bytes(self, payload: bytes, **fields: Any) -> int:
        """Accept any payload; its version."""
        offset = self.next_offset
        self.next_offset += 1
        self.registrations.append(
            {"offset": offset, "submitted_at": SUBMITTED_AT + offset % 1_000, "payload": payload, **fields}
        )
        return version_of(self.epoch, offset)

    def batch(self) -> bytes:
        """All of it as one ``AcceptedBatch``."""
        return encode_event(
            "accepted_batch",
            {
                "registry": self.definition.name,
                "partition": self.partition,
                "epoch": self.epoch,
                "first_offset": self.registrations[0]["offset"],
                "last_offset": self.registrations[-1]["offset"],
                "registrations": self.registrations,
            },
        )


def receipt(
    definition: RegistryDefinition,
    first: int,
    last: int,
    *,
    accepted: int,
    refusals: Sequence[tuple[int, Sequence[tuple[str, str]]]] = (),
    partition: int = 0,
    epoch: int = 0,
) -> bytes:
    """A ``Receipt``; refusals as (offset, [(field, rule), …])."""
    return encode_event(
        "receipt",
        {
            "registry": definition.name,
            "partition": partition,
            "epoch": epoch,
            "first_offset": first,
            "last_offset": last,
            "received": accepted + len(refusals),
            "accepted": accepted,
            "refusals": [
                {"offset": offset, "faults": [{"field": name, "rule": rule} for name, rule in faults]}
                for offset, faults in refusals
            ],
        },
    )


def insert(client: Client, definition: RegistryDefinition, *batches: bytes, receipts: Sequence[bytes] = ()) -> None:
    """Insert messages as the loader does, without Kafka in between."""
    buffer = Buffer({definition.name: definition})
    for topic, values in (
        (topics.accepted(definition.name), batches),
        (topics.receipts(definition.name), receipts),
    ):
        for offset, value in enumerate(values):
            buffer.take(Read(topic, 0, offset, None, value))
    assert buffer.given_up == []
    for rows in buffer.tables:
        client.insert(rows.layout.table, rows.layout.container(rows.blocks), "Avro")
