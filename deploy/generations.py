"""The Kafka side of a generation: how far its signals are, which are of a former life, and what is dropped with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from deploy.logbook import LogError
from deploy.observe import wait_until
from deploy.status import committed_by, ends_of
from schemas import topics
from schemas.codec import NotARegistrationError, decode_event, is_version_of
from schemas.topics import journeys_changelog, surveillance_changelog
from sinks.clickhouse.former_signals import set_signals_aside, stated_generations
from sinks.clickhouse.generations import progress
from sinks.clickhouse.loaders import signals_group
from streams.hearing import Hearer

if TYPE_CHECKING:
    from deploy.settings import Settings
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig

log = structlog.get_logger(__name__)

_ANSWER_S = 30.0
_MOMENT_S = 2.0
_LOADER_S = 20.0
_GONE = (KafkaError.GROUP_ID_NOT_FOUND, KafkaError.UNKNOWN_TOPIC_OR_PART)


def process_group(registry: str, generation: str) -> str:
    """The consumer group of `guldadra process` for a generation."""
    return f"guldadra-process-{registry}-{generation}"


def surveillance_group(registry: str, generation: str) -> str:
    """The consumer group of `guldadra surveillance` for a generation."""
    return f"guldadra-surveillance-{registry}-{generation}"


def drop_log(kafka: KafkaConfig, registry: str, generation: str) -> None:
    """Delete the changelogs and the consumer groups of a generation; nothing happens where there are none.

    Raises:
        LogError: a process of the generation still runs.
        KafkaException: the broker does not answer, or refuses.
    """
    admin = AdminClient(dict(kafka))
    groups = {
        surveillance_group(registry, generation): "surveillance",
        process_group(registry, generation): "process",
    }
    for group, command in groups.items():
        (future,) = admin.delete_consumer_groups([group], request_timeout=_ANSWER_S).values()
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.NON_EMPTY_GROUP:
                raise LogError(
                    f"`guldadra {command} {registry}` still runs on generation {generation}: end it"
                ) from error
            _unless_gone(error)
    changelogs = [journeys_changelog(registry, generation), surveillance_changelog(registry, generation)]
    for future in admin.delete_topics(changelogs, request_timeout=_ANSWER_S).values():
        try:
            future.result()
        except KafkaException as error:
            _unless_gone(error)


def _unless_gone(error: KafkaException) -> None:
    if error.args[0].code() not in _GONE:
        raise error


def signals_behind(kafka: KafkaConfig, registry: str, generation: str, *, group: str = "") -> int | None:
    """How many messages are still on their way from a generation's exposures to its signals in the database.

    Args:
        kafka: the clients' settings.
        registry: whose.
        generation: which.
        group: the consumer group of the loader of registrations; empty: its own.

    Returns:
        Those that surveillance has yet to read, and those that the loader has yet to load; None where surveillance of
        the generation has never run.

    Raises:
        KafkaException: the broker does not answer.
    """
    exposures, signals = topics.exposures(registry), topics.signals(registry)
    ends = ends_of(kafka, (exposures, signals))
    watched = committed_by(kafka, surveillance_group(registry, generation), ends)
    if all(watched[place] < 0 for place in ends if place.topic == exposures):
        return None
    loaded = committed_by(kafka, signals_group(group), ends)
    reached = {place: (watched if place.topic == exposures else loaded)[place] for place in ends}
    return sum(max(0, end - max(reached[place], 0)) for place, end in ends.items())


def signals_are_in(
    kafka: KafkaConfig, definition: RegistryDefinition, *, group: str = "", patience_s: float = _MOMENT_S
) -> bool:
    """Whether the signals of all exposures that there are at the time of the call are in the database.

    Asked once the journeys have caught up, for then their exposures are on the topic. While registrations flow in,
    signals are always a moment behind; so they are given that moment. A broker that is away has not told that they are.

    Args:
        kafka: the clients' settings.
        definition: the registry, of the generation that is asked for.
        group: the consumer group of the loader of registrations; empty: its own.
        patience_s: how long it may take.
    """
    if not definition.monitors.watch_anything:
        return True
    registry, generation = definition.name, definition.generation
    steps = (
        (topics.exposures(registry), surveillance_group(registry, generation)),
        (topics.signals(registry), signals_group(group)),
    )
    try:
        return all(_catches_up(kafka, topic, reader, patience_s) for topic, reader in steps)
    except KafkaException as error:
        log.info("it is not known whether the signals are in", registry=registry, error=str(error))
        return False


def _catches_up(kafka: KafkaConfig, topic: str, group: str, patience_s: float) -> bool:
    """Whether a group reaches the end that a topic has now."""
    ends = {place: end for place, end in ends_of(kafka, (topic,)).items() if end}

    def is_there() -> bool:
        reached = committed_by(kafka, group, ends)
        return all(reached[place] >= end for place, end in ends.items())

    return wait_until(is_there, patience_s)


def set_lost_signals_aside(kafka: KafkaConfig, client: Client, registry: str) -> dict[str, str]:
    """Set the signals aside of every generation whose surveillance has lost what it kept, for it begins anew.

    Those of generations that were dropped stay as they are: nothing is stated of them any more.

    Args:
        kafka: the clients' settings.
        client: the way to ClickHouse.
        registry: whose.

    Returns:
        By generation, the name that its signals stand under now.

    Raises:
        KafkaException: the broker does not answer.
        DatabaseError: the database does not answer, or refuses.
    """
    stated = [name for name in stated_generations(client, registry) if progress(client, registry, name)]
    lost = [name for name in stated if not keeps_anything(kafka, registry, name)]
    former = {name: set_signals_aside(client, registry, name) for name in lost}
    return {name: kept_as for name, kept_as in former.items() if kept_as is not None}


def begin_surveillance(settings: Settings, registry: str, generation: str) -> None:
    """See that surveillance which keeps nothing does not go on with signals that it knows nothing of.

    Raises:
        LogError: some are still on their way into the database.
        KafkaException: the broker does not answer.
        DatabaseError: the database does not answer, or refuses; it is asked only where nothing is kept.
    """
    kafka = settings.kafka_config()
    if not settings.clickhouse_url or keeps_anything(kafka, registry, generation):
        return
    topic = topics.signals(registry)
    if _has_signals(kafka, topic, generation) and not _catches_up(
        kafka, topic, signals_group(settings.group), _LOADER_S
    ):
        raise LogError(
            f"what surveillance of {registry} kept of generation {generation} is lost, so its signals must be set "
            "aside, but not all are in the database yet: see that `guldadra load` runs, then start this again"
        )
    with settings.clickhouse() as client:
        set_signals_aside(client, registry, generation)


def keeps_anything(kafka: KafkaConfig, registry: str, generation: str) -> bool:
    """Whether a generation's surveillance has kept anything.

    Raises:
        KafkaException: the broker does not answer.
    """
    return any(ends_of(kafka, (surveillance_changelog(registry, generation),)).values())


def _has_signals(kafka: KafkaConfig, topic: str, generation: str) -> bool:
    """Whether a signal of the generation is on the topic."""
    found: set[str] = set()
    hearer = Hearer(kafka, topic, "guldadra-signals", lambda value: found.add(_generation_of(value)))
    try:
        hearer.read_to_end()
    finally:
        hearer.close()
    return generation in found


def _generation_of(value: bytes) -> str:
    name = "pair_signal" if is_version_of("pair_signal", value) else "signal"
    try:
        return str(decode_event(name, value)["generation"])
    except NotARegistrationError:
        return ""  # whoever wrote it, surveillance did not
