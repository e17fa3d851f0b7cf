"""`guldadra serve` as a process of its own, with a provider and everything that goes wrong: its log holds no secret."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from deploy.ports import stable_ports
from deploy.settings import PREFIX
from tests.deploy_support import GULDADRA
from tests.support import patient, wait_for
from tests.unit.test_portal_login import FakeProvider

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase

pytestmark = pytest.mark.embedded

SECRETS = {
    "what signs cookies": "what-signs-the-cookies-of-the-portal-4711",
    "the client's secret": "what-the-provider-knows-the-portal-by-4712",
    "the database's password": "what-opens-the-database-4713",
    "the code": "the-code-of-a-log-in-4714",
    "a guessed token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.4715",
}


class Provider(FakeProvider):
    """The same provider, on a port."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def signed(self, key: Any = None, alg: str = "RS256", **changed: Any) -> str:
        return super().signed(key, alg, **{"iss": self.url, **changed})

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        found = super().answer(request)
        return httpx2.Response(found.status_code, text=found.text.replace("https://provider.example", self.url))


@contextmanager
def provided() -> Iterator[Provider]:
    """A provider of identities on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            asked = httpx2.Request(self.command, f"{provider.url}{self.path}", content=self.rfile.read(length))
            found = provider.answer(asked)
            self.send_response(found.status_code)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(found.content)

        do_POST = do_GET  # noqa: N815 - likewise

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def served(folder: Path, settings: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """A portal's address and where it logs."""
    port = stable_ports(1)[0]
    log = folder / "log"
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    given = {"CONFIG": os.devnull, "DATA": str(folder / "data"), "PORTAL_PORT": str(port), **settings}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*GULDADRA, "serve"],
            cwd=folder,
            env={**own, **{f"{PREFIX}{name}": value for name, value in given.items()}},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(url) or process.poll() is not None, "the portal", 240.0)
        assert process.poll() is None, log.read_text(encoding="utf-8")
        yield url, log
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health").status_code == 200
    except httpx2.HTTPError:
        return False


def test_nothing_secret_stands_in_the_log(embedded_database: EmbeddedDatabase, tmp_path: Path) -> None:
    with provided() as provider:
        settings = {
            "CLICKHOUSE_URL": embedded_database.url,
            "CLICKHOUSE_PASSWORD": SECRETS["the database's password"],
            "BOOTSTRAP": "127.0.0.1:1",
            "PORTAL_HTTPS": "false",
            "PORTAL_SECRET": SECRETS["what signs cookies"],
            "PROVIDER__ISSUER": provider.url,
            "PROVIDER__CLIENT_ID": "guldadra",
            "PROVIDER__CLIENT_SECRET": SECRETS["the client's secret"],
            "PROVIDER__CLAIMS": json.dumps({"role": "portal_role"}),
            "LOG_LEVEL": "debug",
            "LOG_FORMAT": "console",
        }
        with served(tmp_path, settings) as (url, log), httpx2.Client(base_url=url, timeout=60) as visitor:
            secrets = {**SECRETS, **goings_on(visitor, provider)}
        said = log.read_text(encoding="utf-8")
    assert "a log-in failed" in said
    assert "the database does not answer" in said  # it has no table of the bundled registries
    assert [name for name, secret in secrets.items() if secret in said] == []


def goings_on(visitor: httpx2.Client, provider: Provider) -> dict[str, str]:
    """Log in, wrongly and rightly, read, forge a form, bring tokens; the secrets that came up by the way."""
    code = SECRETS["the code"]
    off = visitor.get("/login", params={"next": "/r/hip/company"})
    state = parse_qs(urlsplit(off.headers["location"]).query)
    assert visitor.get("/auth/callback", params={"code": code, "state": "of another"}).status_code == 403
    off = visitor.get("/login", params={"next": "/r/hip/company"})
    state = parse_qs(urlsplit(off.headers["location"]).query)
    provider.nonce = state["nonce"][0]
    back = visitor.get("/auth/callback", params={"code": code, "state": state["state"][0]})
    assert (back.status_code, back.headers["location"]) == (303, "/r/hip/company")
    page = visitor.get("/").text
    assert "Cilla" in page
    token = provider.signed()
    for path in ("/r/hip/company", "/api/v1/registries/hip/company/signals", f"/r/hip/company/signals?id={patient(7)}"):
        assert visitor.get(path).status_code == 503
    for brought in (token, SECRETS["a guessed token"]):
        visitor.get("/api/v1/registries", headers={"authorization": f"Bearer {brought}"})
    assert visitor.post("/logout", data={"forms": "forged-4716"}).status_code == 403
    forms = re.search(r'name="forms" value="([^"]+)"', page)
    assert forms is not None
    return {
        "the state": state["state"][0],
        "the nonce": state["nonce"][0],
        "the verifier": provider.verifiers[-1],
        "a token": token,
        "its signature": token.rpartition(".")[2],
        "the cookie": visitor.cookies["guldadra"],
        "the form's token": forms[1],
        "a forged one": "forged-4716",
        "who was asked for": patient(7),
    }
