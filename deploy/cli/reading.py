"""What is read: the company view, the state of everything, the database's tables, backups, restores."""

from __future__ import annotations

import getpass
import json
import re
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from deploy.cli.logs import first_epoch
from deploy.logbook import begin_epoch
from deploy.settings import SettingsError, load_settings
from deploy.status import Status, read_status
from deploy.tables import company_table, console_for, status_tables
from sinks.clickhouse.backup import backup as make_backup
from sinks.clickhouse.backup import export_archive, import_archive, restore_backup
from sinks.clickhouse.migrations.plan import apply, plan, revert
from sinks.clickhouse.migrations.plan import status as migration_status
from sinks.clickhouse.queries.company import company_view
from sinks.clickhouse.restore import restore as refill

Registry = Annotated[str, typer.Argument(help="The registry's name.")]
Registries = Annotated[list[str] | None, typer.Argument(help="Registries by name; all of them if left out.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    for command in (company, status, migrate, restore, backup):
        parent.command()(command)


def company(
    registry: Registry,
    kind: Annotated[str, typer.Option(help="The kind of component compared.")] = "cup",
    component: Annotated[str | None, typer.Option(help="One component's code: shown per unit and in all.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day of follow-up, YYYY-MM-DD; else the latest known.")] = None,
    as_json: AsJson = False,
) -> None:
    """The company view, live: put in, reoperated, component-years, rate with exact limits.

    All components of a kind beside each other; with --component one of them, per unit and in all.
    """
    settings = load_settings()
    definition = settings.definitions((registry,))[registry]
    last_day = None if until is None else date.fromisoformat(until)
    with settings.clickhouse() as client:
        rows = company_view(client, definition, kind=kind, until=last_day)
    shown = [row for row in rows if (row.unit is None if component is None else row.component == component)]
    if as_json:
        print(json.dumps([asdict(row) for row in shown], ensure_ascii=False))
    else:
        console_for().print(company_table(shown, definition))


def status(as_json: AsJson = False) -> None:
    """Lag, conservation per partition (published = accepted + refused, loaded = accepted), last errors.

    Exit 1 where something does not agree or a process is not well.
    """
    settings = load_settings()
    found: Status = read_status(settings)
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
    allow_data_loss: Annotated[bool, typer.Option(help="Say that rows may be lost by going back.")] = False,
) -> None:
    """Bring ClickHouse to what is declared: numbered migrations, a table and a view for each form, catalogues."""
    settings = load_settings()
    definitions = settings.definitions(tuple(registries or ()))
    with settings.clickhouse() as client:
        if show:
            for one in migration_status(client, definitions):
                print(f"{one.database} {one.number:04} {one.name}: {one.applied_at or 'not applied'}")
        elif down_to is not None:
            for name in definitions:
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

    Make the topics first (`guldadra topics create`), and start intake and the processes after.
    """
    settings = load_settings()
    settings.definitions((registry,))
    kafka = settings.kafka_config()
    with settings.clickhouse() as client, Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(f"{registry}: archive → log", total=None)
        refilled = refill(kafka, client, registry, on_progress=lambda count: progress.update(task, completed=count))
    epoch = first_epoch(settings, registry)
    begin_epoch(kafka, registry, settings.partitions, epoch, by=getpass.getuser(), reason="restored from the archive")
    print(f"{registry}: {refilled} registrations are in the log again; epoch {epoch} begins")


def backup(
    registry: Registry,
    to: Annotated[
        str | None, typer.Option(help="Where to: a folder here, or File(…), Disk(…), S3(…) of the server.")
    ] = None,
    back_from: Annotated[
        str | None, typer.Option("--from", help="Take a backup back instead, from the same places.")
    ] = None,
) -> None:
    """Back up a registry, the archive above all: it is the only long memory.

    To File(…), Disk(…) or S3(…), ClickHouse makes the backup itself, of the whole database. To a folder, the
    archive is written here, a file a partition, with a manifest; form tables are then made of it anew.
    """
    settings = load_settings()
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
            for file in export_archive(client, definition.name, Path(place)):
                print(f"{registry}: {Path(place) / file.name}, {file.rows} registrations")
        else:
            print(
                f"{registry}: {import_archive(client, definition.name, Path(place))} registrations are in the archive"
            )
