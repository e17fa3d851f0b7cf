"""What every answer says to the browser, how much one may ask, and what is not answered at all."""

from __future__ import annotations

import hashlib
import ipaddress
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import URL, MutableHeaders
from starlette.datastructures import Headers as GivenHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from sinks.portal.api.problems import problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SOURCES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
CONTENT_SECURITY_POLICY = "; ".join(f"{what} {where}" for what, where in _SOURCES.items())
_ALWAYS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_LOGGING_IN = ("/login", "/auth")
_WITHOUT_END = ("/live/", "/api/v1/feed")
_MOST_BYTES = 2 << 20
_OF_PROXIES = ("forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")


class Headers:
    """Sets the headers of every answer.

    Args:
        app: what answers.
        https: whether browsers are to come by https from now on.
    """

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = {**_ALWAYS, **({"strict-transport-security": "max-age=31536000"} if https else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Bounds:
    """Refuses what no browser and no client of ours sends: queries that are no UTF-8, and bodies beyond 2 MiB.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            scope["query_string"].decode()
        except UnicodeDecodeError:
            await _refusal(scope, 400, "This cannot be answered", "The address is not in UTF-8.")(scope, receive, send)
            return
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > _MOST_BYTES:  # read piece by piece, so that no more than this is ever held
                raise HTTPException(413, f"What is sent may have {_MOST_BYTES >> 20} MiB.")
            return message

        await self._app(scope, bounded, send)


class OnLoopback:
    """Lets in only who comes to this machine from this machine, and by no proxy: where identities are ready to take.

    A page of another site whose name was turned to this machine (DNS rebinding) has that name for its host.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] == "http" and not _is_on_loopback(scope):
            said = "Ready identities are for the demo: come to 127.0.0.1, from this machine and by no proxy."
            await _refusal(scope, 421, "Not here", said)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_on_loopback(scope: Scope) -> bool:
    given = GivenHeaders(scope=scope)
    server = (scope.get("server") or ("",))[0]
    return (
        not any(name in given for name in _OF_PROXIES)
        and _is_loopback(server)
        and _is_loopback(URL(scope=scope).hostname or "")
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Limits:
    """Refuses those who ask too much, or follow too much at once: 429, and when to come again.

    Whoever tries tokens is counted by address too: each token is another one that asks.

    Args:
        app: what answers.
        a_minute: by person or token, by address of those not logged in.
        log_ins_a_minute: the same of log-ins, and of tokens that are refused by address.
        streams: how many answers without an end each of them may have open at once.
    """

    def __init__(self, app: ASGIApp, *, a_minute: int, log_ins_a_minute: int, streams: int) -> None:
        self._app = app
        self._streams = streams
        self._open: Counter[str] = Counter()
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._usual = RateLimitItemPerMinute(a_minute)
        self._log_in = RateLimitItemPerMinute(min(a_minute, log_ins_a_minute))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http" or scope["path"].startswith("/static/"):
            await self._app(scope, receive, send)
            return
        token, address = GivenHeaders(scope=scope).get("authorization"), str((scope.get("client") or ("",))[0])
        item = self._log_in if scope["path"].startswith(_LOGGING_IN) else self._usual
        who = _who(scope, token, address)
        may = self._limiter.hit(item, who)
        if not may or (token is not None and not self._limiter.test(self._log_in, _REFUSED, address)):
            refusal = _refusal(scope, 429, "Too many requests", "Come again in a minute.", {"retry-after": "60"})
            await refusal(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if token is not None and message["type"] == "http.response.start" and _is_of_nobody(message):
                self._limiter.hit(self._log_in, _REFUSED, address)
            await send(message)

        if not scope["path"].startswith(_WITHOUT_END):
            await self._app(scope, receive, counted)
            return
        if self._open[who] >= self._streams:
            said = f"{self._streams} streams are open already. Close one, and come again."
            refusal = _refusal(scope, 429, "Too many streams", said, {"retry-after": "60"})
            await refusal(scope, receive, send)
            return
        self._open[who] += 1
        try:
            await self._app(scope, receive, counted)
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]


_REFUSED = "refused token"


def _is_of_nobody(answer: Message) -> bool:
    """Whether an answer says that whoever asked is not known: by a 401, on pages by the way to the log-in."""
    onwards = MutableHeaders(raw=answer["headers"]).get("location", "")
    return answer["status"] == HTTPStatus.UNAUTHORIZED or onwards.startswith("/login")


def _who(scope: Scope, token: str | None, address: str) -> str:
    """Whose requests are counted together."""
    if token is not None:
        return hashlib.sha256(token.encode()).hexdigest()
    person = scope.get("session", {}).get("person")
    return f"person {person.get('sub', '')}" if person else address


def _refusal(scope: Scope, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """What is said before anybody looks at who asks."""
    if scope["path"].startswith("/api/"):
        response: Response = problem(status, title, detail)
        response.headers.update(headers or {})
        return response
    return PlainTextResponse(f"{title}. {detail}\n", status, headers)
