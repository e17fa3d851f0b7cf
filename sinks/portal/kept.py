"""What is dear to find out and asked for often: found out once, and kept for a moment; or renewed while it is shown."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

log = structlog.get_logger(__name__)

Value = TypeVar("Value")

_WORTH_S = 0.2
_REST = 4.0
_LONGEST_S = 120.0
_MOST = 200


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


@dataclass(frozen=True, slots=True)
class Found(Generic[Value]):
    """A value that was found out.

    Attributes:
        value: it.
        age_s: seconds since it began to be found out.
        is_new: whether it was found out for whoever asks, and not before.
    """

    value: Value
    age_s: float
    is_new: bool


@dataclass(slots=True)
class _Standing(Generic[Value]):
    """What is known of a key: the value, when it began to be found out, how long that took, whether it is under way."""

    lock: threading.Lock
    value: Value | None = None
    since: float = 0.0
    took: float = 0.0
    renewed: bool = False


class Renewed(Generic[Value]):
    """Values by key: what takes long to find out is given as it last was, at once, while it is found out anew.

    What is found out quickly is found out each time. What takes longer rests for some times as long as it took, and is
    then renewed when it is asked for, one after the other: however many ask, this takes one thread. Nobody is given a
    value that was begun longer ago than ``longest_s``; they wait for a new one.

    Args:
        worth_s: what takes less is not kept.
        rest: for how many times as long as it took a value is not renewed.
        longest_s: the greatest age of a value that is given.
        most: values that are kept at once; those that were not asked for the longest are let go.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        worth_s: float = _WORTH_S,
        *,
        rest: float = _REST,
        longest_s: float = _LONGEST_S,
        most: int = _MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worth_s, self._rest, self._longest_s, self._most = worth_s, rest, longest_s, most
        self._clock = clock
        self._lock = threading.Lock()
        self._standing: OrderedDict[Hashable, _Standing[Value]] = OrderedDict()
        self._renewing = ThreadPoolExecutor(1, "renewing")
        self._closed = False

    def get(self, key: Hashable, find: Callable[[], Value]) -> Found[Value]:
        """The value of a key.

        Args:
            key: all that the value depends on, but for time.
            find: finds it out, in this thread or another; what it raises here is raised, and nothing is kept.
        """
        with self._lock:
            one = self._standing.setdefault(key, _Standing(threading.Lock()))
            self._standing.move_to_end(key)
            while len(self._standing) > self._most:
                self._standing.popitem(last=False)
            given = self._given(one, key, find)
        if given is not None:
            return given
        is_first = one.lock.acquire(blocking=False)
        if not is_first:
            one.lock.acquire()
        try:
            if is_first or one.value is None or self._clock() - one.since > self._longest_s:
                self._find(one, find)
            # else somebody else has found it out meanwhile
            return Found(one.value, self._clock() - one.since, is_new=True)  # type: ignore[arg-type] # found
        finally:
            one.lock.release()

    def close(self) -> None:
        """Renew nothing any more; for a process that ends. What is kept is still given."""
        with self._lock:
            self._closed = True
        self._renewing.shutdown(wait=False, cancel_futures=True)

    def _given(self, one: _Standing[Value], key: Hashable, find: Callable[[], Value]) -> Found[Value] | None:
        """The value that is kept, where it may be given; it is renewed where it has rested."""
        age = self._clock() - one.since
        if one.value is None or one.took < self._worth_s or age > self._longest_s:
            return None
        if age > one.took * (1 + self._rest) and not one.renewed and not self._closed:
            one.renewed = True
            self._renewing.submit(self._renew, one, key, find)
        return Found(one.value, age, is_new=False)

    def _renew(self, one: _Standing[Value], key: Hashable, find: Callable[[], Value]) -> None:
        try:
            with one.lock:
                self._find(one, find)
        except Exception as error:  # noqa: BLE001 - who asks once it is too old is told
            log.warning("what is shown could not be renewed", key=str(key), error=str(error))
        finally:
            one.renewed = False

    def _find(self, one: _Standing[Value], find: Callable[[], Value]) -> Value:
        """Find it out and keep it; the lock is held."""
        began = self._clock()
        value = find()
        with self._lock:
            one.value, one.since, one.took = value, began, self._clock() - began
        return value
