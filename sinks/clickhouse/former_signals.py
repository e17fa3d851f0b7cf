"""Signals of a former life of surveillance: kept as history, apart from those that are stated anew.

Where what surveillance keeps is lost, it begins anew: it counts its messages from one on, and looks at other moments.
Were they left where they are, its signals would stand beside those of before as if they were one history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from schemas.version import epoch_and_offset
from sinks.clickhouse import sql

if TYPE_CHECKING:
    from sinks.clickhouse.client import Client

log = structlog.get_logger(__name__)

_TABLES = {
    "signals": "(monitor, product, number, through, message)",
    "pair_signals": "(monitor, drug, reaction, number, through, message)",
}
"""The tables of signals, and what tells one message of each from another."""


def stated_generations(client: Client, registry: str) -> dict[str, int]:
    """How many signals were stated of each generation, and of each former life such as ``22f747d3b8e7.0``.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    every = " UNION ALL ".join(f"SELECT generation, id FROM {_table(registry, name)}" for name in _TABLES)
    return dict(client.rows(f"SELECT generation, uniqExact(id) FROM ({every}) GROUP BY generation ORDER BY generation"))


def set_signals_aside(client: Client, registry: str, generation: str) -> str:
    """Let no signal of a former life stand: surveillance states them all again.

    The history stays in its tables, under a generation of its own; so it is read by `guldadra signals --of`. May be
    repeated where it broke off.

    Args:
        client: the way to ClickHouse.
        registry: whose.
        generation: which signals; there must be some.

    Returns:
        The name that they stand under now, such as ``22f747d3b8e7.0`` where the last of them was stated in the life 0
        of the registry's log, or ``22f747d3b8e7.0-2`` where it is the second time in that life.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    own = f"generation = {sql.text(generation)}"
    name = _name_for(client, registry, generation, own)
    for table, _ in _named(registry):
        # within, for beside the new generation WHERE would mean that
        client.command(
            f"INSERT INTO {table} SELECT * REPLACE ({sql.text(name)} AS generation) "
            f"FROM (SELECT * FROM {table} FINAL WHERE {own})"
        )
        client.command(f"ALTER TABLE {table} DELETE WHERE {own} SETTINGS mutations_sync = 2")
    log.warning("signals of a former life set aside", registry=registry, generation=generation, kept_as=name)
    return name


def _name_for(client: Client, registry: str, generation: str, own: str) -> str:
    """The name that a generation's signals get: a new one, or that of before where it was begun and broke off."""
    every = " UNION ALL ".join(f"SELECT version FROM {table} WHERE {own}" for table, _ in _named(registry))
    epoch, _ = epoch_and_offset(client.rows(f"SELECT max(version) FROM ({every})")[0][0])
    kept, times = stated_generations(client, registry), 1
    name = former = f"{generation}.{epoch}"
    while name in kept and any(
        client.rows(
            f"SELECT count() FROM {table} WHERE {own} AND {message} NOT IN "
            f"(SELECT {message} FROM {table} WHERE generation = {sql.text(name)})"
        )[0][0]
        for table, message in _named(registry)
    ):
        times += 1
        name = f"{former}-{times}"
    return name


def _named(registry: str) -> list[tuple[str, str]]:
    return [(_table(registry, name), message) for name, message in _TABLES.items()]


def _table(registry: str, name: str) -> str:
    return sql.table(sql.database_of(registry), name)
