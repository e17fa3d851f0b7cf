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

_MESSAGE = "(monitor, product, number, through, message)"


def stated_generations(client: Client, registry: str) -> dict[str, int]:
    """How many signals were stated of each generation, and of each former life such as ``22f747d3b8e7.0``.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    table = sql.table(sql.database_of(registry), "signals")
    return dict(client.rows(f"SELECT generation, uniqExact(id) FROM {table} GROUP BY generation ORDER BY generation"))


def set_signals_aside(client: Client, registry: str, generation: str) -> str:
    """Let no signal of a former life stand: surveillance states them all again.

    The history stays in the table, under a generation of its own; so it is read by `guldadra signals --of`. May be
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
    table = sql.table(sql.database_of(registry), "signals")
    own = f"generation = {sql.text(generation)}"
    epoch, _ = epoch_and_offset(client.rows(f"SELECT max(version) FROM {table} WHERE {own}")[0][0])
    kept, times = stated_generations(client, registry), 1
    name = former = f"{generation}.{epoch}"
    while name in kept:
        missing: int = client.rows(
            f"SELECT count() FROM {table} WHERE {own} AND {_MESSAGE} NOT IN "
            f"(SELECT {_MESSAGE} FROM {table} WHERE generation = {sql.text(name)})"
        )[0][0]
        if not missing:
            break  # it was begun and broke off
        times += 1
        name = f"{former}-{times}"
    # within, for beside the new generation WHERE would mean that
    client.command(
        f"INSERT INTO {table} SELECT * REPLACE ({sql.text(name)} AS generation) "
        f"FROM (SELECT * FROM {table} FINAL WHERE {own})"
    )
    client.command(f"ALTER TABLE {table} DELETE WHERE {own} SETTINGS mutations_sync = 2")
    log.warning("signals of a former life set aside", registry=registry, generation=generation, kept_as=name)
    return name
