"""What is dear to find out and asked for often: found out once, and kept for a moment."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values by key, each found out anew once it is too old; who asks meanwhile waits for the same finding.

    Args:
        seconds: how long one is kept.
        clock: seconds, never going back.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._found: dict[Hashable, tuple[float, Value]] = {}

    def get(self, key: Hashable, find: Callable[[], Value]) -> Value:
        """The value of a key.

        Args:
            key: what it is of; there must be few.
            find: finds it out; what it raises is raised, and nothing kept.
        """
        with self._lock:
            one = self._locks.setdefault(key, threading.Lock())
        with one:
            found = self._found.get(key)
            if found is None or self._clock() - found[0] >= self._seconds:
                value = find()
                found = self._found[key] = (self._clock(), value)
            return found[1]
