"""Which exposures a subject's are, and which it is held against.

A product, family or company is held against all other products of the group; a lot against the other lots of its
product; a unit against the other units. What is left out of comparators is in none of these, nor in what is a unit's:
a product that is known to be bad says nothing of the unit that used it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.surveillance.bins import OPEN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from streams.surveillance.monitor import Monitor
    from streams.surveillance.person_time import PersonTime

    Ints = NDArray[np.integer]

_NEVER = -OPEN


class Rows(NamedTuple):
    """The rows of some subjects' exposures.

    Attributes:
        row: which; one that is of several subjects is there for each.
        part: whose each is: the subject's place among them.
        parts: how many subjects there are.
    """

    row: Ints
    part: Ints
    parts: int


def rows_by(sums: PersonTime, monitor: Monitor, labels: Sequence[str]) -> Rows:
    """The rows of the exposures of some subjects, all of one kind."""
    bins = sums.bins
    members = [monitor.members(label) for label in labels]
    parts = len(labels)
    if members and members[0][0].kind == "unit":
        units = [bins.units.find(subject.name) for subject, _ in members]
        part_of = np.zeros(len(bins.units.all) + 1, dtype=np.intp)
        part_of[units] = np.arange(parts)
        row = bins.rows_at(units)
        row = row[sums.is_compared(row)]
        return Rows(row, part_of[bins.column("unit")[row]], parts)
    found = [[bins.rows_of(bins.products.find(product)) for product in products] for _, products in members]
    part = np.repeat(np.arange(parts), [sum(one.size for one in rows) for rows in found])
    row = np.concatenate([bins.rows_of(-1), *(one for rows in found for one in rows)])
    if members and members[0][0].kind == "lot":
        lots = np.array([bins.lots.find(subject.lot) for subject, _ in members])
        at = np.flatnonzero(bins.column("lot")[row] == lots[part])
        return Rows(row[at], part[at], parts)
    return Rows(row, part, parts)


def rows_of(sums: PersonTime, monitor: Monitor, label: str) -> Ints:
    """The rows of a subject's exposures."""
    return rows_by(sums, monitor, [label]).row


def compared_with(sums: PersonTime, monitor: Monitor, label: str) -> Ints:
    """The rows of the exposures that a subject is held against."""
    bins = sums.bins
    subject, products = monitor.members(label)
    if subject.kind == "lot":
        rows = bins.rows_of(bins.products.find(subject.name))
        return _some(rows, bins.column("lot")[rows] != bins.lots.find(subject.lot))
    rows = np.flatnonzero(bins.column("count"))
    rows = rows[sums.is_compared(rows)]
    if subject.kind == "unit":
        return _some(rows, bins.column("unit")[rows] != bins.units.find(subject.name))
    own = [bins.products.find(product) for product in products]
    return _some(rows, ~np.isin(bins.column("product")[rows], own))


def used_at(sums: PersonTime, monitor: Monitor, labels: Iterable[str], units: Collection[str]) -> set[str]:
    """Those of some subjects that have an exposure at any of some units."""
    bins = sums.bins
    is_there = np.array([unit in units for unit in bins.units.all], dtype=np.bool_)
    rows = is_there[bins.column("unit")] & (bins.column("count") != 0)
    is_used = np.zeros(len(bins.products.all) + 1, dtype=np.bool_)  # the last is of those never met
    is_used[bins.column("product")[rows]] = True
    found = set()
    for label in labels:
        subject, products = monitor.members(label)
        if subject.kind in ("lot", "unit"):
            is_one = bool(is_there[bins.column("unit")[rows_of(sums, monitor, label)]].any())
        else:  # all products have been gone through at once, since most subjects are those
            is_one = any(is_used[bins.products.find(product)] for product in products)
        if is_one:
            found.add(label)
    return found


def is_one_of_many(sums: PersonTime, monitor: Monitor, label: str) -> bool:
    """Whether a family or company has two products in use, a lot's product two lots; else a stream of it is no other's.

    Those of no known lot are a lot as well.
    """
    bins = sums.bins
    subject, products = monitor.members(label)
    if subject.kind in ("product", "unit"):
        return True
    rows = [bins.rows_of(bins.products.find(product)) for product in products]
    if subject.kind == "lot":
        lots = bins.column("lot")[rows[0]]
        return bool((lots != lots[:1]).any())
    return sum(one.size > 0 for one in rows) > 1


def days_by(sums: PersonTime, rows: Rows) -> tuple[Ints, Ints]:
    """The day on which each subject's exposures first began, and the last that anything is known of.

    That is the day of an outcome, or up to which one of their units has reported. Both are 0 where there are none.
    """
    bins, (row, part, parts) = sums.bins, rows
    start, stop = bins.column("start")[row], np.where(bins.column("event")[row] == 1, bins.column("stop")[row], _NEVER)
    known = np.maximum(stop, sums.through_by_unit()[bins.column("unit")[row]])
    if parts == 1:  # as most often; the way of many takes several times as long
        first = np.array([start.min(initial=OPEN)], dtype=np.int64)
        last = np.array([known.max(initial=_NEVER)], dtype=np.int64)
    else:
        first, last = np.full(parts, OPEN, dtype=np.int64), np.full(parts, _NEVER, dtype=np.int64)
        np.minimum.at(first, part, start)
        np.maximum.at(last, part, known)
    return np.where(first == OPEN, 0, first), np.where(last == _NEVER, 0, last)


def _some(rows: Ints, which: NDArray[np.bool_]) -> Ints:
    found: Ints = rows[which]
    return found
