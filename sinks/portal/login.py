"""Logging in: by OpenID Connect (authorization code with PKCE); in the demo by a page with ready identities.

Whoever logs in gets a new session, so that one which was planted before is worth nothing. API clients bring a token of
the same provider instead.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx2
import structlog
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the signature at run time
from starlette.responses import RedirectResponse, Response

from sinks.portal.access import Refused
from sinks.portal.guard import NotFoundError, RefusedError, ensure_ours, through
from sinks.portal.identity import ClaimsError, person_of
from sinks.portal.pages.layout import show
from sinks.portal.portal import Asked  # noqa: TC001 - likewise
from sinks.portal.texts import marked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinks.portal.identity import Person, Role
    from sinks.portal.portal import Portal, Provider
    from sinks.portal.sessions import Sessions

OPEN = frozenset({"/login", "/login/ready", "/auth/callback", "/logout"})
"""The routes that need no row of the table: by them one becomes somebody."""

_ROLES: Mapping[Role, str] = {
    "company": marked("sees a company's own products"),
    "clinic": marked("sees a clinic's own results and patients"),
    "registrar": marked("keeps registries"),
    "vigilance": marked("reviews signals"),
    "agency": marked("follows signals and coverage of all registries"),
    "admin": marked("sees to it that everything runs"),
}

log = structlog.get_logger(__name__)

_PROVIDER = "provider"
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_KEYS_FOR_S = 600
_ASKED_AGAIN_AFTER_S = 10
_LATE_S = 60


def router() -> APIRouter:
    """The routes of logging in and out."""
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route("/login", _login, methods=["GET"], name="login")
    routes.add_api_route("/login/ready", _ready, methods=["POST"])
    routes.add_api_route("/auth/callback", _callback, methods=["GET"], name="callback")
    routes.add_api_route("/logout", _logout, methods=["POST"])
    return routes


async def _login(request: Request, asked: Asked = through("start")) -> Response:
    """Send the browser to the provider; in the demo, show the ready identities."""
    choices, client = asked.portal.choices, request.app.state.oauth
    onwards = safe_path(asked.one("next"))
    if choices.ready or client is None:
        return show(asked, "login.html", people=choices.ready, roles=_ROLES, onwards=onwards)
    request.session["next"] = onwards
    callback = request.url_for("callback")
    if choices.https:
        callback = callback.replace(scheme="https")
    again = {"prompt": "login", "max_age": 0} if asked.one("again") else {}
    response: Response = await client.authorize_redirect(request, callback, **again)
    return response


async def _ready(request: Request) -> Response:
    """Be one of the ready identities."""
    form = await request.form()
    ensure_ours(request, form)
    portal: Portal = request.app.state.portal
    for person in portal.choices.ready:
        if person.subject == form.get("subject"):
            claims = {**person.as_claims(), "auth_time": int(portal.now())}
            return await _begin(request, claims, safe_path(str(form.get("next", ""))))
    raise NotFoundError


async def _callback(request: Request) -> Response:
    """Take what the provider says of who came back."""
    client, provider = request.app.state.oauth, request.app.state.portal.choices.provider
    if client is None or provider is None:
        raise NotFoundError
    onwards = safe_path(str(request.session.get("next", "")))
    try:
        token: Mapping[str, Any] = await client.authorize_access_token(request)
        claims = renamed(token.get("userinfo") or {}, provider)
        person = person_of(claims, strong_levels=provider.strong_levels)
    except (OAuthError, ClaimsError, JoseError, httpx2.HTTPError) as error:
        log.warning(
            "a log-in failed", error=type(error).__name__, reason=str(error) if isinstance(error, ClaimsError) else ""
        )
        request.session.clear()
        raise RefusedError(Refused("log in")) from error
    return await _begin(request, person.as_claims(), onwards)


async def _logout(request: Request) -> Response:
    """Forget who it was."""
    ensure_ours(request, await request.form())
    sessions: Sessions = request.app.state.sessions
    sessions.end(request.session)
    await sessions.tell()
    return RedirectResponse("/", 303)


def safe_path(said: str) -> str:
    """A path of ours to go on to; the start where what was said leads elsewhere."""
    plain = said.startswith("/") and not said.startswith("//") and "\\" not in said and said.isprintable()
    return said if plain else "/"


def renamed(claims: Mapping[str, Any], provider: Provider) -> dict[str, Any]:
    """Claims by our names; how strong a log-in was is told by ``acr`` alone."""
    known = {name: value for name, value in claims.items() if name != "strong"}
    return {**known, **{ours: claims[theirs] for ours, theirs in provider.claims.items() if theirs in claims}}


class Bearer:
    """Who a bearer token is of: signed by the provider, for us, and not run out.

    Args:
        provider: whose tokens count; None where none do.
        transport: how the provider is reached; the network where left out.
    """

    def __init__(self, provider: Provider | None, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._provider = provider
        self._transport = transport
        self._keys: KeySet | None = None
        self._fetched = 0.0
        self._fetching = asyncio.Lock()

    async def __call__(self, token: str) -> Person:
        """The person.

        Raises:
            RefusedError: it is no such token.
        """
        if self._provider is None or not token:
            raise RefusedError(Refused("log in"))
        try:
            claims = await self._claims_of(token, self._provider)
            return person_of(renamed(claims, self._provider), strong_levels=self._provider.strong_levels)
        except (JoseError, ClaimsError, ValueError, httpx2.HTTPError) as error:
            raise RefusedError(Refused("log in")) from error

    async def _claims_of(self, token: str, provider: Provider) -> dict[str, Any]:
        try:
            decoded = jwt.decode(token, await self._known_keys(provider), algorithms=_ALGORITHMS)
        except (JoseError, ValueError):  # the provider may have new keys
            decoded = jwt.decode(token, await self._known_keys(provider, anew=True), algorithms=_ALGORITHMS)
        jwt.JWTClaimsRegistry(
            leeway=_LATE_S,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": provider.audience or provider.client_id},
            exp={"essential": True},
        ).validate(decoded.claims)
        return dict(decoded.claims)

    async def _known_keys(self, provider: Provider, *, anew: bool = False) -> KeySet:
        async with self._fetching:
            age = time.monotonic() - self._fetched
            if self._keys is None or age > (_ASKED_AGAIN_AFTER_S if anew else _KEYS_FOR_S):
                async with httpx2.AsyncClient(transport=self._transport, timeout=10) as http:
                    found = await http.get(_metadata(provider))
                    keys = await http.get(found.raise_for_status().json()["jwks_uri"])
                self._keys = KeySet.import_key_set(keys.raise_for_status().json())
                self._fetched = time.monotonic()
            return self._keys


async def _begin(request: Request, claims: Mapping[str, Any], onwards: str) -> Response:
    """A new session: nothing of the one before is kept."""
    sessions: Sessions = request.app.state.sessions
    sessions.begin(request.session, claims)
    await sessions.tell()
    return RedirectResponse(onwards, 303)


def _metadata(provider: Provider) -> str:
    return provider.issuer.rstrip("/") + "/.well-known/openid-configuration"


def oauth(provider: Provider | None, transport: httpx2.AsyncBaseTransport | None = None) -> Any:  # noqa: ANN401 - authlib is not typed
    """The client of the code flow; None without a provider."""
    if provider is None:
        return None
    return OAuth().register(
        _PROVIDER,
        client_id=provider.client_id,
        client_secret=provider.client_secret or None,
        server_metadata_url=_metadata(provider),
        client_kwargs={
            "scope": "openid profile",
            "code_challenge_method": "S256",
            **({} if transport is None else {"transport": transport}),
            **({} if provider.client_secret else {"token_endpoint_auth_method": "none"}),
        },
    )
