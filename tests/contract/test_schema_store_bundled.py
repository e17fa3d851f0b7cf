"""The bundled store: every version by its fingerprint, and no two versions under one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import FormSchema, fingerprint, form_schema
from schemas.definition.errors import DefinitionError
from schemas.definition.folder import load_registries, load_registry
from schemas.store import BundledStore, known_versions, subject_of
from tests.unit.registry_folders import DATE, UNIT, WEIGHT, field, form, visit, write_registry


def test_every_version_is_known_by_its_id_in_its_own_registry(tmp_path: Path) -> None:
    older, present = form(UNIT), form(UNIT, WEIGHT)
    definition = load_registry(write_registry(tmp_path, forms=[present], released={"visit": [older]}))
    store = BundledStore({"minimal": definition})

    assert store.wire_id("minimal", "visit") == fingerprint(present)
    now, before = (store.schema_of("minimal", fingerprint(version)) for version in (present, older))
    assert now is not None
    assert now.current
    assert now.decode(now.encode(visit())) == visit()
    assert before is not None
    assert not before.current
    registration = {name: value for name, value in visit().items() if name != "weight"}
    assert before.decode(before.encode(registration)) == {**registration, "weight": None}
    assert store.schema_of("minimal", 1) is None
    assert store.schema_of("other", fingerprint(present)) is None


def test_each_bundled_form_is_found_by_the_id_that_it_is_written_with() -> None:
    registries = load_registries()
    store = BundledStore(registries)
    for name, definition in registries.items():
        for declared in definition.forms.values():
            found = store.schema_of(name, store.wire_id(name, declared.name))
            assert found is not None
            assert found.form is declared
            assert found.current


def test_a_fingerprint_that_two_versions_share_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_registry(tmp_path, forms=[form(UNIT), form(UNIT, name="stay")])
    definition = load_registry(folder)
    assert len(known_versions(definition)) == 2

    def same_id(*arguments: Any) -> FormSchema:
        return replace(form_schema(*arguments), schema_id=77)

    monkeypatch.setattr("schemas.store.form_schema", same_id)
    with pytest.raises(DefinitionError, match=r"forms stay and visit have versions that differ but share the id 77"):
        known_versions(definition)


def test_a_day_that_becomes_a_number_shares_the_id_and_is_refused(tmp_path: Path) -> None:
    """The canonical form leaves logical types out, so these two read the same bytes with two meanings."""
    day, number = form(field("x", DATE)), form(field("x", "int"))
    assert fingerprint(day) == fingerprint(number)
    definition = load_registry(write_registry(tmp_path, forms=[number], released={"visit": [day]}))
    with pytest.raises(DefinitionError, match=f"share the id {fingerprint(day)}"):
        BundledStore({"minimal": definition})


def test_a_subject_is_topic_and_record(tmp_path: Path) -> None:
    definition = load_registry(write_registry(tmp_path))
    assert subject_of("minimal", definition.forms["visit"]) == "submitted.minimal-test.registry.visit"
