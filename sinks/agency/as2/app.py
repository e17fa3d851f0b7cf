"""The receiving end over HTTP, as an application of its own: one address, to which partners post."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import structlog
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sinks.agency.gateway import LARGEST_ANSWER

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from sinks.agency.as2.message import Posted
    from sinks.agency.as2.receiving import ReceivingEnd

PATH = "/as2"
_log = structlog.get_logger(__name__)


def as2_app(receiving: ReceivingEnd, post: Callable[[str, Posted], None]) -> Starlette:
    """An application that takes what is posted to ``PATH``, ``LARGEST_ANSWER`` bytes at most.

    Args:
        receiving: our end.
        post: posts a late receipt to an address that the partner is known to have.
    """

    async def take(request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                return PlainTextResponse("too large\n", status_code=413)
        try:
            reply = await run_in_threadpool(receiving.take, dict(request.headers.items()), bytes(body))
        except OSError:
            return PlainTextResponse("not kept; send it again\n", status_code=503)
        if reply.refused is not None:
            _log.warning("as2 message refused", status=reply.status, reason=reply.refused)
        later = None if reply.late is None else BackgroundTask(post, *reply.late)
        return Response(reply.answer.body, reply.status, dict(reply.answer.headers), background=later)

    return Starlette(routes=[Route(PATH, take, methods=["POST"])])


def posts_with(client: httpx2.Client) -> Callable[[str, Posted], None]:
    """Posts late receipts; one that does not arrive is logged, and its message is sent again by the partner."""

    def post(url: str, what: Posted) -> None:
        try:
            client.post(url, content=what.body, headers=dict(what.headers), follow_redirects=False).raise_for_status()
        except httpx2.HTTPError as error:
            _log.warning("as2 receipt not posted", reason=type(error).__name__)

    return post
