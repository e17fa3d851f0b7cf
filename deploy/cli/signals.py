"""What surveillance has stated: signals."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.options import AsJson, Registry, told_in_words
from deploy.cli.start import start

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    parent.command(rich_help_panel="Registrations and answers")(signals)


def signals(
    registry: Registry,
    show: Annotated[
        str | None,
        typer.Option(metavar="SIGNAL", help="One signal, by its id or its product's code, with its evidence."),
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(
            metavar="GENERATION", help="Those of another generation, or of a former life such as 22f747d3b8e7.0."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Products that fail too often, drugs that react too often, live: each signal as it stands, the alarms first.

    Where monitors.yaml says so, families, companies, lots and units are watched beside the products; their signals are
    called cup/family:Falka/0, cup/company:…/0, cup/lot:CUP03:L7/0 and cup/unit:U11/0. Signals that share outcomes stand
    together, under the one that explains most.

    With --show, say `guldadra signals hip --show cup/INTEROP/0`, all that speaks for it: when it could be known and by
    which submission, when it would have fired with all that is known now, what it is held against, every unit's
    numbers with its lag, its coverage and how many persons it has to call, what other methods say, all that became of
    it, what was decided, and how far its carriers have been followed up. Whom to call: `guldadra trace hip --signal
    cup/INTEROP/0 --unit U01`. Of a drug and a reaction, say `guldadra signals biologics --show reactions/FEN:HEP/0`: by
    which rule it was raised and when that could be known, its reports against all others, without a drug that hides it,
    and how that came about.
    """
    from sinks.clickhouse.generations import readable
    from sinks.clickhouse.queries.pair_signals import names_a_pair

    settings = start()
    declared = settings.definitions((registry,))[registry]
    with settings.clickhouse() as client, told_in_words(registry):
        definition = readable(client, declared)
        if show is None:
            _list(client, definition, of, as_json=as_json)
        elif names_a_pair(definition, show):
            _show_pair(client, definition, show, of, as_json=as_json)
        else:
            _show(client, definition, show, of, as_json=as_json)


def _list(client: Client, definition: RegistryDefinition, of: str | None, *, as_json: bool) -> None:
    """All signals, of products and of drugs and reactions."""
    from deploy.pair_tables import pair_signals_table
    from deploy.reaction_tables import finite
    from deploy.signal_tables import beside_lines, signals_table
    from deploy.tables import console_for
    from deploy.words import origin_line
    from sinks.clickhouse.queries.pair_signals import read_pair_signals
    from sinks.clickhouse.queries.signal_coverage import read_signal_coverage
    from sinks.clickhouse.queries.signals import read_signals

    registry = definition.name
    reading, pairs = read_signals(client, definition, of), read_pair_signals(client, definition, of)
    coverage = read_signal_coverage(client, definition, reading.signals)
    if as_json:
        found = {
            **asdict(reading),
            "coverage": {name: asdict(one) for name, one in coverage.items()},
            "pairs": finite([asdict(one) for one in pairs.signals]),
        }
        print(json.dumps(found, ensure_ascii=False, default=str))
        return
    console = console_for()
    if reading.signals:
        console.print(signals_table(definition, reading, coverage))
    if pairs.signals:
        console.print(pair_signals_table(definition, pairs))
    for line in beside_lines(definition, reading):
        console.print(line, soft_wrap=True)
    if not reading.signals and not pairs.signals:
        console.print(f"no signals in {registry}", soft_wrap=True)
        if reading.elsewhere:
            console.print(f"does `guldadra surveillance {registry}` run with the present definitions?", soft_wrap=True)
    if reading.elsewhere:
        others = ", ".join(f"{count:,} of {name}" for name, count in reading.elsewhere.items())
        console.print(
            f"also stated, of other generations and in former lives: {others}; `guldadra signals {registry} --of NAME`",
            style="dim",
            soft_wrap=True,
        )
    console.print(origin_line(reading.generation, reading.through), style="dim", soft_wrap=True)


def _show(client: Client, definition: RegistryDefinition, show: str, of: str | None, *, as_json: bool) -> None:
    """One signal of a product, or of whatever else is watched."""
    from deploy.certificates import certificates_of
    from deploy.review_tables import answers_table
    from deploy.signal_tables import signal_tables
    from deploy.tables import console_for
    from deploy.words import origin_line
    from schemas.company import companies_of
    from sinks.clickhouse.queries.all_causes import read_all_causes
    from sinks.clickhouse.queries.reviews import find_subject, read_answers, read_decisions, read_follow_up
    from sinks.clickhouse.queries.signal_coverage import read_signal_coverage
    from sinks.clickhouse.queries.signals import read_signal, standing_of

    reading = read_signal(client, definition, show, of)
    (signal,) = reading.signals
    subject = find_subject(client, definition.name, signal.id, standing_of(reading.signals))
    follow_up = read_follow_up(client, definition, subject)
    decisions = read_decisions(client, definition.name, signal.id)
    answers = read_answers(client, definition.name, signal.id)
    coverage = read_signal_coverage(client, definition, reading.signals)
    certificates = certificates_of(definition)
    all_causes = read_all_causes(client, definition, signal)
    if as_json:
        certificate = certificates.found.get(signal.monitor)
        found = {
            **asdict(reading),
            "coverage": {name: asdict(one) for name, one in coverage.items()},
            "decisions": [asdict(one) for one in decisions],
            "answers": [asdict(one) for one in answers],
            "follow_up": asdict(follow_up),
            "certificate": certificate and certificate.id,
            "all_causes": all_causes and {**asdict(all_causes), "unknown_share": all_causes.unknown_share},
        }
        print(json.dumps(found, ensure_ascii=False, default=str))
        return
    console = console_for()
    of_it = coverage.get(signal.id)
    for part in signal_tables(
        definition, reading, follow_up, decisions, coverage=of_it, certificates=certificates, all_causes=all_causes
    ):
        console.print(part, soft_wrap=isinstance(part, str))
    if answers:
        console.print(answers_table(signal.id, answers, companies_of([definition])))
    console.print(origin_line(reading.generation, reading.through), style="dim", soft_wrap=True)


def _show_pair(client: Client, definition: RegistryDefinition, show: str, of: str | None, *, as_json: bool) -> None:
    """One signal of a drug and a reaction."""
    from deploy.pair_tables import pair_signal_tables
    from deploy.reaction_tables import finite
    from deploy.tables import console_for
    from deploy.words import origin_line
    from sinks.clickhouse.queries.pair_signals import read_pair_signal
    from sinks.clickhouse.queries.reviews import read_decisions

    reading = read_pair_signal(client, definition, show, of)
    decisions = read_decisions(client, definition.name, reading.signals[0].id)
    if as_json:
        found = finite(asdict(reading)) | {"decisions": [asdict(one) for one in decisions]}
        print(json.dumps(found, ensure_ascii=False, default=str))
        return
    console = console_for()
    for part in pair_signal_tables(definition, reading, decisions):
        console.print(part, soft_wrap=isinstance(part, str))
    console.print(origin_line(reading.generation, reading.through), style="dim", soft_wrap=True)
