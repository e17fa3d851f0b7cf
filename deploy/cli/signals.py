"""What surveillance has stated: signals."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from deploy.cli.indicators import AsJson, Registry, told_in_words
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
    of: Annotated[
        str | None,
        typer.Option(
            metavar="GENERATION", help="Those of another generation, or of a former life such as 22f747d3b8e7.0."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Products that fail too often, live: each signal as it stands, the alarms first.

    With --show, say `guldadra signals hip --show cup/INTEROP/0`, all that speaks for it: when it could be known and by
    which submission, when it would have fired with all that is known now, what it is held against, every unit's
    numbers and how many persons it has to call, what other methods say, all that became of it, what was decided, and
    how far its carriers have been followed up. Whom to call: `guldadra trace hip --signal cup/INTEROP/0 --unit U01`.
    """
    from deploy.indicator_tables import origin_line
    from deploy.signal_tables import signal_tables, signals_table
    from deploy.tables import console_for
    from sinks.clickhouse.generations import readable
    from sinks.clickhouse.queries.reviews import find_subject, read_decisions, read_follow_up
    from sinks.clickhouse.queries.signals import alarm_days, read_signal, read_signals

    settings = start()
    declared = settings.definitions((registry,))[registry]
    with settings.clickhouse() as client, told_in_words(registry):
        definition = readable(client, declared)
        if show is None:
            reading = read_signals(client, definition, of)
        else:
            reading = read_signal(client, definition, show, of)
            (signal,) = reading.signals
            subject = find_subject(client, registry, signal.id, alarm_days(reading.signals))
            follow_up = read_follow_up(client, definition, subject)
            decisions = read_decisions(client, registry, signal.id)
    if as_json:
        found = asdict(reading)
        if show is not None:
            found |= {"decisions": [asdict(one) for one in decisions], "follow_up": asdict(follow_up)}
        print(json.dumps(found, ensure_ascii=False, default=str))
        return
    console = console_for()
    if show is not None:
        for part in signal_tables(definition, reading, follow_up, decisions):
            console.print(part, soft_wrap=isinstance(part, str))
    elif reading.signals:
        console.print(signals_table(definition, reading))
    else:
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
