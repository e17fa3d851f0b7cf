"""What every answer says to the browser, and how much one may ask."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SOURCES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",  # charts set styles on their own elements
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
_LOG_INS_A_MINUTE = 30


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


class Limits:
    """Refuses those who ask too much: 429, and when to come again.

    Args:
        app: what answers.
        a_minute: by person or token, by address of those not logged in; log-ins are fewer.
    """

    def __init__(self, app: ASGIApp, *, a_minute: int) -> None:
        self._app = app
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._usual = RateLimitItemPerMinute(a_minute)
        self._log_in = RateLimitItemPerMinute(min(a_minute, _LOG_INS_A_MINUTE))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] == "http" and not scope["path"].startswith("/static/"):
            item = self._log_in if scope["path"].startswith(_LOGGING_IN) else self._usual
            if not self._limiter.hit(item, _who(scope)):
                response = PlainTextResponse("Too many requests\n", 429, {"retry-after": "60"})
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _who(scope: Scope) -> str:
    """Whose requests are counted together."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            return hashlib.sha256(value).hexdigest()
    person = scope.get("session", {}).get("person")
    if person:
        return f"person {person.get('sub', '')}"
    return str((scope.get("client") or ("",))[0])
