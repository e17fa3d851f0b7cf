"""Derived values as tables for people: indicators, lists, exposures, generations."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.table import Table

from deploy.tables import HIGHLIGHTED
from schemas.definition.form import CatalogueCodes
from schemas.definition.monitors import BETWEEN
from schemas.version import epoch_and_offset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from schemas.definition.indicators import Indicator
    from schemas.definition.registry import RegistryDefinition
    from schemas.definition.text import Text
    from sinks.clickhouse.generations import Generation
    from sinks.clickhouse.queries.carriers import CarrierReading
    from sinks.clickhouse.queries.cell_sums import Cut
    from sinks.clickhouse.queries.estimates import Estimate
    from sinks.clickhouse.queries.exposures import ExposureReading
    from sinks.clickhouse.queries.indicators import IndicatorReading, IndicatorRow
    from sinks.clickhouse.queries.lists import ListReading

Language = Literal["en", "sv"]

MOST_YEARS = 5
_UNIT_COLUMNS = 4
_TITLE_WIDTH = 80
_HIDDEN = ".."  # one sign, whatever the reason: which of two is the small one is nobody's business
_SWEDISH: Mapping[str, str] = {
    "the nation by year": "riket per år",
    "units, the latest year whose follow-up is over": "enheter, det senaste året vars uppföljning är avslutad",
    "indicator": "indikator",
    "target": "målvärde",
    "unit": "enhet",
    "county": "län",
    "region": "region",
    "nation": "riket",
    "time": "tid",
    "n": "n",
    "value": "värde",
    "95 % limits": "95 % gränser",
    "quartiles": "kvartiler",
    "at least": "minst",
    "at most": "högst",
    "all time": "hela tiden",
    "to": "till",
    "per {} person-years": "per {} personår",
    "not known": "okänt",
    "*: follow-up is not over yet": "*: uppföljningen är inte avslutad",
    "in brackets: 95 % limits, of medians the quartiles": "inom parentes: 95 % gränser, för medianer kvartilerna",
    "highlighted: worse than the target by more than chance": "markerat: sämre än målvärdet, mer än av en slump",
    "..: fewer than are shown, or a number that would give them away": "..: färre än vad som visas, eller ett tal som "
    "skulle röja dem",
}


class Words:
    """Titles and headings in one of the two languages."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def __call__(self, english: str) -> str:
        """A word of the tables."""
        return english if self._language == "en" else _SWEDISH[english]

    def of(self, text: Text) -> str:
        """What is declared in both languages."""
        return text.en if self._language == "en" else text.sv

    def title(self, declared: Indicator) -> str:
        """An indicator's title, with what its value is measured in."""
        said = self.of(declared.title)
        if declared.kind == "rate" and " per " not in said:
            return f"{said} ({self('per {} person-years').format(f'{declared.per_years:,.0f}')})"
        measured_in = getattr(declared, "measured_in", "")
        return f"{said} ({measured_in})" if measured_in and measured_in not in said.lower() else said

    def number(self, value: float, decimals: int = 0) -> str:
        """A number as the language writes it."""
        written = f"{value:,.{decimals}f}"
        return written if self._language == "en" else written.replace(",", "\N{NO-BREAK SPACE}").replace(".", ",")


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


def list_tables(definition: RegistryDefinition, reading: ListReading, words: Words) -> list[Table]:
    """How many entries each unit has, then the entries; registration ids, by which a clinic finds its patients."""
    counts = plain_table(f"{definition.registry.title.en}: {reading.name}, by unit")
    counts.add_column("unit")
    counts.add_column("entries", justify="right")
    for unit, count in reading.units.items():
        counts.add_row(place_name(definition, "unit", unit, words), f"{count:,}")
    counts.add_row("in all", f"{sum(reading.units.values()):,}", style="bold")
    entries = plain_table("")
    for heading in ("unit", "day", "form", "registration", *reading.columns):
        entries.add_column(heading, overflow="fold")
    for one in reading.entries:
        entries.add_row(one.unit, one.day.isoformat(), one.form, one.registration_id, *one.shown)
    notice = definition.registry.notice
    entries.caption = notice.en if notice else None
    return [counts, entries] if reading.entries else [counts]


def exposure_table(definition: RegistryDefinition, reading: ExposureReading) -> Table:
    """Every product of every monitor group."""
    table = plain_table(f"{definition.registry.title.en}: exposures until {reading.until}")
    for heading in ("group", "product"):
        table.add_column(heading, overflow="ellipsis", no_wrap=True)
    for heading in ("began", "open", "ended", "with outcome", "outcomes", "own", "not known", "years"):
        table.add_column(heading, justify="right", no_wrap=heading != "ended")
    for row in reading.rows:
        ended = ", ".join(f"{reason} {count:,}" for reason, count in sorted(row.ended.items()))
        share = f"{row.with_outcome:,} ({100 * row.with_outcome / row.exposures:.1f} %)"
        table.add_row(
            row.group, product_name(definition, row.group, row.product), f"{row.exposures:,}", f"{row.still_open:,}",
            ended, share, f"{row.outcomes:,}", f"{row.specific:,}", f"{row.unknown:,}", f"{row.years:,.1f}",
        )  # fmt: skip
    notice = definition.registry.notice
    table.caption = notice.en if notice else None
    return table


_CARRIERS = {
    "persons": "persons to call",
    "carried": "carried",
    "lot_unknown": "of no known lot",
    "over": "no more: taken out or dead",
}


def carrier_tables(definition: RegistryDefinition, reading: CarrierReading, most: int) -> list[Table]:
    """How many persons carry a product at each unit, and the first ``most`` of them, where any are asked for."""
    group = next((one.group for one in reading.carriers), None)
    affected = reading.affected
    name = product_name(definition, group, affected.product) if group else affected.product
    what = f"{name}, lot {', '.join(affected.lots)}" if affected.lots else name
    title = f"{definition.registry.title.en}: who carries {what}"
    counts = plain_table(title)
    counts.add_column("unit")
    parts = ["persons", "carried", *(["lot_unknown"] if affected.lots else []), "over"]
    for part in parts:
        counts.add_column(_CARRIERS[part], justify="right")
    units = definition.catalogues["units"].rows if "units" in definition.catalogues else {}
    for code, one in reading.units.items():
        known = f"{code} {units.get(code, {}).get('name', '')}".strip()
        counts.add_row(known, *(f"{getattr(one, part):,}" for part in parts))
    if len(reading.units) > 1:
        # a person may carry it at two units, and is called by both
        totals = [sum(getattr(one, part) for one in reading.units.values()) for part in parts]
        counts.add_row("all", *(f"{total:,}" for total in totals), style=HIGHLIGHTED)
    notice = definition.registry.notice
    counts.caption = notice.en if notice else None
    if not most or not reading.carriers:
        return [counts]
    carriers = plain_table("")
    for heading in ("registration", "put in", "side", "lot", "outcome since", "state", ""):
        carriers.add_column(heading, no_wrap=heading == "registration")
    for carrier in reading.carriers[:most]:
        outcome = carrier.outcome.isoformat() if carrier.outcome else ""
        moved = f"put in at {carrier.put_in_at}" if carrier.put_in_at != carrier.unit else ""
        carriers.add_row(
            carrier.registration_id, carrier.since.isoformat(), carrier.side, carrier.lot, outcome,
            carrier.state.replace("_", " "), ", ".join(filter(None, (moved, "emigrated" if carrier.abroad else ""))),
        )  # fmt: skip
    return [counts, carriers]


def generations_table(
    definition: RegistryDefinition, found: Sequence[Generation], signals: Mapping[str, int | None]
) -> Table:
    """Every generation and how far it is.

    Args:
        definition: the registry as declared.
        found: its generations.
        signals: of those that watch products, how many messages are still on their way from exposures to signals;
            None where its surveillance has never run.
    """
    table = plain_table(f"{definition.registry.title.en}: generations")
    for heading in ("generation", "readers", "declared now", "reaches the archive", "has its signals"):
        table.add_column(heading)
    for heading in ("cells", "exposures"):
        table.add_column(heading, justify="right")
    for one in found:
        behind = f"{sum(one.behind.values()):,} submissions behind" if one.behind else "yes"
        declared = "yes" if one.name == definition.generation else "no"
        readers = "use it" if one.current else ""
        has_signals = _has_signals(signals[one.name]) if one.name in signals else ""
        table.add_row(one.name, readers, declared, behind, has_signals, f"{one.cells:,}", f"{one.exposures:,}")
    return table


def _has_signals(behind: int | None) -> str:
    if behind is None:
        return "surveillance has not run"
    return f"{behind:,} messages behind" if behind else "yes"


def origin_line(generation: str, through: Mapping[int, int], until: date | None = None) -> str:
    """Which generation something was read from, and through which submissions: partition, epoch and offset."""
    places = []
    for partition, version in sorted(through.items()):
        epoch, offset = epoch_and_offset(version)
        places.append(f"{partition}: {epoch}/{offset}")
    day = f" as of {until};" if until else ""
    return (
        f"{day} generation {generation}, through (partition: epoch/offset) {', '.join(places) or 'nothing yet'}".strip()
    )


def place_name(definition: RegistryDefinition, place: str, code: str, words: Words) -> str:
    """A unit's code and name; a county or region as it is."""
    if not code:
        return words("not known")
    if place != "unit" or "units" not in definition.catalogues:
        return code
    return f"{code} {definition.catalogues['units'].rows.get(code, {}).get('name', '')}".strip()


def product_name(definition: RegistryDefinition, group: str, product: str) -> str:
    """What a product, or each of a construct's, is called; its code where it has no name."""
    exposure = definition.monitors.exposures[group]
    fields = {one.name: one for one in definition.forms[exposure.form].fields}
    codes = product.split(BETWEEN) if len(exposure.product) > 1 else [product]
    if len(codes) != len(exposure.product):
        return product  # a code has that text in itself
    names = []
    for name, code in zip(exposure.product, codes, strict=True):
        declared = fields[name].codes
        known = declared.catalogue if isinstance(declared, CatalogueCodes) else None
        names.append("" if known is None else definition.catalogues[known].rows.get(code, {}).get("name", ""))
    return BETWEEN.join(name or code for name, code in zip(names, codes, strict=True))


def plain_table(title: str) -> Table:
    """A table as all of ours are drawn."""
    return Table(
        title=title,
        min_width=min(len(title), _TITLE_WIDTH),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


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
