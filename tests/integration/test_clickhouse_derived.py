"""Cells, exposures and lists on the way into their tables: unfolded, replaced by higher versions only."""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from schemas import topics
from schemas.codec import fingerprint, wire_header
from schemas.compiled_writer import compile_writer
from schemas.version import version_of
from sinks.clickhouse import sql
from sinks.clickhouse.buffer import Buffer, Read
from sinks.clickhouse.migrations.plan import apply, revert
from sinks.clickhouse.migrations.step import MigrationError
from sinks.clickhouse.queries.standing import read_told
from streams.surveillance.bins import Exposure
from tests.derived_support import Register, batches, cell, derived_registry, entry, exposure, load, made, write

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded


@pytest.fixture
def registry(client: Client, tmp_path: Path) -> RegistryDefinition:
    return made(client, derived_registry(tmp_path))


def rows(client: Client, definition: RegistryDefinition, table: str, columns: str) -> list[tuple[Any, ...]]:
    name = sql.table(sql.database_of(definition.name), table)
    return client.rows(f"SELECT {columns} FROM {name} FINAL ORDER BY ALL")


def test_a_cell_is_what_the_highest_version_says_whatever_comes_last(
    client: Client, registry: RegistryDefinition
) -> None:
    later = version_of(1, 5)  # the epoch after: above every offset of the one before
    write(client, registry, later, cells=[cell("2024-03-01", [3, 1])])
    write(client, registry, version_of(0, 900), cells=[cell("2024-03-01", [9, 9]), cell("1969-11-01", [1, 0])])
    write(client, registry, later, cells=[cell("2024-03-01", [3, 1])])
    write(client, registry, version_of(0, 7), cells=[cell("2024-03-01", [2, 0])], partition=11)
    found = rows(client, registry, "cells", "cohort, unit, period, by, indicator, bucket, partition, values, version")
    own = ("operations", "U1")
    assert found == [
        (*own, date(1969, 11, 1), ["female", "<65"], "", 0, 0, [1, 0], version_of(0, 900)),
        (*own, date(2024, 3, 1), ["female", "<65"], "", 0, 0, [3, 1], later),
        (*own, date(2024, 3, 1), ["female", "<65"], "", 0, 11, [2, 0], version_of(0, 7)),
    ]


def test_every_cell_batch_says_how_far_the_values_are_also_an_empty_one(
    client: Client, registry: RegistryDefinition
) -> None:
    write(client, registry, 17, cells=[cell("2024-03-01", [1]), cell("2024-04-01", [1])], partition=3)
    write(client, registry, 29, cells=[], partition=3)
    write(client, registry, 5, cells=[], partition=1, generation="another")
    assert rows(client, registry, "progress", "generation, partition, version") == sorted(
        [(registry.generation, 3, 29), ("another", 1, 5)]
    )


def test_cells_with_a_bucket_and_negative_numbers_stay_what_they_are(
    client: Client, registry: RegistryDefinition
) -> None:
    far = cell("2024-03-01", [-4, 1 << 62], indicator="stay", bucket=-3, by=[], unit="")
    write(client, registry, 1, cells=[far])
    assert rows(client, registry, "cells", "unit, by, indicator, bucket, values") == [
        ("", [], "stay", -3, [-4, 1 << 62])
    ]


def test_exposures_are_unfolded_with_their_open_ends_and_what_is_no_more_says_so(
    client: Client, registry: RegistryDefinition
) -> None:
    ended = exposure(
        "a", "1969-12-30", "2024-02-29", side="left", lot="L1", end_reason="revision", outcomes=2, first_outcome=19_700
    )
    write(client, registry, 4, exposures=[ended, exposure("b", "2024-01-01"), exposure("c", "2024-01-01")])
    write(client, registry, 6, exposures=[exposure("c", None)], partition=2)
    columns = (
        "registration_id, `group`, patient, product, lot, unit, side, by, start, `end`, end_reason, outcomes, "
        "first_outcome, present, partition, version"
    )
    assert rows(client, registry, "exposures", columns) == [
        ("a", "cup", "k1-a", "CUP1", "L1", "U1", "left", ["female"], date(1969, 12, 30), date(2024, 2, 29), "revision",
         2, date(2023, 12, 9), True, 0, 4),
        ("b", "cup", "k1-b", "CUP1", "", "U1", "", ["female"], date(2024, 1, 1), None, "", 0, None, True, 0, 4),
        ("c", "cup", "k1-c", "", "", "", "", [], date(1970, 1, 1), None, "", 0, None, False, 2, 6),
    ]  # fmt: skip


def test_exposures_as_they_were_told_last_are_whole_also_of_who_has_opted_out(
    client: Client, registry: RegistryDefinition
) -> None:
    register = Register(registry, first_offset=7)
    register.opted_out("k1-b", "out")
    register.load(client)
    began, ended = exposure("a", "2024-01-01"), exposure("a", "2024-01-01", "2024-02-01", end_reason="revision")
    write(client, registry, 3, exposures=[began, exposure("b", "2024-01-01"), exposure("c", "2024-01-01")])
    write(client, registry, 6, exposures=[ended, exposure("c", None)])
    write(client, registry, 9, exposures=[exposure("d", "2024-01-01")], generation="fedcba987654")
    write(client, registry, 2, exposures=[exposure("e", "2024-01-01", recorded=19_730)], partition=5)
    assert sorted(read_told(client, registry.name, registry.generation, "cup", Exposure._fields)) == [
        (0, 3, "k1-b", "b", "CUP1", "", "U1", "", ["female"], 19_723, None, "", *(0, None) * 2, 0, None, None, None),
        (0, 6, "k1-a", "a", "CUP1", "", "U1", "", ["female"], 19_723, 19_754, "revision", *(0, None) * 2, 0, None,
         None, None),
        (5, 2, "k1-e", "e", "CUP1", "", "U1", "", ["female"], 19_723, None, "", *(0, None) * 2, 0, None, 19_730, None),
    ]  # fmt: skip


def released_batch(number: int) -> dict[str, Any]:
    """An earlier version of ``ExposureBatch``."""
    path = files("schemas") / "events" / "released" / f"exposure_batch.{number}.avsc"
    version: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return version


def written_with(version: dict[str, Any], registry: RegistryDefinition, change: dict[str, Any]) -> bytes:
    """A message of one change, as it was written when this was the version."""
    origin = {"registry": registry.name, "generation": registry.generation, "partition": 0, "version": 3}
    message = compile_writer(version)({**origin, "group": "cup", "changes": [change]})
    return wire_header(fingerprint(version)) + message


def test_an_exposure_message_from_before_a_field_was_there_is_loaded_too(
    client: Client, registry: RegistryDefinition
) -> None:
    version = released_batch(1)
    (change,) = [exposure("a", "2024-01-01", "2024-02-01", end_reason="revision", outcomes=1, first_outcome=19_754)]
    del change["opted_out"]
    change["before"] = [dict(state) for state in change["after"]]
    for state in (*change["before"], *change["after"]):
        for name in ("specific", "first_specific", "unknown", "carried_until", "recorded", "end_recorded"):
            del state[name]
    message = written_with(version, registry, change)
    load(client, registry, [(topics.exposures(registry.name), message)])
    columns = "registration_id, `end`, outcomes, specific, first_specific, unknown, carried_until"
    assert rows(client, registry, "exposures", columns) == [("a", date(2024, 2, 1), 1, 0, None, 0, date(2024, 2, 1))]
    buffer = Buffer({registry.name: registry})
    for broken in (message[:-1], message + b"\0", message[:5], message[:5] + b"\x7f" + message[6:]):
        buffer.take(Read(topics.exposures(registry.name), 0, 0, None, broken))
    assert len(buffer.given_up) == 4


def test_an_exposure_message_from_before_it_told_when_it_was_recorded_means_all_else_as_now(
    client: Client, registry: RegistryDefinition
) -> None:
    version = released_batch(2)
    (change,) = [exposure("a", "2024-01-01", "2024-02-01", end_reason="revision", specific=1, first_specific=19_754)]
    for name in ("recorded", "end_recorded"):
        del change["after"][0][name]
    load(client, registry, [(topics.exposures(registry.name), written_with(version, registry, change))])
    columns = "registration_id, `end`, specific, first_specific, carried_until, recorded, end_recorded"
    assert rows(client, registry, "exposures", columns) == [  # its head was exchanged: the cup is still there
        ("a", date(2024, 2, 1), 1, date(2024, 2, 1), None, None, None)
    ]


def test_rows_from_before_it_was_told_when_they_were_recorded_do_not_tell(
    client: Client, registry: RegistryDefinition
) -> None:
    known = {"recorded": 19_730, "end_recorded": 19_760}
    write(client, registry, 3, exposures=[exposure("a", "2024-01-01", "2024-02-01", **known)])
    columns = "registration_id, recorded, end_recorded"
    assert rows(client, registry, "exposures", columns) == [("a", date(2024, 1, 8), date(2024, 2, 7))]
    with pytest.raises(MigrationError, match="would lose data"):
        revert(client, registry.name, 9)
    revert(client, registry.name, 9, allow_data_loss=True)
    apply(client, {registry.name: registry})
    assert rows(client, registry, "exposures", columns) == [("a", None, None)]
    write(client, registry, 4, exposures=[exposure("b", "2024-01-01", "2024-02-01", **known)])
    assert rows(client, registry, "exposures", columns)[-1] == ("b", date(2024, 1, 8), date(2024, 2, 7))


def test_rows_from_before_whose_outcomes_were_told_apart_end_their_carrying_with_the_exposure(
    client: Client, registry: RegistryDefinition
) -> None:
    ended = exposure("a", "2024-01-01", "2024-02-01", end_reason="revision", outcomes=1, first_outcome=19_754)
    write(client, registry, 3, exposures=[ended, exposure("b", "2024-01-01")])
    with pytest.raises(MigrationError, match="would lose data"):
        revert(client, registry.name, 8)
    revert(client, registry.name, 8, allow_data_loss=True)
    apply(client, {registry.name: registry})
    columns = "registration_id, specific, first_specific, unknown, carried_until"
    assert rows(client, registry, "exposures", columns) == [
        ("a", 0, None, 0, date(2024, 2, 1)), ("b", 0, None, 0, None),
    ]  # fmt: skip
    write(client, registry, 4, exposures=[exposure("c", "2024-01-01", specific=1, first_specific=19_730)])
    assert rows(client, registry, "exposures", columns)[-1] == ("c", 1, date(2024, 1, 8), 0, None)


def test_entries_of_lists_come_and_go(client: Client, registry: RegistryDefinition) -> None:
    write(client, registry, 4, entries=[entry("a", "2024-01-01"), entry("b", "2024-01-02", shown=["7.5", ""])])
    write(client, registry, 9, entries=[entry("a", "1970-01-01", listed=False, unit="", shown=[])])
    write(client, registry, 8, entries=[entry("a", "2024-01-01")])
    assert rows(client, registry, "list_entries", "list, form, registration_id, listed, unit, day, shown, version") == [
        ("in_pain", "operation", "a", False, "", date(1970, 1, 1), [], 9),
        ("in_pain", "operation", "b", True, "U1", date(2024, 1, 2), ["7.5", ""], 4),
    ]


def test_generations_stand_beside_each_other(client: Client, registry: RegistryDefinition) -> None:
    messages = batches(registry, 3, cells=[cell("2024-03-01", [1])], exposures=[exposure("a", "2024-01-01")])
    again = batches(
        registry, 3, cells=[cell("2024-03-01", [2])], exposures=[exposure("a", "2024-01-01")], generation="new"
    )
    load(client, registry, [*messages, *again])
    assert sorted(rows(client, registry, "cells", "values")) == [([1],), ([2],)]
    assert len(rows(client, registry, "exposures", "generation")) == 2
