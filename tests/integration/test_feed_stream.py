"""The feed as server-sent events: live, resumed, from the start, to many, and to those that do not read."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI, HTTPException, Request

from deploy.ports import stable_ports
from schemas.company import companies_of
from sinks.clickhouse.client import connect
from sinks.clickhouse.feed_rows import feed_layout, feed_row
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.queries.awareness import read_awareness
from sinks.feeds.event import FeedEvent, event_id
from sinks.feeds.hub import Hub
from sinks.feeds.sse import Listener, feed_router, frame_of
from tests.feed_support import (
    SAID_AT,
    companies,
    loading_feeds,
    registry_with_companies,
    relaying,
    signal,
    state,
)
from tests.support import make_log, wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from deploy.embedded.broker import EmbeddedBroker
    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

WHO = "X-Company"


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture
def definition(client: Client) -> RegistryDefinition:
    made = registry_with_companies()
    apply(client, {})  # the platform's tables, and no registry's
    return made


WITHOUT_CONTRACT = "elsewhere"
"""A registry that has no contract with anybody any more."""


def listener_of(request: Request) -> Listener:
    """Who asks, as the tests say it."""
    company = request.headers.get(WHO)
    if company is None:
        raise HTTPException(401)
    return Listener(company, lambda registry: registry != WITHOUT_CONTRACT)


class Served:
    """An app with the feed and nothing else, on a port of its own."""

    def __init__(self, client: Client, **settings: Any) -> None:
        self.port = stable_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}/api/v1/feed"
        self.hub: Hub
        self._client = client
        self._settings = settings
        app = FastAPI(lifespan=self._beside)
        self._app = app
        self._server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=self.port, log_config=None, timeout_graceful_shutdown=1)
        )

    @asynccontextmanager
    async def _beside(self, app: FastAPI) -> AsyncIterator[None]:
        self.hub = Hub(self._client, frame_of, **self._settings)
        app.include_router(feed_router(self.hub, listener_of, heartbeat_s=0.3))
        running = asyncio.create_task(self.hub.run())
        yield
        running.cancel()

    @contextmanager
    def running(self) -> Iterator[Served]:
        thread = threading.Thread(target=self._server.run)
        thread.start()
        try:
            wait_for(lambda: self._server.started, "the server")
            yield self
        finally:
            self._server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


@pytest.fixture
def served(client: Client) -> Iterator[Served]:
    with Served(client).running() as one:
        yield one


def told(company: str, registry: str, number: int) -> FeedEvent:
    """The numberth event that a company is told."""
    data = {"number": number}
    identity = event_id(company, registry, "cup/CUP01/0", number)
    return FeedEvent(company, registry, identity, "guldadra.signal.updated", "cup/CUP01/0", SAID_AT, data)


def put(client: Client, definition: RegistryDefinition, *numbers: int, company: str = "", registry: str = "") -> None:
    """Put events into the table, as the loader does."""
    company = company or companies(definition)[0]
    rows = [feed_row(told(company, registry or definition.name, number).to_json(0), number) for number in numbers]
    client.insert(feed_layout().table, feed_layout().container(rows), "Avro")


class Listening:
    """One subscriber, in a thread: what it has got, as (id, data)."""

    def __init__(self, url: str, company: str, *, last: str = "", since: str = "") -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.beats = 0
        self.last_words: dict[str, Any] = {}
        self._url = url
        self._headers = {WHO: company, **({"Last-Event-ID": last} if last else {})}
        self._params = {"since": since} if since else {}
        self._client = httpx2.Client(timeout=30)
        self._open = threading.Event()

    @contextmanager
    def open(self) -> Iterator[Listening]:
        thread = threading.Thread(target=self._listen)
        thread.start()
        try:
            assert self._open.wait(30)
            yield self
        finally:
            self._socket_shutdown()
            thread.join(30)
            self._client.close()

    def _socket_shutdown(self) -> None:
        stream = self._response.extensions["network_stream"]
        found = stream.get_extra_info("socket")
        if found is not None:
            found.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        try:
            with self._client.stream("GET", self._url, headers=self._headers, params=self._params) as response:
                self._response = response
                assert response.headers["content-type"].startswith("text/event-stream")
                identity, event = "", ""
                for line in response.iter_lines():
                    self._open.set()
                    name, _, value = line.partition(": ")
                    if not line:
                        identity, event = "", ""
                    elif name == "id":
                        identity = value
                    elif name == "event":
                        event = value
                    elif name == "data" and event == "dropped":
                        self.last_words = json.loads(value)
                    elif name == "data":
                        self.got.append((identity, json.loads(value)))
                    elif not name:
                        self.beats += 1
        except (httpx2.HTTPError, OSError):
            return
        finally:
            self._open.set()

    @property
    def numbers(self) -> list[int]:
        return [data["data"]["number"] for _, data in self.got]


def test_what_is_new_comes_at_once_and_nothing_of_before(
    client: Client, definition: RegistryDefinition, served: Served
) -> None:
    first, second = companies(definition)
    put(client, definition, 0, 1)
    with Listening(served.url, first).open() as one, Listening(served.url, second).open() as other:
        put(client, definition, 2, 3)
        wait_for(lambda: one.numbers == [2, 3], "the new ones")
        wait_for(lambda: other.beats > 1, "heartbeats")
        identity, event = one.got[0]
        assert event == json.loads(told(first, definition.name, 2).to_json(0))
        assert identity == event["id"]
        assert other.got == []
    wait_for(lambda: served.hub.subscribers == 0, "both to be gone")


def test_a_new_subscriber_can_ask_for_all_there_is(
    client: Client, definition: RegistryDefinition, served: Served
) -> None:
    put(client, definition, *range(1_203))  # more than a page of history, twice
    with Listening(served.url, companies(definition)[0], since="start").open() as one:
        put(client, definition, 1_203)
        wait_for(lambda: one.numbers[-1:] == [1_203], "the last")
        assert one.numbers == [*range(1_204)]


def test_nothing_is_had_of_a_registry_without_a_contract_neither_from_before_nor_new(
    client: Client, definition: RegistryDefinition, served: Served
) -> None:
    company = companies(definition)[0]
    put(client, definition, 0)
    put(client, definition, 1, registry=WITHOUT_CONTRACT)
    with Listening(served.url, company, since="start").open() as one:
        wait_for(lambda: one.numbers == [0], "the one that it may have")
        put(client, definition, 2, registry=WITHOUT_CONTRACT)
        put(client, definition, 3)
        wait_for(lambda: one.numbers == [0, 3], "the next")
    assert {found.subject for found in read_awareness(client, WITHOUT_CONTRACT, company)} == set()


@pytest.mark.parametrize("by", ["header", "query"])
def test_who_comes_back_gets_exactly_what_was_missed(
    client: Client, definition: RegistryDefinition, served: Served, by: str
) -> None:
    company = companies(definition)[0]
    with Listening(served.url, company).open() as one:
        put(client, definition, 0, 1, 2)
        wait_for(lambda: one.numbers == [0, 1, 2], "three")
        last = one.got[1][0]  # it has made no more of them than two
    put(client, definition, 3, 4)
    resumed = {"last": last} if by == "header" else {"since": last}
    with Listening(served.url, company, **resumed).open() as again:
        put(client, definition, 5)
        wait_for(lambda: again.numbers[-1:] == [5], "the last")
        assert again.numbers == [2, 3, 4, 5]


def test_an_event_that_is_not_its_own_means_the_start(
    client: Client, definition: RegistryDefinition, served: Served
) -> None:
    first, second = companies(definition)
    put(client, definition, 0, 1)
    put(client, definition, 7, company=second)
    foreign = told(second, definition.name, 7).id
    with Listening(served.url, first, last=foreign).open() as one:
        wait_for(lambda: one.numbers == [0, 1], "all of its own")


def test_without_a_company_nothing_is_told_and_nobody_listens(served: Served) -> None:
    assert httpx2.get(served.url).status_code == 401
    assert httpx2.get(served.url, headers={WHO: "x"}, params={"since": "x" * 65}).status_code == 422
    assert served.hub.subscribers == 0


def test_who_does_not_read_is_dropped_told_so_and_can_go_on(client: Client, definition: RegistryDefinition) -> None:
    company = companies(definition)[0]
    with Served(client, most_waiting=10).running() as served:
        stalled = socket.socket()
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        stalled.connect(("127.0.0.1", served.port))
        stalled.sendall(f"GET /api/v1/feed HTTP/1.1\r\nHost: x\r\n{WHO}: {company}\r\n\r\n".encode())
        wait_for(lambda: served.hub.subscribers == 1, "it to listen")
        large = {"text": "x" * 200_000}
        for number in range(60):
            event = replace(told(company, definition.name, number), data=large)
            row = feed_row(event.to_json(0), number)
            client.insert(feed_layout().table, feed_layout().container([row]), "Avro")
        wait_for(lambda: served.hub.subscribers == 0, "it to be dropped")
        text = b""
        while b"event: dropped" not in text:
            piece = stalled.recv(1 << 20)
            assert piece, text[-300:]
            text += piece
        stalled.close()
    last_words = json.loads(text.rpartition(b"data: ")[2].split(b"\n")[0])
    assert last_words == {
        "reason": "10 events wait and were not taken", "resume": "connect again with Last-Event-ID",
    }  # fmt: skip
    got = [line.removeprefix(b"id: ") for line in text.split(b"\n") if line.startswith(b"id: ")]
    assert [one.decode() for one in got] == [told(company, definition.name, number).id for number in range(len(got))]
    assert 0 < len(got) < 60
    with Served(client).running() as served, Listening(served.url, company, last=got[-1].decode()).open() as again:
        wait_for(lambda: len(again.got) == 60 - len(got), "the rest")


def test_a_process_that_ends_says_so_to_all(client: Client, definition: RegistryDefinition) -> None:
    with Served(client).running() as served:
        one = Listening(served.url, companies(definition)[0])
        with one.open():
            served.hub.close()
            wait_for(lambda: one.last_words, "the last words")
            assert one.last_words["reason"] == "the service ends"
        assert httpx2.get(served.url, headers={WHO: "x"}).status_code == 503


def test_delivery_makes_the_company_aware_and_the_first_stays_the_first(
    client: Client, definition: RegistryDefinition, served: Served
) -> None:
    company = companies(definition)[0]
    with Listening(served.url, company).open() as one:
        assert read_awareness(client, definition.name) == []
        put(client, definition, 0)
        wait_for(lambda: read_awareness(client, definition.name), "the record")
        (first,) = read_awareness(client, definition.name)
        assert (first.company, first.subject, first.delivered_by) == (company, "cup/CUP01/0", "sse")
        assert (first.event, first.read_at) == (one.got[0][0], None)
        put(client, definition, 1, 2)
        wait_for(lambda: len(one.got) == 3, "the others")
    with Listening(served.url, company, since="start").open() as again:
        wait_for(lambda: len(again.got) == 3, "all again")
    assert read_awareness(client, definition.name) == [first]


def test_who_says_what_it_has_is_aware_of_all_before(
    client: Client, definition: RegistryDefinition, served: Served
) -> None:
    company = companies(definition)[0]
    put(client, definition, 0, 1)  # got from a process that died before it could keep that
    with Listening(served.url, company, last=told(company, definition.name, 1).id).open():
        wait_for(lambda: read_awareness(client, definition.name), "the record")
    (found,) = read_awareness(client, definition.name)
    assert found.event == told(company, definition.name, 0).id


def test_a_signal_reaches_a_subscriber_from_surveillance_s_topic(
    client: Client, embedded_broker: EmbeddedBroker, served: Served
) -> None:
    kafka = {"bootstrap.servers": embedded_broker.bootstrap}
    definition = registry_with_companies()
    apply(client, {definition.name: definition})
    make_log(kafka, definition)
    company = companies(definition)[0]
    assert company in companies_of([definition])
    with (
        relaying(kafka, definition),
        loading_feeds(kafka, client, definition),
        Listening(served.url, company).open() as one,
    ):
        state(kafka, definition, signal(definition), signal(definition, "CUP02"))
        wait_for(lambda: one.got, "the signal")
        ((identity, event),) = one.got
    assert (event["id"], event["type"], event["subject"]) == (identity, "guldadra.signal.raised", "cup/CUP01/0")
    with relaying(kafka, definition), loading_feeds(kafka, client, definition):
        state(kafka, definition, *(signal(definition, message=number) for number in (2, 3)))
        with Listening(served.url, company, last=identity).open() as again:
            wait_for(lambda: len(again.got) == 2, "what was missed")
            assert [data["data"]["message"] for _, data in again.got] == [2, 3]
