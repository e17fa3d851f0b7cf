"""Running sums by day and column: what had come by each of some days, and what had grown since it began."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.integer]


def come_by(days: Ints, when: Ints, weight: Floats, *, column: Ints, columns: int) -> Floats:
    """What came up to each of some days, that day with it.

    Args:
        days: ascending.
        when: the day on which each came.
        weight: what each counts.
        column: the column that each counts in.
        columns: how many there are.

    Returns:
        A row for each of the days.
    """
    return _summed(_first_with(days, when) * columns + column, weight, days.size, columns)


def grown_by(days: Ints, enter: Ints, leave: Ints, weight: Floats, *, column: Ints, columns: int) -> Floats:
    """What grows by ``weight`` a day from one day to another, up to each of some days.

    Args:
        days: ascending.
        enter: the day from which on each grows.
        leave: the day from which on it no longer does.
        weight: by how much a day.
        column: the column that each counts in.
        columns: how many there are.

    Returns:
        A row for each of the days.
    """
    # what grows from x on is (t - x) for every later t: so many begun by t, times t, less the sum of their x
    turns = np.concatenate((enter, leave)).astype(np.int64)
    more = np.concatenate((weight, -weight))
    place = _first_with(days, turns) * columns + np.concatenate((column, column))
    first = turns.min(initial=days.min(initial=0))  # counted from there, sums stay small, and so exact
    grown = _summed(place, more, days.size, columns)
    grown *= (days - first)[:, None]
    grown -= _summed(place, more * (turns - first), days.size, columns)
    return grown


def _first_with(days: Ints, when: Ints) -> Ints:
    """Which of the days is the first that each counts on; their number where none is."""
    first, last = (int(when.min()), int(when.max())) if when.size else (0, 0)
    if last - first > when.size:
        return np.searchsorted(days, when, side="left")
    of_each_day = np.searchsorted(days, np.arange(first, last + 1), side="left")  # far fewer to be searched for
    return of_each_day[when - first]


def _summed(place: Ints, weight: Floats, days: int, columns: int) -> Floats:
    """Sums up to each day, by column; what counts on none of the days is left out."""
    size = days * columns
    found = np.bincount(place, weights=weight, minlength=size)[:size].reshape(days, columns)
    summed = found.astype(np.float64, copy=False)  # of nothing they are whole numbers
    for day in range(1, days):  # row by row they stay in the cache: cumsum down the columns takes several times that
        summed[day] += summed[day - 1]
    return summed
