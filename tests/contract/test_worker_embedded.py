"""The worker on the embedded broker: from an empty changelog, in memory, to the end of the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.errors import UnknownError

from streams.worker.app import GroupOptions
from tests.stock_faust import EXACTLY_ONCE, Stock
from tests.support import wait_for
from tests.worker_support import (
    accept,
    assert_exact,
    make_worker_log,
    new_registry,
    running_worker,
    wait_until_caught_up,
)

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.embedded.broker import EmbeddedBroker

pytestmark = pytest.mark.embedded

QUICKER = GroupOptions(session_timeout=3.0, heartbeat=0.5, rebalance_timeout=1.5)  # Tansu waits for half a session


def test_it_fills_follows_and_stops(embedded_broker: EmbeddedBroker) -> None:
    kafka = {"bootstrap.servers": embedded_broker.bootstrap}
    registry = new_registry()
    make_worker_log(kafka, registry)
    accept(kafka, registry, range(500))
    with running_worker(kafka, registry, group=QUICKER) as worker:
        wait_until_caught_up(worker)
        accept(kafka, registry, range(500, 700), size=1)
        wait_for(lambda: worker.health.registrations == 1_400, "what came since")
        wait_until_caught_up(worker)
    assert_exact(kafka, registry, range(700))


def test_another_worker_takes_up_where_the_first_has_left(embedded_broker: EmbeddedBroker) -> None:
    kafka = {"bootstrap.servers": embedded_broker.bootstrap}
    registry = new_registry()
    make_worker_log(kafka, registry)
    for start in (0, 100):
        accept(kafka, registry, range(start, start + 100))
        with running_worker(kafka, registry, group=QUICKER) as worker:
            wait_until_caught_up(worker)
            assert worker.health.registrations == 200
    assert_exact(kafka, registry, range(200))


def test_stock_exactly_once_does_not_start_on_this_broker(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        kafka = {"bootstrap.servers": embedded_broker.bootstrap}
        producer: Any = Stock(kafka, tmp_path, runner, **EXACTLY_ONCE).app.producer
        with pytest.raises(UnknownError):
            runner.run(producer.start())
        runner.run(producer.stop())
