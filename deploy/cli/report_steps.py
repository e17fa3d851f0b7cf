"""Reports to the medicines agency: the process, what is due, and what people do with them."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.options import AsJson, Registry
from deploy.cli.start import start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.report_desk import Desk

Case = Annotated[
    str, typer.Argument(metavar="CASE", help="The case's id, or the beginning of its last part, as `list` shows it.")
]
To = Annotated[str | None, typer.Option("--to", help="agency or manufacturer, where it goes to both.")]
By = Annotated[str | None, typer.Option(help="Who does it; else the account's name.")]
Why = Annotated[str, typer.Option(help="Why; it stands in the report's history.")]


def add_to(report: typer.Typer) -> None:
    """Put these commands below ``guldadra report``."""
    for command in (run, list_, show, check, correct, assign, withdraw, nullify, send, receipt):
        report.command(command.__name__.rstrip("_"))(command)
    report.command("return")(give_back)


def run(registry: Registry) -> None:
    """Draft reports of what is registered, send what has been checked, take answers in.

    What is reported stands in the registry's reporting.yaml, who sends it in the settings GULDADRA_AGENCY__…. Without
    GULDADRA_AGENCY__GATEWAY, the folder that the agency's client watches, nothing leaves (a dry run); in earnest only
    with GULDADRA_AGENCY__PRODUCTION=true. Run one for each registry. SIGTERM ends it after what it has in hand.
    """
    from deploy.cli.processes import stop_on_signal
    from deploy.observe import Observed
    from deploy.reporting import Reporting

    settings = start(process=True)
    reporting = Reporting(settings, settings.definitions((registry,))[registry])
    with stop_on_signal() as stop, Observed(settings.host, settings.metrics_port, reporting.health):
        reporting.run(stop)


def list_(
    registry: Registry,
    everything: Annotated[bool, typer.Option("--all", help="Also what waits for nothing any more.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what is due, the first deadline first: state, deadline and days left, owner, and what was answered.

    Exit 1 where a report is late.
    """
    from deploy.report_desk import standing_of
    from deploy.report_tables import as_json as told
    from deploy.report_tables import standing_table
    from deploy.tables import console_for

    settings = start()
    settings.definitions((registry,))
    with settings.clickhouse() as client:
        standing = standing_of(client, registry, settings)
    shown = [one for one in standing if everything or one.waits_for is not None or one.days_left is not None]
    if as_json:
        typer.echo(json.dumps([told(one) for one in shown], ensure_ascii=False, default=str))
    else:
        console_for().print(standing_table(f"{registry}: reports", shown) if shown else f"{registry}: nothing is due")
    raise typer.Exit(1 if any(one.late for one in standing) else 0)


def show(
    registry: Registry,
    case: Case,
    history: Annotated[bool, typer.Option("--history", help="Every step: who, when, and why.")] = False,
    content: Annotated[bool, typer.Option("--content", help="The latest message itself, as it is sent.")] = False,
    to: To = None,
    as_json: AsJson = False,
) -> None:
    """Show one case: how it stands with each addressee, what is missing, what was answered."""
    from datetime import UTC, datetime

    from deploy.report_desk import Desk, one_case
    from deploy.report_tables import as_json as told
    from deploy.report_tables import history_table, standing_table, step_as_json, steps_of
    from deploy.reporting import rules_of
    from deploy.tables import console_for
    from sinks.agency.delivery import outgoing_of
    from sinks.agency.standing import standings

    settings = start()
    definition = settings.definitions((registry,))[registry]
    with settings.clickhouse() as client:
        if content:
            act = Desk(settings, definition, client).act(case, to, "")
            typer.echo(outgoing_of(act.case, act.key).content.decode())
            return
        found = one_case(client, registry, case)
    rules = rules_of(settings.agency)
    standing = list(standings(found, rules, datetime.now(UTC).astimezone(rules.zone).date()))
    if as_json:
        refused = {one["id"]: why for one, why in found.refused}
        steps = [step_as_json(one, refused.get(one["id"])) for one in steps_of(found)] if history else []
        said = {"reports": [told(one) for one in standing], **({"steps": steps} if history else {})}
        typer.echo(json.dumps(said, ensure_ascii=False, default=str))
        return
    console = console_for()
    console.print(standing_table(found.id, standing))
    for one in standing:
        for words in (*one.report.findings, *one.report.asks):
            console.print(f"to the {one.addressee}: {words}", markup=False, soft_wrap=True)
    if history:
        console.print(history_table(found))


def check(registry: Registry, case: Case, to: To = None, by: By = None) -> None:
    """Say that a draft is right: it goes on. Where the rule wants four eyes, whoever drafted it may not."""
    from sinks.agency import people

    with _desk(registry, case, "checked") as (desk, who):
        desk.say(lambda: people.checked(desk.act(case, to, by or who)))


def give_back(registry: Registry, case: Case, reason: Why, to: To = None, by: By = None) -> None:
    """Say that a draft is wrong, and why: it waits for another edition."""
    from sinks.agency import people

    with _desk(registry, case, "returned") as (desk, who):
        desk.say(lambda: people.returned(desk.act(case, to, by or who), reason))


def correct(
    registry: Registry,
    case: Case,
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The message as it should be; see `show --content`."),
    ] = None,
    meddra: Annotated[
        str | None, typer.Option(metavar="CODE/VERSION", help="The MedDRA term of a reaction, as 10019211/28.0.")
    ] = None,
    reaction: Annotated[int, typer.Option(min=1, help="Which of its reactions is coded.")] = 1,
    reason: Annotated[str | None, typer.Option(help="Why; needed of what was sent, which is amended.")] = None,
    to: To = None,
    by: By = None,
) -> None:
    """Draft a report anew: from a file, or with a reaction coded. What was sent is amended by its next version.

    What is registered wrong is better corrected where it was registered: the report follows of itself.
    """
    from deploy.settings import SettingsError
    from sinks.agency import people
    from sinks.agency.icsr.values import MeddraTerm

    if (file is None) == (meddra is None):
        raise SettingsError("give the corrected message with --file, or a term with --meddra CODE/VERSION")
    with _desk(registry, case, "drafted anew") as (desk, who):
        if file is not None:
            content = file.read_bytes()
            desk.say(lambda: people.corrected(desk.act(case, to, by or who), desk.ends, content, reason))
        else:
            code, _, version = str(meddra).partition("/")
            term = MeddraTerm(code, version)
            desk.say(lambda: people.coded(desk.act(case, to, by or who), desk.ends, term, reaction - 1))


def assign(
    registry: Registry,
    case: Case,
    owner: Annotated[str, typer.Argument(help="Who sees to it that it is in time.")],
    reason: Annotated[str | None, typer.Option(help="Why to that person.")] = None,
    to: To = None,
    by: By = None,
) -> None:
    """Say whose a report is."""
    from sinks.agency import people

    with _desk(registry, case, f"{owner}'s") as (desk, who):
        desk.say(lambda: people.assigned(desk.act(case, to, by or who), owner, reason))


def withdraw(registry: Registry, case: Case, reason: Why, to: To = None, by: By = None) -> None:
    """Say that a report which has not gone is not to go; it is drafted again once something new is registered."""
    from sinks.agency import people

    with _desk(registry, case, "withdrawn") as (desk, who):
        desk.say(lambda: people.withdrawn(desk.act(case, to, by or who), reason))


def nullify(
    registry: Registry,
    case: Case,
    reason: Why,
    duplicate_of: Annotated[
        str | None, typer.Option(help="The case that stays, where it is a duplicate; else it is an error.")
    ] = None,
    to: To = None,
    by: By = None,
) -> None:
    """Draft the nullification of a case that was sent: an error, or a duplicate. Nothing else is a reason.

    It is checked and sent as any other draft, and ends the case.
    """
    from sinks.agency import people

    with _desk(registry, case, "drafted as void") as (desk, who):
        desk.say(lambda: people.nullified(desk.act(case, to, by or who), desk.ends, reason, duplicate_of))


def send(registry: Registry, case: Case, to: To = None, by: By = None) -> None:
    """Say that a checked report has been handed over by hand: on an agency's own page, or by letter.

    What goes by a gateway is sent by `guldadra report run`.
    """
    from sinks.agency import people

    with _desk(registry, case, "sent by hand") as (desk, who):
        desk.say(lambda: people.sent_by_hand(desk.act(case, to, by or who)))


def receipt(
    registry: Registry,
    case: Case,
    code: Annotated[str, typer.Option(help="What the addressee called it.")] = "received",
    reference: Annotated[str | None, typer.Option(help="The addressee's own number for the case.")] = None,
    rejected: Annotated[bool, typer.Option("--rejected", help="It was not taken; say why with --reason.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why it was not taken.")] = None,
    to: To = None,
    by: By = None,
) -> None:
    """Enter an answer that came by letter or telephone; those that come as files are taken in of themselves."""
    from sinks.agency import people

    with _desk(registry, case, "rejected" if rejected else "acknowledged") as (desk, who):
        desk.say(
            lambda: people.answered(
                desk.act(case, to, by or who), accepted=not rejected, code=code, reference=reference, reason=reason
            )
        )


@contextmanager
def _desk(registry: str, case: str, done: str) -> Iterator[tuple[Desk, str]]:
    """Where it is said, and by whom; told once it has been."""
    from deploy.logbook import operator
    from deploy.report_desk import Desk

    settings = start()
    definition = settings.definitions((registry,))[registry]
    with settings.clickhouse() as client:
        yield Desk(settings, definition, client), operator()
    typer.echo(f"{registry}: {case}: {done}: sent")
