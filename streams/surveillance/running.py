"""Running sums by day and column: what had come by each of some days, and what had grown since it began."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.integer]


def come_by(days: Ints, when: Ints, weight: Floats, column: Ints, columns: int) -> Floats:
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
    place = np.searchsorted(days, when, side="left") * columns + column
    inside = place < days.size * columns  # the rest comes after the last day
    found = np.bincount(place[inside], weights=weight[inside], minlength=days.size * columns)
    return np.cumsum(found.reshape(days.size, columns), axis=0)


def grown_by(days: Ints, enter: Ints, leave: Ints, weight: Floats, column: Ints, columns: int) -> Floats:
    """What grows by ``weight`` a day from one day to another, up to each of some days.

    Args:
        days: ascending, 1 or more.
        enter: the day from which on each grows.
        leave: the day from which on it no longer does.
        weight: by how much a day.
        column: the column that each counts in.
        columns: how many there are.

    Returns:
        A row for each of the days.
    """
    # what grows from x on is (t - x) for every later t: so many begun by t, times t, less the sum of their x
    turns, columns_of = np.concatenate((enter, leave)).astype(np.int64), np.concatenate((column, column))
    more = np.concatenate((weight, -weight))
    first = turns.min(initial=days[0])  # counted from there, sums stay small, and so exact
    begun = come_by(days, turns, more, columns_of, columns)
    return begun * (days - first)[:, None] - come_by(days, turns, more * (turns - first), columns_of, columns)
