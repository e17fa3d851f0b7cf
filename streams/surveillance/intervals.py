"""Intervals of time since operation: 0-3, 3-6, 6-12 months, then yearly to 20 years, then all that is later."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.integer]

YEAR = 365.25
"""Days of a component-year."""

BOUNDS = np.array([0, 91, 182, 365, *(int(years * YEAR) for years in range(2, 21))], dtype=np.int64)
"""Days since operation after which each interval begins. Time runs from a bound to the next; an outcome on the
day of a bound closes the interval before, as its person-time does. One on the day of operation is in the first."""

INTERVALS = len(BOUNDS)

_NEXT = np.append(BOUNDS[1:], 1 << 31)
_OF_AGE = np.searchsorted(BOUNDS[1:], np.arange(BOUNDS[-1] + 2), side="left")  # looked up, not searched for each time


class Spans(NamedTuple):
    """Stretches of follow-up, each within one interval.

    Attributes:
        row: which of the exposures it is of.
        interval: which interval it lies in.
        enter: its first day.
        leave: the day after its last.
    """

    row: Ints
    interval: Ints
    enter: Ints
    leave: Ints


def interval_of(age: Ints) -> Ints:
    """The interval of an outcome so many days after its operation."""
    return np.take(_OF_AGE, age, mode="clip")


def spans(start: Ints, since: Ints, until: Ints) -> Spans:
    """The follow-up from one day to another, cut where an interval ends.

    Args:
        start: days of operation.
        since: first day of the follow-up that is asked for, not before ``start``.
        until: the day after its last; nothing comes of those where it is not after ``since``.
    """
    rows = np.flatnonzero(until > since)
    start, since, until = start[rows].astype(np.int64), since[rows], until[rows]
    first = interval_of(since - start + 1)  # time on the day of a bound is the next one's
    many = interval_of(until - start) - first + 1
    at = np.repeat(np.arange(rows.size), many)
    interval = first[at] + np.arange(at.size) - np.repeat(np.cumsum(many) - many, many)
    enter = np.maximum(since[at], start[at] + BOUNDS[interval])
    leave = np.minimum(until[at], start[at] + _NEXT[interval])
    return Spans(rows[at], interval, enter, leave)
