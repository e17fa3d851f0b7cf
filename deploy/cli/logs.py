"""The registries' logs: topics, stop switch, keys, dead letters."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.options import Registries, Registry
from deploy.cli.start import start

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.settings import Settings

Reason = Annotated[str, typer.Option(help="Why; whoever meets the switch is told.")]

topics = typer.Typer(no_args_is_help=True, help="The Kafka topics: make them, check them.")
keys = typer.Typer(no_args_is_help=True, help="Pseudonym keys, held by each registry's controller.")


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    parent.add_typer(topics, name="topics", rich_help_panel="Setting up")
    parent.add_typer(keys, name="keys", rich_help_panel="Setting up")
    for command in (stop, resume):
        parent.command(rich_help_panel="When something happens")(command)
    parent.command("dead-letters", rich_help_panel="When something happens")(dead_letters)


@topics.command()
def create(
    registries: Registries = None,
    epoch: Annotated[
        int | None,
        typer.Option(help="The life of the log that begins; needed only where ClickHouse cannot be asked."),
    ] = None,
    replication: Annotated[int, typer.Option(help="Copies of each partition; -1: the broker's default.")] = -1,
) -> None:
    """Make the registries' topics and begin their logs. Topics that are there are checked and left alone.

    Exit 1 if one is not as it must be; that registry's log is not begun.
    """
    from deploy.logbook import begin_epoch, begin_feeds, begin_next_epoch, first_epoch, make_topics, operator
    from schemas.company import companies_of
    from schemas.topics import submitted, topics_of
    from streams.control import ControlReader

    settings = start()
    kafka = settings.kafka_config()
    definitions = settings.definitions(tuple(registries or ()))
    names, companies = list(definitions), companies_of(definitions.values())
    found = make_topics(
        kafka,
        names,
        settings.partitions,
        companies=companies,
        retention_days=settings.retention_days,
        replication=replication,
    )
    for finding in found:
        print(f"{finding.name}: {'made' if finding.made else finding.problem or 'is as it must be'}")
    wrong = {finding.name for finding in found if finding.problem}
    with ControlReader(kafka) as control:
        begun = {name for name in names if control.of(name) is not None}
    made = {finding.name for finding in found if finding.made}
    for name in names:
        if name in begun and submitted(name) in made:
            # Its offsets begin anew: in the old epoch they would be taken for the registrations of before.
            begins = begin_next_epoch(settings, name, reason="the topic of submissions was made anew")
            print(f"{name}: the log was lost and begins anew, epoch {begins}; `guldadra restore {name}` refills it")
        elif name not in begun and wrong.isdisjoint(spec.name for spec in topics_of(name, settings.partitions)):
            begins = first_epoch(settings, name) if epoch is None else epoch
            begin_epoch(kafka, name, settings.partitions, begins, by=operator(), reason="the log begins")
            print(f"{name}: the log begins, epoch {begins}")
    for topic in begin_feeds(kafka, companies, made, _former_lives(settings, asked=epoch is None), by=operator()):
        print(f"{topic}: the feed begins")
    raise typer.Exit(1 if any(finding.problem for finding in found) else 0)


def _former_lives(settings: Settings, *, asked: bool) -> Callable[[str], int | None]:
    """What the database knows of former lives of feeds; nothing where an operator says that there is none to ask."""
    from deploy.settings import SettingsError
    from sinks.clickhouse.queries.feeds import highest_epoch

    def former(company: str) -> int | None:
        if not settings.clickhouse_url:
            raise SettingsError(
                f"a feed's events must be later than all that {company} was told before: set GULDADRA_CLICKHOUSE_URL, "
                "or give --epoch 0 where nothing ever was"
            )
        with settings.clickhouse() as client:
            return highest_epoch(client, company)

    return former if asked else lambda _: None


@topics.command()
def check(registries: Registries = None) -> None:
    """Check that the topics are as they must be. Exit 1 if one is not."""
    from deploy.logbook import check_topics
    from schemas.company import companies_of

    settings = start()
    definitions = settings.definitions(tuple(registries or ()))
    found = check_topics(
        settings.kafka_config(),
        definitions,
        settings.partitions,
        companies=companies_of(definitions.values()),
        retention_days=settings.retention_days,
    )
    for finding in found:
        print(f"{finding.name}: {finding.problem or 'is as it must be'}")
    raise typer.Exit(1 if any(finding.problem for finding in found) else 0)


@keys.command("create")
def create_key(
    registry: Registry,
    key_id: Annotated[str, typer.Option(help="The key's id, which stands in every pseudonym.")] = "k1",
) -> None:
    """Make a registry's pseudonym key. Keep it where the controller's secrets are kept, and a copy: without
    it a person's later registrations cannot be joined to the earlier.
    """  # noqa: D205 - typer shows it as one paragraph
    from deploy.settings import SettingsError
    from schemas.identity import new_key, write_key

    settings = start()
    settings.definitions((registry,))
    path = settings.key_path(registry)
    try:
        write_key(new_key(key_id), path)
    except FileExistsError as error:
        raise SettingsError(f"there is a key at {path}; another would tear the registry's persons apart") from error
    print(f"wrote {path}")


def stop(registry: Registry, reason: Reason) -> None:
    """Halt a registry at once: intake and publishing end, everywhere, until `guldadra resume`."""
    _turn(registry, stopped=True, reason=reason)


def resume(registry: Registry, reason: Reason) -> None:
    """Let a stopped registry go on; nothing that waited is lost."""
    _turn(registry, stopped=False, reason=reason)


def _turn(registry: str, *, stopped: bool, reason: str) -> None:
    from deploy.logbook import operator, set_stopped

    settings = start()
    settings.definitions((registry,))
    print(set_stopped(settings.kafka_config(), registry, stopped=stopped, by=operator(), reason=reason).sentence)


def dead_letters(
    again: Annotated[bool, typer.Option("--replay", help="Put them back on the topics they came from.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List what a process could not handle, by topic and offset; --replay has it handled again.

    Mend the cause first. They stay on the list until the topic's time is over; replaying twice counts nothing twice.
    """
    from rich.table import Table

    from deploy.deadletters import read_dead_letters, replay
    from deploy.tables import console_for

    kafka = start().kafka_config()
    letters = read_dead_letters(kafka)
    if again:
        taken = replay(kafka, letters)
        print(f"put back {taken} of {len(letters)} dead letters")
        raise typer.Exit(0 if taken == len(letters) else 1)
    table = Table("when", "process", "topic", "partition", "offset", "error")
    for letter in letters:
        at = datetime.fromtimestamp(letter["at"] / 1000, UTC).isoformat(timespec="seconds")
        shown = [at, letter["process"], letter["topic"], letter["partition"], letter["offset"], letter["error"]]
        if as_json:
            print(json.dumps(dict(zip(("at", "process", "topic", "partition", "offset", "error"), shown, strict=True))))
        else:
            table.add_row(*(str(value) for value in shown))
    if not as_json:
        console_for().print(table if letters else "no dead letters")
