"""What a registry publishes for everybody: who answers for it and why, and the country's indicators, year by year."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from sinks.clickhouse.generations import GenerationError
from sinks.clickhouse.queries.coverage import read_coverage
from sinks.clickhouse.queries.indicators import Cut, read_indicators
from sinks.portal.charts.curves import Step, lines
from sinks.portal.pages.pieces import Chart, Column, Fact, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.words import (
    direction_words,
    indicator_title,
    notice_of,
    period_cell,
    read_as_of,
    target_words,
    trail,
    value_cells,
    value_columns,
    value_words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.definition.indicators import Indicator
    from schemas.requirements import Stage
    from sinks.clickhouse.queries.coverage import CoverageReading, CoverageRow
    from sinks.clickhouse.queries.indicators import IndicatorReading, IndicatorRow
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts

_POINTS = 2
"""Years that it takes for a line."""


def router() -> APIRouter:
    """The page's route."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/published", "published", _page, renewed="for all")
    return routes


def _page(asked: Asked) -> Page:
    t, definition = asked.texts, asked.definition
    reading = _indicators(asked)
    sections = [_about(asked)]
    if definition.coverage is not None:
        sections.append(_coverage(asked, read_coverage(asked.client, definition, place="nation", per="year")))
    if reading is None:
        sections.append(Section(t("Indicators"), text=[t("No values have been worked out yet.")]))
    else:
        sections += [
            _indicator(asked, indicator, [row for row in reading.rows if row.indicator == name])
            for cohort in definition.indicators.cohorts.values()
            for name, indicator in cohort.indicators.items()
        ]
    return Page(
        t.of(definition.registry.title),
        sections,
        lead=t("What the register publishes of the whole country. No unit can be told apart here."),
        trail=trail(asked),
        live=definition.name,
        notice=notice_of(asked),
        read_as_of="" if reading is None else read_as_of(asked, reading.until, reading.generation, reading.through),
    )


def _indicators(asked: Asked) -> IndicatorReading | None:
    try:
        return read_indicators(asked.client, asked.definition, cut=Cut("nation", "year"))
    except GenerationError:
        return None


def stage_words(t: Texts, stage: Stage) -> str:
    """A register's stage."""
    return {"new": t("new"), "newly established": t("newly established"), "established": t("established")}[stage]


def _about(asked: Asked) -> Section:
    t, registry = asked.texts, asked.definition.registry
    facts = [Fact(t("stage"), stage_words(t, registry.stage))]
    if registry.tariff is not None:
        amount = f"{t.number(registry.tariff.amount)} {registry.tariff.currency}"
        per = t("a piece put in") if registry.tariff.per == "piece" else t("a pair put in")
        facts.append(
            Fact(t("suppliers pay"), amount, t("for %(per)s, a year; what is published costs nothing", per=per))
        )
    if registry.retention_years is not None:
        facts.append(Fact(t("kept for"), t("%(years)s years", years=registry.retention_years)))
    text = [t("Controller, who answers for the register by law: %(name)s.", name=registry.controller or t("none"))]
    if registry.purposes:
        text.append(t("Purposes: %(purposes)s.", purposes="; ".join(registry.purposes)))
    if registry.opt_out is not None:
        text.append(t.of(registry.opt_out))
    return Section(t("About the register"), text=text, facts=facts)


def _coverage(asked: Asked, reading: CoverageReading) -> Section:
    t, coverage = asked.texts, asked.definition.coverage
    declared = coverage.definitions if coverage is not None else {}
    judged = [row for row in reading.rows if row.state == "compared" and row.share is not None and row.first_day]
    by_year: dict[int, dict[str, CoverageRow]] = {}
    for row in judged:
        if row.first_day is not None:
            by_year.setdefault(row.first_day.year, {})[row.definition] = row
    table = Table(
        "coverage",
        t("Coverage"),
        [
            Column("year", t("year")),
            *(Column(name, t.of(one.title), "share") for name, one in declared.items()),
        ],
        [
            (str(year), *(_share(rows.get(name)) for name in declared))
            for year, rows in sorted(by_year.items(), reverse=True)
        ],
        note=t("Years that cannot be judged yet are left out. Where the source hides small counts: the lower bound."),
    )
    if not judged:
        return Section(t("Coverage"), tables=[table])
    names = [t.of(one.title) for one in declared.values()]
    steps = [
        Step(row.first_day, t.of(declared[row.definition].title), row.share.low)
        for row in judged
        if row.first_day is not None and row.share is not None
    ]
    says = t("Coverage of the whole country by year, by each definition; the numbers are below.")
    spec = lines(steps, names, value_title=t("coverage"), share=True, language=asked.language)
    return Section(t("Coverage"), charts=[Chart("coverage", t("Coverage"), says, spec, table)])


def _share(row: CoverageRow | None) -> float | None:
    return None if row is None or row.share is None else row.share.low


def _indicator(asked: Asked, indicator: Indicator, rows: Sequence[IndicatorRow]) -> Section:
    t = asked.texts
    name = rows[0].indicator if rows else ""
    title = indicator_title(t, indicator)
    said = [part for part in (target_words(t, indicator), direction_words(t, indicator)) if part]
    if not rows:
        return Section(title, text=[t("Nothing is registered yet.")])
    table = Table(
        name,
        title,
        [
            Column("year", t("year")),
            *value_columns(t, indicator),
            Column("follow_up", t("follow-up")),
        ],
        [_row(t, indicator, row) for row in sorted(rows, key=lambda row: row.last_day, reverse=True)],
    )
    drawn = [
        Step(row.first_day, title, row.estimate.value)
        for row in rows
        if row.first_day is not None and row.estimate is not None and row.estimate.value is not None and row.mature
    ]
    text = [t("Target and direction: %(said)s.", said=", ".join(said))] if said else []
    if len(drawn) < _POINTS:
        return Section(title, text=text, tables=[table])
    last = drawn[-1]
    says = t(
        "The country by year, of years whose follow-up is over; latest %(value)s in %(year)s.",
        value=value_words(t, indicator, last.value),
        year=last.day.year,
    )
    spec = lines(drawn, [title], value_title=title, share=indicator.kind == "proportion", language=asked.language)
    return Section(title, text=text, charts=[Chart(name, title, says, spec, table)])


def _row(t: Texts, indicator: Indicator, row: IndicatorRow) -> tuple[object, ...]:
    over = t("over") if row.mature else t("not over")
    return period_cell(t, row, "year"), *value_cells(t, indicator, row.estimate), over
