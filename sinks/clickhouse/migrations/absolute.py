"""Reference tables whose rows stand in files: replaced as a whole, at once, where the file has changed.

A catalogue is a table, so that a query can name a unit's region or a component's company. A reader sees
the old rows or the new ones, never a part: the new table is filled beside the old, then they change places.
"""

from __future__ import annotations

import hashlib
import json
from itertools import islice
from typing import TYPE_CHECKING

from sinks.clickhouse import sql
from sinks.clickhouse.migrations.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

CATALOGUE = "catalogue_"
_ROWS_PER_INSERT = 1_000


def catalogue_steps(client: Client, database: str, definition: RegistryDefinition) -> list[Step]:
    """What to do so that every catalogue of a registry is a table ``catalogue_<name>``."""
    return [
        step
        for name, catalogue in sorted(definition.catalogues.items())
        for step in _replacement(
            client,
            database,
            f"{CATALOGUE}{name}",
            catalogue.columns,
            [[row[column] for column in catalogue.columns] for row in catalogue.rows.values()],
            comment=f"Catalogue {name} of the registry, as its file has it",
        )
    ]


def _replacement(
    client: Client,
    database: str,
    name: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    comment: str,
) -> Iterator[Step]:
    fingerprint = hashlib.sha256(json.dumps([columns, rows]).encode()).hexdigest()[:16]
    stamped = f"{comment} [{fingerprint}]"
    found = client.rows(
        "SELECT comment FROM system.tables WHERE database = {database:String} AND name = {name:String}",
        {"database": database, "name": name},
    )
    if found and found[0][0] == stamped:
        return
    table, new = sql.table(database, name), sql.table(database, f"{name}_new")
    declared = ", ".join(f"{sql.identifier(column)} String" for column in columns)
    create = "ENGINE = MergeTree ORDER BY code COMMENT " + sql.text(stamped)
    swap = (
        (f"EXCHANGE TABLES {new} AND {table}", f"DROP TABLE {new} SYNC")
        if found
        else (f"RENAME TABLE {new} TO {table}",)
    )
    yield Step(
        database,
        f"{'replace' if found else 'fill'} {name} ({len(rows)} rows)",
        (
            f"DROP TABLE IF EXISTS {new} SYNC",
            f"CREATE TABLE {new} ({declared}) {create}",
            *_inserts(new, rows),
            *swap,
        ),
        tables=False,
    )


def _inserts(table: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    rest = iter(rows)
    while some := list(islice(rest, _ROWS_PER_INSERT)):
        values = ", ".join("(" + ", ".join(sql.text(value) for value in row) + ")" for row in some)
        yield f"INSERT INTO {table} VALUES {values}"
