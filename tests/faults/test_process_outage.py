"""The broker goes away under the journeys' process, and comes back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from sinks.clickhouse.client import connect
from tests.faults.drill import PATIENCE_S, all_submissions, drill, live, parts
from tests.support import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from deploy.kafka.launcher import KafkaBroker
    from tests.workers import Worker

pytestmark = pytest.mark.faults

FLOW_S = 8.0


def test_a_broker_that_stops_or_dies_delays_and_loses_nothing(
    own_kafka: KafkaBroker, embedded_database: EmbeddedDatabase, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kafka = {"bootstrap.servers": own_kafka.bootstrap}
    url = embedded_database.url
    with connect(url) as client, drill(kafka, client, url, tmp_path, request.node.name) as running:
        process = running.process()
        process.start()
        wait_for(lambda: live(process), "the partitions", PATIENCE_S)
        told = []
        for way, some in zip(("stop", "kill"), parts(all_submissions(), 2), strict=True):
            with running.flowing(some, FLOW_S):
                time.sleep(2)
                getattr(own_kafka, way)()
                time.sleep(3)
                done = {worker.name: taken(worker) for worker in (process, running.loader)}
                own_kafka.start()
                begun = time.monotonic()
                ended = sum(until_back(worker, done[worker.name]) for worker in (process, running.loader))
                told.append(f"{way}: both went on {time.monotonic() - begun:.1f} s after it was back, {ended} ended")
            running.settle()
        assert process.stop() == 0
        running.tell("; ".join(told))
        running.account()


def taken(worker: Worker) -> int:
    """How much a worker has done in this life of its."""
    said = worker.health() or {}
    count = said.get("registrations" if worker.name == "process" else "loaded")
    return count if isinstance(count, int) else 0


def until_back(worker: Worker, before: int) -> int:
    """Wait until a worker has done more; how often it had to be started for that, having said why it ended."""
    started = 0

    def back() -> bool:
        nonlocal started, before
        if not worker.alive:
            assert worker.exit_code
            assert "guldadra:" in worker.log_tail(), worker.log_tail()
            worker.start()
            started, before = started + 1, 0
        return taken(worker) > before

    wait_for(back, f"{worker.name} to be back: {worker.health()}", PATIENCE_S)
    return started
