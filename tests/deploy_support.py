"""The command line as its tests run it: in this process, or in one of its own where it sets up logs."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog

from deploy.cli import main
from deploy.settings import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GULDADRA = [sys.executable, "-m", "deploy.cli"]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


class Shell:
    """Runs commands in a folder, with no settings but those given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.folder = folder
        forget_settings(monkeypatch)
        monkeypatch.chdir(folder)

    def set(self, **settings: object) -> None:
        """Set ``GULDADRA_…`` variables."""
        for name, value in settings.items():
            self._monkeypatch.setenv(f"{PREFIX}{name.upper()}", str(value))

    def __call__(self, *words: str) -> Ran:
        """Run a command here."""
        self._capsys.readouterr()
        self._monkeypatch.setattr(sys, "argv", ["guldadra", *words])
        with logs_as_they_were(), pytest.raises(SystemExit) as ended:
            main()
        shown = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ran(ended.value.code, shown.out, shown.err)

    def apart(self, *words: str) -> Ran:
        """Run a command in a process of its own."""
        return run_apart(self.folder, {}, *words)


def run_apart(folder: Path, env: Mapping[str, str], *words: str) -> Ran:
    """Run a command in a process of its own."""
    done = subprocess.run(
        [*GULDADRA, *words],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@contextmanager
def logs_as_they_were() -> Iterator[None]:
    """A command sets up logs for its process, which here is everybody's."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)


def forget_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all of this machine's own settings away."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def point_settings(monkeypatch: pytest.MonkeyPatch, folder: Path, **settings: object) -> None:
    """Nothing but these ``GULDADRA_…`` settings, with what is kept in a folder."""
    forget_settings(monkeypatch)
    for name, value in {"config": os.devnull, "data": folder / "data", **settings}.items():
        monkeypatch.setenv(f"{PREFIX}{name.upper()}", str(value))


def children(pid: int) -> dict[int, str]:
    """A process's children: pid and command line."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            if parent == pid:
                found[int(place.name)] = (place / "cmdline").read_text(encoding="utf-8").replace("\0", " ").strip()
        except OSError:  # it has ended meanwhile
            continue
    return found


def lives(pid: int) -> bool:
    """Whether a process runs (one that waits to be buried does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
