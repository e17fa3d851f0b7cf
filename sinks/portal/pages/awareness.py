"""Since when companies are aware of signals and notices: first delivery to a machine, first reading by a person.

The registry sees all of its companies, a company sees itself. Nothing of it is ever changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from schemas.company import companies_of, company_code
from sinks.clickhouse.queries.awareness import read_awareness
from sinks.clickhouse.queries.webhooks import read_standings, read_webhooks
from sinks.portal.pages.company_words import entitled_of
from sinks.portal.pages.pieces import Column, Link, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.webhooks import endpoints_table
from sinks.portal.pages.words import moment, notice_of, title_of, trail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sinks.clickhouse.queries.awareness import Awareness
    from sinks.portal.portal import Asked


def router() -> APIRouter:
    """The routes of awareness."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/awareness", "awareness", _of_registry)
    add_page(routes, "/r/{registry}/company/awareness", "company", _of_company)
    return routes


def awareness_table(asked: Asked, found: Iterable[Awareness]) -> Table:
    """By what each company is aware of a signal or notice, and since when."""
    t = asked.texts
    companies = companies_of([asked.definition])
    rows = [
        [
            companies.get(one.company, one.company),
            one.subject,
            moment(t, one.aware_at),
            moment(t, one.delivered_at),
            one.delivered_by,
            one.event,
            moment(t, one.read_at),
            one.read_by,
        ]
        for one in found
    ]
    columns = [
        Column("company", t("company")),
        Column("subject", t("signal or notice")),
        Column("aware_at", t("aware since (UTC)")),
        Column("delivered_at", t("first delivered (UTC)")),
        Column("delivered_by", t("how")),
        Column("event", t("event")),
        Column("read_at", t("first read (UTC)")),
        Column("read_by", t("by whom")),
    ]
    note = t("The first stays the first, and is kept for ever.")
    return Table("awareness", t("Who was told when"), columns, rows, note)


def _of_registry(asked: Asked) -> Page:
    t = asked.texts
    return Page(
        title_of(asked, t("Awareness")),
        [Section(tables=[awareness_table(asked, read_awareness(asked.client, asked.definition.name))])],
        lead=_lead(asked),
        trail=trail(asked, Link(t("Signals"), f"/r/{asked.definition.name}/signals")),
        notice=notice_of(asked),
    )


def _of_company(asked: Asked) -> Page:
    t, registry = asked.texts, asked.definition.name
    entitled_of(asked)
    company = company_code(asked.person.company)
    endpoints = [one for one in read_webhooks(asked.client, registry) if one.company == company]
    return Page(
        t("Awareness"),
        [
            Section(tables=[awareness_table(asked, read_awareness(asked.client, registry, company))]),
            Section(
                t("Where your machines are told"),
                [t("The registry's controller registers and removes them.")],
                tables=[endpoints_table(asked, endpoints, read_standings(asked.client, registry))],
            ),
        ],
        lead=_lead(asked),
        trail=[Link(asked.person.company, f"/r/{registry}/company")],
        notice=notice_of(asked),
    )


def _lead(asked: Asked) -> str:
    return asked.texts(
        "The first delivery to a company's machine, or the first reading by one of its people, makes the company aware."
    )
