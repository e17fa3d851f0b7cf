"""The embedded database as its users see it: a process with ClickHouse's HTTP interface on a loopback port."""

import http.client
import sys
from pathlib import Path

from deploy.embedded.folder import HOST, LOG_FILE, read_owner
from deploy.embedded.part import Part
from deploy.embedded.process import ChildProcess

DEFAULT_MEMORY_MB = 500


class EmbeddedDatabase(Part):
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
        super().__init__("database")
        self.folder = folder
        self.port = port
        self.timeout_seconds = timeout_seconds
        self._argv = [
            sys.executable,
            "-m",
            "deploy.embedded.server",
            f"--path={folder}",
            f"--port={port}",
            f"--memory-mb={memory_mb}",
        ]

    def start(self) -> None:
        """Start the database and wait until it answers.

        Raises:
            ProcessFailedError: It died or did not answer in time; another server may have the folder. The message
                ends with what it said.
            RuntimeError: It is started already.
        """
        if self._process is not None:
            raise RuntimeError(f"the database is already started at {self.url}")
        process = ChildProcess(
            "database",
            self._argv,
            self.folder / LOG_FILE,
            env={"TZ": "UTC"},  # so that times mean the same on every machine
            grace_seconds=20.0,
        )
        process.start(lambda: self._answers(process), self.timeout_seconds)
        self._process = process

    @property
    def url(self) -> str:
        """Where it answers, ``http://127.0.0.1:PORT``."""
        return f"http://{HOST}:{self.port}"

    def _answers(self, process: ChildProcess) -> bool:
        owner = read_owner(self.folder)
        if owner is None or owner.pid != process.pid:
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
