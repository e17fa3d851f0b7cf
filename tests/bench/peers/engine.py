"""What the runner asks of an engine, and what the peers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from deploy.embedded.process import ChildProcess
from tests.bench.peers.log import places
from tests.bench.peers.small_job import Orders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.bench.peers.inputs import Given
    from tests.bench.peers.log import Log


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one engine over one input.

    Attributes:
        name: of this run alone: application id, consumer group, and part of the name of every topic that it makes.
        log: the broker.
        given: the input.
        output: an empty topic with as many partitions as the input; an engine may use others of its own.
        folder: an empty folder for state and log files.
    """

    name: str
    log: Log
    given: Given
    output: str
    folder: Path


class Engine(Protocol):
    """An engine that can do the small job.

    Measured is from ``begun`` to the last message that it has written, and the CPU time of its processes in between
    and until their end, which comes as soon as it is ``finished``.
    """

    name: str

    def prepare(self, job: Job) -> None:
        """What is not measured: building, installing, filling topics that it reads instead of the input."""

    def start(self, job: Job) -> Sequence[ChildProcess]:
        """Start it from cold; its processes end in good order on SIGTERM, with everything committed."""

    def begun(self, job: Job) -> bool:
        """Whether it has taken its first registrations in hand; asked every 20 ms."""

    def finished(self, job: Job) -> bool:
        """Whether it has nothing more to write but what it writes when it is stopped; asked every 50 ms."""

    def written(self, job: Job) -> Sequence[str]:
        """The topics that it writes, changelogs included."""

    def committed(self, job: Job) -> bool:
        """Whether its committed offsets cover the whole input; ends the run of one that is never ``finished``."""

    def living(self, job: Job) -> Mapping[str, int]:
        """Registrations alive by cell ``form|unit|month``, read from its output; empty cells may be in it."""


class PerEvent(ABC):
    """A peer: one process, which reads the submissions themselves and writes a message for every change."""

    name: str

    @abstractmethod
    def command(self, orders: Orders) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    def outputs(self, given: Given) -> int:
        """How many messages it writes to the output topic."""

    def start(self, job: Job) -> Sequence[ChildProcess]:
        """See ``Engine``."""
        orders = Orders(
            bootstrap=job.log.bootstrap,
            name=job.name,
            source=job.given.topic,
            output=job.output,
            forms=str(job.given.forms),
            state=str(job.folder / "state"),
            partitions=str(len(job.given.partitions)),
        )
        process = ChildProcess(self.name, self.command(orders), job.folder / f"{self.name}.log", grace_seconds=60.0)
        process.start()
        return [process]

    def begun(self, job: Job) -> bool:
        """See ``Engine``: its first message is there, which it writes for its first registration."""
        return self._written(job) > 0

    def finished(self, job: Job) -> bool:
        """See ``Engine``: by the number of its messages."""
        return self._written(job) >= self.outputs(job.given)

    def committed(self, job: Job) -> bool:
        """See ``Engine``."""
        return job.log.committed(job.name, job.given.partitions) >= job.given.registrations

    def written(self, job: Job) -> Sequence[str]:
        """See ``Engine``: all that it makes has its name."""
        return job.log.named(job.name)

    def _written(self, job: Job) -> int:
        return job.log.length(places(job.output, len(job.given.partitions)))


class Absolute(PerEvent):
    """A peer that writes a cell's changed count, per partition of the input."""

    def outputs(self, given: Given) -> int:
        """See ``PerEvent``."""
        return given.expected.counts

    def living(self, job: Job) -> Mapping[str, int]:
        """See ``Engine``: the last count of each partition, added up."""
        last = {(record.partition, record.key): record.value for record in job.log.read(job.output)}
        living: Counter[str] = Counter()
        for (_, cell), count in last.items():
            living[cell.decode()] += int(count)
        return living


class Contributions(PerEvent):
    """A peer that writes which cell a registration was in before, and which it is in now."""

    def outputs(self, given: Given) -> int:
        """See ``PerEvent``."""
        return given.expected.changes

    def living(self, job: Job) -> Mapping[str, int]:
        """See ``Engine``."""
        living: Counter[str] = Counter()
        for record in job.log.read(job.output):
            before, _, after = record.value.decode().partition(">")
            living[before] -= 1
            living[after] += 1
        del living[""]
        return living
