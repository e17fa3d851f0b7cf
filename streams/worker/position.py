"""How far a partition's state is: kept in its changelog with everything that it was computed to."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

KEY = b"p"
BEGINNING = -1


class Position(NamedTuple):
    """The last record of every transaction.

    Attributes:
        offset: the source's offset to go on from; ``BEGINNING`` where its log has not been taken up yet.
        version: the highest submission version that is in the state; -1 before the first.
        epoch: the life of the registry's log that the offset is of.
        topic: the id of the source topic that the offset is of: while a lost log is filled again, the epoch is
            still that of before.
    """

    offset: int = BEGINNING
    version: int = -1
    epoch: int = -1
    topic: str = ""

    def packed(self) -> bytes:
        """The position as bytes."""
        return msgspec.msgpack.encode(tuple(self))


def unpacked(value: bytes | None) -> Position:
    """The position from its bytes; the very first from None.

    Raises:
        msgspec.MsgspecError: the bytes are no position.
    """
    return Position() if value is None else Position(*msgspec.msgpack.decode(value, type=tuple[int, int, int, str]))
