"""Who sees what of companies: their API, their answers, since when they are aware, and where their machines are told.

As in ``test_portal_matrix``: everybody at every address, over an engine that has something to show; and every form by
everybody, of their own and of others'. The table is written by hand.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from schemas.company import company_code
from sinks.clickhouse.client import connect
from sinks.clickhouse.queries.awareness import record_reading
from sinks.clickhouse.queries.webhooks import find_webhook, new_webhook, save
from sinks.feeds.registering import Endpoints
from tests.integration.test_portal_matrix import EVERYBODY, Row, expected
from tests.portal_support import Browser, Voices, browser, portal
from tests.portal_world import NORDFALK, SUNDMARK, World, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deploy.embedded.database import EmbeddedDatabase
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

API = "/api/v1/registries/<hip>/company"
NORDFALKS = (("nordfalk",), ("sundmark",), ("skarvik",))
SUNDMARKS = (("sundmark",), ("nordfalk",), ("skarvik",))
READ = datetime(2001, 9, 1, 12, tzinfo=UTC)
TABLE = (
    Row(f"{API}/components", "CUP01", *NORDFALKS),
    Row(f"{API}/components", "INTEROP", *SUNDMARKS),
    Row(f"{API}/comparison?by=component_clinic", "CUP01", *NORDFALKS),
    Row(f"{API}/comparison?component=CUP01", "CUP01", ("nordfalk",), (), ("sundmark", "skarvik")),
    Row(f"{API}/signals", "cup/CUP01/0", *NORDFALKS),
    Row(f"{API}/signals", "cup/INTEROP/0", *SUNDMARKS),
    Row(f"{API}/signals", "cup/CUP02/0", (), ("nordfalk", "sundmark"), ("skarvik",)),
    Row(f"{API}/safety", "CUP01", *NORDFALKS),
    Row(f"{API}/awareness", "read/nordfalk", *NORDFALKS),
    Row("/r/<hip>/company/awareness", "read/nordfalk", *NORDFALKS),
    Row("/r/<hip>/company/awareness/files/awareness.csv", "read/sundmark", *SUNDMARKS),
    Row("/r/<hip>/company/awareness/files/endpoints.csv", "nordfalk.example", *NORDFALKS),
    Row("/r/<own>/awareness", "read/own", ("registrar", "vigilance")),
    Row("/r/<own>/awareness/files/awareness.csv", "read/own", ("registrar", "vigilance")),
    Row("/api/v1/registries/<own>/awareness", "read/own", ("registrar", "vigilance")),
    Row("/r/<others>/awareness", "read/others", ("other registrar", "other vigilance")),
    Row("/r/<own>/webhooks", "own.example", ("registrar",)),
    Row("/r/<own>/webhooks/files/endpoints.csv", "own.example", ("registrar",)),
    Row("/r/<others>/webhooks", "others.example", ("other registrar",)),
)


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture(scope="module")
def world(client: Client, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The world of the matrix, with something read by each, and an endpoint of each."""
    found = world_of(client, tmp_path_factory.mktemp("companies"))
    for name, definition, company in (
        ("nordfalk", found.hip, NORDFALK), ("sundmark", found.hip, SUNDMARK), ("own", found.own, NORDFALK),
        ("others", found.others, NORDFALK),
    ):  # fmt: skip
        code = company_code(company)
        record_reading(client, definition.name, code, [f"read/{name}"], at=READ, channel="page", by=name)
        url = f"https://{name}.example/hook"
        save(client, new_webhook(client, code, definition.name, url, by=name, at=READ))
    return found


@pytest.fixture(scope="module")
def voices() -> Voices:
    return Voices()


@pytest.fixture(scope="module")
def visitors(
    client: Client, world: World, voices: Voices, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Browser]:
    """Everybody's browser, logged in."""
    made = portal(world.definitions, client, ready=tuple(world.people.values()), voice=voices)
    made = replace(made, endpoints=Endpoints(tmp_path_factory.mktemp("keys")))
    found = {"public": browser(made)}
    for name, person in world.people.items():
        found[name] = Browser(found["public"].app)
        assert found[name].log_in(person.subject).status_code == 303
    return found


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.address} {row.mark}")
def test_each_address_shows_its_mark_to_those_who_are_entitled_and_to_nobody_else(
    visitors: Mapping[str, Browser], world: World, row: Row
) -> None:
    for who in EVERYBODY:
        answer = visitors[who].get(world.at(row.address))
        shown = row.mark in answer.text and answer.status_code == 200
        assert (who, answer.status_code, shown) == (who, expected(row, who), who in row.shown), answer.text[-300:]


@pytest.mark.parametrize("who", EVERYBODY)
def test_a_signal_is_answered_by_the_company_alone_whose_product_it_is(
    visitors: Mapping[str, Browser], world: World, voices: Voices, who: str
) -> None:
    voices.answered.clear()
    token = visitors[who].token("/login" if who == "public" else "/")
    said = {"forms": token, "id": "cup/CUP01/0", "state": "acknowledged"}
    answer = visitors[who].post(world.at("/r/<hip>/company/answer"), data=said)
    wanted = {"nordfalk": 303, "sundmark": 404, "skarvik": 400}
    assert answer.status_code == wanted.get(who, 403)
    assert len(voices.answered) == (1 if who == "nordfalk" else 0)


@pytest.mark.parametrize("who", EVERYBODY)
def test_endpoints_are_the_own_controller_s_alone_to_change(
    visitors: Mapping[str, Browser], client: Client, world: World, who: str
) -> None:
    webhook = new_webhook(client, "nobody", world.own.name, "https://unused.example/", by="test", at=READ)
    save(client, webhook)
    token = visitors[who].token("/login" if who == "public" else "/")
    for address, name in (("<own>", "removed"), ("<others>", "removed"), ("<hip>", "removed")):
        said = {"forms": token, name: webhook.id}
        answer = visitors[who].post(world.at(f"/r/{address}/webhooks/remove"), data=said)
        own, elsewhere = who == "registrar" and address == "<own>", who == "other registrar" and address == "<others>"
        assert answer.status_code == (303 if own else 404 if elsewhere else 403), address
    assert find_webhook(client, webhook.id).removed == (who == "registrar")
