"""``guldadra report run`` that kills itself with -9 at a moment between two of its acts that it is told.

Usage: ``dying_report.py MOMENT COUNT report run REGISTRY``. A moment is an act and ``before`` or ``after`` it, such as
``say-before``; it dies the COUNTth time that it is there.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from deploy import cli
from deploy.report_log import ReportLog
from sinks.agency.gateway import DirectoryGateway

if TYPE_CHECKING:
    from collections.abc import Callable

ACTS: dict[str, tuple[type, str]] = {
    "say": (ReportLog, "say"),
    "send": (DirectoryGateway, "send"),
    "done": (DirectoryGateway, "done"),
}
MOMENTS = tuple(f"{act}-{when}" for act in ACTS for when in ("before", "after"))


def main() -> None:
    """Run the command, with an act that has been told."""
    moment, count, *command = sys.argv[1:]
    act, _, when = moment.partition("-")
    owner, name = ACTS[act]
    plain: Callable[..., Any] = getattr(owner, name)
    times = itertools.count(1)

    def told(self: Any, *given: Any) -> Any:
        last = next(times) == int(count)
        if last and when == "before":
            die(moment)
        found = plain(self, *given)
        if last:
            die(moment)
        return found

    setattr(owner, name, told)
    sys.argv = ["guldadra", *command]
    cli.main()


def die(moment: str) -> None:
    os.write(sys.stderr.fileno(), f"killed at {moment}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
