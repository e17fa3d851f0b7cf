"""Companies' feeds: the processes that tell and deliver, webhooks, and since when a company is aware of what."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from deploy.cli.start import start

Registries = Annotated[list[str] | None, typer.Argument(help="Registries by name; all of them if left out.")]
Registry = Annotated[str, typer.Argument(help="The registry's name.")]
OneRegistry = Annotated[str | None, typer.Option("--registry", help="Of one registry only.")]
Id = Annotated[str, typer.Argument(metavar="WEBHOOK", help="The webhook's id, as `guldadra webhooks list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str | None, typer.Option(help="Who says it; else the account's name.")]

webhooks = typer.Typer(
    no_args_is_help=True,
    help="Where companies' machines are told, besides their stream and topic. Registered by the registry's controller "
    "alone: https, and never an address that is not public.",
)


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    parent.command(rich_help_panel="Processes")(feed)
    parent.command(rich_help_panel="Processes")(deliver)
    parent.add_typer(webhooks, name="webhooks", rich_help_panel="Registrations and answers")
    parent.command(rich_help_panel="Registrations and answers")(awareness)


def feed(registries: Registries = None) -> None:
    """Tell each company what concerns its own products: signals, field safety notices, decisions.

    From signals and reviews to a topic a company (`feed.COMPANY`), each thing once. One process for each registry; one
    that is started beside it takes over. SIGTERM ends it after the transaction in hand.
    """
    from deploy.cli.processes import stop_on_signal
    from deploy.feeding import Feeding
    from deploy.observe import Observed

    settings = start(process=True)
    feeding = Feeding(settings.kafka_config(), settings.definitions(tuple(registries or ())))
    with stop_on_signal() as stop, Observed(settings.host, settings.metrics_port, feeding.health):
        feeding.run(stop)


def deliver() -> None:
    """Post what companies are told to their webhooks, signed, each one's in order.

    What is not taken is tried again, later each time, for GULDADRA_WEBHOOK_HOURS; then it waits on the list of
    `guldadra webhooks dead-letters`. Run one: two would send everything twice. Secrets are read from GULDADRA_KEYS.
    """
    from deploy.cli.processes import stop_on_signal
    from deploy.feeding import deliver_until, deliverer_of
    from deploy.observe import Observed

    settings = start(process=True)
    with stop_on_signal() as stop, settings.clickhouse() as client:
        deliverer = deliverer_of(settings, client)
        with Observed(settings.host, settings.metrics_port, deliverer.health):
            deliver_until(deliverer, stop)


@webhooks.command("add")
def add(
    registry: Registry,
    company: Annotated[str, typer.Argument(help="The company's code, as in feed.COMPANY.")],
    url: Annotated[str, typer.Argument(help="https://host/path")],
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Send all that the company was ever told, not only what comes.")
    ] = False,
    by: By = None,
) -> None:
    """Register an endpoint of a company. Its secret is printed, once: hand it to the company on a safe way.

    Exit 2 where the address is not one of the public internet, or the registry has no such company.
    """
    from deploy.logbook import operator
    from deploy.settings import SettingsError
    from schemas.company import companies_of
    from sinks.feeds.registering import CannotBeRegisteredError, Endpoints

    settings = start()
    definition = settings.definitions((registry,))[registry]
    endpoints = Endpoints(settings.keys, settings.webhook_loopback)
    who, now = by or operator(), datetime.now(UTC)
    with settings.clickhouse() as client:
        try:
            webhook, secret = endpoints.register(
                client, definition, company, url, by=who, at=now, from_start=from_start
            )
        except CannotBeRegisteredError as error:
            raise SettingsError(str(error)) from error
    known = companies_of([definition])
    print(f"webhook {webhook.id} of {known[company]}\nsecret {secret}")


@webhooks.command("list")
def list_(
    registry: OneRegistry = None,
    removed: Annotated[bool, typer.Option("--removed", help="The removed ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the endpoints."""
    from rich.table import Table

    from deploy.tables import console_for
    from sinks.clickhouse.queries.webhooks import read_webhooks

    with start().clickhouse() as client:
        found = read_webhooks(client, registry, removed=removed)
    if as_json:
        rows = [
            {name: value for name, value in asdict(one).items() if name not in ("since", "version")} for one in found
        ]
        print(json.dumps(rows, ensure_ascii=False, default=str))
        return
    table = Table("webhook", "registry", "company", "address", "registered", "by", "removed by")
    for one in found:
        table.add_row(
            one.id, one.registry, one.company, one.url, f"{one.added_at:%Y-%m-%d}", one.added_by, one.removed_by
        )
    console_for().print(table if found else "no webhooks")


@webhooks.command("remove")
def remove(webhook: Id, by: By = None) -> None:
    """Send nothing there any more. What was sent stays known, and so does who removed it."""
    from deploy.logbook import operator
    from sinks.feeds.registering import Endpoints

    settings = start()
    with settings.clickhouse() as client:
        Endpoints(settings.keys).remove(client, webhook, by or operator())
    print(f"webhook {webhook}: removed")


@webhooks.command("rotate")
def rotate(webhook: Id) -> None:
    """Make another secret, and print it. The one before signs beside it until the next, so that none is missed."""
    from sinks.feeds.registering import Endpoints

    settings = start()
    with settings.clickhouse() as client:
        print(f"secret {Endpoints(settings.keys).rotate(client, webhook)}")


@webhooks.command("dead-letters")
def dead_letters(
    webhook: Annotated[str | None, typer.Argument(metavar="[WEBHOOK]", help="Of one endpoint only.")] = None,
    registry: OneRegistry = None,
    as_json: AsJson = False,
) -> None:
    """List what no endpoint took in time, the latest first; `guldadra webhooks replay` sends it again."""
    from rich.table import Table

    from deploy.tables import console_for
    from sinks.clickhouse.queries.webhooks import dead_letters as read_dead

    with start().clickhouse() as client:
        found = read_dead(client, registry, webhook)
    if as_json:
        rows = [
            {"webhook": one.webhook.id, "company": one.webhook.company, "event": one.delivery.event, "type": one.type,
             "subject": one.subject, "attempts": one.delivery.attempts, "tried_at": one.delivery.tried_at,
             "status": one.delivery.status, "error": one.delivery.error}
            for one in found
        ]  # fmt: skip
        print(json.dumps(rows, ensure_ascii=False, default=str))
        return
    table = Table("webhook", "company", "event", "type", "subject", "attempts", "last tried", "why")
    for one in found:
        said = one.delivery
        table.add_row(one.webhook.id, one.webhook.company, said.event, one.type, one.subject, str(said.attempts),
                      f"{said.tried_at:%Y-%m-%d %H:%M}", said.error)  # fmt: skip
    console_for().print(table if found else "no dead letters")


@webhooks.command("replay")
def replay(
    webhook: Id,
    events: Annotated[list[str] | None, typer.Argument(help="Ids of events; all dead ones if left out.")] = None,
) -> None:
    """Send dead letters again, at once and before all that waits. Their time begins anew, their ids stay.

    Exit 1 where not all of the events named are dead letters of the endpoint.
    """
    from sinks.clickhouse.queries.webhooks import replay as ask_again

    with start().clickhouse() as client:
        asked = ask_again(client, webhook, datetime.now(UTC), events or ())
    print(f"webhook {webhook}: {asked} events will be sent again")
    raise typer.Exit(0 if not events or asked == len(set(events)) else 1)


def awareness(
    registry: OneRegistry = None,
    company: Annotated[str | None, typer.Option(help="Of one company only, by its code.")] = None,
    as_json: AsJson = False,
) -> None:
    """Since when companies are aware of signals and notices, as CSV: first delivery to a machine, first reading.

    The first stays the first, and is kept for ever.
    """
    from sinks.clickhouse.queries.awareness import as_csv, read_awareness

    with start().clickhouse() as client:
        found = read_awareness(client, registry, company)
    if as_json:
        print(json.dumps([asdict(one) for one in found], ensure_ascii=False, default=str))
    else:
        print(as_csv(found), end="")
