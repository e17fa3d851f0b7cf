"""The embedded database's folder: one server at a time, and its address for those who look for it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

HOST = "127.0.0.1"
LOCK_FILE = "server.lock"
LOG_FILE = "server.log"
ENGINE_FOLDER = "engine"
BACKUPS_FOLDER = "backups"
SPOOL_FOLDER = "spool"
OUR_FILES = {LOCK_FILE, LOG_FILE, ENGINE_FOLDER, BACKUPS_FOLDER, SPOOL_FOLDER}


class FolderError(RuntimeError):
    """The folder is in use by another server, or holds what is not ours."""


@dataclass(frozen=True)
class Owner:
    """The server that has, or last had, a folder."""

    pid: int
    port: int


@contextmanager
def own_folder(folder: Path) -> Iterator[TextIO]:
    """Take the folder for this process; the kernel gives it back when the process ends, however it ends.

    Yields:
        The lock file, for `announce`.

    Raises:
        FolderError: Another server has it, or it holds files that are not ours.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if strangers := sorted({entry.name for entry in folder.iterdir()} - OUR_FILES):
        raise FolderError(
            f"{folder} holds other files ({strangers[0]}): give the embedded database a folder of its own"
        )
    with (folder / LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = read_owner(folder)
            who = f"process {owner.pid}, http://{HOST}:{owner.port}" if owner else "one that is just starting"
            raise FolderError(
                f"{folder} is in use by another embedded database ({who}): stop that one first, or use another folder"
            ) from None
        lock.truncate(0)
        yield lock


def announce(lock: TextIO, port: int) -> None:
    """Write who has the folder and where it listens."""
    lock.write(json.dumps({"pid": os.getpid(), "port": port}))
    lock.flush()


def read_owner(folder: Path) -> Owner | None:
    """Read who has, or last had, the folder; None if nobody, or one that does not listen yet."""
    try:
        return Owner(**json.loads((folder / LOCK_FILE).read_text()))
    except (FileNotFoundError, ValueError):
        return None
