"""The feed as server-sent events and nothing else, on a port: ``python -m tests.bench.feed_server PORT DATABASE``."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI, Request

from sinks.clickhouse.client import connect
from sinks.feeds.hub import Hub
from sinks.feeds.sse import Listener, feed_router, frame_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WHO = "x-company"


def listener_of(request: Request) -> Listener:
    """Who asks, as they say: a bench has no log-in."""
    return Listener(request.headers[WHO], lambda _: True)


def main() -> None:
    """Serve until ended."""
    port, url = sys.argv[1:]
    with connect(url) as client:

        @asynccontextmanager
        async def beside(app: FastAPI) -> AsyncIterator[None]:
            hub = Hub(client, frame_of)
            app.include_router(feed_router(hub, listener_of))
            running = asyncio.create_task(hub.run())
            yield
            running.cancel()

        uvicorn.run(
            FastAPI(lifespan=beside), host="127.0.0.1", port=int(port), log_level="warning", backlog=4_096,
            timeout_graceful_shutdown=1,
        )  # fmt: skip


if __name__ == "__main__":
    main()
