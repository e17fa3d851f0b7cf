"""What an attacker tries of the portal from outside: forged forms, kept cookies, other sites, odd requests."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

import itsdangerous
import pytest

from sinks.portal.app import create_app
from sinks.portal.guard import every_route
from sinks.portal.headers import CONTENT_SECURITY_POLICY
from sinks.portal.login import safe_path
from sinks.portal.portal import Portal
from tests.portal_support import NOW, PEOPLE, SECRET, Browser, Voices, browser, portal
from tests.support import bundled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fastapi import FastAPI

    from schemas.definition.registry import RegistryDefinition

SAYING = {  # every address to which something can be said, and who may; by hand
    "/login/ready": "",
    "/logout": "agency",
    "/r/hip/review": "vigilance",
    "/r/hip/report/step": "vigilance",
    "/r/hip/clinic/U01/carriers": "clinic",
    "/r/hip/company/answer": "company",
    "/r/hip/webhooks/add": "registrar",
    "/r/hip/webhooks/rotate": "registrar",
    "/r/hip/webhooks/remove": "registrar",
    "/r/hip/webhooks/retry": "registrar",
}


@pytest.fixture(scope="module")
def hip() -> dict[str, RegistryDefinition]:
    return {"hip": bundled("hip")}


@pytest.fixture(scope="module")
def app(hip: Mapping[str, RegistryDefinition]) -> FastAPI:
    return create_app(portal(hip, voice=Voices()))


class Answer(NamedTuple):
    """An answer to a request that no library has put in order."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def raw(
    app: FastAPI,
    path: str,
    *,
    query: bytes = b"",
    headers: Sequence[tuple[bytes, bytes]] = ((b"host", b"127.0.0.1"),),
    method: str = "GET",
    body: Iterable[bytes] = (),
    server: str = "127.0.0.1",
) -> Answer:
    """Ask with the very bytes, as a server hands them over."""
    pieces = itertools.chain(body, [None])
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        for piece in pieces:
            return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        said.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": quote(path).encode(), "query_string": query, "root_path": "",
        "headers": [*headers], "client": ("127.0.0.1", 50_000), "server": (server, 80), "state": {},
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    start = said[0]
    given = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], given, b"".join(one.get("body", b"") for one in said[1:]))


def test_the_addresses_that_take_something_are_those_written_here(app: FastAPI) -> None:
    taking = {
        str(getattr(route, "path", ""))
        for route in every_route(app.routes)
        if {"POST", "PUT", "PATCH", "DELETE"} & set(getattr(route, "methods", None) or ())
    }
    filled = {"{registry}": "hip", "{unit}": "U01"}
    assert {re.sub(r"{\w+}", lambda name: filled[name[0]], path) for path in taking} == set(SAYING)


@pytest.mark.parametrize("path", SAYING)
def test_a_form_that_is_not_from_this_session_says_nothing(hip: Mapping[str, RegistryDefinition], path: str) -> None:
    voice = Voices()
    made = portal(hip, voice=voice)
    victim = browser(made, SAYING[path])
    attacker = Browser(victim.app)
    attacker.log_in("m1")
    said = {"subject": "a1", "id": "cup/CUP01/0", "state": "confirmed", "about": "cup/CUP01/0", "purpose": "x"}
    victim.get("/")
    forged: Sequence[dict[str, Any]] = (
        {},
        {"forms": ""},
        {"forms": "é" * 32},
        {"forms": attacker.token("/")},
        {"forms": [attacker.token("/"), ""]},
    )
    for token in forged:
        assert victim.post(path, data={**said, **token}).status_code == 403
        assert (voice.decided, voice.told, voice.answered) == ([], [], [])
    if SAYING[path]:
        assert PEOPLE[SAYING[path]].name in victim.get("/").text


def test_an_authorization_of_nothing_is_no_way_round_the_form_s_token(hip: Mapping[str, RegistryDefinition]) -> None:
    voice = Voices()
    visitor = browser(portal(hip, voice=voice), "vigilance")
    for header in ("", " ", "Bearer", "Bearer ", "Basic eDp5", "bearer x"):
        answer = visitor.post(
            "/r/hip/review", data={"id": "cup/CUP01/0", "state": "confirmed"}, headers={"authorization": header}
        )
        assert answer.status_code == 403
        assert voice.decided == []


def test_the_cookie_is_another_after_the_log_in_and_the_one_before_is_nobody_s(
    hip: Mapping[str, RegistryDefinition],
) -> None:
    visitor = browser(portal(hip))
    visitor.get("/")
    planted = visitor.cookies["guldadra"]
    visitor.log_in("m1")
    assert visitor.cookies["guldadra"] != planted
    assert "Agda" not in with_cookie(visitor, planted)


def with_cookie(visitor: Browser, cookie: str) -> str:
    """The start page as a browser with this cookie sees it."""
    other = Browser(visitor.app)
    other.cookies["guldadra"] = cookie
    return str(other.get("/").text)


def test_after_the_log_out_a_copy_of_the_cookie_is_worth_nothing(hip: Mapping[str, RegistryDefinition]) -> None:
    visitor = browser(portal(hip), "agency")
    copied = visitor.cookies["guldadra"]
    assert "Agda" in with_cookie(visitor, copied)
    visitor.say("/logout")
    assert "Agda" not in with_cookie(visitor, copied)


def test_who_logs_in_as_somebody_else_leaves_no_session_behind(hip: Mapping[str, RegistryDefinition]) -> None:
    visitor = browser(portal(hip), "agency")
    first = visitor.cookies["guldadra"]
    visitor.log_in("a1")
    assert "Agda" not in with_cookie(visitor, first)
    assert "Adam" in visitor.get("/").text


def test_a_log_out_ends_no_other_session(hip: Mapping[str, RegistryDefinition]) -> None:
    made = portal(hip)
    visitor = browser(made, "agency")
    elsewhere = Browser(visitor.app)
    elsewhere.log_in("m1")
    visitor.say("/logout")
    assert "Agda" in elsewhere.get("/").text


def test_a_session_ends_when_its_time_is_over_however_often_the_cookie_is_written_anew(
    hip: Mapping[str, RegistryDefinition],
) -> None:
    moment = [NOW]
    visitor = browser(moving(portal(hip, session_s=3_600), moment), "agency")
    cookie = json.loads(base64.b64decode(visitor.cookies["guldadra"].split(".")[0]))
    signer = itsdangerous.TimestampSigner(SECRET)
    anew = signer.sign(base64.b64encode(json.dumps(cookie).encode())).decode()  # as the server signs it later on
    assert "Agda" in with_cookie(visitor, anew)
    moment[0] += 3_599
    assert "Agda" in with_cookie(visitor, anew)
    moment[0] += 1
    assert "Agda" not in with_cookie(visitor, anew)


def moving(made: Portal, moment: list[int]) -> Portal:
    """The portal with a clock that is set by hand."""
    return Portal(made.definitions, made.client, made.choices, lambda: moment[0], made.voice)


@pytest.mark.parametrize("how", ["other secret", "changed", "cut", "garbage", "without an end", "of a version before"])
def test_a_cookie_that_is_not_ours_is_nobody_s(hip: Mapping[str, RegistryDefinition], how: str) -> None:
    visitor = browser(portal(hip), "agency")
    cookie = visitor.cookies["guldadra"]
    said, at, signature = cookie.split(".")
    session = json.loads(base64.b64decode(said))

    def signed(changed: Mapping[str, Any], secret: str = SECRET) -> str:
        body = base64.b64encode(json.dumps(changed).encode())
        return itsdangerous.TimestampSigner(secret).sign(body).decode()

    as_admin = {**session, "person": {**session["person"], "role": "admin"}}
    forged = {
        "other secret": signed(session, "another secret of 32 or more letters"),
        "changed": f"{base64.b64encode(json.dumps(as_admin).encode()).decode()}.{at}.{signature}",
        "cut": cookie[:-1],
        "garbage": "x" * 3_000,
        "without an end": signed({name: value for name, value in session.items() if name != "until"}),
        "of a version before": signed({**session, "person": {"role": "root"}}),
    }[how]
    shown = with_cookie(visitor, forged)
    assert "Agda" not in shown
    assert "Log in" in shown


ELSEWHERE = (
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "https:evil.example",
    "HTTPS://evil.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    " //evil.example",
    "/\t/evil.example",
    "/\r\n//evil.example",
    "evil.example",
    "@evil.example",
    "\u2028//evil.example",
)


def test_nobody_is_sent_on_to_another_site(hip: Mapping[str, RegistryDefinition]) -> None:
    assert {onwards: safe_path(onwards) for onwards in ELSEWHERE} == dict.fromkeys(ELSEWHERE, "/")
    visitor = browser(portal(hip))
    for onwards in ELSEWHERE[:8]:
        assert visitor.log_in("m1", onwards).headers["location"] == "/"


def test_what_only_looks_like_another_site_stays_here(hip: Mapping[str, RegistryDefinition]) -> None:
    visitor = browser(portal(hip))
    for onwards in ("/%2F/evil.example", "/%5Cevil.example", "/.//evil.example", "/r/hip?x=//evil"):
        location = visitor.log_in("m1", onwards).headers["location"]
        assert not location.startswith(("//", "/\\"))
        assert (urlsplit(location).scheme, urlsplit(location).netloc) == ("", "")


@pytest.mark.parametrize("path", ["//evil.example", "///evil.example/x", "//evil.example%2f..", "/\\evil.example"])
def test_no_link_of_a_page_leads_to_another_site(app: FastAPI, path: str) -> None:
    answer = raw(app, path)
    assert answer.status == 404
    links = re.findall(r'(?:href|src|action)="([^"]*)"', answer.body.decode())
    assert [link for link in links if not re.match(r"/(?![/\\])|#|data:,$", link)] == []
    assert any("lang=sv" in link for link in links)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/....//app.py",
        "/static//etc/passwd",
        "/static/\x00portal.css",
        "/static/..\\app.py",
        "/static/" + "../" * 12 + "etc/passwd",
        "/r/../etc/passwd",
        "/r/..%2f..%2fetc/variables",
        "/r/hip/../hiv/flow",
        "/r/./variables",
        "/r/hip%00/variables",
        "/r/hip`; DROP TABLE x/variables",
        "/api/v1/registries/../../etc/passwd",
        "/api/v1/registries/..%2fhip/variables",
        "/r/hip/published/files/../../x.csv",
        "/files/..%2f..%2fetc%2fpasswd.csv",
        "/files/places.csv/../../x.py",
        "/live/../hip",
    ],
)
def test_no_path_leads_out_of_what_is_served(app: FastAPI, path: str) -> None:
    answer = raw(app, path)
    assert answer.status == 404
    assert b"root:" not in answer.body
    assert b"import annotations" not in answer.body


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/", b"lang=sv%0d%0aset-cookie:%20evil=1"),
        ("/r/hip/signals", b"x=%0d%0aset-cookie:%20evil=1"),
        ("/r/hip/signals\r\nset-cookie: evil=1", b""),
        ("/login", b"next=/%0d%0aset-cookie:%20evil=1"),
        ("/r/hip\r\nx: y/variables", b""),
    ],
)
def test_nothing_that_is_asked_becomes_a_header(app: FastAPI, path: str, query: bytes) -> None:
    answer = raw(app, path, query=query)
    assert answer.status in {200, 303, 404}
    assert "evil=1" not in answer.headers.get("set-cookie", "")
    assert not [value for value in answer.headers.values() if "\r" in value or "\n" in value]


@pytest.mark.parametrize("query", [b"\xff\xfe", b"lang=\xe5", b"form=\xc3"])
def test_a_query_that_is_no_utf_8_is_refused(app: FastAPI, query: bytes) -> None:
    assert raw(app, "/", query=query).status == 400
    answer = raw(app, "/api/v1/registries", query=query)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")


HOSTS = (b"evil.example", b"evil.example:80@127.0.0.1", b"", b"[", b"127.0.0.1/evil", b"a b", b"\xff", b"x" * 9_000)


def test_no_page_says_the_host_that_was_asked_for(hip: Mapping[str, RegistryDefinition]) -> None:
    served = create_app(portal(hip, ready=()))
    paths = ("/", "/nothing", "/login", "/r/hip/signals", "/api/v1/registries")
    for host, path in ((host, path) for host in HOSTS for path in paths):
        answer = raw(served, path, headers=[(b"host", host)])
        assert answer.status in {200, 303, 404}
        assert b"evil" not in answer.body
        assert "evil" not in str(answer.headers)


@pytest.mark.parametrize(
    ("host", "more", "server"),
    [
        (b"portal.example", [], "127.0.0.1"),  # a name that was turned to this machine
        (b"127.0.0.1.evil.example", [], "127.0.0.1"),
        (b"192.0.2.7", [], "127.0.0.1"),
        (b"127.0.0.1", [], "192.0.2.7"),  # it was bound elsewhere after all
        (b"127.0.0.1", [], "0.0.0.0"),
        (b"127.0.0.1", [(b"x-forwarded-for", b"127.0.0.1")], "127.0.0.1"),
        (b"127.0.0.1", [(b"forwarded", b"for=127.0.0.1")], "127.0.0.1"),
        (b"127.0.0.1", [(b"x-forwarded-host", b"127.0.0.1")], "127.0.0.1"),
        (b"127.0.0.1", [(b"via", b"1.1 proxy")], "127.0.0.1"),
    ],
)
def test_ready_identities_are_had_from_this_machine_alone(
    app: FastAPI, host: bytes, more: list[tuple[bytes, bytes]], server: str
) -> None:
    for path in ("/login", "/", "/api/v1/registries"):
        answer = raw(app, path, headers=[(b"host", host), *more], server=server)
        assert answer.status == 421
        assert b"Agda" not in answer.body


@pytest.mark.parametrize("host", [b"127.0.0.1", b"localhost:8640", b"[::1]:8640"])
def test_and_from_this_machine_they_are(app: FastAPI, host: bytes) -> None:
    assert b"Agda" in raw(app, "/login", headers=[(b"host", host)]).body


def test_with_a_provider_it_does_not_matter_what_the_host_is_called(hip: Mapping[str, RegistryDefinition]) -> None:
    served = create_app(portal(hip, ready=()))
    assert raw(served, "/", headers=[(b"host", b"portal.example"), (b"x-forwarded-for", b"192.0.2.7")]).status == 200


LARGE = 3 << 20


@pytest.mark.parametrize(
    "kind",
    [
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x",
        b"multipart/form-data",
        b"text/plain",
        b"application/json",
    ],
)
@pytest.mark.parametrize("path", SAYING)
def test_no_body_is_taken_that_is_larger_than_anything_of_ours(app: FastAPI, path: str, kind: bytes) -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        head = b'--x\r\ncontent-disposition: form-data; name="a"; filename="f"\r\n\r\n' if b"boundary" in kind else b""
        yield head
        for _ in range(LARGE >> 16):
            taken += 1 << 16
            yield b"a=1&" * (1 << 14)

    headers = [(b"host", b"127.0.0.1"), (b"content-type", kind)]
    answer = raw(app, path, method="POST", headers=headers, body=pieces())
    assert answer.status in {303, 400, 403, 413}
    assert taken <= (2 << 20) + (1 << 17)


def test_a_body_of_the_largest_size_is_read_and_one_byte_more_is_not(app: FastAPI) -> None:
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/x-www-form-urlencoded")]
    field = b"a=" + b"x" * ((1 << 20) - 3)
    fits = raw(app, "/logout", method="POST", headers=headers, body=[field, b"&", field[:-1]])
    assert fits.status == 403  # read, and found to have no token
    more = raw(app, "/logout", method="POST", headers=headers, body=[field + b"&", field + b"x", b"yyyyy"])
    assert more.status == 413


POLICY = {part.split()[0]: part.split()[1:] for part in CONTENT_SECURITY_POLICY.split(";")}


def test_the_policy_lets_in_nothing_of_others_and_nothing_that_stands_in_the_page(app: FastAPI) -> None:
    assert POLICY["default-src"] == ["'none'"]
    assert POLICY["script-src"] == ["'self'"]
    assert POLICY["style-src"] == ["'self'"]
    assert POLICY["frame-ancestors"] == POLICY["base-uri"] == ["'none'"]
    allowed = {source for sources in POLICY.values() for source in sources}
    assert allowed <= {"'none'", "'self'", "data:"}
    for path in ("/", "/nothing", "/login", "/api/v1/registries", "/static/portal.js", "/health", "/r/hip/signals"):
        answer = raw(app, path)
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_page_has_scripts_or_styles_in_it() -> None:
    for template in (files("sinks.portal") / "templates").iterdir():
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", text), template.name
        assert "|safe" not in text.replace(" ", "")
        assert "autoescape" not in text


def test_what_is_asked_is_written_as_text(app: FastAPI) -> None:
    evil = "<script>alert(1)</script>\"'>"
    for path, query in (
        ("/nothing", f"x={quote(evil)}"),
        (f"/{evil}", ""),
        ("/login", f"next=/{quote(evil)}"),
        ("/r/hip/clinic/U01/carriers", f"about={quote(evil)}"),
        ("/", f"lang={quote(evil)}"),
    ):
        body = raw(app, path, query=query.encode()).body
        assert b"<script>alert" not in body
        assert b"\"'>" not in body


def test_no_script_reads_a_cookie_and_no_other_site_brings_one(hip: Mapping[str, RegistryDefinition]) -> None:
    for https in (False, True):
        visitor = browser(portal(hip, ready=(), https=https))
        cookies = [value for name, value in visitor.get("/?lang=sv").headers.multi_items() if name == "set-cookie"]
        assert {cookie.split("=")[0] for cookie in cookies} == {"__Host-guldadra" if https else "guldadra", "lang"}
        for cookie in cookies:
            flags = {part.strip().lower() for part in cookie.split(";")[1:]}
            assert {"httponly", "samesite=lax", "path=/"} <= flags
            assert ("secure" in flags) == https
            assert not any(flag.startswith("domain") for flag in flags)


def test_nothing_that_is_one_s_own_is_kept_by_caches(hip: Mapping[str, RegistryDefinition]) -> None:
    visitor = browser(portal(hip), "agency")
    assert visitor.get("/").headers["cache-control"] == "no-store"
    assert "private" in visitor.get("/api/v1/registries").headers["cache-control"]


def test_who_tries_tokens_is_counted_by_where_they_come_from(hip: Mapping[str, RegistryDefinition]) -> None:
    visitor = browser(portal(hip))
    answers = [
        visitor.get("/api/v1/registries", headers={"authorization": f"Bearer guess-{number}"}) for number in range(32)
    ]
    assert [one.status_code for one in answers] == [401] * 30 + [429] * 2
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert answers[-1].headers["retry-after"] == "60"
    assert visitor.get("/api/v1/registries").status_code == 200  # who brings none is not held to it


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "OPTIONS", "EVIL"])
def test_what_only_reads_takes_no_other_method(app: FastAPI, method: str) -> None:
    for path in ("/", "/r/hip/variables", "/api/v1/registries", "/static/portal.js", "/health"):
        assert raw(app, path, method=method).status in {403, 405}
