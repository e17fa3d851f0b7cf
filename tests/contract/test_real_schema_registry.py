"""What we rely on a Confluent-compatible schema registry to do, asked through Confluent's own client."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.schema_registry import (
    Schema,
    SchemaRegistryClient,
    SchemaRegistryError,
    topic_record_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from deploy.kafka.launcher import SchemaRegistry

pytestmark = pytest.mark.kafka

ID = {"name": "registration_id", "type": "string"}
WEIGHT = {"name": "weight", "type": ["null", "int"], "default": None}
WEIGHT_AS_TEXT = {"name": "weight", "type": ["null", "string"], "default": None}
UNIT_WITHOUT_DEFAULT = {"name": "unit", "type": "string"}


@pytest.fixture
def client(schema_registry: SchemaRegistry) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": schema_registry.url}) as client:
        yield client


def avro(*fields: dict[str, Any], name: str = "Visit") -> Schema:
    record = {"type": "record", "name": name, "namespace": "test.contract", "fields": list(fields)}
    return Schema(json.dumps(record), "AVRO")


def new_topic() -> str:
    return f"submitted.{uuid.uuid4().hex}"


def new_subject(client: SchemaRegistryClient, level: str) -> str:
    """A subject for the record ``Visit`` on a topic of its own."""
    subject = f"{new_topic()}-test.contract.Visit"
    client.set_compatibility(subject, level)
    return subject


def test_a_schema_is_registered_under_topic_and_record_and_found_by_its_id(client: SchemaRegistryClient) -> None:
    topic, visit = new_topic(), avro(ID, WEIGHT)
    context = SerializationContext(topic, MessageField.VALUE)
    registration = {"registration_id": "r1", "weight": 70}
    serializer = AvroSerializer(client, visit, conf={"subject.name.strategy": topic_record_subject_name_strategy})
    payload = serializer(registration, context)

    assert payload is not None
    subject = f"{topic}-test.contract.Visit"
    assert subject in client.get_subjects()
    registered = client.get_latest_version(subject)
    assert payload[0] == 0
    assert int.from_bytes(payload[1:5], "big") == registered.schema_id
    assert payload[5:] == b"\x04r1\x02\x8c\x01"  # by hand: length 2, "r1", second branch, zigzag of 70
    found = client.get_schema(registered.schema_id)
    assert json.loads(found.schema_str or "") == json.loads(visit.schema_str or "")
    assert AvroDeserializer(client)(payload, context) == registration


def test_versions_count_up_and_the_same_schema_keeps_its_id(client: SchemaRegistryClient) -> None:
    subject = new_subject(client, "FULL_TRANSITIVE")
    first = client.register_schema(subject, avro(ID))
    second = client.register_schema(subject, avro(ID, WEIGHT))

    assert first != second
    assert client.get_versions(subject) == [1, 2]
    assert client.register_schema(subject, avro(ID)) == first
    assert client.get_versions(subject) == [1, 2]
    assert client.lookup_schema(subject, avro(ID, WEIGHT)).schema_id == second


def test_one_schema_under_two_subjects_has_one_id(client: SchemaRegistryClient) -> None:
    schema = avro(ID, {"name": f"f{uuid.uuid4().hex}", "type": "int"})
    ids = {client.register_schema(new_subject(client, "FULL_TRANSITIVE"), schema) for _ in range(2)}
    assert len(ids) == 1


@pytest.mark.parametrize(
    "refused",
    [avro(ID, UNIT_WITHOUT_DEFAULT), avro({**ID, "type": "int"}), avro(WEIGHT)],
    ids=["a field without default is added", "a type changes", "a field without default is left out"],
)
def test_full_transitive_refuses_an_incompatible_schema(client: SchemaRegistryClient, refused: Schema) -> None:
    subject = new_subject(client, "FULL_TRANSITIVE")
    client.register_schema(subject, avro(ID, WEIGHT))

    assert not client.test_compatibility(subject, refused)
    with pytest.raises(SchemaRegistryError) as caught:
        client.register_schema(subject, refused)
    assert caught.value.http_status_code == 409
    assert client.get_versions(subject) == [1]


def test_transitive_compares_with_every_version_and_not_only_the_latest(client: SchemaRegistryClient) -> None:
    history = [avro(ID, WEIGHT), avro(ID)]
    weight_returns_as_text = avro(ID, WEIGHT_AS_TEXT)
    full, transitive = new_subject(client, "FULL"), new_subject(client, "FULL_TRANSITIVE")
    for schema in history:
        client.register_schema(full, schema)
        client.register_schema(transitive, schema)

    client.register_schema(full, weight_returns_as_text)
    assert not client.test_compatibility_all_versions(transitive, weight_returns_as_text)
    with pytest.raises(SchemaRegistryError) as caught:
        client.register_schema(transitive, weight_returns_as_text)
    assert caught.value.http_status_code == 409


def test_the_global_level_binds_subjects_without_one_of_their_own(client: SchemaRegistryClient) -> None:
    before = client.get_compatibility()
    subject = f"{new_topic()}-test.contract.Visit"
    try:
        client.set_compatibility(level="FULL_TRANSITIVE")
        assert client.get_compatibility() == "FULL_TRANSITIVE"
        client.register_schema(subject, avro(ID))
        with pytest.raises(SchemaRegistryError) as caught:
            client.register_schema(subject, avro(ID, UNIT_WITHOUT_DEFAULT))
        assert caught.value.http_status_code == 409
    finally:
        client.set_compatibility(level=before)


def test_an_id_or_a_subject_that_nobody_registered_is_not_found(client: SchemaRegistryClient) -> None:
    with pytest.raises(SchemaRegistryError) as no_id:
        client.get_schema(2_000_000_000)
    assert (no_id.value.http_status_code, no_id.value.error_code) == (404, 40403)
    with pytest.raises(SchemaRegistryError) as no_subject:
        client.get_latest_version(f"{new_topic()}-test.contract.Visit")
    assert (no_subject.value.http_status_code, no_subject.value.error_code) == (404, 40401)


def test_a_killed_registry_comes_back_with_every_schema_that_it_acknowledged(
    own_schema_registry: SchemaRegistry,
) -> None:
    url = own_schema_registry.url
    with SchemaRegistryClient({"url": url}) as client:
        subject = new_subject(client, "FULL_TRANSITIVE")
        schema_id = client.register_schema(subject, avro(ID, WEIGHT))
        own_schema_registry.kill()

    own_schema_registry.start()
    assert own_schema_registry.url == url
    with SchemaRegistryClient({"url": url}) as client:
        assert client.lookup_schema(subject, avro(ID, WEIGHT)).schema_id == schema_id
        assert client.get_compatibility(subject) == "FULL_TRANSITIVE"
        assert not client.test_compatibility(subject, avro(ID, WEIGHT_AS_TEXT))
