"""A clinic's own page: its results beside the country's and over time, what it misses, and whom it has to see to.

Persons are counted here, and named only on the pages behind, which take a strong log-in and a purpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter

from schemas.definition.indicators import UNRESOLVED
from schemas.review import CHECKED
from sinks.clickhouse.generations import readable
from sinks.clickhouse.queries.cell_sums import CannotBeReadError, Cut, refuse_unreadable
from sinks.clickhouse.queries.compliance import read_compliance
from sinks.clickhouse.queries.indicators import cohorts_of, read_indicators
from sinks.clickhouse.queries.lists import read_list
from sinks.clickhouse.queries.reviews import read_follow_up, read_subjects
from sinks.clickhouse.queries.signals import read_signals, standing_of
from sinks.portal.charts.over_time import control
from sinks.portal.following import follow
from sinks.portal.guard import NotFoundError
from sinks.portal.pages.carriers import progress_words
from sinks.portal.pages.pieces import Chart, Column, Fact, Link, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.signal_words import subject_named
from sinks.portal.pages.words import runs_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from schemas.definition.indicators import Indicator
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.indicators import IndicatorRow
    from sinks.clickhouse.queries.reviews import FollowUp
    from sinks.portal.pages.pieces import Kind
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts

_CHARTS_AT_ONCE = 6


def router() -> APIRouter:
    """The clinic's routes."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/clinic/{unit}", "clinic", _clinic, renewed="for all")
    add_page(routes, "/r/{registry}/clinic/{unit}/over-time", "clinic", _over_time, renewed="for all")
    return routes


def unit_named(asked: Asked) -> str:
    """The unit with its name.

    Raises:
        NotFoundError: the registry has no such unit any more.
    """
    units = asked.definition.catalogues["units"].rows if "units" in asked.definition.catalogues else {}
    if asked.unit not in units:
        raise NotFoundError
    return f"{asked.unit} {units[asked.unit].get('name', '')}".strip()


def _clinic(asked: Asked) -> Page:
    t = asked.texts
    definition = readable(asked.client, asked.definition)
    home = f"/r/{definition.name}/clinic/{asked.unit}"
    return Page(
        unit_named(asked),
        [
            Section(t("To see to"), facts=list(_to_see_to(asked, definition, home))),
            Section(t("My results and the country's"), tables=[_beside_the_country(asked, definition, home)]),
            Section(t("My reporting"), facts=list(_reporting(asked, definition))),
        ],
        lead=t("Your own numbers as they are now, beside the country's."),
        further=[Link(t("Over time"), f"{home}/over-time")],
        live=definition.name,
        notice=t.of(definition.registry.notice) if definition.registry.notice else "",
    )


def _to_see_to(asked: Asked, definition: RegistryDefinition, home: str) -> Iterator[Fact]:
    t = asked.texts
    for found in own_follow_ups(asked, definition):
        yield Fact(
            t("Carriers of %(product)s", product=subject_named(definition, t, found.subject.product)),
            t.many("%(number)s person", "%(number)s persons", found.persons),
            progress_words(t, found),
            f"{home}/carriers?{urlencode({'about': found.subject.about})}",
            alarming=not found.subject.withdrawn and found.number(CHECKED) < found.persons,
        )
    for name in (*definition.indicators.lists, UNRESOLVED):
        number = sum(read_list(asked.client, definition, name, unit=asked.unit, limit=0).units.values())
        if number:
            yield Fact(list_title(asked, name), t.number(number), t("on the list"), f"{home}/lists/{name}")


def own_follow_ups(asked: Asked, definition: RegistryDefinition) -> list[FollowUp]:
    """The signals at alarm and the notices whose carriers the unit answers for."""
    if not definition.monitors.exposures:
        return []
    standing = standing_of(read_signals(asked.client, definition).signals) if definition.monitors.monitors else {}
    found = (
        read_follow_up(asked.client, definition, subject, unit=asked.unit)
        for subject in read_subjects(asked.client, definition.name, standing)
    )
    return [one for one in found if one.persons]


def list_title(asked: Asked, name: str) -> str:
    """What a list is called."""
    if name == UNRESOLVED:
        return asked.texts("Outcomes that fit no registration")
    declared = asked.definition.indicators.lists.get(name)
    if declared is None:
        raise NotFoundError
    return asked.texts.of(declared.title)


def _reporting(asked: Asked, definition: RegistryDefinition) -> Iterator[Fact]:
    t = asked.texts
    if definition.coverage is None:
        return
    for row in read_compliance(asked.client, definition, unit=asked.unit).rows:
        about = t("last recorded on %(day)s", day=t.day(row.last_recorded))
        if row.state in {"silent", "never reported"}:
            yield Fact(
                t("Nothing recorded for"),
                t.many("%(number)s day", "%(number)s days", row.days or 0),
                about,
                alarming=True,
            )
        else:
            yield Fact(t("Registrations"), t.number(row.registered), about)
        if row.late is not None:
            yield Fact(t("Recorded late"), t.share(row.late), t("of what was recorded"))


def _beside_the_country(asked: Asked, definition: RegistryDefinition, home: str) -> Table:
    t = asked.texts
    own, nation = (_latest(asked, definition, unit) for unit in (asked.unit, None))
    rows = []
    for name, indicator in indicators_of(definition).items():
        mine, theirs = own.get(name), nation.get(name)
        if theirs is None:
            continue
        rows.append(
            [
                Link(t.of(indicator.title), f"{home}/over-time?indicator={name}"),
                str(theirs.first_day.year) if theirs.first_day else "",
                *(_shown(t, indicator, mine)),
                _shown(t, indicator, theirs)[0],
                t("target %(value)s", value=value_of(t, indicator, indicator.target))
                if indicator.target is not None
                else "",
                _compared(t, indicator, mine, theirs),
            ]
        )
    columns = [
        Column("indicator", t("indicator"), "link"),
        Column("year", t("year")),
        Column("own", t("mine"), "number"),
        Column("limits", t("95 % limits")),
        Column("people", t("of how many"), "number"),
        Column("country", t("the country"), "number"),
        Column("target", t("target")),
        Column("compared", t("in words")),
    ]
    return Table("indicators", t("The latest year whose follow-up is over"), columns, rows)


def _latest(asked: Asked, definition: RegistryDefinition, unit: str | None) -> dict[str, IndicatorRow]:
    """Of each indicator the latest year whose follow-up is over; the latest of all where none is."""
    cut = Cut("unit" if unit else "nation", "year", (), unit)
    found: dict[str, IndicatorRow] = {}
    for row in read_indicators(asked.client, definition, cut=cut).rows:
        if row.mature or row.indicator not in found:
            found[row.indicator] = row
    return found


def indicators_of(definition: RegistryDefinition) -> dict[str, Indicator]:
    """Every indicator by name, in the order declared."""
    return {name: one for cohort in definition.indicators.cohorts.values() for name, one in cohort.indicators.items()}


def value_of(t: Texts, indicator: Indicator, value: float | None) -> str:
    """A value of an indicator, as its kind is written."""
    if indicator.kind == "proportion":
        return t.share(value)
    return t.number(value, 0 if indicator.kind == "count" else 1)


def _shown(t: Texts, indicator: Indicator, row: IndicatorRow | None) -> tuple[str, str, str]:
    if row is None or row.estimate is None:
        return ("..", "", "..") if row else ("", "", "")
    found = row.estimate
    limits = ""
    if found.lower is not None:
        limits = f"{value_of(t, indicator, found.lower)} – {value_of(t, indicator, found.upper)}"  # noqa: RUF001 - a range
    young = "" if row.mature else "*"
    return value_of(t, indicator, found.value) + young, limits, t.number(row.n)


def _compared(t: Texts, indicator: Indicator, mine: IndicatorRow | None, theirs: IndicatorRow) -> str:
    own, country = mine.estimate if mine else None, theirs.estimate
    if own is None or country is None or own.lower is None or own.upper is None or country.value is None:
        return ""
    if indicator.direction is None:
        return ""
    if own.lower <= country.value <= own.upper:
        return t("cannot be told from the country")
    above = own.lower > country.value
    return t("better than the country") if above == (indicator.direction == "higher") else t("worse than the country")


def _over_time(asked: Asked) -> Page:
    t = asked.texts
    definition = readable(asked.client, asked.definition)
    every = {
        name: one
        for name, one in indicators_of(definition).items()
        if one.kind in {"proportion", "rate", "mean", "median"}
    }
    chosen = [one for one in asked.many("indicator") if one in every] or list(every)[:_CHARTS_AT_ONCE]
    home = f"/r/{definition.name}/clinic/{asked.unit}"
    charts = [_chart(asked, name, every[name], _months(asked, definition, name)) for name in chosen]
    others = [
        [Link(t.of(one.title), f"{home}/over-time?indicator={name}")]
        for name, one in every.items()
        if name not in chosen
    ]
    return Page(
        t("%(unit)s over time", unit=unit_named(asked)),
        [
            Section(charts=charts),
            Section(
                tables=[Table("others", t("Further indicators"), [Column("indicator", t("indicator"), "link")], others)]
            )
            if others
            else Section(),
        ],
        lead=t(
            "Each point is a period of your own. Runs on one side of the line, or too few crossings, tell of a change."
        ),
        trail=[Link(unit_named(asked), home)],
        live=definition.name,
        notice=t.of(definition.registry.notice) if definition.registry.notice else "",
    )


def _months(asked: Asked, definition: RegistryDefinition, name: str) -> Sequence[IndicatorRow]:
    """The unit's rows by the finest time that the cells have."""
    (cohort,) = cohorts_of(definition, [name])
    for per in ("month", "quarter", "year"):
        cut = Cut("unit", per, (), asked.unit)
        try:
            refuse_unreadable(cohort, definition.indicators.cohorts[cohort], cut)
        except CannotBeReadError:
            continue
        return read_indicators(asked.client, definition, [name], cut=cut).rows
    return []


def _chart(asked: Asked, name: str, indicator: Indicator, rows: Sequence[IndicatorRow]) -> Chart:
    t = asked.texts
    found = follow(indicator, rows)
    spec = control(
        found.points,
        centre=found.centre,
        value_title=t.of(indicator.title),
        signal=found.signal,
        target=indicator.target,
        share=indicator.kind == "proportion",
        language=asked.language,
    )
    kind: Kind = "share" if indicator.kind == "proportion" else "decimal"
    columns = [
        Column("period", t("period from"), "day"),
        Column("value", t("value"), kind),
        Column("lower", t("lower control limit"), kind),
        Column("upper", t("upper control limit"), kind),
        Column("outside", t("beyond the limits")),
        Column("young", t("can still change")),
    ]
    cells = [
        [one.day, one.value, one.lower, one.upper, t("yes") if one.outside else "", t("yes") if one.young else ""]
        for one in found.points
    ]
    title = t.of(indicator.title)
    says = f"{title}: {runs_words(t, found)}"
    return Chart(name, title, says, spec, Table(name, says, columns, cells))
