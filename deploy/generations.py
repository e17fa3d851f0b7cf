"""The Kafka side of a generation: its changelogs and its consumer groups, when it is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from deploy.logbook import LogError
from schemas.topics import journeys_changelog, surveillance_changelog

if TYPE_CHECKING:
    from streams.control import KafkaConfig

_ANSWER_S = 30.0
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
