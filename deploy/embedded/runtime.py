"""Where a running embedded stack can be found: one small file that other commands on this machine read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "running.json"


@dataclass(frozen=True, slots=True)
class RunningStack:
    """The addresses of a running embedded stack."""

    pid: int
    bootstrap: str
    clickhouse_url: str
    partitions: int
    keys: Path
    registries: tuple[Path, ...]
    health: dict[str, str]


def announce(folder: Path, stack: RunningStack) -> None:
    """Let other commands find the stack."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{FILE}.{os.getpid()}"
    temporary.write_text(json.dumps(asdict(stack), default=str, indent=2), encoding="utf-8")
    temporary.replace(folder / FILE)


def withdraw(folder: Path) -> None:
    """The stack is going away."""
    (folder / FILE).unlink(missing_ok=True)


def running_stack(folder: Path) -> RunningStack | None:
    """The stack that runs on this folder, None where there is none (or its process is gone)."""
    try:
        raw = json.loads((folder / FILE).read_text(encoding="utf-8"))
        os.kill(raw["pid"], 0)
    except (OSError, ValueError, KeyError):
        return None
    registries = tuple(Path(path) for path in raw.pop("registries"))
    return RunningStack(keys=Path(raw.pop("keys")), registries=registries, **raw)
