"""Which life of a topic this is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient

if TYPE_CHECKING:
    from streams.control import KafkaConfig

_ANSWER_S = 30.0


def admin_of(kafka: KafkaConfig) -> AdminClient:
    """A client for questions; keep it while one is open, for its answers come only while it lives."""
    return AdminClient(dict(kafka), logger=logging.getLogger("librdkafka"))


def identity_of(kafka: KafkaConfig, topic: str) -> str:
    """The topic's id, another one once it is made anew: offsets of the one before mean nothing then.

    Raises:
        KafkaException: the broker does not answer, or there is no such topic.
    """
    admin = admin_of(kafka)
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=_ANSWER_S)[topic].result()
    return str(described.topic_id)
