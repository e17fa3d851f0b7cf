"""Intake killed at random moments: every submission keeps exactly one verdict."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from schemas import topics
from tests.support import make_log, message, outcome, read_events, wait_for
from tests.workers import REGISTRATIONS, ROUNDS, Worker, registry_folder

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.kafka.launcher import KafkaBroker

pytestmark = pytest.mark.faults


def test_nothing_is_lost_and_nothing_decided_twice(real_kafka: KafkaBroker, tmp_path: Path) -> None:
    kafka = {"bootstrap.servers": real_kafka.bootstrap}
    registry = registry_folder(tmp_path, "metabolic")
    make_log(kafka, registry, partitions=4)
    worker = Worker("intake", registry, tmp_path, {"GULDADRA_BOOTSTRAP": real_kafka.bootstrap,
                    "GULDADRA_REFUSAL_LIMIT": "0", "GULDADRA_REFUSAL_SHARE": "0"})  # fmt: skip
    worker.start()
    producer = Producer({**kafka, "partitioner": topics.MURMUR2, "enable.idempotence": True, "linger.ms": 5})
    dice = random.Random(ROUNDS)
    sent: list[bytes] = []
    for round_number in range(ROUNDS):
        for number in range(round_number, REGISTRATIONS, ROUNDS):
            fields = {"test": "no such test"} if number % 10 == 0 else {}
            key, value = message(registry, "measurement", number, **fields)
            producer.produce(topics.submitted(registry.name), value, key)
            sent.append(value[5:])
            producer.poll(0)
        producer.flush()
        time.sleep(dice.uniform(0, 0.5))  # now in a poll, now in a transaction, now between
        worker.kill()
        worker.start()

    def decided() -> int:
        receipts = read_events(kafka, topics.receipts(registry.name), "receipt")
        return sum(receipt["received"] for receipt in receipts)

    wait_for(lambda: decided() >= REGISTRATIONS, "all verdicts", patience_s=180)
    assert worker.stop() == 0
    result = outcome(kafka, registry.name)
    assert result.twice == []
    assert len(result.accepted) + len(result.refused) == REGISTRATIONS
    assert len(result.refused) == REGISTRATIONS // 10
    accepted = sorted(row["payload"] for row in result.accepted.values())
    assert accepted == sorted(payload for payload in sent if b"no such test" not in payload)
