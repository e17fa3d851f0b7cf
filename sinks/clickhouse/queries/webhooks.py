"""Webhooks and their deliveries as they stand in the database: who is sent what, what is left to send, what is dead."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sinks.clickhouse import sql
from sinks.clickhouse.queries.awareness import in_utc, moment
from sinks.clickhouse.queries.feeds import FEED, START, Filed, last_position
from sinks.feeds.delivery import DEAD, DELIVERED, WAITING, Delivery, asked_again, begun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sinks.clickhouse.client import Client

_WEBHOOKS = sql.table(sql.PLATFORM, "webhooks")
_DELIVERIES = sql.table(sql.PLATFORM, "webhook_deliveries")
_WEBHOOK_COLUMNS = "id, company, registry, url, since, added_at, added_by, removed, removed_by, version"
_DELIVERY_COLUMNS = "webhook, event, state, attempts, since, tried_at, due, status, error, version"
_MOST = 50


class NoSuchWebhookError(Exception):
    """There is no webhook of that id; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint of a company.

    Attributes:
        id: what it is called.
        company: whose events it gets, by code.
        registry: whose controller has registered it: it gets the events of this registry.
        url: where they are posted to.
        since: events that stand after this position are sent; one more, so that it is a version.
        added_at: when it was registered.
        added_by: by whom.
        removed: whether nothing is sent any more.
        removed_by: who removed it.
        version: how often anything was said of it.
    """

    id: str
    company: str
    registry: str
    url: str
    since: int
    added_at: datetime
    added_by: str
    removed: bool = False
    removed_by: str = ""
    version: int = 1


class Due(NamedTuple):
    """An event that an endpoint is to get, and how it stands with it."""

    event: Filed
    delivery: Delivery


class Sent(NamedTuple):
    """An event that was tried at an endpoint: its type and subject, where it goes, and how it stands with it."""

    webhook: Webhook
    type: str
    subject: str
    delivery: Delivery


class Standing(NamedTuple):
    """How it stands with an endpoint: events delivered, waiting and dead; the last attempt, its status and error."""

    delivered: int
    waiting: int
    dead: int
    tried_at: datetime
    status: int
    error: str


def new_webhook(
    client: Client, company: str, registry: str, url: str, *, by: str, at: datetime, from_start: bool = False
) -> Webhook:
    """An endpoint to be registered, from now on or for all there is; ``save`` registers it.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    after = START if from_start else last_position(client, company)
    return Webhook(f"wh-{secrets.token_hex(6)}", company, registry, url, after + 1, at, by)


def save(client: Client, webhook: Webhook) -> None:
    """Register an endpoint, or say what has become of it.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    _insert(client, _WEBHOOKS, asdict(webhook))


def remove(client: Client, webhook: str, by: str) -> Webhook:
    """Send nothing to an endpoint any more; what was sent stays known.

    Raises:
        NoSuchWebhookError: there is none of that id.
        DatabaseError: the database does not answer, or refuses.
    """
    found = find_webhook(client, webhook)
    if not found.removed:
        found = replace(found, removed=True, removed_by=by, version=found.version + 1)
        save(client, found)
    return found


def read_webhooks(client: Client, registry: str | None = None, *, removed: bool = False) -> list[Webhook]:
    """The endpoints of a registry or all, the removed ones only if asked for; by company and age.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    rows = client.rows(
        f"SELECT {_WEBHOOK_COLUMNS} FROM {_WEBHOOKS} FINAL WHERE ({{registry:String}} = '' OR "
        "registry = {registry:String}) AND (NOT removed OR {removed:Bool}) ORDER BY company, added_at, id",
        {"registry": registry or "", "removed": removed},
    )
    return [Webhook(*in_utc(row)) for row in rows]


def find_webhook(client: Client, webhook: str) -> Webhook:
    """The endpoint of an id, be it removed.

    Raises:
        NoSuchWebhookError: there is none.
        DatabaseError: the database does not answer, or refuses.
    """
    known = {one.id: one for one in read_webhooks(client, removed=True)}
    if webhook not in known:
        raise NoSuchWebhookError(f"there is no webhook {webhook}; there are {', '.join(known) or 'none'}")
    return known[webhook]


def read_due(client: Client, webhook: Webhook, most: int = _MOST) -> list[Due]:
    """What an endpoint is still to get, in the order of the feed; at most so many.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    parameters = {"webhook": webhook.id, "company": webhook.company, "registry": webhook.registry}
    settled = (
        f"SELECT event FROM {_DELIVERIES} FINAL WHERE webhook = {{webhook:String}} "
        "AND state IN ({delivered:String}, {dead:String})"
    )
    mine = "company = {company:String} AND registry = {registry:String} AND version >= {since:UInt64}"
    rows = client.rows(
        f"SELECT company, version, id, registry, type, subject, event, loaded_at FROM {FEED} FINAL WHERE {mine} "
        f"AND id IN (SELECT id FROM {FEED} FINAL WHERE {mine} AND id NOT IN ({settled}) ORDER BY version "
        "LIMIT {most:UInt32}) ORDER BY version",
        {**parameters, "since": webhook.since, "delivered": DELIVERED, "dead": DEAD, "most": most},
        binary=["event"],
    )
    known = {one.event: one for one in _deliveries(client, webhook.id, [str(row[2]) for row in rows])}
    due = []
    for *filed, loaded_at in map(in_utc, rows):
        event = Filed(*filed)
        since = max(loaded_at, webhook.added_at)  # history is not late
        due.append(Due(event, known.get(event.id) or begun(webhook.id, event.id, since)))
    return due


def write_delivery(client: Client, delivery: Delivery) -> None:
    """Keep how it stands with a delivery.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    _insert(client, _DELIVERIES, asdict(delivery))


def dead_letters(client: Client, registry: str | None = None, webhook: str | None = None) -> list[Sent]:
    """What was given up, of one registry or endpoint or all, those of removed endpoints left out; the latest first.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    endpoints = {one.id: one for one in read_webhooks(client, registry) if webhook in (None, one.id)}
    return _sent(client, endpoints, "state = {dead:String} AND webhook IN {webhooks:Array(String)}")


def latest_deliveries(client: Client, registry: str, most: int = _MOST) -> list[Sent]:
    """What was tried last at the endpoints of a registry, those of removed ones left out; the latest first.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    endpoints = {one.id: one for one in read_webhooks(client, registry)}
    return _sent(client, endpoints, "webhook IN {webhooks:Array(String)}", most)


def read_standings(client: Client, registry: str) -> dict[str, Standing]:
    """How it stands with each endpoint of a registry to which anything was ever sent, by its id.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    rows = client.rows(
        "SELECT webhook, countIf(state = {delivered:String}), countIf(state = {waiting:String}), "
        "countIf(state = {dead:String}), max(tried_at), argMax(status, tried_at), argMax(error, tried_at) "
        f"FROM {_DELIVERIES} FINAL WHERE webhook IN (SELECT id FROM {_WEBHOOKS} WHERE registry = {{registry:String}}) "
        "GROUP BY webhook",
        {"delivered": DELIVERED, "waiting": WAITING, "dead": DEAD, "registry": registry},
    )
    return {webhook: Standing(*in_utc(rest)) for webhook, *rest in rows}


def _sent(client: Client, endpoints: Mapping[str, Webhook], where: str, most: int = 10_000) -> list[Sent]:
    """Deliveries of these endpoints, the latest first, with what the events are."""
    rows = client.rows(
        f"SELECT {_DELIVERY_COLUMNS} FROM {_DELIVERIES} FINAL WHERE {where} "
        "ORDER BY tried_at DESC, event LIMIT {most:UInt32}",
        {"dead": DEAD, "webhooks": list(endpoints), "most": most},
    )
    found = [Delivery(*in_utc(row)) for row in rows]
    events = client.rows(
        f"SELECT company, id, type, subject FROM {FEED} FINAL WHERE company IN {{companies:Array(String)}} "
        "AND id IN {ids:Array(String)}",
        {"companies": [one.company for one in endpoints.values()], "ids": [one.event for one in found]},
    )
    kinds = {(company, identity): (kind, subject) for company, identity, kind, subject in events}
    return [Sent(endpoints[one.webhook], *kinds[endpoints[one.webhook].company, one.event], one) for one in found]


def replay(client: Client, webhook: str, now: datetime, events: Sequence[str] = ()) -> int:
    """Have dead letters of an endpoint sent again, before all that waits, for they are older; how many.

    Args:
        client: the way to the database.
        webhook: the endpoint's id.
        now: when it is asked for.
        events: ids; all that are dead where none are named.

    Raises:
        NoSuchWebhookError: there is no such endpoint, or it is removed.
        DatabaseError: the database does not answer, or refuses.
    """
    if find_webhook(client, webhook).removed:
        raise NoSuchWebhookError(f"webhook {webhook} is removed: nothing is sent there any more")
    wanted = [
        one.delivery for one in dead_letters(client, webhook=webhook) if not events or one.delivery.event in events
    ]
    for one in wanted:
        write_delivery(client, asked_again(one, now))
    return len(wanted)


def _deliveries(client: Client, webhook: str, events: Sequence[str]) -> list[Delivery]:
    rows = client.rows(
        f"SELECT {_DELIVERY_COLUMNS} FROM {_DELIVERIES} FINAL WHERE webhook = {{webhook:String}} "
        "AND event IN {events:Array(String)}",
        {"webhook": webhook, "events": list(events)},
    )
    return [Delivery(*in_utc(row)) for row in rows]


def _insert(client: Client, table: str, row: dict[str, Any]) -> None:
    plain = {name: moment(value) if isinstance(value, datetime) else value for name, value in row.items()}
    client.insert(table, json.dumps(plain, ensure_ascii=False).encode(), "JSONEachRow")
