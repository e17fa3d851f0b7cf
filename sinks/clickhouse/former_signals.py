"""Lives of surveillance: signals of a former one are history, apart from those that are stated anew.

Where what surveillance keeps is lost, it begins anew: it counts its messages from one on, and looks at other moments.
Did the signals of before stand beside its new ones, they would read as one history. So each message says the life that
it was stated in, and a new life is written down before it states anything: from then on only its signals stand,
whatever the loader reads again of those before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from sinks.clickhouse import sql

if TYPE_CHECKING:
    from sinks.clickhouse.client import Client

log = structlog.get_logger(__name__)

_STATED = ("signals", "pair_signals")


def stated_generations(client: Client, registry: str) -> dict[str, int]:
    """How many signals were stated of each generation, and of each former life such as ``22f747d3b8e7.0``.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    every = " UNION ALL ".join(f"SELECT generation, life, id FROM {_table(registry, name)}" for name in _STATED)
    return dict(
        client.rows(
            f"SELECT if(life = present, generation, concat(generation, '.', toString(life))) AS name, uniqExact(id) "
            f"FROM ({every}) AS stated "
            f"INNER JOIN (SELECT generation, max(life) AS present FROM ({_lives(registry)}) GROUP BY generation) "
            "AS lives USING (generation) GROUP BY name ORDER BY name"
        )
    )


def present_life(client: Client, registry: str, generation: str) -> int:
    """How many lives of a generation's surveillance there were before the one whose signals stand.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    found: int = client.rows(f"SELECT {_present(registry)}", {"generation": generation})[0][0]
    return found


def stated_as(registry: str) -> str:
    """The condition that a row of signals is of what ``{generation:String}`` names: a generation, or a former life."""
    of_a_life = "splitByChar('.', {generation:String})[1]"
    return (
        f"generation IN ({{generation:String}}, {of_a_life}) AND ("
        f"(generation = {{generation:String}} AND life = {_present(registry)}) "
        f"OR (concat(generation, '.', toString(life)) = {{generation:String}} "
        f"AND life < {_present(registry, of_a_life)}))"
    )


def set_signals_aside(client: Client, registry: str, generation: str) -> str | None:
    """Let no signal of a former life stand: surveillance states them all again, in a life that begins with this.

    Nothing is changed of what was stated: it is read by `guldadra signals --of`. May be repeated, also by several at
    once: where none stands, no other life begins.

    Args:
        client: the way to ClickHouse.
        registry: whose.
        generation: which signals.

    Returns:
        The name that they are read by now, ``22f747d3b8e7.0`` where it was the first life; None where none stood.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    life = present_life(client, registry, generation)  # first: who begins one meanwhile leaves nothing that stands
    if generation not in stated_generations(client, registry):
        return None
    client.command(
        f"INSERT INTO {_table(registry, 'signal_lives')} (generation, life) VALUES ({sql.text(generation)}, {life + 1})"
    )
    name = f"{generation}.{life}"
    log.warning("signals of a former life set aside", registry=registry, generation=generation, kept_as=name)
    return name


def _present(registry: str, generation: str = "{generation:String}") -> str:
    """The life whose signals stand; a database that was lost and loaded again knows it by the messages alone."""
    return f"(SELECT max(life) FROM ({_lives(registry)}) WHERE generation = {generation})"


def _lives(registry: str) -> str:
    return " UNION ALL ".join(
        f"SELECT generation, life FROM {_table(registry, name)}" for name in ("signal_lives", *_STATED)
    )


def _table(registry: str, name: str) -> str:
    return sql.table(sql.database_of(registry), name)
