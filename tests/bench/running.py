"""Our own processes under measurement: what they have used of cores and memory, and what they count."""

from __future__ import annotations

import os
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from tests.workers import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.embedded.process import ChildProcess

_TICK_S = os.sysconf("SC_CLK_TCK")


class Running(Worker):
    """A ``guldadra`` process that is measured."""

    @property
    def process(self) -> ChildProcess:
        """The process itself."""
        assert self._process is not None
        return self._process

    @property
    def cpu_seconds(self) -> float:
        """User and system time that it has used so far."""
        return cpu_seconds(self.pid)

    @property
    def lives(self) -> bool:
        """Whether it follows the log on a partition; it says so just before its first fetch."""
        partitions = (self.health() or {}).get("partitions")
        return isinstance(partitions, dict) and any(state == "live" for state in partitions.values())

    def count(self, fact: str) -> int:
        """A number of its health; 0 where it does not answer."""
        found = (self.health() or {}).get(fact, 0)
        return found if isinstance(found, int) else 0

    def metric(self, name: str) -> float:
        """The value of a metric, all its labels added up."""
        url = self._url.replace("/health", "/metrics")
        with urllib.request.urlopen(url, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        found = [line for line in lines if line.partition("{")[0].partition(" ")[0] == name]
        return sum(float(line.rpartition(" ")[2]) for line in found)


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK_S


def peak_mb(pid: int) -> float:
    """The most memory that a process has had, in MB."""
    return _memory_mb(pid, "VmHWM")


def resident_mb(pid: int) -> float:
    """The memory that a process has now, in MB."""
    return _memory_mb(pid, "VmRSS")


def _memory_mb(pid: int, what: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split(f"{what}:")[1].split()[0]) / 1024


def until(condition: Callable[[], bool], patience_s: float, what: str, *, every_s: float = 0.05) -> None:
    """Look again and again until it is so.

    Raises:
        TimeoutError: it does not come to be.
    """
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {patience_s:,.0f} s")
        time.sleep(every_s)
