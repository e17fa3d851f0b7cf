"""One reader of the database for all who listen: what is new of each company goes to its subscribers' queues at once.

A subscriber that does not take what is there is dropped, and told so: it goes on from the last event that it has.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Gauge

from sinks.clickhouse.errors import DatabaseError
from sinks.clickhouse.queries import awareness
from sinks.clickhouse.queries.awareness import Recorder, delivered
from sinks.clickhouse.queries.feeds import last_position, position_of, read_feed, read_news

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.feeds import Filed

log = structlog.get_logger(__name__)

SUBSCRIBERS = Gauge("guldadra_feed_subscribers", "Machines that listen to a feed now")
DROPPED = Counter("guldadra_feed_dropped", "Subscribers that did not take what was there")
CHANNEL = "sse"
_EVERY_S = 0.1
_MOST_WAITING = 1_000
_LONGEST_BACKOFF_S = 5.0


class ClosedError(Exception):
    """Nothing more comes to a subscriber; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class News:
    """An event on its way to subscribers: what it is, and the bytes that all of them get."""

    event: Filed
    frame: bytes


class Subscription:
    """What waits for one subscriber, after the position at which it began to listen."""

    def __init__(self, company: str, position: int, most: int) -> None:
        self.company = company
        self.position = position
        self._most = most
        self._waiting: deque[News] = deque()
        self._woken = asyncio.Event()
        self._closed = ""

    def put(self, news: News) -> bool:
        """Have an event wait; False where it is one too many: the subscriber is dropped."""
        if len(self._waiting) >= self._most:
            return False
        self._waiting.append(news)
        self._woken.set()
        return True

    def close(self, why: str) -> None:
        """Nothing more comes; what waits is let go."""
        self._closed = why
        self._waiting.clear()
        self._woken.set()

    async def next(self, patience_s: float) -> News | None:
        """The next event; None where none came within the time.

        Raises:
            ClosedError: none comes any more.
        """
        if not self._waiting and not self._closed:
            self._woken.clear()
            try:
                async with asyncio.timeout(patience_s):
                    await self._woken.wait()
            except TimeoutError:
                return None
        if self._closed:
            raise ClosedError(self._closed)
        return self._waiting.popleft()


class Hub:
    """Reads what is new for all companies that anybody listens for, and hands it out.

    Args:
        client: the way to the database.
        frame: the bytes of an event as subscribers get it.
        every_s: how long it waits between two looks.
        most_waiting: how many events may wait for one subscriber.
        now: the clock by which deliveries are recorded.
    """

    def __init__(
        self,
        client: Client,
        frame: Callable[[Filed], bytes],
        *,
        every_s: float = _EVERY_S,
        most_waiting: int = _MOST_WAITING,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client.with_patience(0.0)  # while the database is away, this waits in its own way
        self._frame = frame
        self._every_s = every_s
        self._most_waiting = most_waiting
        self._now = now
        self._recorder = Recorder(self._client)
        self._positions: dict[str, int] = {}
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._looking = asyncio.Lock()
        self._closed = False
        self.last_error: str | None = None

    @property
    def subscribers(self) -> int:
        """How many listen now."""
        return sum(len(one) for one in self._subscriptions.values())

    async def run(self) -> None:
        """Look for what is new until cancelled; then nobody listens any more."""
        backoff = self._every_s
        try:
            while True:
                try:
                    await self.look()
                    await asyncio.to_thread(self._recorder.keep)
                except DatabaseError as error:
                    self.last_error = str(error)
                    backoff = min(backoff * 2, _LONGEST_BACKOFF_S)
                    log.warning("the feeds cannot be read, nothing new is told", error=str(error))
                else:
                    self.last_error, backoff = None, self._every_s
                await asyncio.sleep(backoff)
        finally:
            self.close()

    async def look(self) -> None:
        """Hand out what is new.

        Raises:
            DatabaseError: the database does not answer, or refuses.
        """
        async with self._looking:
            asked = dict(self._positions)
            if not asked:
                return
            found, reached = await asyncio.to_thread(read_news, self._client, asked)
            for event in found:
                news = News(event, self._frame(event))
                for one in [*self._subscriptions.get(event.company, ())]:
                    if not one.put(news):
                        DROPPED.inc()
                        self.leave(one)
                        one.close(f"{self._most_waiting} events wait and were not taken")
            for company in reached.keys() & self._positions.keys():
                self._positions[company] = reached[company]

    async def subscribe(self, company: str) -> Subscription:
        """Listen to what a company is told from now on: after the subscription's position all comes, once, in order.

        Raises:
            DatabaseError: the database does not answer, or refuses.
            ClosedError: nobody may listen any more, for the process ends.
        """
        if company not in self._positions:
            async with self._looking:
                if company not in self._positions:
                    self._positions[company] = await asyncio.to_thread(last_position, self._client, company)
        if self._closed:
            raise ClosedError("the service ends")
        one = Subscription(company, self._positions[company], self._most_waiting)
        self._subscriptions.setdefault(company, set()).add(one)
        SUBSCRIBERS.set(self.subscribers)
        return one

    def leave(self, one: Subscription) -> None:
        """Listen no more."""
        others = self._subscriptions.get(one.company, set())
        others.discard(one)
        if not others:
            self._subscriptions.pop(one.company, None)
            self._positions.pop(one.company, None)
        SUBSCRIBERS.set(self.subscribers)

    async def history(self, company: str, after: int, through: int) -> list[News]:
        """The next events after one position, through another; empty where there are no more. Raises as ``look``."""
        found = await asyncio.to_thread(read_feed, self._client, company, after, through)
        return [News(one, self._frame(one)) for one in found]

    async def position_of(self, company: str, event: str) -> int | None:
        """Where an event stands in a company's feed; None where it is not one of its. Raises as ``look``."""
        return await asyncio.to_thread(position_of, self._client, company, event)

    def handed_over(self, event: Filed) -> None:
        """An event was written to a subscriber's connection."""
        self._recorder.take(delivered(event, self._now(), CHANNEL))

    async def had_through(self, company: str, position: int) -> None:
        """A subscriber says the last event that it has: so it has all before it. Raises as ``look``."""
        await asyncio.to_thread(awareness.record_through, self._client, company, position, self._now(), CHANNEL)

    def close(self) -> None:
        """Nobody listens any more; for a process that ends, whose streams would else never."""
        self._closed = True
        for one in [*(one for some in self._subscriptions.values() for one in some)]:
            self.leave(one)
            one.close("the service ends")
