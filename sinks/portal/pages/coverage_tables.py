"""Coverage as facts, tiles and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.portal.charts.tiles import CLASSES, Tile, tile_map
from sinks.portal.pages.coverage_words import (
    bounds_cell,
    limits_of,
    remarks_words,
    share_cell,
    state_or_share,
    state_words,
    target_words,
)
from sinks.portal.pages.pieces import Chart, Column, Fact, Table
from sinks.portal.pages.words import period_name, place_name
from sinks.portal.texts import NOTHING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from schemas.definition.coverage import CoverageDefinition
    from sinks.clickhouse.queries.coverage import CoverageReading, CoverageRow
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts


def coverage_facts(t: Texts, declared: dict[str, CoverageDefinition], rows: Sequence[CoverageRow]) -> list[Fact]:
    """The country by each definition, and what is registered beyond the source."""
    facts = [
        Fact(
            t.of(declared[row.definition].title),
            state_or_share(t, row, adjusted=True),
            target_words(t, row),
            alarming=row.reached is False,
        )
        for row in rows
    ]
    excess = max((row.excess for row in rows), default=0)
    over = max((row.over for row in rows), default=0)
    if excess:
        facts.append(
            Fact(
                t("registered beyond what the source has"),
                t.number(excess),
                t("at %(number)s units; counted unit by unit, so that it hides no gap elsewhere", number=over),
            )
        )
    return facts


def coverage_tiles(asked: Asked, rows: Sequence[CoverageRow], place: str) -> list[Chart]:
    """The country as tiles: counties by region, units by county, regions in a row."""
    t = asked.texts
    units = asked.definition.catalogues["units"].rows.values()
    if not rows or not all({"county", "region"} <= row.keys() for row in units):
        return []
    known = {row.place: row for row in rows}
    if place == "county":
        places = dict.fromkeys((row["region"], row["county"]) for row in units)
    elif place == "region":
        places = dict.fromkeys((t("regions"), row["region"]) for row in units)
    else:
        places = dict.fromkeys((row["county"], row["code"]) for row in units)
    tiles = [_tile(t, row, name, known.get(name)) for row, name in sorted(places)]
    names = {at: _class_name(t, lower, upper) for at, (lower, upper) in enumerate(CLASSES)}
    says = t(
        "A tile for each place, coloured and written by its coverage. %(number)s of %(all)s can be judged.",
        number=sum(one.share is not None for one in tiles),
        all=len(tiles),
    )
    spec = tile_map(tiles, legend=t("coverage"), nothing=t("cannot be judged"), classes=names, language=asked.language)
    table = Table(
        "tiles",
        t("The tiles"),
        [Column("row", t("row")), Column("place", t("place")), Column("coverage", t("coverage"), "share")],
        [(one.row, place_name(asked, place, one.name), one.share) for one in tiles],
    )
    return [Chart("tiles", t("Coverage over the country"), says, spec, table)]


def _tile(t: Texts, row: str, name: str, found: CoverageRow | None) -> Tile:
    if found is None or found.share is None or found.state != "compared":
        return Tile(row, name, None, NOTHING if found is None else state_words(t, found))
    share = (found.adjusted or found.share).low
    return Tile(row, name, share, f"{t.share(share, 0)}{' *' if found.over else ''}")


def _class_name(t: Texts, lower: float, upper: float | None) -> str:
    if lower == 0:
        return t("below %(upper)s", upper=t.share(upper, 0))
    if upper is None:
        return t("%(lower)s and more", lower=t.share(lower, 0))
    return t("%(lower)s to below %(upper)s", lower=t.share(lower, 0), upper=t.share(upper, 0))


def coverage_table(asked: Asked, rows: Sequence[CoverageRow], place: str, definition: CoverageDefinition) -> Table:
    """Each place by one definition."""
    t = asked.texts
    shown = [
        (
            place_name(asked, place, row.place),
            row.registered,
            *(bounds_cell(t, one) if row.state == "compared" else None for one in (row.found, row.reference)),
            share_cell(t, row, row.share),
            *limits_of(row.share),
            share_cell(t, row, row.adjusted) if row.state == "compared" else None,
            *limits_of(row.adjusted),
            row.excess or None,
            {True: t("yes"), False: t("no"), None: "" if row.target is None else t("cannot be told")}[row.reached],
            remarks_words(t, row),
        )
        for row in rows
    ]
    return Table(
        "coverage",
        t.of(definition.title),
        [
            Column("place", t("place")),
            Column("registered", t("registered"), "number"),
            Column("found", t("found"), "number"),
            Column("of", t("out of"), "number"),
            Column("share", t("share"), "share"),
            Column("lower", t("lower 95 % limit"), "share"),
            Column("upper", t("upper 95 % limit"), "share"),
            Column("adjusted", t("adjusted"), "share"),
            Column("adjusted_lower", t("lower 95 % limit"), "share"),
            Column("adjusted_upper", t("upper 95 % limit"), "share"),
            Column("excess", t("beyond"), "number", note=t("registered beyond what the source has")),
            Column("reached", t("target reached")),
            Column("remarks", t("remarks")),
        ],
        shown,
        note=t(
            "Adjusted: of what is to be expected by now, as the register's own delay has it. Small counts of the "
            "source are told as bounds. *: more is registered than the source has, which is a fault in one of them."
        ),
        marked=frozenset(at for at, row in enumerate(rows) if row.reached is False or row.over),
    )


def over_time_table(asked: Asked, nation: CoverageReading, declared: dict[str, CoverageDefinition], per: str) -> Table:
    """The country by all definitions, the latest period first."""
    t = asked.texts
    cells: dict[date | None, dict[str, CoverageRow]] = {}
    for row in nation.rows:
        cells.setdefault(row.first_day, {})[row.definition] = row
    return Table(
        "over_time",
        t("The country, all definitions"),
        [
            Column("period", t("period")),
            Column("registered", t("registered"), "number"),
            *(Column(name, t.of(one.title), "share") for name, one in declared.items()),
            Column("excess", t("beyond"), "number", note=t("registered beyond what the source has")),
        ],
        [
            (
                period_name(t, first_day, None, per),
                max(row.registered for row in rows.values()),
                *(share_cell(t, rows[name], rows[name].share) if name in rows else None for name in declared),
                max(row.excess for row in rows.values()) or None,
            )
            for first_day, rows in reversed(cells.items())
        ],
    )
