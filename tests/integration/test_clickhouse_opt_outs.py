"""Opt-outs: who is left out of every view from when on, and what is erased for good without harm to the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from schemas import topics
from schemas.codec import decode_event, encode_event
from schemas.version import OffsetRange, version_of
from sinks.clickhouse import sql
from sinks.clickhouse.archive import archived_in, read_archive
from sinks.clickhouse.erasure import erase
from sinks.clickhouse.migrations.numbered import read_migrations
from sinks.clickhouse.migrations.plan import apply, plan, revert
from sinks.clickhouse.queries.company import CompanyForms, company_view
from sinks.clickhouse.restore import batches as restored_batches
from sinks.clickhouse.status import partition_status
from tests.clickhouse_support import AcceptedLog, insert, migrated, receipt
from tests.derived_support import Register, derived_registry, entry, exposure, load, made, write
from tests.support import present_schema, registration

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

NEVER = (1 << 64) - 1
ANNA, BO, CAJA = "k1-anna", "k1-bo", "k1-caja"


@pytest.fixture
def registry(client: Client, tmp_path: Path) -> RegistryDefinition:
    return made(client, derived_registry(tmp_path))


@pytest.fixture
def register(registry: RegistryDefinition) -> Register:
    return Register(registry)


def table(definition: RegistryDefinition, name: str) -> str:
    return sql.table(sql.database_of(definition.name), name)


def counted_from(client: Client, definition: RegistryDefinition) -> dict[str, int]:
    return dict(client.rows(f"SELECT patient, counted_from FROM {table(definition, 'opt_outs')}"))


def living(client: Client, definition: RegistryDefinition, form: str = "operation") -> list[str]:
    """The registrations that a form's view shows, the same with and without ``join_use_nulls``."""
    found = [
        client.rows(
            f"SELECT registration_id FROM {table(definition, form)} ORDER BY 1 SETTINGS join_use_nulls = {nulls}"
        )
        for nulls in (0, 1)
    ]
    assert found[0] == found[1]
    return [row[0] for row in found[0]]


def everything(client: Client, definition: RegistryDefinition) -> dict[str, list[tuple[Any, ...]]]:
    names = (
        "archive",
        "operation_rows",
        "opt_out_rows",
        "opt_out_log",
        "opt_outs",
        "exposures",
        "list_entries",
        "erased",
    )
    return {
        name: client.rows(f"SELECT * FROM {table(definition, name)} ORDER BY ALL", binary=["payload"])
        if name == "archive"
        else client.rows(f"SELECT * FROM {table(definition, name)} ORDER BY ALL")
        for name in names
    }


def test_who_opts_out_is_left_out_and_comes_back_with_what_is_registered_after_the_lifting(
    client: Client, register: Register
) -> None:
    register.operated(ANNA, "a1")
    register.operated(BO, "b1")
    register.load(client)
    assert living(client, register.definition) == ["a1", "b1"]
    register.opted_out(ANNA, "out")
    register.operated(ANNA, "a2")
    register.load(client)
    assert living(client, register.definition) == ["b1"]
    assert living(client, register.definition, "opt_out") == ["out"]
    assert counted_from(client, register.definition) == {ANNA: NEVER}
    lifting = register.lifted(ANNA, "out")
    register.operated(ANNA, "a3")
    register.operated(ANNA, "a1", "2024-02-02")  # a correction brings back the one that it corrects
    register.load(client)
    assert counted_from(client, register.definition) == {ANNA: lifting + 1}
    assert living(client, register.definition) == ["a1", "a3", "b1"]


@pytest.mark.parametrize("backwards", [False, True])
def test_the_order_in_which_submissions_are_loaded_makes_no_difference(
    client: Client, register: Register, *, backwards: bool
) -> None:
    register.operated(ANNA, "a1")
    register.opted_out(ANNA, "out")
    lifting = register.lifted(ANNA, "out")
    register.operated(ANNA, "a2")
    register.opted_out(BO, "out")
    one_by_one = register.log.registrations[:]
    for one in reversed(one_by_one) if backwards else one_by_one:
        register.log.registrations[:] = [one]
        register.load(client)
    assert counted_from(client, register.definition) == {ANNA: lifting + 1, BO: NEVER}
    assert living(client, register.definition) == ["a2"]


def test_a_retraction_of_what_was_never_said_lifts_nothing(client: Client, register: Register) -> None:
    register.operated(ANNA, "a1")
    register.lifted(ANNA, "unknown")
    register.operated(BO, "b1")
    register.opted_out(BO, "out")
    register.lifted(BO, "mistyped")
    register.lifted(CAJA, "early")  # not yet said: what is said later is an opt-out all the same
    register.opted_out(CAJA, "early")
    register.operated(CAJA, "c1")
    register.load(client)
    assert counted_from(client, register.definition) == {BO: NEVER, CAJA: NEVER}
    assert living(client, register.definition) == ["a1"]


def test_of_two_opt_outs_both_must_be_lifted_and_the_later_lifting_counts(client: Client, register: Register) -> None:
    register.opted_out(ANNA, "first")
    register.opted_out(ANNA, "second")
    register.lifted(ANNA, "second")
    register.operated(ANNA, "a1")
    register.load(client)
    assert counted_from(client, register.definition) == {ANNA: NEVER}
    lifting = register.lifted(ANNA, "first")
    register.operated(ANNA, "a2")
    register.load(client)
    assert counted_from(client, register.definition) == {ANNA: lifting + 1}
    assert living(client, register.definition) == ["a2"]
    register.opted_out(ANNA, "first")  # said again under the same id
    register.load(client)
    assert (counted_from(client, register.definition), living(client, register.definition)) == ({ANNA: NEVER}, [])


def test_a_form_s_rows_merge_and_the_log_keeps_every_submission(client: Client, register: Register) -> None:
    register.opted_out(ANNA, "out")
    register.lifted(ANNA, "out")
    register.load(client)
    client.command(f"OPTIMIZE TABLE {table(register.definition, 'opt_out_rows')} FINAL")
    assert client.rows(f"SELECT count() FROM {table(register.definition, 'opt_out_rows')}") == [(1,)]
    assert counted_from(client, register.definition) == {ANNA: 2}


def test_a_database_from_before_gets_its_log_and_its_views_by_migrating(client: Client, tmp_path: Path) -> None:
    """Opt-outs were accepted before anything left them out: the log is filled from the archive."""
    definition = derived_registry(tmp_path)
    made(client, definition)
    register = Register(definition)
    register.operated(ANNA, "a1")
    register.opted_out(ANNA, "out")
    lifting = register.lifted(ANNA, "out")
    register.operated(ANNA, "a2")
    register.opted_out(BO, "out")
    register.operated(BO, "b1")
    register.load(client)
    client.command(f"OPTIMIZE TABLE {table(definition, 'opt_out_rows')} FINAL")  # only the lifting is left of it
    before = living(client, definition)
    revert(client, definition.name, 2, allow_data_loss=True)
    tables = {name for (name,) in client.rows(f"SHOW TABLES FROM {sql.database_of(definition.name)}")}
    assert tables.isdisjoint({"opt_outs", "opt_out_log", "operation", "cells"})
    register.load(client)  # a loader of before could still write
    steps = [step.description for step in apply(client, {definition.name: definition})]
    assert "create view operation" in steps
    assert steps.count("feed opt_out_log") == 1
    assert plan(client, {definition.name: definition}) == []
    assert counted_from(client, definition) == {ANNA: lifting + 1, BO: NEVER}
    assert before == living(client, definition) == ["a2"]


def test_a_log_that_was_not_filled_to_the_end_is_filled_again(client: Client, register: Register) -> None:
    register.opted_out(ANNA, "out")
    register.load(client)
    definition = register.definition
    client.command(f"TRUNCATE TABLE {table(definition, 'opt_out_log')}")
    client.command(f"ALTER TABLE {table(definition, 'opt_out_log_of_submissions')} MODIFY COMMENT 'cut short'")
    assert [step.description for step in apply(client, {definition.name: definition})] == ["feed opt_out_log"]
    assert counted_from(client, definition) == {ANNA: NEVER}


def test_a_view_of_before_is_replaced(client: Client, register: Register) -> None:
    definition = register.definition
    view = table(definition, "operation")
    client.command(
        f"CREATE OR REPLACE VIEW {view} AS SELECT * FROM {table(definition, 'operation_rows')} COMMENT 'old'"
    )
    assert [step.description for step in plan(client, {definition.name: definition})] == ["replace view operation"]


def test_going_back_before_opt_outs_and_forth_again_leaves_no_step(
    client: Client, registry: RegistryDefinition
) -> None:
    for number in range(len(read_migrations()), -1, -1):
        revert(client, registry.name, number, allow_data_loss=True)
    apply(client, {registry.name: registry})
    assert plan(client, {registry.name: registry}) == []


def test_the_company_view_leaves_them_out(client: Client) -> None:
    definition = migrated(client, "hip")
    log = AcceptedLog(definition)
    for number in (1, 2, 3):
        log.add("primary_operation", number, cup="CUP01")
        log.add("reoperation", number)
    body = registration(definition, "death", 3)
    schema = present_schema(definition, "opt_out")
    log.add_written(schema, {**body, "registration_id": "out"})
    insert(client, definition, log.batch())
    total = next(row for row in company_view(client, definition, forms=CompanyForms()) if row.unit is None)
    assert (total.inserted, total.reoperated) == (2, 2)


def test_erasure_takes_what_does_not_count_and_leaves_all_else_however_often_it_is_done(
    client: Client, register: Register
) -> None:
    definition = register.definition
    register.operated(ANNA, "a1")
    register.operated(BO, "b1")
    register.operated(ANNA, "a1", "2024-01-03")
    register.opted_out(ANNA, "out")
    register.operated(ANNA, "a2")
    register.opted_out(CAJA, "out")
    lifting = register.lifted(CAJA, "out")
    register.operated(CAJA, "c1")
    register.load(client)
    told = [receipt(definition, 0, 7, accepted=8)]
    insert(client, definition, receipts=told)
    # the two versions of a1 came in one insert, which keeps the higher one in the form's table
    assert erase(client, definition) == {
        "operation_rows": 2, "reoperation_rows": 0, "death_rows": 0, "emigration_rows": 0, "exposures": 0,
        "list_entries": 0, "reviews": 0, "archive": 3, "reports": 0,
    }  # fmt: skip
    left = client.rows(f"SELECT form, patient, version FROM {table(definition, 'archive')} ORDER BY version")
    assert left == [
        ("operation", BO, 1), ("opt_out", ANNA, 3), ("opt_out", CAJA, 5), ("opt_out", CAJA, lifting),
        ("operation", CAJA, 7),
    ]  # fmt: skip
    assert living(client, definition) == ["b1", "c1"]
    before = everything(client, definition)
    assert set(erase(client, definition).values()) == {0}
    assert everything(client, definition) == before
    (status,) = partition_status(client, definition.name)
    assert (status.archived, status.erased, status.conserved) == (5, 3, True)
    assert archived_in(client, definition.name, [OffsetRange(0, 0, 0, 4)]) == 5  # three of them were there


def test_a_rewind_brings_erased_rows_back_and_the_next_erasure_takes_them_again(
    client: Client, register: Register
) -> None:
    definition = register.definition
    register.operated(ANNA, "a1")
    register.opted_out(ANNA, "out")
    register.operated(BO, "b1")
    register.load(client)
    insert(client, definition, receipts=[receipt(definition, 0, 2, accepted=3)])
    erase(client, definition)
    before = everything(client, definition)
    register.load(client)
    assert living(client, definition) == ["b1"]
    (status,) = partition_status(client, definition.name)
    assert (status.archived, status.erased, status.conserved) == (3, 0, True)
    erase(client, definition)
    for name in before:
        client.command(f"OPTIMIZE TABLE {table(definition, name)} FINAL") if name != "opt_outs" else None
    assert everything(client, definition) == before


def test_exposures_and_entries_of_lists_go_and_an_older_row_does_not_come_back_in_their_place(
    client: Client, register: Register
) -> None:
    definition = register.definition
    register.operated(ANNA, "a1")
    register.operated(BO, "b1")
    register.load(client)
    both = {"exposures": [exposure("a1", "2024-01-01", patient=ANNA), exposure("b1", "2024-01-01", patient=BO)]}
    write(client, definition, 1, **both, entries=[entry("a1", "2024-01-01", patient=ANNA)])
    register.opted_out(ANNA, "out")
    register.load(client)
    gone = {
        "exposures": [exposure("a1", None, patient=ANNA)],
        "entries": [entry("a1", "1970-01-01", patient=ANNA, listed=False)],
    }
    write(client, definition, 2, **gone)
    erased = erase(client, definition)
    assert (erased["exposures"], erased["list_entries"]) == (2, 2)
    assert client.rows(f"SELECT patient FROM {table(definition, 'exposures')}") == [(BO,)]
    assert client.rows(f"SELECT count() FROM {table(definition, 'list_entries')}") == [(0,)]


def test_what_counts_of_a_person_whose_lifting_is_not_loaded_yet_is_not_erased(
    client: Client, register: Register
) -> None:
    """Tables are filled beside each other: the archive may be ahead of the form tables, and the other way about."""
    definition = register.definition
    register.operated(ANNA, "a1")
    register.opted_out(ANNA, "out")
    register.load(client)
    lifting = register.lifted(ANNA, "out")
    register.operated(ANNA, "a2")
    whole = decode_event("accepted_batch", register.log.batch())
    late = encode_event("accepted_batch", {**whole, "registrations": whole["registrations"][2:], "first_offset": 2})
    # the archive has lifting and operation, the log of opt-outs has not
    log_rows = client.rows(f"SELECT * FROM {table(definition, 'opt_out_log')}")
    load(client, definition, [(topics.accepted(definition.name), late)])
    client.command(f"ALTER TABLE {table(definition, 'opt_out_log')} DELETE WHERE retracted SETTINGS mutations_sync = 2")
    assert client.rows(f"SELECT * FROM {table(definition, 'opt_out_log')}") == log_rows
    assert set(erase(client, definition).values()) == {0}
    # and now the form's rows and a cell of the next flush are ahead of the archive
    client.command(
        f"ALTER TABLE {table(definition, 'archive')} DELETE WHERE version >= {lifting} SETTINGS mutations_sync = 2"
    )
    assert erase(client, definition)["operation_rows"] == 1
    load(client, definition, [(topics.accepted(definition.name), register.log.batch())])
    assert living(client, definition) == ["a2"]


def test_partitions_and_epochs_have_versions_of_their_own(client: Client, registry: RegistryDefinition) -> None:
    first, second = Register(registry, first_offset=900), Register(registry, epoch=1, partition=3)
    first.operated(ANNA, "a1")
    first.opted_out(ANNA, "out")
    second.operated(BO, "b1")
    second.opted_out(BO, "out")
    lifting = second.lifted(BO, "out")
    second.operated(BO, "b2")
    first.load(client)
    second.load(client)
    assert lifting == version_of(1, 2)
    assert erase(client, registry)["archive"] == 2
    assert living(client, registry) == ["b2"]


def test_the_archive_still_restores_after_an_erasure(client: Client, register: Register) -> None:
    definition = register.definition
    register.operated(ANNA, "a1")
    register.operated(BO, "b1")
    register.opted_out(ANNA, "out")
    register.lifted(ANNA, "out")
    register.operated(ANNA, "a1")
    register.load(client)
    erase(client, definition)
    (batch,) = [value for _, _, value in restored_batches(definition.name, read_archive(client, definition.name))]
    assert [one["offset"] for one in decode_event("accepted_batch", batch)["registrations"]] == [1, 2, 3, 4]
    # a database that is filled from it has the same living registrations
    other = replace(definition, registry=definition.registry.model_copy(update={"name": f"{definition.name}_again"}))
    made(client, other)
    load(client, other, [(topics.accepted(other.name), batch)])
    assert living(client, other) == living(client, definition) == ["a1", "b1"]
    assert set(erase(client, other).values()) == {0}
