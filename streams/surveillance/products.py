"""What a family's, a company's or a unit's outcomes are made of: product by product."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.surveillance.expected import summed
from streams.surveillance.intervals import YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.person_time import PersonTime
    from streams.surveillance.present import Present

    Ints = NDArray[np.integer]

_MOST = 20


class ProductNumbers(NamedTuple):
    """A product's part in a signal.

    Attributes:
        product: its code.
        exposures: how many of it there are.
        component_years: at risk.
        observed: first outcomes.
        expected: how many were to be expected; all products' together are what was expected of the signal's subject.
    """

    product: str
    exposures: int
    component_years: float
    observed: int
    expected: float


def product_numbers(sums: PersonTime, rows: Ints, now: Present) -> tuple[ProductNumbers, ...]:
    """The products of a subject's exposures: the most outcomes more than expected first."""
    bins = sums.bins
    products, part = np.unique(bins.column("product")[rows], return_inverse=True)
    count = bins.column("count")[rows]
    time = sums.time_by(part, products.size, rows)
    weighed = sums.time_by(part, products.size, rows, count * now.factors[bins.column("unit")[rows]])
    columns = (
        np.bincount(part, count, products.size).astype(np.int64).tolist(),
        (time.sum(axis=1) / YEAR).tolist(),
        np.bincount(part, count * bins.column("event")[rows], products.size).astype(np.int64).tolist(),
        summed(weighed * now.compared.hazard[0]).tolist(),
    )
    found = [
        ProductNumbers(bins.products.all[product], *one)
        for product, *one in zip(products.tolist(), *columns, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (one.expected - one.observed, one.product))[:_MOST])
