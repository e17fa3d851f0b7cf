"""News of a registry to the pages that are open: one look at the database a second, however many are open."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from sinks.clickhouse import sql
from sinks.clickhouse.errors import DatabaseError
from sinks.portal.guard import through
from sinks.portal.portal import Asked  # noqa: TC001 - FastAPI reads the signature at run time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sinks.clickhouse.client import Client

log = structlog.get_logger(__name__)

_EVERY_S = 1.0
_STILL_THERE_S = 15.0
_TABLES = ("cells", "exposures", "signals", "receipts", "reviews")


class News:
    """What is new of registries, told to all who listen.

    Args:
        client: the way to ClickHouse.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._listening: dict[str, set[asyncio.Event]] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    async def of(self, registry: str) -> AsyncIterator[str]:
        """Server-sent events: ``news`` whenever something is new; comments, so that a lost connection is noticed."""
        heard = asyncio.Event()
        self._listening.setdefault(registry, set()).add(heard)
        if registry not in self._looking:
            self._looking[registry] = asyncio.create_task(self._look(registry))
        try:
            yield "retry: 3000\n\n"
            while not self._closed:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_STILL_THERE_S):
                        await heard.wait()
                yield "event: news\ndata: new\n\n" if heard.is_set() else ": still there\n\n"
                heard.clear()
        finally:
            self._listening[registry].discard(heard)
            if not self._listening[registry] and (task := self._looking.pop(registry, None)):
                task.cancel()

    def close(self) -> None:
        """Nobody listens any more; for a process that ends. Pages ask again by themselves, of the next one."""
        self._closed = True
        for listening in self._listening.values():
            for heard in listening:
                heard.set()

    async def _look(self, registry: str) -> None:
        last: tuple[object, ...] | None = None
        while True:
            found: tuple[object, ...] | None = last
            try:
                found = await run_in_threadpool(_mark, self._client, registry)
            except DatabaseError as error:
                log.warning("no news, since the database does not answer", error=str(error))
            if last is not None and found != last:
                for heard in self._listening[registry]:
                    heard.set()
            last = found
            await asyncio.sleep(_EVERY_S)


def _mark(client: Client, registry: str) -> tuple[object, ...]:
    """What changes whenever something comes in: the parts that the tables are made of."""
    rows = client.rows(
        "SELECT table, max(modification_time), sum(rows), max(max_block_number) FROM system.parts "
        "WHERE database = {database:String} AND table IN {tables:Array(String)} AND active "
        "GROUP BY table ORDER BY table",
        {"database": sql.database_of(registry), "tables": list(_TABLES)},
    )
    return tuple(rows)


def router() -> APIRouter:
    """The route that pages listen on."""
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route("/live/{registry}", _live, methods=["GET"])
    return routes


async def _live(asked: Asked = through("start")) -> StreamingResponse:
    news: News = asked.request.app.state.news
    return StreamingResponse(news.of(asked.definition.name), media_type="text/event-stream")
