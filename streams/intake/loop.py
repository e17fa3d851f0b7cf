"""The intake loop: poll, decide, cut into slices, and commit everything of one poll in one transaction.

Accepted batches, receipts and the consumer's own offsets commit together, so every submission is
decided exactly once whatever dies in between. Nothing is kept from one turn to the next but counts.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from schemas import topics
from schemas.membership import Losses, MembershipLostError, refuse_lost_membership
from schemas.store import SchemaStoreUnavailableError
from streams.control import ControlReader, write_control
from streams.intake import metrics
from streams.intake.brake import Brake, BrakeLimits
from streams.intake.decide import MAX_REGISTRATION_BYTES, Accepted, Judge
from streams.intake.slices import Slice, cut
from streams.intake.transaction import Outbox
from streams.transactions import TransactionAbortedError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from confluent_kafka import Message

    from schemas.definition.registry import RegistryDefinition
    from schemas.store import SchemaStore
    from streams.control import KafkaConfig

log = structlog.get_logger(__name__)

_FIRST_WAIT_S = 0.2
_GATHER_S = 0.02
_MOST_MESSAGES = 5_000
_ANSWER_S = 30.0
_LONGEST_BACKOFF_S = 10.0
_LAG_EVERY_S = 2.0


_client_log = logging.getLogger("librdkafka")

_Place = tuple[str, int]


class IntakeNotReadyError(Exception):
    """Intake cannot start; the message says what to do."""


@dataclass(slots=True)
class IntakeHealth:
    """What intake says of itself; times are of the monotonic clock."""

    decided: int = 0
    last_progress: float = 0.0
    lag: int = 0
    stopped: dict[str, str] = field(default_factory=dict)
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class IntakeOptions:
    """How one instance of intake runs.

    Attributes:
        instance: this instance's own name, the same after a restart: a new start under the name takes
            over from the old one at once and ends what it left open.
        group: the consumer group that shares the partitions.
        brake: when to stop on refusals.
        max_bytes: the largest message taken.
        session_timeout_ms: how long a silent instance keeps its partitions.
        static: whether the group knows the instance by its name, so that a restart need not wait for the
            session of the one before to end.
    """

    instance: str
    group: str = "guldadra-intake"
    brake: BrakeLimits = field(default_factory=BrakeLimits)
    max_bytes: int = MAX_REGISTRATION_BYTES
    session_timeout_ms: int = 6_000
    static: bool = True


class Intake:
    """Decides on the submissions of the registries given."""

    def __init__(
        self,
        kafka: KafkaConfig,
        definitions: Mapping[str, RegistryDefinition],
        store: SchemaStore,
        options: IntakeOptions,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.health = IntakeHealth()
        self._kafka = kafka
        self._options = options
        self._now = now
        self._judges = {
            name: Judge(definition, store, max_bytes=options.max_bytes) for name, definition in definitions.items()
        }
        self._brakes = {name: Brake(options.brake) for name in definitions}
        self._registry_of = {topics.submitted(name): name for name in definitions}
        self._paused: set[tuple[str, int]] = set()
        self._failures = 0
        self._unsettled = False
        self._rebalances = 0
        self._lag_told = 0.0

    def run(self, stop: threading.Event) -> None:
        """Take in registrations until told to stop; the turn in hand is finished.

        Raises:
            IntakeNotReadyError: a registry has no log yet, or its topic has another number of
                partitions than it was made with.
            FencedError: another instance runs under the same name.
        """
        losses = Losses(self._who)
        with ControlReader(self._kafka) as control:
            self._check_topics(control)
            outbox = Outbox(self._kafka, f"guldadra-intake-{self._options.instance}")
            log.info("intake started", registries=sorted(self._judges), instance=self._options.instance)
            while not stop.is_set():
                consumer = self._consumer()
                try:
                    consumer.subscribe(list(self._registry_of), on_revoke=self._rebalanced, on_lost=self._rebalanced)
                    while not stop.is_set():
                        self._try_turn(control, consumer, outbox, stop)
                except MembershipLostError as error:
                    losses.add(error)
                finally:
                    self._paused.clear()
                    consumer.close()
        log.info("intake stopped", decided=self.health.decided)

    def _try_turn(self, control: ControlReader, consumer: Consumer, outbox: Outbox, stop: threading.Event) -> None:
        """One turn; after a failure the same submissions come again, later each time."""
        try:
            try:
                self._turn(control, consumer, outbox)
            except _BrakeError as brake:
                self._unsettled = True
                self._pull_brake(control, brake)
            self._failures = 0
        except (TransactionAbortedError, SchemaStoreUnavailableError, KafkaException) as error:
            self._failures += 1
            self._unsettled = True
            self.health.last_error = str(error)
            log.warning("intake turn failed, will be taken again", error=str(error), failures=self._failures)
            stop.wait(min(0.1 * 2**self._failures, _LONGEST_BACKOFF_S))

    def _turn(self, control: ControlReader, consumer: Consumer, outbox: Outbox) -> None:
        control.poll()
        if self._unsettled:
            _go_back_to_committed(consumer)
            self._unsettled = False
        self._heed_stop_switches(control, consumer)
        runs = self._poll(consumer)
        halted = {place: run for place, run in runs.items() if self._is_stopped(place)}
        working = {place: run for place, run in runs.items() if place not in halted}
        _rewind(consumer, halted)
        self._paused -= halted.keys()  # they came although they were paused: a rebalance had them begin anew
        if working:
            try:
                slices = [piece for place, run in working.items() for piece in self._decide(control, place, run)]
                outbox.commit(slices, [_after(run) for run in working.values()], consumer.consumer_group_metadata())
            except BaseException:
                self._brakes = {name: Brake(self._options.brake) for name in self._brakes}
                raise
            self._tell_progress(slices)
        self._tell_lag(consumer)

    def _rebalanced(self, *_: object) -> None:
        self._rebalances += 1

    def _poll(self, consumer: Consumer) -> dict[_Place, list[Message]]:
        """What has arrived, in order by partition: a lone registration hardly waits, a flood comes in bulk.

        Where partitions left us in between, all of it is given up: some of it may be another's now, who
        decides on it too, and the broker checks our membership, not whose a partition is.
        """
        before = self._rebalances
        runs = self._gather(consumer)
        if self._rebalances == before:
            return runs
        self._unsettled = True
        return {}

    def _gather(self, consumer: Consumer) -> dict[_Place, list[Message]]:
        first = consumer.poll(_FIRST_WAIT_S)
        if first is None:
            return {}
        runs: dict[_Place, list[Message]] = {}
        for message in (first, *consumer.consume(_MOST_MESSAGES - 1, _GATHER_S)):
            error = message.error()
            if error is None:
                runs.setdefault((str(message.topic()), int(message.partition() or 0)), []).append(message)
            else:
                refuse_lost_membership(error)
                metrics.BROKER_ERRORS.inc()
                self.health.last_error = error.str()
                log.warning("the broker reports", error=error.str())
        return runs

    def _decide(self, control: ControlReader, place: _Place, run: list[Message]) -> list[Slice]:
        registry = self._registry_of[place[0]]
        said = control.of(registry)
        if said is None:
            raise IntakeNotReadyError(f"registry {registry} has no log: run `guldadra topics create {registry}`")
        judge = self._judges[registry]
        now = int(self._now() * 1000)
        verdicts = []
        for message in run:
            submitted_at = _submitted_at(message, now)
            verdict = judge.decide(message.key(), message.value(), submitted_at)
            verdicts.append((int(message.offset() or 0), submitted_at, verdict))
        if reason := self._brakes[registry].take([isinstance(verdict, Accepted) for _, _, verdict in verdicts]):
            raise _BrakeError(registry, reason)
        return list(cut(registry, place[1], said.epoch, verdicts))

    def _pull_brake(self, control: ControlReader, brake: _BrakeError) -> None:
        """Stop the registry for everybody: whatever refuses so much here would do so elsewhere."""
        said = control.of(brake.registry)
        if said is None or said.stopped:
            return
        reason = (
            f"{brake.reason}. They are still in the log: mend the cause, then `guldadra resume {brake.registry}`; "
            "if the refusals are right, raise the setting first"
        )
        log.error("intake stops the registry", registry=brake.registry, reason=reason)
        at = int(self._now() * 1000)
        write_control(self._kafka, replace(said, stopped=True, reason=reason, by=self._who, at=at))
        self.health.last_error = reason

    def _heed_stop_switches(self, control: ControlReader, consumer: Consumer) -> None:
        for registry in self._judges:
            said = control.of(registry)
            if said is not None and said.stopped != (registry in self.health.stopped):
                log.warning("stop switch", said=said.sentence)
                metrics.STOPPED.labels(registry).set(said.stopped)
            if said is not None and said.stopped:
                self.health.stopped[registry] = said.sentence
            else:
                self.health.stopped.pop(registry, None)
        ours = [(place.topic, place.partition) for place in consumer.assignment()]
        self._paused &= set(ours)
        for place in ours:
            if self._is_stopped(place) and place not in self._paused:
                consumer.pause([TopicPartition(*place)])
                self._paused.add(place)
            elif place in self._paused and not self._is_stopped(place):
                consumer.resume([TopicPartition(*place)])
                self._paused.discard(place)

    def _is_stopped(self, place: _Place) -> bool:
        return self._registry_of[place[0]] in self.health.stopped

    def _tell_progress(self, slices: list[Slice]) -> None:
        for piece in slices:
            metrics.ACCEPTED.labels(piece.registry).inc(len(piece.registrations))
            metrics.REFUSED.labels(piece.registry).inc(len(piece.refusals))
            self.health.decided += len(piece.registrations) + len(piece.refusals)
        self.health.last_progress = time.monotonic()

    def _tell_lag(self, consumer: Consumer) -> None:
        if time.monotonic() - self._lag_told < _LAG_EVERY_S:
            return
        self._lag_told = time.monotonic()
        total = 0
        for at in consumer.position(consumer.assignment()):
            _, end = consumer.get_watermark_offsets(at, cached=True)
            lag = max(0, end - at.offset) if at.offset >= 0 else 0
            metrics.LAG.labels(self._registry_of[at.topic], at.partition).set(lag)
            total += lag
        self.health.lag = total

    def _consumer(self) -> Consumer:
        name = f"{self._options.group}-{self._options.instance}"
        static = {"group.instance.id": name} if self._options.static else {}
        return Consumer(
            {
                **self._kafka,
                "group.id": self._options.group,
                **static,
                "session.timeout.ms": self._options.session_timeout_ms,
                "heartbeat.interval.ms": self._options.session_timeout_ms // 6,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.queue.backoff.ms": 10,  # the default of 1,000 idles while catching up
                "queued.max.messages.kbytes": 32_768,
            },
            logger=_client_log,
        )

    def _check_topics(self, control: ControlReader) -> None:
        known = AdminClient(dict(self._kafka)).list_topics(timeout=_ANSWER_S).topics
        for topic, registry in self._registry_of.items():
            said = control.of(registry)
            if said is None or topic not in known:
                raise IntakeNotReadyError(f"registry {registry} has no log: run `guldadra topics create {registry}`")
            partitions = len(known[topic].partitions)
            if partitions != said.partitions:
                raise IntakeNotReadyError(
                    f"{topic} has {partitions} partitions but was made with {said.partitions}: their number is for "
                    "life, since it decides where a patient is; another number needs `guldadra restore` into a new log"
                )

    @property
    def _who(self) -> str:
        return f"intake {self._options.instance}"


def _submitted_at(message: Message, now: int) -> int:
    """The broker's own time; where it does not keep one, the sender's, but never later than ours."""
    kind, moment = message.timestamp()
    return moment if kind == TIMESTAMP_LOG_APPEND_TIME else min(moment, now) if moment > 0 else now


def _after(run: list[Message]) -> TopicPartition:
    """The offset to go on from after these messages."""
    last = run[-1]
    return TopicPartition(str(last.topic()), int(last.partition() or 0), int(last.offset() or 0) + 1)


def _rewind(consumer: Consumer, runs: Mapping[_Place, list[Message]]) -> None:
    """Have the messages come again, but for partitions that are no longer ours."""
    for (topic, partition), run in runs.items():
        try:
            consumer.seek(TopicPartition(topic, partition, int(run[0].offset() or 0)))
        except KafkaException:
            log.info("partition left us", topic=topic, partition=partition)


def _go_back_to_committed(consumer: Consumer) -> None:
    """Have everything come again that the group has not committed: after a failure only the broker knows.

    Raises:
        KafkaException: the broker does not answer; nothing may be decided before it does.
    """
    for place in consumer.committed(consumer.assignment(), timeout=_ANSWER_S):
        if place.error is not None:
            raise KafkaException(place.error)
        offset = place.offset if place.offset >= 0 else OFFSET_BEGINNING
        consumer.seek(TopicPartition(place.topic, place.partition, offset))


class _BrakeError(Exception):
    """A registry's refusals have reached a limit."""

    def __init__(self, registry: str, reason: str) -> None:
        super().__init__(f"{registry}: {reason}")
        self.registry = registry
        self.reason = reason
