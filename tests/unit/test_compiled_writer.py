"""What the compiled writer writes, byte for byte by hand, and what it refuses and how it says so."""

from __future__ import annotations

import builtins
import enum
import math
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from schemas.compiled_writer import compile_writer


def record(*types: Any) -> dict[str, Any]:
    return {"type": "record", "name": "r", "fields": [{"name": f"f{i}", "type": t} for i, t in enumerate(types)]}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


class Grade(enum.IntEnum):
    TWO = 2


class Code(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("schema", "value", "data"),
    [
        ("null", None, ""),
        ("boolean", True, "01"),
        ("boolean", False, "00"),
        ("int", 0, "00"),
        ("int", -1, "01"),
        ("int", 8191, "fe7f"),
        ("int", -8192, "ff7f"),
        ("int", 8192, "808001"),
        ("int", 2**27 - 1, "feffff7f"),
        ("int", 2**27, "8080808001"),
        ("int", 2**31 - 1, "feffffff0f"),
        ("int", -(2**31), "ffffffff0f"),
        ("long", 2**41 - 1, "feffffffff7f"),
        ("long", 2**41, "80808080808001"),
        ("long", 2**63 - 1, "feffffffffffffffff01"),
        ("long", -(2**63), "ffffffffffffffffff01"),
        ("long", Grade.TWO, "04"),
        ("long", np.int64(-3), "05"),
        ("float", 1, "0000803f"),
        ("double", -1.0, "000000000000f0bf"),
        ("double", np.float32(0.5), "000000000000e03f"),
        ("double", Fraction(1, 2), "000000000000e03f"),
        ("double", math.inf, "000000000000f07f"),
        ("double", math.nan, "000000000000f87f"),
        ("bytes", bytearray(b"\x00\xff"), "0400ff"),
        ("string", "åä", "08c3a5c3a4"),
        ("string", Code("M16"), "064d3136"),
        ("string", "a" * 8191, "fe7f" + "61" * 8191),
        ("string", "a" * 8192, "808001" + "61" * 8192),
        (["null", "string"], None, "00"),
        (["null", "string"], "", "0200"),
        (["string", "null"], "a", "000261"),
        (["string", "null"], None, "02"),
        (array("long"), [], "00"),
        (array("long"), (3, 27), "04063600"),
        (array(["null", "string"]), ["a", None], "0402026100" + "00"),
        (record("int", record("string")), {"f1": {"f0": "a"}, "f0": 1}, "020261"),
        (record("int"), MappingProxyType({"f0": 1}), "02"),
        (record(), {}, ""),
    ],
)
def test_writes_what_the_specification_says(schema: Any, value: Any, data: str) -> None:
    assert compile_writer(schema)(value) == bytes.fromhex(data)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("int", 2**31, "does not fit an int's 32 bits"),
        ("int", -(2**31) - 1, "does not fit an int's 32 bits"),
        ("long", 2**63, "does not fit a long's 64 bits"),
        ("long", -(2**63) - 1, "does not fit a long's 64 bits"),
        ("float", 1e39, "does not fit its type"),
        ("double", 10**400, "does not fit its type"),
        ("string", "\ud800", "cannot be UTF-8"),
    ],
)
def test_a_value_out_of_range_is_refused_by_the_fields_name(kind: Any, value: Any, said: str) -> None:
    for schema in (record("int", kind), record("int", ["null", kind])):
        with pytest.raises(ValueError, match=f"^field f1 .*{said}"):
            compile_writer(schema)({"f0": 1, "f1": value})


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("null", 0, "needs null, not int"),
        ("boolean", 1, "needs a boolean, not int"),
        ("boolean", None, "needs a boolean, not NoneType"),
        ("int", True, "needs a whole number, not bool"),
        ("int", 1.0, "needs a whole number, not float"),
        ("int", "1", "needs a whole number, not str"),
        ("int", None, "needs a whole number, not NoneType"),
        ("double", True, "needs a number, not bool"),
        ("double", "NaN", "needs a number, not str"),
        ("double", None, "needs a number, not NoneType"),
        ("bytes", "a", "needs bytes, not str"),
        ("string", b"a", "needs text, not bytes"),
        ("string", None, "needs text, not NoneType"),
        (array("string"), "abc", "needs a list, not str"),
        (array("int"), b"abc", "needs a list, not bytes"),
        (array("int"), None, "needs a list, not NoneType"),
        (record("int"), [1], "needs a record, not list"),
    ],
)
def test_a_wrong_type_is_refused_by_the_fields_name(kind: Any, value: Any, said: str) -> None:
    with pytest.raises(TypeError, match=f"^field f1 {said}$"):
        compile_writer(record("int", kind))({"f0": 1, "f1": value})


def test_a_missing_field_is_refused_even_with_a_default() -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "side", "type": ["null", "int"], "default": None}]}
    with pytest.raises(ValueError, match=r"^field side is missing$"):
        compile_writer(schema)({})


def test_a_field_too_many_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match=r"^the datum has fields that the schema has not: 'age', 'sex'$"):
        compile_writer(record("int"))({"f0": 1, "sex": 1, "age": 1})
    with pytest.raises(ValueError, match=r"^field f1 has fields that the schema has not: 'f1'$"):
        compile_writer(record("int", record("int")))({"f0": 1, "f1": {"f0": 1, "f1": 2}})


def test_a_fault_deep_inside_is_named_by_its_path_without_the_value() -> None:
    write = compile_writer(record(array(record("int", ["null", record("string")]))))
    with pytest.raises(TypeError) as caught:
        write({"f0": [{"f0": 1, "f1": None}, {"f0": 1, "f1": {"f0": 191212121212}}]})
    assert str(caught.value) == "field f0.f1.f0 needs text, not int"


_NESTED = record("int", record("string", ["null", "long"]), array(record("int", "string")))


def test_a_record_may_be_given_as_a_tuple_of_its_values() -> None:
    mapping = {"f0": 1, "f1": {"f0": "a", "f1": None}, "f2": [{"f0": 2, "f1": "b"}]}
    by_hand = bytes.fromhex("02" + "0261" + "00" + "02" + "04" + "0262" + "00")
    write = compile_writer(_NESTED)
    assert write(mapping) == by_hand
    assert write((1, ("a", None), [(2, "b")])) == by_hand
    assert write((1, {"f0": "a", "f1": None}, ((2, "b"),))) == by_hand  # some of the records so, some so
    assert compile_writer(record())(()) == b""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ((1, ("a", None)), r"the datum not enough values to unpack \(expected 3"),
        ((), r"the datum not enough values to unpack \(expected 3"),
        ((1, ("a", None), [], 4), r"the datum too many values to unpack \(expected 3"),
        ((1, ("a",), []), r"field f1 not enough values to unpack \(expected 2"),
        ((1, ("a", None), [(2, "b"), (2, "b", 191212121212)]), r"field f2 too many values to unpack \(expected 2"),
    ],
)
def test_a_tuple_of_another_length_is_refused_by_the_fields_name(value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}") as caught:
        compile_writer(_NESTED)(value)
    assert "1912" not in str(caught.value)


def test_an_item_of_a_list_of_records_may_be_written_already() -> None:
    write = compile_writer(array(record("int", "string")))
    ready = compile_writer(record("int", "string"))((2, "b"))
    assert ready == bytes.fromhex("04" + "0262")
    items = [(1, "a"), ready, {"f0": 3, "f1": ""}]
    assert write(items) == bytes.fromhex("06" + "02" + "0261" + "040262" + "06" + "00" + "00")
    assert write([ready]) == write([(2, "b")])
    inside = compile_writer(record("int", array(record("int", "string"))))
    assert inside((1, [ready, ready])) == b"\2\4" + ready + ready + b"\0"


def test_only_records_of_a_list_may_be_written_already() -> None:
    with pytest.raises(TypeError, match=r"^the datum needs a whole number, not bytes$"):
        compile_writer(array("int"))([b"\2"])
    with pytest.raises(TypeError, match=r"^field f0 needs a record, not bytes$"):
        compile_writer(record(record("int")))({"f0": b"\2"})


def test_what_is_no_record_at_all_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^the datum needs a record, not str$"):
        compile_writer(record("int"))("f0")


@pytest.mark.parametrize("schema", [["int", "string"], array("null"), {"type": "map", "values": "int"}])
def test_what_it_cannot_write_is_refused_when_compiling(schema: Any) -> None:
    with pytest.raises(ValueError, match=r"union|no bytes|not supported"):
        compile_writer(schema)


@pytest.mark.parametrize(
    "name",
    [
        "'''",
        "\\",
        "a'); open_sesame('",
        "x\n        open_sesame(1)\n        #",
        "x\r        open_sesame(1)\r        #",
        "VALUE",
        "PART",
        "TEXT",
        "\ud800",
    ],
)
def test_a_hostile_field_name_is_a_name_and_nothing_else(name: str, monkeypatch: Any) -> None:
    called: list[Any] = []
    monkeypatch.setattr(builtins, "open_sesame", called.append, raising=False)
    schema = {"type": "record", "name": name, "fields": [{"name": name, "type": ["null", "string"]}]}
    write = compile_writer(schema)
    assert write({name: "a"}) == b"\x02\x02a"
    with pytest.raises(ValueError, match=r"is missing"):
        write({})
    assert called == []
    assert write.source.isascii()


_RECURRING = {
    "type": "record",
    "name": "r",
    "fields": [
        {"name": "text", "type": {"type": "string", "recurring": True}},
        {"name": "texts", "type": {"type": "array", "items": "string", "recurring": True}},
    ],
}


def test_texts_that_recur_are_written_as_any_other_the_first_time_and_again() -> None:
    write = compile_writer(_RECURRING)
    for _ in range(2):
        assert write({"text": "å", "texts": ("a", "")}) == b"\x04\xc3\xa5\x04\x02a\x00\x00"
        assert write({"text": "", "texts": []}) == b"\x00\x00"


def test_what_is_no_text_is_refused_where_texts_recur() -> None:
    write = compile_writer(_RECURRING)
    with pytest.raises(TypeError, match="field text needs text"):
        write({"text": 1, "texts": ()})
    with pytest.raises(TypeError, match="field texts needs text"):
        write({"text": "a", "texts": (1,)})
    with pytest.raises(TypeError, match="field texts needs a list"):
        write({"text": "a", "texts": "ab"})


def test_more_texts_than_are_remembered_are_written_all_the_same() -> None:
    write = compile_writer({"type": "string", "recurring": True})
    assert [write(f"{number:05d}") for number in range(25_000)] == [b"\x0a%05d" % number for number in range(25_000)]
