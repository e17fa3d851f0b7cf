"""The store over HTTP, on a registry in this process: what it asks, remembers, and says when nothing answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from schemas.codec import fingerprint
from schemas.definition.errors import DefinitionError
from schemas.definition.folder import load_registry
from schemas.store import HttpStore, SchemaStoreUnavailableError
from tests.contract.fake_schema_registry import FakeSchemaRegistry, running
from tests.unit.registry_folders import UNIT, WEIGHT, form, write_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUBJECT = "submitted.minimal-test.registry.visit"
OLDER, PRESENT = form(UNIT), form(UNIT, WEIGHT)


class Clock:
    """A clock that moves when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def registry() -> Iterator[FakeSchemaRegistry]:
    with running() as fake:
        yield fake


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(registry: FakeSchemaRegistry, clock: Clock, tmp_path: Path) -> Iterator[HttpStore]:
    folder = write_registry(tmp_path, forms=[PRESENT], released={"visit": [OLDER, PRESENT]})
    store = HttpStore(registry.url, {"minimal": load_registry(folder)}, clock=clock)
    yield store
    store.close()


def test_registering_is_transitive_and_oldest_first(store: HttpStore, registry: FakeSchemaRegistry) -> None:
    assert store.register("minimal") == {SUBJECT: fingerprint(PRESENT)}
    assert registry.levels == {SUBJECT: "FULL_TRANSITIVE"}
    assert ['"weight"' in version for version in registry.subjects[SUBJECT]] == [False, True]
    assert store.register("minimal") == {SUBJECT: fingerprint(PRESENT)}
    assert len(registry.subjects[SUBJECT]) == 2


def test_an_id_is_asked_for_once_and_means_the_same_version_both_ways(
    store: HttpStore, registry: FakeSchemaRegistry
) -> None:
    store.register("minimal")
    registry.asked.clear()
    wire_id = store.wire_id("minimal", "visit")
    assert store.wire_id("minimal", "visit") == wire_id
    for _ in range(3):
        found = store.schema_of("minimal", wire_id)
        assert found is not None
        assert found.current
        assert found.schema_id == fingerprint(PRESENT)
        older = store.schema_of("minimal", fingerprint(OLDER))
        assert older is not None
        assert not older.current
    assert sorted(registry.asked) == sorted(
        [f"POST /subjects/{SUBJECT}", f"GET /schemas/ids/{wire_id}", f"GET /schemas/ids/{fingerprint(OLDER)}"]
    )


def test_nothing_is_registered_by_asking(store: HttpStore, registry: FakeSchemaRegistry) -> None:
    with pytest.raises(DefinitionError, match=f"{SUBJECT}: this version is not registered; run `guldadra schemas"):
        store.wire_id("minimal", "visit")
    assert registry.subjects == {}
    store.register("minimal")
    assert store.wire_id("minimal", "visit") == fingerprint(PRESENT)


def test_an_id_that_nobody_knows_is_asked_about_again_only_after_a_while(
    store: HttpStore, registry: FakeSchemaRegistry, clock: Clock
) -> None:
    unknown = fingerprint(PRESENT)
    for _ in range(100):
        assert store.schema_of("minimal", unknown) is None
    assert registry.asked == [f"GET /schemas/ids/{unknown}"]
    store.register("minimal")
    clock.now += 31
    assert store.schema_of("minimal", unknown) is not None


def test_a_flood_of_invented_ids_does_not_fill_the_memory(store: HttpStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.store._MOST_UNKNOWN", 3)
    for wire_id in range(1, 9):
        assert store.schema_of("minimal", wire_id) is None
        assert len(store._unknown_until) <= 3


def test_a_schema_of_somebody_else_is_unknown_here(store: HttpStore, registry: FakeSchemaRegistry) -> None:
    registry.subjects["other"] = ['{"type": "record", "name": "Other", "fields": []}', '"string"']
    for schema in ({"type": "record", "name": "Other", "fields": []}, "string"):
        assert store.schema_of("minimal", fingerprint(schema)) is None  # type: ignore[arg-type]
    store.register("minimal")
    assert store.schema_of("elsewhere", fingerprint(PRESENT)) is None


@pytest.mark.parametrize("status", [409, 422])
def test_a_version_that_the_registry_refuses_says_why(
    store: HttpStore, registry: FakeSchemaRegistry, status: int
) -> None:
    registry.refusing = status
    with pytest.raises(DefinitionError, match=f"{SUBJECT}: incompatible with version 1"):
        store.register("minimal")


@pytest.mark.parametrize("status", [401, 500, 503])
def test_a_registry_out_of_order_decides_nothing(store: HttpStore, registry: FakeSchemaRegistry, status: int) -> None:
    registry.failing = status
    for ask in (
        lambda: store.wire_id("minimal", "visit"),
        lambda: store.schema_of("minimal", 5),
        lambda: store.register("minimal"),
    ):
        with pytest.raises(SchemaStoreUnavailableError, match=registry.url):
            ask()
    registry.failing = None
    store.register("minimal")
    assert store.schema_of("minimal", store.wire_id("minimal", "visit")) is not None


def test_what_is_no_schema_registry_is_named(store: HttpStore, registry: FakeSchemaRegistry) -> None:
    registry.failing = 404
    with pytest.raises(SchemaStoreUnavailableError, match=f"{registry.url} has no schema registry"):
        store.register("minimal")


def test_a_registry_that_is_down_decides_nothing(tmp_path: Path) -> None:
    with running() as fake:
        url = fake.url
    store = HttpStore(url, {"minimal": load_registry(write_registry(tmp_path))})
    for ask in (
        lambda: store.wire_id("minimal", "visit"),
        lambda: store.schema_of("minimal", 5),
        lambda: store.register("minimal"),
    ):
        with pytest.raises(SchemaStoreUnavailableError, match="does not answer"):
            ask()
    store.close()
