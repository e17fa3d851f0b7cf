"""What surveillance has stated: signals."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from deploy.cli.options import AsJson, Registry, told_in_words
from deploy.cli.start import start


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    parent.command(rich_help_panel="Registrations and answers")(signals)


def signals(
    registry: Registry,
    show: Annotated[
        str | None,
        typer.Option(metavar="SIGNAL", help="One signal, by its id or its product's code, with its evidence."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Products that fail too often, live: each signal as it stands, the alarms first.

    Where monitors.yaml says so, families, companies, lots and units are watched beside the products; their signals are
    called cup/family:Falka/0, cup/company:…/0, cup/lot:CUP03:L7/0 and cup/unit:U11/0. Signals that share outcomes stand
    together, under the one that explains most.

    With --show, say `guldadra signals hip --show cup/INTEROP/0`, all that speaks for it: when it could be known and by
    which submission, when it would have fired with all that is known now, what it is held against, every unit's
    numbers with its lag, its coverage and how many persons it has to call, what other methods say, all that became of
    it, what was decided, and how far its carriers have been followed up. Whom to call: `guldadra trace hip --signal
    cup/INTEROP/0 --unit U01`.
    """
    from deploy.certificates import certificates_of
    from deploy.signal_tables import signal_tables, signals_table
    from deploy.tables import console_for
    from deploy.words import origin_line
    from sinks.clickhouse.generations import readable
    from sinks.clickhouse.queries.reviews import find_subject, read_decisions, read_follow_up
    from sinks.clickhouse.queries.signal_coverage import read_signal_coverage
    from sinks.clickhouse.queries.signals import alarm_days, read_signal, read_signals

    settings = start()
    declared = settings.definitions((registry,))[registry]
    with settings.clickhouse() as client, told_in_words(registry):
        definition = readable(client, declared)
        if show is None:
            reading = read_signals(client, definition)
        else:
            reading = read_signal(client, definition, show)
            (signal,) = reading.signals
            subject = find_subject(client, registry, signal.id, alarm_days(reading.signals))
            follow_up = read_follow_up(client, definition, subject)
            decisions = read_decisions(client, registry, signal.id)
        coverage = read_signal_coverage(client, definition, reading.signals)
    if as_json:
        found = asdict(reading) | {"coverage": {name: asdict(one) for name, one in coverage.items()}}
        if show is not None:
            certificate = certificates_of(definition).found.get(signal.monitor)
            found |= {
                "decisions": [asdict(one) for one in decisions],
                "follow_up": asdict(follow_up),
                "certificate": certificate and certificate.id,
            }
        print(json.dumps(found, ensure_ascii=False, default=str))
        return
    console = console_for()
    if show is not None:
        parts = signal_tables(
            definition, reading, follow_up, decisions, coverage=coverage.get(signal.id),
            certificates=certificates_of(definition),
        )  # fmt: skip
        for part in parts:
            console.print(part, soft_wrap=isinstance(part, str))
    elif reading.signals:
        console.print(signals_table(definition, reading, coverage))
    else:
        console.print(f"no signals in {registry}", soft_wrap=True)
        if reading.elsewhere:
            console.print(
                f"{reading.elsewhere} were stated of earlier generations: does `guldadra surveillance {registry}` run "
                "with the present definitions?",
                soft_wrap=True,
            )
    console.print(origin_line(reading.generation, reading.through), style="dim", soft_wrap=True)
