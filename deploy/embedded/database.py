"""The embedded database as its users see it: a process with ClickHouse's HTTP interface on a loopback port."""

import http.client
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.embedded.folder import HOST, LOG_FILE, read_owner
from deploy.embedded.process import ChildProcess

DEFAULT_MEMORY_MB = 500


class EmbeddedDatabase:
    """A ClickHouse engine on one folder, which keeps its data from start to start.

    Args:
        folder: The database's own folder, made if needed; the server's log ``server.log`` is in it. One database at a
            time may have it.
        port: The loopback port; 0 takes any free one.
        memory_mb: What the engine may take for all queries, inserts and merges together, in MB; a query that needs
            more is refused. The engine's code and what its allocator keeps come on top, up to about 350 MB.
        timeout_seconds: How long to wait until it answers.
    """

    host = HOST

    def __init__(
        self, folder: Path, port: int = 0, memory_mb: int = DEFAULT_MEMORY_MB, timeout_seconds: float = 60.0
    ) -> None:
        self.folder = folder
        self.port = port
        self.timeout_seconds = timeout_seconds
        self._process = ChildProcess(
            "database",
            [
                sys.executable,
                "-m",
                "deploy.embedded.server",
                f"--path={folder}",
                f"--port={port}",
                f"--memory-mb={memory_mb}",
            ],
            folder / LOG_FILE,
            env={"TZ": "UTC"},  # so that times mean the same on every machine
            grace_seconds=20.0,
        )

    def start(self) -> None:
        """Start the database and wait until it answers.

        Raises:
            ProcessFailedError: It died or did not answer in time; another server may have the folder. The message
                ends with what it said.
        """
        self._process.start(self._answers, self.timeout_seconds)

    def stop(self) -> None:
        """Stop the database; what it has acknowledged stays. Stopping twice is allowed."""
        self._process.stop()

    @property
    def url(self) -> str:
        """Where it answers, ``http://127.0.0.1:PORT``."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The database's process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the database's process is running."""
        return self._process.alive()

    def _answers(self) -> bool:
        owner = read_owner(self.folder)
        if owner is None or owner.pid != self._process.pid:
            return False
        self.port = owner.port
        connection = http.client.HTTPConnection(HOST, owner.port, timeout=5.0)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
