"""One indicator: the country, places against it in a funnel and a league that shows how unsure it is, and over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from fastapi import APIRouter

from sinks.clickhouse.generations import GenerationError, readable
from sinks.clickhouse.queries.cell_sums import CannotBeReadError, Per, Place, refuse_unreadable
from sinks.clickhouse.queries.indicators import Cut, cohorts_of, read_indicators
from sinks.portal.guard import NotFoundError
from sinks.portal.pages.asking import day_of, one_of
from sinks.portal.pages.indicator_parts import (
    LIMITS,
    Chosen,
    breakdown_title,
    broken_down,
    codes_of,
    compared,
    facts_of,
    followed,
)
from sinks.portal.pages.indicators import latest_mature, nothing_yet
from sinks.portal.pages.pieces import (
    Field,
    Form,
    Link,
    Option,
    Page,
    Section,
)
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.words import (
    indicator_title,
    notice_of,
    period_name,
    place_name,
    read_as_of,
    trail,
)

if TYPE_CHECKING:
    from datetime import date

    from schemas.definition.indicators import Cohort
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.indicators import IndicatorReading
    from sinks.portal.portal import Asked

_PLACES: tuple[Place, ...] = ("unit", "county", "region")


def router() -> APIRouter:
    """The page's route."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/indicators/{indicator}", "indicators", _page, renewed="for all")
    return routes


def _page(asked: Asked) -> Page:
    t = asked.texts
    name = asked.request.path_params["indicator"]
    try:
        definition = readable(asked.client, asked.definition)
        (cohort_name,) = cohorts_of(definition, [name])
    except GenerationError:
        return nothing_yet(asked, name)
    except CannotBeReadError as error:
        raise NotFoundError from error
    chosen = _chosen(asked, definition, cohort_name, name)
    nation = _read(asked, name, Cut("nation", chosen.per))
    places = _read(asked, name, Cut(chosen.place, chosen.per))
    time = _time(asked, nation)
    now = next((row for row in nation.rows if row.first_day == time), None)
    title = indicator_title(t, chosen.indicator)
    sections = [
        Section(facts=facts_of(t, chosen, now), forms=[_form(asked, chosen, nation, places, time)]),
        compared(asked, chosen, now, [row for row in places.rows if row.first_day == time]),
        followed(asked, chosen, nation, places),
    ]
    if chosen.by:
        broken = _read(asked, name, Cut("nation", chosen.per, (chosen.by,)))
        sections.append(broken_down(asked, chosen, [row for row in broken.rows if row.first_day == time]))
    return Page(
        title,
        sections,
        lead=t.of(chosen.cohort.title),
        trail=trail(asked, Link(t("Indicators"), f"/r/{definition.name}/indicators")),
        live=definition.name,
        notice=notice_of(asked),
        read_as_of=read_as_of(asked, nation.until, nation.generation, nation.through),
    )


def _read(asked: Asked, name: str, cut: Cut) -> IndicatorReading:
    return read_indicators(asked.client, asked.definition, [name], cut=cut)


def _chosen(asked: Asked, definition: RegistryDefinition, cohort_name: str, name: str) -> Chosen:
    cohort = definition.indicators.cohorts[cohort_name]
    return Chosen(
        name=name,
        indicator=cohort.indicators[name],
        cohort=cohort,
        place=one_of(asked, "place", _places(definition), "unit"),
        per=one_of(asked, "per", _pers(cohort_name, cohort), "year"),
        by=one_of(asked, "by", ("", *cohort.by), ""),
        of=asked.one("of"),
        places=_places(definition),
        pers=_pers(cohort_name, cohort),
        limits=one_of(asked, "limits", LIMITS, "chance"),
    )


def _pers(name: str, cohort: Cohort) -> tuple[Per, ...]:
    """Over which time the cohort's cells can be read."""
    found: list[Per] = []
    for per in get_args(Per):
        try:
            refuse_unreadable(name, cohort, Cut(per=per))
        except CannotBeReadError:
            continue
        found.append(per)
    return tuple(found)


def _places(definition: RegistryDefinition) -> tuple[Place, ...]:
    units = definition.catalogues.get("units")
    return tuple(one for one in _PLACES if one == "unit" or (units is not None and one in units.columns))


def _time(asked: Asked, nation: IndicatorReading) -> date | None:
    """The period asked for; else the latest whose follow-up is over."""
    said = day_of(asked, "time", [row.first_day for row in nation.rows if row.first_day is not None])
    if said is not None:
        return said
    found = latest_mature([row for row in nation.rows if row.estimate is not None])
    return None if found is None else found.first_day


def _form(asked: Asked, chosen: Chosen, nation: IndicatorReading, places: IndicatorReading, time: date | None) -> Form:
    t = asked.texts
    said = {
        "unit": t("unit"), "county": t("county"), "region": t("region"), "month": t("month"), "quarter": t("quarter"),
        "year": t("year"), "rolling": t("twelve months, rolling"), "all": t("all time"),
    }  # fmt: skip
    followed = [Option("", t("the country"))]
    followed += [Option(code, place_name(asked, chosen.place, code)) for code in codes_of(places)]
    fields = [
        Field("place", t("compare"), "select", chosen.place, [Option(one, said[one]) for one in chosen.places]),
        Field("per", t("per"), "select", chosen.per, [Option(one, said[one]) for one in chosen.pers]),
    ]
    if time is not None:
        rows = sorted({(row.first_day, row.last_day) for row in nation.rows if row.first_day is not None}, reverse=True)
        options = [Option(first.isoformat(), period_name(t, first, last, chosen.per)) for first, last in rows]
        fields.append(Field("time", t("period"), "select", time.isoformat(), options))
    fields.append(
        Field(
            "limits",
            t("limits of the funnel"),
            "select",
            chosen.limits,
            [Option("chance", t("chance alone")), Option("between", t("chance, and how units differ"))],
        )
    )
    fields.append(Field("of", t("over time"), "select", chosen.of, followed))
    if chosen.cohort.by:
        options = [Option("", t("nothing")), *(Option(one, breakdown_title(t, one)) for one in chosen.cohort.by)]
        fields.append(Field("by", t("broken down by"), "select", chosen.by, options))
    return Form("choose", t("Choose"), fields, t("Show"))
