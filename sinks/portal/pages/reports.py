"""Reports to agency and manufacturers: what is due and late, whose it is, what it waits for; and the audit trail."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter

from sinks.agency.finding import cases_of
from sinks.agency.standing import in_order, standings
from sinks.clickhouse.queries.reports import read_steps
from sinks.portal.audit import write_down
from sinks.portal.pages.asking import one_of
from sinks.portal.pages.pieces import Column, Fact, Field, Form, Link, Option, Page, Section, Table
from sinks.portal.pages.report import steps_table
from sinks.portal.pages.report_words import ADDRESSEES, KINDS, STATES, TYPES, WAITS
from sinks.portal.pages.serving import add_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinks.agency.standing import Standing
    from sinks.portal.portal import Asked

_SOON_DAYS = 3
_DONE = "done"


def router() -> APIRouter:
    """The queue's route, and that of the audit trail."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/reports", "reports", _reports)
    add_page(routes, "/r/{registry}/reports/trail", "report", _trail)
    return routes


def _reports(asked: Asked) -> Page:
    t = asked.texts
    rules = asked.portal.report_rules
    today = asked.portal.moment.astimezone(rules.zone).date()
    cases = cases_of(read_steps(asked.client, asked.definition.name))
    everything = in_order(one for case in cases.values() for one in standings(case, rules, today))
    waits = one_of(asked, "waits", ("", *WAITS, _DONE), "")
    owner = asked.one("owner")
    shown = [
        one
        for one in everything
        if (one.waits_for is None if waits == _DONE else one.waits_for is not None and waits in ("", one.waits_for))
        and owner in ("", one.report.owner or "")
    ]
    return Page(
        t("Reports"),
        [
            Section(facts=_facts(asked, everything)),
            Section(forms=[_choose(asked, everything, waits, owner)], tables=[_queue(asked, shown)]),
            Section(t("By owner of the clock"), tables=[_owners(asked, everything)]),
        ],
        lead=t("What is registered as reportable goes on to the medicines agency and to manufacturers, in time."),
        further=[Link(t("Audit trail"), f"/r/{asked.definition.name}/reports/trail")],
        read_as_of=t("Days are counted to %(day)s.", day=t.day(today)),
    )


def _facts(asked: Asked, everything: Sequence[Standing]) -> list[Fact]:
    t = asked.texts
    running = [one for one in everything if one.days_left is not None]
    late = [one for one in running if one.late]
    unlawful = [one for one in running if one.legal_days_left is not None and one.legal_days_left < 0]
    soon = [one for one in running if 0 <= (one.days_left or 0) <= _SOON_DAYS]
    states = Counter(one.report.state for one in everything)
    waiting = Counter(one.waits_for for one in everything)
    return [
        Fact(t("due"), t.number(len(running)), t("not told yet")),
        Fact(t("due within three days"), t.number(len(soon)), alarming=bool(soon)),
        Fact(t("overdue"), t.number(len(late)), t("past the day that work goes by"), alarming=bool(late)),
        Fact(t("past the legal day"), t.number(len(unlawful)), alarming=bool(unlawful)),
        Fact(t("waiting for coding"), t.number(waiting["coding"]), t("their clocks run")),
        Fact(t("sent"), t.number(states["sent"]), t("not answered yet")),
        Fact(t("acknowledged"), t.number(states["acknowledged"])),
        Fact(t("not taken"), t.number(states["rejected"]), alarming=bool(states["rejected"])),
    ]


def _choose(asked: Asked, everything: Sequence[Standing], waits: str, owner: str) -> Form:
    t = asked.texts
    owners = sorted({one.report.owner for one in everything if one.report.owner})
    return Form(
        "choose",
        t("Choose"),
        [
            Field(
                "waits",
                t("waits for"),
                "select",
                waits,
                [
                    Option("", t("anything")),
                    *(Option(name, t(words)) for name, words in WAITS.items()),
                    Option(_DONE, t("nothing any more")),
                ],
            ),
            Field(
                "owner", t("owner"), "select", owner, [Option("", t("anybody")), *(Option(one, one) for one in owners)]
            ),
        ],
        t("Show"),
    )


def _queue(asked: Asked, shown: Sequence[Standing]) -> Table:
    t = asked.texts
    rows: list[list[Any]] = []
    for one in shown:
        clock, last = one.clock, one.receipts[-1] if one.receipts else None
        address = f"/r/{asked.definition.name}/report?{urlencode({'id': one.case})}"
        rows.append(
            [
                Link(one.case.rsplit("-", 1)[-1], address),
                t(KINDS[one.report.kind]),
                t(ADDRESSEES[one.addressee]),
                t(TYPES[one.report.type]),
                t(STATES[one.report.state]),
                t(WAITS[one.waits_for]) if one.waits_for else "",
                None if clock is None else clock.steering.nominal,
                one.days_left,
                None if clock is None else clock.binding.legal,
                one.report.owner or "",
                "" if last is None else f"{last.code} {last.reference or ''}".strip(),
            ]
        )
    columns = [
        Column("case", t("case"), "link"),
        Column("kind", t("kind")),
        Column("to", t("to")),
        Column("type", t("type")),
        Column("state", t("state")),
        Column("waits_for", t("waits for")),
        Column("due", t("due on"), "day", note=t("the day that work goes by")),
        Column("days_left", t("days left"), "number"),
        Column("legal", t("legal day"), "day"),
        Column("owner", t("owner")),
        Column("answered", t("answered")),
    ]
    late = frozenset(place for place, one in enumerate(shown) if one.late)
    return Table("queue", t("The queue, what is due first before the others"), columns, rows, marked=late)


def _owners(asked: Asked, everything: Sequence[Standing]) -> Table:
    t = asked.texts
    running = [one for one in everything if one.days_left is not None]
    by_owner = Counter(one.report.owner or "" for one in running)
    rows = [
        [
            owner or t("nobody"),
            number,
            sum(one.late for one in running if (one.report.owner or "") == owner),
            min(one.days_left or 0 for one in running if (one.report.owner or "") == owner),
        ]
        for owner, number in by_owner.most_common()
    ]
    columns = [
        Column("owner", t("owner")),
        Column("due", t("due"), "number"),
        Column("overdue", t("overdue"), "number"),
        Column("days_left", t("fewest days left"), "number"),
    ]
    return Table("owners", t("By owner of the clock"), columns, rows)


def _trail(asked: Asked) -> Page:
    t = asked.texts
    cases = cases_of(read_steps(asked.client, asked.definition.name))
    write_down(asked, about="audit trail of reports", people=len(cases))
    return Page(
        t("Audit trail"),
        [Section(tables=[steps_table(asked, cases.values())])],
        lead=t("Every step of every report: who took it, when and why. Nothing of it is ever edited."),
        trail=[Link(t("Reports"), f"/r/{asked.definition.name}/reports")],
    )
