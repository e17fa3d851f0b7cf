"""The compiled reader's rules, each on bytes made by hand from the Avro specification (1.11, "Binary encoding")."""

from __future__ import annotations

import builtins
import struct
from typing import Any

import pytest

from schemas.compiled import NotPlainAvroError
from schemas.compiled_reader import compile_reader


def record(*types: Any) -> dict[str, Any]:
    return {"type": "record", "name": "r", "fields": [{"name": f"f{i}", "type": t} for i, t in enumerate(types)]}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


DATE = {"type": "int", "logicalType": "date"}
TIMESTAMP = {"type": "long", "logicalType": "timestamp-millis"}


@pytest.mark.parametrize(
    ("schema", "data", "value"),
    [
        ("null", "", None),
        ("boolean", "00", False),
        ("boolean", "01", True),
        ("int", "00", 0),
        ("int", "01", -1),
        ("int", "7f", -64),
        ("int", "8001", 64),
        ("int", "ff7f", -8192),
        ("int", "808001", 8192),
        ("int", "ffff7f", -1048576),
        ("int", "80808001", 1048576),
        ("int", "feffffff0f", 2**31 - 1),
        ("int", "ffffffff0f", -(2**31)),
        ("long", "8080808001", 2**27),
        ("long", "808080808001", 2**34),
        ("long", "80808080808001", 2**41),
        ("long", "feffffffffffffffff01", 2**63 - 1),
        ("long", "ffffffffffffffffff01", -(2**63)),
        (DATE, "c8b602", 19876),
        (DATE, "02", 1),
        (DATE, "8001", 64),
        (TIMESTAMP, "808080808001", 2**34),
        (TIMESTAMP, "03", -2),
        (TIMESTAMP, "80808080808001", 2**41),
        ("float", "0000803f", 1.0),
        ("double", "000000000000f0bf", -1.0),
        ("bytes", "0400ff", b"\x00\xff"),
        ("string", "06666f6f", "foo"),
        ("string", "08c3a5c3a4", "åä"),
        ("string", "8001" + "61" * 64, "a" * 64),
        ("string", "fe7f" + "61" * 8191, "a" * 8191),
        ("string", "808001" + "61" * 8192, "a" * 8192),
        (["null", "string"], "00", None),
        (["null", "string"], "020261", "a"),
        (["string", "null"], "000261", "a"),
        (["string", "null"], "02", None),
        (array("long"), "04063600", [3, 27]),
        (array("long"), "00", []),
        (array("long"), "0206023600", [3, 27]),
        (array("long"), "0304063600", [3, 27]),
        (array("long"), "010206023600", [3, 27]),
        (record("int", record("string")), "02" + "0261", {"f0": 1, "f1": {"f0": "a"}}),
        (record(), "", {}),
        ({"type": {"type": "string"}}, "0261", "a"),
    ],
)
def test_reads_what_the_specification_says(schema: Any, data: str, value: Any) -> None:
    read = compile_reader(schema)(bytes.fromhex(data))
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("schema", "data", "rule"),
    [
        ("boolean", "", "ends too early"),
        ("boolean", "02", "neither 0 nor 1"),
        ("boolean", "ff", "neither 0 nor 1"),
        ("boolean", "0100", "bytes after the registration"),
        ("null", "00", "bytes after the registration"),
        ("int", "80", "ends too early"),
        ("int", "8080", "ends too early"),
        ("int", "80808080", "ends too early"),
        ("int", "8000", "longer than needed"),
        ("int", "818000", "longer than needed"),
        ("int", "81808000", "longer than needed"),
        ("int", "8180808000", "longer than needed"),
        ("int", "8080808010", "does not fit 32 bits"),
        ("int", "808080808001", "does not fit 32 bits"),
        ("int", "80808080ff01", "does not fit 32 bits"),
        (DATE, "808000", "longer than needed"),
        (DATE, "80", "ends too early"),
        (DATE, "8080808010", "does not fit 32 bits"),
        ("long", "80808080808080808002", "does not fit 64 bits"),
        ("long", "8080808080808080808001", "does not fit 64 bits"),
        ("long", "80808080808080808000", "longer than needed"),
        ("long", "80" * 9, "ends too early"),
        (TIMESTAMP, "8080808080", "ends too early"),
        (TIMESTAMP, "808080808000", "longer than needed"),
        ("float", "000080", "ends too early"),
        ("double", "00" * 7, "ends too early"),
        ("string", "0661", "ends too early"),
        ("string", "02c3", "not UTF-8"),
        ("string", "04c3", "ends too early"),
        ("string", "06eda080", "not UTF-8"),
        ("string", "01", "length is negative"),
        ("string", "8101", "length is negative"),
        ("bytes", "8000", "longer than needed"),
        ("bytes", "808000", "longer than needed"),
        ("bytes", "8001" + "61" * 63, "ends too early"),
        (["null", "string"], "04", "branch that is not there"),
        (["null", "string"], "01", "branch that is not there"),
        (["null", "string"], "fe01", "branch that is not there"),
        (["null", "string"], "8200", "longer than needed"),
        (["null", "string"], "82", "ends too early"),
        (array("long"), "0406", "ends too early"),
        (array("long"), "040636", "ends too early"),
        (array("long"), "8000", "longer than needed"),
        (array("long"), "0306063600", "not as long as it says"),
        (array("long"), "0302063600", "more items than the payload can hold"),
        (array("double"), "8001" + "00" * 100, "more items than the payload can hold"),
        (array(record("float", ["null", "int"])), "8001" + "00" * 319, "more items than the payload can hold"),
        (array("long"), "03060636", "ends too early"),
        (array("long"), "0305063600", "length is negative"),
        (array("long"), "03fe7f063600", "ends too early"),
    ],
)
def test_refuses_what_is_not_plain_avro(schema: Any, data: str, rule: str) -> None:
    with pytest.raises(NotPlainAvroError, match=rule):
        compile_reader(schema)(bytes.fromhex(data))


@pytest.mark.parametrize("wanted", [None, ["f1"]])
@pytest.mark.parametrize("claim", ["feffffffffffffffff01", "80808080808002", "feffffff0f", "ffffffffffffffffff01"])
@pytest.mark.parametrize("items", ["string", "double", "boolean", record("long"), array("int"), ["null", "int"]])
def test_a_huge_count_is_refused_before_anything_is_made_of_it(items: Any, claim: str, wanted: Any) -> None:
    # A loop over even the smallest of these counts would take minutes.
    read = compile_reader(record(array(items), "int"), fields=wanted)
    with pytest.raises(NotPlainAvroError):
        read(bytes.fromhex(claim) + b"\x80\x02" + bytes(200))


@pytest.mark.parametrize("length", ["feffffffffffffffff01", "8080808080808001", "ffffffffffffffffff01"])
@pytest.mark.parametrize("kind", ["string", "bytes"])
def test_a_huge_length_is_refused(kind: str, length: str) -> None:
    for wanted in (None, list[str]()):
        with pytest.raises(NotPlainAvroError):
            compile_reader(record(kind), fields=wanted)(bytes.fromhex(length) + bytes(100))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("text", "'text' is not supported"),
        ({"type": "map", "values": "int"}, "'map' is not supported"),
        ({"type": "enum", "name": "e", "symbols": ["A"]}, "'enum' is not supported"),
        ({"type": "fixed", "name": "x", "size": 4}, "'fixed' is not supported"),
        (["int", "string"], "null and one other"),
        (["null"], "null and one other"),
        (["null", "null"], "null and one other"),
        (["null", "int", "string"], "null and one other"),
        (["null", ["null", "int"]], "null and one other"),
        (array("null"), "no bytes"),
        (array(record()), "no bytes"),
        (array(record("null", record("null"))), "no bytes"),
        ({"type": "record", "name": "r"}, "list of fields"),
        ({"type": "record", "name": "r", "fields": [{"type": "int"}]}, "list of fields"),
        ({"type": "record", "name": "r", "fields": [{"name": "a", "type": "int"}] * 2}, "two fields of one name"),
        ({"type": "record", "name": "r", "fields": [{"name": "again", "type": "r"}]}, "'r' is not supported"),
        (None, "None is not supported"),
    ],
)
def test_what_it_cannot_read_is_refused_when_compiling(schema: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        compile_reader(schema)


def test_eight_levels_compile_and_more_are_refused() -> None:
    schema: Any = "int"
    for _ in range(8):
        schema = array(schema)
    assert compile_reader(schema)(b"\x02" * 9 + b"\x00" * 8) == [[[[[[[[1]]]]]]]]
    for _ in range(1000):
        schema = array(schema)
        with pytest.raises(ValueError, match="deeper"):
            compile_reader(schema)


RECURRING = {"type": "string", "recurring": True}


def in_avro(text: str) -> bytes:
    """A text: its length in bytes as a varint of twice as much, then its bytes."""
    double = 2 * len(text.encode())
    low, rest = double & 127, double >> 7
    length = bytes([low]) if not rest else bytes([low | 128, rest]) if rest < 128 else b""
    return (length or bytes([low | 128, rest & 127 | 128, rest >> 7])) + text.encode()


@pytest.mark.parametrize("text", ["", "U05", "Enhet å", "x" * 64, "x" * 65, "å" * 9_000])
def test_a_text_that_recurs_is_read_as_any_other(text: str) -> None:
    data = in_avro(text) + b"\2" + in_avro(text)
    read = compile_reader(record(RECURRING, ["null", RECURRING]))
    assert [read(data) for _ in range(2)] == [{"f0": text, "f1": text}] * 2
    with pytest.raises(NotPlainAvroError):
        read(data[:-1])


def test_many_texts_that_recur_are_each_read_as_they_are() -> None:
    read = compile_reader(record(RECURRING))
    texts = [f"code {number}" for number in range(25_000)]  # more than are remembered
    assert [read(in_avro(text))["f0"] for text in texts] == texts


def test_a_text_that_recurs_must_be_utf8() -> None:
    read = compile_reader(record(RECURRING))
    for _ in range(2):
        with pytest.raises(NotPlainAvroError, match="UTF-8"):
            read(b"\x04\xc3\x28")


def test_a_projection_returns_just_the_fields_asked_for_in_the_order_asked_for() -> None:
    schema = record("string", "double", ["null", "string"], array(record("int", "bytes")), "boolean", "float", "long")
    data = b"\x04ab" + struct.pack("<d", 2.5) + b"\x02\x02c" + b"\x02\x04\x02z\x00" + b"\x01" + bytes(4) + b"\x80\x01"
    read = compile_reader(schema, fields=["f6", "f2"])
    assert read(data) == [64, "c"]
    for end in range(len(data)):
        with pytest.raises(NotPlainAvroError):
            read(data[:end])


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("boolean", b"\x02"),
        ("int", b"\x80\x00"),
        ("int", b"\x80\x80\x80\x80\x10"),
        ("string", b"\x01"),
        (["null", "int"], b"\x04"),
    ],
)
def test_what_a_projection_passes_over_is_checked_all_the_same(kind: Any, data: bytes) -> None:
    with pytest.raises(NotPlainAvroError):
        compile_reader(record(kind, "int"), fields=["f1"])(data + b"\x02")


def test_text_passed_over_need_not_be_utf8() -> None:
    data = b"\x02\xff\x02"
    assert compile_reader(record("string", "int"), fields=["f1"])(data) == [1]
    with pytest.raises(NotPlainAvroError, match="UTF-8"):
        compile_reader(record("string", "int"))(data)


def test_a_projection_on_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="no field 'patent'"):
        compile_reader(record("int"), fields=["f0", "patent"])
    with pytest.raises(ValueError, match="no field 'f0'"):
        compile_reader("int", fields=["f0"])


HOSTILE = [
    "'''",
    '"""',
    "\\",
    "\\'",
    "a'); open_sesame('",
    "x\n        open_sesame(1)\n        #",
    "x\r        open_sesame(1)\r        #",
    "x\x0c\u2028open_sesame(1)",
    "{VALUE}",
    "VALUE",
    "PART",
    "\ud800",
    "__import__('builtins').open_sesame(1)",
]


@pytest.mark.parametrize("wanted", [None, ["plain"]])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_field_name_is_a_name_and_nothing_else(name: str, wanted: Any, monkeypatch: Any) -> None:
    called: list[Any] = []
    monkeypatch.setattr(builtins, "open_sesame", called.append, raising=False)
    fields = [{"name": name, "type": ["null", "int"]}, {"name": "plain", "type": "string"}]
    read = compile_reader({"type": "record", "name": name, "fields": fields}, fields=wanted)
    assert read(b"\x02\x02\x02a") == ({name: 1, "plain": "a"} if wanted is None else ["a"])
    assert called == []
    assert read.source.isascii()


def test_the_source_can_be_read() -> None:
    source = compile_reader(record("string", "double")).source
    assert source.startswith("def read(data):\n")
    assert "'f1'" in source
