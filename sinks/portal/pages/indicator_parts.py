"""The parts of an indicator's page: the country's value, places against it, over time, and broken down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from sinks.portal.charts.comparison import FunnelPoint, LeagueRow, funnel, league
from sinks.portal.charts.over_time import control
from sinks.portal.comparing import compare
from sinks.portal.following import follow
from sinks.portal.guard import AskError
from sinks.portal.pages.indicators import short_of_target
from sinks.portal.pages.pieces import Chart, Column, Fact, Section, Table, Written
from sinks.portal.pages.words import (
    direction_words,
    indicator_title,
    interval,
    limits_words,
    period_cell,
    period_name,
    place_name,
    runs_words,
    target_words,
    value_cells,
    value_columns,
    value_words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.definition.indicators import Cohort, Indicator
    from sinks.clickhouse.queries.cell_sums import Per, Place
    from sinks.clickhouse.queries.indicators import IndicatorReading, IndicatorRow
    from sinks.portal.charts.comparison import Standing
    from sinks.portal.comparing import Comparison, UnitCompared
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts

Limits = Literal["chance", "between"]
LIMITS: tuple[Limits, ...] = get_args(Limits)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is asked of an indicator.

    Attributes:
        name: the indicator's.
        indicator: as declared.
        cohort: the one that it is of.
        place: which places are compared.
        per: over which time.
        by: a breakdown of the cohort; empty for none.
        of: the place that is followed over time; empty for the country.
        limits: whether limits are of chance alone, or with the variance between places.
        places: what may be compared.
        pers: over which time it may be read.
    """

    name: str
    indicator: Indicator
    cohort: Cohort
    place: Place
    per: Per
    by: str
    of: str
    limits: Limits
    places: Sequence[Place]
    pers: Sequence[Per]


def breakdown_title(t: Texts, name: str) -> str:
    """What a breakdown is called; its own name where nobody has translated it."""
    known = {
        "sex": t("sex"), "age_group": t("age group"), "diagnosis": t("diagnosis"), "drug": t("drug"), "area": t("area"),
        "fixation": t("fixation"), "cup": t("cup"), "user": t("user"),
    }  # fmt: skip
    return known.get(name, name)


def codes_of(reading: IndicatorReading) -> list[str]:
    """The places that a reading is of."""
    return sorted({row.place for row in reading.rows if row.place})


def facts_of(t: Texts, chosen: Chosen, row: IndicatorRow | None) -> list[Fact]:
    """The country's value in the period chosen."""
    indicator = chosen.indicator
    if row is None:
        return [Fact(t("the country"), t("nothing yet"))]
    estimate = row.estimate
    period = period_name(t, row.first_day, row.last_day, chosen.per)
    limits = limits_words(t, indicator, estimate)
    kind = t("quartiles") if indicator.kind == "median" else t("95 % limits")
    facts = [
        Fact(
            t("the country, %(period)s", period=period),
            ".." if estimate is None else value_words(t, indicator, estimate.value),
            f"{kind}: {limits}" if limits else "",
            alarming=short_of_target(indicator, estimate),
        ),
        Fact(t("registrations"), ".." if row.n is None else t.number(row.n)),
    ]
    if indicator.target is not None:
        facts.append(Fact(t("target"), target_words(t, indicator), direction_words(t, indicator)))
    elif indicator.direction is not None:
        facts.append(Fact(t("direction"), direction_words(t, indicator)))
    facts.append(
        Fact(
            t("follow-up"),
            t("over") if row.mature else t("not over"),
            "" if row.mature else t("what has not happened yet can still happen: the value will change"),
        )
    )
    return facts


def compared(asked: Asked, chosen: Chosen, nation: IndicatorRow | None, rows: Sequence[IndicatorRow]) -> Section:
    """Places against the country in the period chosen."""
    t = asked.texts
    shown = {row.place: row.estimate for row in rows if row.estimate is not None}
    comparison = None
    if nation is not None and nation.estimate is not None:
        comparison = compare(chosen.indicator, nation.estimate, shown, adjusted=chosen.limits == "between")
    if comparison is None:
        return Section(t("Places"), tables=[_plain_table(asked, chosen, rows)])
    hidden = sum(row.estimate is None for row in rows)
    text = [
        t(
            "A league is no ranking. Where a unit stands among the others is known as an interval only, and most units "
            "cannot be told from the country. Of %(number)s compared, about %(by_chance)s lie outside the 95 %% limits "
            "by chance alone.",
            number=len(comparison.units),
            by_chance=t.number(0.05 * len(comparison.units), 1),
        )
    ]
    if comparison.phi is not None:
        text.append(
            t(
                "Units differ %(phi)s times as much as chance alone would let them (variance). The funnel's limits are "
                "of %(limits)s.",
                phi=t.number(comparison.phi, 1),
                limits=t("chance alone") if chosen.limits == "chance" else t("chance, and how units differ"),
            )
        )
    return Section(
        t("Places against the country"),
        text=text,
        charts=[_funnel(asked, chosen, comparison), _league(asked, chosen, comparison, hidden)],
    )


def _funnel(asked: Asked, chosen: Chosen, comparison: Comparison) -> Chart:
    t = asked.texts
    names = {one.place: place_name(asked, chosen.place, one.place) for one in comparison.units}
    said: dict[Standing, str] = {
        "inside": t("cannot be told from the country"),
        "outside 95": t("beyond the 95 % limits"),
        "outside 99.8": t("beyond the 99.8 % limits"),
    }
    size = t("person-years") if chosen.indicator.kind == "rate" else t("registrations")
    spec = funnel(
        [
            FunnelPoint(names[one.place], one.place, one.size, one.estimate.value or 0.0, one.standing)
            for one in comparison.units
        ],
        comparison.limits,
        centre=comparison.centre,
        size_title=size,
        value_title=indicator_title(t, chosen.indicator),
        standings=said,
        share=chosen.indicator.kind == "proportion",
        language=asked.language,
    )
    beyond = [names[one.place] for one in comparison.units if one.standing == "outside 99.8"]
    says = t(
        "A funnel: %(number)s places by size and value, with limits of 95 and 99.8 %% about the country's %(centre)s. "
        "Beyond the 99.8 %% limits: %(beyond)s.",
        number=len(comparison.units),
        centre=value_words(t, chosen.indicator, comparison.centre),
        beyond=", ".join(beyond) or t("none"),
    )
    rows = [
        (
            names[one.place],
            round(one.size, 1),
            Written(value_words(t, chosen.indicator, one.estimate.value), one.estimate.value),
            said[one.standing],
        )
        for one in comparison.units
    ]
    table = Table(
        "funnel",
        t("Funnel"),
        [
            Column("place", t("place")),
            Column("size", size, "number"),
            Column("value", t("value"), "number"),
            Column("standing", t("among the limits")),
        ],
        rows,
    )
    return Chart("funnel", t("Funnel"), says, spec, table)


def _league(asked: Asked, chosen: Chosen, comparison: Comparison, hidden: int) -> Chart:
    t, indicator = asked.texts, chosen.indicator
    spec = league(
        [
            LeagueRow(
                place_name(asked, chosen.place, one.place),
                one.estimate.value or 0.0,
                one.estimate.lower,
                one.estimate.upper,
                one.standing,
            )
            for one in comparison.units
        ],
        value_title=indicator_title(t, indicator),
        centre=comparison.centre,
        target=indicator.target,
        target_title=t("target"),
        share=indicator.kind == "proportion",
        language=asked.language,
    )
    same = sum(one.standing == "inside" for one in comparison.units)
    says = t(
        "Places by value, each with its 95 %% limits; the line is the country's %(centre)s. %(same)s of %(all)s cannot "
        "be told from the country.",
        centre=value_words(t, indicator, comparison.centre),
        same=same,
        all=len(comparison.units),
    )
    rows = [
        (
            place_name(asked, chosen.place, one.place),
            *value_cells(t, indicator, one.estimate),
            _rank(t, one),
            standing_words(t, indicator, one),
        )
        for one in comparison.units
    ]
    note = t("Rank: between which places it lies, with 95 % certainty; 1 is the best, or the lowest.")
    if hidden:
        note += " " + t("%(number)s places are not shown, for they are about too few persons.", number=hidden)
    table = Table(
        "league",
        t("Places, with how sure they are"),
        [
            Column("place", t("place")),
            *value_columns(t, indicator),
            Column("rank", t("rank")),
            Column("standing", t("against the country")),
        ],
        rows,
        note=note,
        marked=frozenset(at for at, one in enumerate(comparison.units) if one.standing == "outside 99.8"),
    )
    return Chart("league", t("Places, with how sure they are"), says, spec, table)


def _rank(t: Texts, one: UnitCompared) -> str:
    lowest, highest = one.ranks
    return str(lowest) if lowest == highest else t("%(lower)s to %(upper)s", lower=lowest, upper=highest)


def standing_words(t: Texts, indicator: Indicator, one: UnitCompared) -> str:
    """How a place stands against the country, in words."""
    if one.standing == "inside":
        return t("cannot be told from the country")
    worse = one.above == (indicator.direction == "lower")
    sure = one.standing == "outside 99.8"
    if indicator.direction is None:
        if one.above:
            return t("higher than the country") if sure else t("perhaps higher than the country")
        return t("lower than the country") if sure else t("perhaps lower than the country")
    if worse:
        return t("worse than the country") if sure else t("perhaps worse than the country")
    return t("better than the country") if sure else t("perhaps better than the country")


def _plain_table(asked: Asked, chosen: Chosen, rows: Sequence[IndicatorRow]) -> Table:
    t, indicator = asked.texts, chosen.indicator
    return Table(
        "places",
        t("Places"),
        [
            Column("place", t("place")),
            *value_columns(t, indicator),
        ],
        [(place_name(asked, chosen.place, row.place), *value_cells(t, indicator, row.estimate)) for row in rows],
        note=t("Places of this kind of value are not ranked: it has no limits by chance."),
    )


def followed(asked: Asked, chosen: Chosen, nation: IndicatorReading, places: IndicatorReading) -> Section:
    """The country, or one place, over time.

    Raises:
        AskError: there is no such place.
    """
    t, indicator = asked.texts, chosen.indicator
    if chosen.per == "all":
        return Section(t("Over time"), text=[t("Choose another period than all time to see it over time.")])
    if chosen.of and chosen.of not in codes_of(places):
        raise AskError(t("There is no such place: %(code)s.", code=chosen.of))
    rows = [row for row in places.rows if row.place == chosen.of] if chosen.of else list(nation.rows)
    name = place_name(asked, chosen.place if chosen.of else "nation", chosen.of)
    found = follow(indicator, rows, overlapping=chosen.per == "rolling")
    spec = control(
        found.points,
        centre=found.centre,
        value_title=indicator_title(t, indicator),
        signal=found.signal,
        target=indicator.target,
        share=indicator.kind == "proportion",
        language=asked.language,
    )
    outside = sum(point.outside for point in found.points)
    words = runs_words(t, found)
    table = Table(
        "over_time",
        t("%(place)s over time", place=name),
        [
            Column("period", t("period")),
            *value_columns(t, indicator),
            Column("follow_up", t("follow-up")),
        ],
        [
            (
                period_cell(t, row, chosen.per),
                *value_cells(t, indicator, row.estimate),
                t("over") if row.mature else t("not over"),
            )
            for row in sorted(rows, key=lambda row: row.last_day, reverse=True)
        ],
    )
    says = t(
        "%(place)s over %(number)s periods; %(outside)s beyond the control limits. %(words)s",
        place=name,
        number=len(found.points),
        outside=outside,
        words=words,
    )
    chart = Chart("over_time", t("%(place)s over time", place=name), says, spec, table)
    note = t("Dashed: control limits (three standard errors). Hollow: follow-up is not over. Dotted: the target.")
    return Section(t("Over time"), text=[words, note], charts=[chart])


def broken_down(asked: Asked, chosen: Chosen, rows: Sequence[IndicatorRow]) -> Section:
    """The country by a breakdown, in the period chosen."""
    t, indicator = asked.texts, chosen.indicator
    title = breakdown_title(t, chosen.by)
    table = Table(
        "broken_down",
        t("The country by %(breakdown)s", breakdown=title),
        [
            Column("value_of", title),
            *value_columns(t, indicator),
        ],
        [(row.breakdown[0] or t("not known"), *value_cells(t, indicator, row.estimate)) for row in rows],
    )
    drawn = [
        LeagueRow(row.breakdown[0] or t("not known"), row.estimate.value, *interval(row.estimate), "inside")
        for row in rows
        if row.estimate is not None and row.estimate.value is not None
    ]
    if not drawn:
        return Section(table.title, tables=[table])
    spec = league(
        drawn,
        value_title=indicator_title(t, indicator),
        target=indicator.target,
        target_title=t("target"),
        share=indicator.kind == "proportion",
        language=asked.language,
    )
    says = t("The country's value by %(breakdown)s, with limits; the numbers are below.", breakdown=title)
    return Section(table.title, charts=[Chart("broken_down", table.title, says, spec, table)])
