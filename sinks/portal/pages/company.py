"""The company database's first page: a manufacturer's own components in use and failed, the whole country.

What is shown is what `sinks.clickhouse.queries.company_database` gives: sums over whole groups of people, and the
country's own totals. Nobody is let in without a contract that is in force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter

from sinks.clickhouse.queries.company import latest_day
from sinks.clickhouse.queries.company_database.choice import parse_choice
from sinks.clickhouse.queries.company_database.market import read_markets
from sinks.clickhouse.queries.company_database.reading import read_company
from sinks.portal.pages.company_market import market_chart
from sinks.portal.pages.company_numbers import failure_cells, failure_columns
from sinks.portal.pages.company_reporting import what_rates_rest_on
from sinks.portal.pages.company_words import FAILED, as_of, entitled_of
from sinks.portal.pages.pieces import Column, Fact, Link, Page, Section, Table
from sinks.portal.pages.serving import add_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.company_database.market import MarketShare
    from sinks.clickhouse.queries.company_database.reading import CompanyReading, Row
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts


def router() -> APIRouter:
    """The route of the overview."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/company", "company", _overview, renewed="for all")
    return routes


def _overview(asked: Asked) -> Page:
    t, entitled = asked.texts, entitled_of(asked)
    every, day = parse_choice({"kind": list(entitled.own)}, entitled), latest_day(asked.client, entitled.definition)
    reading = read_company(asked.client, entitled, every, curves=(), others=False, until=day)
    markets = read_markets(asked.client, entitled, list(entitled.own), until=day)
    sections = [_kind(asked, entitled, reading, kind, markets[kind]) for kind in entitled.own]
    contract = entitled.contract
    until = t.day(contract.last) if contract.last else t("until further notice")
    return Page(
        asked.person.company,
        [*sections, *what_rates_rest_on(asked, entitled)],
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
            Link(t("Awareness"), f"/r/{entitled.definition.name}/company/awareness"),
        ],
        live=entitled.definition.name,
        notice=t.of(entitled.definition.registry.notice) if entitled.definition.registry.notice else "",
    )


def _kind(
    asked: Asked, entitled: Entitled, reading: CompanyReading, kind: str, market: Sequence[MarketShare]
) -> Section:
    t = asked.texts
    title = t.of(entitled.kinds[kind].title)
    of_kind = [row for row in reading.country if row.kind == kind]
    rows = [row for row in of_kind if row.component is not None]
    whole = next((row for row in of_kind if row.component is None), None)
    facts = list(_facts(t, whole)) if whole is not None else []
    table = Table(
        f"components-{kind}",
        t("%(kind)s: each component, the whole country", kind=title),
        [
            Column("component", t("component"), "link"),
            Column("name", t("name")),
            Column("udi_di", "UDI-DI"),
            Column("in_use", t("in use now"), "number"),
            Column("put_in", t("put in"), "number"),
            Column("this_year", t("this year"), "number"),
            Column("last_year", t("last year"), "number"),
            *failure_columns(t),
        ],
        [_component_cells(entitled, row, kind) for row in rows],
        as_of(t, reading),
    )
    return Section(title, facts=facts, charts=[market_chart(asked, market, f"market-{kind}")], tables=[table])


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
    query = urlencode({"kind": kind, "component": row.component or "", "by": "component_clinic"})
    return [
        Link(row.component or "", f"/r/{entitled.definition.name}/company/compare?{query}"),
        row.name, entitled.udi_di_of(kind, row.component), row.in_use, row.pieces, row.put_in_this_year,
        row.put_in_last_year, *failure_cells(row),
    ]  # fmt: skip
