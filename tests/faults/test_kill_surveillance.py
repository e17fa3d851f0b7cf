"""Surveillance killed at random: what it keeps is what the exposures come to, and every signal is stated once."""

from __future__ import annotations

import random
import statistics
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from deploy.surveillance_check import check_surveillance
from schemas import topics
from tests.faults.drill import PATIENCE_S, Drill, all_submissions, forget, parts, said_in, until_live
from tests.support import read_events, wait_for
from tests.workers import ROUNDS

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from streams.control import KafkaConfig

pytestmark = pytest.mark.faults

ROUND_S = 4.0
AT_WORK = 0.8  # share of kills; the others come before it has taken up its work
LOST = 0.5  # share of kills after which what it had at hand is lost too


def test_killed_at_random_while_registrations_flow_in(running: Drill) -> None:
    process, surveillance = running.process(), running.surveillance()
    process.start()
    dice = random.Random(ROUNDS)
    ready: list[float] = []
    every = all_submissions()
    *pieces, last = parts(every[len(every) // 2 :], ROUNDS + 1)  # those that the faulty cup is in
    for some in pieces:
        with running.flowing(some, ROUND_S):
            begun = time.monotonic()
            surveillance.start()
            if dice.random() < AT_WORK:
                until_live(surveillance)
                ready.append(time.monotonic() - begun)
                wait_for(lambda: (surveillance.health() or {}).get("registrations"), "the first exposures", PATIENCE_S)
            time.sleep(dice.uniform(0, 0.5))
            surveillance.kill()
        if dice.random() < LOST:
            forget(running.state("surveillance"))
    surveillance.start()
    running.send(last)
    running.settle()
    assert surveillance.stop() == 0
    running.tell(
        f"{ROUNDS} kills, {len(ready)} of them at work; from start to all partitions live "
        f"{statistics.median(ready):.1f} s in the median, {max(ready):.1f} s at most; "
        f"{sum(one['records'] for one in said_in(surveillance, 'recovered')):,} changelog records recovered in all"
    )
    running.account()
    account_of_surveillance(running)


def account_of_surveillance(running: Drill) -> None:
    """Recomputed it is the same, in Kafka and in the database, and what left was one history."""
    accounts = check_surveillance(running.client, running.kafka, running.registry, patience_s=20, wait=time.sleep)
    assert [one.monitor for one in accounts] == list(running.registry.monitors.monitors)
    for one in accounts:
        assert (one.different, one.behind) == (0, ""), one
        assert one.kinds > 100, one
    assert sum(one.products for one in accounts), "no signal was raised"
    messages = assert_each_message_once(running.kafka, running.registry)
    kinds, reports, products = (
        sum(getattr(one, what) for one in accounts) for what in ("kinds", "reports", "products")
    )
    running.tell(
        f"surveillance: {kinds:,} kinds of exposure, {reports:,} counts of reports and {products} products with a "
        f"signal recomputed: 0 differences; {messages} messages about signals, each once"
    )


def assert_each_message_once(kafka: KafkaConfig, registry: RegistryDefinition) -> int:
    """Of each product the messages are 1, 2, 3, ..., in that order, each of ever later submissions; how many."""
    found: defaultdict[tuple[str, str], list[tuple[int, int, int]]] = defaultdict(list)
    events = read_events(kafka, topics.signals(registry.name), "signal")
    for one in events:
        through = sum(place["version"] for place in one["versions"])
        found[one["monitor"], one["product"]].append((one["message"], one["number"], through))
    for product, messages in found.items():
        assert [message for message, _, _ in messages] == [*range(1, len(messages) + 1)], product
        assert [number for _, number, _ in messages] == sorted(number for _, number, _ in messages), product
        assert [through for _, _, through in messages] == sorted(through for _, _, through in messages), product
    return len(events)
