"""Form tables, derived from the Avro schemas: what is declared against what the database has.

Every form has a table ``<form>_rows`` (each registration's versions, of which the highest counts) and a
view ``<form>``, the living registrations: the latest version of each, without the retracted and without
what does not count because its person opted out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.codec import fingerprint
from schemas.definition.form import OPT_OUT
from sinks.clickhouse import sql
from sinks.clickhouse.migrations.absolute import CATALOGUE
from sinks.clickhouse.migrations.columns import META, Column, columns_of, widening
from sinks.clickhouse.migrations.opt_outs import FEED, counts, log_steps
from sinks.clickhouse.migrations.step import MigrationError, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schemas.definition.form import Form
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

_ROWS = "_rows"
_META_NAMES = frozenset(column.name for column in META)


@dataclass(frozen=True, slots=True)
class Found:
    """What a database has: columns by table, and comments of tables and views."""

    columns: Mapping[str, Mapping[str, Column]]
    comments: Mapping[str, str]


def rows_table(form: str) -> str:
    """The table of a form's rows, all versions and retractions among them."""
    return f"{form}{_ROWS}"


def read_tables(client: Client, database: str) -> Found:
    """What tables, views and columns a database has."""
    columns: dict[str, dict[str, Column]] = {}
    for table, *column in client.rows(
        "SELECT table, name, type, default_expression, comment FROM system.columns "
        "WHERE database = {database:String} ORDER BY table, position",
        {"database": database},
    ):
        columns.setdefault(table, {})[column[0]] = Column(*column)
    comments = client.rows(
        "SELECT name, comment FROM system.tables WHERE database = {database:String}", {"database": database}
    )
    return Found(columns, dict(comments))


def form_steps(found: Found, database: str, definition: RegistryDefinition, taken: frozenset[str]) -> list[Step]:
    """What to do so that every form has its table and its view. Nothing is ever dropped.

    Args:
        found: what the database has.
        database: its name.
        definition: the registry as declared.
        taken: names of tables that no form's table or view may have.

    Raises:
        MigrationError: a column cannot become what is declared, or a form's name is taken.
    """
    steps: list[Step] = []
    refusals = _name_refusals(definition, taken)
    for form in definition.forms.values():
        columns = columns_of(definition, form)
        table = rows_table(form.name)
        existing = found.columns.get(table)
        if existing is None:
            steps.append(_creation(database, form, columns))
        else:
            refusals += _refusals(f"{database}.{table}", columns, existing)
            steps += _alterations(database, definition, form, columns, existing)
        steps += _view_steps(found, database, form, columns)
    steps += log_steps(found.comments, database, definition)
    if refusals:
        raise MigrationError("\n".join(refusals))
    return steps


def removal_steps(found: Found, database: str) -> list[Step]:
    """How to take back all form tables and catalogues of a database."""
    feed = f"DROP VIEW IF EXISTS {sql.table(database, FEED)} SYNC"
    steps = [Step(database, f"drop {FEED}", (feed,))] if FEED in found.comments else []
    for table in sorted(name for name in found.comments if name.endswith(_ROWS)):
        form = table.removesuffix(_ROWS)
        drops = (
            f"DROP VIEW IF EXISTS {sql.table(database, form)} SYNC",
            f"DROP TABLE IF EXISTS {sql.table(database, table)} SYNC",
        )
        steps.append(Step(database, f"drop form {form}: its view and all its rows", drops, loses_data=True))
    steps += [
        Step(database, f"drop {name}", (f"DROP TABLE IF EXISTS {sql.table(database, name)} SYNC",), tables=False)
        for name in sorted(found.comments)
        if name.startswith(CATALOGUE)
    ]
    return steps


def view_removal_steps(found: Found, database: str) -> list[Step]:
    """How to take back the views of living registrations, which `guldadra migrate` makes anew; no row is lost."""
    forms = (name.removesuffix(_ROWS) for name in sorted(found.comments) if name.endswith(_ROWS))
    return [
        Step(database, f"drop view {form}", (f"DROP VIEW IF EXISTS {sql.table(database, form)} SYNC",))
        for form in forms
        if form in found.comments
    ]


def _name_refusals(definition: RegistryDefinition, taken: frozenset[str]) -> list[str]:
    names = set(definition.forms)
    return [
        f"{definition.name}: a form cannot be called {name}: "
        f"{name if name in taken else rows_table(name)} is a table of the platform's or of another form"
        for name in sorted(names)
        if name in taken or rows_table(name) in taken | names or name.startswith(CATALOGUE) or name.endswith(_ROWS)
    ]


def _creation(database: str, form: Form, columns: Sequence[Column]) -> Step:
    declared = ",\n    ".join(column.declaration for column in (*columns, *META))
    key = f"({sql.identifier(form.name_of('patient'))}, {sql.identifier(form.name_of('registration_id'))})"
    create = (
        f"CREATE TABLE IF NOT EXISTS {sql.table(database, rows_table(form.name))}\n(\n    {declared}\n)\n"
        f"ENGINE = ReplacingMergeTree(_version)\nORDER BY {key}\nCOMMENT {sql.text(form.doc)}"
    )
    return Step(database, f"create {rows_table(form.name)} with {len(columns)} columns", (create,))


def _refusals(table: str, columns: Sequence[Column], existing: Mapping[str, Column]) -> list[str]:
    return [
        f"{table}, column {column.name}: it is {existing[column.name].type} and cannot become {column.type} "
        "without loss: declare a new field instead"
        for column in columns
        if column.name in existing and not widening(existing[column.name].type, column.type)
    ]


def _alterations(
    database: str,
    definition: RegistryDefinition,
    form: Form,
    columns: Sequence[Column],
    existing: Mapping[str, Column],
) -> Iterator[Step]:
    table = sql.table(database, rows_table(form.name))
    previous = ""
    for column in columns:
        name, there = sql.identifier(column.name), existing.get(column.name)
        place = f" AFTER {previous}" if previous else " FIRST"
        previous = name
        where = f"{rows_table(form.name)}.{column.name}"
        if there is None:
            alter = f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column.declaration}{place}"
            yield Step(database, f"add {where}, {column.type}", (alter,))
            continue
        if column.type != there.type:
            # what ClickHouse keeps of the column is the type alone: its default may change below
            alter = f"ALTER TABLE {table} MODIFY COLUMN {name} {column.type}"
            yield Step(database, f"widen {where} from {there.type} to {column.type}", (alter,))
        if column.default != there.default:
            yield Step(
                database,
                f"change the default of {where} to {column.default or 'none'}",
                _new_default(table, column, _schemas_without(definition, form, column.name)),
            )
        if column.comment != there.comment:
            alter = f"ALTER TABLE {table} COMMENT COLUMN {name} {sql.text(column.comment)}"
            yield Step(database, f"describe {where} anew", (alter,))


def _new_default(table: str, column: Column, schema_ids: Sequence[int]) -> tuple[str, ...]:
    """Change a default also in the rows that have the old one, for they never said anything else."""
    name = sql.identifier(column.name)
    change = (
        f"ALTER TABLE {table} MODIFY COLUMN {name} DEFAULT {column.default}"
        if column.default
        else f"ALTER TABLE {table} MODIFY COLUMN {name} REMOVE DEFAULT"
    )
    if not schema_ids:
        return (change,)
    value = column.default or f"defaultValueOfTypeName({sql.text(column.type)})"
    ids = ", ".join(map(str, schema_ids))
    update = f"ALTER TABLE {table} UPDATE {name} = {value} WHERE _schema_id IN ({ids}) SETTINGS mutations_sync = 2"
    return (update, change)


def _schemas_without(definition: RegistryDefinition, form: Form, field: str) -> list[int]:
    versions: list[Mapping[str, Any]] = [*definition.released.get(form.name, ()), form.avro]
    return sorted(
        {
            fingerprint(version)
            for version in versions
            if field not in {declared["name"] for declared in version["fields"]}
        }
    )


def _view_steps(found: Found, database: str, form: Form, columns: Sequence[Column]) -> list[Step]:
    shown = (*columns, *META)
    declared = ",\n    ".join(
        f"{sql.identifier(column.name)} {column.type} COMMENT {sql.text(column.comment)}" for column in shown
    )
    names = ", ".join(sql.identifier(column.name) for column in shown)
    select = (
        f"SELECT {names}\nFROM {sql.table(database, rows_table(form.name))} FINAL\n"
        f"WHERE NOT {sql.identifier(form.name_of('retracted'))}"
    )
    if form.name != OPT_OUT:  # whose registrations say who is left out of the others
        select += f"\nAND {counts(database, sql.identifier(form.name_of('patient')), '_version')}"
    # ClickHouse spells a view back in its own way, so its comment says which text it was made from.
    stamp = hashlib.sha256(f"{declared}{select}".encode()).hexdigest()[:16]
    comment = f"Living registrations: {form.doc} [{stamp}]"
    if found.comments.get(form.name) == comment:
        return []
    view = sql.table(database, form.name)
    create = f"CREATE OR REPLACE VIEW {view}\n(\n    {declared}\n)\nAS {select}\nCOMMENT {sql.text(comment)}"
    verb = "replace" if form.name in found.comments else "create"
    return [Step(database, f"{verb} view {form.name}", (create,))]
