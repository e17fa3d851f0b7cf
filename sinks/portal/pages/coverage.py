"""How much of what is done is registered: by county, region and unit, as a table and as tiles; and how completely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from fastapi import APIRouter

from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.completeness import SMALLEST, read_completeness
from sinks.clickhouse.queries.coverage import Per, compare, read_coverage
from sinks.clickhouse.queries.coverage_counts import Counted, NoCoverageError
from sinks.portal.charts.tiles import CLASSES, Tile, tile_map
from sinks.portal.guard import AskError
from sinks.portal.pages.asking import day_of, one_of
from sinks.portal.pages.pieces import (
    HIDDEN,
    Chart,
    Column,
    Fact,
    Field,
    Form,
    Option,
    Page,
    Section,
    Table,
)
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.words import notice_of, period_name, place_name, title_of, trail
from sinks.portal.texts import NOTHING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from schemas.definition.coverage import Coverage, CoverageDefinition
    from sinks.clickhouse.queries.coverage import CoverageReading, CoverageRow
    from sinks.clickhouse.queries.coverage_shares import Bounds, Share
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts

_Place = Literal["county", "region", "unit"]


def router() -> APIRouter:
    """The page's route."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/coverage", "coverage", _page)
    return routes


def _page(asked: Asked) -> Page:
    t, coverage = asked.texts, asked.definition.coverage
    if coverage is not None:
        return _of_declared(asked, coverage)
    fields = [_form_field(asked)]
    return Page(
        title_of(asked, t("Coverage")),
        [
            Section(
                text=[
                    t("This register declares nothing that its coverage could be held against."),
                    t("Choose a form, and see how complete its registrations are."),
                ],
                forms=[Form("choose", t("Choose"), fields, t("Show"))],
            ),
            *_completeness(asked),
        ],
        trail=trail(asked),
        live=asked.definition.name,
        notice=notice_of(asked),
    )


def _of_declared(asked: Asked, coverage: Coverage) -> Page:
    t, definition, declared = asked.texts, asked.definition, coverage.definitions
    place: _Place = one_of(asked, "place", get_args(_Place), "county")
    per: Per = one_of(asked, "per", get_args(Per), "year")
    name = one_of(asked, "definition", tuple(declared), _first(declared))
    try:
        compared = compare(Counted(asked.client, definition))
        nation = read_coverage(asked.client, definition, place="nation", per=per, comparison=compared)
        reading = read_coverage(asked.client, definition, place=place, per=per, only=name, comparison=compared)
    except NoCoverageError as error:
        raise AskError(str(error)) from error
    times = sorted({row.first_day for row in nation.rows if row.first_day is not None}, reverse=True)
    first_day = _time(asked, nation, name, times) if per != "all" else None
    rows = [row for row in reading.rows if row.first_day == first_day]
    sections = [
        Section(
            forms=[_form(asked, declared, name=name, place=place, per=per, times=times, first_day=first_day)],
            facts=_facts(t, declared, [row for row in nation.rows if row.first_day == first_day]),
        ),
        Section(
            t.of(declared[name].title),
            text=[_meaning(t, declared[name], asked)],
            charts=_tiles(asked, rows, place),
            tables=[_table(asked, rows, place, declared[name])],
        ),
        Section(t("The country over time"), tables=[_over_time(asked, nation, declared, per)]),
        *_completeness(asked),
    ]
    return Page(
        title_of(asked, t("Coverage")),
        sections,
        lead=t(
            "What share of what %(source)s counts is registered. Figures of different registers can be compared only "
            "where they are of the same definition.",
            source=t.of(coverage.source),
        ),
        trail=trail(asked),
        live=definition.name,
        notice=notice_of(asked),
        read_as_of=_as_of(t, reading),
    )


def _first(declared: dict[str, CoverageDefinition]) -> str:
    """The definition shown first: the one of all that the source counts."""
    return next((name for name, one in declared.items() if one.share_of == "everything"), next(iter(declared)))


def _time(asked: Asked, nation: CoverageReading, name: str, times: Sequence[date]) -> date | None:
    """The period asked for; else the latest that can be judged."""
    if said := day_of(asked, "time", times):
        return said
    compared = [row.first_day for row in nation.rows if row.definition == name and row.state == "compared"]
    return compared[-1] if compared else (times[0] if times else None)


def _form(
    asked: Asked,
    declared: dict[str, CoverageDefinition],
    *,
    name: str,
    place: str,
    per: str,
    times: Sequence[date],
    first_day: date | None,
) -> Form:
    t = asked.texts
    places = {"county": t("county"), "region": t("region"), "unit": t("unit")}
    pers = {"month": t("month"), "quarter": t("quarter"), "year": t("year"), "all": t("all time")}
    fields = [
        Field(
            "definition",
            t("definition"),
            "select",
            name,
            [Option(one, t.of(said.title)) for one, said in declared.items()],
        ),
        Field("place", t("by"), "select", place, [Option(one, said) for one, said in places.items()]),
        Field("per", t("per"), "select", per, [Option(one, said) for one, said in pers.items()]),
    ]
    if first_day is not None:
        options = [Option(day.isoformat(), period_name(t, day, None, per)) for day in times]
        fields.append(Field("time", t("period"), "select", first_day.isoformat(), options))
    return Form("choose", t("Choose"), [*fields, _form_field(asked)], t("Show"))


def _form_field(asked: Asked) -> Field:
    t = asked.texts
    forms = [Option("", t("none")), *(Option(form, form) for form in asked.definition.forms)]
    return Field("form", t("completeness of the form"), "select", asked.one("form"), forms)


def _facts(t: Texts, declared: dict[str, CoverageDefinition], rows: Sequence[CoverageRow]) -> list[Fact]:
    facts = [
        Fact(
            t.of(declared[row.definition].title),
            _state_or_share(t, row, adjusted=True),
            _target(t, row),
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


def _target(t: Texts, row: CoverageRow) -> str:
    if row.target is None:
        return ""
    said = {
        True: t("the target of %(target)s is reached", target=t.share(row.target, 0)),
        False: t("the target of %(target)s is not reached", target=t.share(row.target, 0)),
        None: t("whether the target of %(target)s is reached cannot be told", target=t.share(row.target, 0)),
    }
    return said[row.reached]


def _meaning(t: Texts, definition: CoverageDefinition, asked: Asked) -> str:
    counts = asked.definition.coverage.counts if asked.definition.coverage else {}
    reference = " + ".join(t.of(counts[one]) for one in definition.reference)
    found = t("registrations") if definition.found is None else t.of(counts[definition.found])
    match definition.share_of:
        case "units":
            return t(
                "Of the units that the source knows something of (%(reference)s), those that registered anything in "
                "the period.",
                reference=reference,
            )
        case "registering_units":
            return t(
                "Of what the source counts (%(reference)s) at units that registered anything in the period: %(found)s.",
                reference=reference,
                found=found,
            )
        case "everything":
            return t("Of all that the source counts (%(reference)s): %(found)s.", reference=reference, found=found)


def _tiles(asked: Asked, rows: Sequence[CoverageRow], place: str) -> list[Chart]:
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
        return Tile(row, name, None, NOTHING if found is None else _state(t, found))
    share = (found.adjusted or found.share).low
    return Tile(row, name, share, f"{t.share(share, 0)}{' *' if found.over else ''}")


def _class_name(t: Texts, lower: float, upper: float | None) -> str:
    if lower == 0:
        return t("below %(upper)s", upper=t.share(upper, 0))
    if upper is None:
        return t("%(lower)s and more", lower=t.share(lower, 0))
    return t("%(lower)s to below %(upper)s", lower=t.share(lower, 0), upper=t.share(upper, 0))


def _table(asked: Asked, rows: Sequence[CoverageRow], place: str, definition: CoverageDefinition) -> Table:
    t = asked.texts
    shown = [
        (
            place_name(asked, place, row.place),
            row.registered,
            *(_bounds(t, one) if row.state == "compared" else None for one in (row.found, row.reference)),
            _share_cell(t, row, row.share),
            *_limits(row.share),
            _share_cell(t, row, row.adjusted) if row.state == "compared" else None,
            *_limits(row.adjusted),
            row.excess or None,
            {True: t("yes"), False: t("no"), None: "" if row.target is None else t("cannot be told")}[row.reached],
            _remarks(t, row),
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


def _over_time(asked: Asked, nation: CoverageReading, declared: dict[str, CoverageDefinition], per: str) -> Table:
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
                *(_share_cell(t, rows[name], rows[name].share) if name in rows else None for name in declared),
                max(row.excess for row in rows.values()) or None,
            )
            for first_day, rows in reversed(cells.items())
        ],
    )


def _completeness(asked: Asked) -> list[Section]:
    t, form = asked.texts, asked.one("form")
    if not form:
        return []
    try:
        found = read_completeness(asked.client, asked.definition, form)
    except CannotBeReadError as error:
        raise AskError(str(error)) from error
    fields = [Column(field.name, field.name, "share", note=field.doc) for field in found.fields]
    units = [one for one in (found.nation, *found.units) if one is not None]
    rows = [
        (
            place_name(asked, "unit" if one.unit else "nation", one.unit),
            HIDDEN if one.n is None else one.n,
            *([HIDDEN] * len(fields) if one.known is None else one.known),
        )
        for one in units
    ]
    table = Table(
        "completeness",
        t("Completeness of %(form)s", form=form),
        [Column("unit", t("unit")), Column("registrations", t("registrations"), "number"), *fields],
        rows,
        note=t(
            "The share of living registrations that has each variable which may be absent; some are absent by nature. "
            "Units with fewer than %(smallest)s registrations are not shown.",
            smallest=SMALLEST,
        ),
    )
    return [Section(t("How complete registrations are"), tables=[table])]


def _state(t: Texts, row: CoverageRow) -> str:
    return {"compared": "", "too early": t("too early"), "no counts": t("no counts")}[row.state]


def _state_or_share(t: Texts, row: CoverageRow, *, adjusted: bool = False) -> str:
    if row.state != "compared":
        return _state(t, row)
    return _share(t, (row.adjusted if adjusted else None) or row.share)


def _share(t: Texts, share: Share | None) -> str:
    if share is None:
        return NOTHING
    low, high = t.share(share.low), t.share(share.high)
    return low if low == high else t("%(lower)s to %(upper)s", lower=low, upper=high)


def _share_cell(t: Texts, row: CoverageRow, share: Share | None) -> float | str | None:
    """A share as a number where it is one; bounds and what cannot be judged in words."""
    if row.state != "compared":
        return _state(t, row)
    if share is None:
        return None
    return share.low if share.low == share.high else _share(t, share)


def _limits(share: Share | None) -> tuple[float | None, float | None]:
    return (None, None) if share is None else (share.lower, share.upper)


def _bounds(t: Texts, bounds: Bounds) -> int | str:
    if bounds.low == bounds.high:
        return bounds.low
    return t("%(lower)s to %(upper)s", lower=t.number(bounds.low), upper=t.number(bounds.high))


def _remarks(t: Texts, row: CoverageRow) -> str:
    said = []
    if row.early:
        said.append(t("%(number)s months too early", number=row.early))
    if row.uncompared:
        said.append(t("%(number)s registered in months without counts", number=t.number(row.uncompared)))
    if row.over:
        said.append(t("* more than the source has, at %(number)s units", number=row.over))
    return "; ".join(said)


def _as_of(t: Texts, reading: CoverageReading) -> str:
    if reading.until is None:
        return t("Nothing is registered yet.")
    if reading.mature is None or not reading.delay_learnt_from:
        return t(
            "As of %(day)s. No month is old enough yet to learn the register's delay from, so nothing is adjusted.",
            day=t.day(reading.until),
        )
    return t(
        "As of %(day)s. The delay was learnt from %(number)s registrations of %(first)s to %(last)s.",
        day=t.day(reading.until),
        number=t.number(reading.delay_learnt_from),
        first=t.month(reading.mature[0]),
        last=t.month(reading.mature[1]),
    )
