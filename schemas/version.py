"""The version of everything: where in the registry's log a registration was submitted."""

from __future__ import annotations

from typing import NamedTuple

_OFFSET_BITS = 48
MAX_EPOCH = (1 << (64 - _OFFSET_BITS)) - 1
MAX_VERSION = (1 << 64) - 1


def version_of(epoch: int, offset: int) -> int:
    """One unsigned 64-bit number, ``epoch << 48 | offset``: later submissions have higher ones.

    Raises:
        ValueError: epoch or offset does not fit.
    """
    if not 0 <= epoch <= MAX_EPOCH or not 0 <= offset < 1 << _OFFSET_BITS:
        raise ValueError(f"no version for epoch {epoch}, offset {offset}")
    return epoch << _OFFSET_BITS | offset


def epoch_and_offset(version: int) -> tuple[int, int]:
    """The epoch and the submission offset that a version stands for."""
    return version >> _OFFSET_BITS, version & ((1 << _OFFSET_BITS) - 1)


class OffsetRange(NamedTuple):
    """Submissions next to each other in one partition and epoch; both ends belong to it."""

    partition: int
    epoch: int
    first_offset: int
    last_offset: int
