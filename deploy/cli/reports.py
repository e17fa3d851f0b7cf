"""Reports to the medicines agency as files: what one says, and whether it may be sent."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli import report_steps
from deploy.cli.options import AsJson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from sinks.agency.icsr.acknowledgement import Acknowledgement

report = typer.Typer(
    no_args_is_help=True,
    subcommand_metavar="ACTION …",
    help="Reports to the medicines agency: `run` drafts, sends and takes answers in; `list` shows what is due, `show` "
    "one case; people `check`, `correct`, `assign`, `nullify` … `read FILE` tells what a file says.\n\n"
    "What a report says is of a person: see to who reads over your shoulder.",
)


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    parent.add_typer(report, name="report", rich_help_panel="Registrations and answers")


report_steps.add_to(report)


@report.command()
def read(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A report in ICH E2B(R3), or an acknowledgement of one.")
    ],
    schema_dir: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="ICH's own schemas as unpacked, to check by them too; they are not ours."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a report says, element by element, and whatever is wrong with it; or what an agency answered.

    Exit 1 where a report breaks a rule, or an agency did not take it.
    """
    from deploy.settings import SettingsError
    from sinks.agency.icsr import codes
    from sinks.agency.icsr.acknowledgement import read_acknowledgement
    from sinks.agency.icsr.parsing import RefusedXMLError, message_of
    from sinks.agency.icsr.xsd import NoSchemaError

    data = file.read_bytes()
    try:
        if message_of(data) == codes.ACKNOWLEDGEMENT:
            whole = _show_answer(read_acknowledgement(data), as_json=as_json)
        else:
            whole = _show_report(data, schema_dir, as_json=as_json)
    except (RefusedXMLError, NoSchemaError) as error:
        raise SettingsError(f"{file}: {error}") from error
    raise typer.Exit(0 if whole else 1)


def _show_report(data: bytes, schema_dir: Path | None, *, as_json: bool) -> bool:
    """Whether nothing is wrong with it."""
    from deploy.tables import console_for
    from sinks.agency.icsr.reader import read as read_batch
    from sinks.agency.icsr.telling import facts_of
    from sinks.agency.icsr.validation import validate
    from sinks.agency.icsr.xsd import schema_findings

    found = read_batch(data)
    findings = [*found.findings, *validate(found.batch, datetime.now(UTC))]
    if schema_dir is not None:
        findings += schema_findings(data, schema_dir)
    facts = facts_of(found.batch)
    if as_json:
        typer.echo(
            json.dumps(
                {"facts": [one._asdict() for one in facts], "findings": [one._asdict() for one in findings]},
                ensure_ascii=False,
            )
        )
        return not findings
    console = console_for()
    console.print(_table("what it says", ("element", "place", "name", "value"), facts))
    if findings:
        console.print(_table("what is wrong", ("element", "place", "what, and what to do"), findings))
    else:
        console.print("nothing is wrong with it, by ICH's table and rules")
    return not findings


def _show_answer(answer: Acknowledgement, *, as_json: bool) -> bool:
    """Whether all was taken."""
    from deploy.tables import console_for

    rows = [
        ("batch", answer.batch, answer.verdict.value, "; ".join(answer.reasons)),
        *(("report", one.identifier, one.verdict.value, "; ".join(one.reasons)) for one in answer.messages),
    ]
    names = ("of", "number", "verdict", "reasons")
    if as_json:
        typer.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], ensure_ascii=False))
    else:
        console_for().print(_table("what the agency answered", names, rows))
    return all(verdict in {"AA", "CA"} for _, _, verdict, _ in rows)


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich.text import Text

    from deploy.tables import plain_table

    table = plain_table(title, *headings)
    for row in rows:
        table.add_row(*map(Text, row))  # as it stands: a file's brackets are no commands of ours
    return table
