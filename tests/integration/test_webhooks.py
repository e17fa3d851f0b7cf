"""Events posted to endpoints: to one that fails, comes back, redirects, hangs; dead letters, and their replay."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks import Webhook as Verifier

from sinks.clickhouse.client import connect
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.queries.awareness import read_awareness
from sinks.clickhouse.queries.webhooks import (
    NoSuchWebhookError,
    dead_letters,
    find_webhook,
    new_webhook,
    read_due,
    read_webhooks,
    remove,
    replay,
    save,
)
from sinks.feeds.deliverer import Deliverer, Sending
from sinks.feeds.delivery import Patience
from sinks.feeds.signing import NoSecretError, new_secret
from tests.feed_support import companies, registry_with_companies
from tests.integration.test_feed_stream import put, told
from tests.support import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.webhooks import Webhook

pytestmark = pytest.mark.embedded

QUICK = Patience(first_s=0.05, longest_s=0.2, given_up_after=timedelta(seconds=60))
SECRET = new_secret()


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture
def definition(client: Client) -> RegistryDefinition:
    made = registry_with_companies()
    apply(client, {})  # the platform's tables, and no registry's
    return made


class Receiver:
    """An endpoint: what it got, whether each was signed, and what it answers.

    Args:
        answers: given the number of the request, its status; None: it does not answer at all.
    """

    def __init__(
        self, answers: Callable[[int], int | None] = lambda _: 204, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers = answers
        self.over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status = receiver.answers(len(receiver.got))
                if status is None:
                    receiver.over.wait(30)
                    return
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            # who has connected and says nothing more must not keep the others waiting, nor the end
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook?key=1"

    @contextmanager
    def open(self) -> Iterator[Receiver]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self.over.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join(30)

    @property
    def numbers(self) -> list[int]:
        return [json.loads(body)["data"]["number"] for _, body in self.got]


@contextmanager
def delivering(client: Client, sending: Sending | None = None, **more: Any) -> Iterator[Deliverer]:
    """A deliverer, in a thread, until it is cancelled."""
    secrets, may_have = more.pop("secrets", lambda _: [SECRET]), more.pop("may_have", lambda *_: True)
    one = Deliverer(client, secrets, may_have, sending or Sending(QUICK, loopback=True, answer_s=5), **more)
    loop = asyncio.new_event_loop()
    task = loop.create_task(one.run())
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield one
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(60)
        loop.close()
        if failures:
            raise failures[0]


@pytest.fixture
def hook(client: Client, definition: RegistryDefinition) -> Iterator[Callable[..., Webhook]]:
    """Registers endpoints of the first company, and removes them after the test."""
    made: list[Webhook] = []

    def register(url: str, *, company: str = "", from_start: bool = False) -> Webhook:
        company = company or companies(definition)[0]
        one = new_webhook(client, company, definition.name, url, by="Ada", at=datetime.now(UTC), from_start=from_start)
        save(client, one)
        made.append(one)
        return one

    yield register
    for one in made:
        remove(client, one.id, "test")


def test_nothing_is_sent_while_no_contract_is_in_force_and_then_all_that_waited(
    client: Client, definition: RegistryDefinition, hook: Callable[..., Webhook]
) -> None:
    first, second = companies(definition)
    told_of: list[tuple[str, str]] = []
    in_force = {first, second}

    def may_have(company: str, registry: str) -> bool:
        told_of.append((company, registry))
        return company in in_force

    with Receiver().open() as receiver, Receiver().open() as others, delivering(client, may_have=may_have) as one:
        ended = hook(receiver.url)
        hook(others.url, company=second)
        put(client, definition, 1)
        wait_for(lambda: receiver.numbers == [1], "what is told while it is in force")
        in_force.discard(first)
        wait_for(lambda: one.health()[1]["withheld"] == 1, "the end of the contract")
        put(client, definition, 2)
        put(client, definition, 3, company=second)
        wait_for(lambda: others.numbers == [3], "what another company is told")
        assert receiver.numbers == [1]
        assert [due.delivery.attempts for due in read_due(client, ended)] == [0], "it waits, and was not tried"
        in_force.add(first)
        wait_for(lambda: receiver.numbers == [1, 2], "what waited")
    assert {(first, definition.name), (second, definition.name)} <= set(told_of)


def test_what_fails_twice_is_delivered_with_the_third_attempt_signed_and_in_order(
    client: Client, definition: RegistryDefinition, hook: Callable[..., Webhook]
) -> None:
    put(client, definition, 0)  # of before it was registered
    with Receiver(lambda number: 500 if number <= 2 else 202).open() as receiver:
        hook(receiver.url)
        with delivering(client):
            put(client, definition, 1, 2, 3)
            wait_for(lambda: len(receiver.got) == 5, "five requests")
        assert receiver.numbers == [1, 1, 1, 2, 3], "none overtakes another"
    event = told(companies(definition)[0], definition.name, 1)
    for headers, body in receiver.got:
        assert Verifier(SECRET).verify(body, headers) == json.loads(body)
        assert headers["content-type"] == "application/cloudevents+json"
        assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert [headers["webhook-id"] for headers, _ in receiver.got[:3]] == [event.id] * 3
    assert receiver.got[0][1] == event.to_json(0)


def test_after_the_declared_time_it_is_a_dead_letter_the_next_go_on_and_a_replay_sends_it_again(
    client: Client, definition: RegistryDefinition, hook: Callable[..., Webhook]
) -> None:
    company = companies(definition)[0]
    first, second = (told(company, definition.name, number).id for number in (1, 2))
    well = threading.Event()

    def answers(number: int) -> int:
        del number
        return 200 if well.is_set() else 503

    short = Sending(Patience(0.05, 0.2, timedelta(seconds=1.5)), loopback=True)
    with Receiver(answers).open() as receiver:
        webhook = hook(receiver.url)
        with delivering(client, short):
            put(client, definition, 1)
            wait_for(lambda: dead_letters(client, definition.name), "the dead letter")
            (letter,) = dead_letters(client, definition.name)
            assert (letter.delivery.event, letter.type, letter.subject) == (
                first, "guldadra.signal.updated", "cup/CUP01/0",
            )  # fmt: skip
            assert (letter.delivery.status, letter.delivery.error) == (503, "answered 503")
            assert letter.delivery.attempts >= 1
            well.set()
            put(client, definition, 2)
            wait_for(lambda: receiver.numbers[-1:] == [2], "the next one")
            assert [one.delivery.event for one in dead_letters(client, webhook=webhook.id)] == [first]
            assert replay(client, webhook.id, datetime.now(UTC), [second]) == 0, "it is not dead"
            assert replay(client, webhook.id, datetime.now(UTC)) == 1
            wait_for(lambda: receiver.numbers[-2:] == [2, 1], "the replay")
            wait_for(lambda: read_due(client, webhook) == [], "all to be settled")
        assert dead_letters(client, definition.name) == []
        assert receiver.got[-1][0]["webhook-id"] == first


def test_what_is_asked_for_again_goes_before_all_that_waits(
    client: Client, definition: RegistryDefinition, hook: Callable[..., Webhook]
) -> None:
    webhook = hook("http://127.0.0.1:9/nobody")
    put(client, definition, 1, 2)
    gone = Sending(Patience(0.05, 0.1, timedelta(milliseconds=1)), loopback=True)
    with delivering(client, gone):
        wait_for(lambda: len(dead_letters(client, definition.name)) == 2, "both to be dead")
    put(client, definition, 3)
    assert replay(client, webhook.id, datetime.now(UTC)) == 2
    assert [one.event.id for one in read_due(client, webhook)] == [
        told(webhook.company, definition.name, number).id for number in (1, 2, 3)
    ]


def test_how_far_it_was_survives_a_restart(
    client: Client, definition: RegistryDefinition, hook: Callable[..., Webhook]
) -> None:
    with Receiver(lambda number: 200 if number <= 2 else None).open() as receiver:
        webhook = hook(receiver.url)
        with delivering(client):
            put(client, definition, 1, 2, 3)
            wait_for(lambda: len(receiver.got) == 3, "the third to be under way")
        assert [one.event.id for one in read_due(client, webhook)] == [told(webhook.company, definition.name, 3).id]
        receiver.answers = lambda _: 200
        with delivering(client):
            wait_for(lambda: read_due(client, webhook) == [], "the third")
        assert receiver.numbers == [1, 2, 3, 3]


def test_a_redirection_is_not_followed(
    client: Client, definition: RegistryDefinition, hook: Callable[..., Webhook]
) -> None:
    with Receiver(lambda number: 307 if number == 1 else 200).open() as receiver:
        webhook = hook(receiver.url)
        with delivering(client):
            put(client, definition, 1)
            wait_for(lambda: len(receiver.got) == 2, "the second attempt")
            wait_for(lambda: read_due(client, webhook) == [], "it to be settled")
        assert len(receiver.got) == 2


def test_an_endpoint_that_hangs_holds_up_nobody_else(
    client: Client, definition: RegistryDefinition, hook: Callable[..., Webhook]
) -> None:
    second = companies(definition)[1]
    with Receiver(lambda _: None).open() as hanging, Receiver().open() as receiver:
        stuck = hook(hanging.url)
        hook(receiver.url, company=second)
        with delivering(client, Sending(QUICK, loopback=True, answer_s=0.5)):
            put(client, definition, 1)
            put(client, definition, 1, 2, company=second)
            wait_for(lambda: receiver.numbers == [1, 2], "the other")
            wait_for(lambda: len(hanging.got) == 2, "another attempt")
        (due,) = read_due(client, stuck)
        assert due.delivery.error == "no answer within 0.5 s"


def test_each_endpoint_gets_its_own_company_s_events_of_its_own_registry(
    client: Client, definition: RegistryDefinition, hook: Callable[..., Webhook]
) -> None:
    first, second = companies(definition)
    other = registry_with_companies()
    with Receiver().open() as receiver:
        hook(receiver.url)
        with delivering(client):
            put(client, definition, 5, company=second)
            put(client, other, 6, company=first)  # another registry tells the same company
            put(client, definition, 7)
            wait_for(lambda: receiver.got, "an event")
            time.sleep(1.2)  # two more looks
        assert receiver.numbers == [7]


def test_from_the_start_all_that_was_told_is_sent_and_none_of_it_is_late(
    client: Client, definition: RegistryDefinition, hook: Callable[..., Webhook]
) -> None:
    put(client, definition, *range(120))  # more than one look takes
    with Receiver().open() as receiver:
        webhook = hook(receiver.url, from_start=True)
        assert all(one.delivery.since >= webhook.added_at for one in read_due(client, webhook))
        with delivering(client):
            wait_for(lambda: len(receiver.got) == 120, "all", 120)
        assert receiver.numbers == [*range(120)]


def test_delivery_makes_the_company_aware_an_attempt_does_not(
    client: Client, definition: RegistryDefinition, hook: Callable[..., Webhook]
) -> None:
    well = threading.Event()
    with Receiver(lambda _: 200 if well.is_set() else 500).open() as receiver:
        hook(receiver.url)
        with delivering(client):
            put(client, definition, 1)
            wait_for(lambda: len(receiver.got) > 1, "attempts")
            assert read_awareness(client, definition.name) == []
            well.set()
            wait_for(lambda: read_awareness(client, definition.name), "the record")
        (found,) = read_awareness(client, definition.name)
        assert (found.delivered_by, found.event) == ("webhook", told(companies(definition)[0], definition.name, 1).id)


def test_without_the_switch_nothing_is_sent_to_this_machine_whatever_the_name(
    client: Client, definition: RegistryDefinition, hook: Callable[..., Webhook]
) -> None:
    async def lookup(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    with Receiver().open() as receiver:
        plain, named = hook(receiver.url), hook(f"https://hooks.example:{receiver.port}/")
        with delivering(client, Sending(QUICK, lookup=lookup)):
            put(client, definition, 1)
            errors = {plain.id: "only https", named.id: "not on the public internet"}
            for one in (plain, named):
                wait_for(lambda one=one: read_due(client, one)[0].delivery.attempts, "an attempt")
                assert errors[one.id] in read_due(client, one)[0].delivery.error
        assert receiver.got == []


def test_the_certificate_must_be_the_name_s_though_an_address_is_connected_to(
    client: Client, definition: RegistryDefinition, hook: Callable[..., Webhook], tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=hooks.example",
         "-addext", "subjectAltName=DNS:hooks.example", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)

    async def lookup(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    sending = Sending(QUICK, loopback=True, lookup=lookup, verify=ssl.create_default_context(cafile=str(certificate)))
    with Receiver(tls=serving).open() as receiver:
        right = hook(f"https://hooks.example:{receiver.port}/right")
        wrong = hook(f"https://other.example:{receiver.port}/wrong")
        with delivering(client, sending):
            put(client, definition, 1)
            wait_for(lambda: read_due(client, right) == [], "the delivery")
            wait_for(lambda: read_due(client, wrong)[0].delivery.attempts, "the attempt at the other")
        assert "certificate" in read_due(client, wrong)[0].delivery.error.lower()
        assert [headers["host"] for headers, _ in receiver.got] == [f"hooks.example:{receiver.port}"]


def test_no_secret_no_delivery_and_what_is_kept_tells_none(
    client: Client, definition: RegistryDefinition, hook: Callable[..., Webhook], capsys: pytest.CaptureFixture[str]
) -> None:
    gone = threading.Event()

    def secrets(_: str) -> list[str]:
        if gone.is_set():
            return [SECRET]
        raise NoSecretError("the secret x cannot be read: `guldadra webhooks rotate` makes another")

    with Receiver().open() as receiver:
        webhook = hook(receiver.url)
        with delivering(client, secrets=secrets):
            put(client, definition, 1)
            wait_for(lambda: read_due(client, webhook)[0].delivery.attempts, "an attempt")
            assert "webhooks rotate" in read_due(client, webhook)[0].delivery.error
            gone.set()
            wait_for(lambda: receiver.got, "the delivery")
            wait_for(lambda: read_due(client, webhook) == [], "it to be settled")
    rows = client.rows("SELECT * FROM guldadra.webhooks"), client.rows("SELECT * FROM guldadra.webhook_deliveries")
    said = capsys.readouterr()
    for text in (str(rows), said.out, said.err):
        assert SECRET not in text
    assert "key=1" not in said.out + said.err, "nor is an address, which may hold one"


def test_what_is_removed_gets_nothing_and_stays_known(
    client: Client, definition: RegistryDefinition, hook: Callable[..., Webhook]
) -> None:
    with Receiver().open() as receiver:
        webhook = hook(receiver.url)
        with delivering(client) as deliverer:
            put(client, definition, 1)
            wait_for(lambda: receiver.got, "the first")
            assert deliverer.health()[0]
            remove(client, webhook.id, "Bo")
            wait_for(lambda: webhook.id not in deliverer._at_work, "it to be let go")
            put(client, definition, 2)
            time.sleep(1.2)
        assert receiver.numbers == [1]
    assert find_webhook(client, webhook.id).removed_by == "Bo"
    assert read_webhooks(client, definition.name) == []
    assert [one.id for one in read_webhooks(client, definition.name, removed=True)] == [webhook.id]
    with pytest.raises(NoSuchWebhookError, match="is removed"):
        replay(client, webhook.id, datetime.now(UTC))
    with pytest.raises(NoSuchWebhookError, match="there is no webhook wh-none"):
        remove(client, "wh-none", "Bo")
