"""`verify`: what is stored against what is recomputed, with differences planted by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from schemas.definition.folder import load_registry
from sinks.clickhouse import sql
from sinks.clickhouse.generations import GenerationError
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.migrations.step import MigrationError
from sinks.clickhouse.recompute.compare import Difference
from sinks.clickhouse.recompute.verify import DoubleId, Progress, Verdict, verify
from tests.deploy_support import Shell
from tests.random_journeys import Stream
from tests.recompute_support import FORMS, RULES, TITLE, declaring, share_of
from tests.support import patient
from tests.unit.registry_folders import write_registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

LATER = 1 << 60
AT_GOAL = share_of("visit", {"viral_load": {"lt": 50}})
NOT_AT_GOAL = {"title": TITLE, "form": "visit", "when": {"viral_load": {"gte": 50}}, "show": ["viral_load"]}
CUP = {
    "title": TITLE,
    "form": "operation",
    "product": "cup",
    "ends": [{"form": "death", "reason": "death"}],
    "outcomes": {"form": "reoperation", "attributed": True},
}
PERSON_1, PERSON_2, PERSON_3 = map(patient, (1, 2, 3))
JANUARY = date(2020, 1, 1)


@pytest.fixture(scope="module")
def module_stream(client: Client, small: RegistryDefinition) -> Stream:
    declared = declaring(small, cohorts={"visits": AT_GOAL}, lists={"call": NOT_AT_GOAL}, exposures={"cup": CUP})
    return Stream(client, declared)


@pytest.fixture
def stream(module_stream: Stream) -> Stream:
    """Two visits at U1 and one at U2, an operation whose cup is in, and a reoperation that fits nothing.

    That makes a cell for each unit and person's partition, an exposure, a person to call and one unresolved.
    """
    module_stream.empty()
    module_stream.submit(
        [
            ("visit", 1, 0, "v1", {"viral_load": 10.0}),
            ("visit", 2, 3, "v2", {"viral_load": 90.0}),
            ("visit", 1, 4, "v3", {"unit": "U2"}),
            ("operation", 1, 5, "o1", {"cup": "C1", "side": "left"}),
            ("reoperation", 2, 6, "r1", {"side": "left"}),
        ]
    )
    module_stream.load()
    return module_stream


def store(stream: Stream, table: str, version: int = LATER, **columns: Any) -> None:
    """Store one row, as if it had been sent; what is not said is empty."""
    names = ", ".join(sql.identifier(name) for name in ("generation", *columns, "version"))
    values = ", ".join(map(_literal, (stream.definition.generation, *columns.values(), version)))
    stream.worlds[0].client.command(
        f"INSERT INTO {sql.table(sql.database_of(stream.definition.name), table)} ({names}) VALUES ({values})"
    )


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, bool | int):
        return str(value).lower()
    return sql.text(str(value))


def cell(stream: Stream, values: list[int], version: int = LATER, **changed: Any) -> None:
    """Store the cell of the persons of partition 1 at U1, or another one."""
    place = {"cohort": "visits", "unit": "U1", "period": JANUARY, "by": [], "partition": 1}
    store(stream, "cells", version, **{**place, **changed}, values=values)


def check(
    stream: Stream, patience_s: float = 0, wait: Callable[[float], None] = lambda _: None, **more: Any
) -> Verdict:
    return verify(stream.worlds[0].client, stream.definition, patience_s=patience_s, wait=wait, **more)


def found(verdict: Verdict) -> dict[str, list[Difference]]:
    """The differences shown, by table."""
    return {one.table: list(one.shown) for one in verdict.compared if one.shown}


def test_what_the_core_keeps_agrees_and_is_counted(stream: Stream) -> None:
    verdict = check(stream)
    assert verdict.agrees
    assert (verdict.registry, verdict.generation) == (stream.definition.name, stream.definition.generation)
    assert [(one.table, one.rows, one.different) for one in verdict.compared] == [
        ("cells", 3, 0),
        ("exposures", 1, 0),
        ("list_entries", 2, 0),
    ]
    # by person: two submissions in partition 0, three in partition 1, each from offset 0 on
    assert verdict.progress == (Progress(0, 1, 1), Progress(1, 2, 2))


def test_a_cell_with_another_number_is_found(stream: Stream) -> None:
    cell(stream, [1, 0])
    verdict = check(stream)
    key = {"cohort": "visits", "unit": "U1", "period": JANUARY, "by": [], "indicator": "", "bucket": 0, "partition": 1}
    assert not verdict.agrees
    assert found(verdict) == {"cells": [Difference("cells", key, {"values": [1, 0]}, {"values": [1, 1]})]}


def test_a_cell_that_is_missing_and_one_too_many_are_found(stream: Stream) -> None:
    cell(stream, [0, 0])
    cell(stream, [1, 0], partition=7)
    differences = found(check(stream))["cells"]
    sides = {one.key["partition"]: (one.stored, one.recomputed) for one in differences}
    assert sides == {1: (None, {"values": [1, 1]}), 7: ({"values": [1, 0]}, None)}


def test_an_emptied_cell_is_as_good_as_none_and_versions_are_not_compared(stream: Stream) -> None:
    cell(stream, [0, 0], unit="U9")
    cell(stream, [1, 1])  # what it is, under another version
    store(stream, "exposures", group="cup", patient=PERSON_3, registration_id="gone", present=False)
    store(stream, "list_entries", list="call", patient=PERSON_3, form="visit", registration_id="gone", listed=False)
    assert check(stream).agrees


def test_what_no_declaration_knows_of_is_found(stream: Stream) -> None:
    cell(stream, [4], cohort="nothing")
    store(stream, "exposures", group="stem", patient=PERSON_3, registration_id="x", present=True)
    store(stream, "list_entries", list="call", patient=PERSON_3, form="operation", registration_id="x", listed=True)
    assert {table: [one.recomputed for one in rows] for table, rows in found(check(stream)).items()} == {
        "cells": [None],
        "exposures": [None],
        "list_entries": [None],
    }


def test_what_is_stored_from_before_an_opt_out_does_not_count(stream: Stream) -> None:
    """A person left, came back and registered the same again: who carries what must be stored anew, too."""
    client, database = stream.worlds[0].client, sql.database_of(stream.definition.name)
    client.command(
        f"INSERT INTO {sql.table(database, 'operation_rows')} SELECT * REPLACE ({LATER} AS _version) "
        f"FROM {sql.table(database, 'operation_rows')} WHERE registration_id = 'o1'"
    )
    said = ", ".join(
        f"({sql.text(PERSON_1)}, 'x', {retracted}, {version})"
        for retracted, version in (("false", LATER - 2), ("true", LATER - 1))
    )
    client.command(f"INSERT INTO {sql.table(database, 'opt_out_log')} VALUES {said}")
    (difference,) = found(check(stream))["exposures"]
    assert (difference.key["registration_id"], difference.stored) == ("o1", None)
    assert difference.recomputed is not None


def test_an_exposure_that_differs_in_anything_is_found(stream: Stream) -> None:
    wrong = {
        "partition": 0, "product": "C2", "lot": "L", "unit": "U2", "side": "", "by": ["x"], "start": date(2020, 1, 7),
        "end": date(2020, 1, 8), "end_reason": "death", "outcomes": 1, "first_outcome": date(2020, 1, 7),
        "specific": 1, "first_specific": date(2020, 1, 7), "unknown": 1, "carried_until": date(2020, 1, 8),
        "recorded": date(2020, 1, 7), "end_recorded": date(2020, 1, 8),
    }  # fmt: skip
    stream.submit([("operation", 1, 5, name, {"cup": "C1", "side": "left"}) for name in wrong])
    stream.load()
    right = {
        "group": "cup", "patient": PERSON_1, "partition": 1, "product": "C1", "lot": "", "unit": "U1", "side": "left",
        "by": [], "start": date(2020, 1, 6), "end_reason": "", "outcomes": 0, "present": True,
        "carried_until": None, "recorded": date(2020, 1, 6),
    }  # fmt: skip
    for name in wrong:
        store(stream, "exposures", LATER, **right, registration_id=name)
    assert check(stream).agrees
    for name, value in wrong.items():
        store(stream, "exposures", LATER + 1, **{**right, "registration_id": name, name: value})
    differences = found(check(stream, most_shown=len(wrong)))["exposures"]
    differing = {}
    for one in differences:
        assert (one.key["group"], one.key["patient"]) == ("cup", PERSON_1)
        assert one.stored is not None
        assert one.recomputed is not None
        differing[one.key["registration_id"]] = [
            name for name in one.stored if one.stored[name] != one.recomputed[name]
        ]
    assert differing == {name: [name] for name in wrong}


def test_a_list_entry_that_differs_is_found(stream: Stream) -> None:
    entry: dict[str, Any] = {"list": "call", "patient": PERSON_2, "form": "visit", "registration_id": "v2"}
    store(stream, "list_entries", **entry, listed=True, unit="U1", day=date(2020, 1, 4), shown=["91"])
    (difference,) = found(check(stream))["list_entries"]
    row = {"partition": 0, "unit": "U1", "day": date(2020, 1, 4)}
    assert (difference.stored, difference.recomputed) == ({**row, "shown": ["91"]}, {**row, "shown": ["90"]})


def test_all_differences_are_counted_and_some_are_shown(stream: Stream) -> None:
    for partition in range(2, 7):
        cell(stream, [1, 0], partition=partition)
    (cells, *_) = check(stream, most_shown=3).compared
    assert (cells.rows, cells.different, len(cells.shown)) == (8, 5, 3)


def test_every_part_compared_is_told_of(stream: Stream) -> None:
    told: list[tuple[int, int]] = []
    assert check(stream, on_progress=lambda done, of: told.append((done, of))).agrees
    # a cohort; an exposure group; a declared list and the unresolved of two forms; what belongs to none, by table
    assert told == [(done, 8) for done in range(9)]


def test_a_difference_that_is_gone_when_looked_for_again_does_not_count(stream: Stream) -> None:
    cell(stream, [1, 0])
    waits: list[float] = []

    def arrives(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            cell(stream, [1, 1], LATER + 1)

    assert check(stream, patience_s=100, wait=arrives).agrees
    assert waits == [0.5, 1.0]


def test_a_difference_that_is_another_one_each_time_is_on_its_way(stream: Stream) -> None:
    cell(stream, [1, 0])
    numbers = iter(range(2, 100))
    verdict = check(stream, patience_s=5, wait=lambda _: cell(stream, [number := next(numbers), 0], LATER + number))
    assert verdict.agrees
    assert [(one.different, one.moving) for one in verdict.compared] == [(0, 1), (0, 0), (0, 0)]


def test_a_difference_that_stays_counts_when_the_patience_is_used_up(stream: Stream) -> None:
    cell(stream, [1, 0])
    waits: list[float] = []
    verdict = check(stream, patience_s=5, wait=waits.append)
    assert [(one.different, one.moving) for one in verdict.compared] == [(1, 0), (0, 0), (0, 0)]
    assert waits == [0.5, 1.0, 2.0, 1.5]


def test_ids_alive_under_two_patients_are_listed(stream: Stream) -> None:
    stream.submit([("operation", 2, 5, "o1", {}), ("visit", 3, 0, "o1", {})])
    stream.load()
    verdict = check(stream)
    assert not verdict.agrees
    assert [one.different for one in verdict.compared] == [0, 0, 0]
    assert (verdict.double_ids, verdict.shown_ids) == (1, (DoubleId("operation", "o1", (PERSON_1, PERSON_2)),))


def test_a_registration_on_its_way_from_one_patient_to_another_is_not_listed(stream: Stream) -> None:
    stream.submit([("operation", 2, 5, "o1", {})])
    stream.load()

    def withdrawn(_: float) -> None:
        stream.submit([("operation", 1, 5, "o1", {"retracted": True})])
        stream.load()

    assert check(stream, patience_s=1, wait=withdrawn).agrees


def test_a_generation_of_other_definitions_is_refused(stream: Stream, client: Client) -> None:
    with pytest.raises(GenerationError, match=r"abcabcabcabc of small_\d+ was made by other definitions"):
        verify(client, stream.definition, "abcabcabcabc")


def test_the_generation_that_readers_use_is_the_one_verified(stream: Stream, client: Client) -> None:
    pointer = sql.table(sql.database_of(stream.definition.name), "generation_pointer")
    client.command(f"INSERT INTO {pointer} (generation) VALUES ('fedfedfedfed')")
    try:
        with pytest.raises(GenerationError, match="generation fedfedfedfed"):
            check(stream)
        assert check(stream, generation=stream.definition.generation).agrees
    finally:
        client.command(f"TRUNCATE TABLE {pointer}")


def test_without_values_or_tables_it_says_what_to_do(stream: Stream, client: Client) -> None:
    stream.empty()
    with pytest.raises(GenerationError, match=f"run `guldadra process {stream.definition.name}`"):
        check(stream)
    elsewhere = replace(
        stream.definition, registry=stream.definition.registry.model_copy(update={"name": "never_migrated"})
    )
    with pytest.raises(MigrationError, match="run `guldadra migrate`"):
        verify(client, elsewhere)


@pytest.fixture
def command(
    client: Client,
    embedded_database: EmbeddedDatabase,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> tuple[Shell, Stream]:
    """The command beside the same registrations, in a registry on disk."""
    folder = write_registry(
        tmp_path, f"told_{tmp_path.name[-12:].strip('_')}", forms=FORMS, registry={"modules": ["core"]}
    )
    for name, content in (
        ("journey", RULES),
        ("indicators", {"cohorts": {"visits": AT_GOAL}, "lists": {"call": NOT_AT_GOAL}}),
        ("monitors", {"exposures": {"cup": CUP}}),
    ):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    definition = load_registry(folder)
    apply(client, {definition.name: definition})
    shell = Shell(monkeypatch, capsys, tmp_path)
    shell.set(registries=folder, clickhouse_url=embedded_database.url)
    return shell, Stream(client, definition)


def test_the_command_tells_what_agrees_and_what_does_not(command: tuple[Shell, Stream]) -> None:
    guldadra, stream = command
    name = stream.definition.name
    refused = guldadra("verify", name)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"guldadra: registry {name} has no values of generation")
    stream.submit([("visit", 1, 0, "v1", {"viral_load": 10.0}), ("operation", 1, 5, "o1", {"cup": "C1"})])
    stream.load()
    agreed = guldadra("verify", name)
    assert agreed.code == 0, agreed.err
    assert "2 rows compared, 0 differences, 0 ids alive under two patients" in agreed.out
    cell(stream, [1, 0])
    stream.submit([("operation", 2, 5, "o1", {})])
    stream.load()
    told = guldadra("verify", name, "--patience", "0")
    assert told.code == 1
    assert "Differences in cells" in told.out
    assert "values [1, 1]" in told.out
    assert "Ids alive under two patients" in told.out
    assert "2 rows compared, 1 differences, 1 ids alive under two patients" in told.out
    as_json = guldadra("verify", name, "--patience", "0", "--generation", stream.definition.generation, "--json")
    assert as_json.code == 1
    said = json.loads(as_json.out)
    assert (said["agrees"], said["double_ids"], said["generation"]) == (False, 1, stream.definition.generation)
    assert said["compared"][0]["shown"][0]["recomputed"] == {"values": [1, 1]}


def test_a_query_may_take_as_long_as_is_set_and_is_ended_then(
    command: tuple[Shell, Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    guldadra, stream = command
    monkeypatch.setattr(
        "sinks.clickhouse.recompute.verify.verify",
        lambda client, *_, **__: client.with_patience(0).rows("SELECT sum(sipHash64(number)) FROM numbers(1e12)"),
    )
    guldadra.set(verify_limit_s=1)
    ended = guldadra("verify", stream.definition.name)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("guldadra: a query took longer than 1 s: set GULDADRA_VERIFY_LIMIT_S to more")
