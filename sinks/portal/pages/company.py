"""The company database: a manufacturer's own products, in use and failed, by clinic or by component, beside all others.

What is shown is what `sinks.clickhouse.queries.company_database` gives: sums over whole groups of people, and the
country's own totals. Nobody is let in without a contract that is in force.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter

from sinks.clickhouse.queries.company_database.choice import FAILURES, GROUPINGS, ChoiceError, parse_choice, regions_of
from sinks.clickhouse.queries.company_database.curves import YEARS
from sinks.clickhouse.queries.company_database.entitled import NotEntitledError, entitle
from sinks.clickhouse.queries.company_database.reading import read_company
from sinks.portal.charts.look import axis, base
from sinks.portal.guard import AskError
from sinks.portal.pages.pieces import Chart, Column, Fact, Field, Form, Link, Option, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.texts import NOTHING, marked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sinks.clickhouse.queries.company_database.choice import Choice
    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.company_database.reading import CompanyReading, Row
    from sinks.portal.portal import Asked, Language
    from sinks.portal.texts import Texts

FAILED: Mapping[str, str] = {
    "revision": marked("revised"),
    "reoperation": marked("reoperated"),
    "specific": marked("revised for the component's own sake"),
}
_GROUPED: Mapping[str, str] = {
    "component": marked("components, the whole country"),
    "component_clinic": marked("component, then clinic"),
    "clinic_component": marked("clinic, then component"),
}
_PLACES: Mapping[str, str] = {
    "country": marked("the country"),
    "chosen": marked("all chosen clinics"),
    "rest": marked("other clinics"),
}
_MOST_CURVES = 6


def router() -> APIRouter:
    """The company's routes."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/company", "company", _overview)
    add_page(routes, "/r/{registry}/company/compare", "company", _compare)
    return routes


def entitled_of(asked: Asked) -> Entitled:
    """The company that asks, with what is its own today.

    Raises:
        AskError: it has no contract in force, or nothing of its own.
    """
    today = datetime.fromtimestamp(asked.portal.now(), UTC).date()
    try:
        return entitle(asked.definition, asked.person.company, today)
    except NotEntitledError as error:
        raise AskError(str(error)) from error


def _overview(asked: Asked) -> Page:
    t, entitled = asked.texts, entitled_of(asked)
    sections = []
    for kind in entitled.own:
        choice = parse_choice({"kind": [kind]}, entitled)
        reading = read_company(asked.client, entitled, choice, curves=())
        sections.append(_kind(asked, entitled, reading, kind))
    contract = entitled.contract
    until = t.day(contract.last) if contract.last else t("until further notice")
    return Page(
        asked.person.company,
        sections,
        lead=t(
            "Your own components, live. Contract from %(first)s, %(last)s, for %(purpose)s.",
            first=t.day(contract.first),
            last=until,
            purpose=contract.purpose,
        ),
        further=[
            Link(t("Choose and compare"), f"/r/{entitled.definition.name}/company/compare"),
            Link(t("Signals about your own products"), f"/r/{entitled.definition.name}/company/signals"),
            Link(t("Reports"), f"/r/{entitled.definition.name}/company/reports"),
        ],
        live=entitled.definition.name,
        notice=t.of(entitled.definition.registry.notice) if entitled.definition.registry.notice else "",
    )


def _kind(asked: Asked, entitled: Entitled, reading: CompanyReading, kind: str) -> Section:
    t = asked.texts
    title = t.of(entitled.kinds[kind].title)
    rows = [row for row in reading.country if row.component is not None]
    whole = next((row for row in reading.country if row.component is None), None)
    facts = list(_facts(t, whole)) if whole is not None else []
    table = Table(
        f"components-{kind}",
        t("%(kind)s: each component, the whole country", kind=title),
        [
            Column("component", t("component"), "link"),
            Column("name", t("name")),
            Column("in_use", t("in use now"), "number"),
            Column("put_in", t("put in"), "number"),
            Column("this_year", t("this year"), "number"),
            Column("last_year", t("last year"), "number"),
            *(Column(one, t(FAILED[one]), "number") for one in FAILURES),
            Column("component_years", t("component-years"), "decimal"),
            Column("rate", t("reoperated per 100"), "decimal"),
            Column("lower", t("lower limit"), "decimal"),
            Column("upper", t("upper limit"), "decimal"),
        ],
        [_component_cells(entitled, row, kind) for row in rows],
        _as_of(t, reading),
    )
    return Section(title, facts=facts, tables=[table])


def _facts(t: Texts, whole: Row) -> Iterator[Fact]:
    yield Fact(t("in use now"), t.number(whole.in_use))
    yield Fact(
        t("put in this year"),
        t.number(whole.put_in_this_year),
        t("%(number)s last year", number=t.number(whole.put_in_last_year)),
    )
    for name in ("reoperation", "revision"):
        found = whole.failures[name]
        yield Fact(
            t(FAILED[name]),
            t.number(found.number),
            t(
                "%(this)s this year, %(last)s last year; %(rate)s per 100 component-years",
                this=t.number(found.this_year),
                last=t.number(found.last_year),
                rate=t.number(found.rate, 2),
            ),
        )


def _component_cells(entitled: Entitled, row: Row, kind: str) -> list[Any]:
    found = row.failures["reoperation"]
    query = urlencode({"kind": kind, "component": row.component or "", "by": "component_clinic"})
    return [
        Link(row.component or "", f"/r/{entitled.definition.name}/company/compare?{query}"),
        row.name,
        row.in_use,
        row.pieces,
        row.put_in_this_year,
        row.put_in_last_year,
        *(row.failures[one].number for one in FAILURES),
        found.component_years,
        found.rate,
        found.lower,
        found.upper,
    ]


def _as_of(t: Texts, reading: CompanyReading) -> str:
    return t("As of %(day)s.", day=t.day(reading.until))


def _compare(asked: Asked) -> Page:
    t, entitled = asked.texts, entitled_of(asked)
    said: dict[str, list[str]] = {}
    for name, value in asked.request.query_params.multi_items():
        if name != "lang":
            said.setdefault(name, []).append(value)
    home = f"/r/{entitled.definition.name}/company"
    trail = [Link(asked.person.company, home)]
    title = t("Choose and compare")
    try:
        choice = parse_choice(said, entitled)
    except ChoiceError as error:
        plain = parse_choice({}, entitled)
        return Page(title, [Section(warning=str(error)), _to_choose(asked, entitled, plain)], trail=trail, status=400)
    reading = read_company(asked.client, entitled, choice)
    link = f"{home}/compare?{urlencode(choice.as_query())}"
    return Page(
        title,
        [
            _to_choose(asked, entitled, choice),
            Section(t("Cumulative failures"), list(_what_curves_mean(t, reading)), charts=_curves(asked, reading)),
            Section(t("Numbers"), list(_what_is_hidden(t, reading)), tables=[_numbers(asked, reading)]),
            Section(
                t("All other companies together"),
                list(_why_not_compared(t, entitled, reading)),
                tables=_others(asked, entitled, reading),
            ),
            Section(t("Why"), tables=[_reasons(asked, reading)]),
        ],
        lead=t(
            "What is hidden is put together with others, so that no difference tells of fewer than %(number)s people.",
            number=reading.smallest,
        ),
        trail=trail,
        further=[Link(t("This choice as a link"), link)],
        live=entitled.definition.name,
        notice=t.of(entitled.definition.registry.notice) if entitled.definition.registry.notice else "",
        read_as_of=_as_of(t, reading),
    )


def _to_choose(asked: Asked, entitled: Entitled, choice: Choice) -> Section:
    t = asked.texts
    kind = choice.kinds[0]
    regions = sorted(set(regions_of(entitled).values()))
    exposure = entitled.definition.monitors.exposures[kind]
    fields = [
        Field(
            "kind",
            t("kind of implant"),
            "select",
            kind,
            [Option(one, t.of(entitled.kinds[one].title)) for one in entitled.own],
        ),
        Field(
            "component",
            t("components"),
            "many",
            options=[
                Option(one, f"{one} {entitled.name_of(kind, one)}", one in choice.components)
                for one in entitled.own[kind]
            ],
            hint=t("all, where none is chosen"),
        ),
        Field("from", t("put in from (year or month)"), "text", choice.first.isoformat()[:7] if choice.first else ""),
        Field("until", t("put in until (year or month)"), "text", choice.last.isoformat()[:7] if choice.last else ""),
        Field("failure", t("failure"), "select", choice.failure, [Option(one, t(FAILED[one])) for one in FAILURES]),
        Field("by", t("shown by"), "select", choice.grouping, [Option(one, t(_GROUPED[one])) for one in GROUPINGS]),
        Field("region", t("region"), "many", options=[Option(one, one, one in choice.regions) for one in regions]),
        *(
            Field(
                name,
                name.replace("_", " "),
                "select",
                choice.values[0] if choice.fact == name and choice.values else "",
                [Option("", NOTHING), *(Option(one, one) for one in breakdown.labels)],
            )
            if breakdown.bands
            else Field(
                name, name.replace("_", " "), "text", choice.values[0] if choice.fact == name and choice.values else ""
            )
            for name, breakdown in exposure.by.items()
        ),
    ]
    return Section(forms=[Form("choose", t("Choose"), fields, t("Show"))])


def _what_curves_mean(t: Texts, reading: CompanyReading) -> Iterator[str]:
    yield t(
        "Kaplan-Meier: as if nobody died. Beside it, in the table, the share where death competes (Aalen-Johansen)."
    )
    yield t("Points with fewer than %(number)s at risk are not shown.", number=_fewest_at_risk(reading))


def _fewest_at_risk(reading: CompanyReading) -> int:
    return next((row.fewest_at_risk for row in reading.country), 0)


def _curves(asked: Asked, reading: CompanyReading) -> list[Chart]:
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


def _numbers(asked: Asked, reading: CompanyReading) -> Table:
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


def _what_is_hidden(t: Texts, reading: CompanyReading) -> Iterator[str]:
    hidden = sorted({year for row in (*reading.country, *reading.chosen, *reading.places) for year in row.not_shown})
    if hidden:
        yield t(
            "Not counted, for too few people have what was chosen: those put in in %(years)s.",
            years=", ".join(str(year) for year in hidden),
        )


def _why_not_compared(t: Texts, entitled: Entitled, reading: CompanyReading) -> Iterator[str]:
    for kind, one in reading.others.items():
        title = t.of(entitled.kinds[kind].title)
        if one.why_not is not None:
            yield t("%(kind)s: not shown, for %(reason)s.", kind=title, reason=t(one.why_not))
        if one.left_out:
            yield t("%(kind)s: without what was put in in %(months)s.", kind=title, months=", ".join(one.left_out))


def _others(asked: Asked, entitled: Entitled, reading: CompanyReading) -> list[Table]:
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


def _reasons(asked: Asked, reading: CompanyReading) -> Table:
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
