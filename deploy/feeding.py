"""The wiring of `guldadra feed` and `guldadra deliver`.

Signals and reviews of a registry go on a relay to the feeds of its companies; from the database to their webhooks.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from deploy.observe import STUCK_AFTER_S
from deploy.settings import SettingsError
from schemas import topics
from schemas.codec import NotARegistrationError, UnknownVersionError, decode_event, is_version_of
from schemas.company import companies_of, is_under_contract, makers
from schemas.review import review_faults
from sinks.feeds.deliverer import Deliverer, Sending
from sinks.feeds.delivery import Patience
from sinks.feeds.event import CONTENT_TYPE, read_event
from sinks.feeds.projection import entitled_makers, feed_projection
from sinks.feeds.signing import read_secrets, secret_path
from sinks.feeds.telling import Telling
from streams.relay import Relay, RelayNotReadyError, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from deploy.settings import Settings
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.feeds.event import FeedEvent
    from sinks.feeds.telling import Projection
    from streams.control import ControlReader, KafkaConfig
    from streams.relay import Heard

log = structlog.get_logger(__name__)

_HEADERS = (("content-type", CONTENT_TYPE.encode()),)  # by which the CloudEvents binding of Kafka knows them


def feed_name(definition: RegistryDefinition) -> str:
    """The name of a feed's transactions, and the group that its offsets are committed in.

    Another generation of definitions states all signals anew: it is read from the beginning, and what comes to the
    same is not told twice.
    """
    return f"guldadra-feed-{definition.name}-{definition.generation}"


def feed_relay(
    kafka: KafkaConfig,
    definition: RegistryDefinition,
    project: Projection | None = None,
    *,
    at: Callable[[str], None] = lambda _: None,
) -> Relay:
    """The relay from a registry's signals and reviews to the feeds of all companies that make its products.

    Args:
        kafka: the clients' settings.
        definition: the registry.
        project: what a company may know of a signal of a product that its catalogue says is its own; that of companies
            with a contract where none is given.
        at: told when a moment of a transaction is reached.

    Raises:
        DefinitionError: two companies cannot be told apart by their codes.
    """
    name, companies = definition.name, companies_of([definition])
    made_by: Callable[[str], Iterable[str]] = partial(makers, definition)
    if project is None:
        made_by = entitled_makers(definition, companies, _today)
        project = feed_projection(definition, companies, _today)
    telling = Telling(name, definition.generation, companies, project, made_by)
    return Relay(
        kafka,
        name,
        feed_name(definition),
        _Teller(telling, topics.signals(name)),
        sources=[topics.signals(name), topics.reviews(name)],
        targets=[topics.feed(company) for company in companies],
        at=at,
    )


def _today() -> date:
    return datetime.now(UTC).date()


class _Teller:
    """Bytes in, bytes out: what lies between is pure."""

    def __init__(self, telling: Telling, signals: str) -> None:
        self._telling = telling
        self._signals = signals

    def recall(self, topic: str, value: bytes) -> None:
        try:
            event, _ = read_event(value)
        except NotARegistrationError as error:
            log.warning("a message on a feed is no event, left out", topic=topic, error=str(error))
            return
        self._telling.recall(event)

    def forget(self) -> None:
        self._telling.forget()

    def tell(self, heard: Heard, control: ControlReader) -> Iterable[Told]:
        try:
            events = self._events(heard)
        except UnknownVersionError as error:
            raise RelayNotReadyError(
                f"{heard.topic}: {error} that is known here, so whoever wrote it is newer: a company must not miss it; "
                "use the version that wrote it, or a later one"
            ) from error
        except NotARegistrationError as error:
            log.warning("a message is none, left out", topic=heard.topic, error=str(error))
            return ()
        return [self._told(event, control) for event in events]

    def _events(self, heard: Heard) -> list[FeedEvent]:
        if heard.topic == self._signals:
            if is_version_of("pair_signal", heard.value):
                return []  # of drugs' reports companies are told by the agency and by contract, not here
            return list(self._telling.of_signal(decode_event("signal", heard.value), heard.at))
        review = decode_event("review", heard.value)
        if faults := review_faults(review):  # anybody may write there
            raise NotARegistrationError(f"the review is not as it must be: {'; '.join(map(str, faults))}")
        return list(self._telling.of_review(review))

    def _told(self, event: FeedEvent, control: ControlReader) -> Told:
        topic = topics.feed(event.company)
        said = control.of(topic)
        if said is None:
            raise RelayNotReadyError(f"{topic} has no log: run `guldadra topics create {event.registry}`")
        return Told(topic, event.to_json(said.epoch), _HEADERS)


class Feeding:
    """The relays of some registries, each in a thread of its own: together up, together down.

    Args:
        kafka: the clients' settings.
        definitions: the registries, by name; those without companies are left out.

    Raises:
        SettingsError: no registry has companies.
    """

    def __init__(self, kafka: KafkaConfig, definitions: Mapping[str, RegistryDefinition]) -> None:
        self._relays = {name: feed_relay(kafka, one) for name, one in definitions.items() if companies_of([one])}
        if not self._relays:
            raise SettingsError(f"nobody is to be told: no catalogue of {', '.join(definitions)} has a column company")
        self._failures: list[BaseException] = []

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether all move or have nothing to do, and the facts."""
        said = {name: relay.health for name, relay in self._relays.items()}
        now = time.monotonic()
        well = all(one.caught_up or one.stopped or now - one.last_progress < STUCK_AFTER_S for one in said.values())
        return well, {
            "process": "feed",
            "told": sum(one.told for one in said.values()),
            "lag": sum(one.lag for one in said.values()),
            "waiting": sum(not one.caught_up and not one.stopped for one in said.values()),
            "stopped": {name: one.stopped for name, one in said.items() if one.stopped},
            "last_error": next((one.last_error for one in said.values() if one.last_error), None),
        }

    def run(self, stop: threading.Event) -> None:
        """Tell until told to stop; where one cannot go on, all end, and its error is raised."""
        threads = [
            threading.Thread(target=self._guarded, args=(relay, stop), name=f"feed-{name}")
            for name, relay in self._relays.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def _guarded(self, relay: Relay, stop: threading.Event) -> None:
        try:
            relay.run(stop)
        except BaseException as error:  # noqa: BLE001 - raised again by run(), once all have ended
            self._failures.append(error)
            stop.set()


def deliverer_of(settings: Settings, client: Client) -> Deliverer:
    """The deliverer, as the settings want it."""
    definitions = settings.definitions()

    def may_have(company: str, registry: str) -> bool:
        return registry in definitions and is_under_contract(definitions[registry], company, _today())

    patience = Patience(settings.webhook_first_wait_s, given_up_after=timedelta(hours=settings.webhook_hours))
    return Deliverer(
        client,
        lambda webhook: read_secrets(secret_path(settings.keys, webhook)),
        may_have,
        Sending(patience, loopback=settings.webhook_loopback),
    )


def deliver_until(deliverer: Deliverer, stop: threading.Event) -> None:
    """Deliver until told to stop."""

    async def run() -> None:
        delivering = asyncio.create_task(deliverer.run())
        stopping = asyncio.create_task(asyncio.to_thread(stop.wait))
        await asyncio.wait((delivering, stopping), return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        delivering.cancel()
        with suppress(asyncio.CancelledError):
            await delivering

    asyncio.run(run())
