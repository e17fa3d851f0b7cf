"""Coverage and compliance as tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.tables import HIGHLIGHTED, plain_table
from deploy.words import notice_of
from schemas.definition.coverage_checks import UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from rich.table import Table

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.compliance import Compliance, ComplianceRow
    from sinks.clickhouse.queries.coverage import CoverageReading, CoverageRow
    from sinks.clickhouse.queries.coverage_shares import Bounds, Share

_NONE = "-"


def overview_table(reading: CoverageReading, definition: RegistryDefinition) -> Table:
    """All definitions side by side: one row per place and period."""
    names = list(dict.fromkeys(row.definition for row in reading.rows))
    table = plain_table(f"{definition.registry.title.en}: coverage", caption=_legend(reading, definition))
    _names_first(table, reading.place, "period")
    _numbers(table, "registered", *names)
    table.add_column("remarks")
    cells: dict[tuple[str, date | None], dict[str, CoverageRow]] = {}
    for row in reading.rows:
        cells.setdefault((row.place, row.first_day), {})[row.definition] = row
    for (place, _), rows in cells.items():
        any_row = next(iter(rows.values()))
        table.add_row(
            _place(definition, reading.place, place),
            _period(reading, any_row.first_day),
            f"{any_row.registered:,}",
            *(state_or_share(rows[name]) for name in names),
            _remarks(any_row),
            style=HIGHLIGHTED if any_row.over else None,
        )
    return table


def definition_table(reading: CoverageReading, definition: RegistryDefinition, name: str) -> Table:
    """One definition: raw and adjusted, each with its limits."""
    declared = definition.coverage.definitions[name] if definition.coverage else None
    title = declared.title.en if declared else name
    table = plain_table(f"{definition.registry.title.en}: {title}", caption=_legend(reading, definition))
    _names_first(table, reading.place, "period")
    _numbers(table, "found", "of", "share", "95 % limits", "adjusted", "95 % limits")
    if declared and declared.target is not None:
        _numbers(table, f"≥ {_percent(declared.target)}")
    table.add_column("remarks")
    for row in reading.rows:
        target = () if row.target is None else ({True: "yes", False: "NO", None: "?"}[row.reached],)
        compared = row.state == "compared"
        table.add_row(
            _place(definition, reading.place, row.place),
            _period(reading, row.first_day),
            _number(row.found) if compared else _NONE,
            _number(row.reference) if compared else _NONE,
            state_or_share(row),
            _limits(row.share),
            _share(row.adjusted) if compared else _NONE,
            _limits(row.adjusted),
            *(target if compared else ("",) * len(target)),
            _remarks(row),
            style=HIGHLIGHTED if row.over else None,
        )
    return table


def compliance_table(found: Compliance, definition: RegistryDefinition) -> Table:
    """One row per unit, those to be asked first."""
    silence = definition.coverage.silence if definition.coverage else None
    allowed = (
        f"; silent: longer than {silence.after_days} days, with {silence.expected_at_least:g} registrations or more "
        f"to be expected since; late: after more than {silence.late_after_days} days"
        if silence
        else ""
    )
    caption = f"as of {found.until or 'no day: nothing is registered'}{allowed}"
    table = plain_table(
        f"{definition.registry.title.en}: who has not reported for how long", caption=_with_notice(caption, definition)
    )
    _names_first(table, "unit")
    table.add_column("state", no_wrap=True)
    _numbers(table, "registered", "latest", "recorded", "days since", "usual interval", "expected since", "late")
    for row in found.rows:
        table.add_row(*_compliance_cells(row, definition), style=HIGHLIGHTED if row.over else None)
    return table


def _compliance_cells(row: ComplianceRow, definition: RegistryDefinition) -> Sequence[str]:
    state: str = row.state
    if row.state == "silent":
        state = f"has not reported for {row.days} days"
    elif row.state == "never reported" and row.known_to_source is not None:
        state = f"never reported; the source knows of {_number(row.known_to_source)} in a year"
    return (
        _place(definition, "unit", row.unit),
        state,
        f"{row.registered:,}",
        str(row.last_on or _NONE),
        str(row.last_recorded or _NONE),
        _NONE if row.days is None else str(row.days),
        _NONE if row.usual_interval is None else f"{row.usual_interval:g}",
        _NONE if row.expected is None else f"{row.expected:.1f}",
        _NONE if row.late is None else _percent(row.late),
    )


def _names_first(table: Table, *headings: str) -> None:
    for heading in headings:
        table.add_column(heading, no_wrap=True, overflow="ellipsis")


def _numbers(table: Table, *headings: str) -> None:
    """Numbers are never cut short; a heading may go over several lines."""
    for heading in headings:
        table.add_column(heading.replace("_", " "), justify="right", min_width=5)


def _legend(reading: CoverageReading, definition: RegistryDefinition) -> str:
    learnt = (
        f"the delay was learnt from {reading.delay_learnt_from:,} registrations of "
        f"{reading.mature[0]:%Y-%m} to {reading.mature[1]:%Y-%m}"
        if reading.mature and reading.delay_learnt_from
        else "no month is old enough yet to learn the register's delay from, so nothing is adjusted or too early"
    )
    return _with_notice(f"as of {reading.until}, against: {reading.source}; {learnt}", definition)


def _with_notice(caption: str, definition: RegistryDefinition) -> str:
    return "\n".join(filter(None, (caption, notice_of(definition))))


def _place(definition: RegistryDefinition, by: str, place: str) -> str:
    if by == "nation":
        return "the nation"
    if by != "unit":
        return place or "(in no catalogue)"
    row = definition.catalogues[UNITS].rows.get(place)
    return f"{place} {row['name'] if row else '(in no catalogue)'}".strip()


def _period(reading: CoverageReading, first_day: date | None) -> str:
    if first_day is None:
        return "all"
    written = {"year": f"{first_day:%Y}", "quarter": f"{first_day:%Y} Q{(first_day.month + 2) // 3}"}
    return written.get(reading.per, f"{first_day:%Y-%m}")


def state_or_share(row: CoverageRow) -> str:
    """A row's share in per cent, from and to where it is not known exactly; or why there is none."""
    return _share(row.share) if row.state == "compared" else row.state


def _share(share: Share | None) -> str:
    if share is None:
        return _NONE
    low, high = _percent(share.low), _percent(share.high)
    return low if low == high else f"{low.removesuffix(' %')} to {high}"


def _limits(share: Share | None) -> str:
    if share is None:
        return ""
    if share.lower is None or share.upper is None:
        return "beyond 100 %"
    return f"{100 * share.lower:.1f} to {100 * share.upper:.1f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _number(bounds: Bounds) -> str:
    return f"{bounds.low:,}" if bounds.low == bounds.high else f"{bounds.low:,} to {bounds.high:,}"


def _remarks(row: CoverageRow) -> str:
    remarks = []
    if row.over:
        at = f" at {row.over} units" if row.over > 1 else ""
        remarks.append(f"{row.excess:,} more than the source has{at}")
    if row.early and row.state == "compared":
        remarks.append(f"{row.early} unit-months too early" if row.early > 1 else "1 month too early")
    if row.uncompared:
        remarks.append(f"{row.uncompared:,} registered where the source tells nothing")
    return "; ".join(remarks)
