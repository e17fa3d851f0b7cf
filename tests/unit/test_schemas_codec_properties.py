"""Round trips over everything a form can hold, and any bytes at all; fastavro is the reference."""

import io
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import FormSchema, NotARegistrationError, form_schema, plain_schema
from schemas.definition.folder import load_registries
from schemas.definition.form import FormField, form_of
from tests.unit.registry_folders import DATE, TIMESTAMP, field, form, optional

INT, LONG = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=70),
    "int": INT,
    "long": LONG,
    "date": st.integers(-30_000, 130_000),
    "timestamp": LONG,
    "boolean": st.booleans(),
    "double": st.floats(allow_nan=False),
    "float": st.floats(allow_nan=False, width=32),
}
TYPES = st.sampled_from(["string", "int", "long", "boolean", "double", "float", DATE, TIMESTAMP])
BUNDLED = [
    form_schema(declared, declared.avro)
    for definition in load_registries().values()
    for declared in definition.forms.values()
]


def values_of(variable: FormField) -> st.SearchStrategy[Any]:
    values = VALUES[variable.kind]
    if variable.repeated:
        return st.lists(values, max_size=70)
    return st.none() | values if variable.nullable else values


def registrations(schema: FormSchema) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({variable.name: values_of(variable) for variable in schema.form.fields})


@st.composite
def generated_forms(draw: st.DrawFn) -> FormSchema:
    fields = []
    for number, avro_type in enumerate(draw(st.lists(TYPES, max_size=6))):
        shape = draw(st.sampled_from(["plain", "optional", "null last", "list"]))
        name = f"x{number}"
        fields.append(
            {
                "plain": field(name, avro_type),
                "optional": optional(name, avro_type),
                "null last": field(name, [avro_type, "null"]),
                "list": field(name, {"type": "array", "items": avro_type}, default=[]),
            }[shape]
        )
    present = form_of(form(*fields), Path("visit.avsc"))
    return form_schema(present, present.avro)


def read_by_fastavro(schema: FormSchema, payload: bytes) -> object:
    return fastavro.schemaless_reader(io.BytesIO(payload), plain_schema(schema.avro), None)


@pytest.mark.parametrize("schema", BUNDLED, ids=lambda schema: schema.form.full_name)
@given(data=st.data())
def test_every_registration_of_a_bundled_form_comes_back(schema: FormSchema, data: st.DataObject) -> None:
    registration = data.draw(registrations(schema))
    payload = schema.encode(registration)
    assert schema.decode(payload) == registration
    assert read_by_fastavro(schema, payload) == registration


@given(data=st.data())
def test_every_registration_of_any_form_comes_back(data: st.DataObject) -> None:
    schema = data.draw(generated_forms())
    registration = data.draw(registrations(schema))
    payload = schema.encode(registration)
    assert schema.decode(payload) == registration
    assert read_by_fastavro(schema, payload) == registration


@given(data=st.data())
def test_what_is_read_from_any_bytes_is_what_fastavro_reads_and_writes(data: st.DataObject) -> None:
    """Damaged bytes are refused, or they are plain Avro: fastavro reads the same and writes the same again."""
    schema = data.draw(generated_forms())
    payload = bytearray(schema.encode(data.draw(registrations(schema))))
    for place in data.draw(st.lists(st.integers(0, len(payload) - 1), max_size=4)):
        payload[place] = data.draw(st.integers(0, 255))
    damaged = bytes(payload)
    try:
        registration = schema.decode(damaged)
    except NotARegistrationError:
        return
    again = read_by_fastavro(schema, damaged)
    assert repr(again) == repr(registration)  # as text, for no number equals NaN
    if not any(variable.repeated for variable in schema.form.fields):  # lists may be cut into other blocks
        assert schema.encode(registration) == damaged


@given(st.binary(max_size=200))
def test_any_bytes_are_a_registration_or_refused(payload: bytes) -> None:
    for schema in BUNDLED:
        try:
            assert set(schema.decode(payload)) == {variable.name for variable in schema.form.fields}
        except NotARegistrationError:
            continue
