"""``guldadra process`` that sends itself a signal at a moment of a transaction that it is told.

Usage: ``dying_process.py MOMENT COUNT SIGNAL process REGISTRY``. The moments are those of ``WorkerOptions.at``, and
``committing``: some thousandths of a second after everything was sent, when the broker may or may not have the commit.
The signal comes the COUNTth time that any partition is there.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from deploy import cli, processing

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.settings import Settings
    from schemas.definition.registry import RegistryDefinition
    from streams.worker.worker import Worker

COMMITTING = "committing"
_LONGEST_COMMIT_S = 0.008


def signalling(moment: str, count: int, number: int) -> Callable[[int, str], None]:
    """What sends the signal."""
    awaited = "sent" if moment == COMMITTING else moment
    times = itertools.count(1)

    def send() -> None:
        os.kill(os.getpid(), number)

    def at(_: int, reached: str) -> None:
        if reached != awaited or next(times) != count:
            return
        os.write(sys.stderr.fileno(), f"signal {number} at {moment}\n".encode())
        if moment == COMMITTING:
            threading.Timer(random.uniform(0, _LONGEST_COMMIT_S), send).start()
        else:
            send()

    return at


def main() -> None:
    """Run the command, with a worker that has been told."""
    moment, count, name, *command = sys.argv[1:]
    at = signalling(moment, int(count), signal.Signals[f"SIG{name}"])
    plain = processing.journeys_worker

    def told(settings: Settings, definition: RegistryDefinition) -> Worker:
        worker = plain(settings, definition)
        worker._options = replace(worker._options, at=at)
        return worker

    processing.journeys_worker = told
    sys.argv = ["guldadra", *command]
    cli.main()


if __name__ == "__main__":
    main()
