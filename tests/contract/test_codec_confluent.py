"""Our codec and Confluent's own Avro serializers write the same bytes and read each other's.

Theirs take and give dates where the schema has logical types; ours keep Avro's own numbers.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import topics
from schemas.codec import form_schema, split_wire, wire_header
from schemas.definition.folder import load_registries
from schemas.store import HttpStore
from tests.contract.fake_schema_registry import FakeSchemaRegistry, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemas.codec import FormSchema
    from schemas.definition.form import FormField

REGISTRIES = load_registries()
FORMS = [(registry, form) for registry, definition in REGISTRIES.items() for form in definition.forms]
STRATEGY = {"subject.name.strategy": topic_record_subject_name_strategy}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=40),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "date": st.integers(-25_567, 120_000),
    "timestamp": st.integers(-(10**12), 4 * 10**12),
    "boolean": st.booleans(),
    "double": st.floats(allow_nan=False),
}


@pytest.fixture(scope="module")
def registry() -> Iterator[FakeSchemaRegistry]:
    with running() as fake:
        for name in REGISTRIES:
            store = HttpStore(fake.url, REGISTRIES)
            store.register(name)
            store.close()
        yield fake


@pytest.fixture
def client(registry: FakeSchemaRegistry) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": registry.url}) as client:
        yield client


def value_of(field: FormField) -> st.SearchStrategy[Any]:
    values = VALUES[field.kind]
    if field.repeated:
        return st.lists(values, max_size=5)
    return st.none() | values if field.nullable else values


def registrations(schema: FormSchema) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({field.name: value_of(field) for field in schema.form.fields})


def with_dates(schema: FormSchema, registration: dict[str, Any]) -> dict[str, Any]:
    """The registration as Confluent's classes have it: dates and moments instead of their numbers."""
    convert: dict[str, Callable[[int], date]] = {
        "date": lambda days: date(1970, 1, 1) + timedelta(days=days),
        "timestamp": lambda moment: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment),
    }
    return {
        field.name: convert[field.kind](registration[field.name])
        if field.kind in convert and registration[field.name] is not None
        else registration[field.name]
        for field in schema.form.fields
    }


@pytest.mark.parametrize(("name", "form"), FORMS)
@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_registration_is_the_same_bytes_and_reads_both_ways(
    client: SchemaRegistryClient, name: str, form: str, data: st.DataObject
) -> None:
    declared = REGISTRIES[name].forms[form]
    ours = form_schema(declared, declared.avro)
    schema = Schema(json.dumps(declared.avro), "AVRO")
    context = SerializationContext(topics.submitted(name), MessageField.VALUE)
    serializer = AvroSerializer(client, schema, conf={**STRATEGY, "auto.register.schemas": False})
    deserializer = AvroDeserializer(client, schema, conf=STRATEGY)

    registration = data.draw(registrations(ours))
    theirs = serializer(with_dates(ours, registration), context)
    assert theirs is not None
    assert theirs == wire_header(ours.schema_id) + ours.encode(registration)

    schema_id, payload = split_wire(theirs)
    assert schema_id == ours.schema_id
    assert ours.decode(payload) == registration
    assert deserializer(wire_header(ours.schema_id) + ours.encode(registration), context) == with_dates(
        ours, registration
    )
