"""Clinics beside each other by one product: failures against what the country's rate makes one expect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sinks.portal.comparing import curves_of, ratio_limits, standing_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinks.clickhouse.queries.company_database.choice import Failure
    from sinks.clickhouse.queries.company_database.reading import CompanyReading
    from sinks.portal.charts.comparison import FunnelLimits, Standing

LEVELS = (0.95, 0.998)
_PER_YEARS = 100.0


@dataclass(frozen=True, slots=True)
class Clinic:
    """A clinic in the funnel.

    Attributes:
        unit: its code.
        unit_name: its name.
        observed: failures.
        component_years: followed there.
        expected: its component-years times the country's rate.
        ratio: observed / expected.
        limits: lower and upper limit of the ratio where only chance is at work, at 95 % and at 99.8 %.
        standing: where it lies among these.
    """

    unit: str
    unit_name: str
    observed: int
    component_years: float
    expected: float
    ratio: float
    limits: tuple[tuple[float, float], ...]
    standing: Standing


@dataclass(frozen=True, slots=True)
class Funnel:
    """The clinics that are shown by themselves.

    Attributes:
        rate: the country's, per 100 component-years.
        clinics: by how many failures are expected.
        curves: limits of the rate by component-years.
    """

    rate: float
    clinics: Sequence[Clinic]
    curves: Sequence[FunnelLimits]


def funnel(reading: CompanyReading, kind: str, failure: Failure, component: str | None = None) -> Funnel | None:
    """The clinics that are shown by themselves, by how many failures are expected.

    The country's rate is that of the same question. Clinics among others are in that rate, and in no row of their own.

    Args:
        reading: grouped by clinics.
        kind: the kind of implant.
        failure: what counts as one.
        component: a product's code; None for all that were asked for.

    Returns:
        None where nobody failed, or none was followed at a clinic that is shown by itself.
    """
    country = next((one for one in reading.country if (one.kind, one.component) == (kind, component)), None)
    if country is None or not country.failures[failure].number or not country.failures[failure].component_years:
        return None
    rate = country.failures[failure].number / country.failures[failure].component_years
    rows = [
        one
        for one in reading.places
        if (one.kind, one.component, one.place) == (kind, component, "clinic") and one.failures[failure].component_years
    ]
    if not rows:
        return None
    years = np.array([one.failures[failure].component_years for one in rows])
    near, far = (ratio_limits(years * rate, level) for level in LEVELS)
    found = []
    for at, one in enumerate(rows):
        observed, expected = one.failures[failure].number, float(years[at]) * rate
        limits = tuple((float(lower[at]), float(upper[at])) for lower, upper in (near, far))
        standing = standing_of(observed / expected, *limits)
        found.append(
            Clinic(
                one.unit,
                one.unit_name,
                observed,
                float(years[at]),
                expected,
                observed / expected,
                limits,
                standing,
            )
        )
    per_hundred = rate * _PER_YEARS

    def rates(size: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        lower, upper = ratio_limits(size * rate, level)
        return lower * per_hundred, upper * per_hundred

    return Funnel(per_hundred, sorted(found, key=lambda one: one.expected), curves_of(rates, years))
