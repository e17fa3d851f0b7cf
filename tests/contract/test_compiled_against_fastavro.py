"""The compiled reader and writer against fastavro, an implementation that knows nothing of ours.

On every form and event of the platform and on schemas that hypothesis makes: the same bytes, the same
values; and whatever bytes ours takes, fastavro takes for the same value.
"""

from __future__ import annotations

import io
import json
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import fastavro
import fastavro.validation
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.codec import plain_schema
from schemas.compiled import NotPlainAvroError, in_order, shape_of
from schemas.compiled_reader import compile_reader
from schemas.compiled_writer import compile_writer

SCHEMAS = Path(str(files("schemas")))
BUNDLED = sorted(str(path.relative_to(SCHEMAS)) for path in SCHEMAS.rglob("*.avsc"))

_LONG = st.integers(-(2**63), 2**63 - 1) | st.integers(-200, 200) | st.integers(2**40, 2**42)
_INT = st.integers(-(2**31), 2**31 - 1) | st.integers(-200, 200) | st.integers(-20_000, 20_000)
_PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "int": _INT,
    "long": _LONG,
    "float": st.floats(width=32),
    "double": st.floats(),
    "bytes": st.binary(max_size=200),
    "string": st.text(max_size=100),
}


def values(schema: Any, *, long: bool = True) -> st.SearchStrategy[Any]:
    """Values of a schema, in Avro's own numbers. Arrays may need a count of two bytes, but not one within another."""
    if isinstance(schema, list):
        return st.one_of(*(values(branch, long=long) for branch in schema))
    if isinstance(schema, str):
        return st.none() if schema == "null" else _PLAIN[schema]
    if schema["type"] == "record":
        return st.fixed_dictionaries({field["name"]: values(field["type"], long=long) for field in schema["fields"]})
    if schema["type"] == "array":
        few = st.lists(values(schema["items"], long=long), max_size=4)
        if not long:
            return few
        some = st.lists(values(schema["items"], long=False), min_size=1, max_size=4)
        return few | st.builds(_repeated, some, st.integers(65, 66))
    return values(schema["type"], long=long)


def _repeated(some: list[Any], count: int) -> list[Any]:
    return (some * count)[:count]


def _named(tree: Any, place: str) -> Any:
    """The schema with a name of its own for every record."""
    if isinstance(tree, list):
        return [_named(branch, place) for branch in tree]
    if isinstance(tree, dict) and tree["type"] == "array":
        return {"type": "array", "items": _named(tree["items"], f"{place}_i")}
    if isinstance(tree, dict) and tree["type"] == "record":
        fields = [{"name": f"f{i}", "type": _named(kind, f"{place}_{i}")} for i, kind in enumerate(tree["kinds"])]
        return {"type": "record", "name": place, "fields": fields}
    return tree


_DATED = [{"type": "int", "logicalType": "date"}, {"type": "long", "logicalType": "timestamp-millis"}]
_LEAVES = st.sampled_from([*_PLAIN, *_DATED])


def _branches(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    union = inner.filter(lambda kind: not isinstance(kind, list)).flatmap(
        lambda kind: st.sampled_from([["null", kind], [kind, "null"]])
    )
    array = inner.map(lambda kind: {"type": "array", "items": kind})
    record = st.lists(inner, min_size=1, max_size=4).map(lambda kinds: {"type": "record", "kinds": kinds})
    return union | array | record


schemas = (
    st.lists(st.recursive(_LEAVES, _branches, max_leaves=6), max_size=5)
    .map(lambda kinds: _named({"type": "record", "kinds": kinds}, "r"))
    .filter(lambda schema: _depth(schema) <= 7)
)


def _depth(schema: Any) -> int:
    if isinstance(schema, list):
        return 1 + max(map(_depth, schema))
    if isinstance(schema, str):
        return 0
    inner = [field["type"] for field in schema.get("fields", [])] + [schema["items"] for _ in "i" if "items" in schema]
    return 1 + max(map(_depth, inner), default=0)


def fastavro_bytes(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, plain_schema(schema), value, strict=True)
    return out.getvalue()


def fastavro_value(schema: Any, data: bytes) -> Any:
    """What fastavro reads; ValueError where it fails or leaves bytes over."""
    stream = io.BytesIO(data)
    try:
        value = fastavro.schemaless_reader(stream, plain_schema(schema), None)
    except Exception as error:
        raise ValueError("fastavro fails") from error
    if stream.tell() != len(data):
        raise ValueError("bytes left over")
    return value


def exactly(value: Any) -> str:
    """A text that differs where a value or its type differs; any NaN is any other."""
    return repr(value)


def agree(schema: Any, value: Any) -> None:
    data = fastavro_bytes(schema, value)
    assert compile_writer(schema)(value) == data
    read = compile_reader(schema)(data)
    assert exactly(read) == exactly(fastavro_value(schema, data))


@st.composite
def mutations(draw: st.DrawFn, data: bytes) -> bytes:
    """The data cut short, or with bytes changed, put in or taken out."""
    if draw(st.booleans()):
        return data[: draw(st.integers(0, len(data)))]
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(changed)))
        taken = draw(st.integers(0, 2))
        changed[at : at + taken] = draw(
            st.binary(max_size=2) | st.sampled_from([b"\x80", b"\xff\xff", b"\x00", b"\x01"])
        )
    return bytes(changed)


def refuse_or_agree(schema: Any, data: bytes) -> None:
    try:
        read = compile_reader(schema)(data)
    except NotPlainAvroError:
        # What fastavro holds valid and writes back as the very same bytes is plain Avro, not to be refused.
        try:
            value = fastavro_value(schema, data)
        except ValueError:
            return
        valid = fastavro.validation.validate(value, plain_schema(schema), raise_errors=False)
        assert not (valid and fastavro_bytes(schema, value) == data)
    else:
        assert exactly(read) == exactly(fastavro_value(schema, data))


quick = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def bundled(name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((SCHEMAS / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", BUNDLED)
@given(data=st.data())
@quick
def test_the_platforms_schemas_read_and_write_as_fastavro_does(name: str, data: st.DataObject) -> None:
    schema = bundled(name)
    agree(schema, data.draw(values(schema)))


@pytest.mark.parametrize("name", BUNDLED)
@given(data=st.data())
@quick
def test_broken_bytes_of_the_platforms_schemas_are_refused_or_read_alike(name: str, data: st.DataObject) -> None:
    schema = bundled(name)
    refuse_or_agree(schema, data.draw(mutations(fastavro_bytes(schema, data.draw(values(schema))))))


@given(data=st.data(), schema=schemas)
@settings(quick, max_examples=150)
def test_any_schema_reads_and_writes_as_fastavro_does(data: st.DataObject, schema: Any) -> None:
    agree(schema, data.draw(values(schema)))


@given(data=st.data(), schema=schemas)
@settings(quick, max_examples=250)
def test_broken_bytes_of_any_schema_are_refused_or_read_alike(data: st.DataObject, schema: Any) -> None:
    refuse_or_agree(schema, data.draw(mutations(fastavro_bytes(schema, data.draw(values(schema))))))


@given(data=st.data(), schema=schemas, noise=st.binary(max_size=40))
@settings(quick, max_examples=150)
def test_noise_is_refused_or_read_alike(data: st.DataObject, schema: Any, noise: bytes) -> None:
    small = st.binary(max_size=12) | st.lists(st.sampled_from([0, 1, 2, 4, 128, 255]), max_size=20).map(bytes)
    refuse_or_agree(schema, data.draw(small | st.just(noise)))


def in_tuples(value: Any) -> Any:
    """Dicts as tuples of their values, lists as tuples."""
    if isinstance(value, dict | list):
        return tuple(in_tuples(part) for part in (value.values() if isinstance(value, dict) else value))
    return value


@given(data=st.data(), schema=schemas)
@settings(quick, max_examples=150)
def test_a_reading_as_tuples_has_the_same_values_in_the_order_of_the_schema(data: st.DataObject, schema: Any) -> None:
    payload = fastavro_bytes(schema, data.draw(values(schema)))
    whole = fastavro_value(schema, payload)
    read = compile_reader(schema, tuples=True)(payload)
    assert exactly(read) == exactly(in_tuples(whole))
    assert exactly(in_order(shape_of(schema), whole)) == exactly(read)


@given(data=st.data(), schema=schemas)
@settings(quick, max_examples=150)
def test_a_projection_is_the_whole_reading_restricted(data: st.DataObject, schema: Any) -> None:
    names = [field["name"] for field in schema["fields"]]
    wanted = data.draw(st.lists(st.sampled_from(names))) if names else []
    payload = data.draw(mutations(fastavro_bytes(schema, data.draw(values(schema)))))
    try:
        whole = compile_reader(schema)(payload)
    except NotPlainAvroError as error:
        if "UTF-8" not in str(error):
            with pytest.raises(NotPlainAvroError):
                compile_reader(schema, fields=wanted)(payload)
        return
    restricted = [whole[name] for name in wanted]
    assert exactly(compile_reader(schema, fields=wanted)(payload)) == exactly(restricted)
