"""Which exposures a subject's are, and which it is held against.

A product, family or company is held against all other products of the group; a lot against the other lots of its
product; a unit against the other units. What is left out of comparators is in none of these, nor in what is a unit's:
a product that is known to be bad says nothing of the unit that used it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.monitor import Monitor
    from streams.surveillance.person_time import PersonTime

    Ints = NDArray[np.integer]


def rows_of(sums: PersonTime, monitor: Monitor, label: str) -> Ints:
    """The rows of a subject's exposures."""
    bins = sums.bins
    subject, products = monitor.members(label)
    if subject.kind == "unit":
        found = bins.rows_at(bins.units.find(subject.name))
        return _some(found, sums.is_compared(found))
    found = np.concatenate([bins.rows_of(-1), *(bins.rows_of(bins.products.find(product)) for product in products)])
    if subject.kind == "lot":
        return _some(found, bins.column("lot")[found] == bins.lots.find(subject.lot))
    return found


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


def _some(rows: Ints, which: NDArray[np.bool_]) -> Ints:
    found: Ints = rows[which]
    return found
