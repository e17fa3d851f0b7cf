"""``guldadra schemas``: what the registries declare, checked, frozen, registered, written out."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.options import Registries
from deploy.cli.start import start

app = typer.Typer(no_args_is_help=True, help="The registries' forms: check, release, register, document.")


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    parent.add_typer(app, name="schemas", rich_help_panel="Setting up")


@app.command()
def check(registries: Registries = None) -> None:
    """Check the declarations: every version must read every other (FULL_TRANSITIVE), every field be
    documented, none hold who a person is, the present forms be released, and the certificates of monitors hold.
    Exit 1 if anything is wrong; a monitor without a certificate is only told of.
    """  # noqa: D205 - typer shows it as one paragraph
    from deploy.certificates import certificates_of
    from schemas.compatibility import check as problems_of

    wrong = 0
    for definition in start().definitions(tuple(registries or ())).values():
        certificates = certificates_of(definition)
        found = [*problems_of(definition), *certificates.problems.values()]
        wrong += len(found)
        for problem in found:
            print(problem)
        for words in certificates.missing.values():
            print(f"{definition.name}: {words}")
        for monitor in certificates.differing:
            print(f"{definition.name}, monitor {monitor}: {certificates.words(monitor)}")
        if not found:
            print(f"{definition.name}: {len(definition.forms)} forms, nothing wrong")
    raise typer.Exit(1 if wrong else 0)


@app.command()
def release(registries: Registries = None) -> None:
    """Freeze the forms as they stand under forms/released/, so that what is published with them can be
    read for ever. Do this before the first publishing and after each change.

    Where one may not be released (`guldadra schemas check` tells the same), none is: exit 1.
    """  # noqa: D205 - typer shows it as one paragraph
    from schemas.compatibility import release_problems
    from schemas.definition.folder import MODULES, write_released

    definitions = start().definitions(tuple(registries or ()))
    problems = [problem for definition in definitions.values() for problem in release_problems(definition)]
    for problem in problems:
        print(problem)
    if problems:
        print("nothing was released")
        raise typer.Exit(1)
    for definition in definitions.values():
        rooms = (definition.folder / "forms", *(MODULES / module for module in definition.registry.modules))
        made = [path for room in rooms for form in sorted(room.glob("*.avsc")) if (path := write_released(form))]
        for path in made:
            print(f"{definition.name}: released {path.name}")
        if not made:
            print(f"{definition.name}: every form is released as it stands")


@app.command()
def register(registries: Registries = None) -> None:
    """Register all versions with the schema registry that GULDADRA_SCHEMA_REGISTRY names. Never done by
    itself.
    """  # noqa: D205 - typer shows it as one paragraph
    settings = start()
    definitions = settings.definitions(tuple(registries or ()))
    store = settings.http_store(definitions)
    for name in definitions:
        for subject, schema_id in store.register(name).items():
            print(f"{subject}: id {schema_id}")


@app.command()
def docs(
    registries: Registries = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write <registry>.md into; printed if left out.")] = None,
) -> None:
    """Write the variable catalogue: every variable with its meaning, codes, range and history."""
    from schemas.docs import variable_catalogue

    for definition in start().definitions(tuple(registries or ())).values():
        text = variable_catalogue(definition)
        if out is None:
            print(text)
            continue
        out.mkdir(parents=True, exist_ok=True)
        target = out / f"{definition.name}.md"
        target.write_text(text, encoding="utf-8")
        print(f"wrote {target}")
