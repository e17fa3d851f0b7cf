"""The wiring of `guldadra feed`: signals and reviews of a registry, on a relay to the feeds of its companies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import structlog

from schemas import topics
from schemas.codec import NotARegistrationError, UnknownVersionError, decode_event
from schemas.company import companies_of, makers
from schemas.review import review_faults
from sinks.feeds.event import CONTENT_TYPE, read_event
from sinks.feeds.telling import Telling
from streams.relay import Relay, RelayNotReadyError, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from schemas.definition.registry import RegistryDefinition
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
    project: Projection,
    *,
    at: Callable[[str], None] = lambda _: None,
) -> Relay:
    """The relay from a registry's signals and reviews to the feeds of all companies that make its products.

    Args:
        kafka: the clients' settings.
        definition: the registry.
        project: what a company may know of a signal.
        at: told when a moment of a transaction is reached.

    Raises:
        DefinitionError: two companies cannot be told apart by their codes.
    """
    name, companies = definition.name, companies_of([definition])
    telling = Telling(name, definition.generation, companies, project, partial(makers, definition))
    return Relay(
        kafka,
        name,
        feed_name(definition),
        [topics.signals(name), topics.reviews(name)],
        [topics.feed(company) for company in companies],
        _Teller(telling, topics.signals(name)),
        at=at,
    )


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
