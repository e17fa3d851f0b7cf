"""One partition's messages on their way from Faust's event loop to the partition's own thread."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_BYTES = 12 << 20  # somewhat more than one transaction takes
_MOST_MESSAGES = 2_000


class Arrived(NamedTuple):
    """A message of the source."""

    offset: int
    key: bytes | None
    value: bytes | None


class InterruptedFeedError(Exception):
    """What comes next is not certain any more: go on from the position, anew."""


class EndedFeedError(Exception):
    """The partition is not ours any more, or the process ends."""


class Feed:
    """Lets through what follows, without a gap, on the last opening at a position.

    Around a rebalance Faust drops messages, and around a seek it gives some from before it. So every seek begins a
    new *stretch*; the messages that were fetched in it carry its number, and only those of the present one count.

    Args:
        seek: has Faust give what follows an offset, with the number of the stretch; called in the partition's
            thread, with no lock held.
        drained: tells the event loop that there is room again.
    """

    def __init__(self, seek: Callable[[int, int], None], drained: Callable[[], None]) -> None:
        self._seek = seek
        self._drained = drained
        self._changed = threading.Condition()
        self._waiting: deque[Arrived] = deque()
        self._bytes = 0
        self._stretch = 0
        self._open = False
        self._held = False
        self._releases = 0
        self._ended = False

    # the event loop's side

    def offer(self, stretch: int, message: Arrived) -> None:
        """Give a message; one of another stretch is dropped."""
        with self._changed:
            if self._open and stretch == self._stretch:
                self._waiting.append(message)
                self._bytes += len(message.value or b"")
                self._changed.notify_all()

    @property
    def full(self) -> bool:
        """Whether enough waits."""
        return self._bytes >= _MOST_BYTES or len(self._waiting) >= _MOST_MESSAGES

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    def hold(self) -> None:
        """Whose the partition will be is not known now."""
        with self._changed:
            self._held = True
            self._interrupt()

    def interrupt(self) -> None:
        """Have the partition go on from its position anew."""
        with self._changed:
            self._interrupt()

    def release(self) -> None:
        """The partition stays ours."""
        with self._changed:
            self._held = False
            self._releases += 1
            self._changed.notify_all()

    def end(self) -> None:
        """The partition is not ours any more, or the process ends."""
        with self._changed:
            self._ended = True
            self._interrupt()

    def _interrupt(self) -> None:
        self._open = False
        self._clear()
        self._changed.notify_all()
        self._drained()

    def _clear(self) -> None:
        self._waiting.clear()
        self._bytes = 0

    # the partition's side

    @property
    def is_open(self) -> bool:
        """Whether messages are let through."""
        return self._open

    def check(self) -> None:
        """Nothing, while the partition is ours.

        Raises:
            EndedFeedError: it is not.
        """
        if self._ended:
            raise EndedFeedError

    def wait_for_word(self) -> None:
        """Wait while it is not known whose the partition will be.

        Raises:
            EndedFeedError: it is not ours.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ended or not self._held)
            self.check()

    def open(self, offset: int) -> None:
        """Have messages come from an offset on.

        Raises:
            InterruptedFeedError: it is not known whose the partition will be.
            EndedFeedError: it is not ours.
        """
        with self._changed:
            self.check()
            if self._held:
                raise InterruptedFeedError
            self._clear()
            self._stretch += 1
            self._open = True
            stretch = self._stretch
        self._seek(offset, stretch)

    def take(self, patience_s: float) -> Arrived | None:
        """The next message; None where none came in time.

        Raises:
            InterruptedFeedError: open it again, at the position.
            EndedFeedError: the partition is not ours any more.
        """
        with self._changed:
            if not self._waiting:
                self._changed.wait_for(lambda: self._waiting or not self._open, patience_s)
            self.check()
            if not self._open:
                raise InterruptedFeedError
            if not self._waiting:
                return None
            was_full = self.full
            message = self._waiting.popleft()
            self._bytes -= len(message.value or b"")
        if was_full:
            self._drained()
        return message

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the next word on whose the partition is.

        Raises:
            EndedFeedError: it is not ours any more.
        """
        with self._changed:
            releases = self._releases
            self._changed.wait_for(lambda: self._ended or self._releases != releases, seconds)
            self.check()
