"""Intake on a real broker that goes away, and beside another instance of its own name."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from schemas import topics
from schemas.membership import FencedError
from tests.running import intake_of, running_intake, working
from tests.support import bundled, make_log, message, outcome, read_events, send, wait_for

if TYPE_CHECKING:
    from deploy.kafka.launcher import KafkaBroker

pytestmark = pytest.mark.kafka


def test_a_broker_that_dies_delays_and_loses_nothing(own_kafka: KafkaBroker) -> None:
    kafka = {"bootstrap.servers": own_kafka.bootstrap}
    registry = bundled("metabolic")
    make_log(kafka, registry)
    send(kafka, topics.submitted(registry.name), [message(registry, "event", number) for number in range(20_000)])
    with running_intake(kafka, registry) as intake:
        wait_for(lambda: intake.health.decided > 0, "the first verdicts")
        own_kafka.kill()
        threading.Event().wait(3)
        own_kafka.start()
        wait_for(lambda: intake.health.lag == 0 and intake.health.decided >= 20_000, "the rest", patience_s=40)
        send(kafka, topics.submitted(registry.name), [message(registry, "event", 20_000)])

        def decided() -> int:
            receipts = read_events(kafka, topics.receipts(registry.name), "receipt")
            return sum(receipt["received"] for receipt in receipts)

        wait_for(lambda: decided() == 20_001, "all verdicts", patience_s=40)
    result = outcome(kafka, registry.name)
    assert result.twice == []
    assert len(result.accepted) == 20_001


def test_a_second_instance_of_the_name_takes_over_and_the_first_ends(real_kafka: KafkaBroker) -> None:
    kafka = {"bootstrap.servers": real_kafka.bootstrap}
    registry = bundled("metabolic")
    make_log(kafka, registry)
    first, second = (intake_of(kafka, registry, static=True) for _ in range(2))
    ended: list[BaseException] = []

    def run_first(stop: threading.Event) -> None:
        try:
            first.run(stop)
        except FencedError as error:
            ended.append(error)

    with working(run_first):
        send(kafka, topics.submitted(registry.name), [message(registry, "event", number) for number in range(100)])
        wait_for(lambda: first.health.decided == 100, "the first instance")
        with working(second.run):
            wait_for(lambda: bool(ended), "the first instance to end", patience_s=40)
            more = [message(registry, "event", number) for number in range(100, 200)]
            send(kafka, topics.submitted(registry.name), [*more])
            wait_for(lambda: second.health.decided == 100, "the second instance")
    result = outcome(kafka, registry.name)
    assert result.twice == []
    assert len(result.accepted) == 200
