"""One child process: its log in a file, a wait until it is ready, and an end no later than its parent's."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

log = structlog.get_logger(__name__)

LAUNCHER = Path(__file__).with_name("launcher.py")
POLL_SECONDS = 0.05


class ProcessFailedError(RuntimeError):
    """A child process died before it was ready, or did not become ready in time."""


class ChildProcess:
    """A child process that writes to a log file and is killed with its parent, even by ``kill -9``.

    Start it from the main thread: the kernel ties a child to the thread that started it, so a child started from a
    worker thread would be killed when that thread ends. It gets a session of its own, so a Ctrl-C in the terminal
    reaches only the parent, which then stops its children in the right order.

    Args:
        name: What messages call it, e.g. ``broker``.
        argv: Program and arguments.
        log_file: Where its standard output and error are appended; the folder is made if needed.
        env: Variables added to this process' own environment.
        grace_seconds: How long ``stop`` waits after SIGTERM before SIGKILL.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log_file: Path,
        env: Mapping[str, str] | None = None,
        grace_seconds: float = 10.0,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log_file = log_file
        self.env = dict(env or {})
        self.grace_seconds = grace_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self, ready: Callable[[], bool] | None = None, timeout_seconds: float = 30.0) -> None:
        """Start the process and wait until ``ready()`` is true; without ``ready`` return at once.

        Raises:
            ProcessFailedError: It ended before it was ready, or was not ready in time (it is stopped then). The
                message ends with the last lines of its log.
            RuntimeError: It runs already, or this is not the main thread.
        """
        if self._process is not None:
            raise RuntimeError(f"the {self.name} process is already started (pid {self._process.pid})")
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(
                f"start the {self.name} process from the main thread: it dies with the thread that starts it"
            )
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
                start_new_session=True,
            )
        if ready is not None:
            self.wait_until_ready(ready, timeout_seconds)

    def wait_until_ready(self, ready: Callable[[], bool], timeout_seconds: float = 30.0) -> None:
        """Wait until ``ready()`` is true, where the start did not.

        Raises:
            ProcessFailedError: as ``start``.
        """
        try:
            failure = self._wait(ready, timeout_seconds)
        except BaseException:
            self.stop()
            raise
        if failure is not None:
            self.stop()
            last_words = self.log_tail() or "(nothing)"
            raise ProcessFailedError(f"the {self.name} process {failure}; the end of {self.log_file}:\n{last_words}")
        log.debug("started", process=self.name, pid=self.pid)

    def _wait(self, ready: Callable[[], bool], timeout_seconds: float) -> str | None:
        """Wait until ready; what went wrong, or None."""
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if not self.alive():
                return f"ended with code {self.exit_code} before it was ready"
            if time.monotonic() > deadline:
                return f"was not ready within {timeout_seconds:g} s"
            time.sleep(POLL_SECONDS)
        return None

    @property
    def pid(self) -> int:
        """The process id; the launcher becomes the program, so it is the program's own."""
        if self._process is None:
            raise RuntimeError(f"the {self.name} process is not started")
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs or before it is started."""
        return None if self._process is None else self._process.poll()

    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.poll() is None

    def ask_to_end(self) -> None:
        """Send SIGTERM and do not wait; ``stop`` waits."""
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> int | None:
        """End it: SIGTERM, and SIGKILL after the grace time.

        Returns:
            The exit code, or None if it was never started. Stopping twice is allowed.
        """
        process, self._process = self._process, None
        if process is None:
            return None
        process.terminate()
        try:
            return process.wait(self.grace_seconds)
        except subprocess.TimeoutExpired:
            log.info("killed: it did not end in time", process=self.name, pid=process.pid, seconds=self.grace_seconds)
            process.kill()
            return process.wait()

    def log_tail(self, lines: int = 15) -> str:
        """The last lines that this start of the process has written."""
        with contextlib.suppress(FileNotFoundError), self.log_file.open("rb") as written:
            written.seek(self._log_start)
            return "\n".join(written.read().decode(errors="replace").splitlines()[-lines:])
        return ""

    def __enter__(self) -> Self:
        if self._process is None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
