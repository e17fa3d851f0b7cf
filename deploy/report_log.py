"""The log of reports, said to and heard: whoever says a step goes on once it is in the log, and has been taken.

No transaction is needed: each step that a machine takes has the id of what it is about, so that the same again counts
once, and whether a step may follow those before it is decided by the log's order, for every reader alike.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Self

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from deploy.logbook import LogError
from schemas import topics
from schemas.codec import NotARegistrationError, UnknownVersionError, decode_event, encode_event
from sinks.agency import metrics
from sinks.agency.known_cases import KnownCases
from sinks.clickhouse.queries.reports import read_steps
from streams.control import ControlReader
from streams.hearing import Hearer
from streams.transactions import put

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig

log = structlog.get_logger(__name__)

_EVENT = "report"
_PATIENCE_S = 30.0
_LOOK_S = 0.005
_CASES_AT_ONCE = 200


class ReportLog:
    """Follows the reports of a registry, and says steps of them.

    Args:
        kafka: the clients' settings.
        registry: whose reports.
        cases: takes each step.

    Raises:
        LogError: there is no such topic, or the registry has no log.
        KafkaException: the broker does not answer.
    """

    def __init__(self, kafka: KafkaConfig, registry: str, cases: KnownCases) -> None:
        self._registry = registry
        self._cases = cases
        self._topic = topics.reports(registry)
        self._control = ControlReader(kafka)
        self._hearer = Hearer(kafka, self._topic, "guldadra-report", self._hear)
        self._producer = Producer(
            {
                **kafka,
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": topics.MURMUR2,
                "compression.type": "lz4",
                "linger.ms": 0,
                "message.max.bytes": 4 << 20,
                "message.timeout.ms": int(_PATIENCE_S * 1000),
            },
            logger=logging.getLogger("librdkafka"),
        )

    def __enter__(self) -> Self:
        """Hear all that has been said so far."""
        try:
            self._control.read_to_end()
            self._refuse_missing()
            self._hearer.read_to_end()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _refuse_missing(self) -> None:
        if self._control.of(self._registry) is None or not self._hearer.is_there:
            raise LogError(f"there is no topic {self._topic}: run `guldadra topics create {self._registry}`")

    def __exit__(self, *_: object) -> None:
        """Let go of the topics."""
        self._hearer.close()
        self._control.__exit__()

    @property
    def stopped(self) -> str:
        """Why nothing may be said now; empty where it may."""
        self._control.poll()
        said = self._control.of(self._registry)
        return said.sentence if said is not None and said.stopped else ""

    def poll(self) -> None:
        """Take what others have said.

        Raises:
            KafkaException: the topic cannot be read.
            LogError: a step is of a version that is not known here.
        """
        self._hearer.poll()

    def say(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Say steps, and return once all are in the log for good and have been taken.

        Raises:
            KafkaException: the broker did not take all of them, or does not give them back.
        """
        said = self._control.of(self._registry)
        common = {"registry": self._registry, "epoch": 0 if said is None else said.epoch}
        failures: list[KafkaError] = []
        for record in records:
            put(
                self._producer,
                self._topic,
                encode_event(_EVENT, {**record, **common}),
                str(record["case"]).encode(),
                on_delivery=lambda error, _: failures.append(error) if error else None,
            )
        left = self._producer.flush(_PATIENCE_S)
        if failures or left:
            raise KafkaException(failures[0] if failures else KafkaError(KafkaError._MSG_TIMED_OUT, self._topic))  # noqa: SLF001 - the client's public constant is spelt so
        deadline = time.monotonic() + _PATIENCE_S
        while not all(self._cases.has_heard(record["id"]) for record in records):
            if time.monotonic() > deadline:
                silence = f"{self._topic} does not give back what was said"
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, silence))  # noqa: SLF001 - likewise
            time.sleep(_LOOK_S)
            self._hearer.poll()
        for record in records:
            metrics.STEPS.labels(self._registry, record["step"]).inc()

    def _hear(self, value: bytes) -> None:
        try:
            record = decode_event(_EVENT, value)
        except UnknownVersionError as error:
            raise LogError(
                f"{self._topic}: {error} that is known here, so whoever wrote it is newer: use its version, or later"
            ) from error
        except NotARegistrationError as error:
            log.warning("a message among the reports is none, left out", error=str(error))
            return
        self._cases.take(record)


def recall(client: Client, registry: str, cases: KnownCases) -> None:
    """Take what the tables have: the log keeps the latest weeks only.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    records = [record for _, record in read_steps(client, registry)]
    probe = KnownCases()
    for record in records:
        probe.take(record)
    waiting = sorted({one.case.id for one in probe.waiting()})
    open_cases = frozenset(waiting)
    for record in records:
        if record["case"] not in open_cases:
            cases.take(record)
    for first in range(0, len(waiting), _CASES_AT_ONCE):
        for _, whole in read_steps(client, registry, waiting[first : first + _CASES_AT_ONCE], contents=True):
            cases.take(whole)
