"""Migrations on the real engine: up, down, dry run, changed texts, and form tables that follow their schemas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from schemas.catalogue import Catalogue
from schemas.codec import form_schema
from schemas.definition.form import form_of
from sinks.clickhouse import sql
from sinks.clickhouse.errors import StatementError
from sinks.clickhouse.migrations.numbered import read_migrations
from sinks.clickhouse.migrations.plan import apply, plan, refuse_unmigrated, revert, status
from sinks.clickhouse.migrations.step import MigrationError
from tests.clickhouse_support import AcceptedLog, insert, migrated
from tests.support import bundled, registration

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded


def tables(client: Client, definition: RegistryDefinition) -> set[str]:
    database = sql.database_of(definition.name)
    return {name for (name,) in client.rows(f"SELECT name FROM system.tables WHERE database = '{database}'")}


def column(client: Client, definition: RegistryDefinition, table: str, name: str) -> tuple[Any, ...]:
    (found,) = client.rows(
        "SELECT type, default_expression, comment FROM system.columns "
        f"WHERE database = '{sql.database_of(definition.name)}' AND table = '{table}' AND name = '{name}'"
    )
    return found


def with_form(
    definition: RegistryDefinition, *versions: list[dict[str, Any]], name: str = "visit"
) -> RegistryDefinition:
    """The registry with one form more: its present version is the last of these lists of fields."""
    common = [
        {"name": "registration_id", "type": "string", "doc": "Id.", "role": "registration_id"},
        {"name": "patient", "type": "string", "doc": "Who.", "role": "patient"},
        {"name": "occurred_on", "type": {"type": "int", "logicalType": "date"}, "doc": "Day.", "role": "occurred_on"},
        {
            "name": "recorded_at",
            "type": {"type": "long", "logicalType": "timestamp-millis"},
            "doc": "When.",
            "role": "recorded_at",
        },
        {"name": "retracted", "type": "boolean", "default": False, "doc": "Withdrawn.", "role": "retracted"},
    ]
    raw: list[dict[str, Any]] = [
        {"type": "record", "name": name, "namespace": "test", "doc": "A visit.", "fields": [*common, *fields]}
        for fields in versions
    ]
    form = form_of(raw[-1], Path(f"{name}.avsc"))
    return replace(
        definition,
        forms={**definition.forms, name: form},
        released={**definition.released, name: tuple(raw[:-1])},
    )


def field(name: str, avro_type: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": avro_type, "doc": f"The {name}.", **more}


def visit(definition: RegistryDefinition, log: AcceptedLog, version: int, number: int, **fields: Any) -> None:
    """Accept a visit written with a version of the form, counted from 0."""
    form = definition.forms["visit"]
    schema = form_schema(form, [*definition.released["visit"], form.avro][version])
    common = registration(definition, "death", number)
    log.add_written(schema, {**common, **fields})


def test_a_plan_does_nothing_and_applying_it_leaves_none(client: Client) -> None:
    definition = bundled("hip")
    registries = {definition.name: definition}
    steps = plan(client, registries)
    assert any("CREATE TABLE" in statement for step in steps for statement in step.sql)
    assert tables(client, definition) == set()
    with pytest.raises(MigrationError, match=r"not migrated: \d+ steps .* create the database; run"):
        refuse_unmigrated(client, registries)
    assert apply(client, registries) == steps
    assert plan(client, registries) == []
    refuse_unmigrated(client, registries)


def test_forms_become_tables_with_types_and_the_docs_as_comments(client: Client) -> None:
    definition = migrated(client, "hip")
    rows = "primary_operation_rows"
    assert column(client, definition, rows, "occurred_on") == ("Date32", "", "Day of the operation.")
    assert column(client, definition, rows, "recorded_at")[0] == "DateTime64(3, 'UTC')"
    assert column(client, definition, rows, "retracted")[0] == "Bool"
    assert column(client, definition, rows, "bmi")[0] == "Nullable(Float64)"
    assert column(client, definition, rows, "cup_lot")[0] == "Nullable(String)"
    assert column(client, definition, rows, "cup")[0] == "LowCardinality(String)"
    assert column(client, definition, rows, "head")[0] == "LowCardinality(Nullable(String))"
    assert column(client, definition, rows, "patient")[0] == "String"
    assert column(client, definition, rows, "_version")[0] == "UInt64"
    removed = column(client, definition, "reoperation_rows", "components_removed")
    assert removed[0] == "Array(LowCardinality(String))"
    # the view tells the same of itself
    assert column(client, definition, "primary_operation", "cup")[2].startswith("The cup put in")


def test_numbered_migrations_say_when_they_were_applied(client: Client) -> None:
    definition = bundled("hip")
    before = status(client, [definition.name])
    assert [(one.number, one.name, one.applied_at) for one in before] == [
        (1, "archive", None), (2, "receipts", None), (3, "opt_outs", None), (4, "cells", None),
        (5, "exposures", None), (6, "list_entries", None), (7, "generations", None), (8, "unit_counts", None),
        (9, "specific_outcomes", None), (10, "recorded_exposures", None), (11, "signals", None), (12, "reviews", None),
        (13, "pair_signals", None), (14, "signal_subjects", None), (15, "access_log", None),
        (16, "answers", None), (17, "signal_lives", None), (18, "changed_by", None), (19, "reports", None),
        (20, "signal_evidence", None),
    ]  # fmt: skip
    apply(client, {definition.name: definition})
    assert all(one.applied_at is not None for one in status(client, [definition.name]))


def test_down_takes_back_what_up_made_when_the_loss_is_allowed(client: Client) -> None:
    definition = migrated(client, "hip")
    made = tables(client, definition)
    with pytest.raises(MigrationError, match=r"would lose data .*0001 archive"):
        revert(client, definition.name, 0)
    assert tables(client, definition) == made
    with pytest.raises(MigrationError, match="take back migration 0003 opt_outs"):
        revert(client, definition.name, 2)
    revert(client, definition.name, 3, allow_data_loss=True)
    assert "opt_outs" in tables(client, definition)
    assert "cells" not in tables(client, definition)
    revert(client, definition.name, 2, allow_data_loss=True)
    without_opt_outs = tables(client, definition)
    # the views of forms read the opt-outs, so they have gone too; no row has
    assert {f"{form}_rows" for form in definition.forms} <= without_opt_outs
    assert without_opt_outs.isdisjoint(definition.forms)
    revert(client, definition.name, 1, allow_data_loss=True)
    assert without_opt_outs - tables(client, definition) == {
        "receipts", "refusals", "receipt_messages", "receipts_of_messages", "refusals_of_messages",
    }  # fmt: skip
    revert(client, definition.name, 0, allow_data_loss=True)
    assert tables(client, definition) == {"migrations"}
    apply(client, {definition.name: definition})
    assert tables(client, definition) == made


def test_an_applied_migration_must_stay_as_it_was(client: Client) -> None:
    definition = migrated(client, "hip")
    first, second, *later = read_migrations()
    changed = (replace(first, up=first.up + "\n-- and a little more"), second, *later)
    with pytest.raises(MigrationError, match=r"migration 0001 archive has been changed since it was applied"):
        plan(client, {definition.name: definition}, changed)
    with pytest.raises(MigrationError, match=r"has migration 0002 receipts, which this version does not know"):
        plan(client, {definition.name: definition}, (first,))


def test_a_migration_that_was_cut_short_is_done_again(client: Client) -> None:
    definition = bundled("hip")
    broken = replace(
        read_migrations()[0],
        up=read_migrations()[0].up + "\nCREATE TABLE $database.oops (a Nonsense) ENGINE = Memory;\n",
    )
    with pytest.raises(StatementError, match="Nonsense"):
        apply(client, {definition.name: definition}, (broken,))
    assert [one.applied_at for one in status(client, [definition.name], (broken,))] == [None]
    assert "archive" in tables(client, definition)
    apply(client, {definition.name: definition})
    assert plan(client, {definition.name: definition}) == []


def test_a_new_version_adds_its_columns_and_older_rows_have_the_avro_defaults(client: Client) -> None:
    definition = bundled("hip")
    old = [field("note", ["null", "string"], default=None)]
    first = with_form(definition, old)
    apply(client, {definition.name: first})
    log = AcceptedLog(first)
    visit(first, log, 0, 1, note="before")
    insert(client, first, log.batch())

    new = [
        field("pain", "int", default=-1),
        *old,
        field("score", "double", default=2.5),
        field("big", "double", default=1e20),
        field("kind", "string", default="it's\n\\new", codes={"list": ["it's\n\\new", "b"]}),
        field("smokes", "boolean", default=True),
        field("seen_on", {"type": "int", "logicalType": "date"}, default=-1),
        field("seen_at", {"type": "long", "logicalType": "timestamp-millis"}, default=-1),
        field("days", {"type": "array", "items": {"type": "int", "logicalType": "date"}}, default=[]),
        field("unsaid", ["null", "int"], default=None),
    ]
    second = with_form(definition, old, new)
    steps = plan(client, {definition.name: second})
    added = [step.description for step in steps if step.description.startswith("add ")]
    assert len(added) == 9
    assert not any(step.loses_data for step in steps)
    apply(client, {definition.name: second})
    assert plan(client, {definition.name: second}) == []
    # a row of the old version that comes after the columns, and one of the new
    later = AcceptedLog(second, next_offset=1)
    visit(second, later, 0, 2, note=None)
    said = {
        "pain": 3, "note": "after", "score": 0.5, "big": 1.0, "kind": "b", "smokes": False, "seen_on": 1,
        "seen_at": 1, "days": [], "unsaid": 4,
    }  # fmt: skip
    visit(second, later, 1, 3, **said)
    insert(client, second, later.batch())

    shown = client.rows(
        "SELECT pain, note, score, big, kind, smokes, toInt32(seen_on), toUnixTimestamp64Milli(seen_at), days, unsaid "
        f"FROM {sql.table(sql.database_of(second.name), 'visit')} ORDER BY _version"
    )
    assert shown == [
        (-1, "before", 2.5, 1e20, "it's\n\\new", True, -1, -1, [], None),
        (-1, None, 2.5, 1e20, "it's\n\\new", True, -1, -1, [], None),
        tuple(said.values()),
    ]


def test_a_changed_default_reaches_the_rows_that_were_filled_in_with_the_old_one(client: Client) -> None:
    definition = bundled("hip")
    versions = [[], [field("pain", "int", default=-1)]]
    second = with_form(definition, *versions)
    apply(client, {definition.name: second})
    log = AcceptedLog(second)
    visit(second, log, 0, 1)
    visit(second, log, 1, 2, pain=-1)
    insert(client, second, log.batch())
    third = with_form(definition, *versions, [field("pain", "int", default=0)])
    apply(client, {definition.name: third})
    assert plan(client, {definition.name: third}) == []
    found = client.rows(f"SELECT pain FROM {sql.table(sql.database_of(third.name), 'visit')} ORDER BY _version")
    assert found == [(0,), (-1,)]  # the second said -1 itself


def test_columns_widen_but_never_narrow_and_are_never_dropped(client: Client) -> None:
    definition = bundled("hip")
    apply(client, {definition.name: with_form(definition, [field("count", "int"), field("gone", "string")])})
    wider = with_form(definition, [field("count", "long"), field("added", ["null", "string"], default=None)])
    apply(client, {definition.name: wider})
    assert column(client, wider, "visit_rows", "count")[0] == "Int64"
    assert column(client, wider, "visit_rows", "gone")[0] == "String"
    with pytest.raises(MigrationError, match=r"visit_rows, column count: it is Int64 and cannot become Int32"):
        plan(client, {definition.name: with_form(definition, [field("count", "int")])})
    with pytest.raises(MigrationError, match=r"column count: it is Int64 and cannot become String"):
        plan(client, {definition.name: with_form(definition, [field("count", "string")])})


def test_a_field_of_older_versions_only_keeps_its_column_on_a_new_database(client: Client) -> None:
    definition = with_form(bundled("hip"), [field("old", "int", default=1)], [field("new", "int", default=2)])
    apply(client, {definition.name: definition})
    assert column(client, definition, "visit_rows", "old")[0] == "Int32"
    assert column(client, definition, "visit", "new")[0] == "Int32"


def test_a_changed_doc_becomes_the_comment(client: Client) -> None:
    definition = bundled("hip")
    apply(client, {definition.name: with_form(definition, [field("pain", "int")])})
    told = with_form(definition, [{**field("pain", "int"), "doc": "How much it hurts, 0 to 10."}])
    apply(client, {definition.name: told})
    assert column(client, told, "visit_rows", "pain")[2] == "How much it hurts, 0 to 10."
    assert column(client, told, "visit", "pain")[2] == "How much it hurts, 0 to 10."


@pytest.mark.parametrize("name", ["archive", "receipts", "opt_outs", "catalogue_of_visits", "visit_rows"])
def test_a_form_cannot_take_a_name_of_the_platform_s(client: Client, name: str) -> None:
    definition = with_form(bundled("hip"), [], name=name)
    with pytest.raises(MigrationError, match=f"a form cannot be called {name}"):
        plan(client, {definition.name: definition})


def test_catalogues_are_replaced_as_a_whole_when_they_change(client: Client) -> None:
    definition = migrated(client, "hip")
    table = sql.table(sql.database_of(definition.name), "catalogue_units")
    before = client.rows(f"SELECT count() FROM {table}")
    assert before == [(len(definition.catalogues["units"].rows),)]
    rows = {
        "U01": {"code": "U01", "name": "O'Hara\\Åre", "county": "X", "region": "Y"},
        "U99": {"code": "U99", "name": "New", "county": "X", "region": "Y"},
    }
    units = Catalogue("units", ("code", "name", "county", "region"), rows)
    changed = replace(definition, catalogues={**definition.catalogues, "units": units})
    steps = plan(client, {definition.name: changed})
    assert [step.description for step in steps] == ["replace catalogue_units (2 rows)"]
    refuse_unmigrated(client, {definition.name: changed})  # a loader can work all the same
    apply(client, {definition.name: changed})
    assert client.rows(f"SELECT code, name FROM {table} ORDER BY code") == [("U01", "O'Hara\\Åre"), ("U99", "New")]
    assert plan(client, {definition.name: changed}) == []
