"""Results as tables for people: the company view, and the state of everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from deploy.words import notice_of, unit_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.status import Status
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.company import CompanyRow

HIGHLIGHTED = "bold yellow"
_WIDE = 110
_TITLE_WIDTH = 80
_ACCOUNTED = {
    "partition": "partition",
    "waiting": "waiting",
    "decided": "decided",
    "accepted": "accepted",
    "refused": "refused",
    "to load": "loading",
    "archived": "archived",
    "erased": "erased",
    "derived\nto load": "loading_derived",
}
_ACCOUNTS = (
    "waiting: for a verdict; to load: accepted batches and receipts not yet in ClickHouse; derived to load: cells, "
    "exposures, lists, counts and reviews likewise; erased: of persons who opted out"
)
_LEGEND = "per 100: reoperations per 100 component-years, with exact 95 % limits"
# Numbers are never cut short; where a terminal is narrow, the names give way.
_NUMBERS = {"put in": 6, "reop.": 5, "share": 6, "comp.-years": 9, "per 100": 7, "95 % limits": 15}


def console_for(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, or as our tables where there is none."""
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=_WIDE)


def plain_table(title: str, *columns: str, caption: str | None = None) -> Table:
    """A table as all of ours are drawn; its title goes over several lines only where it is long."""
    return Table(
        *columns,
        title=title,
        caption=caption,
        min_width=min(len(title), _TITLE_WIDTH),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


def company_table(
    rows: Sequence[CompanyRow], definition: RegistryDefinition, *, title: str = "", highlight: str | None = None
) -> Table:
    """The company view; a registry's notice stands below it, for it belongs to every showing of its data."""
    by_unit = any(row.unit is not None for row in rows)
    caption = "\n".join(filter(None, (_LEGEND, notice_of(definition))))
    table = plain_table(f"{definition.registry.title.en}: {title or 'company view'}", caption=caption)
    for heading in ("component", "unit" if by_unit else "company"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for heading, width in _NUMBERS.items():
        table.add_column(heading, justify="right", no_wrap=True, min_width=width)
    for row in rows:
        unit = "in all" if row.unit is None else unit_name(definition, row.unit)
        rate, limits = "", ""
        if row.rate is not None and row.lower is not None and row.upper is not None:
            rate, limits = f"{row.rate:.2f}", f"{row.lower:.2f} to {row.upper:.2f}"
        table.add_row(
            row.name or row.component,
            unit if by_unit else row.company,
            f"{row.inserted:,}",
            f"{row.reoperated:,}",
            f"{100 * row.share:.1f} %",
            f"{row.component_years:,.2f}",
            rate,
            limits,
            style=HIGHLIGHTED if row.component == highlight else None,
        )
    return table


def status_tables(status: Status) -> list[Table]:
    """Processes first, then every partition's account, then what does not agree, if anything."""
    processes = Table("process", "well", "lag", "last error", title="Processes", title_justify="left")
    for process in status.processes:
        error = process.last_error or ""
        processes.add_row(process.name, "yes" if process.healthy else "NO", str(process.lag), error)
    accounts = Table(
        title="Registries, per partition",
        caption=_ACCOUNTS,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=0,
    )
    accounts.add_column("registry")
    for heading in _ACCOUNTED:
        accounts.add_column(heading, justify="right", overflow="fold")  # never cut short
    accounts.add_column("agrees")
    for row in status.partitions:
        accounts.add_row(
            f"{row.registry}{' (STOPPED)' if row.registry in status.stopped else ''}",
            *(f"{getattr(row, name):,}" for name in _ACCOUNTED.values()),
            "yes" if row.agrees else "NO",
        )
    problems = Table("registry", "partition", "what", title="What does not agree", title_justify="left")
    for row in status.partitions:
        if not row.agrees:
            problems.add_row(row.registry, str(row.partition), row.problem)
    return [processes, accounts, *([problems] if problems.rows else [])]
