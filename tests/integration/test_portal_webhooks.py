"""Webhooks and awareness on pages: the controller registers, sees and retries; who was told when, for both sides."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sinks.clickhouse.queries.access_log import read_readings
from sinks.clickhouse.queries.awareness import DELIVERY, READING, Aware, record
from sinks.clickhouse.queries.webhooks import find_webhook, new_webhook, read_webhooks, save, write_delivery
from sinks.feeds.delivery import DEAD, DELIVERED, WAITING, Delivery
from sinks.feeds.registering import Endpoints
from sinks.feeds.signing import read_secrets, secret_path
from sinks.portal.identity import Person
from tests.company_support import made
from tests.integration.test_portal_process import tell
from tests.portal_support import Browser, browser, portal
from tests.signal_support import INTEROP

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.webhooks import Webhook

pytestmark = pytest.mark.embedded

SUNDMARK = "sundmark-orthopaedics"
NOON = datetime(2001, 9, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def hip(client: Client) -> RegistryDefinition:
    return made(client)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def visitor(client: Client, hip: RegistryDefinition, keys: Path) -> Browser:
    people = (
        Person("r", "Rolf", "registrar", registries=frozenset({hip.name})),
        Person("v", "Vera", "vigilance", registries=frozenset({hip.name})),
        Person("s", "Siri", "company", company="Sundmark Orthopaedics"),
        Person("n", "Nils", "company", company="Nordfalk Ortopedi"),
    )
    found = browser(replace(portal({hip.name: hip}, client, ready=people), endpoints=Endpoints(keys, loopback=True)))
    found.log_in("r")
    return found


def send(visitor: Browser, hip: RegistryDefinition, what: str, **said: str) -> httpx2.Response:
    return visitor.say(f"/r/{hip.name}/webhooks/{what}", **said)


def rows(visitor: Browser, path: str) -> list[dict[str, str]]:
    found = visitor.get(path)
    assert found.status_code == 200, found.text
    return list(csv.DictReader(io.StringIO(found.text)))


def endpoint(client: Client, hip: RegistryDefinition, company: str = SUNDMARK) -> Webhook:
    webhook = new_webhook(client, company, hip.name, "https://machine.example/hook", by="Rolf", at=NOON)
    save(client, webhook)
    return webhook


def tried(webhook: Webhook, event: str, state: str, **said: Any) -> Delivery:
    at = NOON + timedelta(minutes=said["minutes"])
    return Delivery(webhook.id, event, state, 3, NOON, at, at, said["status"], said["error"], 1)


def test_the_controller_registers_an_endpoint_sees_its_secret_once_and_removes_it(
    visitor: Browser, client: Client, hip: RegistryDefinition, keys: Path
) -> None:
    added = send(visitor, hip, "add", company=SUNDMARK, url="http://127.0.0.1:9/hook", since="start")
    assert added.status_code == 200
    assert added.headers["cache-control"] == "no-store"
    (webhook,) = [one for one in read_webhooks(client, hip.name) if one.url.endswith(":9/hook")]
    assert (webhook.company, webhook.added_by, webhook.since) == (SUNDMARK, "Rolf", 0)
    (secret,) = read_secrets(secret_path(keys, webhook.id))
    assert secret in added.text
    assert secret not in visitor.get(f"/r/{hip.name}/webhooks").text

    another = send(visitor, hip, "rotate", rotated=webhook.id)
    assert read_secrets(secret_path(keys, webhook.id))[1] == secret
    assert read_secrets(secret_path(keys, webhook.id))[0] in another.text

    assert send(visitor, hip, "remove", removed=webhook.id).status_code == 303
    assert find_webhook(client, webhook.id).removed_by == "Rolf"
    assert not secret_path(keys, webhook.id).exists()
    shown = rows(visitor, f"/r/{hip.name}/webhooks/files/endpoints.csv")
    (row,) = [one for one in shown if one["webhook"] == webhook.id]
    assert row["state"] == "removed by Rolf"
    told = [one.about for one in read_readings(client, hip.name, limit=10_000) if one.area == "webhooks"]
    assert {f"{webhook.id} registered", f"{webhook.id} has another secret", f"{webhook.id} removed"} <= set(told)


@pytest.mark.parametrize(
    ("company", "url", "why"),
    [
        (SUNDMARK, "ftp://machine.example/", "only https"),
        (SUNDMARK, "https://10.0.0.1/", "not on the public internet"),
        ("nobody", "https://machine.example/", "has no products of nobody"),
    ],
)
def test_what_may_not_be_registered_is_told_and_leaves_nothing(
    visitor: Browser, client: Client, hip: RegistryDefinition, keys: Path, *, company: str, url: str, why: str
) -> None:
    before = read_webhooks(client, hip.name)
    refused = send(visitor, hip, "add", company=company, url=url, since="")
    assert refused.status_code == 400
    assert re.search(why, refused.text)
    assert read_webhooks(client, hip.name) == before
    assert not (keys / "webhooks").exists()


def test_how_it_stands_with_each_and_dead_letters_are_sent_again(
    visitor: Browser, client: Client, hip: RegistryDefinition
) -> None:
    webhook = endpoint(client, hip)
    events = [tell(client, hip, number) for number in (1, 2, 3)]
    for event, state, minutes, status, error in (
        (events[0], DELIVERED, 1, 204, ""), (events[1], DEAD, 2, 500, "it answered 500"),
        (events[2], WAITING, 3, 0, "no answer"),
    ):  # fmt: skip
        write_delivery(client, tried(webhook, event, state, minutes=minutes, status=status, error=error))
    page = f"/r/{hip.name}/webhooks"
    (row,) = [one for one in rows(visitor, f"{page}/files/endpoints.csv") if one["webhook"] == webhook.id]
    assert [row[name] for name in ("delivered", "waiting", "dead", "tried_at", "status", "error")] == [
        "1", "1", "1", "2001-09-01T12:03:00.000Z", "", "no answer",
    ]  # fmt: skip
    latest = [one for one in rows(visitor, f"{page}/files/deliveries.csv") if one["webhook"] == webhook.id]
    assert [(one["event"], one["state"]) for one in latest] == [
        (events[2], "waiting"), (events[1], "given up"), (events[0], "delivered"),
    ]  # fmt: skip
    (letter,) = [one for one in rows(visitor, f"{page}/files/dead-letters.csv") if one["webhook"] == webhook.id]
    assert (letter["event"], letter["subject"], letter["error"]) == (events[1], INTEROP, "it answered 500")

    assert send(visitor, hip, "retry", retried=webhook.id, event=events[0]).status_code == 400, "it was delivered"
    assert send(visitor, hip, "retry", retried=webhook.id, event=events[1]).status_code == 303
    assert [one for one in rows(visitor, f"{page}/files/dead-letters.csv") if one["webhook"] == webhook.id] == []


def test_it_is_said_where_nothing_is_sent_for_want_of_a_contract(
    visitor: Browser, client: Client, hip: RegistryDefinition
) -> None:
    of_company = {company: endpoint(client, hip, company).id for company in (SUNDMARK, "skarvik-implants")}
    stands = {one["webhook"]: one["state"] for one in rows(visitor, f"/r/{hip.name}/webhooks/files/endpoints.csv")}
    assert {company: stands[webhook] for company, webhook in of_company.items()} == {
        SUNDMARK: "in use", "skarvik-implants": "nothing is sent: no contract is in force",  # it ran out with 2000
    }  # fmt: skip


def test_endpoints_of_another_registry_and_other_roles_are_out_of_reach(
    visitor: Browser, client: Client, hip: RegistryDefinition
) -> None:
    webhook = endpoint(client, replace(hip, registry=hip.registry.model_copy(update={"name": "elsewhere"})))
    for what, name in (("rotate", "rotated"), ("remove", "removed"), ("retry", "retried")):
        assert send(visitor, hip, what, **{name: webhook.id}).status_code == 404
        assert send(visitor, hip, what, **{name: "wh-none"}).status_code == 404
    assert not find_webhook(client, webhook.id).removed
    for who in ("v", "s"):
        visitor.log_in(who)
        assert visitor.get(f"/r/{hip.name}/webhooks").status_code == 403
        assert send(visitor, hip, "add", company=SUNDMARK, url="http://127.0.0.1:9/").status_code == 403
    visitor.log_in("r")
    without = {"company": SUNDMARK, "url": "http://127.0.0.1:9/other"}
    assert visitor.post(f"/r/{hip.name}/webhooks/add", data=without).status_code == 403


def test_who_was_told_when_is_shown_and_exported_for_registry_and_company(
    visitor: Browser, client: Client, hip: RegistryDefinition
) -> None:
    delivered = Aware(hip.name, SUNDMARK, INTEROP, DELIVERY, NOON, "webhook", event="e-1")
    read = Aware(hip.name, SUNDMARK, INTEROP, READING, NOON + timedelta(hours=2), "page", by="s")
    other = Aware(hip.name, "nordfalk-ortopedi", "cup/CUP01/0", READING, NOON, "api", by="n")
    record(client, [delivered, read, other])
    wanted = {
        "company": "Sundmark Orthopaedics", "subject": INTEROP, "aware_at": "2001-09-01T12:00:00.000Z",
        "delivered_at": "2001-09-01T12:00:00.000Z", "delivered_by": "webhook", "event": "e-1",
        "read_at": "2001-09-01T14:00:00.000Z", "read_by": "s",
    }  # fmt: skip
    for who in ("r", "v"):
        visitor.log_in(who)
        found = rows(visitor, f"/r/{hip.name}/awareness/files/awareness.csv")
        assert wanted in found
        assert {one["company"] for one in found} == {"Sundmark Orthopaedics", "Nordfalk Ortopedi"}
        api = visitor.get(f"/api/v1/registries/{hip.name}/awareness").json()["rows"]
        assert {**wanted, "company": SUNDMARK, "company_name": "Sundmark Orthopaedics"} in api
    visitor.log_in("s")
    assert rows(visitor, f"/r/{hip.name}/company/awareness/files/awareness.csv") == [wanted]
    (own,) = visitor.get(f"/api/v1/registries/{hip.name}/company/awareness").json()["rows"]
    assert own["aware_at"] == "2001-09-01T12:00:00.000Z"
    assert visitor.get(f"/r/{hip.name}/awareness").status_code == 403
