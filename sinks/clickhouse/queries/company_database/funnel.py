"""Clinics beside each other by one product: failures against what the country's rate makes one expect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.statistics.funnel import poisson_funnel_limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinks.clickhouse.queries.company_database.choice import Failure
    from sinks.clickhouse.queries.company_database.reading import CompanyReading

LEVELS = (0.95, 0.998)


@dataclass(frozen=True, slots=True)
class Clinic:
    """A clinic in the funnel.

    Attributes:
        unit: its code.
        unit_name: its name.
        observed: failures.
        expected: its component-years times the country's rate.
        ratio: observed / expected.
        limits: lower and upper limit of the ratio where only chance is at work, at 95 % and at 99.8 %.
    """

    unit: str
    unit_name: str
    observed: int
    expected: float
    ratio: float
    limits: tuple[tuple[float, float], ...]


def funnel(reading: CompanyReading, kind: str, failure: Failure, component: str | None = None) -> Sequence[Clinic]:
    """The clinics that are shown by themselves, by how many failures are expected.

    The country's rate is that of the same question. Clinics among others are in that rate, and in no row of their own.

    Args:
        reading: grouped by clinics.
        kind: the kind of implant.
        failure: what counts as one.
        component: a product's code; None for all that were asked for.

    Returns:
        Nothing where nobody failed, or none was followed.
    """
    country = next((one for one in reading.country if (one.kind, one.component) == (kind, component)), None)
    if country is None or not country.failures[failure].number or not country.failures[failure].component_years:
        return ()
    rate = country.failures[failure].number / country.failures[failure].component_years
    clinics = [
        (one, one.failures[failure].component_years * rate)
        for one in reading.places
        if (one.kind, one.component, one.place) == (kind, component, "clinic") and one.failures[failure].component_years
    ]
    if not clinics:
        return ()
    limits = [poisson_funnel_limits([expected for _, expected in clinics], level=level) for level in LEVELS]
    found = [
        Clinic(
            one.unit,
            one.unit_name,
            one.failures[failure].number,
            expected,
            one.failures[failure].number / expected,
            tuple((float(np.asarray(lower)[at]), float(np.asarray(upper)[at])) for lower, upper in limits),
        )
        for at, (one, expected) in enumerate(clinics)
    ]
    return sorted(found, key=lambda one: one.expected)
