"""Which row every submission is of, and where in the log the broker put it."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from schemas.version import OffsetRange

if TYPE_CHECKING:
    from collections.abc import Sequence


class Ledger:
    """By partition, the rows in the order of sending and the offsets in the order of acknowledgement.

    Within a partition the broker keeps the order, so the n-th offset is the n-th row's: 16 bytes a
    submission, and nothing to be remembered by the message itself.

    Attributes:
        rows: by partition, the row of each submission sent.
        offsets: by partition, the offset of each submission acknowledged, rising; a prefix of ``rows``.
    """

    def __init__(self, partitions: int) -> None:
        self.rows = [array("q") for _ in range(partitions)]
        self.offsets = [array("q") for _ in range(partitions)]

    @property
    def sent(self) -> int:
        """How many submissions were sent."""
        return sum(map(len, self.rows))

    @property
    def acknowledged(self) -> int:
        """How many of them the broker has."""
        return sum(map(len, self.offsets))

    def last_row(self, handled: int) -> int:
        """The last row before which nothing is missing at the broker, of those up to ``handled``."""
        waiting = [
            rows[len(offsets)]
            for rows, offsets in zip(self.rows, self.offsets, strict=True)
            if len(rows) > len(offsets)
        ]
        return min(handled, min(waiting, default=handled + 1) - 1)

    def submissions_between(self, partition: int, first_offset: int, last_offset: int) -> int:
        """How many of a slice's submissions are ours."""
        offsets = self.offsets[partition]
        return bisect_right(offsets, last_offset) - bisect_left(offsets, first_offset)

    def row_of(self, partition: int, offset: int) -> int | None:
        """The row of a submission, None where it is somebody else's."""
        offsets = self.offsets[partition]
        place = bisect_left(offsets, offset)
        return self.rows[partition][place] if place < len(offsets) and offsets[place] == offset else None

    def has_answer_up_to(self, partition: int, offset: int) -> bool:
        """Whether no submission still on its way can get this offset or a lower one."""
        offsets = self.offsets[partition]
        return len(offsets) == len(self.rows[partition]) or (len(offsets) > 0 and offsets[-1] >= offset)

    def ranges(self, epoch: int) -> list[OffsetRange]:
        """The submissions acknowledged, as ranges of offsets next to each other."""
        return [
            OffsetRange(partition, epoch, first, last)
            for partition, offsets in enumerate(self.offsets)
            for first, last in _runs(offsets)
        ]


def _runs(offsets: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    first = previous = None
    for offset in offsets:
        if first is None or previous is None or offset != previous + 1:
            if first is not None and previous is not None:
                runs.append((first, previous))
            first = offset
        previous = offset
    if first is not None and previous is not None:
        runs.append((first, previous))
    return runs
