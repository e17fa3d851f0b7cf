"""Generations beside each other: how far each is, which one readers use, and what is dropped."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from sinks.clickhouse import sql
from sinks.clickhouse.client import connect
from sinks.clickhouse.generations import (
    GenerationError,
    current_generation,
    drop,
    follow,
    generations,
    is_caught_up,
    switch,
)
from sinks.clickhouse.housekeeping import Housekeeping
from sinks.clickhouse.queries.carriers import Affected, Carrier, UnitCarriers, read_carriers
from sinks.clickhouse.queries.exposures import ExposureRow, read_exposures
from sinks.clickhouse.queries.lists import read_list
from tests.derived_support import Register, cell, days, derived_registry, entry, exposure, made, write
from tests.support import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

NEW = "fedcba987654"


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture
def registry(client: Client, tmp_path: Path) -> RegistryDefinition:
    return made(client, derived_registry(tmp_path))


@pytest.fixture
def two(client: Client, registry: RegistryDefinition) -> RegistryDefinition:
    """Three registrations in two partitions; the current generation has them all, a new one not yet."""
    first, second = Register(registry), Register(registry, partition=1)
    for name in ("a", "b"):
        first.operated("k1-anna", name)
    second.operated("k1-bo", "c")
    first.load(client)
    second.load(client)
    write(client, registry, 1, cells=[cell("2024-01-01", [2])], exposures=[exposure("a", "2024-01-01")])
    write(client, registry, 0, cells=[cell("2024-01-01", [1])], partition=1)
    write(client, registry, 0, cells=[cell("2024-01-01", [1])], generation=NEW)
    return registry


def test_generations_tell_how_far_they_are(client: Client, two: RegistryDefinition) -> None:
    current, new = generations(client, two.name)
    assert (current.name, current.current, current.caught_up) == (two.generation, True, True)
    assert (current.through, current.cells, current.exposures) == ({0: 1, 1: 0}, 2, 1)
    assert (new.name, new.current, new.through) == (NEW, False, {0: 0})
    assert (new.caught_up, new.behind) == (False, {0: 1, 1: 1})


def test_readers_switch_only_to_what_has_caught_up(client: Client, two: RegistryDefinition) -> None:
    with pytest.raises(GenerationError, match="has not caught up: 2 archived submissions are not in it"):
        switch(client, two.name, NEW)
    with pytest.raises(GenerationError, match=f"has no generation 000000000000; there are {two.generation}, {NEW}"):
        switch(client, two.name, "000000000000")
    assert current_generation(client, two.name) == two.generation
    write(client, two, 1, cells=[], generation=NEW)
    write(client, two, 0, cells=[], generation=NEW, partition=1)
    assert is_caught_up(client, two.name, NEW, patience_s=0.0)
    with pytest.raises(GenerationError, match="has not all its signals yet"):
        switch(client, two.name, NEW, signals=lambda: False)
    assert current_generation(client, two.name) == two.generation
    switch(client, two.name, NEW)
    assert [(one.name, one.current) for one in generations(client, two.name)] == [(NEW, True), (two.generation, False)]
    switch(client, two.name, two.generation)
    assert current_generation(client, two.name) == two.generation


def test_a_switch_by_force(client: Client, two: RegistryDefinition) -> None:
    switch(client, two.name, NEW, signals=lambda: False, force=True)
    assert current_generation(client, two.name) == NEW


def test_a_generation_is_dropped_whole_but_not_the_one_that_readers_use(
    client: Client, two: RegistryDefinition
) -> None:
    write(client, two, 1, exposures=[exposure("a", "2024-01-01")], entries=[entry("a", "2024-01-01")], generation=NEW)
    with pytest.raises(GenerationError, match="is the one that readers use: switch first"):
        drop(client, two.name, two.generation)
    drop(client, two.name, NEW)
    drop(client, two.name, NEW)
    assert [one.name for one in generations(client, two.name)] == [two.generation]
    database = sql.database_of(two.name)
    for name, left in (("cells", 2), ("exposures", 1), ("list_entries", 0), ("progress", 2)):
        assert client.rows(f"SELECT count() FROM {database}.{name}") == [(left,)]


def test_the_pointer_follows_what_is_declared_once_and_only_when_it_has_caught_up(
    client: Client, two: RegistryDefinition
) -> None:
    declared_now = replace(two, generation=NEW)
    assert not follow(client, declared_now)
    write(client, two, 1, cells=[], generation=NEW)
    write(client, two, 0, cells=[], generation=NEW, partition=1)
    assert not follow(client, declared_now, lambda declared: declared is not declared_now)  # nor without its signals
    assert follow(client, declared_now, lambda declared: declared is declared_now)
    assert not follow(client, two)  # a process with the older definitions does not switch back
    assert current_generation(client, two.name) == NEW


def test_the_first_generation_is_pointed_to_at_once(client: Client, tmp_path: Path) -> None:
    definition = made(client, derived_registry(tmp_path), current=False)
    assert current_generation(client, definition.name) is None
    assert follow(client, definition)
    assert current_generation(client, definition.name) == definition.generation


def test_housekeeping_erases_and_follows_where_the_registry_is_this_instance_s(
    client: Client, two: RegistryDefinition
) -> None:
    register = Register(two, first_offset=2)
    register.opted_out("k1-anna", "out")
    register.load(client)
    write(client, two, 2, cells=[], generation=NEW)
    write(client, two, 0, cells=[], generation=NEW, partition=1)
    held: set[tuple[str, int]] = set()
    stop = threading.Event()
    keeping = Housekeeping(
        client, {two.name: replace(two, generation=NEW)}, stop=stop, erase_every_s=600, look_every_s=0.02,
        holds=lambda topic, partition: (topic, partition) in held,
    )  # fmt: skip
    thread = threading.Thread(target=keeping.run)
    thread.start()
    try:
        archive = sql.table(sql.database_of(two.name), "archive")
        assert client.rows(f"SELECT count() FROM {archive}") == [(4,)]
        held.add((f"accepted.{two.name}", 0))
        wait_for(lambda: client.rows(f"SELECT count() FROM {archive}") == [(2,)], "an erasure")
        wait_for(lambda: current_generation(client, two.name) == NEW, "a switch")
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def test_a_list_by_unit_without_who_has_opted_out(client: Client, registry: RegistryDefinition) -> None:
    register = Register(registry)
    register.operated("k1-anna", "a")
    register.opted_out("k1-bo", "out")
    register.load(client)
    write(
        client, registry, 1, cells=[],
        entries=[
            entry("a", "2024-02-02", patient="k1-anna", unit="U2"), entry("b", "2024-01-01", patient="k1-bo"),
            entry("c", "2024-01-03", patient="k1-caja", shown=["7.5", "male"]), entry("d", "2024-01-02", listed=False),
            entry("e", "2024-01-01", patient="k1-caja", list="unresolved", form="reoperation", shown=[]),
        ],
    )  # fmt: skip
    write(client, registry, 1, entries=[entry("old", "2024-01-01")], generation=NEW)
    found = read_list(client, registry, "in_pain")
    assert (found.columns, found.units, found.through) == (("pain", "sex"), {"U1": 1, "U2": 1}, {0: 1})
    assert [(one.unit, one.day, one.patient, one.form, one.registration_id, one.shown) for one in found.entries] == [
        ("U1", date(2024, 1, 3), "k1-caja", "operation", "c", ("7.5", "male")),
        ("U2", date(2024, 2, 2), "k1-anna", "operation", "a", ("6.0", "f")),
    ]
    assert [one.registration_id for one in read_list(client, registry, "in_pain", unit="U2").entries] == ["a"]
    limited = read_list(client, registry, "in_pain", limit=1)
    assert (limited.units, len(limited.entries)) == ({"U1": 1, "U2": 1}, 1)
    (unresolved,) = read_list(client, registry, "unresolved").entries
    assert (unresolved.form, unresolved.registration_id) == ("reoperation", "e")
    with pytest.raises(ValueError, match="has no list calls; it has in_pain, unresolved"):
        read_list(client, registry, "calls")


def test_exposures_by_product_as_of_a_day(client: Client, registry: RegistryDefinition) -> None:
    register = Register(registry)
    register.operated("k1-anna", "a", "2024-12-31")
    register.opted_out("k1-dora", "out", "2024-12-31")
    register.load(client)
    event = (date(2024, 3, 1) - date(1970, 1, 1)).days
    second = {"product": "CUP2", "outcomes": 1, "first_outcome": event}
    write(
        client, registry, 1, cells=[],
        exposures=[
            exposure("a", "2024-01-01", "2024-01-11", end_reason="revision", outcomes=2, first_outcome=event - 50,
                     specific=1, first_specific=event - 50, unknown=1),
            exposure("b", "2024-12-01", unit="U2"),
            exposure("c", "2023-12-31", "2024-06-30", end_reason="death", **second),
            exposure("d", "2024-01-01", patient="k1-dora"), exposure("e", None),
        ],
    )  # fmt: skip
    reading = read_exposures(client, registry)
    assert reading.until == date(2024, 12, 31)
    assert reading.rows == [
        ExposureRow("cup", "CUP1", 2, 1, {"revision": 1}, 1, 2, 1, 1, 10 + 30),
        ExposureRow("cup", "CUP2", 1, 0, {"death": 1}, 1, 1, 0, 0, 182),
    ]
    assert reading.rows[1].years == pytest.approx(182 / 365.25)
    earlier = read_exposures(client, registry, ["cup"], until=date(2024, 1, 6))
    # b has not begun, a and c have not ended, and no outcome is known; a's 5 days, c's 6
    assert [(row.product, row.exposures, row.still_open, row.ended) for row in earlier.rows] == [
        ("CUP1", 1, 1, {}), ("CUP2", 1, 1, {}),
    ]  # fmt: skip
    assert [(row.with_outcome, row.days) for row in earlier.rows] == [(0, 5), (0, 6)]
    assert [row.exposures for row in read_exposures(client, registry, unit="U2").rows] == [1]
    with pytest.raises(ValueError, match="has no monitor group stem; it has cup"):
        read_exposures(client, registry, ["stem"])


def test_who_carries_a_product_as_of_a_day(client: Client, registry: RegistryDefinition) -> None:
    register = Register(registry)
    register.operated("k1-anna", "a", "2024-12-31")
    register.opted_out("k1-dora", "out", "2024-12-31")
    register.emigrated("k1-abroad", "gone", "2024-06-30")
    register.emigrated("k1-anna", "came back", "2020-01-01")
    register.load(client)
    revised = {"end_reason": "revision", "outcomes": 1, "first_outcome": days("2024-03-01")}
    until_june: dict[str, Any] = {"end_reason": "death", "carried_until": days("2024-06-30")}
    write(
        client, registry, 1, cells=[],
        exposures=[
            # the head was exchanged in March, which ended the exposure; the cup is still in
            exposure("head", "2024-01-01", "2024-03-01", lot="L1", side="left", patient="k1-anna", **revised),
            exposure("other", "2024-02-01", lot="L2", side="right", patient="k1-anna"),
            exposure("out", "2023-12-31", "2024-03-01", unit="U2", carried_until=days("2024-03-01"), **revised),
            exposure("abroad", "2024-01-01", "2024-06-30", unit="U2", lot="L1", end_reason="emigration"),
            exposure("dead", "2024-01-01", "2024-06-30", lot="L1", **until_june),
            exposure("later", "2024-12-31"), exposure("d", "2024-01-01", patient="k1-dora"), exposure("e", None),
            exposure("another", "2024-01-01", product="CUP2"),
        ],
    )  # fmt: skip
    reading = read_carriers(client, registry, Affected("CUP1"), until=date(2024, 12, 30))
    assert reading.units == {
        "U1": UnitCarriers(persons=1, carried=2, lot_unknown=0, over=1),
        "U2": UnitCarriers(1, 1, 0, 1),
    }
    first, other, abroad = reading.carriers
    assert first == Carrier(
        "U1", "k1-anna", "head", "cup", "L1", "left", date(2024, 1, 1), date(2024, 3, 1), abroad=False,
        put_in_at="U1", state="to_call", said_at=None, carried=True, partition=0, version=1,
    )  # fmt: skip
    assert (other.registration_id, other.lot, other.outcome) == ("other", "L2", None)
    assert (abroad.unit, abroad.registration_id, abroad.abroad) == ("U2", "abroad", True)
    of_lot = read_carriers(client, registry, Affected("CUP1", ("L1",)), unit="U1", until=date(2024, 12, 30))
    assert [one.registration_id for one in of_lot.carriers] == ["head"]
    assert of_lot.units == {"U1": UnitCarriers(1, 1, 0, 1)}
    # of what lot the later one is nobody knows, so its carrier is to be found as well
    last = read_carriers(client, registry, Affected("CUP1", ("L1",)), unit="U1", until=date(2024, 12, 31))
    assert [one.registration_id for one in last.carriers] == ["head", "later"]
    assert last.units == {"U1": UnitCarriers(2, 2, 1, 1)}
    # in February nothing had been taken out, nobody had died or left, and of the reoperation nothing was known
    then = read_carriers(client, registry, Affected("CUP1"), until=date(2024, 2, 29))
    assert [(one.registration_id, one.outcome, one.abroad) for one in then.carriers] == [
        ("dead", None, False), ("head", None, False), ("other", None, False),
        ("out", None, False), ("abroad", None, False),
    ]  # fmt: skip
    assert read_carriers(client, registry, Affected("CUP9")).units == {}
