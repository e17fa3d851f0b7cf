"""One run of one engine: started from cold, watched, stopped, and its counts held against what they must be."""

from __future__ import annotations

import itertools
import os
import resource
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from deploy.embedded.process import ProcessFailedError
from tests.bench.running import cpu_seconds, peak_mb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.embedded.process import ChildProcess
    from tests.bench.peers.engine import Engine, Job

_LOOK_FOR_BEGIN_S = 0.02
_LOOK_FOR_END_S = 0.05  # the broker, on the same cores, has to answer
_LOOKS_AT_OFFSETS = 40  # one in so many


@dataclass(frozen=True, slots=True)
class Measured:
    """One run.

    Attributes:
        registrations: how many there were.
        startup_seconds: from the start of its process until it began.
        seconds: from there to the last message that it wrote, by the broker's clock.
        cpu_seconds: user and system time of its processes from there to their end.
        peak_mb: the most memory that its processes had, added up.
        load: the machine's load over a minute, at the end: well above what engine and broker make of it, others were
            at work, and the speed says little.
        wrong: what is wrong with what it came to; empty where it is right.
    """

    registrations: int
    startup_seconds: float
    seconds: float
    cpu_seconds: float
    peak_mb: float
    load: float
    wrong: str

    @property
    def per_second(self) -> float:
        """Registrations a second."""
        return self.registrations / self.seconds

    @property
    def cpu_per_100_000(self) -> float:
        """CPU seconds per 100,000 registrations."""
        return self.cpu_seconds * 100_000 / self.registrations

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        rates = {"registrations_per_second": self.per_second, "cpu_seconds_per_100000": self.cpu_per_100_000}
        return {**asdict(self), **rates}


def measure(engine: Engine, job: Job, patience_s: float) -> Measured:
    """Run an engine over its input.

    Raises:
        ProcessFailedError: it died, or did not begin or come to an end in time; the end of its log is in the message.
    """
    engine.prepare(job)
    started, children_cpu = time.time(), _cpu_of_ended_children()
    processes = engine.start(job)
    try:
        began, cpu_before = started, 0.0
        deadline = time.monotonic() + patience_s
        while not engine.begun(job):
            _check(processes, deadline)
            began, cpu_before = time.time(), sum(cpu_seconds(process.pid) for process in processes)
            time.sleep(_LOOK_FOR_BEGIN_S)
        looks = itertools.count(1)
        while not (engine.finished(job) or (next(looks) % _LOOKS_AT_OFFSETS == 0 and engine.committed(job))):
            _check(processes, deadline)
            time.sleep(_LOOK_FOR_END_S)
        peak, load = sum(peak_mb(process.pid) for process in processes), os.getloadavg()[0]
    finally:
        for process in processes:
            process.stop()
    return Measured(
        registrations=job.given.registrations,
        startup_seconds=began - started,
        seconds=job.log.last_append(engine.written(job)) - began,
        # What a process has used is known exactly once it has ended, its last flush included.
        cpu_seconds=_cpu_of_ended_children() - children_cpu - cpu_before,
        peak_mb=peak,
        load=load,
        wrong=_wrong(engine, job),
    )


def _check(processes: Sequence[ChildProcess], deadline: float) -> None:
    for process in processes:
        if not process.alive():
            raise ProcessFailedError(f"{process.name} died with {process.exit_code}:\n{process.log_tail()}")
        if time.monotonic() > deadline:
            raise ProcessFailedError(f"{process.name} did not come to an end in time:\n{process.log_tail()}")


def _wrong(engine: Engine, job: Job) -> str:
    """What is wrong with what an engine came to."""
    found = {cell: count for cell, count in engine.living(job).items() if count}
    must = job.given.expected.living
    cells = [cell for cell in found.keys() | must.keys() if found.get(cell) != must.get(cell)]
    if cells:
        off = sum(abs(found.get(cell, 0) - must.get(cell, 0)) for cell in cells)
        return f"{len(cells):,} of {len(must):,} counts are wrong, by {off:,} in all"
    return "" if engine.committed(job) else "its committed offsets do not cover the input"


def _cpu_of_ended_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
