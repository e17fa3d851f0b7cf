"""The clinics with a company's own product beside each other: rate by component-years, with exact limits.

Clinics with too few people are among others, and so in the country's rate alone: they are no point of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.clickhouse.queries.company_database.funnel import funnel
from sinks.portal.charts.comparison import FunnelPoint
from sinks.portal.charts.comparison import funnel as drawn
from sinks.portal.pages.company_words import FAILED
from sinks.portal.pages.pieces import Chart, Column, Section, Table

if TYPE_CHECKING:
    from sinks.clickhouse.queries.company_database.funnel import Funnel
    from sinks.clickhouse.queries.company_database.reading import CompanyReading
    from sinks.portal.charts.comparison import Standing
    from sinks.portal.portal import Asked

_MOST = 4


def funnels(asked: Asked, reading: CompanyReading) -> Section:
    """A funnel of all that was chosen, and of each component where it is of a few."""
    t, choice = asked.texts, reading.choice
    title = t("Clinics beside each other")
    if choice.grouping == "component":
        return Section(title, [t("Choose to show by clinic, and the clinics are held against the country's rate.")])
    rows = [(row.kind, row.component, row.name) for row in reading.country]
    if len(rows) - 1 > _MOST:
        rows = [(kind, component, name) for kind, component, name in rows if component is None]
    elif len(rows) - 1 == 1:
        rows = [(kind, component, name) for kind, component, name in rows if component is not None]
    found = [
        (name or component or t("all chosen components"), one)
        for kind, component, name in rows
        if (one := funnel(reading, kind, choice.failure, component)) is not None
    ]
    if not found:
        return Section(title, [t("No clinic is shown by itself, or nobody failed: there is nothing to compare.")])
    text = t(
        "Clinics with fewer than %(number)s people are among others, and no point of their own.",
        number=reading.smallest,
    )
    charts = [_chart(asked, reading, place, name, one) for place, (name, one) in enumerate(found)]
    return Section(title, [text], charts=charts)


def _chart(asked: Asked, reading: CompanyReading, place: int, name: str, found: Funnel) -> Chart:
    t, failure = asked.texts, reading.choice.failure
    said: dict[Standing, str] = {
        "inside": t("cannot be told from the country"),
        "outside 95": t("beyond the 95 % limits"),
        "outside 99.8": t("beyond the 99.8 % limits"),
    }
    rate = t("%(failed)s per 100 component-years", failed=t(FAILED[failure]))
    spec = drawn(
        [
            FunnelPoint(
                f"{one.unit} {one.unit_name}", one.unit, one.component_years, one.ratio * found.rate, one.standing
            )
            for one in found.clinics
        ],
        found.curves,
        centre=found.rate,
        size_title=t("component-years"),
        value_title=rate,
        standings=said,
        language=asked.language,
    )
    beyond = [one.unit_name or one.unit for one in found.clinics if one.standing == "outside 99.8"]
    says = t(
        "A funnel: %(number)s clinics by component-years and rate, with exact limits of 95 and 99.8 %% about the "
        "country's %(centre)s. Beyond the 99.8 %% limits: %(beyond)s.",
        number=len(found.clinics),
        centre=t.number(found.rate, 2),
        beyond=", ".join(beyond) or t("none"),
    )
    columns = [
        Column("unit", t("clinic")),
        Column("name", t("name")),
        Column("component_years", t("component-years"), "decimal"),
        Column("failed", t(FAILED[failure]), "number"),
        Column("expected", t("expected"), "decimal", digits=2),
        Column("rate", t("per 100"), "decimal", digits=2),
        Column("lower", t("lower 95 % limit"), "decimal", digits=2),
        Column("upper", t("upper 95 % limit"), "decimal", digits=2),
        Column("far_lower", t("lower 99.8 % limit"), "decimal", digits=2),
        Column("far_upper", t("upper 99.8 % limit"), "decimal", digits=2),
        Column("standing", t("among the limits")),
    ]
    rows = [
        [
            one.unit, one.unit_name, one.component_years, one.observed, one.expected, one.ratio * found.rate,
            *(limit * found.rate for pair in one.limits for limit in pair), said[one.standing],
        ]
        for one in found.clinics
    ]  # fmt: skip
    piece = f"funnel-{place + 1}"
    title = t("Funnel over clinics: %(name)s", name=name)
    return Chart(piece, title, says, spec, Table(piece, title, columns, rows))
