"""What the tests of feeds share: a registry with companies of a test's own, its signals and reviews by hand."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deploy.feeding import feed_relay
from schemas import topics
from schemas.catalogue import Catalogue
from schemas.codec import encode_event
from schemas.company import companies_of, company_code
from sinks.clickhouse.loader import Loader, feed_topics
from sinks.feeds.event import read_event
from streams.relay import read_whole
from tests.running import working
from tests.support import bundled, send, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.feeds.event import FeedEvent
    from streams.control import KafkaConfig
    from streams.relay import Relay

SAID_AT = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC
_numbers = itertools.count(int(time.time() * 1000) % 1_000_000_000)
PRODUCTS = {"CUP01": "Älva Höft", "CUP02": "Bruks Implant", "STEM01": "Bruks Implant"}
"""Products, and the beginnings of the names of the companies that make them."""


def registry_with_companies() -> RegistryDefinition:
    """The hip register with three products and two companies, under names of the test's own."""
    definition = bundled("hip")
    number = next(_numbers)
    rows = {
        code: {"code": code, "name": code, "kind": "cup" if code.startswith("CUP") else "stem",
               "company": f"{company} {number}"}
        for code, company in PRODUCTS.items()
    }  # fmt: skip
    components = Catalogue("components", ("code", "name", "kind", "company"), rows)
    return replace(definition, catalogues={**definition.catalogues, "components": components})


def companies(definition: RegistryDefinition) -> tuple[str, str]:
    """The codes of the makers of CUP01 and of CUP02."""
    rows = definition.catalogues["components"].rows
    return company_code(rows["CUP01"]["company"]), company_code(rows["CUP02"]["company"])


def signal(definition: RegistryDefinition, product: str = "CUP01", message: int = 1, **said: Any) -> dict[str, Any]:
    """A ``Signal`` in Avro's own numbers."""
    return {
        "registry": definition.name, "generation": definition.generation, "monitor": "cup", "group": "cup",
        "definition": "d", "id": f"cup/{product}/0", "product": product, "number": 0, "message": message,
        "state": "raised" if message == 1 else "updated", "level": "watch", "cause": "product", "reasons": [],
        "partition": 3, "version": 1 << 48 | message, "versions": [{"partition": 3, "version": 1 << 48 | message}],
        "levels": [], "known": [], "hindsight": [], "comparator": [], "units": [], "methods": [], "rejected": True,
        "bounds": [], "happened": [], "lots": [], "erased": [], "of": "product", "products": [], "lot": "", "unit": "",
        "by_product": [], "life": 0, "frozen": [], "in_set": [], "stream": [],
        **said,
    }  # fmt: skip


def review(definition: RegistryDefinition, kind: str, state: str, about: str, **said: Any) -> dict[str, Any]:
    """A ``Review`` in Avro's own numbers; a notice is about itself."""
    identity = about if kind == "notice" else str(uuid.uuid4())
    return {
        "registry": definition.name, "epoch": 0, "id": identity, "said_at": SAID_AT, "by": "Asta Olsson", "kind": kind,
        "state": state, "about": about, "group": "cup", "product": "CUP01", "reason": None, "note": None,
        "patient": None, "registration_id": None, "unit": None, "partition": None, "exposure_version": None,
        "lots": [], "udi_di": None, "first_day": None, "last_day": None, "issued_by": None, "reference": None,
        "company": None, "statement": None, "notice": None,
        **said,
    }  # fmt: skip


def project(signal: Mapping[str, Any], company: str) -> Mapping[str, Any] | None:
    """A projection for tests: what is put to the unit is not for companies."""
    made_by = {product: company_code(name) for product, name in PRODUCTS.items()}[signal["product"]]
    if signal["cause"] == "unit" or company.rpartition("-")[0] != made_by:
        return None
    return {
        "signal": signal["id"],
        "product": signal["product"],
        "level": signal["level"],
        "message": signal["message"],
    }


def state(kafka: KafkaConfig, definition: RegistryDefinition, *signals: Mapping[str, Any]) -> None:
    """Put signals on their topic, keyed as surveillance does."""
    values = [(str(one["monitor"]).encode(), encode_event("signal", one)) for one in signals]
    send(kafka, topics.signals(definition.name), [*values])


def say(kafka: KafkaConfig, definition: RegistryDefinition, *reviews: Mapping[str, Any]) -> None:
    """Put reviews on their topic."""
    values = [(str(one["group"]).encode(), encode_event("review", one)) for one in reviews]
    send(kafka, topics.reviews(definition.name), [*values])


def feed_of(kafka: KafkaConfig, company: str) -> list[FeedEvent]:
    """All that a company was told, committed transactions only."""
    found: list[FeedEvent] = []
    read_whole(kafka, topics.feed(company), lambda value: found.append(read_event(value)[0]))
    return found


def whole_feed(kafka: KafkaConfig, company: str) -> list[bytes]:
    """The same, in the bytes that were sent."""
    found: list[bytes] = []
    read_whole(kafka, topics.feed(company), found.append)
    return found


def in_short(events: Sequence[FeedEvent]) -> list[tuple[str, str]]:
    """Type, without its beginning, and subject of each."""
    return [(one.type.removeprefix("guldadra."), one.subject) for one in events]


@contextmanager
def relaying(kafka: KafkaConfig, definition: RegistryDefinition) -> Iterator[Relay]:
    """The feed's relay, running beside the test."""
    relay = feed_relay(kafka, definition, project)
    with working(relay.run):
        yield relay


def until_told(kafka: KafkaConfig, definition: RegistryDefinition, count: int) -> None:
    """Wait until the companies have been told so many things in all, and the relay has nothing more."""
    names = companies_of([definition])
    wait_for(lambda: sum(len(feed_of(kafka, one)) for one in names) >= count, f"{count} events")


def run_through(kafka: KafkaConfig, definition: RegistryDefinition) -> Relay:
    """Relay all that is there, and end."""
    relay = feed_relay(kafka, definition, project)
    stop = threading.Event()
    with working(lambda _: relay.run(stop)):
        wait_for(lambda: relay.health.caught_up, "the relay to have read everything")
        stop.set()
    return relay


@contextmanager
def loading_feeds(kafka: KafkaConfig, client: Client, definition: RegistryDefinition) -> Iterator[Loader]:
    """The loader of feeds, running beside the test."""
    stop = threading.Event()
    quick = {"session.timeout.ms": 3_000, "heartbeat.interval.ms": 500, **kafka}
    loader = Loader(
        quick, client, {definition.name: definition}, stop=stop, topics_of=lambda _: feed_topics(definition),
        flush_interval_s=0.1, group=f"feeds-{definition.name}",
    )  # fmt: skip
    with working(lambda _: loader.run()):
        try:
            yield loader
        finally:
            stop.set()
