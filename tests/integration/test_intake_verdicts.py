"""Intake on a real log: every submission gets exactly one verdict, whatever it is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from deploy.logbook import set_stopped
from schemas import topics
from schemas.store import BundledStore, SchemaStoreUnavailableError
from streams.control import ControlReader
from streams.intake.brake import BrakeLimits
from streams.intake.loop import Intake, IntakeNotReadyError, IntakeOptions
from tests.running import running_intake
from tests.support import bundled, make_log, message, outcome, read_events, send, wait_for

if TYPE_CHECKING:
    from schemas.codec import FormSchema
    from schemas.store import SchemaStore
    from streams.control import KafkaConfig


def decided(kafka: KafkaConfig, registry: str) -> int:
    return sum(receipt["received"] for receipt in read_events(kafka, topics.receipts(registry), "receipt"))


def test_each_kind_of_bad_submission_is_refused_by_its_own_rule(kafka: KafkaConfig) -> None:
    registry = bundled("hip")
    make_log(kafka, registry)
    key, good = message(registry, "primary_operation", 1)
    bad: list[tuple[bytes | None, bytes | None]] = [
        (None, good),
        (key, None),
        (key, b"\0\0\0"),
        (key, b"\1" + good[1:]),
        (key, good[:1] + b"\x00\x00\x00\x01" + good[5:]),
        (key, good[:-3]),
        (key, good + b"x"),
        (key, b"\0" * 10_000_000),
        (b"someone else", good),
        message(registry, "primary_operation", 2, unit="U999"),
        message(registry, "primary_operation", 3, cup="NOT-A-CUP"),
        message(registry, "primary_operation", 4, occurred_on=40_000),
        message(registry, "primary_operation", 5, birth_year=2010),
        message(registry, "primary_operation", 6, registration_id="19640823-3234"),
        message(registry, "primary_operation", 7, cup_lot="lot of 640823-3234"),
        message(registry, "primary_operation", 8, age=200),
        message(registry, "primary_operation", 9, side="middle"),
    ]
    send(kafka, topics.submitted(registry.name), [(key, good), *bad])
    with running_intake(kafka, registry):
        wait_for(lambda: decided(kafka, registry.name) == len(bad) + 1, "all verdicts")
    result = outcome(kafka, registry.name)
    assert result.twice == []
    assert [row["registration_id"] for row in result.accepted.values()] == ["primary_operation-1"]
    assert [row["payload"] for row in result.accepted.values()] == [good[5:]]
    faults = sorted(fault for faults in result.refused.values() for fault in faults)
    assert [field for field, _ in faults] == [
        *[""] * 8, "age", "cup", "cup_lot", "occurred_on", "occurred_on", "patient", "recorded_at",
        "registration_id", "side", "unit",
    ]  # fmt: skip
    rules = " | ".join(rule for _, rule in faults)
    for words in ("no key", "empty", "too short", "zero byte", "schema id 1 is not", "larger than", "the message's key",
                  "catalogue of units", "catalogue of components of kind cup", "in the future", "year of birth",
                  "personal identity number", "0 to 115 years", "not one of the form's codes"):  # fmt: skip
        assert words in rules
    assert "640823" not in rules


def test_offsets_are_those_of_the_submission_and_the_epoch_is_the_log_s(kafka: KafkaConfig) -> None:
    registry = bundled("metabolic")
    make_log(kafka, registry, epoch=7)
    sent = [message(registry, "measurement", number) for number in range(3_000)]
    send(kafka, topics.submitted(registry.name), [*sent])
    with running_intake(kafka, registry):
        wait_for(lambda: decided(kafka, registry.name) == 3_000, "all verdicts")
    epochs = {batch["epoch"] for batch in read_events(kafka, topics.accepted(registry.name), "accepted_batch")}
    assert epochs == {7}
    result = outcome(kafka, registry.name)
    assert result.twice == []
    assert sorted(row["payload"] for row in result.accepted.values()) == sorted(value[5:] for _, value in sent)
    assert len(result.accepted) == 3_000
    for partition in range(4):
        offsets = sorted(offset for place, offset in result.accepted if place == partition)
        assert offsets == list(range(len(offsets)))


def test_a_registry_without_a_controller_has_everything_refused(kafka: KafkaConfig) -> None:
    registry = bundled("metabolic", controller=None)
    make_log(kafka, registry)
    send(kafka, topics.submitted(registry.name), [message(registry, "event", number) for number in range(5)])
    with running_intake(kafka, registry):
        wait_for(lambda: decided(kafka, registry.name) == 5, "all verdicts")
    assert all("no controller" in rule for rule in outcome(kafka, registry.name).rules)


def test_the_stop_switch_halts_one_registry_at_once_and_nothing_is_lost(kafka: KafkaConfig) -> None:
    stopped, other = bundled("metabolic"), bundled("metabolic")
    make_log(kafka, stopped, other)
    with running_intake(kafka, stopped, other) as intake:
        send(kafka, topics.submitted(stopped.name), [message(stopped, "event", 1)])
        wait_for(lambda: decided(kafka, stopped.name) == 1, "the first verdict")
        set_stopped(kafka, stopped.name, stopped=True, by="the controller", reason="an inspection")
        wait_for(lambda: stopped.name in intake.health.stopped, "the switch to be heard")
        assert "by the controller: an inspection" in intake.health.stopped[stopped.name]
        send(kafka, topics.submitted(stopped.name), [message(stopped, "event", number) for number in range(2, 50)])
        send(kafka, topics.submitted(other.name), [message(other, "event", number) for number in range(50)])
        wait_for(lambda: decided(kafka, other.name) == 50, "the other registry to go on")
        assert decided(kafka, stopped.name) == 1
        set_stopped(kafka, stopped.name, stopped=False, by="the controller", reason="done")
        wait_for(lambda: decided(kafka, stopped.name) == 49, "what waited")
    assert outcome(kafka, stopped.name).twice == []


def test_the_brake_stops_a_registry_before_the_log_is_drained_into_refusals(kafka: KafkaConfig) -> None:
    registry = bundled("metabolic")
    make_log(kafka, registry, partitions=1)
    bad = [message(registry, "event", number, event="no such event") for number in range(20_000)]
    send(kafka, topics.submitted(registry.name), [*bad])
    with running_intake(kafka, registry, brake=BrakeLimits(consecutive=500)) as intake:
        wait_for(lambda: registry.name in intake.health.stopped, "the brake")
    assert decided(kafka, registry.name) < 500
    with ControlReader(kafka) as control:
        said = control.of(registry.name)
    assert said is not None
    assert said.stopped
    assert "in a row would be refused" in said.reason


class Flickering:
    """A schema store that does not answer at first."""

    def __init__(self, store: SchemaStore, failures: int) -> None:
        self._store = store
        self.failures = failures

    def wire_id(self, registry: str, form: str) -> int:
        return self._store.wire_id(registry, form)

    def schema_of(self, registry: str, wire_id: int) -> FormSchema | None:
        if self.failures:
            self.failures -= 1
            raise SchemaStoreUnavailableError("no answer")
        return self._store.schema_of(registry, wire_id)


def test_a_silent_schema_store_delays_and_refuses_nothing(kafka: KafkaConfig) -> None:
    registry = bundled("metabolic")
    make_log(kafka, registry)
    store = Flickering(BundledStore({registry.name: registry}), failures=3)
    send(kafka, topics.submitted(registry.name), [message(registry, "event", number) for number in range(20)])
    with running_intake(kafka, registry, store=store):
        wait_for(lambda: decided(kafka, registry.name) == 20, "all verdicts")
    assert store.failures == 0
    assert len(outcome(kafka, registry.name).accepted) == 20


def test_intake_refuses_to_start_without_a_log(kafka: KafkaConfig) -> None:
    registry = bundled("metabolic")
    there = bundled("metabolic")
    make_log(kafka, there)
    intake = Intake(kafka, {registry.name: registry}, BundledStore({}), IntakeOptions(registry.name))
    with pytest.raises(IntakeNotReadyError, match=f"guldadra topics create {registry.name}"):
        intake.run(threading.Event())
