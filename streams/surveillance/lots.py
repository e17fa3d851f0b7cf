"""Product or lot: each lot of a product against the product's other lots."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.surveillance.expected import Experience, compare
from streams.surveillance.intervals import YEAR
from streams.surveillance.levels import Stream, statistic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.monitor import Monitor
    from streams.surveillance.person_time import PersonTime

    Floats = NDArray[np.float64]

_MOST = 20


class LotNumbers(NamedTuple):
    """A lot of a product.

    Attributes:
        lot: which; empty where it is not known.
        exposures: how many of it there are.
        component_years: at risk.
        observed: first outcomes.
        expected: how many were to be expected, by the product's other lots in each stratum and interval.
        statistic: log-likelihood ratio, in the form that the number of outcomes of the other lots allows.
    """

    lot: str
    exposures: int
    component_years: float
    observed: int
    expected: float
    statistic: float


def lot_numbers(sums: PersonTime, monitor: Monitor, product: str, factors: Floats) -> tuple[LotNumbers, ...]:
    """The lots of a product that had outcomes, the highest statistic first; none where there are not two lots.

    Args:
        sums: what is known.
        monitor: what is declared.
        product: code of the product.
        factors: each unit's, by which days at risk are weighed.
    """
    bins = sums.bins
    rows = bins.rows_of(bins.products.find(product))
    lots, part = np.unique(bins.column("lot")[rows], return_inverse=True)
    many = lots.size
    if many < 2:  # noqa: PLR2004 - a lot has no others
        return ()
    time, events = sums.time_by(part, many, rows), sums.events_by(part, many, rows).astype(np.float64)
    weighed = sums.time_by(part, many, rows, bins.column("count")[rows] * factors[bins.column("unit")[rows]])
    own, others = Experience(weighed, events), Experience(weighed.sum(axis=0) - weighed, events.sum(axis=0) - events)
    compared = compare(own, others, replace(monitor.baseline, kind="contemporary"))
    found = statistic(compared, [Stream()] * many, compared.due, monitor.levels.planned)
    exposures = np.bincount(part, weights=bins.column("count")[rows], minlength=many)
    columns = (
        exposures.astype(np.int64).tolist(),
        (time.sum(axis=1) / YEAR).tolist(),
        compared.observed.astype(np.int64).tolist(),
        compared.due.tolist(),
        found.tolist(),
    )
    numbers = [
        LotNumbers(bins.lots.all[lot], *one) for lot, *one in zip(lots.tolist(), *columns, strict=True) if one[2]
    ]
    return tuple(sorted(numbers, key=lambda one: (-one.statistic, -one.observed, one.lot))[:_MOST])
