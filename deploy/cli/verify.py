"""``guldadra verify``: the second reading of the definitions, held against what is stored."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.options import AsJson, Registry
from deploy.cli.start import start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from deploy.surveillance_check import MonitorAccount
    from sinks.clickhouse.recompute.verify import Verdict
    from streams.surveillance.again import Erasure


def add_to(parent: typer.Typer) -> None:
    """Put this command below ``guldadra``."""
    parent.command(rich_help_panel="When something happens")(verify)


def verify(
    registry: Registry,
    generation: Annotated[
        str | None, typer.Option(help="The generation to verify; the one that readers use if left out.")
    ] = None,
    as_json: AsJson = False,
    patience: Annotated[
        float, typer.Option(help="How many seconds a difference is looked for again before it counts.", min=0)
    ] = 10.0,
) -> None:
    """Recompute every cell, exposure and list entry by SQL over the living registrations, and compare.

    Then what surveillance keeps, from the exposures that stand: their numbers, the reported-through days, and of every
    product with a signal its path in hindsight, whether it is at watch, and what the database says of it; and from the
    reports that stand their numbers, and whether just those pairs of drug and reaction have a signal that should.
    Also lists registration ids that live under two patients. Exit 1 where anything differs or such an id is found.
    Each cohort, exposure group and list is one query; one may take as long as GULDADRA_VERIFY_LIMIT_S says.
    """
    from rich.console import Console
    from rich.progress import Progress

    from deploy.settings import PREFIX, SettingsError
    from deploy.surveillance_check import check_surveillance
    from deploy.tables import console_for
    from sinks.clickhouse.errors import TIMEOUT_EXCEEDED, DatabaseError
    from sinks.clickhouse.generations import GenerationError
    from sinks.clickhouse.recompute.verify import verify as recompute

    settings = start()
    definition = settings.definitions((registry,))[registry]
    limit_s, terminal = settings.verify_limit_s, Console(stderr=True)
    with (
        settings.clickhouse(limit_s=limit_s) as client,
        Progress(console=terminal, transient=True, disable=not terminal.is_terminal) as progress,
    ):
        task = progress.add_task(f"{registry}: compare", total=None)
        try:
            verdict = recompute(
                client,
                definition,
                generation,
                patience_s=patience,
                on_progress=lambda done, of: progress.update(task, completed=done, total=of),
            )
            accounts = (
                check_surveillance(client, settings.kafka_config(), definition, patience_s=patience, wait=time.sleep)
                if settings.bootstrap
                else ()
            )
        except GenerationError as error:
            raise SettingsError(str(error)) from error
        except DatabaseError as error:
            if error.code != TIMEOUT_EXCEEDED:
                raise
            raise SettingsError(
                f"a query took longer than {limit_s} s: set {PREFIX}VERIFY_LIMIT_S to more, or verify at a quieter time"
            ) from error
    agrees = verdict.agrees and not any(one.different for one in accounts)
    if as_json:
        surveillance = [asdict(one) for one in accounts]
        said = {**asdict(verdict), "surveillance": surveillance, "agrees": agrees}
        print(json.dumps(said, ensure_ascii=False, default=str))
    else:
        console = console_for()
        for table in verdict_tables(verdict):
            console.print(table)
        if accounts:
            console.print(surveillance_table(accounts))
        for line in surveillance_lines(accounts):
            console.print(line, soft_wrap=True, markup=False)
        if definition.monitors.watch_anything and not settings.bootstrap:
            console.print("what surveillance keeps was not compared: no broker is set")
        console.print(summary(verdict), soft_wrap=True)
    raise typer.Exit(0 if agrees else 1)


def verdict_tables(verdict: Verdict) -> list[Table]:
    """How far the values are, what was compared, and what is not as it should be."""
    from rich.table import Table

    progress = Table(title=f"{verdict.registry}, generation {verdict.generation}", title_justify="left")
    for heading in ("partition", "values up to", "registrations up to"):
        progress.add_column(heading, justify="right")
    for one in verdict.progress:
        progress.add_row(str(one.partition), _version(one.values), _version(one.registrations))
    compared = Table(title="Recomputed and compared", title_justify="left")
    for heading in ("table", "rows", "differences", "still changing"):
        compared.add_column(heading, justify="left" if heading == "table" else "right")
    for account in verdict.compared:
        compared.add_row(account.table, f"{account.rows:,}", f"{account.different:,}", f"{account.moving:,}")
    tables = [progress, compared]
    for account in verdict.compared:
        if account.shown:
            more = account.different - len(account.shown)
            title = f"Differences in {account.table}" + (f" ({more:,} more)" if more > 0 else "")
            table = Table("row", "stored", "recomputed", title=title, title_justify="left", show_lines=True)
            for difference in account.shown:
                sides = (difference.key, difference.stored, difference.recomputed)
                table.add_row(*("\n".join(f"{k} {v}" for k, v in _said(side)) for side in sides))
            tables.append(table)
    if verdict.shown_ids:
        ids = Table("form", "registration", "patients", title="Ids alive under two patients", title_justify="left")
        for double in verdict.shown_ids:
            ids.add_row(double.form, double.registration_id, "\n".join(double.patients))
        tables.append(ids)
    return tables


def surveillance_table(accounts: Sequence[MonitorAccount]) -> Table:
    """What was compared of each monitor."""
    from rich.table import Table

    table = Table(title="What surveillance keeps, recomputed and compared", title_justify="left")
    for heading in ("monitor", "kinds of exposure", "reports", "with a signal", "differences"):
        table.add_column(heading, justify="left" if heading == "monitor" else "right")
    for one in accounts:
        numbers = (f"{number:,}" for number in (one.kinds, one.reports, one.products))
        table.add_row(one.monitor, *numbers, one.behind or f"{one.different:,}")
    return table


def surveillance_lines(accounts: Sequence[MonitorAccount]) -> list[str]:
    """The differences, a line each, and of which signals' evidence how many have opted out."""
    found = [f"{one.monitor}: {line}" for one in accounts for line in one.shown]
    more = sum(one.different - len(one.shown) for one in accounts)
    erased = [_erased_line(one) for account in accounts for one in account.erased]
    return [*found, *([f"and {more:,} more"] if more else []), *erased]


def _erased_line(one: Erasure) -> str:
    others = f", and {one.others:,} of what it is held against" if one.others else ""
    return (
        f"{one.signal}: {one.persons:,} persons with {one.outcomes:,} outcomes or reports have opted out since it was "
        f"raised{others}; they are in nothing that was compared, and its evidence is frozen as it was before"
    )


def summary(verdict: Verdict) -> str:
    """The verdict in one line."""
    rows = sum(account.rows for account in verdict.compared)
    different = sum(account.different for account in verdict.compared)
    return f"{rows:,} rows compared, {different:,} differences, {verdict.double_ids:,} ids alive under two patients"


def _said(side: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - the columns of a row, or None where there is none
    return [("none", "")] if side is None else [(name, str(value)) for name, value in side.items()]


def _version(version: int | None) -> str:
    from schemas.version import epoch_and_offset

    return "none" if version is None else ":".join(map(str, epoch_and_offset(version)))
