"""How far a run has come, beside its input, so that the next run goes on from there.

What was sent after the last writing is sent again: the same registration twice is a duplicate, counted as
such, and nothing more.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.publish.errors import PublishError
from streams.publish.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

_WRITE_EVERY_S = 0.3
_LAYOUT = 1
_ENTRY = np.dtype([("partition", "<i4"), ("offset", "<i8"), ("row", "<i8")])


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where an interrupted run had come to.

    Attributes:
        last_row: the last row before which nothing is missing at the broker.
        epoch: the life of the log that it submitted to.
        ledger: its submissions.
        receipts_begin: where the receipts ended when it began, by partition.
    """

    last_row: int
    epoch: int
    ledger: Ledger
    receipts_begin: dict[int, int]


class Journal:
    """``<input>.publish.json``, and beside it ``<input>.publish.rows`` with 20 bytes a submission.

    Args:
        beside: the input's path.
        fingerprint: everything that a run must share with the one it continues.
    """

    def __init__(self, beside: Path, fingerprint: str) -> None:
        self.path = beside.with_name(f"{beside.name}.publish.json")
        self._rows_path = beside.with_name(f"{beside.name}.publish.rows")
        self._fingerprint = fingerprint
        self._written: list[int] = []
        self._next = 0.0

    def read(self, partitions: int, epoch: int) -> Resumed | None:
        """What an interrupted run of the same content left behind; None where there is none of this log."""
        try:
            head = json.loads(self.path.read_text(encoding="utf-8"))
            entries = np.fromfile(self._rows_path, dtype=_ENTRY, count=head["submissions"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        same = {"layout": _LAYOUT, "fingerprint": self._fingerprint, "epoch": epoch, "partitions": partitions}
        if any(head.get(name) != value for name, value in same.items()) or len(entries) != head["submissions"]:
            return None
        ledger = Ledger(partitions)
        for partition in range(partitions):
            own = entries[entries["partition"] == partition]
            ledger.offsets[partition].frombytes(own["offset"].astype(np.int64).tobytes())
            ledger.rows[partition].frombytes(own["row"].astype(np.int64).tobytes())
        self._written = list(map(len, ledger.offsets))
        begin = {int(partition): offset for partition, offset in head["receipts_begin"].items()}
        return Resumed(head["last_row"], epoch, ledger, begin)

    @property
    def due(self) -> bool:
        """Whether it is time to write again."""
        return time.monotonic() >= self._next

    def write(self, last_row: int, epoch: int, ledger: Ledger, receipts_begin: dict[int, int]) -> None:
        """Write how far it has come; the file is either the old one or the new one.

        Raises:
            PublishError: it cannot be written there.
        """
        self._next = time.monotonic() + _WRITE_EVERY_S
        first = not self._written
        written = self._written or [0] * len(ledger.offsets)
        upto = list(map(len, ledger.offsets))
        head = {
            "layout": _LAYOUT,
            "fingerprint": self._fingerprint,
            "epoch": epoch,
            "partitions": len(ledger.offsets),
            "last_row": last_row,
            "submissions": sum(upto),
            "receipts_begin": {str(partition): offset for partition, offset in receipts_begin.items()},
        }
        try:
            with self._rows_path.open("wb" if first else "r+b") as file:
                file.truncate(sum(written) * _ENTRY.itemsize)
                file.seek(0, os.SEEK_END)
                for partition, (begin, end) in enumerate(zip(written, upto, strict=True)):
                    file.write(_entries(partition, ledger, begin, end))
            aside = self.path.with_name(f"{self.path.name}.new")
            aside.write_text(json.dumps(head), encoding="utf-8")
            aside.replace(self.path)
        except OSError as error:
            raise PublishError(f"{error.filename}: {error.strerror}; the journal stands beside the input") from error
        self._written = upto

    def remove(self) -> None:
        """There is nothing left to go on with."""
        for path in (self.path, self._rows_path):
            with suppress(FileNotFoundError):
                path.unlink()
        self._written = []


def _entries(partition: int, ledger: Ledger, begin: int, end: int) -> bytes:
    entries = np.empty(end - begin, dtype=_ENTRY)
    entries["partition"] = partition
    entries["offset"] = ledger.offsets[partition][begin:end]
    entries["row"] = ledger.rows[partition][begin:end]
    return entries.tobytes()
