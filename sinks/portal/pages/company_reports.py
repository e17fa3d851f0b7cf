"""What a company takes along: its share of the market, lots, the safety report's numbers, what it pays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.company import latest_day
from sinks.clickhouse.queries.company_database.catalogue_items import read_catalogue_items
from sinks.clickhouse.queries.company_database.choice import FAILURES
from sinks.clickhouse.queries.company_database.invoice import read_invoice
from sinks.clickhouse.queries.company_database.lots import read_lots
from sinks.clickhouse.queries.company_database.market import read_markets
from sinks.clickhouse.queries.company_database.safety import OTHER_REGIONS, WHOLE_COUNTRY, read_safety
from sinks.portal.pages.company_market import market_chart
from sinks.portal.pages.company_reporting import what_rates_rest_on
from sinks.portal.pages.company_words import FAILED, entitled_of, kind_asked
from sinks.portal.pages.pieces import Column, Field, Form, Link, Option, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.texts import marked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.portal.portal import Asked

_REGIONS: Mapping[str, str] = {WHOLE_COUNTRY: marked("the country"), OTHER_REGIONS: marked("other regions")}


def router() -> APIRouter:
    """The routes of a company's reports."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/company/reports", "company", _reports, renewed="for all")
    return routes


def _reports(asked: Asked) -> Page:
    t, entitled = asked.texts, entitled_of(asked)
    kind = kind_asked(asked, entitled, asked.one("kind"))
    options = [Option(one, t.of(entitled.kinds[one].title)) for one in entitled.own]
    choose = Form("choose", t("Choose"), [Field("kind", t("kind of implant"), "select", kind, options)], t("Show"))
    day = latest_day(asked.client, asked.definition)
    market = read_markets(asked.client, entitled, [kind], until=day)[kind]
    return Page(
        t("Reports"),
        [
            Section(forms=[choose]),
            *what_rates_rest_on(asked, entitled),
            Section(t("Share of the market"), charts=[market_chart(asked, market, "market")]),
            Section(
                t("Lots"),
                [t("A serial number is of one person: it stays with the clinic, which finds its own patients by it.")],
                tables=[_lots(asked, entitled, kind, day)],
            ),
            Section(
                t("Periodic safety report"),
                [t("Volumes and problems by year and region, for the manufacturer's own report.")],
                tables=[_safety(asked, entitled, kind, day)],
            ),
            Section(t("What is paid"), tables=list(_invoice(asked, entitled, day))),
            Section(t("What fits no item of the catalogue"), tables=list(_unknown(asked, entitled, day))),
        ],
        trail=[Link(asked.person.company, f"/r/{asked.definition.name}/company")],
        notice=t.of(entitled.definition.registry.notice) if entitled.definition.registry.notice else "",
    )


def _lots(asked: Asked, entitled: Entitled, kind: str, day: date | None) -> Table:
    t = asked.texts
    rows = [
        [
            one.component,
            one.udi_di,
            t("several together") if one.lot is None else one.lot or t("not known"),
            one.lots,
            one.pieces,
            one.people,
            one.in_use,
            *(one.failures[failure].number for failure in FAILURES),
        ]
        for one in read_lots(asked.client, entitled, kind, until=day)
    ]
    columns = [
        Column("component", t("component")),
        Column("udi_di", "UDI-DI"),
        Column("lot", t("lot")),
        Column("lots", t("lots"), "number"),
        Column("pieces", t("put in"), "number"),
        Column("people", t("people"), "number"),
        Column("in_use", t("in use now"), "number"),
        *(Column(one, t(FAILED[one]), "number") for one in FAILURES),
    ]
    return Table("lots", t("Lots of own components"), columns, rows)


def _safety(asked: Asked, entitled: Entitled, kind: str, day: date | None) -> Table:
    t = asked.texts
    rows = [
        [
            one.component,
            one.name,
            one.first_year,
            t(_REGIONS[one.region]) if one.region in _REGIONS else one.region,
            one.put_in,
            *(one.failures.get(failure, 0) for failure in FAILURES),
            "; ".join(f"{reason or t('not known')} {number}" for reason, number in one.reasons.items()),
        ]
        for one in read_safety(asked.client, entitled, [kind], until=day)
    ]
    columns = [
        Column("component", t("component")),
        Column("name", t("name")),
        Column("year", t("year")),
        Column("region", t("region")),
        Column("put_in", t("put in"), "number"),
        *(Column(one, t(FAILED[one]), "number") for one in FAILURES),
        Column("reasons", t("reasons")),
    ]
    return Table("safety", t("Volumes and problems"), columns, rows)


def _invoice(asked: Asked, entitled: Entitled, day: date | None) -> Iterator[Table]:
    t = asked.texts
    if day is None:
        return
    try:
        found = read_invoice(asked.client, entitled, day.year - 1)
    except CannotBeReadError:
        return
    rows = [[one.component, one.name, one.pieces, float(one.amounts) * float(found.amount)] for one in found.lines]
    columns = [
        Column("component", t("component")),
        Column("name", t("name")),
        Column("pieces", t("put in"), "number"),
        Column("to_pay", t("to pay (%(currency)s)", currency=found.currency), "decimal", digits=2),
    ]
    title = t(
        "Put in in %(year)s: %(total)s %(currency)s, at %(amount)s for each %(per)s",
        year=found.year,
        total=found.total,
        currency=found.currency,
        amount=found.amount,
        per=t("pair") if found.per == "pair" else t("piece"),
    )
    note = t("The fee pays for this service; it never gates what is public.")
    yield Table("invoice", title, columns, rows, note)


def _unknown(asked: Asked, entitled: Entitled, day: date | None) -> Iterator[Table]:
    t = asked.texts
    found = read_catalogue_items(asked.client, entitled, until=day)
    yield Table(
        "unknown",
        t("Registered, and in the catalogue no more"),
        [Column("kind", t("kind of implant")), Column("code", t("code")), Column("pieces", t("put in"), "number")],
        [
            [t.of(entitled.kinds[one.kind].title), one.code or t("several together"), one.pieces]
            for one in found.unknown
        ],
    )
    yield Table(
        "refused",
        t("Refused, for it named no item of the catalogue"),
        [Column("form", t("form")), Column("field", t("field")), Column("refused", t("registrations"), "number")],
        [[one.form, one.field, one.refused] for one in found.refused],
    )
