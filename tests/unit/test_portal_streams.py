"""How many answers without an end somebody may have open at once: by person, by token, by address."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from sinks.portal.headers import Limits


class Streams:
    """Asks an application whose every answer goes on until it is let go."""

    def __init__(self, streams: int) -> None:
        self._ends: list[asyncio.Event] = []
        self.app = Limits(self._answer, a_minute=1_000, log_ins_a_minute=1_000, streams=streams)

    async def _answer(self, _: Any, __: Any, send: Any) -> None:
        end = asyncio.Event()
        self._ends.append(end)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await end.wait()

    async def ask(
        self, path: str = "/live/hip", *, address: str = "192.0.2.7", person: str = "", token: str = ""
    ) -> tuple[asyncio.Task[None], list[Any]]:
        """An answer under way, and what of it has come."""
        session = {"person": {"sub": person}} if person else {}
        scope = {
            "type": "http", "path": path, "client": (address, 1), "session": session,
            "headers": [(b"authorization", f"Bearer {token}".encode())] if token else [],
        }  # fmt: skip
        got: list[Any] = []
        begun = asyncio.Event()

        async def send(message: Any) -> None:
            got.append(message)
            begun.set()

        async def receive() -> Any:
            await asyncio.Event().wait()

        task = asyncio.create_task(self.app(scope, receive, send))
        await begun.wait()
        await asyncio.sleep(0)
        return task, got

    async def status(self, path: str = "/live/hip", **who: str) -> int:
        _, got = await self.ask(path, **who)
        return int(got[0]["status"])

    def end(self) -> None:
        """Let go what was begun last."""
        self._ends.pop().set()


def test_who_follows_too_much_at_once_is_told_so_until_something_ends() -> None:
    async def told() -> None:
        streams = Streams(2)
        assert [await streams.status(person="r1") for _ in range(3)] == [200, 200, 429]
        _, got = await streams.ask(person="r1")
        headers = dict(got[0]["headers"])
        assert (headers[b"retry-after"], got[1]["body"]) == (
            b"60", b"Too many streams. 2 streams are open already. Close one, and come again.\n",
        )  # fmt: skip
        streams.end()
        await asyncio.sleep(0)
        assert [await streams.status(person="r1") for _ in range(2)] == [200, 429]

    asyncio.run(told())


def test_a_stream_that_is_cut_off_counts_no_more() -> None:
    async def told() -> None:
        streams = Streams(1)
        task, _ = await streams.ask(person="r1")
        assert await streams.status(person="r1") == 429
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await streams.status(person="r1") == 200

    asyncio.run(told())


def test_each_person_token_and_address_has_its_own() -> None:
    async def told() -> None:
        streams = Streams(1)
        for who in (
            {"person": "r1"}, {"person": "v1"}, {"token": "one", "path": "/api/v1/feed"},
            {"token": "another", "path": "/api/v1/feed"}, {"address": "192.0.2.8"}, {"address": "192.0.2.9"},
        ):  # fmt: skip
            assert [await streams.status(**who) for _ in range(2)] == [200, 429], who
        _, got = await streams.ask("/api/v1/feed", token="one")
        assert dict(got[0]["headers"])[b"content-type"] == b"application/problem+json"
        assert json.loads(got[1]["body"])["title"] == "Too many streams"

    asyncio.run(told())


def test_pages_have_no_such_limit() -> None:
    async def told() -> None:
        streams = Streams(1)
        assert [await streams.status("/r/hip/flow", person="r1") for _ in range(5)] == [200] * 5

    asyncio.run(told())
