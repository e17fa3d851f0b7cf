"""Two workers of the journeys: one frozen behind the other's back, and one that comes and goes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.drill import PATIENCE_S, Drill, all_submissions, live, parts, rounds, said_in, until_live
from tests.support import wait_for

if TYPE_CHECKING:
    from tests.workers import Worker

pytestmark = pytest.mark.faults

FLOW_S = 10.0
FROZEN_AT = ("sent", "computed", "committed")
FENCED = "lost the name, taking it again"


def test_frozen_past_its_session_and_woken_behind_its_successor(running: Drill) -> None:
    second = running.process("second")
    second.start()
    count = rounds(10)
    moments = [FROZEN_AT[number % len(FROZEN_AT)] for number in range(count)]
    *pieces, last = parts(all_submissions(), 2 * count + 1)
    ended = 0
    taken_over: list[float] = []
    for number, moment in enumerate(moments):
        first = running.signalled(moment, 3, "STOP", name="first")
        first.start()
        with running.flowing(pieces[2 * number], FLOW_S):
            wait_for(lambda first=first: frozen(first), f"the first to freeze, {moment}", PATIENCE_S)
            taken_over.append(until_live(second))
        running.settle(without=first)  # its successor has gone on, so what it has in hand is of the past
        with running.flowing(pieces[2 * number + 1], FLOW_S):
            os.kill(first.pid, signal.SIGCONT)
            wait_for(lambda first=first: not first.alive or live(first, second), "both to go on", PATIENCE_S)
        ended += not first.alive
        if not first.alive:
            first.stop()
        running.settle()
        first.stop()
        until_live(second)
    running.send(last)
    running.settle()
    assert second.stop() == 0
    fenced = len(said_in(first, FENCED))
    assert fenced >= count - moments.count("committed"), "what it had in hand was not refused"
    running.tell(
        f"{count} times frozen in a transaction ({', '.join(moments)}); its successor had all partitions "
        f"{max(taken_over):.1f} s later at most; woken, it was fenced {fenced} times, ended {ended} times and went on "
        f"{count - ended} times"
    )
    running.account()


def frozen(worker: Worker) -> bool:
    """Whether a process has been stopped; it must not have ended."""
    assert worker.alive, worker.log_tail()
    stat = Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8")
    return stat.rpartition(")")[2].split()[0] == "T"


def test_a_second_worker_comes_and_goes_while_registrations_flow_in(running: Drill) -> None:
    first = running.process("first")
    first.start()
    until_live(first)
    count = rounds(5)
    joined: list[float] = []
    left: list[float] = []
    for number, some in enumerate(parts(all_submissions(), count)):
        # a member by name keeps its partitions until its session has ended, any other gives them back at once
        second = running.process("second", static_membership=number % 2 == 0)
        with running.flowing(some, FLOW_S):
            second.start()
            joined.append(until_both(first, second))
            time.sleep(1)
            assert second.stop() == 0
            left.append(until_live(first))
    running.settle()
    assert first.stop() == 0
    running.tell(
        f"a second worker came and went {count} times; partitions were shared {max(joined):.1f} s after it answered at "
        f"most, and all back {max(left):.1f} s after it had left at most"
    )
    running.account()


def until_both(first: Worker, second: Worker) -> float:
    """Wait until both work on partitions; how long it took, seconds."""
    begun = time.monotonic()

    def shared() -> bool:
        return live(first, second) and all((one.health() or {}).get("partitions") for one in (first, second))

    wait_for(shared, f"both to have partitions: {first.health()} {second.health()}", PATIENCE_S)
    return time.monotonic() - begun
