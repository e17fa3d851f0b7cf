"""Posts events to the companies' endpoints: each one's in order, none before the one before it is taken or given up.

What became of each is kept in the database, so a restart goes on where it was; an event whose fate was not kept is
sent again, under the same id.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx2
import structlog
from prometheus_client import Counter, Gauge

from sinks.clickhouse.errors import DatabaseError
from sinks.clickhouse.queries import awareness
from sinks.clickhouse.queries.awareness import delivered
from sinks.clickhouse.queries.webhooks import read_due, read_webhooks, write_delivery
from sinks.feeds.addresses import AddressRefusedError, checked_url, public_address
from sinks.feeds.delivery import DEAD, DELIVERED, WAITING, Outcome, Patience, attempted
from sinks.feeds.event import CONTENT_TYPE
from sinks.feeds.signing import NoSecretError, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.webhooks import Due, Webhook
    from sinks.feeds.addresses import Lookup

log = structlog.get_logger(__name__)

ATTEMPTS = Counter("guldadra_webhook_attempts", "Events posted to webhooks", ["webhook", "state"])
WAIT = Gauge("guldadra_webhook_waiting", "Events that an endpoint has not taken yet, at most 50", ["webhook"])
CHANNEL = "webhook"
_LOOK_EVERY_S = 0.5
_ENDPOINTS_EVERY_S = 1.0
_ANSWER_S = 15.0
_BACKOFF_S = 5.0
_LONGEST_RETRY_AFTER = 6


@dataclass(frozen=True, slots=True)
class Sending:
    """How events are sent.

    Attributes:
        patience: how long and how often each is tried.
        loopback: whether endpoints may be on this machine, also by plain http: for tests alone.
        answer_s: how long an endpoint may take to answer.
        lookup: how a host's addresses are found; None for the system's way.
        verify: the TLS settings; True for what the system trusts.
    """

    patience: Patience = field(default_factory=Patience)
    loopback: bool = False
    answer_s: float = _ANSWER_S
    lookup: Lookup | None = None
    verify: Any = True


class Deliverer:
    """Sends what is due to all endpoints.

    Args:
        client: the way to the database.
        secrets: the secrets of an endpoint, by its id; raises ``NoSecretError``.
        may_have: whether a company, by its code, may have what a registry tells it, now. While it may not, its events
            wait: those of before too.
        sending: how events are sent.
        now: the clock.
        chance: draws a number from 0 to 1, which spreads the waits.
    """

    def __init__(
        self,
        client: Client,
        secrets: Callable[[str], list[str]],
        may_have: Callable[[str, str], bool],
        sending: Sending | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._secrets = secrets
        self._may_have = may_have
        self._withheld: frozenset[str] = frozenset()
        self._sending = sending or Sending()
        self._now = now
        self._chance = chance
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._left: dict[str, int] = {}
        self.sent = 0
        self.last_error: str | None = None
        self.database_up = True

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether the database is up, and the facts; an endpoint that takes nothing is no fault of this process."""
        endpoints = {"endpoints": len(self._at_work), "withheld": len(self._withheld)}
        facts = {"process": "deliver", "sent": self.sent, **endpoints, "lag": 0}
        return self.database_up, {**facts, "undelivered": sum(self._left.values()), "last_error": self.last_error}

    async def run(self) -> None:
        """Send until cancelled; an attempt under way is broken off, and made again by the next process."""
        limits = httpx2.Limits(
            max_keepalive_connections=0
        )  # a connection is one name's, though others share its address
        async with httpx2.AsyncClient(
            verify=self._sending.verify, trust_env=False, follow_redirects=False, timeout=None, limits=limits,
        ) as http:  # fmt: skip
            try:
                while True:
                    try:
                        found = self._entitled(await asyncio.to_thread(read_webhooks, self._client))
                    except DatabaseError as error:
                        self._database_away(error)
                        await asyncio.sleep(_BACKOFF_S)
                        continue
                    self.database_up = True
                    for task in [*self._at_work.values()]:
                        if task.done():
                            task.result()  # it never ends by itself: what it raises ends the process
                    for gone in self._at_work.keys() - found.keys():
                        self._at_work.pop(gone).cancel()
                        if self._left.pop(gone, None) is not None:
                            WAIT.remove(gone)
                    for name in found.keys() - self._at_work.keys():
                        self._at_work[name] = asyncio.create_task(self._serve(found[name], http), name=name)
                    await asyncio.sleep(_ENDPOINTS_EVERY_S)
            finally:
                tasks = [*self._at_work.values()]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _entitled(self, webhooks: Iterable[Webhook]) -> dict[str, Webhook]:
        """By id, the endpoints that may be sent to now."""
        every = {one.id: one for one in webhooks}
        found = {name: one for name, one in every.items() if self._may_have(one.company, one.registry)}
        withheld = frozenset(every.keys() - found.keys())
        for name in sorted(withheld - self._withheld):
            one = every[name]
            log.warning("nothing is sent to an endpoint: the registry has no contract in force with its company",
                        webhook=name, company=one.company, registry=one.registry)  # fmt: skip
        self._withheld = withheld
        return found

    async def _serve(self, webhook: Webhook, http: httpx2.AsyncClient) -> None:
        while True:
            wait = _LOOK_EVERY_S
            try:
                due = await asyncio.to_thread(read_due, self._client, webhook)
                self._left[webhook.id] = len(due)
                WAIT.labels(webhook.id).set(len(due))
                for one in due:
                    wait = min((one.delivery.due - self._now()).total_seconds(), _LOOK_EVERY_S)
                    if wait > 0 or not await self._deliver(webhook, one, http):
                        break
                    self._left[webhook.id] -= 1
            except DatabaseError as error:
                self._database_away(error)
                wait = _BACKOFF_S
            await asyncio.sleep(max(wait, 0.02))

    async def _deliver(self, webhook: Webhook, due: Due, http: httpx2.AsyncClient) -> bool:
        """Make one attempt; whether the next event may go."""
        outcome = await self._post(webhook, due, http)
        now = self._now()
        after = attempted(due.delivery, outcome, now, self._sending.patience, self._chance())
        if after.state == DELIVERED:
            await asyncio.to_thread(awareness.record, self._client, [delivered(due.event, now, CHANNEL)])
        await asyncio.to_thread(write_delivery, self._client, after)
        ATTEMPTS.labels(webhook.id, after.state).inc()
        if after.state == DELIVERED:
            self.sent += 1
            return True
        self.last_error = f"webhook {webhook.id}: {after.error}"
        told = log.error if after.state == DEAD else log.warning
        told("an event was not taken", webhook=webhook.id, id=after.event, state=after.state, error=after.error,
             status=after.status, attempts=after.attempts)  # fmt: skip
        return after.state != WAITING

    async def _post(self, webhook: Webhook, due: Due, http: httpx2.AsyncClient) -> Outcome:
        sending, body = self._sending, due.event.event
        try:
            secrets = self._secrets(webhook.id)
            async with asyncio.timeout(sending.answer_s):  # over all: a drop now and then must not keep it for ever
                host, port = checked_url(webhook.url, loopback=sending.loopback)
                address = await public_address(host, port, loopback=sending.loopback, lookup=sending.lookup)
                url = httpx2.URL(webhook.url)
                headers = {
                    "host": url.netloc.decode("ascii"),
                    "content-type": CONTENT_TYPE,
                    "user-agent": "guldadra",
                    **signed(secrets, due.event.id, self._now(), body),
                }
                request = http.build_request(
                    "POST", url.copy_with(host=address), content=body, headers=headers,
                    extensions={"sni_hostname": host},  # the certificate must be the name's
                )  # fmt: skip
                response = await http.send(request, stream=True)  # what is answered is of no interest
                await response.aclose()
        except TimeoutError:
            return Outcome(0, f"no answer within {sending.answer_s:g} s")
        except (AddressRefusedError, NoSecretError) as error:
            return Outcome(0, str(error))
        except (httpx2.HTTPError, OSError) as error:
            return Outcome(0, f"no answer: {str(error) or type(error).__name__}")
        asked = response.headers.get("retry-after", "")
        after_s = float(asked) if asked.isascii() and asked.isdigit() and len(asked) <= _LONGEST_RETRY_AFTER else 0.0
        return Outcome(response.status_code, f"answered {response.status_code}", after_s)

    def _database_away(self, error: DatabaseError) -> None:
        self.database_up = False
        self.last_error = str(error)
        log.warning("the database does not answer, nothing is sent", error=str(error))
