"""What is read: the company view, the state of everything, the database's tables, backups, restores."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.options import AsJson, Registries, Registry
from deploy.cli.start import start


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    parent.command(rich_help_panel="Registrations and answers")(company)
    parent.command(rich_help_panel="Registrations and answers")(status)
    parent.command(rich_help_panel="Setting up")(migrate)
    parent.command(rich_help_panel="When something happens")(backup)
    parent.command(rich_help_panel="When something happens")(restore)


def company(
    registry: Registry,
    kind: Annotated[str, typer.Option(help="The kind of component compared.")] = "cup",
    component: Annotated[str | None, typer.Option(help="One component's code: shown per unit and in all.")] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day of follow-up; else the latest known.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The company view, live: put in, reoperated, component-years, rate with exact limits.

    All components of a kind beside each other, the highest rate first; with --component one of them, per unit and
    in all.
    """
    from deploy.settings import SettingsError
    from deploy.tables import company_table, console_for
    from sinks.clickhouse.queries.company import company_view

    settings = start()
    definition = settings.definitions((registry,))[registry]
    with settings.clickhouse() as client:
        try:
            rows = company_view(client, definition, kind=kind, until=until.date() if until else None)
        except ValueError as error:
            raise SettingsError(f"no company view of {registry}: {error}") from error
    shown = [row for row in rows if (row.unit is None if component is None else row.component == component)]
    if rows and not shown:
        known = ", ".join(sorted({row.component for row in rows}))
        raise SettingsError(f"no {kind} {component} has been put in; there are {known}")
    if component is None:
        shown.sort(key=lambda row: -(row.rate or 0))
    if as_json:
        print(json.dumps([asdict(row) for row in shown], ensure_ascii=False))
    elif shown:
        console_for().print(company_table(shown, definition))
    else:
        print(f"nothing has been registered in {registry} yet")


def status(as_json: AsJson = False) -> None:
    """Lag, conservation per partition (published = accepted + refused, loaded = accepted), last errors.

    Exit 1 where something does not agree or a process is not well.
    """
    from deploy.status import read_status
    from deploy.tables import console_for, status_tables

    settings = start()
    found = read_status(settings)
    if as_json:
        print(json.dumps(asdict(found), ensure_ascii=False, default=str))
    else:
        for table in status_tables(found):
            console_for().print(table)
    raise typer.Exit(0 if found.well else 1)


def migrate(
    registries: Registries = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done.")] = False,
    show: Annotated[bool, typer.Option("--status", help="Which numbered migrations are applied.")] = False,
    down_to: Annotated[int | None, typer.Option(help="Go back to this numbered migration; 0 takes all away.")] = None,
    allow_data_loss: Annotated[
        bool, typer.Option("--allow-data-loss", help="Say that rows may be lost by going back.")
    ] = False,
    platform: Annotated[
        bool, typer.Option("--platform", help="Go back in the platform's own database, not in registries'.")
    ] = False,
) -> None:
    """Bring ClickHouse to what is declared: numbered migrations, a table and a view for each form, catalogues.

    The platform's own database, with the feeds of companies in it, is brought up with any registry's.
    """
    from sinks.clickhouse.migrations.plan import apply, plan, platform_status, revert
    from sinks.clickhouse.migrations.plan import status as migration_status

    settings = start()
    definitions = settings.definitions(tuple(registries or ()))
    with settings.clickhouse() as client:
        if show:
            for one in [*platform_status(client), *migration_status(client, definitions)]:
                print(f"{one.database} {one.number:04} {one.name}: {one.applied_at or 'not applied'}")
        elif down_to is not None:
            for name in (None,) if platform else definitions:
                for step in revert(client, name, down_to, allow_data_loss=allow_data_loss):
                    print(f"{step.database}: {step.description}")
        else:
            steps = plan(client, definitions) if dry_run else apply(client, definitions)
            for step in steps:
                print(f"{step.database}: {step.description}")
                if dry_run:
                    print("".join(f"    {statement}\n" for statement in step.sql), end="")
            if not steps:
                print("nothing to do")


def restore(registry: Registry) -> None:
    """Refill a lost log from the archive: same partitions, order, versions and bytes. Then a new epoch begins.

    Make the topics first (`guldadra topics create`), and start intake and the loader after. Where what surveillance
    kept is lost too, its signals are set aside: it states them anew, and `guldadra signals --of` shows those of before.
    """
    from rich.console import Console
    from rich.progress import Progress

    from deploy.generations import set_lost_signals_aside
    from deploy.logbook import begin_next_epoch
    from sinks.clickhouse.restore import restore as refill

    settings = start()
    settings.definitions((registry,))
    kafka = settings.kafka_config()
    with settings.clickhouse() as client, Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(f"{registry}: archive → log", total=None)
        refilled = refill(kafka, client, registry, on_progress=lambda count: progress.update(task, completed=count))
        former = set_lost_signals_aside(kafka, client, registry)
    epoch = begin_next_epoch(settings, registry, reason="restored from the archive")
    print(f"{registry}: {refilled} registrations are in the log again; epoch {epoch} begins")
    for generation, name in former.items():
        print(
            f"{registry}: surveillance of {generation} states its signals anew; the former are kept: "
            f"`guldadra signals {registry} --of {name}`"
        )


def backup(
    registry: Registry,
    to: Annotated[
        str | None, typer.Option(help="Where to: a folder here, or File(…), Disk(…), S3(…) of the server.")
    ] = None,
    back_from: Annotated[
        str | None, typer.Option("--from", help="Take a backup back instead, from the same places.")
    ] = None,
) -> None:
    """Back up a registry: what was registered, and what was said and done since.

    To File(…), Disk(…) or S3(…), ClickHouse makes the backup itself, of the whole database. To a folder, the
    archive is written here, a file a partition, with a manifest; form tables are then made of it anew. Beside it the
    histories that nothing makes anew: signals, reviews, what units counted, who read what.
    """
    from deploy.settings import SettingsError
    from sinks.clickhouse.backup import backup as make_backup
    from sinks.clickhouse.backup import export, import_export, restore_backup

    settings = start()
    definition = settings.definitions((registry,))[registry]
    if (to is None) == (back_from is None):
        raise SettingsError("say either --to PLACE or --from PLACE")
    place = to or back_from or ""
    on_server = re.match(r"[A-Za-z0-9]+\(", place) is not None
    with settings.clickhouse() as client:
        if on_server and to:
            make_backup(client, definition.name, place)
            print(f"{registry}: ClickHouse wrote {place}")
        elif on_server:
            restore_backup(client, definition.name, place)
            print(f"{registry}: ClickHouse took {place} back")
        elif to:
            for file in export(client, definition.name, Path(place)):
                what = "registrations" if file.partition is not None else "rows"
                print(f"{registry}: {Path(place) / file.name}, {file.rows} {what}")
        else:
            held = import_export(client, definition.name, Path(place))
            print(f"{registry}: {held.pop('archive', 0)} registrations are in the archive")
            for table, rows in held.items():
                print(f"{registry}: {rows} rows are in {table}")
