"""``guldadra simulate``: how often a registry's monitors would lie, and how late they would be, before they are on."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.options import Registry
from deploy.cli.start import start

_YEARS, _QUICK = 1000, 100


def add_to(parent: typer.Typer) -> None:
    """Put this command below ``guldadra``."""
    parent.command(rich_help_panel="Setting up")(simulate)


def simulate(
    registry: Registry,
    years: Annotated[int, typer.Option(help="Catalogue-years to simulate; ten make one history.", min=1)] = _YEARS,
    quick: Annotated[bool, typer.Option("--quick", help=f"{_QUICK} catalogue-years: a first impression.")] = False,
    seed: Annotated[int, typer.Option(help="Of all random numbers; the same seed gives the same numbers.", min=0)] = 1,
    processes: Annotated[
        int | None, typer.Option(help="Histories at once; as many as there are processors if left out.", min=1)
    ] = None,
    planned: Annotated[
        float | None, typer.Option(help="Expected outcomes at which a stream closes and a new one opens.", min=1.0)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for the certificate, its tables and the chart (SVG, PNG).")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="A folder for each history once it is done; a run cut short goes on from there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the certificate.")] = False,
) -> None:
    """Invent national registries, and see how often the monitors lie and how late they find what is wrong.

    Before a monitor is switched on. Each history has 500 components, 80 units and 12,000 operations a year: none with a
    defect, to solve the thresholds of watch and alarm from their budgets (1 false signal a year, 1 in 10 years, over
    all streams of products, constructs, families, companies, lots and units together), then defects of hazard ratio 1.5
    to 8 in a whole product, a lot, from the second year on, in a unit, and the Inter-op cup. The same data go through
    plain MaxSPRT, the CGR-CUSUM, AOANJRR stage 1 and the NJR's levels. Say `guldadra simulate hip --quick` first;
    1,000 years take half an hour on two processors.

    A monitor names the certificate that is written with --out; what of it is not as the monitor is declared is said
    wherever it is named: every outcome counts here for all that was put in, whatever a monitor counts. Exit 1 where a
    budget is not kept.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from deploy.kept_runs import OtherRunsError
    from deploy.settings import SettingsError
    from deploy.simulating import NothingToSimulateError, certify, declared_watching, histories_of, plan_of
    from deploy.simulating import simulate as run_all
    from deploy.simulation_tables import draw, heading, page, sheets
    from deploy.tables import console_for
    from streams.surveillance.simulation.runs import PLANNED
    from streams.surveillance.simulation.thresholds import CannotKeepError

    settings = start()
    definition = settings.definitions((registry,))[registry]
    try:
        plan = plan_of(definition)
    except NothingToSimulateError as error:
        raise SettingsError(f"{registry}: {error}") from error
    watching = declared_watching(definition, plan)
    many = histories_of(plan, _QUICK if quick else years)
    closing = PLANNED if planned is None else planned
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        task = progress.add_task(f"{registry}: histories of {plan.years} years", total=many)
        try:
            runs = run_all(
                plan,
                histories=many,
                seed=seed,
                processes=processes or os.cpu_count() or 1,
                planned=closing,
                watching=watching,
                keep=keep,
                on_progress=lambda done: progress.update(task, completed=done),
            )
        except OtherRunsError as error:
            raise SettingsError(f"--keep: {error}") from error
    try:
        certificate = certify(definition, plan, runs, seed=seed, planned=closing, watching=watching)
    except CannotKeepError as error:
        raise SettingsError(f"{registry}: {error}; simulate more years") from error
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        written = [out / "certificate.json", out / "tables.md"]
        written[0].write_text(certificate.written(), encoding="utf-8")
        written[1].write_text(page(certificate), encoding="utf-8")
        written += draw(certificate, out)
    if as_json:
        print(certificate.written(), end="")
    else:
        console = console_for()
        console.print(heading(certificate), soft_wrap=True)
        for sheet in sheets(certificate):
            console.print(sheet.table())
        for path in written if out is not None else ():
            print(f"wrote {path}")
    raise typer.Exit(0 if certificate.results["within"] else 1)
