"""A real ``guldadra serve``: a company's machine reads and listens by the typed client; and how it ends."""

from __future__ import annotations

import itertools
import json
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from deploy.ports import stable_ports
from sinks.clickhouse.client import connect
from sinks.clickhouse.feed_rows import feed_layout, feed_row
from sinks.clickhouse.generations import keep_definitions
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.queries.awareness import read_awareness
from sinks.feeds.event import FeedEvent, event_id
from sinks.portal.api.client import Guldadra, ProblemError
from tests.company_support import Hip
from tests.derived_support import point
from tests.feed_support import SAID_AT
from tests.serve_support import IdentityProvider, served
from tests.signal_support import INTEROP, state_interop
from tests.support import wait_for
from tests.workers import registry_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.portal.api.told import Told

pytestmark = pytest.mark.embedded

_places = itertools.count(int(time.time()))  # in the company's feed, which other registries' tests write to as well
SUNDMARK, CODE = "Sundmark Orthopaedics", "sundmark-orthopaedics"


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture(scope="module")
def hip(client: Client, tmp_path_factory: pytest.TempPathFactory) -> RegistryDefinition:
    """Thirty of Inter-op, five of them reoperated, and its signal."""
    definition = registry_folder(tmp_path_factory.mktemp("served"), "hip")
    apply(client, {definition.name: definition})
    keep_definitions(client, definition)
    point(client, definition.name, definition.generation)
    told = Hip(client, definition)
    for implant in range(30):
        told.operated(implant, 6 * implant, cup="INTEROP", unit=f"U{implant % 6 + 1:02}")
    for implant, day in {2: 112, 6: 141, 11: 161, 15: 200, 20: 212}.items():
        told.reoperated(implant, day)
    told.load()
    state_interop(client, definition)
    return definition


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider().running() as running:
        yield running


def tell(client: Client, hip: RegistryDefinition, number: int) -> str:
    """Tell the company something by its feed; the event's id."""
    identity = event_id(CODE, hip.name, INTEROP, number)
    event = FeedEvent(CODE, hip.name, identity, "guldadra.signal.updated", INTEROP, SAID_AT, {"number": number})
    row = feed_row(event.to_json(0), next(_places))
    client.insert(feed_layout().table, feed_layout().container([row]), "Avro")
    return identity


def as_company(provider: IdentityProvider) -> str:
    return provider.token(sub="machine", name="a machine", role="company", company=SUNDMARK)


class Listener:
    """Takes what the feed tells, in a thread of its own, until its client is closed."""

    def __init__(self, portal: Guldadra, registry: str, **asked: Any) -> None:
        self.got: list[Told] = []
        self._source = f"/registries/{registry}"
        self._feed = portal.feed(patience_s=0.2, **asked)
        self.thread = threading.Thread(target=self._take, daemon=True)
        self.thread.start()

    def _take(self) -> None:
        for told in self._feed:
            if told.source == self._source:
                self.got.append(told)

    @property
    def numbers(self) -> list[int]:
        return [told.data["number"] for told in self.got]


def test_a_machine_reads_what_is_its_own(
    client: Client, embedded_database: EmbeddedDatabase, hip: RegistryDefinition, provider: IdentityProvider,
    tmp_path: Path,
) -> None:  # fmt: skip
    with (
        served(hip, embedded_database.url, provider.issuer, tmp_path) as running,
        Guldadra(running.url, as_company(provider)) as portal,
        Guldadra(running.url) as stranger,
    ):
        own = {one.component: one for one in portal.components(hip.name) if one.put_in}
        assert own.keys() == {None, "INTEROP"}
        assert (own["INTEROP"].put_in, own["INTEROP"].reoperation.number, own["INTEROP"].in_use) == (30, 5, 25)
        by_clinic = portal.comparison(hip.name, [("kind", "cup"), ("by", "component_clinic")])
        clinics = [one for one in by_clinic if one.component == "INTEROP" and one.place == "clinic"]
        assert {one.unit: one.put_in for one in clinics} == {f"U0{number}": 5 for number in range(1, 7)}
        (signal,) = portal.own_signals(hip.name)
        # watch with the second reoperation, on day 141 of 1970, alarm with the third: see the reference fixture
        assert (signal.id, [(one.level, one.month, one.observed) for one in signal.levels]) == (
            INTEROP, [("watch", "1970-05", 2), ("alarm", "1970-06", 3)],
        )  # fmt: skip
        (aware,) = [one for one in portal.awareness(hip.name, own=True) if one.subject == INTEROP]
        assert aware.read_by == "machine"
        assert [one.read_by for one in read_awareness(client, hip.name, CODE) if one.subject == INTEROP] == ["machine"]
        whole = list(portal.safety_report(hip.name, "cup"))
        assert sum(row.put_in for row in whole if row.region == "whole country") == 30
        with pytest.raises(ProblemError, match="401"):
            list(stranger.components(hip.name))
        with pytest.raises(ProblemError, match="component CUP01: Sundmark Orthopaedics has"):
            list(portal.comparison(hip.name, [("kind", "cup"), ("component", "CUP01")]))


def test_a_machine_goes_on_listening_when_the_portal_comes_back(
    client: Client, embedded_database: EmbeddedDatabase, hip: RegistryDefinition, provider: IdentityProvider,
    tmp_path: Path,
) -> None:  # fmt: skip
    (port,) = stable_ports(1)
    url, token = f"http://127.0.0.1:{port}", as_company(provider)
    first = tell(client, hip, 1)
    with Guldadra(url, token) as portal, Guldadra(url, token) as another:
        listener = Listener(portal, hip.name, since="start")
        with served(hip, embedded_database.url, provider.issuer, tmp_path, port=port):
            wait_for(lambda: listener.numbers == [1], "what was told before")
            second = tell(client, hip, 2)
            wait_for(lambda: listener.numbers == [1, 2], "what is told now")
        tell(client, hip, 3)
        with served(hip, embedded_database.url, provider.issuer, tmp_path, port=port):
            wait_for(lambda: listener.numbers == [1, 2, 3], "what was told meanwhile, and nothing twice")
            late = Listener(another, hip.name, last=second)
            wait_for(lambda: late.numbers == [3], "what comes after the last that one has")
        assert [told.id for told in listener.got[:2]] == [first, second]
    listener.thread.join(30)
    late.thread.join(30)
    assert [one.thread.is_alive() for one in (listener, late)] == [False, False], "a feed ends with its client"


@contextmanager
def open_stream(url: str, path: str, token: str = "") -> Iterator[Iterator[str]]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    with httpx2.Client(timeout=60) as http, http.stream("GET", f"{url}{path}", headers=headers) as answer:
        assert answer.status_code == 200
        yield answer.iter_lines()


def test_told_to_end_it_ends_its_streams_in_words_and_then_itself(
    embedded_database: EmbeddedDatabase, hip: RegistryDefinition, provider: IdentityProvider, tmp_path: Path
) -> None:
    with (
        served(hip, embedded_database.url, provider.issuer, tmp_path) as running,
        open_stream(running.url, "/api/v1/feed", as_company(provider)) as feed,
        open_stream(running.url, f"/live/{hip.name}") as news,
    ):
        assert next(feed) == "retry: 2000"
        assert next(news) == "retry: 3000"
        running.process.ask_to_end()
        last = [line for line in feed if line]  # a stream that is cut off would raise
        list(news)
        assert last[0] == "event: dropped"
        assert json.loads(last[1].removeprefix("data: "))["reason"] == "the service ends"
        wait_for(lambda: not running.process.alive(), "its end")
        assert "timeout graceful shutdown exceeded" not in running.process.log_tail(200)
