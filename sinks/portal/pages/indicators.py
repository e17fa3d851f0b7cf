"""All indicators of a registry: the country's latest value that is old enough to be judged, against its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from sinks.clickhouse.generations import GenerationError
from sinks.clickhouse.queries.indicators import Cut, read_indicators
from sinks.portal.pages.pieces import Column, Link, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.words import (
    direction_words,
    indicator_title,
    notice_of,
    period_cell,
    read_as_of,
    target_words,
    title_of,
    trail,
    value_cells,
    value_columns,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.definition.indicators import Cohort, Indicator
    from sinks.clickhouse.queries.estimates import Estimate
    from sinks.clickhouse.queries.indicators import IndicatorReading, IndicatorRow
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts


def router() -> APIRouter:
    """The page's route."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/indicators", "indicators", _page, renewed="for all")
    return routes


def _page(asked: Asked) -> Page:
    t, definition = asked.texts, asked.definition
    try:
        reading = read_indicators(asked.client, definition, cut=Cut(per="year"))
    except GenerationError:
        return nothing_yet(asked, t("Indicators"))
    return Page(
        title_of(asked, t("Indicators")),
        [
            Section(t.of(cohort.title), tables=[_table(asked, name, cohort, reading)])
            for name, cohort in definition.indicators.cohorts.items()
        ],
        lead=t(
            "The country's latest year whose follow-up is over. Each leads to its units, over time and broken down."
        ),
        trail=trail(asked),
        live=definition.name,
        notice=notice_of(asked),
        read_as_of=read_as_of(asked, reading.until, reading.generation, reading.through),
    )


def nothing_yet(asked: Asked, page: str) -> Page:
    """A page of indicators where no value has been worked out yet."""
    return Page(
        title_of(asked, page),
        [Section(text=[asked.texts("No values have been worked out yet. They come with the first registrations.")])],
        trail=trail(asked),
        live=asked.definition.name,
        notice=notice_of(asked),
    )


def latest_mature(rows: Sequence[IndicatorRow]) -> IndicatorRow | None:
    """The latest row whose follow-up is over; the latest of all where there is none."""
    ordered = sorted(rows, key=lambda row: row.last_day)
    mature = [row for row in ordered if row.mature]
    return mature[-1] if mature else ordered[-1] if ordered else None


def short_of_target(indicator: Indicator, estimate: Estimate | None) -> bool:
    """Whether a target is missed by more than chance: even the better limit misses it."""
    if estimate is None or indicator.target is None or estimate.lower is None or estimate.upper is None:
        return False
    if indicator.direction == "lower":
        return estimate.lower > indicator.target
    return indicator.direction == "higher" and estimate.upper < indicator.target


def _table(asked: Asked, name: str, cohort: Cohort, reading: IndicatorReading) -> Table:
    t = asked.texts
    rows: list[tuple[object, ...]] = []
    marked = set()
    for one, indicator in cohort.indicators.items():
        row = latest_mature([row for row in reading.rows if row.indicator == one])
        if row is not None and short_of_target(indicator, row.estimate):
            marked.add(len(rows))
        rows.append((Link(indicator_title(t, indicator), _href(asked, one)), *_cells(t, indicator, row)))
    return Table(
        name,
        t.of(cohort.title),
        [
            Column("indicator", t("indicator"), "link"),
            Column("period", t("period")),
            *value_columns(t),
            Column("target", t("target")),
            Column("direction", t("direction")),
            Column("follow_up", t("follow-up")),
        ],
        rows,
        note=t("Marked: the target is missed by more than chance. Limits of a median are its quartiles."),
        marked=frozenset(marked),
    )


def _cells(t: Texts, indicator: Indicator, row: IndicatorRow | None) -> tuple[object, ...]:
    target, direction = target_words(t, indicator), direction_words(t, indicator)
    if row is None:
        return None, None, None, None, None, target, direction, ""
    values = value_cells(t, indicator, row.estimate)
    return period_cell(t, row, "year"), *values, target, direction, t("over") if row.mature else t("not over")


def _href(asked: Asked, indicator: str) -> str:
    return f"/r/{asked.definition.name}/indicators/{indicator}"
