"""One case: how it stands with each addressee, what its message says, what is missing, every step; and what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from sinks.agency.delivery import outgoing_of
from sinks.agency.finding import cases_of
from sinks.agency.icsr.parsing import RefusedXMLError
from sinks.agency.icsr.reader import read
from sinks.agency.icsr.telling import facts_of
from sinks.agency.standing import standings
from sinks.clickhouse.queries.reports import read_steps
from sinks.portal.access import may
from sinks.portal.audit import write_down
from sinks.portal.guard import AskError, NotFoundError, through
from sinks.portal.pages.pieces import Column, Fact, Field, Form, Link, Option, Page, Section, Table
from sinks.portal.pages.report_words import ACTS, ADDRESSEES, STATES, STEPS, TYPES, WAITS
from sinks.portal.pages.serving import add_page
from sinks.portal.portal import Asked, CannotBeSaidError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sinks.agency.outbox import Case
    from sinks.agency.standing import Standing

_XML = "application/xml"
_SAID = ("id", "to", "act", "reason", "owner", "meddra", "reference")


def router() -> APIRouter:
    """The case's route, and the one by which people say what they do."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/report", "report", _report)
    routes.add_api_route("/r/{registry}/report/step", _act, methods=["POST"], include_in_schema=False)
    return routes


def steps_table(asked: Asked, cases: Iterable[Case]) -> Table:
    """Every step of cases, in the order in which they were taken; those that counted for nothing with the reason."""
    t = asked.texts
    taken: list[tuple[int, list[Any]]] = []
    for case in cases:
        refused = {one["id"]: why for one, why in case.refused}
        for one in (*case.log, *(record for record, _ in case.refused)):
            why = refused.get(one["id"])
            row = [
                datetime.fromtimestamp(one["said_at"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S"),
                case.id,
                t(ADDRESSEES[one["addressee"]]),
                f"{one['case_version']}.{one['edition']}",
                t(STEPS[one["step"]]),
                one["by"],
                _what(one),
                t("counts for nothing: %(why)s", why=why) if why else "",
            ]
            taken.append((one["said_at"], row))
    columns = [
        Column("said_at", t("when (UTC)")),
        Column("case", t("case")),
        Column("to", t("to")),
        Column("version", t("version")),
        Column("step", t("step")),
        Column("by", t("by whom")),
        Column("said", t("what was said")),
        Column("refused", t("refused")),
    ]
    rows = [row for _, row in sorted(taken, key=itemgetter(0))]
    return Table("trail", t("Every step"), columns, rows)


def _what(one: Mapping[str, Any]) -> str:
    parts = (one["owner"], one["nullified_as"], one["duplicate_of"], one["code"], one["reference"], one["reason"])
    return ", ".join(part for part in parts if part)


def _report(asked: Asked) -> Page:
    t = asked.texts
    name = asked.one("id")
    case = cases_of(read_steps(asked.client, asked.definition.name, [name], contents=True)).get(name)
    if case is None:
        raise NotFoundError
    write_down(asked, about=name, people=1)
    rules = asked.portal.report_rules
    today = asked.portal.moment.astimezone(rules.zone).date()
    standing = list(standings(case, rules, today))
    return Page(
        t("Case %(case)s", case=name),
        [
            *(_side(asked, case, one) for one in standing),
            Section(t("Every step"), tables=[steps_table(asked, [case])]),
        ],
        lead=t("Reading this is written down."),
        trail=[Link(t("Reports"), f"/r/{asked.definition.name}/reports")],
        read_as_of=t("Days are counted to %(day)s.", day=t.day(today)),
    )


def _side(asked: Asked, case: Case, one: Standing) -> Section:
    t = asked.texts
    clock, report = one.clock, one.report
    facts = [
        Fact(t("state"), t(STATES[report.state]), t(WAITS[one.waits_for]) if one.waits_for else ""),
        Fact(t("version"), f"{report.version}.{report.edition}", t(TYPES[report.type])),
        Fact(t("owner"), report.owner or t("nobody")),
    ]
    if clock is not None and one.days_left is not None:
        legal = t("legal day: %(day)s", day=t.day(clock.binding.legal)) if clock.binding.legal else ""
        due = Fact(t("due on"), t.day(clock.steering.nominal), legal)
        left = Fact(t("days left"), t.number(one.days_left), alarming=one.days_left <= 1)
        facts += [due, left]
    whole = one.report.state != "withdrawn"
    return Section(
        t("To %(addressee)s", addressee=t(ADDRESSEES[one.addressee])),
        text=[*report.findings, *report.asks],
        warning=t("It cannot be sent yet: see what is missing below.") if report.findings else "",
        facts=facts,
        forms=_to_do(asked, case, one) if whole else [],
        tables=[_receipts(asked, one), *([_message(asked, case, one)] if whole else [])],
    )


def _receipts(asked: Asked, one: Standing) -> Table:
    t = asked.texts
    rows = [
        [
            t.moment(datetime.fromtimestamp(receipt.said_at / 1000, UTC)),
            receipt.message_id,
            receipt.code,
            receipt.reference or "",
            receipt.reason or "",
        ]
        for receipt in one.receipts
    ]
    columns = [
        Column("at", t("when (UTC)")),
        Column("message", t("message")),
        Column("code", t("code")),
        Column("reference", t("reference")),
        Column("reason", t("reason")),
    ]
    return Table(f"answers-{one.addressee}", t("Answers"), columns, rows)


def _message(asked: Asked, case: Case, one: Standing) -> Table:
    """What the latest message says: element by element, or line by line."""
    t = asked.texts
    message = outgoing_of(case, (one.report.version, one.addressee))
    rows: Sequence[Sequence[str]]
    if message.content_type == _XML:
        try:
            rows = [(fact.element, fact.place, fact.name, fact.value) for fact in facts_of(read(message.content).batch)]
        except RefusedXMLError as error:
            rows = [("", "", "", str(error))]
    else:
        rows = [("", "", "", line) for line in message.content.decode(errors="replace").splitlines() if line]
    columns = [
        Column("element", t("element")),
        Column("place", t("place")),
        Column("name", t("name")),
        Column("value", t("value")),
    ]
    return Table(f"message-{one.addressee}", t("What the message says"), columns, rows)


def _to_do(asked: Asked, case: Case, one: Standing) -> Sequence[Form]:
    """The form by which those entitled say what they do; none for others."""
    t = asked.texts
    refused = may(asked.person, "report steps", registry=asked.definition.name)
    if refused is not None or asked.portal.report_voice is None or one.waits_for is None:
        return []
    fields = [
        Field("id", "", "hidden", case.id),
        Field("to", "", "hidden", one.addressee),
        Field("act", t("what"), "select", options=[Option(name, t(words)) for name, words in ACTS.items()]),
        Field("reason", t("reason"), "area", hint=t("It stands in the report's history; never who a patient is.")),
        Field("owner", t("to whom it is given"), "text"),
        Field("meddra", t("MedDRA code and version"), "text", hint=t("such as 10019211/28.0")),
        Field("reference", t("the addressee's own number"), "text"),
    ]
    address = f"/r/{asked.definition.name}/report/step"
    return [Form(f"do-{one.addressee}", t("Do something"), fields, t("Say it"), address, "post", open=False)]


async def _act(asked: Asked = through("report steps")) -> Response:
    """Say what somebody does with a report."""
    form = await asked.request.form()
    said = {name: str(form.get(name, "")).strip() for name in _SAID}
    await run_in_threadpool(_say, asked, said)
    return RedirectResponse(f"/r/{asked.definition.name}/report?{urlencode({'id': said['id']})}", 303)


def _say(asked: Asked, said: Mapping[str, str]) -> None:
    t = asked.texts
    if asked.portal.report_voice is None:
        raise AskError(t("This portal only reads."))
    if said["act"] not in ACTS or said["to"] not in ADDRESSEES:
        raise AskError(t("There is no such step."))
    write_down(asked, about=f"{said['id']}: {said['act']}", people=1)
    try:
        asked.portal.report_voice.act(asked.definition.name, said["id"], said["to"], said, by=asked.person.name)
    except CannotBeSaidError as error:
        raise AskError(str(error)) from error
