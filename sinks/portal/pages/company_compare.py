"""What a company chooses and compares: components, period, one fact about patients, clinics; grouped as it wants."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter

from sinks.clickhouse.queries.company_database.choice import FAILURES, GROUPINGS, ChoiceError, parse_choice, regions_of
from sinks.clickhouse.queries.company_database.reading import read_company
from sinks.portal.pages.company_funnel import funnels
from sinks.portal.pages.company_numbers import cumulative, curve_of, numbers, others, reasons
from sinks.portal.pages.company_reporting import what_rates_rest_on
from sinks.portal.pages.company_words import FAILED, as_of, entitled_of
from sinks.portal.pages.pieces import Field, Form, Link, Option, Page, Section
from sinks.portal.pages.serving import add_page
from sinks.portal.texts import NOTHING, marked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sinks.clickhouse.queries.company_database.choice import Choice
    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.company_database.reading import CompanyReading
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts

_GROUPED: Mapping[str, str] = {
    "component": marked("components, the whole country"),
    "component_clinic": marked("component, then clinic"),
    "clinic_component": marked("clinic, then component"),
}


def router() -> APIRouter:
    """The route of the comparison."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/company/compare", "company", _compare, renewed="for all")
    return routes


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
            Section(
                t("Cumulative failures"),
                list(_what_curves_mean(t, reading)),
                charts=curve_of(asked, reading),
                tables=[cumulative(asked, reading)],
            ),
            Section(t("Numbers"), list(_what_is_hidden(t, reading)), tables=[numbers(asked, entitled, reading)]),
            funnels(asked, reading),
            Section(
                t("All other companies together"),
                list(_why_not_compared(t, entitled, reading)),
                tables=others(asked, entitled, reading),
            ),
            Section(t("Why"), tables=[reasons(asked, reading)]),
            *what_rates_rest_on(asked, entitled),
        ],
        lead=t(
            "What is hidden is put together with others, so that no difference tells of fewer than %(number)s people.",
            number=reading.smallest,
        ),
        trail=trail,
        further=[Link(t("This choice as a link"), link)],
        live=entitled.definition.name,
        notice=t.of(entitled.definition.registry.notice) if entitled.definition.registry.notice else "",
        read_as_of=as_of(t, reading),
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
