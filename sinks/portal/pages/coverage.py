"""How much of what is done is registered: by county, region and unit, as a table and as tiles; and how completely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from fastapi import APIRouter

from sinks.clickhouse.queries.coverage import Per, compare, read_coverage
from sinks.clickhouse.queries.coverage_counts import Counted, NoCoverageError
from sinks.portal.guard import AskError
from sinks.portal.pages.asking import day_of, one_of
from sinks.portal.pages.completeness import completeness_sections
from sinks.portal.pages.coverage_tables import coverage_facts, coverage_table, coverage_tiles, over_time_table
from sinks.portal.pages.coverage_words import meaning_words
from sinks.portal.pages.pieces import Field, Form, Option, Page, Section
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.words import notice_of, period_name, title_of, trail

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from schemas.definition.coverage import Coverage, CoverageDefinition
    from sinks.clickhouse.queries.coverage import CoverageReading
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts

_Place = Literal["county", "region", "unit"]


def router() -> APIRouter:
    """The page's route."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/coverage", "coverage", _page, renewed="for all")
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
            *completeness_sections(asked),
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
            facts=coverage_facts(t, declared, [row for row in nation.rows if row.first_day == first_day]),
        ),
        Section(
            t.of(declared[name].title),
            text=[meaning_words(t, declared[name], asked)],
            charts=coverage_tiles(asked, rows, place),
            tables=[coverage_table(asked, rows, place, declared[name])],
        ),
        Section(t("The country over time"), tables=[over_time_table(asked, nation, declared, per)]),
        *completeness_sections(asked),
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
