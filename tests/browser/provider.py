"""A provider of identities on this machine: OpenID Connect, authorization code with PKCE, over plain http."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import uvicorn
from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import RSAKey

from deploy.ports import HOST, stable_ports
from tests.support import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CLIENT_ID, CLIENT_SECRET = "guldadra", "what the portal and its provider share"


@dataclass
class Provider:
    """Lets somebody in who says their password, and tells the portal who it was.

    Attributes:
        claims: of the one account that it has.
        password: of that account.
    """

    claims: Mapping[str, Any]
    password: str = field(default_factory=lambda: secrets.token_urlsafe(8))
    issuer: str = field(init=False)
    _key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}))
    _codes: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self._port,) = stable_ports(1)
        self.issuer = f"http://{HOST}:{self._port}"

    def app(self) -> FastAPI:
        """Its routes, as OpenID Connect Discovery 1.0 and RFC 7636 describe them."""
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def metadata() -> dict[str, Any]:
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }

        @app.get("/keys")
        def keys() -> dict[str, Any]:
            return {"keys": [self._key.as_dict(private=False)]}

        @app.get("/authorize")
        def ask() -> HTMLResponse:
            return HTMLResponse(
                '<!doctype html><html lang="en"><title>Provider</title><form method="post">'
                '<label>Password <input type="password" name="password"></label><button>Let me in</button></form>'
            )

        @app.post("/authorize")
        def let_in(request: Request, password: Annotated[str, Form()]) -> RedirectResponse:
            asked = request.query_params
            assert (asked["client_id"], password) == (CLIENT_ID, self.password)
            code = secrets.token_urlsafe(16)
            self._codes[code] = (asked["nonce"], asked["code_challenge"])
            back = urlencode({"code": code, "state": asked["state"]})
            return RedirectResponse(f"{asked['redirect_uri']}?{back}", 303)

        @app.post("/token")
        def token(code: Annotated[str, Form()], code_verifier: Annotated[str, Form()]) -> dict[str, Any]:
            nonce, challenge = self._codes.pop(code)
            hashed = hashlib.sha256(code_verifier.encode()).digest()
            assert base64.urlsafe_b64encode(hashed).rstrip(b"=").decode() == challenge
            now = int(time.time())
            said = {
                "iss": self.issuer,
                "aud": CLIENT_ID,
                "iat": now,
                "exp": now + 300,
                "auth_time": now,
                "nonce": nonce,
            }
            signed = jwt.encode({"alg": "RS256", "kid": "k1"}, {**self.claims, **said}, self._key)
            return {"access_token": "of no use here", "token_type": "Bearer", "id_token": signed}

        return app

    @contextmanager
    def answering(self) -> Iterator[Provider]:
        """Answer beside the test."""
        server = uvicorn.Server(uvicorn.Config(self.app(), host=HOST, port=self._port, log_level="warning"))
        thread = threading.Thread(target=server.run, name="provider")
        thread.start()
        try:
            wait_for(lambda: server.started, "the provider")
            yield self
        finally:
            server.should_exit = True
            thread.join(30)
