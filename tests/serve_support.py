"""A portal as others run it: ``guldadra serve`` as a process of its own, and a provider of identities beside it."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey

from deploy.embedded.process import ChildProcess
from deploy.ports import stable_ports
from tests.portal_support import SECRET
from tests.workers import GULDADRA

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition


class IdentityProvider:
    """Tells its keys on loopback, and signs tokens for whomever a test wants."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
        self.issuer = ""

    def token(self, **claims: Any) -> str:
        """A bearer token with these claims."""
        now = int(time.time())
        said = {"iss": self.issuer, "aud": "guldadra", "iat": now, "exp": now + 600, **claims}
        return jwt.encode({"alg": "RS256", "kid": "k1"}, said, self.key)

    @contextmanager
    def running(self) -> Iterator[IdentityProvider]:
        """Answer until the test is over."""
        provider = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told: dict[str, Any] = {"keys": [provider.key.as_dict(private=False)]}
                if self.path.endswith("openid-configuration"):
                    told = {"issuer": provider.issuer, "jwks_uri": f"{provider.issuer}/keys"}
                body = json.dumps(told).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
            self.issuer = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


class Served:
    """A running ``guldadra serve``."""

    def __init__(self, process: ChildProcess, url: str) -> None:
        self.process = process
        self.url = url


@contextmanager
def served(
    definition: RegistryDefinition, clickhouse_url: str, issuer: str, folder: Path, *, port: int = 0, **settings: str
) -> Iterator[Served]:
    """Serve a registry of a folder of its own (``tests.workers.registry_folder``)."""
    portal_port, metrics_port = stable_ports(2)
    portal_port = port or portal_port
    env = {
        "GULDADRA_CONFIG": os.devnull,
        "GULDADRA_REGISTRIES": str(definition.folder.parent),
        "GULDADRA_CLICKHOUSE_URL": clickhouse_url,
        "GULDADRA_BOOTSTRAP": "127.0.0.1:9",
        "GULDADRA_DATA": str(folder),
        "GULDADRA_KEYS": str(folder / "keys"),
        "GULDADRA_METRICS_PORT": str(metrics_port),
        "GULDADRA_PORTAL_PORT": str(portal_port),
        "GULDADRA_PORTAL_HTTPS": "false",
        "GULDADRA_PORTAL_SECRET": SECRET,
        "GULDADRA_PROVIDER__ISSUER": issuer,
        "GULDADRA_PROVIDER__CLIENT_ID": "guldadra",
        **settings,
    }
    url = f"http://127.0.0.1:{portal_port}"
    process = ChildProcess("serve", [sys.executable, *GULDADRA, "serve"], folder / "serve.log", env=env)
    process.start(lambda: _answers(url), 90)
    try:
        yield Served(process, url)
    finally:
        process.stop()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health").status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False
