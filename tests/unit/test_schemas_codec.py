"""The codec: known bytes, ids by hand, plain Avro only, older versions in the present shape."""

import hashlib
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import (
    HEADER_BYTES,
    FormSchema,
    NotARegistrationError,
    canonical_form,
    decode_event,
    encode_event,
    fingerprint,
    form_schema,
    split_wire,
    wire_header,
)
from schemas.definition.form import form_of
from tests.unit.registry_folders import UNIT, WEIGHT, field, form, optional, visit

PATH = Path("visit.avsc")
TAGS = field("tags", {"type": "array", "items": "string"}, default=[])
SCORE = optional("score", "int")

# One registration byte for byte, after the Avro specification's "Binary encoding".
PARTS: dict[str, bytes] = {
    "registration_id": b"\x06v-1",  # a text: its length as zigzag (3 is 6), then UTF-8
    "patient": b"\x3ak1-" + b"a" * 26,
    "occurred_on": b"\xa0\x9c\x01",  # 10,000 in zigzag: 20,000 = 1 0011100 0100000
    "recorded_at": b"\x00",
    "retracted": b"\x00",
    "unit": b"\x04U1",
    "weight": b"\x02" + struct.pack("<d", 71.5),  # branch 1 in zigzag, then eight bytes, least first
    "tags": b"\x04\x02a\x04\xc3\xa9\x00",  # a block of two, "a" and "é", and the empty block
    "score": b"\x02\x03",  # branch 1, then -2
}
REGISTRATION = visit(recorded_at=0, tags=["a", "é"], score=-2)


def schema_of(*fields: dict[str, Any]) -> FormSchema:
    present = form_of(form(*fields), PATH)
    return form_schema(present, present.avro)


@pytest.fixture
def schema() -> FormSchema:
    return schema_of(UNIT, WEIGHT, TAGS, SCORE)


def payload(**changes: bytes) -> bytes:
    return b"".join({**PARTS, **changes}.values())


def test_a_registration_is_the_bytes_that_the_specification_says(schema: FormSchema) -> None:
    assert schema.encode(REGISTRATION) == payload()
    assert schema.decode(payload()) == REGISTRATION


def test_what_does_not_fit_the_schema_is_not_written(schema: FormSchema) -> None:
    missing = {name: value for name, value in REGISTRATION.items() if name != "unit"}
    for wrong in (missing, {**REGISTRATION, "more": 1}, {**REGISTRATION, "unit": 5}, {**REGISTRATION, "weight": "x"}):
        with pytest.raises((ValueError, TypeError)):
            schema.encode(wrong)


@pytest.mark.parametrize("length", range(len(b"".join(PARTS.values()))))
def test_a_payload_cut_anywhere_is_refused(schema: FormSchema, length: int) -> None:
    with pytest.raises(NotARegistrationError):
        schema.decode(payload()[:length])


@pytest.mark.parametrize("more", [b"\x00", b"\x80", payload()])
def test_a_payload_with_more_after_it_is_refused(schema: FormSchema, more: bytes) -> None:
    with pytest.raises(NotARegistrationError, match="bytes after the registration"):
        schema.decode(payload() + more)


@pytest.mark.parametrize(
    "changes",
    [
        {"retracted": b"\x02"},
        {"retracted": b"\xff"},
        {"occurred_on": b"\xa0\x9c\x81\x00"},
        {"unit": b"\x84\x00U1"},
        {"score": b"\x82\x00\x03"},
        {"score": b"\x01\x03"},  # branch -1, which Python would take for the last one
        {"score": b"\x03"},
        {"score": b"\x04"},
        {"occurred_on": b"\x80\x80\x80\x80\x10"},  # 2 to the 31st
        {"score": b"\x02\x81\x80\x80\x80\x10"},  # one below the least int
        {"recorded_at": b"\xff" * 10},
        {"recorded_at": b"\x80" * 9 + b"\x02"},  # 2 to the 64th before zigzag
        {"recorded_at": b"\x80" * 40 + b"\x01"},
        {"unit": b"\x03U1"},  # a length of -2
        {"unit": b"\x04\xff\xfe"},  # not UTF-8
        {"tags": b"\x02\x02a\x80\x00"},
        {"tags": b"\x03\x04\x02a\x02b"},  # a block of 2 that says 2 bytes and has 4
    ],
)
def test_what_is_not_plain_avro_is_refused(schema: FormSchema, changes: dict[str, bytes]) -> None:
    """The database's own reader would refuse each of these, or read it otherwise: see ``schemas.compiled_reader``."""
    with pytest.raises(NotARegistrationError):
        schema.decode(payload(**changes))


@pytest.mark.parametrize(
    "blocks",
    [
        b"\x02\x02a\x02\x04\xc3\xa9\x00",  # two blocks of one
        b"\x03\x0a\x02a\x04\xc3\xa9\x00",  # a block of two that says its five bytes
        b"\x01\x04\x02a\x02\x04\xc3\xa9\x00",  # one of each
    ],
)
def test_a_list_may_be_cut_into_blocks_as_other_writers_do(schema: FormSchema, blocks: bytes) -> None:
    assert schema.decode(payload(tags=blocks)) == REGISTRATION


@pytest.mark.parametrize(
    "changes",
    [
        {"unit": b"\xfe\xff\xff\xff\xff\x7f"},
        {"unit": b"\xfe" + b"\xff" * 8 + b"\x01"},
        {"tags": b"\xfe\xff\xff\xff\xff\x7f" + b"\x02a" * 50},
        {"tags": b"\xfd\xff\xff\xff\xff\x7f\xfe\xff\xff\xff\xff\x7f" + b"\x00" * 50},
        {"tags": b"\x01\xfd\xff\xff\xff\xff\x7f\x02a\x00"},
    ],
)
def test_a_huge_length_that_is_only_claimed_costs_no_memory(schema: FormSchema, changes: dict[str, bytes]) -> None:
    claimed = payload(**changes)
    tracemalloc.start()
    try:
        with pytest.raises(NotARegistrationError):
            schema.decode(claimed)
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


def test_an_older_version_comes_in_the_present_shape_with_defaults() -> None:
    present = form_of(form(UNIT, WEIGHT, TAGS, field("asa", "int", default=2)), PATH)
    older = form_schema(present, form(optional("gone", "string"), UNIT))
    written = older.encode(
        {**{k: v for k, v in REGISTRATION.items() if k not in ("weight", "tags", "score")}, "gone": "x"}
    )
    assert not older.current
    assert older.decode(written) == {**visit(recorded_at=0), "weight": None, "tags": [], "asa": 2}
    with pytest.raises(NotARegistrationError):
        older.decode(written + b"\x00")
    with pytest.raises(NotARegistrationError):
        older.decode(written.replace(b"k1-", b"k1\xff"))


def test_a_message_is_split_into_id_and_payload() -> None:
    assert split_wire(b"\x00\x00\x00\x01\x02payload") == (258, b"payload")
    assert split_wire(b"\x00\xff\xff\xff\xffx") == (4_294_967_295, b"x")
    assert wire_header(258) == b"\x00\x00\x00\x01\x02"
    assert len(wire_header(2**31 - 1)) == HEADER_BYTES


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"\x00", "too short"),
        (b"\x00\x00\x00\x01\x02", "too short"),
        (b"\x01\x00\x00\x01\x02payload", "zero byte"),
        (b"\x80\x00\x00\x01\x02payload", "zero byte"),
        (b'{"unit": "U1"}', "zero byte"),
    ],
)
def test_a_message_that_is_none_says_why(message: bytes | None, rule: str) -> None:
    with pytest.raises(NotARegistrationError, match=rule):
        split_wire(message)


# The specification's "Parsing Canonical Form", by hand: full names, no docs, defaults, attributes or logical types.
CANONICAL = (
    '{"name":"test.registry.visit","type":"record","fields":['
    '{"name":"registration_id","type":"string"},{"name":"patient","type":"string"},'
    '{"name":"occurred_on","type":"int"},{"name":"recorded_at","type":"long"},{"name":"retracted","type":"boolean"},'
    '{"name":"unit","type":"string"},{"name":"weight","type":["null","double"]},'
    '{"name":"tags","type":{"type":"array","items":"string"}}]}'
)


def test_a_schemas_id_is_the_fingerprint_of_its_canonical_form() -> None:
    schema = form(UNIT, WEIGHT, TAGS)
    assert canonical_form(schema) == CANONICAL
    digest = hashlib.sha256(CANONICAL.encode()).hexdigest()
    assert fingerprint(schema) == int(digest[:8], 16) % 2**31


def test_what_does_not_change_the_bytes_does_not_change_the_id() -> None:
    plain = form(UNIT, WEIGHT)
    described = form({**UNIT, "doc": "Where."}, {**WEIGHT, "range": [0, 9], "default": None}, doc="Another text.")
    assert fingerprint(plain) == fingerprint(described)
    different = [form(WEIGHT, UNIT), form(UNIT), form(UNIT, WEIGHT, name="stay"), form(UNIT, WEIGHT, namespace="b")]
    ids = {fingerprint(schema) for schema in (plain, *different)}
    assert len(ids) == 5
    assert all(0 <= schema_id < 2**31 for schema_id in ids)


def test_only_the_present_shape_is_current() -> None:
    present = form_of(form(UNIT), PATH)
    assert form_schema(present, form({**UNIT, "doc": "Where."})).current
    assert not form_schema(present, form(UNIT, WEIGHT)).current


def test_the_platforms_own_records_round_trip_and_refuse_rubbish() -> None:
    receipt = {
        "registry": "hip",
        "partition": 3,
        "epoch": 1,
        "first_offset": 5,
        "last_offset": 9,
        "received": 3,
        "accepted": 2,
        "refusals": [{"offset": 7, "faults": [{"field": "side", "rule": "is not one of the form's codes"}]}],
    }
    encoded = encode_event("receipt", receipt)
    assert decode_event("receipt", encoded) == receipt
    for rubbish in (b"", encoded[:-3], b"\xff" * 40):
        with pytest.raises(NotARegistrationError, match="not a receipt"):
            decode_event("receipt", rubbish)
