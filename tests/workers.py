"""Our own processes as others run them, for fault drills and benchmarks: started, watched, killed."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING

import yaml

from deploy.embedded.process import ChildProcess
from deploy.observe import read_health
from deploy.ports import stable_ports
from schemas.definition.folder import BUNDLED, load_registry
from tests.support import bundled, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition

ROUNDS = int(os.environ.get("GULDADRA_FAULT_ROUNDS", "20"))
REGISTRATIONS = 100_000
GULDADRA = ("-m", "deploy.cli")
"""What runs the command ``guldadra``."""


def registry_folder(tmp_path: Path, name: str) -> RegistryDefinition:
    """A bundled registry in a folder of its own under a name of its own, for processes to find."""
    own_name = bundled(name).name
    folder = tmp_path / "registries" / own_name
    shutil.copytree(BUNDLED / name, folder)
    declared = yaml.safe_load((folder / "registry.yaml").read_text(encoding="utf-8"))
    (folder / "registry.yaml").write_text(yaml.safe_dump({**declared, "name": own_name}), encoding="utf-8")
    return load_registry(folder)


class Worker:
    """One ``guldadra`` process that can be killed and started again under the same name.

    Args:
        command: what it does.
        registry: for which registry.
        folder: where its log and its data go.
        env: its settings.
        name: what it is called in its group and by its log; by default after the command.
        program: what runs the command, instead of ``guldadra``.
    """

    def __init__(
        self,
        command: str,
        registry: RegistryDefinition,
        folder: Path,
        env: Mapping[str, str],
        *,
        name: str = "",
        program: Sequence[str] = GULDADRA,
    ) -> None:
        port = stable_ports(1)[0]
        self.name = name or command
        self.log_file = folder / f"{self.name}.log"
        self._argv = [sys.executable, *program, command, registry.name]
        self._url = f"http://127.0.0.1:{port}/health"
        self._env = {
            **env,
            "GULDADRA_REGISTRIES": str(registry.folder.parent),
            "GULDADRA_METRICS_PORT": str(port),
            "GULDADRA_INSTANCE": f"{self.name}-{registry.name}",
            "GULDADRA_GROUP": f"{command}-{registry.name}",
            "GULDADRA_DATA": str(folder),
        }
        self._process: ChildProcess | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.start_unseen()
        assert self._process is not None
        self._process.wait_until_ready(lambda: self.health() is not None, 60)

    def start_unseen(self) -> None:
        """Start it and do not wait: it may end before it answers."""
        self._process = ChildProcess(self.name, self._argv, self.log_file, env=self._env)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def health(self) -> dict[str, object] | None:
        """What it says of itself."""
        return read_health(self._url)

    @property
    def alive(self) -> bool:
        """Whether it runs, or waits to be woken."""
        return self._process is not None and self._process.alive()

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return None if self._process is None else self._process.exit_code

    def log_tail(self) -> str:
        """The last that it has said."""
        return "" if self._process is None else self._process.log_tail()

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        assert self._process.alive(), self._process.log_tail()
        os.kill(self._process.pid, signal.SIGKILL)
        wait_for(lambda: not self._process or not self._process.alive(), "the kill")
        self._process.stop()

    def stop(self) -> int | None:
        """End it as a supervisor would; its exit code."""
        assert self._process is not None
        return self._process.stop()
