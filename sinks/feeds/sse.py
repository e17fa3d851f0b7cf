"""A company's feed as server-sent events: ``GET /api/v1/feed``, from now, from an event on, or from the start.

Each event's data is the CloudEvent, its id that of the event. Whoever comes back with ``Last-Event-ID`` gets what it
has missed and nothing else; an id that is not known here means the start, for what comes twice is known by its id,
and what is missed is not. A heartbeat, a comment, comes where nothing else does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable  # noqa: TC003 - FastAPI reads the signature at run time
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, NamedTuple

import structlog
from fastapi import APIRouter, Depends, Header, HTTPException, Query
from starlette.responses import StreamingResponse

from sinks.clickhouse.errors import DatabaseError
from sinks.clickhouse.queries.feeds import START
from sinks.feeds.hub import ClosedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable

    from starlette.types import Message, Send

    from sinks.clickhouse.queries.feeds import Filed
    from sinks.feeds.hub import Hub, Subscription

log = structlog.get_logger(__name__)

FROM_START = "start"
_HEARTBEAT_S = 15.0
_RETRY_MS = 2_000
_SEND_S = 30.0
_LONGEST_ID = 64
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # a proxy must neither keep it nor gather it
_SAID = {
    200: {
        "description": "Events as they come, each a CloudEvent 1.0; see docs/feeds.md.",
        "content": {
            "text/event-stream": {
                "example": "id: 5f0c6f8e-2b8e-5f0e-8d5e-1f1c2d3e4f50\n"
                'data: {"specversion":"1.0","type":"guldadra.signal.raised","subject":"cup/CUP01/0", …}\n\n'
            }
        },
    },
}


class Listener(NamedTuple):
    """Whose machine listens.

    Attributes:
        company: the code of the company.
        may_have: whether it may have what a registry tells it, now.
    """

    company: str
    may_have: Callable[[str], bool]


def frame_of(event: Filed) -> bytes:
    """An event as it goes over the wire: JSON has no line end in it."""
    return b"id: " + event.id.encode() + b"\ndata: " + event.event + b"\n\n"


def feed_router(
    hub: Hub, listener_of: Callable[..., Listener | Awaitable[Listener]], *, heartbeat_s: float = _HEARTBEAT_S
) -> APIRouter:
    """The routes of the feed, to be included in the app; ``hub.run`` must run beside it.

    Args:
        hub: made with ``frame_of``.
        listener_of: a dependency: whom the request comes from. It refuses by itself.
        heartbeat_s: how long nothing may come before a heartbeat does.
    """
    router = APIRouter(prefix="/api/v1", tags=["feed"])

    @router.get("/feed", response_class=StreamingResponse, responses=_SAID, summary="What a company is told, live")  # type: ignore[arg-type]  # FastAPI's keys are int or str
    async def feed(
        last_event_id: Annotated[str, Header(max_length=_LONGEST_ID, description="The last event you have.")] = "",
        since: Annotated[
            str, Query(max_length=_LONGEST_ID, description="`start` for all there is, or an event's id.")
        ] = "",
        # an annotation would be looked for in the module
        listener: Listener = Depends(listener_of),  # noqa: B008, FAST002
    ) -> StreamingResponse:
        """Events about the company's own products. Without `Last-Event-ID` or `since` they begin from now."""
        had = last_event_id or (since if since != FROM_START else "")
        try:
            subscription = await hub.subscribe(listener.company)
        except (DatabaseError, ClosedError) as error:
            raise HTTPException(503, "the feed cannot be read now", {"Retry-After": "5"}) from error
        try:
            start = await _start(hub, listener.company, had, subscription.position if not since else START)
        except DatabaseError as error:
            hub.leave(subscription)
            raise HTTPException(503, "the feed cannot be read now", {"Retry-After": "5"}) from error
        except BaseException:
            hub.leave(subscription)
            raise
        return _EventStream(_events(hub, subscription, start, listener.may_have, heartbeat_s), headers=_HEADERS)

    return router


async def _start(hub: Hub, company: str, had: str, otherwise: int) -> int:
    """The position after which a subscriber is told."""
    if not had:
        return otherwise
    position = await hub.position_of(company, had)
    if position is None:
        return START
    await hub.had_through(company, position)
    return position


async def _events(
    hub: Hub, subscription: Subscription, after: int, may_have: Callable[[str], bool], heartbeat_s: float
) -> AsyncGenerator[bytes, None]:
    """What is there already, then what comes."""
    try:
        yield f"retry: {_RETRY_MS}\n\n".encode()
        while after < subscription.position:
            missed = await hub.history(subscription.company, after, subscription.position)
            if not missed:
                break
            for news in missed:
                if may_have(news.event.registry):
                    yield news.frame
                    hub.handed_over(news.event)
            after = missed[-1].event.position
        while True:
            come = await subscription.next(heartbeat_s)
            if come is None:
                yield b": nothing new\n\n"
            elif may_have(come.event.registry):
                yield come.frame
                hub.handed_over(come.event)
    except (ClosedError, DatabaseError) as error:
        # without an id, so that the last one stays what it is
        why = str(error) if isinstance(error, ClosedError) else "the feed cannot be read now"
        last = {"reason": why, "resume": "connect again with Last-Event-ID"}
        yield f"event: dropped\ndata: {json.dumps(last)}\n\n".encode()
    finally:
        hub.leave(subscription)


class _EventStream(StreamingResponse):
    """Ends where a connection takes nothing for long, and lets go of its subscription whatever ends it."""

    media_type = "text/event-stream"

    async def stream_response(self, send: Send) -> None:
        async def in_time(message: Message) -> None:
            async with asyncio.timeout(_SEND_S):
                await send(message)

        events: AsyncGenerator[bytes, None] = self.body_iterator  # type: ignore[assignment]  # what it was made of
        async with aclosing(events):
            try:
                await super().stream_response(in_time)
            except TimeoutError:
                log.warning("a subscriber took nothing for long, its connection is let go", seconds=_SEND_S)
