"""The directory transport: files that an agency's gateway client takes from ``out/``, and answers in ``in/``.

    tmp/    being written, of no concern to anybody else
    out/    whole messages to be sent, each under its message id; the client takes them away
    in/     what the client received
    done/   answers that are in the log
    aside/  what was no answer to anything, for a person to look at

A message is written, flushed to the disk and then renamed into ``out/``, so nobody ever sees half of one; the same
again puts the same file there. All folders are on one file system.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LARGEST_ANSWER = 16 << 20
"""In bytes; what is larger is no answer."""
MESSAGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,99}")
"""What a message id may be, as a file's name and on the way."""
_UNFINISHED = (".tmp", ".part", ".filepart")
_SUFFIXES: Mapping[str, str] = {"application/xml": ".xml", "text/markdown": ".md", "application/json": ".json"}
_FOLDERS = ("tmp", "out", "in", "done", "aside")


class NotSentError(Exception):
    """The message has not left, and that is certain; any other error leaves open whether it has."""


class Outgoing(NamedTuple):
    """A message as it goes out."""

    message_id: str
    content_type: str
    content: bytes


class Transport(Protocol):
    """A way to an addressee."""

    @property
    def dry(self) -> bool:
        """Whether nothing leaves, so that nothing is to be said of it either."""

    def send(self, message: Outgoing) -> None:
        """Hand over a message, as often as is wished: the same again is the same.

        Raises:
            NotSentError: it has not left.
        """


@dataclass(slots=True)
class DryRun:
    """Keeps what would have been sent."""

    would_send: list[Outgoing] = field(default_factory=list)
    dry: bool = True

    def send(self, message: Outgoing) -> None:
        """See ``Transport``."""
        self.would_send.append(message)


class Answer(NamedTuple):
    """A file from the client that has arrived whole."""

    name: str
    content: bytes


class DirectoryGateway:
    """See the module.

    Args:
        root: the folder that holds the others; they are made where they are missing.
    """

    dry = False

    def __init__(self, root: Path) -> None:
        self._root = root
        for name in _FOLDERS:
            (root / name).mkdir(parents=True, exist_ok=True)
        self._sizes: dict[str, tuple[int, int]] = {}

    def send(self, message: Outgoing) -> None:
        """Put a message into ``out/``, where it may lie already.

        Raises:
            NotSentError: another message lies there under its id, the id is none, or the disk took no more.
            OSError: it lies there, but may not survive a loss of power.
        """
        target = self._place(message)
        if target.exists() and target.read_bytes() != message.content:
            raise NotSentError(f"{target}: another message lies here under this id")
        beside = self._root / "tmp" / target.name
        try:
            _write(beside, message.content)
            os.replace(beside, target)  # noqa: PTH105 - what has to be durable is said with os throughout
        except OSError as error:
            raise NotSentError(f"{target}: {error.strerror}") from error
        _flush_folder(target.parent)

    def answers(self) -> Iterator[Answer]:
        """Files in ``in/`` that have not changed since the call before this one, in the order of their names.

        What is no plain file is passed over, and what is too large is put aside.
        """
        now = {path.name: path.lstat() for path in sorted((self._root / "in").iterdir()) if _is_finished(path.name)}
        files = {name: (one.st_size, one.st_mtime_ns) for name, one in now.items() if stat.S_ISREG(one.st_mode)}
        settled = [name for name, size in files.items() if self._sizes.get(name) == size]
        self._sizes = files
        for name in settled:
            path = self._root / "in" / name
            if files[name][0] > LARGEST_ANSWER:
                self.put_aside(name)
            else:
                yield Answer(name, path.read_bytes())

    def arrive(self, name: str, content: bytes) -> None:
        """Put an answer that came by another way into ``in/``, unless it came before.

        Raises:
            FileExistsError: another of that name came before.
            OSError: the disk took no more; the answer is not kept.
        """
        for folder in ("in", "done", "aside"):
            before = self._root / folder / name
            if before.exists():
                if before.read_bytes() != content:
                    raise FileExistsError(f"{before}: another answer came under this name")
                return
        beside = self._root / "tmp" / name
        _write(beside, content)
        os.replace(beside, self._root / "in" / name)  # noqa: PTH105 - as above
        _flush_folder(self._root / "in")

    def done(self, name: str) -> None:
        """Move an answer whose steps are in the log out of the way; again where it has been moved."""
        self._move(name, "done")

    def put_aside(self, name: str) -> None:
        """Move a file that is no answer to where a person looks at it."""
        self._move(name, "aside")

    def _place(self, message: Outgoing) -> Path:
        if not MESSAGE_ID.fullmatch(message.message_id):
            raise NotSentError("the message id is none that a file may have")
        return self._root / "out" / (message.message_id + _SUFFIXES.get(message.content_type, ".bin"))

    def _move(self, name: str, folder: str) -> None:
        source, target = self._root / "in" / name, self._root / folder / name
        number = 1
        while target.exists():  # an answer of that name came before
            number += 1
            target = self._root / folder / f"{name}.{number}"
        if source.exists():
            os.replace(source, target)  # noqa: PTH105 - as above
            _flush_folder(source.parent)
            _flush_folder(target.parent)


def _is_finished(name: str) -> bool:
    return not name.startswith(".") and not name.endswith(_UNFINISHED)


def _write(path: Path, content: bytes) -> None:
    """Write a file anew, and flush it to the disk."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_folder(path: Path) -> None:
    """Flush a folder's names to the disk, without which a rename may be lost with the power."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
