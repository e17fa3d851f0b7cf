"""Reports and answers between two ends on this machine: what is known of a message after whatever happens to it."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from sinks.agency.as2.app import PATH, as2_app, posts_with
from sinks.agency.as2.cms import encrypt
from sinks.agency.as2.entity import Entity, entity, parsed, parts_of
from sinks.agency.as2.errors import ReceiptPendingError, RefusedMessageError, UnknownOutcomeError
from sinks.agency.as2.late import receipt_name, take_in_receipts
from sinks.agency.as2.message import posted
from sinks.agency.as2.receipt import read_receipt, receipt_of
from sinks.agency.as2.receiving import Incoming, ReceivingEnd, kept_in
from sinks.agency.as2.transport import As2Transport
from sinks.agency.delivery import Answered, deliver, take_in
from sinks.agency.gateway import Answer, DirectoryGateway, NotSentError, Outgoing
from sinks.agency.outbox import Case, fold
from tests.agency_support import CASE, step
from tests.as2_support import AGENCY, NOW, OURS, STRANGER, end, partner, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from starlette.requests import Request

    from sinks.agency.as2.ends import Partner
    from sinks.agency.as2.message import Posted

_ID = f"{CASE}.A1.1"
_CONTENT = "<report>å\n\r\n--part</report>\n".encode() * 200
_MESSAGE = Outgoing(_ID, "application/xml", _CONTENT)
_KEY = (1, "agency")
_SAID_AT = 1_767_300_000_000


class Agency:
    """The other end, which keeps what it is sent in memory."""

    def __init__(self, knows: Partner, *, may_keep: bool = True) -> None:
        self.kept: list[Incoming] = []
        self.posts: list[tuple[str, Posted]] = []
        self.may_keep = may_keep
        self.end = ReceivingEnd(end(AGENCY), [knows], self._keep, self.kept_receipt, lambda: NOW)

    def _keep(self, message: Incoming) -> None:
        if not self.may_keep:
            raise OSError(28, "No space left on device")
        for one in self.kept:
            if one.name == message.name:
                if one.content != message.content:
                    raise RefusedMessageError("unexpected-processing-error", "another message came under this id")
                return
        self.kept.append(message)

    def kept_receipt(self, raw: bytes) -> None:
        raise AssertionError(raw)

    def app(self) -> Starlette:
        return as2_app(self.end, lambda url, what: self.posts.append((url, what)))


class Log:
    """The log of one case, as a topic would keep it."""

    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = [
            step(1, "drafted", content=_CONTENT),
            step(2, "checked", by="berit"),
        ]

    @property
    def case(self) -> Case:
        return fold(CASE, enumerate(self.records))

    @property
    def told(self) -> list[str]:
        return [one["step"] for one in self.records[2:]]

    def say(self, record: Mapping[str, Any]) -> None:
        self.records.append(record)

    def case_of(self, case: str) -> Case | None:
        return self.case if case == CASE else None

    @property
    def state(self) -> str:
        return self.case.reports[_KEY].state


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=10, trust_env=False) as client:
        yield client


def transport(client: httpx2.Client, url: str, kept: list[bytes] | None = None, **said: Any) -> As2Transport:
    proofs = [] if kept is None else kept
    agency = partner(end(AGENCY), **{"url": url + PATH, **said})
    return As2Transport(end(OURS), agency, client, lambda _, raw: proofs.append(raw), lambda: NOW)


def answering(make: Callable[[Entity], Response]) -> Starlette:
    """An end of our own making, which may answer wrongly."""

    async def take(request: Request) -> Response:
        return make(Entity(dict(request.headers.items()), await request.body()))

    return Starlette(routes=[Route(PATH, take, methods=["POST"])])


def as_response(what: Posted, status: int = 200) -> Response:
    return Response(what.body, status, dict(what.headers))


def receipt(whole: Entity, disposition: str, by: str = AGENCY, mic: tuple[str, str] | None = None) -> Response:
    return as_response(receipt_of(whole, end(by), disposition, mic, "receipt-1"))


# Sending


def test_a_report_arrives_as_it_is_and_its_receipt_is_kept(http: httpx2.Client) -> None:
    agency, log, receipts = Agency(partner(end(OURS))), Log(), list[bytes]()
    with serving(agency.app()) as url:
        deliver(log.case, _KEY, transport(http, url, receipts), log.say, _SAID_AT)
    assert log.told == ["attempted", "sent"]
    assert [(one.partner, one.content_type, one.content) for one in agency.kept] == [
        (OURS, "application/xml", _CONTENT)
    ]
    # What is kept proves it to whoever has the agency's certificate, without us.
    proof = read_receipt(parsed(receipts[0]), partner(end(AGENCY)), NOW)
    assert (proof.message_id, proof.disposition) == (f"<{_ID}@guldadra.example>", "processed")
    assert proof.is_of(_MESSAGE)
    assert not proof.is_of(_MESSAGE._replace(content=_CONTENT + b" "))


def test_the_same_again_has_the_same_id_and_counts_once(http: httpx2.Client) -> None:
    agency = Agency(partner(end(OURS)))
    with serving(agency.app()) as url:
        for _ in range(2):
            transport(http, url).send(_MESSAGE)
        assert len(agency.kept) == 1
        with pytest.raises(NotSentError, match="unexpected-processing-error"):
            transport(http, url).send(_MESSAGE._replace(content=b"<other/>"))
    assert [one.content for one in agency.kept] == [_CONTENT]


def test_nobody_on_the_way_can_read_it() -> None:
    what = posted(_MESSAGE, end(OURS), partner(end(AGENCY)), "Mon, 02 Mar 2026 12:00:00 +0000")
    assert b"<report>" not in what.body
    assert b"multipart/signed" not in what.body
    assert what.headers["Message-ID"] == f"<{_ID}@guldadra.example>"


def test_where_nobody_answers_nothing_has_left(http: httpx2.Client) -> None:
    log = Log()
    with serving(Agency(partner(end(OURS))).app()) as url:
        pass
    deliver(log.case, _KEY, transport(http, url), log.say, _SAID_AT)
    assert log.told == ["attempted", "failed"]
    assert log.state == "checked"
    assert "no connection (ConnectError)" in log.records[-1]["reason"]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 413])
def test_what_http_refuses_has_not_left(http: httpx2.Client, status: int) -> None:
    with (
        serving(answering(lambda _: Response(b"", status, {"location": "/elsewhere"}))) as url,
        pytest.raises(NotSentError, match=f"HTTP {status}"),
    ):
        transport(http, url).send(_MESSAGE)


@pytest.mark.parametrize("status", [408, 425, 500, 502, 504])
def test_what_a_server_fails_at_may_have_arrived(http: httpx2.Client, status: int) -> None:
    log = Log()
    with (
        serving(answering(lambda _: Response(b"", status))) as url,
        pytest.raises(UnknownOutcomeError, match=f"HTTP {status}"),
    ):
        deliver(log.case, _KEY, transport(http, url), log.say, _SAID_AT)
    assert (log.told, log.state) == (["attempted"], "unknown")


@pytest.mark.parametrize(
    ("disposition", "outcome", "words"),
    [
        ("processed/error: decryption-failed", NotSentError, "decryption-failed"),
        ("failed/failure: unsupported format", NotSentError, "unsupported format"),
        ("processed/Error: authentication-failed", NotSentError, "authentication-failed"),
        ("processed/warning: duplicate-document", None, ""),
        ("processed", UnknownOutcomeError, "integrity-check-failed"),  # it says nothing of the bytes
    ],
)
def test_a_receipt_says_what_became_of_it(
    http: httpx2.Client, disposition: str, outcome: type[Exception] | None, words: str
) -> None:
    with serving(answering(lambda whole: receipt(whole, disposition))) as url:
        if outcome is None:
            transport(http, url).send(_MESSAGE)
        else:
            with pytest.raises(outcome, match=words):
                transport(http, url).send(_MESSAGE)


def test_a_receipt_of_other_bytes_or_another_message_or_from_another_end_settles_nothing(http: httpx2.Client) -> None:
    wrong = ("nVVkQ3jQXHPhQO4lDRGB0JIJXWfdxNKFRQXMAqf7Hyg=", "sha-256")
    other = {"message-id": "<SE-EXEMPEL-K2.A1.1@guldadra.example>", "as2-from": OURS}
    cases: list[tuple[Callable[[Entity], Response], str]] = [
        (lambda whole: receipt(whole, "processed", mic=wrong), "not what was sent"),
        (lambda whole: receipt(whole, "processed", mic=(wrong[0], "md5")), "not what was sent"),
        (lambda _: receipt(Entity(other, b""), "processed", mic=wrong), "another message"),
        (lambda whole: receipt(whole, "processed", by=STRANGER, mic=wrong), "no certificate that is known"),
        (lambda whole: receipt(whole, "processed/error: x", by=STRANGER), "no certificate that is known"),
        (lambda _: Response(b"thank you", 200), "not signed"),
        (lambda _: Response(b"x" * (2 << 20), 200), "too large"),
    ]
    for make, words in cases:
        with serving(answering(make)) as url, pytest.raises(UnknownOutcomeError, match=words):
            transport(http, url).send(_MESSAGE)


def test_an_unsigned_receipt_settles_nothing(http: httpx2.Client) -> None:
    def unsigned(whole: Entity) -> Response:
        signed = parsed(entity(receipt(whole, "processed").headers.items(), bytes(receipt(whole, "processed").body)))
        report = parsed(parts_of(signed)[0])
        return Response(report.body, 200, dict(report.headers))

    with serving(answering(unsigned)) as url, pytest.raises(UnknownOutcomeError, match="not signed"):
        transport(http, url).send(_MESSAGE)


def test_certificates_out_of_time_keep_a_message_here(http: httpx2.Client) -> None:
    agency = partner(end(AGENCY))
    for clock in (NOW - timedelta(days=2), NOW + timedelta(days=31)):
        late = As2Transport(end(OURS), agency, http, lambda *_: None, lambda clock=clock: clock)  # type: ignore[misc]
        with pytest.raises(NotSentError, match="certificate is not in force"):
            late.send(_MESSAGE)
    with pytest.raises(NotSentError, match="message id"):
        transport(http, "http://127.0.0.1:9").send(_MESSAGE._replace(message_id="a b"))


# The receiving end


def raw(what: Posted) -> tuple[dict[str, str], bytes]:
    return {name.lower(): value for name, value in what.headers.items()}, what.body


def test_who_is_not_known_or_is_not_meant_is_refused() -> None:
    agency = Agency(partner(end(OURS)))
    for sender, to in ((STRANGER, AGENCY), (OURS, STRANGER)):
        reply = agency.end.take(*raw(posted(_MESSAGE, end(sender), partner(end(AGENCY), name=to), "now")))
        assert (reply.status, reply.answer.body) == (403, b"unknown-trading-relationship\n")
    assert agency.kept == []


@pytest.mark.parametrize(
    ("change", "modifier"),
    [
        ({"content-type": "application/xml"}, "insufficient-message-security"),
        ({"content-type": "application/pkcs7-mime; smime-type=compressed-data"}, "insufficient-message-security"),
        ({"content-transfer-encoding": "x-uuencode"}, "unsupported format"),
    ],
)
def test_what_is_not_sealed_as_agreed_gets_a_receipt_that_says_so(change: dict[str, str], modifier: str) -> None:
    agency = Agency(partner(end(OURS)))
    headers, body = raw(posted(_MESSAGE, end(OURS), partner(end(AGENCY)), "now"))
    reply = agency.end.take({**headers, **change}, body)
    told = read_receipt(Entity(*raw(reply.answer)), partner(end(AGENCY)), NOW)
    assert told.disposition.endswith(f": {modifier}")
    assert not told.accepted
    assert agency.kept == []


def test_another_s_signature_under_a_partner_s_name_is_not_taken() -> None:
    agency = Agency(partner(end(OURS)))
    pretender = replace(end(STRANGER), name=OURS)
    reply = agency.end.take(*raw(posted(_MESSAGE, pretender, partner(end(AGENCY)), "now")))
    told = read_receipt(Entity(*raw(reply.answer)), partner(end(AGENCY)), NOW)
    assert told.disposition == "processed/Error: authentication-failed"
    assert agency.kept == []


def test_changed_envelopes_are_answered_alike_whatever_our_key_makes_of_them() -> None:
    """Else whoever has recorded a message could learn what it holds, answer by answer."""
    agency = Agency(partner(end(OURS)))
    headers, body = raw(posted(_MESSAGE, end(OURS), partner(end(AGENCY)), "now"))
    cut = body[:-16]
    changed = [body[:at] + bytes([body[at] ^ flip]) + body[at + 1 :] for at in range(-48, 0) for flip in (1, 64)]
    not_signed = encrypt(b"Content-Type: application/xml\r\n\r\n<a/>", end(AGENCY).certificate)
    told, reasons = set(), set()
    for one in (cut, *changed, not_signed, encrypt(b"", end(AGENCY).certificate), encrypt(body, end(OURS).certificate)):
        reply = agency.end.take(headers, one)
        told.add(read_receipt(Entity(*raw(reply.answer)), partner(end(AGENCY)), NOW).disposition)
        reasons.add(reply.refused)
    assert told == {"processed/Error: authentication-failed"}
    assert len(reasons) >= 3  # our own logs say which
    assert agency.kept == []


def test_what_cannot_be_kept_gets_no_receipt(http: httpx2.Client) -> None:
    agency, log = Agency(partner(end(OURS)), may_keep=False), Log()
    with serving(agency.app()) as url, pytest.raises(UnknownOutcomeError, match="HTTP 503"):
        deliver(log.case, _KEY, transport(http, url), log.say, _SAID_AT)
    agency.may_keep = True
    with serving(agency.app()) as url:
        deliver(log.case, _KEY, transport(http, url), log.say, _SAID_AT)
    assert log.told == ["attempted", "attempted", "sent"]
    assert len(agency.kept) == 1


def test_an_id_cannot_bring_lines_of_its_own_into_a_receipt() -> None:
    agency = Agency(partner(end(OURS)))
    headers, body = raw(posted(_MESSAGE, end(OURS), partner(end(AGENCY)), "now"))
    for text in ("<a@b>\r\nDisposition: x", "", "<å@b>", "<a b@c>", "<" + "x" * 300 + ">"):
        assert agency.end.take({**headers, "message-id": text}, body).status == 400


def test_receipts_are_posted_to_the_address_that_we_know_alone() -> None:
    known = "http://127.0.0.1:9/receipts"
    agency = Agency(partner(end(OURS), posts_receipts_to=known))
    for url in ("http://169.254.169.254/", known + "/../x"):
        asked = partner(end(AGENCY), receipts="async", receipt_url=url)
        assert agency.end.take(*raw(posted(_MESSAGE, end(OURS), asked, "now"))).status == 403
    asked = partner(end(AGENCY), receipts="async", receipt_url=known)
    reply = agency.end.take(*raw(posted(_MESSAGE, end(OURS), asked, "now")))
    assert reply.status == 202
    assert reply.late is not None
    assert reply.late[0] == known


def test_more_than_an_answer_can_be_is_not_read_to_its_end(http: httpx2.Client) -> None:
    with serving(Agency(partner(end(OURS))).app()) as url:
        found = http.post(url + PATH, content=iter([b"x" * (1 << 20)] * 17))
        assert found.status_code == 413


# Acknowledgements that come back, and receipts that come later


def answers_in(file: Answer) -> list[Answered]:
    return [Answered(**one) for one in json.loads(file.content)]


def test_an_acknowledgement_comes_by_as2_and_the_report_is_acknowledged(http: httpx2.Client, tmp_path: Path) -> None:
    gateway, log = DirectoryGateway(tmp_path), Log()
    with serving(Agency(partner(end(OURS))).app()) as url:
        deliver(log.case, _KEY, transport(http, url), log.say, _SAID_AT)
    ours = ReceivingEnd(end(OURS), [partner(end(AGENCY))], kept_in(gateway), lambda _: None, lambda: NOW)
    said = json.dumps([{"message_id": _ID, "accepted": True, "code": "CA", "reference": "SE-7"}]).encode()
    with serving(as2_app(ours, lambda *_: None)) as url:
        back = As2Transport(end(AGENCY), partner(end(OURS), url=url + PATH), http, lambda *_: None, lambda: NOW)
        for _ in range(2):
            back.send(Outgoing("ack-1", "application/xml", said))
        with pytest.raises(NotSentError, match="unexpected-processing-error"):
            back.send(Outgoing("ack-1", "application/xml", said + b" "))
        for _ in range(2):
            assert take_in(gateway, answers_in, log.case_of, log.say, _SAID_AT) == []
        back.send(Outgoing("ack-1", "application/xml", said))  # once more after it was taken in
    for _ in range(2):
        assert take_in(gateway, answers_in, log.case_of, log.say, _SAID_AT) == []
    assert log.told == ["attempted", "sent", "acknowledged"]
    assert log.state == "acknowledged"
    assert len(list((tmp_path / "done").iterdir())) == 1


@pytest.mark.parametrize(
    ("disposition", "told", "state"),
    [
        (None, ["attempted", "sent"], "sent"),  # as the agency's end has it
        ("processed/error: decryption-failed", ["attempted", "failed"], "checked"),
        ("processed", ["attempted"], "unknown"),  # it says nothing of the bytes
    ],
)
def test_a_report_is_unknown_until_its_late_receipt_comes(
    http: httpx2.Client, tmp_path: Path, disposition: str | None, told: list[str], state: str
) -> None:
    lying, log = DirectoryGateway(tmp_path), Log()
    agency = partner(end(AGENCY))
    ours = ReceivingEnd(
        end(OURS), [agency], kept_in(lying), lambda one: lying.arrive(receipt_name(one), one), lambda: NOW
    )
    with serving(as2_app(ours, lambda *_: None)) as own_url:
        agency_end = Agency(partner(end(OURS), posts_receipts_to=own_url + PATH))
        with serving(agency_end.app()) as url:
            asking = transport(http, url, receipts="async", receipt_url=own_url + PATH)
            with pytest.raises(ReceiptPendingError):
                deliver(log.case, _KEY, asking, log.say, _SAID_AT)
        assert log.state == "unknown"
        ((where, what),) = agency_end.posts
        if disposition is not None:
            whole = Entity({"as2-from": OURS, "message-id": f"<{_ID}@guldadra.example>"}, b"")
            what = receipt_of(whole, end(AGENCY), disposition, None, "receipt-1")
        for _ in range(2):  # it may be posted more than once
            assert http.post(where, content=what.body, headers=dict(what.headers)).status_code == 204
        forged = receipt_of(Entity({}, b""), end(STRANGER), "processed", None, "receipt-2")
        headers = {**forged.headers, "AS2-From": AGENCY, "AS2-To": f'"{OURS}"'}
        assert http.post(where, content=forged.body, headers=headers).status_code == 400
    aside = [
        one for _ in range(3) for one in take_in_receipts(lying, end(OURS), [agency], log.case_of, say=log.say, now=NOW)
    ]
    assert (log.told, log.state) == (told, state)
    assert len(aside) == (state == "unknown")


def test_late_receipts_are_posted_by_the_other_end(http: httpx2.Client, tmp_path: Path) -> None:
    gateway, log, agency = DirectoryGateway(tmp_path), Log(), partner(end(AGENCY))
    ours = ReceivingEnd(
        end(OURS), [agency], kept_in(gateway), lambda one: gateway.arrive(receipt_name(one), one), lambda: NOW
    )
    with serving(as2_app(ours, lambda *_: None)) as own_url:
        theirs = Agency(partner(end(OURS), posts_receipts_to=own_url + PATH))
        with serving(as2_app(theirs.end, posts_with(http))) as url:
            asking = transport(http, url, receipts="async", receipt_url=own_url + PATH)
            with pytest.raises(ReceiptPendingError):
                deliver(log.case, _KEY, asking, log.say, _SAID_AT)
            deadline = time.monotonic() + 30
            while not list((tmp_path / "in").iterdir()) and time.monotonic() < deadline:
                time.sleep(0.02)
    posts_with(http)("http://127.0.0.1:9/", theirs.end.take({}, b"").answer)  # nobody is there: logged
    for _ in range(2):
        assert take_in_receipts(gateway, end(OURS), [agency], log.case_of, say=log.say, now=NOW) == []
    assert (log.told, log.state) == (["attempted", "sent"], "sent")


def test_a_late_receipt_that_is_read_twice_counts_once_and_says_nothing_after_the_answer(tmp_path: Path) -> None:
    lying, log = DirectoryGateway(tmp_path), Log()
    agency = partner(end(AGENCY))
    log.records += [step(3, "attempted"), step(4, "attempted")]
    whole = Entity({"as2-from": f'"{OURS}"', "message-id": f"<{_ID}@guldadra.example>"}, b"")
    what = receipt_of(whole, end(AGENCY), "processed/error: decryption-failed", None, "receipt-1")
    one = entity(what.headers.items(), what.body)

    def read() -> list[tuple[str, str]]:
        lying.arrive("again.mdn", one)
        found = [
            aside
            for _ in range(2)
            for aside in take_in_receipts(lying, end(OURS), [agency], log.case_of, say=log.say, now=NOW)
        ]
        (tmp_path / "done" / "again.mdn").unlink()
        return found

    assert [read(), read()] == [[], []]
    assert log.told == ["attempted", "attempted", "failed"]
    assert log.state == "unknown"  # the other attempt may have arrived
    log.records.append(step(5, "acknowledged"))
    assert read() == []
    assert log.told[-1] == "acknowledged"
