"""Which adverse reactions are reported more often with one drug than with the others."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.options import AsJson, Registry, Until, told_in_words
from deploy.cli.start import start

if TYPE_CHECKING:
    from streams.statistics.disproportionality import GammaPoissonMixture


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    parent.command(rich_help_panel="Registrations and answers")(reactions)


def reactions(
    registry: Registry,
    drug: Annotated[str | None, typer.Option(help="One drug's code: all its pairs.")] = None,
    reaction: Annotated[str | None, typer.Option(help="One reaction's code: all its pairs.")] = None,
    until: Until = None,
    prior: Annotated[
        str | None,
        typer.Option(metavar="A1,B1,A2,B2,P", help="The prior of an earlier day, as --json has it; else it is fitted."),
    ] = None,
    pairs: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which disproportionality, where monitors.yaml has several.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Drugs that a reaction is reported with more often than with the others, live: signals, and what hides behind one.

    Each pair of drug and reaction is held against all other reports, by sex and age: PRR, ROR, information component
    and EBGM with their limits, and which of their rules call it a signal. A signal is a reason to read the reports,
    no proof: say `guldadra reactions biologics --drug FEN` for all of a drug, with its reports per 100 person-years on
    it. Where most reports of a reaction are of one drug, the others are shown without that drug too.

    EBGM draws each pair towards what most pairs show, the prior. It is fitted to the reports at hand, every time; with
    --prior two days differ by their reports alone.
    """
    from deploy.reaction_tables import reaction_tables, reactions_as_json
    from deploy.tables import console_for
    from deploy.words import origin_line
    from sinks.clickhouse.generations import readable
    from sinks.clickhouse.queries.reactions import read_reactions
    from streams.surveillance.drugs import screen

    settings = start()
    declared = settings.definitions((registry,))[registry]
    kept = None if prior is None else _prior(prior)
    with settings.clickhouse() as client, told_in_words(registry):
        definition = readable(client, declared)
        reading = read_reactions(client, definition, pairs, until=until.date() if until else None)
    screening = screen(reading.counts, prior=kept)
    if as_json:
        found = reactions_as_json(reading, screening, drug=drug, reaction=reaction)
        print(json.dumps(found, ensure_ascii=False, default=str, allow_nan=False))
        return
    console = console_for()
    for part in reaction_tables(definition, reading, screening, drug=drug, reaction=reaction, fitted=kept is None):
        console.print(part, soft_wrap=isinstance(part, str))
    console.print(origin_line(reading.generation, reading.through, reading.until), style="dim", soft_wrap=True)


def _prior(text: str) -> GammaPoissonMixture:
    from deploy.settings import SettingsError
    from streams.statistics.disproportionality import GammaPoissonMixture

    try:
        return GammaPoissonMixture(*(float(number) for number in text.split(",")))
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"--prior is alpha1,beta1,alpha2,beta2,p, five numbers above 0, p below 1: {error}"
        ) from error
