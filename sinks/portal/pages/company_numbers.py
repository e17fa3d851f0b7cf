"""The numbers of what a company chose, as tables and curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sinks.clickhouse.queries.company_database.choice import FAILURES
from sinks.clickhouse.queries.company_database.curves import YEARS
from sinks.portal.charts.curves import At, curves
from sinks.portal.pages.company_words import FAILED
from sinks.portal.pages.pieces import Chart, Column, Table
from sinks.portal.texts import marked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sinks.clickhouse.queries.company_database.curves import Point
    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.company_database.reading import CompanyReading, Row
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts

_PLACES: Mapping[str, str] = {
    "country": marked("the country"),
    "chosen": marked("all chosen clinics"),
    "rest": marked("other clinics"),
}
_MOST_CURVES = 6


def failure_columns(t: Texts) -> list[Column]:
    """Columns of every definition of a failure: how many, the time until then, the rate and its exact limits."""
    return [
        column
        for one in FAILURES
        for column in (
            Column(one, t(FAILED[one]), "number"),
            Column(f"{one}_years", t("component-years until %(failed)s", failed=t(FAILED[one])), "decimal"),
            Column(f"{one}_rate", t("%(failed)s per 100 component-years", failed=t(FAILED[one])), "decimal", digits=2),
            Column(f"{one}_lower", t("lower limit"), "decimal", digits=2),
            Column(f"{one}_upper", t("upper limit"), "decimal", digits=2),
        )
    ]


def failure_cells(row: Row) -> list[Any]:
    """The cells of these columns."""
    return [
        cell
        for found in (row.failures[one] for one in FAILURES)
        for cell in (found.number, found.component_years, found.rate, found.lower, found.upper)
    ]


def curve_of(asked: Asked, reading: CompanyReading) -> list[Chart]:
    """Cumulative failures by years since the operation, of each component and of all others."""
    t, failure = asked.texts, reading.choice.failure
    rows = [row for row in (reading.chosen or reading.country) if row.component is not None][:_MOST_CURVES]
    drawn = [(row.name or row.component or "", row) for row in rows]
    drawn += [(t("all others"), one.row) for one in reading.others.values() if one.row is not None]
    cells, steps = [], []
    for name, row in drawn:
        for point in row.survival(failure).curve:
            steps.append(At(point.years, name, point.failed))
            if point.years in YEARS:
                cells.append([name, *_point_cells(point)])
    title = t("Cumulative share %(failed)s", failed=t(FAILED[failure]))
    says = "; ".join(f"{name} {t.share(share)}" for name, share in _last_points(steps)) or t("nothing is shown")
    table = Table("curves", title, [Column("component", t("component")), *_point_columns(t)], cells)
    spec = curves(
        steps,
        list(dict.fromkeys(name for name, _ in drawn)),
        number_title=t("years since the operation"),
        value_title=title,
        share=True,
        step=True,
        language=asked.language,
    )
    return [Chart("curves", title, says, spec, table)]


def _last_points(steps: Iterable[At]) -> list[tuple[str, float]]:
    return list({one.series: one.value for one in steps}.items())


def _point_columns(t: Texts) -> list[Column]:
    return [
        Column("years", t("years"), "number"),
        Column("at_risk", t("at risk"), "number"),
        Column("failed", t("failed"), "share", digits=2),
        Column("lower", t("lower limit"), "share", digits=2),
        Column("upper", t("upper limit"), "share", digits=2),
        Column("incidence", t("where death competes"), "share", digits=2),
        Column("incidence_lower", t("its lower limit"), "share", digits=2),
        Column("incidence_upper", t("its upper limit"), "share", digits=2),
    ]


def _point_cells(point: Point) -> list[Any]:
    return [
        point.years, point.at_risk, point.failed, point.lower, point.upper, point.incidence, point.incidence_lower,
        point.incidence_upper,
    ]  # fmt: skip


def numbers(asked: Asked, entitled: Entitled, reading: CompanyReading) -> Table:
    """Each row that was asked for, with those below it."""
    t = asked.texts
    columns = [
        *_heading(t),
        Column("udi_di", "UDI-DI"),
        Column("put_in", t("put in"), "number"),
        Column("people", t("people"), "number"),
        Column("in_use", t("in use now"), "number"),
        *failure_columns(t),
        Column("among_others", t("counted among others")),
    ]
    rows = [
        [
            *_head_cells(t, row), entitled.udi_di_of(row.kind, row.component), row.pieces, row.people, row.in_use,
            *failure_cells(row), ", ".join(str(year) for year in row.among_others),
        ]
        for row in _asked_for(reading)
    ]  # fmt: skip
    return Table("numbers", t("Numbers"), columns, rows)


def cumulative(asked: Asked, reading: CompanyReading) -> Table:
    """The cumulative failures of each row that was asked for, after 1, 3, 5 and 10 years, with those at risk."""
    t, failure = asked.texts, reading.choice.failure
    rows = [
        [*_head_cells(t, row), *_point_cells(point)]
        for row in _asked_for(reading)
        for point in row.survival(failure).after
        if point is not None
    ]
    title = t("Cumulative share %(failed)s, each row", failed=t(FAILED[failure]))
    return Table("cumulative", title, [*_heading(t), *_point_columns(t)], rows)


def _asked_for(reading: CompanyReading) -> list[Row]:
    return [row for head, below in reading.grouped() for row in (head, *below)]


def _heading(t: Texts) -> tuple[Column, ...]:
    return Column("component", t("component")), Column("name", t("name")), Column("place", t("place"))


def _head_cells(t: Texts, row: Row) -> tuple[str, str, str]:
    place = t(_PLACES[row.place]) if row.place in _PLACES else row.unit_name
    if row.place == "region":
        place = t("other clinics of %(region)s", region=row.unit_name)
    return row.component or t("all"), row.name, place


def others(asked: Asked, entitled: Entitled, reading: CompanyReading) -> list[Table]:
    """Own and all others' numbers beside each other; nothing where there is nothing to show."""
    t, failure = asked.texts, reading.choice.failure
    rows: list[list[Any]] = []
    for kind, one in reading.others.items():
        own = next(
            (row for row in (reading.chosen or reading.country) if row.kind == kind and row.component is None), None
        )
        rows += [
            [
                t.of(entitled.kinds[kind].title), name, row.pieces, *failure_cells(row),
                *(point.failed if point else None for point in row.survival(failure).after),
            ]
            for name, row in ((asked.person.company, own), (t("all others"), one.row))
            if row is not None
        ]  # fmt: skip
    columns = [
        Column("kind", t("kind of implant")),
        Column("whose", t("whose")),
        Column("put_in", t("put in"), "number"),
        *failure_columns(t),
        *(
            Column(
                f"after_{years}", t.many("after %(number)s year", "after %(number)s years", years), "share", digits=2
            )
            for years in YEARS
        ),
    ]
    return [Table("others", t("Own and others"), columns, rows)] if rows else []


def reasons(asked: Asked, reading: CompanyReading) -> Table:
    """Why it failed, of each row that was asked for."""
    t = asked.texts
    rows = [
        [*_head_cells(t, row), reason or t("not known"), number]
        for row in _asked_for(reading)
        for reason, number in row.reasons.items()
    ]
    columns = [*_heading(t), Column("reason", t("reason")), Column("number", t("number"), "number")]
    return Table("reasons", t("Reasons"), columns, rows)
