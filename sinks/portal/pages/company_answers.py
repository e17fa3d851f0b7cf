"""What a company answers about a signal of its own product: that it knows, what it states, which notice it ties to it.

Each answer is a message of the log, and stays. It changes nothing of the signal: that takes a decision of the registry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from schemas.company import company_code
from schemas.review import ACKNOWLEDGED, ANSWER, STATED, STATES, TIED
from sinks.clickhouse.queries.reviews import read_answers, read_decisions
from sinks.portal.access import may
from sinks.portal.audit import write_down
from sinks.portal.guard import AskError, NotFoundError, through
from sinks.portal.pages.company_told import keep_reading, own_notices, own_signals
from sinks.portal.pages.company_words import entitled_of
from sinks.portal.pages.pieces import Column, Field, Form, Option, Table
from sinks.portal.pages.signal_words import ANSWERS, DECISIONS
from sinks.portal.portal import Asked, CannotBeSaidError
from sinks.portal.projection import said_since

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sinks.clickhouse.queries.reviews import Notice
    from sinks.portal.projection import ToldWord


def router() -> APIRouter:
    """The route by which answers come."""
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route("/r/{registry}/company/answer", _answer, methods=["POST"])
    return routes


def words_since(asked: Asked, signal: str) -> Sequence[ToldWord]:
    """What was said of a signal since it was raised, as the company is told of it."""
    registry, company = asked.definition.name, company_code(asked.person.company)
    return said_since(
        read_decisions(asked.client, registry, signal), read_answers(asked.client, registry, signal, company), company
    )


def said_table(asked: Asked, words: Sequence[ToldWord], notices: Sequence[Notice]) -> Table:
    """What was said, as a table."""
    t = asked.texts
    named = {one.id: f"{one.issued_by}: {one.reference}" for one in notices}
    rows = [
        [
            one.day,
            t("the registry") if one.what in DECISIONS else asked.person.company,
            t({**DECISIONS, **ANSWERS}[one.what]),
            one.by,
            one.statement,
            named.get(one.notice, one.notice),
        ]
        for one in words
    ]
    columns = [
        Column("day", t("day")),
        Column("whose", t("whose word")),
        Column("what", t("what was said")),
        Column("by", t("by whom")),
        Column("statement", t("statement")),
        Column("notice", t("field safety notice")),
    ]
    return Table("said", t("What was said of it; never edited"), columns, rows)


def to_answer(asked: Asked, signal: str, words: Sequence[ToldWord], notices: Sequence[Notice]) -> list[Form]:
    """The forms by which a company answers; none where the portal only reads."""
    t = asked.texts
    refused = may(asked.person, "company statement", registry=asked.definition.name)
    if refused is not None or asked.portal.voice is None:
        return []

    def form(state: str, title: str, fields: Sequence[Field], submit: str, *, opened: bool) -> Form:
        kept = [Field("id", "", "hidden", signal), Field("state", "", "hidden", state)]
        action = f"/r/{asked.definition.name}/company/answer"
        return Form(state, title, [*kept, *fields], submit, action, "post", open=opened)

    statement = Field("statement", t("statement"), "area", needed=True, hint=t("never who a patient is"))
    forms = [form(STATED, t("Answer with a statement"), [statement], t("Say it"), opened=False)]
    if all(one.what != ACKNOWLEDGED for one in words):
        forms.insert(0, form(ACKNOWLEDGED, t("Acknowledge that you know of it"), [], t("We know of it"), opened=True))
    if notices:
        options = [Option(one.id, f"{one.reference} ({one.product}, {t.day(one.said_at.date())})") for one in notices]
        which = Field("notice", t("field safety notice"), "select", options=options, needed=True)
        forms.append(form(TIED, t("Tie it to a field safety notice"), [which], t("Tie it"), opened=False))
    return forms


async def _answer(asked: Asked = through("company statement")) -> Response:
    """Take an answer about a signal of the company's own."""
    form = await asked.request.form()
    said = {name: str(form.get(name, "")).strip() for name in ("id", "state", "statement", "notice")}
    await run_in_threadpool(_send, asked, said)
    return RedirectResponse(f"/r/{asked.definition.name}/company/signals?{urlencode({'id': said['id']})}", 303)


def _send(asked: Asked, said: Mapping[str, str]) -> None:
    t, entitled = asked.texts, entitled_of(asked)
    if asked.portal.voice is None:
        raise AskError(t("This portal only reads."))
    about, state = said["id"], said["state"]
    if state not in STATES[ANSWER]:
        raise AskError(t("There is no such answer."))
    if about not in {one.told.id for one in own_signals(asked, entitled)}:
        raise NotFoundError
    if state == TIED and said["notice"] not in {one.id for one in own_notices(asked, entitled)}:
        raise AskError(t("There is no such field safety notice about your products."))
    if state == STATED and not said["statement"]:
        raise AskError(t("A statement says something."))
    keep_reading(asked, [about])
    write_down(asked, about=f"{about}: {state}", people=0, purpose=entitled.contract.purpose)
    try:
        asked.portal.voice.answer(
            asked.definition.name,
            about,
            state,
            company=company_code(asked.person.company),
            by=asked.person.name,
            statement=said["statement"] if state == STATED else "",
            notice=said["notice"] if state == TIED else "",
        )
    except CannotBeSaidError as error:
        raise AskError(str(error)) from error
