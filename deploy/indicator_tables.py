"""Indicators as tables for people: the nation by year, units beside each other, one in detail."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING

from deploy.tables import HIGHLIGHTED, plain_table
from deploy.words import place_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

    from deploy.words import Words
    from schemas.definition.indicators import Indicator
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.cell_sums import Cut
    from sinks.clickhouse.queries.estimates import Estimate
    from sinks.clickhouse.queries.indicators import IndicatorReading, IndicatorRow

MOST_YEARS = 5
_UNIT_COLUMNS = 4
_HIDDEN = ".."  # one sign, whatever the reason: which of two is the small one is nobody's business


def indicators_of(definition: RegistryDefinition) -> dict[str, Indicator]:
    """Every indicator of a registry by name, in the order declared."""
    return {name: one for cohort in definition.indicators.cohorts.values() for name, one in cohort.indicators.items()}


def overview_table(definition: RegistryDefinition, reading: IndicatorReading, words: Words) -> Table:
    """The nation by year: an indicator a row, the latest years beside each other."""
    declared = indicators_of(definition)
    years = sorted({row.first_day.year for row in reading.rows if row.first_day})[-MOST_YEARS:]
    table = plain_table(f"{words.of(definition.registry.title)}: {words('the nation by year')}")
    table.add_column(words("indicator"), overflow="fold", min_width=20)
    table.add_column(words("target"), justify="right")
    for year in years:
        table.add_column(str(year), justify="right", min_width=11)
    found = {(row.indicator, row.first_day.year): row for row in reading.rows if row.first_day}
    for name in dict.fromkeys(row.indicator for row in reading.rows):
        cells = [_cell(found.get((name, year)), declared[name], words) for year in years]
        table.add_row(words.title(declared[name]), _target(declared[name], words), *cells)
    table.caption = _legend(definition, words)
    return table


def unit_tables(definition: RegistryDefinition, rows: Iterable[IndicatorRow], words: Words) -> list[Table]:
    """Units beside each other, an indicator a column, a few columns a table."""
    declared = indicators_of(definition)
    found = {(row.place, row.indicator): row for row in rows}
    names = list(dict.fromkeys(name for _, name in found))
    tables = []
    for first in range(0, len(names), _UNIT_COLUMNS):
        some = names[first : first + _UNIT_COLUMNS]
        what = words("units, the latest year whose follow-up is over")
        table = plain_table(f"{words.of(definition.registry.title)}: {what}")
        table.add_column(words("unit"), overflow="ellipsis", no_wrap=True)
        for name in some:
            year = next(row.first_day.year for (_, of), row in found.items() if of == name and row.first_day)
            table.add_column(f"{words.title(declared[name])}, {year}", justify="right", overflow="fold")
        for place in sorted({place for place, of in found if of in some}):
            cells = [_cell(found.get((place, name)), declared[name], words, brief=True) for name in some]
            table.add_row(place_name(definition, "unit", place, words), *cells)
        tables.append(table)
    if tables:
        tables[-1].caption = _legend(definition, words)
    return tables


def detail_table(
    definition: RegistryDefinition, name: str, rows: Sequence[IndicatorRow], cut: Cut, words: Words
) -> Table:
    """One indicator with everything that is known of each row."""
    declared = indicators_of(definition)[name]
    target = _target(declared, words)
    table = plain_table(", ".join((words.title(declared), *([f"{words('target')} {target}"] if target else []))))
    table.add_column(words(cut.place), overflow="ellipsis", no_wrap=True)
    table.add_column(words("time"), no_wrap=True)
    for breakdown in cut.breakdown:
        table.add_column(breakdown)
    limits = words("quartiles" if declared.kind == "median" else "95 % limits")
    for heading in (words("n"), words("value"), *(() if declared.kind == "count" else (limits,))):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        cells = [words("nation") if cut.place == "nation" and cut.unit is None else place_name(
            definition, cut.place if cut.unit is None else "unit", row.place or cut.unit or "", words
        )]  # fmt: skip
        cells.append(_time(row, cut, words))
        cells += [value or words("not known") for value in row.breakdown]
        if row.estimate is None:
            cells += [_HIDDEN, "", ""]
        else:
            mark = "" if row.mature else "*"
            cells += [
                words.number(row.estimate.n),
                f"{_value(row.estimate, declared, words)}{mark}",
                _limits(row.estimate, declared, words),
            ]
        table.add_row(*cells[: len(table.columns)], style=HIGHLIGHTED if _worse(row, declared) else None)
    table.caption = _legend(definition, words)
    return table


def _legend(definition: RegistryDefinition, words: Words) -> str:
    lines = [
        words("*: follow-up is not over yet"),
        words("in brackets: 95 % limits, of medians the quartiles"),
        words("highlighted: worse than the target by more than chance"),
        words("..: fewer than are shown, or a number that would give them away"),
    ]
    notice = definition.registry.notice
    return "; ".join(lines) + (f"\n{words.of(notice)}" if notice else "")


def _time(row: IndicatorRow, cut: Cut, words: Words) -> str:
    if row.first_day is None:
        return words("all time")
    match cut.per:
        case "year":
            return str(row.first_day.year)
        case "quarter":
            return f"{row.first_day.year} Q{(row.first_day.month + 2) // 3}"
        case "rolling":
            return f"{row.first_day:%Y-%m} {words('to')} {row.last_day:%Y-%m}"
        case _:
            return f"{row.first_day:%Y-%m}"


def _cell(row: IndicatorRow | None, declared: Indicator, words: Words, *, brief: bool = False) -> str:
    if row is None:
        return "-"
    if row.estimate is None:
        return _HIDDEN
    mark = "" if row.mature else "*"
    value = f"{_value(row.estimate, declared, words)}{mark}"
    if _worse(row, declared):
        value = f"[{HIGHLIGHTED}]{value}[/]"
    if declared.kind == "count":
        return value
    number = f"[dim]n {words.number(row.estimate.n)}[/]"
    limits = _limits(row.estimate, declared, words)
    return (
        f"{value} {number}" if brief else "\n".join(line for line in (value, limits and f"({limits})", number) if line)
    )


def _value(estimate: Estimate, declared: Indicator, words: Words) -> str:
    return "-" if estimate.value is None else _number(estimate.value, declared, words)


def _limits(estimate: Estimate, declared: Indicator, words: Words) -> str:
    low, high = estimate.quartiles or (estimate.lower, estimate.upper)
    if low is None or high is None:
        return ""
    return f"{_number(low, declared, words).removesuffix(' %')} {words('to')} {_number(high, declared, words)}"


def _number(value: float, declared: Indicator, words: Words) -> str:
    match declared.kind:
        case "proportion":
            return f"{words.number(100 * value, 1)} %"
        case "count":
            return words.number(value)
        case "rate":
            return words.number(value, 2)
        case "median":
            return words.number(value, _decimals(declared.resolution))
        case "mean":
            return words.number(value, _decimals(declared.resolution) + 1)


def _decimals(resolution: float) -> int:
    return max(0, -floor(log10(resolution)))


def _target(declared: Indicator, words: Words) -> str:
    if declared.target is None:
        return ""
    bound = {"lower": words("at most"), "higher": words("at least"), None: ""}[declared.direction]
    return f"{bound} {_number(declared.target, declared, words)}".strip()


def _worse(row: IndicatorRow, declared: Indicator) -> bool:
    """Whether even the limit that is nearer to the target misses it."""
    estimate = row.estimate
    if estimate is None or declared.target is None or estimate.lower is None or estimate.upper is None:
        return False
    if declared.direction == "lower":
        return estimate.lower > declared.target
    return declared.direction == "higher" and estimate.upper < declared.target
