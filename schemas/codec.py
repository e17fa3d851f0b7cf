"""Bytes to registrations and back: the Confluent wire format, compiled per schema, resolved by fastavro.

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

from schemas.compiled import NotPlainAvroError, in_order, shape_of
from schemas.compiled_reader import compile_reader
from schemas.compiled_writer import compile_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.definition.form import Form

Schema = dict[str, Any]

_HEADER = struct.Struct(">bI")
HEADER_BYTES = _HEADER.size


class NotARegistrationError(ValueError):
    """The bytes are no registration; the message is the rule they break, never a value."""


class UnknownVersionError(NotARegistrationError):
    """The bytes are in the wire format, but of a schema that is not known here: whoever wrote them may be newer."""


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
        encode: the Avro bytes of a registration (all fields, in Avro's own numbers), without header;
            raises ValueError or TypeError that names the field which does not fit.
        read: a registration from plain Avro bytes, in the version's own shape; see ``decode``.
        resolve: brings plain Avro bytes into the present shape; None where the version is the present.
    """

    form: Form
    schema_id: int
    avro: Mapping[str, Any]
    current: bool
    encode: Callable[[Mapping[str, Any]], bytes]
    read: Callable[[bytes], dict[str, Any]]
    resolve: Callable[[bytes], dict[str, Any]] | None

    def decode(self, payload: bytes) -> dict[str, Any]:
        """The registration in the form's present shape; fields it did not have get their defaults.

        Raises:
            NotARegistrationError: truncated, malformed, not plain Avro (see ``compiled_reader``), or
                followed by more bytes.
        """
        try:
            registration = self.read(payload)
        except NotPlainAvroError as error:
            raise NotARegistrationError(str(error)) from error
        return registration if self.resolve is None else self.resolve(payload)


def form_schema(form: Form, version: Mapping[str, Any]) -> FormSchema:
    """Prepare one version of a form (the present one or a released one)."""
    same = canonical_form(version) == canonical_form(form.avro)
    written = dict(version)
    resolve = None if same else _resolver(plain_schema(version), plain_schema(form.avro))
    return FormSchema(
        form, fingerprint(version), version, same, compile_writer(written), compile_reader(written), resolve
    )


def _resolver(writer: Schema, reader: Schema) -> Callable[[bytes], dict[str, Any]]:
    """Avro's schema resolution is fastavro's; the bytes that come here are known to be sound."""
    return lambda payload: fastavro.schemaless_reader(io.BytesIO(payload), writer, reader)  # type: ignore[return-value]


def plain_schema(schema: Mapping[str, Any]) -> Schema:
    """The schema parsed without its logical types: dates and timestamps stay numbers."""

    def strip(node: Any) -> Any:  # noqa: ANN401 - any part of a schema
        if isinstance(node, dict):
            return {key: strip(value) for key, value in node.items() if key != "logicalType"}
        return [strip(item) for item in node] if isinstance(node, list) else node

    parsed: Schema = fastavro.parse_schema(strip(json.loads(json.dumps(schema))))  # type: ignore[assignment]
    return parsed


class _Event:
    """One of the platform's own records: its present version, and the versions before it.

    Args:
        name: of the record.
        tuples: whether it is read as tuples, not as dicts and lists.
    """

    def __init__(self, name: str, *, tuples: bool = False) -> None:
        folder = files("schemas") / "events"
        present = json.loads((folder / f"{name}.avsc").read_text(encoding="utf-8"))
        self.header = wire_header(fingerprint(present))
        self.encode = compile_writer(present)
        self.readers: dict[bytes, Callable[[bytes], Any]] = {self.header: compile_reader(present, tuples=tuples)}
        self.released: dict[bytes, int] = {}  # by header, the number of a version before
        for path in (folder / "released").iterdir() if (folder / "released").is_dir() else ():
            if path.name.startswith(f"{name}."):
                version = json.loads(path.read_text(encoding="utf-8"))
                header = wire_header(fingerprint(version))
                self.readers.setdefault(header, _older_reader(version, present, tuples=tuples))
                self.released[header] = int(path.name.split(".")[1])


def _older_reader(version: Schema, present: Schema, *, tuples: bool) -> Callable[[bytes], Any]:
    """Reads an earlier version: whether the bytes are sound is seen first, for fastavro fails in many ways."""
    read, resolve = compile_reader(version), _resolver(plain_schema(version), plain_schema(present))
    shape = shape_of(present)

    def read_older(payload: bytes) -> Any:  # noqa: ANN401 - a dict, or a tuple
        read(payload)
        record = resolve(payload)
        return in_order(shape, record) if tuples else record

    return read_older


_event = cache(_Event)


def encode_event(name: str, record: Mapping[str, Any]) -> bytes:
    """One of the platform's own records (``accepted_batch``, ``receipt``, …) in the wire format.

    Every field must be there, in Avro's own numbers.
    """
    event = _event(name)
    return event.header + event.encode(record)


def is_version_of(name: str, message: bytes) -> bool:
    """Whether the bytes begin as any version of one of the platform's own records."""
    return message[:HEADER_BYTES] in _event(name).readers


def is_present(name: str, message: bytes) -> bool:
    """Whether the bytes begin as the present version of one of the platform's own records."""
    return message.startswith(_event(name).header)


def released_version(name: str, message: bytes) -> int | None:
    """The number of the version that the bytes begin as (1 is the oldest); None for the present, and for no version."""
    return _event(name).released.get(message[:HEADER_BYTES])


def decode_event(name: str, message: bytes) -> dict[str, Any]:
    """One of the platform's own records from the wire format, in its present shape.

    Raises:
        NotARegistrationError: the bytes are not such a record.
        UnknownVersionError: nor of any version of it that is known.
    """
    record: dict[str, Any] = _decoded(_event(name), name, message)
    return record


def decode_event_as_tuples(name: str, message: bytes) -> tuple[Any, ...]:
    """As ``decode_event``, but for what comes in great numbers: tuples, a record's values in its schema's order."""
    record: tuple[Any, ...] = _decoded(_event(name, tuples=True), name, message)
    return record


def _decoded(event: _Event, name: str, message: bytes) -> Any:  # noqa: ANN401 - a dict, or a tuple
    read = event.readers.get(message[:HEADER_BYTES])
    if read is None:
        in_wire_format = len(message) > HEADER_BYTES and message[0] == 0
        raise (UnknownVersionError if in_wire_format else NotARegistrationError)(f"the message is not a {name}")
    try:
        return read(message[HEADER_BYTES:])
    except ValueError as error:
        raise NotARegistrationError(f"the message is not a {name}: {error}") from error
