"""Who and what is followed as tables for people: lists, exposures, carriers, and the generations of all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.tables import HIGHLIGHTED, plain_table
from deploy.words import notice_of, place_name, product_name, subject_name, unit_name
from schemas.subjects import subject_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from deploy.words import Words
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.generations import Generation
    from sinks.clickhouse.queries.carriers import CarrierReading
    from sinks.clickhouse.queries.exposures import ExposureReading
    from sinks.clickhouse.queries.lists import ListReading


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
    entries.caption = notice_of(definition)
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
    table.caption = notice_of(definition)
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
    what = subject_name(definition, group, affected.product) if group else affected.product
    kind = subject_of(affected.product).kind
    if kind == "unit":
        what = f"what {what} put in"
    elif affected.lots and kind != "lot":
        what = f"{what}, lot {', '.join(affected.lots)}"
    title = f"{definition.registry.title.en}: who carries {what}"
    counts = plain_table(title)
    counts.add_column("unit")
    parts = ["persons", "carried", *(["lot_unknown"] if affected.lots else []), "over"]
    for part in parts:
        counts.add_column(_CARRIERS[part], justify="right")
    for code, one in reading.units.items():
        counts.add_row(unit_name(definition, code), *(f"{getattr(one, part):,}" for part in parts))
    if len(reading.units) > 1:
        # a person may carry it at two units, and is called by both
        totals = [sum(getattr(one, part) for one in reading.units.values()) for part in parts]
        counts.add_row("all", *(f"{total:,}" for total in totals), style=HIGHLIGHTED)
    counts.caption = notice_of(definition)
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
