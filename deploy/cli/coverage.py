"""Counts of another source uploaded; coverage and silence of the units read."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from deploy.cli.options import AsJson, Registry
from deploy.cli.start import start

Until = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="As of this day; else the latest on which anything was recorded."),
]
_PANEL = "Registrations and answers"


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    for command in (counts, coverage, compliance):
        parent.command(rich_help_panel=_PANEL)(command)


def counts(
    registry: Registry,
    file: Annotated[Path, typer.Argument(help="CSV with the columns unit, period, measure, count.")],
    as_of: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Day on which the source counted.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file, send nothing.")] = False,
) -> None:
    """Upload what another source (the patient register) counts per unit and month; only counts, never rows.

    period is YYYY-MM, a month that was over on the day of --as-of; measure is one of the counts that the registry's
    coverage.yaml declares; count is a whole number, or <5 where the source does not tell smaller ones (it is then
    taken to be 1 to 4). Every wrong row is named by its line, and nothing is sent unless all are right. Of a unit,
    month and measure the latest upload counts, so a file may be sent again, or correct an earlier one.

    Exit 0: sent (or right); 2: refused, or could not run.
    """
    from streams.publish.publisher import now_ms
    from streams.publish.send_counts import send_counts
    from streams.publish.unit_counts import read_counts

    settings = start()
    definition = settings.definitions((registry,))[registry]
    day = as_of.date()
    read = read_counts(file, definition, day)
    hidden = sum(one.count is None for one in read)
    about = f"{len(read):,} counts about {len({one.unit for one in read}):,} units, {hidden:,} of them not told exactly"
    if dry_run:
        print(f"{registry}: {about}; all right, nothing was sent")
        return
    send_counts(settings.kafka_config(), definition, read, as_of=day, uploaded_at=now_ms())
    print(f"{registry}: {about}, as of {day}: sent")


def coverage(
    registry: Registry,
    by: Annotated[
        Literal["unit", "county", "region", "nation"], typer.Option(help="Whose months are put together.")
    ] = "unit",
    per: Annotated[Literal["month", "quarter", "year", "all"], typer.Option(help="Over which time.")] = "year",
    definition: Annotated[
        str | None, typer.Option(help="One declared definition, with limits and adjustment; else all side by side.")
    ] = None,
    until: Until = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Months that begin from this day on.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Months that end by this day.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The share of what another source counts that is registered, by the declared definitions.

    A month is compared only where the source has told of it, and is too early where too little of it is to be
    expected yet. With --definition both shares are shown: the raw one, and the one adjusted for the register's own
    delay. What is registered beyond the source's count is shown as such, never cut off at 100 %. A count that the
    source does not tell makes the share a range.

    Exit 0, whatever the coverage.
    """
    from deploy.coverage_tables import definition_table, overview_table
    from deploy.tables import console_for
    from sinks.clickhouse.queries.coverage import read_coverage

    settings = start()
    declared = settings.definitions((registry,))[registry]
    with settings.clickhouse() as client, _told_in_words(registry):
        reading = read_coverage(
            client, declared, place=by, per=per, only=definition, until=_day(until), first=_day(first), last=_day(last)
        )
    if as_json:
        print(json.dumps(asdict(reading), ensure_ascii=False, default=str))
    elif not reading.rows:
        print(f"there is nothing to compare in {registry} yet")
    elif definition is None:
        console_for().print(overview_table(reading, declared))
    else:
        console_for().print(definition_table(reading, declared, definition))


def compliance(registry: Registry, until: Until = None, as_json: AsJson = False) -> None:
    """Which unit has not reported for how long: every unit of the catalogue, those to be asked first.

    Silence is counted from the day on which a unit last recorded anything. It is over the threshold where it lasts
    longer than coverage.yaml allows and, at the unit's usual pace, so many registrations are missing as it says.
    Without --until the day is the latest on which any unit recorded anything: where all may have fallen silent,
    give today's.

    Exit 0: every unit reports; 1: one is over the threshold, or has never reported; 2: could not run.
    """
    from deploy.coverage_tables import compliance_table
    from deploy.tables import console_for
    from sinks.clickhouse.queries.compliance import read_compliance

    settings = start()
    declared = settings.definitions((registry,))[registry]
    with settings.clickhouse() as client, _told_in_words(registry):
        found = read_compliance(client, declared, until=_day(until))
    if as_json:
        rows = [{**asdict(row), "over": row.over} for row in found.rows]
        print(json.dumps({"until": found.until, "rows": rows}, ensure_ascii=False, default=str))
    else:
        console_for().print(compliance_table(found, declared))
    raise typer.Exit(int(any(row.over for row in found.rows)))


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


@contextmanager
def _told_in_words(registry: str) -> Iterator[None]:
    """A registry without coverage, or without what is asked for, is told of as a wrong setting is."""
    from deploy.settings import SettingsError
    from sinks.clickhouse.queries.coverage_counts import NoCoverageError

    try:
        yield
    except NoCoverageError as error:
        raise SettingsError(f"no coverage of {registry}: {error}") from error
