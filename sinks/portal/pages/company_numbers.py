"""The numbers of what a company chose, as tables and curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sinks.clickhouse.queries.company_database.choice import FAILURES
from sinks.clickhouse.queries.company_database.curves import YEARS
from sinks.portal.charts.look import axis, base
from sinks.portal.pages.company_words import FAILED
from sinks.portal.pages.pieces import Chart, Column, Table
from sinks.portal.texts import marked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.company_database.reading import CompanyReading, Row
    from sinks.portal.portal import Asked, Language
    from sinks.portal.texts import Texts

_PLACES: Mapping[str, str] = {
    "country": marked("the country"),
    "chosen": marked("all chosen clinics"),
    "rest": marked("other clinics"),
}
_MOST_CURVES = 6


def curve_of(asked: Asked, reading: CompanyReading) -> list[Chart]:
    """Cumulative failures by years since the operation, of each component and of all others."""
    t, failure = asked.texts, reading.choice.failure
    rows = [row for row in (reading.chosen or reading.country) if row.component is not None][:_MOST_CURVES]
    drawn = [(row.name or row.component or "", row) for row in rows]
    drawn += [(t("all others"), one.row) for one in reading.others.values() if one.row is not None]
    cells, steps = [], []
    for name, row in drawn:
        for point in row.survival(failure).curve:
            steps.append((name, point.years, point.failed))
            if point.years in YEARS:
                cells.append(
                    [
                        name,
                        point.years,
                        point.at_risk,
                        point.failed,
                        point.lower,
                        point.upper,
                        point.incidence,
                        point.incidence_lower,
                        point.incidence_upper,
                    ]
                )
    columns = [
        Column("component", t("component")),
        Column("years", t("years"), "number"),
        Column("at_risk", t("at risk"), "number"),
        Column("failed", t("failed"), "share", digits=2),
        Column("lower", t("lower limit"), "share", digits=2),
        Column("upper", t("upper limit"), "share", digits=2),
        Column("incidence", t("where death competes"), "share", digits=2),
        Column("incidence_lower", t("its lower limit"), "share", digits=2),
        Column("incidence_upper", t("its upper limit"), "share", digits=2),
    ]
    title = t("Cumulative share %(failed)s", failed=t(FAILED[failure]))
    says = "; ".join(f"{name} {t.share(share)}" for name, share in _last_points(steps)) or t("nothing is shown")
    table = Table("curves", title, columns, cells)
    spec = curve_chart(
        steps, list(dict.fromkeys(name for name, *_ in drawn)), t("years since the operation"), title, asked.language
    )
    return [Chart("curves", title, says, spec, table)]


def _last_points(steps: Iterable[tuple[str, float, float]]) -> list[tuple[str, float]]:
    return list({name: share for name, _, share in steps}.items())


def numbers(asked: Asked, reading: CompanyReading) -> Table:
    """Each row that was asked for, with those below it."""
    t = asked.texts
    failure = reading.choice.failure
    columns = [
        Column("component", t("component")),
        Column("name", t("name")),
        Column("place", t("place")),
        Column("put_in", t("put in"), "number"),
        Column("people", t("people"), "number"),
        Column("in_use", t("in use now"), "number"),
        *(Column(one, t(FAILED[one]), "number") for one in FAILURES),
        Column("component_years", t("component-years"), "decimal"),
        Column("rate", t("per 100"), "decimal", digits=2),
        Column("lower", t("lower limit"), "decimal", digits=2),
        Column("upper", t("upper limit"), "decimal", digits=2),
        *(Column(f"after_{years}", t("after %(years)s years", years=years), "share", digits=2) for years in YEARS),
        Column("among_others", t("counted among others")),
    ]
    rows = []
    for head, below in reading.grouped():
        rows += [_number_cells(t, row, failure) for row in (head, *below)]
    return Table("numbers", t("Numbers"), columns, rows)


def _number_cells(t: Texts, row: Row, failure: Any) -> list[Any]:  # noqa: ANN401 - one of the literals
    found = row.failures[failure]
    after = [point.failed if point else None for point in row.survival(failure).after]
    place = t(_PLACES[row.place]) if row.place in _PLACES else row.unit_name
    if row.place == "region":
        place = t("other clinics of %(region)s", region=row.unit_name)
    return [
        row.component or t("all"), row.name, place, row.pieces, row.people, row.in_use,
        *(row.failures[one].number for one in FAILURES), found.component_years, found.rate, found.lower, found.upper,
        *after, ", ".join(str(year) for year in row.among_others),
    ]  # fmt: skip


def others(asked: Asked, entitled: Entitled, reading: CompanyReading) -> list[Table]:
    """Own and all others' numbers beside each other; nothing where there is nothing to show."""
    t, failure = asked.texts, reading.choice.failure
    rows = []
    for kind, one in reading.others.items():
        own = next(
            (row for row in (reading.chosen or reading.country) if row.kind == kind and row.component is None), None
        )
        for name, row in ((asked.person.company, own), (t("all others"), one.row)):
            if row is not None:
                found = row.failures[failure]
                after = [point.failed if point else None for point in row.survival(failure).after]
                rows.append(
                    [
                        t.of(entitled.kinds[kind].title),
                        name,
                        row.pieces,
                        found.number,
                        found.component_years,
                        found.rate,
                        found.lower,
                        found.upper,
                        *after,
                    ]
                )
    columns = [
        Column("kind", t("kind of implant")),
        Column("whose", t("whose")),
        Column("put_in", t("put in"), "number"),
        Column("failed", t(FAILED[failure]), "number"),
        Column("component_years", t("component-years"), "decimal"),
        Column("rate", t("per 100"), "decimal", digits=2),
        Column("lower", t("lower limit"), "decimal", digits=2),
        Column("upper", t("upper limit"), "decimal", digits=2),
        *(Column(f"after_{years}", t("after %(years)s years", years=years), "share", digits=2) for years in YEARS),
    ]
    return [Table("others", t("Own and others"), columns, rows)] if rows else []


def reasons(asked: Asked, reading: CompanyReading) -> Table:
    """Why it failed, for the country or all chosen clinics."""
    t = asked.texts
    rows = [
        [row.component or t("all"), row.name, reason or t("not known"), number]
        for row in (reading.chosen or reading.country)
        for reason, number in row.reasons.items()
    ]
    columns = [
        Column("component", t("component")),
        Column("name", t("name")),
        Column("reason", t("reason")),
        Column("number", t("number"), "number"),
    ]
    return Table("reasons", t("Reasons, the whole country or all chosen clinics"), columns, rows)


def curve_chart(
    steps: Sequence[tuple[str, float, float]],
    series: Sequence[str],
    time_title: str,
    value_title: str,
    language: Language,
) -> Mapping[str, Any]:
    """Cumulative shares by years since the operation, a step for each event."""
    return base(
        {
            "data": {"values": [{"series": name, "years": years, "share": share} for name, years, share in steps]},
            "mark": {"type": "line", "interpolate": "step-after"},
            "encoding": {
                "x": {"field": "years", "type": "quantitative", "axis": axis(time_title)},
                "y": {"field": "share", "type": "quantitative", "axis": axis(value_title, share=True)},
                "color": {"field": "series", "type": "nominal", "title": None, "scale": {"domain": list(series)}},
                "strokeDash": {"field": "series", "type": "nominal", "title": None, "scale": {"domain": list(series)}},
            },
        },
        language,
    )
