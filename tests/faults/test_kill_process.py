"""The journeys' process killed: at random, and at every moment of a transaction."""

from __future__ import annotations

import random
import signal
import statistics
import time
from collections import Counter

import pytest

from tests.faults.drill import PATIENCE_S, Drill, all_submissions, parts, rounds, said_in, until_live
from tests.faults.dying_process import COMMITTING
from tests.support import wait_for
from tests.workers import ROUNDS

pytestmark = pytest.mark.faults

ROUND_S = 4.0
AT_WORK = 0.8  # share of kills; the others come before it has taken up its work
MOMENTS = ("computed", "sent", COMMITTING, "committed")


def test_killed_at_random_while_registrations_flow_in(running: Drill) -> None:
    process = running.process()
    dice = random.Random(ROUNDS)
    ready: list[float] = []
    *pieces, last = parts(all_submissions(), ROUNDS + 1)
    for some in pieces:
        with running.flowing(some, ROUND_S):
            begun = time.monotonic()
            process.start()
            if dice.random() < AT_WORK:
                until_live(process)
                ready.append(time.monotonic() - begun)
                wait_for(lambda: (process.health() or {}).get("registrations"), "the first registrations", PATIENCE_S)
            time.sleep(dice.uniform(0, 0.5))
            process.kill()
    process.start()
    running.send(last)
    running.settle()
    assert process.stop() == 0
    recovered = said_in(process, "recovered")
    running.tell(
        f"{ROUNDS} kills, {len(ready)} of them at work; from start to all partitions live "
        f"{statistics.median(ready):.1f} s in the median, {max(ready):.1f} s at most; {len(recovered)} recoveries of "
        f"{sum(one['records'] for one in recovered):,} changelog records in all"
    )
    running.account()


def test_killed_at_every_moment_of_a_transaction(running: Drill) -> None:
    dice = random.Random(ROUNDS)
    moments = [*MOMENTS] * rounds(5)
    hit: Counter[str] = Counter()
    *pieces, last = parts(all_submissions(), len(moments) + 1)
    for moment, some in zip(moments, pieces, strict=True):
        process = running.signalled(moment, dice.randint(1, 6), "KILL")
        process.start_unseen()
        with running.flowing(some, ROUND_S):
            wait_for(lambda process=process: not process.alive, f"the end at {moment}", PATIENCE_S)
        assert process.exit_code == -signal.SIGKILL, process.log_tail()
        assert f"at {moment}" in process.log_tail()
        hit[moment] += 1
    process = running.process()
    process.start()
    running.send(last)
    running.settle()
    assert process.stop() == 0
    running.tell("killed itself: " + ", ".join(f"{count} times {moment}" for moment, count in hit.items()))
    running.account()
