"""The store on a real Confluent-compatible schema registry."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from schemas.codec import fingerprint
from schemas.definition.errors import DefinitionError
from schemas.definition.folder import load_registries, load_registry
from schemas.store import HttpStore, SchemaStoreUnavailableError
from tests.unit.registry_folders import UNIT, WEIGHT, field, form, visit, write_registry

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.kafka.launcher import SchemaRegistry

pytestmark = pytest.mark.kafka


def definition_of(parent: Path, name: str, *versions: dict[str, Any]) -> Any:
    """A registry of a unique name (so are its subjects) whose form ``visit`` has had these versions."""
    parent.mkdir()
    return load_registry(write_registry(parent, name, forms=[versions[-1]], released={"visit": versions}))


@pytest.fixture
def name() -> str:
    return f"r{uuid.uuid4().hex[:12]}"


def test_what_is_registered_is_found_both_ways(schema_registry: SchemaRegistry, tmp_path: Path, name: str) -> None:
    older, present = form(UNIT), form(UNIT, WEIGHT)
    definition = definition_of(tmp_path / "a", name, older, present)
    store = HttpStore(schema_registry.url, {name: definition})
    with pytest.raises(DefinitionError, match="is not registered"):
        store.wire_id(name, "visit")
    registered = store.register(name)
    assert registered == store.register(name)
    wire_id = store.wire_id(name, "visit")
    assert list(registered.values()) == [wire_id]
    store.close()

    reading = HttpStore(schema_registry.url, {name: definition})  # another process, which registers nothing
    found = reading.schema_of(name, wire_id)
    assert found is not None
    assert found.current
    assert found.schema_id == fingerprint(present)
    assert found.decode(found.encode(visit())) == visit()
    assert reading.schema_of(name, 2**31 - 1) is None
    reading.close()


def test_the_bundled_registries_can_be_registered(schema_registry: SchemaRegistry) -> None:
    registries = load_registries()
    store = HttpStore(schema_registry.url, registries)
    for name, definition in registries.items():
        assert len(store.register(name)) == len(definition.forms)
        for declared in definition.forms.values():
            found = store.schema_of(name, store.wire_id(name, declared.name))
            assert found is not None
            assert found.form is declared
    store.close()


def test_a_version_that_others_could_not_read_is_refused(
    schema_registry: SchemaRegistry, tmp_path: Path, name: str
) -> None:
    first = HttpStore(schema_registry.url, {name: definition_of(tmp_path / "a", name, form(UNIT))})
    first.register(name)
    first.close()
    broken = form(UNIT, field("age", "int"))
    second = HttpStore(schema_registry.url, {name: definition_of(tmp_path / "b", name, broken)})
    with pytest.raises(DefinitionError, match=rf"submitted\.{name}-test\.registry\.visit: "):
        second.register(name)
    second.close()


def test_a_registry_that_went_down_decides_nothing_and_is_used_again_when_back(
    own_schema_registry: SchemaRegistry, tmp_path: Path, name: str
) -> None:
    store = HttpStore(own_schema_registry.url, {name: definition_of(tmp_path / "a", name, form(UNIT))})
    store.register(name)
    own_schema_registry.stop()
    with pytest.raises(SchemaStoreUnavailableError, match="does not answer"):
        store.wire_id(name, "visit")
    own_schema_registry.start()
    assert store.schema_of(name, store.wire_id(name, "visit")) is not None
    store.close()
