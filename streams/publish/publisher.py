"""Publish registrations one by one, from a registry's own program; files go through ``run``.

with Publisher(kafka, definition, store, key) as publisher:
    publisher.register("primary_operation", {"registration_id": "op-1", "patient": "20000101-2384", ...})
    results = publisher.results()
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from schemas import topics
from streams.publish.errors import RegistryClosedError
from streams.publish.gate import Gate, require_released
from streams.publish.ledger import Ledger
from streams.publish.map import RegistryMapper
from streams.publish.receipts import Receipts
from streams.publish.send import Sender
from streams.publish.slices import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from schemas.definition.registry import RegistryDefinition
    from schemas.identity import PseudonymKey
    from schemas.store import SchemaStore
    from streams.control import KafkaConfig
    from streams.publish.journal import Journal, Resumed
    from streams.publish.map import Faults, Mapped

BROKER_PATIENCE_S = 300.0
RECEIPTS_PATIENCE_S = 60.0


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class RefusedRegistrationError(Exception):
    """A registration was refused before it was sent.

    Attributes:
        faults: the fields at fault and the rules they break.
    """

    def __init__(self, faults: Faults) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Results:
    """What became of the submissions.

    Attributes:
        published: how many the broker has.
        accepted: how many intake accepted.
        refused: how many intake refused.
        refusals: intake's faults by the number that ``register`` gave.
    """

    published: int
    accepted: int
    refused: int
    refusals: Mapping[int, Faults]


class Publisher:
    """Publishes to one registry; not to be shared between threads.

    Args:
        kafka: librdkafka's settings, ``bootstrap.servers`` at least.
        definition: the registry, as ``schemas.definition.folder`` loads it.
        store: where the schemas' ids are.
        key: the registry's pseudonym key; None where patients come as pseudonyms.
        mapping: the name of a mapping of the registry, where rows are not named as the fields are.
        ignore_columns: whether to leave out what the form has no field for, instead of refusing it.
        decimal_comma: whether a comma in a number can only be a decimal comma.
        broker_patience_s: how long a submission may wait for the broker.
        clock: the time of submission, in milliseconds since 1970.
        while_waiting: called while there is nothing to do but wait.
        journal: where an interrupted run of a file may have stopped.

    Attributes:
        mapper: rows to messages.
        ledger: rows and offsets.
        receipts: what intake said so far.
        epoch: the life of the log that is submitted to.
        resumed: where an interrupted run had come to; None where this one began anew.
    """

    ledger: Ledger
    receipts: Receipts
    epoch: int
    resumed: Resumed | None

    def __init__(
        self,
        kafka: KafkaConfig,
        definition: RegistryDefinition,
        store: SchemaStore,
        key: PseudonymKey | None = None,
        *,
        mapping: str | None = None,
        ignore_columns: bool = False,
        decimal_comma: bool = False,
        broker_patience_s: float = BROKER_PATIENCE_S,
        clock: Callable[[], int] = now_ms,
        while_waiting: Callable[[], None] = lambda: None,
        journal: Journal | None = None,
    ) -> None:
        self._kafka = kafka
        self._definition = definition
        self._store = store
        self._broker_patience_s = broker_patience_s
        self._tell_waiting = while_waiting
        self._journal = journal
        self._gate = Gate(kafka, definition)
        self._registered = 0
        self.mapper = RegistryMapper(
            definition,
            mapping=mapping,
            key=key,
            wire_id=self._wire_id,
            now_ms=clock,
            ignore_columns=ignore_columns,
            decimal_comma=decimal_comma,
        )

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            RegistryClosedError: the registry may not be published to; the message says what to do.
            BrokerError: no answer.
        """
        name = self._definition.name
        with ExitStack() as opened:
            control = opened.enter_context(self._gate).control
            self.epoch = control.epoch
            self.resumed = self._journal.read(control.partitions, control.epoch) if self._journal else None
            self.ledger = self.resumed.ledger if self.resumed else Ledger(control.partitions)
            self._sender = Sender(
                self._kafka, name, self.ledger, patience_s=self._broker_patience_s, while_waiting=self._wait_open
            )
            opened.callback(self._sender.close)
            self._check_partitions(self._sender.partitions(), control.partitions)
            begin = self.resumed.receipts_begin if self.resumed else None
            self.receipts = Receipts(self._kafka, name, self.epoch, self.ledger, begin)
            opened.callback(self.receipts.close)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until the broker has everything, unless something went wrong; then let go."""
        with self._opened:
            if kind is None:
                self.flush()

    def register(self, form: str, registration: Mapping[str, Any]) -> int:
        """Submit one registration; returns when it is queued.

        Dates and times may be Python's own or ISO 8601; the patient a personal identity number or a
        pseudonym. A key ``previous_patient`` withdraws the registration there.

        Returns:
            Its number, counted from 1, which ``results`` speaks of.

        Raises:
            RefusedRegistrationError: it breaks rules, and was not sent.
            KeyError: the registry has no such form.
            RegistryClosedError: the registry was stopped.
            BrokerError: the broker did not take an earlier one.
        """
        number = self._registered + 1
        table = Table(form, (number,), {name: (value,) for name, value in registration.items()})
        mapped = self.mapper.mapper(form).map(table)
        if mapped.refused:
            raise RefusedRegistrationError(mapped.refused[number])
        self._registered = number
        self.send(mapped)
        return number

    def send(self, mapped: Mapped) -> None:
        """Submit what a slice of rows became; returns when it is queued."""
        self._gate.look()
        self._sender.send(mapped.rows, mapped.keys, mapped.values)

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait until the broker has everything.

        Raises:
            BrokerError: it did not take a submission, or not within the time given.
            RegistryClosedError: the registry was stopped.
        """
        self._sender.flush(timeout_s)

    def results(self, patience_s: float = RECEIPTS_PATIENCE_S) -> Results:
        """Wait until intake has decided on everything submitted so far.

        Raises:
            NoReceiptsError: nothing was heard for as long as the patience lasts.
            RegistryClosedError: the registry was stopped.
            BrokerError: the broker did not take a submission.
        """
        self.flush()
        self.receipts.wait(patience_s, self._wait_open)
        found = self.receipts
        return Results(self.ledger.acknowledged, found.accepted, found.refused, dict(found.refusals))

    def halt(self, *, answers_may_be_lost: bool) -> None:
        """Send nothing more. After an exception out of nowhere (Ctrl-C) an answer may have been lost."""
        if answers_may_be_lost:
            self._sender.freeze()
        self._sender.halt()

    @property
    def waiting_for_broker(self) -> bool:
        """Whether the broker has been silent for a while about what it was sent."""
        return self._sender.waiting_for_broker

    def _wait_open(self) -> None:
        self._gate.look()
        self._tell_waiting()

    def _wire_id(self, form: str) -> int:
        require_released(self._definition, form)
        return self._store.wire_id(self._definition.name, form)

    def _check_partitions(self, found: int, wanted: int) -> None:
        if found != wanted:
            topic = topics.submitted(self._definition.name)
            raise RegistryClosedError(
                f"{topic} has {found} partitions and was made with {wanted}: the number is for life; "
                "see `guldadra topics check`"
            )
