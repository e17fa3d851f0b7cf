"""Signals about a company's own products, as it is told of them; the first reading makes it aware, and is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter

from schemas.company import company_code
from sinks.clickhouse.queries.awareness import record_reading
from sinks.clickhouse.queries.company_database.choice import parse_choice
from sinks.clickhouse.queries.company_database.hospitals import read_hospitals
from sinks.clickhouse.queries.company_database.lots import lots_shown, read_lots
from sinks.clickhouse.queries.company_database.reading import read_company
from sinks.clickhouse.queries.signals import read_signals
from sinks.portal.audit import write_down
from sinks.portal.guard import NotFoundError
from sinks.portal.pages.company_words import entitled_of
from sinks.portal.pages.pieces import Column, Fact, Link, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.signal_words import BECAME, LEVELS
from sinks.portal.projection import ToldSignal, project, tells_hospitals
from sinks.portal.texts import marked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.signals import StatedSignal
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts


def router() -> APIRouter:
    """The routes of a company's signals."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/company/signals", "company", _signals)
    return routes


def _signals(asked: Asked) -> Page:
    t, entitled = asked.texts, entitled_of(asked)
    told = [
        (signal, one)
        for signal in read_signals(asked.client, asked.definition).signals
        if (one := _told(asked, entitled, signal))
    ]
    chosen = asked.one("id")
    if chosen and chosen not in {one.id for _, one in told}:
        raise NotFoundError
    _keep_reading(asked, [one.id for _, one in told if not chosen or one.id == chosen])
    home = f"/r/{asked.definition.name}/company"
    sections = [Section(tables=[_table(t, home, [one for _, one in told])])]
    for signal, one in told:
        if one.id == chosen:
            if tells_hospitals(signal, entitled):
                write_down(asked, about=f"hospitals with carriers of {one.product}", people=0)
            sections.append(
                Section(
                    f"{one.name}: {t(LEVELS[one.level])}, {t(BECAME[one.state])}",
                    facts=list(_facts(t, one)),
                    tables=list(_evidence(t, one)),
                )
            )
    return Page(
        t("Signals about your own products"),
        sections,
        lead=t("By month, for the whole country. What one clinic explains goes to the clinic and to the registry."),
        trail=[Link(asked.person.company, home)],
        live=asked.definition.name,
        notice=t.of(entitled.definition.registry.notice) if entitled.definition.registry.notice else "",
    )


def _told(asked: Asked, entitled: Entitled, signal: StatedSignal) -> ToldSignal | None:
    """The signal as the company is told of it; lots, hospitals and what others are compared with as the pages may."""
    kind = signal.group if signal.group in entitled.own else next(iter(entitled.own))
    plain = project(signal, entitled, others_not_compared="")
    if plain is None and not signal.lot:
        return None
    reading = read_company(asked.client, entitled, parse_choice({"kind": [kind]}, entitled), curves=())
    why_not = reading.others[kind].why_not if kind in reading.others else marked("others are not counted")
    lots = lots_shown(
        read_lots(asked.client, entitled, kind), signal.product.split(":")[1] if signal.lot else signal.product
    )
    hospitals = read_hospitals(asked.client, entitled, signal.product) if tells_hospitals(signal, entitled) else []
    return project(signal, entitled, others_not_compared=why_not, lots=lots, hospitals=hospitals)


def _keep_reading(asked: Asked, ids: list[str]) -> None:
    at = datetime.fromtimestamp(asked.portal.now(), UTC)
    company = company_code(asked.person.company)
    record_reading(asked.client, asked.definition.name, company, ids, at=at, channel="page", by=asked.person.subject)


def _table(t: Texts, home: str, told: list[ToldSignal]) -> Table:
    columns = [
        Column("signal", t("signal"), "link"),
        Column("name", t("name")),
        Column("level", t("level")),
        Column("state", t("state")),
        Column("since", t("since (month)")),
        Column("failures", t("outcomes"), "number"),
    ]
    rows = [
        [
            Link(one.id, f"{home}/signals?{urlencode({'id': one.id})}"), one.name, t(LEVELS[one.level]),
            t(BECAME[one.state]), one.levels[0].month if one.levels else "",
            one.path[-1].observed if one.path else None,
        ]
        for one in told
    ]  # fmt: skip
    marked = frozenset(place for place, one in enumerate(told) if one.level == "alarm" and one.state != "withdrawn")
    return Table("signals", t("Signals as they stand"), columns, rows, marked=marked)


def _facts(t: Texts, one: ToldSignal) -> Iterator[Fact]:
    for level in one.levels:
        yield Fact(t(LEVELS[level.level]), level.month, t("%(number)s outcomes then", number=t.number(level.observed)))
    if one.hospitals is not None:
        yield Fact(t("hospitals with carriers"), t.number(len(one.hospitals)), ", ".join(one.hospitals))
    if one.others_not_compared:
        yield Fact(t("expected"), t("not shown"), one.others_not_compared)


def _evidence(t: Texts, one: ToldSignal) -> Iterator[Table]:
    path = [
        [point.month, point.observed, point.expected, point.statistic, point.rate, point.lower, point.upper]
        for point in one.path
    ]
    yield Table(
        "path",
        t("Month by month, with all that is known now"),
        [
            Column("month", t("month")),
            Column("outcomes", t("outcomes"), "number"),
            Column("expected", t("expected"), "decimal", digits=2),
            Column("statistic", t("statistic"), "decimal", digits=2),
            Column("rate", t("per 100 component-years"), "decimal"),
            Column("lower", t("lower limit"), "decimal"),
            Column("upper", t("upper limit"), "decimal"),
        ],
        path,
    )
    rows: list[list[Any]] = [[lot.lot, lot.put_in, lot.observed, lot.expected] for lot in one.lots]
    yield Table(
        "lots",
        t("By lot, against the other lots"),
        [
            Column("lot", t("lot")),
            Column("put_in", t("put in"), "number"),
            Column("outcomes", t("outcomes"), "number"),
            Column("expected", t("expected"), "decimal", digits=2),
        ],
        rows,
    )
    yield Table(
        "methods",
        t("What other methods say; they raise no level"),
        [Column("method", t("method")), Column("reached", t("reached")), Column("month", t("month"))],
        [[method.name, t("yes") if method.reached else t("no"), method.month or ""] for method in one.methods],
    )
