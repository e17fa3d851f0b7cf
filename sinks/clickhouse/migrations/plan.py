"""What `guldadra migrate` does: plan, apply, take back, and say how things stand.

A plan is the numbered migrations that are left, the platform's own database first, then what the declared forms and
catalogues need. It is computed from the database as it is, so applying it twice is applying it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from sinks.clickhouse import sql
from sinks.clickhouse.migrations.absolute import catalogue_steps
from sinks.clickhouse.migrations.forms import form_steps, read_tables, removal_steps, view_removal_steps
from sinks.clickhouse.migrations.numbered import (
    Migration,
    down_steps,
    read_applied,
    read_migrations,
    read_platform_migrations,
    up_steps,
)
from sinks.clickhouse.migrations.step import MigrationError, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

log = structlog.get_logger(__name__)

_PLATFORM_TABLES = frozenset(
    {
        "archive", "accepted_messages", "archive_of_messages",
        "receipts", "refusals", "receipt_messages", "receipts_of_messages", "refusals_of_messages",
        "opt_out_log", "opt_out_log_of_submissions", "opt_outs", "erased",
        "cells", "cell_messages", "cells_of_messages", "progress", "progress_of_messages",
        "exposures", "exposure_messages", "exposures_of_messages",
        "lists", "list_entries", "list_messages", "list_entries_of_messages",
        "generation_pointer", "generation_definitions",
        "unit_counts", "unit_count_messages", "unit_counts_of_messages",
        "reviews", "review_messages", "reviews_of_messages", "erased_reviews",
        "migrations", "signals", "pair_signals", "pair_signal_messages", "pair_signals_of_messages", "signal_lives",
        "reports", "report_messages", "reports_of_messages",
    }
)  # fmt: skip
"""Names that a registry's database keeps for the platform, those of design section 2 among them."""
_VIEWS_READ_SINCE = 3
"""The migration whose tables the views of living registrations read: back before it, they go too."""


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """One numbered migration of one database; ``applied_at`` is None where it is left to apply."""

    database: str
    number: int
    name: str
    applied_at: datetime | None


def plan(
    client: Client,
    definitions: Mapping[str, RegistryDefinition],
    migrations: Sequence[Migration] | None = None,
) -> list[Step]:
    """Everything that is left to do, in order; nothing is done.

    Raises:
        MigrationError: what was applied has been changed, or what is declared does not fit it.
        DatabaseError: the database does not answer, or refuses.
    """
    numbered = read_migrations() if migrations is None else migrations
    steps = up_steps(sql.PLATFORM, read_platform_migrations(), read_applied(client, sql.PLATFORM))
    for definition in definitions.values():
        database = sql.database_of(definition.name)
        steps += up_steps(database, numbered, read_applied(client, database))
        steps += form_steps(read_tables(client, database), database, definition, _PLATFORM_TABLES)
        steps += catalogue_steps(client, database, definition)
    return steps


def apply(
    client: Client,
    definitions: Mapping[str, RegistryDefinition],
    migrations: Sequence[Migration] | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> list[Step]:
    """Do everything that is left to do; raises as ``plan``.

    Args:
        client: the way to the database.
        definitions: the registries, by name.
        migrations: the numbered migrations, the bundled ones where none are given.
        on_step: told of each step before it is done.

    Returns:
        The steps that were done.
    """
    steps = plan(client, definitions, migrations)
    _do(client, steps, on_step)
    return steps


def plan_revert(
    client: Client,
    registry: str | None,
    to: int,
    migrations: Sequence[Migration] | None = None,
) -> list[Step]:
    """How to go back to the numbered migration ``to``; 0 takes back the form tables as well.

    Args:
        client: the way to the database.
        registry: whose database; None for the platform's own.
        to: the migration that is kept.
        migrations: the registries' numbered migrations, the bundled ones where none are given.

    Raises:
        MigrationError: what was applied has been changed.
    """
    if registry is None:
        return down_steps(sql.PLATFORM, read_platform_migrations(), read_applied(client, sql.PLATFORM), to)
    numbered = read_migrations() if migrations is None else migrations
    database = sql.database_of(registry)
    steps: list[Step] = []
    if to == 0:
        steps = removal_steps(read_tables(client, database), database)
    elif to < _VIEWS_READ_SINCE:
        steps = view_removal_steps(read_tables(client, database), database)
    return steps + down_steps(database, numbered, read_applied(client, database), to)


def revert(
    client: Client,
    registry: str | None,
    to: int,
    *,
    allow_data_loss: bool = False,
    migrations: Sequence[Migration] | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> list[Step]:
    """Go back to the numbered migration ``to``, as ``plan_revert`` says it.

    Raises:
        MigrationError: rows would be lost, and ``allow_data_loss`` does not say that they may.
    """
    steps = plan_revert(client, registry, to, migrations)
    losing = [step.description for step in steps if step.loses_data]
    if losing and not allow_data_loss:
        raise MigrationError(
            f"{steps[0].database}: going back to migration {to} would lose data ({'; '.join(losing)}). "
            "Nothing was done: make a backup, then allow the loss in so many words"
        )
    _do(client, steps, on_step)
    return steps


def status(
    client: Client,
    registries: Iterable[str],
    migrations: Sequence[Migration] | None = None,
) -> list[MigrationStatus]:
    """Which numbered migrations each registry's database has, and which are left."""
    numbered = read_migrations() if migrations is None else migrations
    return [one for registry in registries for one in _status(client, sql.database_of(registry), numbered)]


def platform_status(client: Client) -> list[MigrationStatus]:
    """Which numbered migrations the platform's own database has, and which are left."""
    return _status(client, sql.PLATFORM, read_platform_migrations())


def _status(client: Client, database: str, numbered: Sequence[Migration]) -> list[MigrationStatus]:
    when = {one.number: one.applied_at for one in read_applied(client, database)}
    return [MigrationStatus(database, one.number, one.name, when.get(one.number)) for one in numbered]


def refuse_unmigrated(client: Client, definitions: Mapping[str, RegistryDefinition]) -> None:
    """See to it that the tables are as declared, before rows are written to them.

    Raises:
        MigrationError: they are not; it names the first thing to do.
    """
    missing = [step for step in plan(client, definitions) if step.tables]
    if missing:
        raise MigrationError(
            f"ClickHouse is not migrated: {len(missing)} steps are left, the first is "
            f"{missing[0].database}: {missing[0].description}; run `guldadra migrate`"
        )


def _do(client: Client, steps: Iterable[Step], on_step: Callable[[Step], None] | None) -> None:
    for step in steps:
        if on_step is not None:
            on_step(step)
        for statement in step.sql:
            client.command(statement)
        log.info("migrated", database=step.database, step=step.description)
