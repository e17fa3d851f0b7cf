"""Where companies' machines are told by webhook: endpoints, how it stands with each, dead letters and their retry.

The registry's controller registers them; a secret is shown once, when it is made. What is posted where, and how often,
is decided by `sinks.feeds`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from schemas.company import companies_of, is_under_contract
from sinks.clickhouse.queries.webhooks import (
    NoSuchWebhookError,
    dead_letters,
    find_webhook,
    latest_deliveries,
    read_standings,
    read_webhooks,
    replay,
)
from sinks.feeds.registering import CannotBeRegisteredError
from sinks.portal.audit import write_down
from sinks.portal.guard import AskError, NotFoundError, through
from sinks.portal.pages.layout import show_page
from sinks.portal.pages.pieces import Column, Fact, Field, Form, Link, Option, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.words import moment, notice_of, title_of, trail
from sinks.portal.portal import Asked  # noqa: TC001 - FastAPI reads the signature at run time
from sinks.portal.texts import marked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sinks.clickhouse.queries.webhooks import Sent, Standing, Webhook
    from sinks.feeds.registering import Endpoints
    from sinks.portal.texts import Texts

_STATES: Mapping[str, str] = {
    "delivered": marked("delivered"),
    "waiting": marked("waiting"),
    "dead": marked("given up"),
}


def router() -> APIRouter:
    """The routes of webhooks."""
    routes = APIRouter(include_in_schema=False)
    add_page(routes, "/r/{registry}/webhooks", "webhooks", _page)
    for path, answer in (("add", _add), ("rotate", _rotate), ("remove", _remove), ("retry", _retry)):
        routes.add_api_route(f"/r/{{registry}}/webhooks/{path}", answer, methods=["POST"])
    return routes


def endpoints_table(asked: Asked, endpoints: Sequence[Webhook], standings: Mapping[str, Standing]) -> Table:
    """Endpoints of the registry, and how it stands with each."""
    t, today = asked.texts, asked.portal.moment.date()
    rows: list[list[Any]] = []
    failing = set()
    for one in endpoints:
        its = standings.get(one.id)
        if its is not None and (its.dead or its.error):
            failing.add(len(rows))
        numbers = (its.delivered, its.waiting, its.dead) if its else (0, 0, 0)
        last = (moment(t, its.tried_at), its.status or None, its.error) if its else (None, None, "")
        state = (
            t("in use")
            if is_under_contract(asked.definition, one.company, today)
            else t("nothing is sent: no contract is in force")
        )
        if one.removed:
            state = t("removed by %(name)s", name=one.removed_by)
        rows.append([one.id, one.company, one.url, state, moment(t, one.added_at), one.added_by, *numbers, *last])
    columns = [
        Column("webhook", t("endpoint")),
        Column("company", t("company")),
        Column("address", t("address")),
        Column("state", t("state")),
        Column("added_at", t("registered (UTC)")),
        Column("added_by", t("by whom")),
        Column("delivered", t("delivered"), "number"),
        Column("waiting", t("waiting"), "number"),
        Column("dead", t("given up"), "number"),
        Column("tried_at", t("last tried (UTC)")),
        Column("status", t("status"), "number"),
        Column("error", t("what went wrong")),
    ]
    return Table("endpoints", t("Endpoints"), columns, rows, marked=frozenset(failing))


def _page(asked: Asked) -> Page:
    t, registry = asked.texts, asked.definition.name
    endpoints = read_webhooks(asked.client, registry, removed=True)
    used = [one for one in endpoints if not one.removed]
    dead = dead_letters(asked.client, registry)
    latest = latest_deliveries(asked.client, registry)
    return Page(
        title_of(asked, t("Webhooks")),
        [
            Section(
                tables=[endpoints_table(asked, endpoints, read_standings(asked.client, registry))],
                forms=_forms(asked, used),
            ),
            Section(
                t("Given up"),
                [t("What no endpoint took in time. Sent again, it goes before all that waits, with the same id.")],
                forms=_to_retry(asked, dead),
                tables=[_deliveries(t, "dead-letters", t("Dead letters"), dead)],
            ),
            Section(t("Last deliveries"), tables=[_deliveries(t, "deliveries", t("The latest first"), latest)]),
        ],
        lead=t("Companies' machines that are told of their own products. Only https, only public addresses."),
        trail=trail(asked),
        notice=notice_of(asked),
    )


def _secret_page(asked: Asked, webhook: str, secret: str) -> Page:
    """A secret, which no other page shows."""
    t = asked.texts
    text = t("It is shown this once. Hand it to the company on a safe way; it signs all that is sent.")
    return Page(
        t("The secret"),
        [Section(text=[text], facts=[Fact(t("secret"), secret, webhook)])],
        trail=trail(asked, Link(t("Webhooks"), f"/r/{asked.definition.name}/webhooks")),
    )


def _deliveries(t: Texts, name: str, title: str, found: Sequence[Sent]) -> Table:
    columns = [
        Column("webhook", t("endpoint")),
        Column("company", t("company")),
        Column("event", t("event")),
        Column("type", t("type")),
        Column("subject", t("signal or notice")),
        Column("state", t("state")),
        Column("attempts", t("attempts"), "number"),
        Column("tried_at", t("last tried (UTC)")),
        Column("status", t("status"), "number"),
        Column("error", t("what went wrong")),
    ]
    rows = [
        [
            one.webhook.id, one.webhook.company, one.delivery.event, one.type, one.subject,
            t(_STATES[one.delivery.state]), one.delivery.attempts, moment(t, one.delivery.tried_at),
            one.delivery.status or None, one.delivery.error,
        ]
        for one in found
    ]  # fmt: skip
    return Table(name, title, columns, rows)


def _forms(asked: Asked, used: Sequence[Webhook]) -> list[Form]:
    t, at = asked.texts, f"/r/{asked.definition.name}/webhooks"
    if asked.portal.endpoints is None:
        return []
    companies = [Option(code, name) for code, name in companies_of([asked.definition]).items()]
    begin = [Option("", t("what comes from now on")), Option("start", t("all that it was ever told"))]
    add = Form(
        "add",
        t("Register an endpoint"),
        [
            Field("company", t("company"), "select", options=companies, needed=True),
            Field("url", t("address"), "text", "https://", needed=True),
            Field("since", t("it is sent"), "select", options=begin),
        ],
        t("Register it"),
        f"{at}/add",
        "post",
        open=False,
    )
    if not used:
        return [add]
    which = [Option(one.id, f"{one.id}: {one.company}, {one.url}") for one in used]
    rotate = Form(
        "rotate", t("Make another secret"),
        [Field("rotated", t("endpoint"), "select", options=which, needed=True,
               hint=t("The one before signs beside it until the next."))],
        t("Make it"), f"{at}/rotate", "post", open=False,
    )  # fmt: skip
    remove = Form(
        "remove", t("Remove an endpoint"),
        [Field("removed", t("endpoint"), "select", options=which, needed=True,
               hint=t("Nothing is sent there any more; what was sent stays known."))],
        t("Remove it"), f"{at}/remove", "post", open=False,
    )  # fmt: skip
    return [add, rotate, remove]


def _to_retry(asked: Asked, dead: Sequence[Sent]) -> list[Form]:
    t = asked.texts
    if not dead:
        return []
    endpoints = {one.webhook.id: f"{one.webhook.id}: {one.webhook.company}" for one in dead}
    every = [Option("", t("all that were given up there"))]
    events = [Option(one.delivery.event, f"{one.delivery.event}: {one.type} {one.subject}") for one in dead]
    fields = [
        Field("retried", t("endpoint"), "select", options=[Option(*one) for one in endpoints.items()], needed=True),
        Field("event", t("event"), "select", options=[*every, *events]),
    ]
    action = f"/r/{asked.definition.name}/webhooks/retry"
    return [Form("retry", t("Send again"), fields, t("Send it again"), action, "post")]


async def _add(asked: Asked = through("webhooks")) -> Response:
    """Register an endpoint, and show its secret."""
    form = await asked.request.form()
    said = {name: str(form.get(name, "")).strip() for name in ("company", "url", "since")}
    return await run_in_threadpool(_register, asked, said)


def _register(asked: Asked, said: Mapping[str, str]) -> Response:
    endpoints = _endpoints(asked)
    try:
        webhook, secret = endpoints.register(
            asked.client,
            asked.definition,
            said["company"],
            said["url"],
            by=asked.person.name,
            at=asked.portal.moment,
            from_start=said["since"] == "start",
        )
    except CannotBeRegisteredError as error:
        raise AskError(str(error)) from error
    write_down(asked, about=f"{webhook.id} registered", people=0)
    return show_page(asked, _secret_page(asked, webhook.id, secret))


async def _rotate(asked: Asked = through("webhooks")) -> Response:
    """Make another secret of an endpoint, and show it."""
    webhook = str((await asked.request.form()).get("rotated", ""))
    return await run_in_threadpool(_make_another, asked, webhook)


def _make_another(asked: Asked, webhook: str) -> Response:
    endpoints = _endpoints(asked)
    _own(asked, webhook)
    write_down(asked, about=f"{webhook} has another secret", people=0)
    return show_page(asked, _secret_page(asked, webhook, endpoints.rotate(asked.client, webhook)))


async def _remove(asked: Asked = through("webhooks")) -> Response:
    """Send nothing to an endpoint any more."""
    webhook = str((await asked.request.form()).get("removed", ""))
    await run_in_threadpool(_take_away, asked, webhook)
    return RedirectResponse(f"/r/{asked.definition.name}/webhooks", 303)


def _take_away(asked: Asked, webhook: str) -> None:
    endpoints = _endpoints(asked)
    _own(asked, webhook)
    write_down(asked, about=f"{webhook} removed", people=0)
    endpoints.remove(asked.client, webhook, asked.person.name)


async def _retry(asked: Asked = through("webhooks")) -> Response:
    """Have dead letters sent again."""
    form = await asked.request.form()
    await run_in_threadpool(_ask_again, asked, str(form.get("retried", "")), str(form.get("event", "")))
    return RedirectResponse(f"/r/{asked.definition.name}/webhooks", 303)


def _ask_again(asked: Asked, webhook: str, event: str) -> None:
    _own(asked, webhook)
    write_down(asked, about=f"{webhook}: dead letters sent again", people=0)
    try:
        again = replay(asked.client, webhook, asked.portal.moment, [event] if event else ())
    except NoSuchWebhookError as error:
        raise AskError(str(error)) from error
    if event and not again:
        raise AskError(asked.texts("The endpoint has no such dead letter."))


def _endpoints(asked: Asked) -> Endpoints:
    if asked.portal.endpoints is None:
        raise AskError(asked.texts("This portal only reads."))
    return asked.portal.endpoints


def _own(asked: Asked, webhook: str) -> None:
    """See that an endpoint is of the registry that the address names.

    Raises:
        NotFoundError: it is of another one, or there is none.
    """
    try:
        found = find_webhook(asked.client, webhook)
    except NoSuchWebhookError as error:
        raise NotFoundError from error
    if found.registry != asked.definition.name:
        raise NotFoundError
