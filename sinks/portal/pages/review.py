"""The review of signals: who said what when; those entitled take one up, confirm it, or close it with a reason.

Each decision is a message of the log, and stays.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from schemas.company import companies_of
from schemas.review import DECISION, STATES
from sinks.clickhouse.queries.pair_signals import names_a_pair
from sinks.clickhouse.queries.reviews import read_answers, read_decisions, read_notices
from sinks.portal.access import may
from sinks.portal.audit import write_down
from sinks.portal.guard import AskError, through
from sinks.portal.pages.pieces import Column, Field, Form, Option, Table
from sinks.portal.pages.signal_words import ANSWERS, DECISIONS
from sinks.portal.portal import Asked, CannotBeSaidError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def router() -> APIRouter:
    """The route by which decisions come."""
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route("/r/{registry}/review", _review, methods=["POST"])
    return routes


def said_of(asked: Asked, signal: str) -> Table:
    """Who said what of a signal, and when: the registry's decisions and the company's answers, in their order."""
    t, definition = asked.texts, asked.definition
    companies = companies_of([definition])
    notices = {one.id: f"{one.issued_by}: {one.reference}" for one in read_notices(asked.client, definition.name)}
    decided = [
        (one.said_at, t("the registry"), t(DECISIONS[one.state]), one.by, one.reason, one.note, "")
        for one in read_decisions(asked.client, definition.name, signal)
    ]
    answered = [
        (
            one.said_at,
            companies.get(one.company, one.company),
            t(ANSWERS[one.state]),
            one.by,
            one.statement,
            "",
            notices.get(one.notice, one.notice),
        )
        for one in read_answers(asked.client, definition.name, signal)
    ]
    rows = [(t.moment(at), *rest) for at, *rest in sorted([*decided, *answered], key=itemgetter(0))]
    columns = [
        Column("said_at", t("when (UTC)")),
        Column("whose", t("whose word")),
        Column("what", t("what was said")),
        Column("by", t("by whom")),
        Column("reason", t("reason or statement")),
        Column("note", t("note")),
        Column("notice", t("field safety notice")),
    ]
    note = t("A company's answer changes nothing of the signal: that takes a decision.")
    return Table("said", t("Decisions and answers, never edited"), columns, rows, note)


def to_decide(asked: Asked, signal: str) -> Sequence[Form]:
    """The form by which those entitled decide; none for others."""
    t = asked.texts
    if may(asked.person, "review", registry=asked.definition.name) is not None or asked.portal.voice is None:
        return []
    fields = [
        Field("id", "", "hidden", signal),
        Field("state", t("decision"), "select", options=[Option(one, t(DECISIONS[one])) for one in STATES[DECISION]]),
        Field("reason", t("reason"), "area", hint=t("It stands in the signal's history. To close a signal takes one.")),
        Field("note", t("note"), "text", hint=t("never who a patient is")),
    ]
    return [Form("review", t("Decide"), fields, t("Say it"), f"/r/{asked.definition.name}/review", "post", open=False)]


async def _review(asked: Asked = through("review")) -> Response:
    """Take a decision on a signal or a notice."""
    form = await asked.request.form()
    said = {name: str(form.get(name, "")) for name in ("id", "state", "reason", "note")}
    await run_in_threadpool(_decide, asked, said)
    page = "pair" if names_a_pair(asked.definition, said["id"]) else "signal"
    return RedirectResponse(f"/r/{asked.definition.name}/{page}?{urlencode({'id': said['id']})}", 303)


def _decide(asked: Asked, said: Mapping[str, str]) -> None:
    t = asked.texts
    if asked.portal.voice is None:
        raise AskError(t("This portal only reads."))
    if said["state"] not in STATES[DECISION]:
        raise AskError(t("There is no such decision."))
    write_down(asked, about=f"{said['id']}: {said['state']}", people=0)
    try:
        asked.portal.voice.decide(
            asked.definition.name,
            said["id"],
            said["state"],
            by=asked.person.name,
            reason=said["reason"],
            note=said["note"],
        )
    except CannotBeSaidError as error:
        raise AskError(str(error)) from error
