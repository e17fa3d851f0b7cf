"""What is said of signals: decisions, how it stands with the carriers, field safety notices."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.indicators import refuse_pair
from deploy.cli.options import AsJson, Registry, Until, told_in_words
from deploy.cli.start import start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.settings import Settings
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.reviews import FollowUp, Standing, Subject
    from streams.publish.reviews import Known, Speaker


class State(StrEnum):
    """How it stands with a carrier."""

    to_call = "to_call"
    called = "called"
    checked = "checked"
    declined = "declined"
    not_found = "not_found"
    moved = "moved"
    dead = "dead"


Signal = Annotated[
    str, typer.Argument(metavar="SIGNAL", help="group/product/number, or a notice's id or its beginning.")
]
Reason = Annotated[str | None, typer.Option(help="Why; it stands in the signal's history.")]
Note = Annotated[str | None, typer.Option(help="What else is to be known; never who a patient is.")]
By = Annotated[str | None, typer.Option(help="Who says it; else the account's name.")]
_PANEL = "Registrations and answers"

review = typer.Typer(
    no_args_is_help=True,
    subcommand_metavar="ACTION …",
    help="Review a signal or a notice: `guldadra review REGISTRY take-up SIGNAL` (or confirm, close); `carrier` says "
    "how it stands with those who carry the product, `list` shows all that was said.\n\n"
    "What is said is a log that is never edited: the latest counts, and all of it stays.",
)


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    parent.add_typer(review, name="review", rich_help_panel=_PANEL)
    parent.command(rich_help_panel=_PANEL)(notice)


@review.callback()
def of_registry(context: typer.Context, registry: Registry) -> None:
    """Whose signals they are."""
    context.obj = registry


@review.command("take-up")
def take_up(context: typer.Context, signal: Signal, reason: Reason = None, note: Note = None, by: By = None) -> None:
    """Take a signal up: somebody looks into it (stage 2)."""
    _decide(context, signal, "taken_up", reason, note, by)


@review.command()
def confirm(context: typer.Context, signal: Signal, reason: Reason = None, note: Note = None, by: By = None) -> None:
    """Confirm a signal: it is the product, or what else it is of (stage 3).

    No other is compared with the product any more, nor with those of the family or company that it is of.
    """
    _decide(context, signal, "confirmed", reason, note, by)


@review.command()
def close(
    context: typer.Context,
    signal: Signal,
    reason: Annotated[str, typer.Option(help="Why; it stands in the signal's history.")],
    note: Note = None,
    by: By = None,
) -> None:
    """Close a signal or a notice, with the reason. No unit is overdue with it any more."""
    _decide(context, signal, "closed", reason, note, by)


@review.command()
def carrier(
    context: typer.Context,
    signal: Signal,
    registration: Annotated[
        str | None, typer.Option(help="The registration with which the product was put in.")
    ] = None,
    state: Annotated[State | None, typer.Option(help="How it stands with the person.")] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            help="With moved, the unit that answers for the person from now on; else the unit that says it. Of a file, "
            "the unit whose list it is."
        ),
    ] = None,
    patient: Annotated[
        str | None, typer.Option(help="Pseudonym; needed where two patients have a registration of that id.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="CSV with the columns registration_id, state and, if wanted, unit and note.")
    ] = None,
    note: Note = None,
    by: By = None,
) -> None:
    """Say how it stands with one carrier, or with a clinic's whole list (--file).

    to_call, called, checked, declined, not_found, moved (to another --unit), dead. Every wrong row of a file is named
    by its line, and nothing is sent unless all are right; what was said is said, so a file may be sent again.

    Exit 0: sent; 2: refused, or could not run.
    """
    from rich.console import Console
    from rich.progress import Progress

    from deploy.settings import SettingsError
    from streams.publish.reviews import About, StateTold, carrier_state, carrier_states, send_reviews, the_carrier

    settings, definition = _settings(context)
    if (file is None) == (registration is None and state is None) or (file and (patient or note)):
        raise SettingsError("say either --registration and --state, or --file with a list of them")
    subject, carriers = _carriers(settings, definition, signal)
    about = About(subject.about, subject.group, subject.product)
    if file is not None:
        own = [one for one in carriers if unit in (None, one.unit)]
        records = carrier_states(file, definition, about, own, _speaker(by))
    elif registration and state:
        of_registration = [one for one in carriers if one.registration_id == registration]
        known = the_carrier({registration: of_registration}, registration, patient)
        told = StateTold(registration, state.value, unit, note)
        records = [carrier_state(definition, about, known, told, _speaker(by))]
    else:
        raise SettingsError("say both --registration and --state")
    console = Console(stderr=True)
    with Progress(console=console, disable=file is None or not console.is_terminal) as progress:
        task = progress.add_task(f"{definition.name}: states of carriers", total=len(records))
        send_reviews(settings.kafka_config(), definition, records, lambda sent: progress.update(task, completed=sent))
    numbers = {state: sum(one["state"] == state for one in records) for state in dict.fromkeys(State)}
    said = ", ".join(f"{number:,} {state.value.replace('_', ' ')}" for state, number in numbers.items() if number)
    print(f"{definition.name}: {subject.about}: {said}: sent")


@review.command("list")
def listed(
    context: typer.Context,
    signal: Annotated[
        str | None, typer.Argument(metavar="[SIGNAL]", help="One signal or notice, in detail; all if left out.")
    ] = None,
    overdue_after: Annotated[
        int, typer.Option(min=0, help="In how many days since the alarm or the notice carriers should be called.")
    ] = 14,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """What was decided, and how far the carriers have been followed up, live.

    "checked 24 of 25; overdue: U17 (2 to call)": persons, each once in the unit that answers for them. A unit is
    overdue from the day after the last of the days that it has. Who has opted out is in no number; how many they are
    of whom something had been said is told.
    """
    from deploy.review_tables import decisions_table, progress_line, progress_table, subjects_table
    from deploy.tables import console_for
    from deploy.words import origin_line
    from sinks.clickhouse.queries.reviews import (
        find_subject,
        read_decisions,
        read_follow_up,
        read_notices,
        read_subjects,
    )

    settings, definition = _settings(context)
    day = until.date() if until else None
    with settings.clickhouse() as client, told_in_words(definition.name):
        name = definition.name
        standing = _standing(client, definition)
        subjects = [find_subject(client, name, signal, standing)] if signal else read_subjects(client, name, standing)
        found = [read_follow_up(client, definition, one, until=day, overdue_after=overdue_after) for one in subjects]
        decisions = read_decisions(client, name, subjects[0].about if signal else None)
        notices = {one.id: one for one in read_notices(client, name)}
    if as_json:
        rows = [_as_json(one, [asdict(said) for said in decisions if said.about == one.subject.about]) for one in found]
        for row in rows:
            row["notice"] = asdict(notices[row["about"]]) if row["about"] in notices else None
        print(json.dumps(rows[0] if signal else rows, ensure_ascii=False, default=str))
        return
    console = console_for()
    if not found:
        console.print(f"nothing has been said of any signal of {name}, and there is no notice")
    elif signal:
        about = found[0].subject.about
        console.print(decisions_table(about, decisions) if decisions else f"{about}: nothing has been decided")
        if found[0].units:
            console.print(progress_table(definition, found[0]))
        console.print(progress_line(found[0]), soft_wrap=True)
    else:
        references = {one.id: f"{one.reference}, {one.issued_by}" for one in notices.values()}
        console.print(subjects_table(definition, found, decisions, references))
    if found:
        reading = found[0].reading
        console.print(origin_line(reading.generation, reading.through, reading.until), style="dim", soft_wrap=True)


def notice(
    registry: Registry,
    product: Annotated[str, typer.Option(help="The product's code, as its catalogue has it.")],
    issued_by: Annotated[str, typer.Option(help="From whom the notice is, such as the manufacturer.")],
    reference: Annotated[str, typer.Option(help="Its reference, as whoever issued it writes it.")],
    lot: Annotated[list[str] | None, typer.Option(help="A lot; may be given again. All lots if left out.")] = None,
    udi_di: Annotated[str | None, typer.Option(help="The product's UDI-DI.")] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Only what was put in from this day on.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Only what was put in until this day.")
    ] = None,
    note: Note = None,
    by: By = None,
) -> None:
    """Register a field safety notice: it opens lists of carriers to call, as a signal does.

    Its id is printed; the same notice again has the same id, and changes nothing. Then `guldadra trace REGISTRY
    --notice ID --unit U` tells whom a unit has to call, and `guldadra review REGISTRY carrier ID` takes how it went.

    Exit 0: sent; 2: refused, or could not run.
    """
    from streams.publish import reviews

    settings = start()
    definition = settings.definitions((registry,))[registry]
    record = reviews.notice(
        definition,
        product,
        _speaker(by),
        issued_by=issued_by,
        reference=reference,
        lots=lot or (),
        udi_di=udi_di,
        first_day=first.date() if first else None,
        last_day=last.date() if last else None,
        note=note,
    )
    reviews.send_reviews(settings.kafka_config(), definition, [record])
    of_lots = f" of lot {', '.join(record['lots'])}" if record["lots"] else ""
    print(f"{registry}: notice {record['id']} about {product}{of_lots}: sent")


def _decide(
    context: typer.Context, text: str, state: str, reason: str | None, note: str | None, by: str | None
) -> None:
    from schemas.review import signal_id
    from sinks.clickhouse.queries.reviews import find_subject
    from streams.publish.reviews import About, about_signal, decision, send_reviews

    settings, definition = _settings(context)
    with settings.clickhouse() as client, told_in_words(definition.name):
        if signal_id(text) is None:
            subject = find_subject(client, definition.name, text)
            about = About(subject.about, subject.group, subject.product)
        else:
            about = about_signal(definition, text)
            _see_that_it_was_stated(client, definition, text)
    speaker = _speaker(by)
    send_reviews(settings.kafka_config(), definition, [decision(about, state, speaker, reason=reason, note=note)])
    print(f"{definition.name}: {about.about}: {state.replace('_', ' ')} by {speaker.by}: sent")


def _settings(context: typer.Context) -> tuple[Settings, RegistryDefinition]:
    settings = start()
    registry = context.obj
    return settings, settings.definitions((registry,))[registry]


def _speaker(by: str | None) -> Speaker:
    from deploy.logbook import operator
    from streams.publish.publisher import now_ms
    from streams.publish.reviews import Speaker

    return Speaker(by or operator(), now_ms())


def _carriers(settings: Settings, definition: RegistryDefinition, text: str) -> tuple[Subject, list[Known]]:
    """The signal or notice, and its carriers as the readings know them, the dead since among them."""
    from schemas.review import signal_id
    from sinks.clickhouse.generations import readable
    from sinks.clickhouse.queries.carriers import read_carriers
    from sinks.clickhouse.queries.reviews import find_subject
    from streams.publish.reviews import Known, about_signal

    if signal_id(text) is not None:
        about_signal(definition, text)
    refuse_pair(definition, text)
    with settings.clickhouse() as client, told_in_words(definition.name):
        if signal_id(text) is not None:
            _see_that_it_was_stated(client, definition, text)
        subject = find_subject(client, definition.name, text, _standing(client, definition))
        reading = read_carriers(client, readable(client, definition), subject.affected)
    known = [Known(one.patient, one.registration_id, one.unit, one.partition, one.version) for one in reading.carriers]
    return subject, known


def _see_that_it_was_stated(client: Client, definition: RegistryDefinition, signal: str) -> None:
    """A slip of the pen must not be a decision on nothing; where nothing is watched, signals come from elsewhere."""
    from sinks.clickhouse.queries.pair_signals import names_a_pair, read_pair_signal
    from sinks.clickhouse.queries.signals import read_signal

    if names_a_pair(definition, signal):
        read_pair_signal(client, definition, signal)
    elif definition.monitors.monitors:
        read_signal(client, definition, signal)


def _standing(client: Client, definition: RegistryDefinition) -> dict[str, Standing]:
    from sinks.clickhouse.queries.pair_signals import pair_standing_of, read_pair_signals
    from sinks.clickhouse.queries.signals import read_signals, standing_of

    watched = definition.monitors
    products = standing_of(read_signals(client, definition).signals) if watched.monitors else {}
    pairs = pair_standing_of(read_pair_signals(client, definition).signals) if watched.disproportionality else {}
    return products | pairs


def _as_json(found: FollowUp, decisions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        **asdict(found.subject),
        "decisions": decisions,
        "until": found.reading.until,
        "generation": found.reading.generation,
        "through": found.reading.through,
        "persons": found.persons,
        "checked": found.number("checked"),
        "erased": found.erased,
        "overdue_after": found.overdue_after,
        "units": [one._asdict() for one in found.units],
    }
