"""Becomes the program it is given, tied to the life of its parent.

Run by path, before anything of ours is imported: ``python -I -S launcher.py PARENT_PID PROGRAM ARGUMENT…``. Asking in
a small program of its own, and not in ``preexec_fn``, makes it safe to start children from a process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h: the signal to get when the parent dies; kept across exec


def main() -> None:
    """Ask the kernel to kill this process with its parent, then become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG) failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:  # it died before we had asked
        sys.exit(f"the parent process {parent} has ended")
    try:
        os.execvp(program[0], program)  # noqa: S606  it has no shell on purpose  # nosec B606
    except OSError as error:
        sys.exit(f"cannot start {program[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
