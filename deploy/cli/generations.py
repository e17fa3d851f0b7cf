"""Generations of derived values, and the erasure of what does not count any more."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.options import AsJson, Registries, Registry
from deploy.cli.start import start

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    for command in (generations, erase):
        parent.command(rich_help_panel="When something happens")(command)


def generations(
    registry: Registry,
    switch: Annotated[
        str | None, typer.Option(metavar="GENERATION", help="Let readers use this one; refused until it has caught up.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Switch although it has not caught up.")] = False,
    drop: Annotated[
        str | None,
        typer.Option(metavar="GENERATION", help="Delete this one's values, changelog and group; not the one in use."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the generations of a registry's indicators and exposures, switch between them, drop old ones.

    Changed definitions begin a new generation beside the old one: start `guldadra process` anew with them, and it is
    filled from the archive. Readers go over to it by themselves once it has all that the archive has, at once and
    whole; where products are watched, start `guldadra surveillance` anew as well, for they wait for its signals too.
    Then end the old processes, and drop their generation here.
    """
    from deploy.exposure_tables import generations_table
    from deploy.generations import drop_log, signals_are_in, signals_behind
    from deploy.settings import SettingsError
    from deploy.tables import console_for
    from sinks.clickhouse.generations import GenerationError, defined_as, refuse_current
    from sinks.clickhouse.generations import drop as drop_values
    from sinks.clickhouse.generations import generations as read_generations
    from sinks.clickhouse.generations import switch as switch_to

    settings = start()
    definition = settings.definitions((registry,))[registry]
    with settings.clickhouse() as client:

        def watched(generation: str) -> RegistryDefinition | None:
            made = defined_as(client, definition, generation)
            return made if made is not None and made.monitors.watch_anything else None

        def has_signals() -> bool:
            made = watched(switch or "")
            return made is None or signals_are_in(settings.kafka_config(), made, group=settings.group)

        try:
            if switch is not None:
                switch_to(client, registry, switch, signals=has_signals, force=force)
            if drop is not None:
                refuse_current(client, registry, drop)
                drop_log(settings.kafka_config(), registry, drop)  # first: it is refused while a process writes on
                drop_values(client, registry, drop)
        except GenerationError as error:
            raise SettingsError(str(error)) from error
        found = read_generations(client, registry)
        behind = {
            one.name: signals_behind(settings.kafka_config(), registry, one.name, group=settings.group)
            for one in found
            if settings.bootstrap and watched(one.name) is not None
        }
    if as_json:
        said = [
            {
                **asdict(one),
                "caught_up": one.caught_up,
                "signals_behind": behind.get(one.name),
                "watched": one.name in behind,
            }
            for one in found
        ]
        print(json.dumps(said, ensure_ascii=False))
    else:
        shown = generations_table(definition, found, behind) if found else f"{registry} has no generations yet"
        console_for().print(shown)


def erase(registries: Registries = None, as_json: AsJson = False) -> None:
    """Delete for good what does not count any more of persons who opted out: form tables, archive, exposures, lists.

    Readings have left it out since the opt-out itself. `guldadra load` does this every ten minutes; do it by hand after
    a backup was taken back. The opt-outs themselves stay, so that it can be done again.
    """
    from sinks.clickhouse.erasure import erase as erase_from

    settings = start()
    definitions = settings.definitions(tuple(registries or ()))
    with settings.clickhouse() as client:
        erased = {name: erase_from(client, definition) for name, definition in definitions.items()}
    if as_json:
        print(json.dumps(erased))
        return
    for name, tables in erased.items():
        told = ", ".join(f"{rows:,} rows of {table}" for table, rows in tables.items() if rows)
        print(f"{name}: {f'erased {told}' if told else 'nothing to erase'}")
