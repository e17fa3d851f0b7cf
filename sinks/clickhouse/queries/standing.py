"""Exposures one by one, as they stand, and signals as last stated: what surveillance is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.definition.monitors import OF
from sinks.clickhouse import sql
from sinks.clickhouse.former_signals import stated_as
from sinks.clickhouse.migrations.opt_outs import counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinks.clickhouse.client import Client

_DAYS = frozenset({"start", "end", "first_outcome", "first_specific", "carried_until", "recorded", "end_recorded"})


class Stated(NamedTuple):
    """The last message about a product's signals."""

    number: int
    message: int
    state: str
    level: str


def read_standing(
    client: Client, registry: str, generation: str, group: str, columns: Sequence[str]
) -> list[tuple[Any, ...]]:
    """The exposures of a group that count, as readings have them; days are numbers since 1970.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    database = sql.database_of(registry)
    return client.rows(
        f"SELECT {_shown(columns)} FROM {sql.table(database, 'exposures')} FINAL WHERE {_OF_GROUP} AND present "
        f"AND {counts(database, 'patient', 'version')}",
        {"generation": generation, "group": group},
    )


def read_told(
    client: Client, registry: str, generation: str, group: str, columns: Sequence[str]
) -> list[tuple[Any, ...]]:
    """The exposures of a group as journeys have said them to be last, whoever has opted out since.

    Returns:
        Of each: partition and version of the submissions, patient, registration id; then the columns as above.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    table = sql.table(sql.database_of(registry), "exposures")
    return client.rows(
        f"SELECT partition, version, patient, registration_id, {_shown(columns)} FROM {table} FINAL "
        f"WHERE {_OF_GROUP} AND present",
        {"generation": generation, "group": group},
    )


def _shown(columns: Sequence[str]) -> str:
    names = ((name, sql.identifier(name)) for name in columns)
    return ", ".join(f"toInt32({named})" if name in _DAYS else named for name, named in names)


def standing_through(client: Client, registry: str, generation: str, group: str) -> dict[int, int]:
    """By partition, the highest version of any exposure of a group, also of those that are no more; else as above."""
    table = sql.table(sql.database_of(registry), "exposures")
    found = client.rows(
        f"SELECT partition, max(version) FROM {table} WHERE {_OF_GROUP} GROUP BY partition",
        {"generation": generation, "group": group},
    )
    return dict(found)


def last_stated(client: Client, registry: str, generation: str, monitor: str, *, pairs: bool) -> dict[str, Stated]:
    """By product, the last message about its signals; of a monitor of pairs, by drug:reaction. Raises as above."""
    table = sql.table(sql.database_of(registry), "pair_signals" if pairs else "signals")
    product = f"concat(drug, {sql.text(OF)}, reaction) AS product" if pairs else "product"
    found = client.rows(
        f"SELECT {product}, number, message, state, level FROM {table} FINAL "
        f"WHERE {stated_as(registry)} AND monitor = {{monitor:String}} "
        "ORDER BY through DESC, message DESC LIMIT 1 BY product",
        {"generation": generation, "monitor": monitor},
    )
    return {product: Stated(*rest) for product, *rest in found}


_OF_GROUP = "generation = {generation:String} AND `group` = {group:String}"
