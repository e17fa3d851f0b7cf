"""Signals about a company's own products, as it is told of them; the first reading makes it aware, and is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter

from sinks.portal.audit import write_down
from sinks.portal.guard import NotFoundError
from sinks.portal.pages.company_answers import said_table, to_answer, words_since
from sinks.portal.pages.company_reporting import what_rates_rest_on
from sinks.portal.pages.company_told import keep_reading, own_notices, own_signals
from sinks.portal.pages.company_words import entitled_of
from sinks.portal.pages.notices import notices_table
from sinks.portal.pages.pieces import Column, Fact, Link, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.signal_words import BECAME, LEVELS
from sinks.portal.pages.words import notice_of
from sinks.portal.projection import tells_hospitals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.reviews import Notice
    from sinks.portal.pages.company_told import Own
    from sinks.portal.portal import Asked
    from sinks.portal.projection import ToldSignal
    from sinks.portal.texts import Texts


def router() -> APIRouter:
    """The routes of a company's signals."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/company/signals", "company", _signals)
    return routes


def _signals(asked: Asked) -> Page:
    t, entitled = asked.texts, entitled_of(asked)
    chosen = asked.one("id")
    own = own_signals(asked, entitled, naming_hospitals_of=chosen)
    notices = own_notices(asked, entitled)
    found = [one for one in own if one.told.id == chosen]
    if chosen and not found:
        raise NotFoundError
    keep_reading(asked, [one.told.id for one in found or own] + [one.id for one in notices])
    home = f"/r/{asked.definition.name}/company"
    return Page(
        t("Signals about your own products"),
        [
            Section(tables=[_table(t, home, [one.told for one in own])]),
            *(part for one in found for part in _one(asked, entitled, one, notices)),
            Section(t("Field safety notices"), tables=[notices_table(asked, notices)]),
            *what_rates_rest_on(asked, entitled),
        ],
        lead=t("By month, for the whole country. What one clinic explains goes to the clinic and to the registry."),
        trail=[Link(asked.person.company, home)],
        live=asked.definition.name,
        notice=notice_of(asked),
    )


def _one(asked: Asked, entitled: Entitled, one: Own, notices: Sequence[Notice]) -> Iterator[Section]:
    t, told = asked.texts, one.told
    if tells_hospitals(one.stated, entitled):
        about = f"hospitals with carriers of {told.product}"
        write_down(asked, about=about, people=0, area="company hospitals", purpose=entitled.contract.purpose)
    words = words_since(asked, told.id)
    yield Section(
        f"{told.name}: {t(LEVELS[told.level])}, {t(BECAME[told.state])}",
        facts=list(_facts(t, told)),
        tables=list(_evidence(t, told)),
    )
    yield Section(
        t("What was said"),
        [t("What you answer changes nothing of the signal: the registry decides.")],
        forms=to_answer(asked, told.id, words, notices),
        tables=[said_table(asked, words, notices)],
    )


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
    alarming = frozenset(place for place, one in enumerate(told) if one.level == "alarm" and one.state != "withdrawn")
    return Table("signals", t("Signals as they stand"), columns, rows, marked=alarming)


def _facts(t: Texts, one: ToldSignal) -> Iterator[Fact]:
    for level in one.levels:
        yield Fact(t(LEVELS[level.level]), level.month, t("%(number)s outcomes then", number=t.number(level.observed)))
    if one.hospitals is not None:
        yield Fact(t("hospitals with carriers"), t.number(len(one.hospitals)), ", ".join(one.hospitals))
    if one.others_not_compared:
        yield Fact(t("expected"), t("not shown"), t(one.others_not_compared))


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
