"""Bytes to registrations and back: the Confluent wire format on fastavro.

Registrations are handled in Avro's own numbers: a date is days since 1970-01-01, a timestamp is
milliseconds since then. Making Python dates of them would cost more than all the rest of a decoding.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import fastavro
from fastavro.schema import to_parsing_canonical_form

from schemas.plain_avro import NotPlainAvroError, plain_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.definition.form import Form

Schema = dict[str, Any]

_HEADER = struct.Struct(">bI")
HEADER_BYTES = _HEADER.size


class NotARegistrationError(ValueError):
    """The bytes are no registration; the message is the rule they break, never a value."""


def canonical_form(schema: Mapping[str, Any]) -> str:
    """Avro's parsing canonical form: what matters for reading bytes, nothing else."""
    return str(to_parsing_canonical_form(fastavro.parse_schema(json.loads(json.dumps(schema)))))


def fingerprint(schema: Mapping[str, Any]) -> int:
    """A schema's id: the first 31 bits of the SHA-256 of its canonical form (it must fit a signed int)."""
    digest = hashlib.sha256(canonical_form(schema).encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF


def wire_header(schema_id: int) -> bytes:
    """The five bytes before the Avro: a zero and the schema's id."""
    return _HEADER.pack(0, schema_id)


def split_wire(message: bytes | None) -> tuple[int, bytes]:
    """(schema id, Avro bytes) of a message in the wire format.

    Raises:
        NotARegistrationError: it is empty, too short, or begins with another byte than zero.
    """
    if not message:
        raise NotARegistrationError("the message is empty")
    if len(message) <= HEADER_BYTES:
        raise NotARegistrationError("the message is too short for the wire format")
    magic, schema_id = _HEADER.unpack_from(message)
    if magic != 0:
        raise NotARegistrationError("the message does not begin with the wire format's zero byte")
    return schema_id, message[HEADER_BYTES:]


@dataclass(frozen=True, slots=True)
class FormSchema:
    """One version of a form, ready to write and read.

    Attributes:
        form: the form as it is declared now; readings come out in its shape.
        schema_id: the fingerprint of the version that the bytes are written with.
        avro: that version's Avro schema as written down.
        current: whether the version is the form as it is declared now.
        writer: the version, parsed, in Avro's own numbers.
        reader: the form as declared now, parsed likewise; None where they are one.
        read_plain: reads bytes of the version, in its own shape, where they are plain Avro.
    """

    form: Form
    schema_id: int
    avro: Mapping[str, Any]
    current: bool
    writer: Schema
    reader: Schema | None
    read_plain: Callable[[bytes], dict[str, Any]]

    def encode(self, registration: Mapping[str, Any]) -> bytes:
        """The Avro bytes of a registration (dates and timestamps as Avro's numbers), without header.

        Raises:
            ValueError, TypeError: a value does not fit its type; fastavro names the field.
        """
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self.writer, registration, strict=True)
        return out.getvalue()

    def decode(self, payload: bytes) -> dict[str, Any]:
        """The registration in the form's present shape; fields it did not have get their defaults.

        Raises:
            NotARegistrationError: truncated, malformed, not plain Avro (see ``schemas.plain_avro``), or
                followed by more bytes.
        """
        try:
            registration = self.read_plain(payload)
        except NotPlainAvroError as error:
            raise NotARegistrationError(str(error)) from error
        if self.reader is None:
            return registration
        # The bytes are known to be sound: fastavro brings an older version into the present shape.
        return fastavro.schemaless_reader(io.BytesIO(payload), self.writer, self.reader)  # type: ignore[return-value]


def form_schema(form: Form, version: Mapping[str, Any]) -> FormSchema:
    """Prepare one version of a form (the present one or a released one)."""
    own = plain_schema(version)
    same = canonical_form(version) == canonical_form(form.avro)
    present = None if same else plain_schema(form.avro)
    return FormSchema(form, fingerprint(version), version, same, own, present, plain_reader(own))


def plain_schema(schema: Mapping[str, Any]) -> Schema:
    """The schema parsed without its logical types: dates and timestamps stay numbers."""

    def strip(node: Any) -> Any:  # noqa: ANN401 - any part of a schema
        if isinstance(node, dict):
            return {key: strip(value) for key, value in node.items() if key != "logicalType"}
        return [strip(item) for item in node] if isinstance(node, list) else node

    parsed: Schema = fastavro.parse_schema(strip(json.loads(json.dumps(schema))))  # type: ignore[assignment]
    return parsed


@cache
def event_schema(name: str) -> Schema:
    """One of the platform's own records (``accepted_batch``, ``receipt``, …), in Avro's own numbers."""
    return plain_schema(json.loads((files("schemas") / "events" / f"{name}.avsc").read_text(encoding="utf-8")))


def encode_event(name: str, record: Mapping[str, Any]) -> bytes:
    """The Avro bytes of one of the platform's own records."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, event_schema(name), record)
    return out.getvalue()


def decode_event(name: str, payload: bytes) -> dict[str, Any]:
    """One of the platform's own records from its Avro bytes.

    Raises:
        NotARegistrationError: the bytes are not such a record.
    """
    try:
        return fastavro.schemaless_reader(io.BytesIO(payload), event_schema(name), None)  # type: ignore[return-value]
    except Exception as error:
        raise NotARegistrationError(f"the message is not a {name}") from error
