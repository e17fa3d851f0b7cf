"""How many first outcomes were to be expected of a product, and how sure that is.

Expected = Σ over strata and intervals of the comparator's hazard · the product's person-time. The comparator is an
estimate too: where it has few outcomes, or all of its weight lies on a few, the product's outcomes are held against
how all outcomes would fall on the two by their person-time (the conditional, binomial form).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

import numpy as np

from streams.surveillance.intervals import INTERVALS, YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Basis = Literal["contemporary", "conditional", "prior", "flat", "declared"]

_ENOUGH = 10 - 1e-6  # times the product's outcomes; less what rounding may take of exactly 10
_AT_ONCE = 32
FINE = 2.0**36
"""How fine terms are counted."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a product is held against.

    Attributes:
        kind: "contemporary", the other products of its group; "flat", one declared rate; "declared", a rate for each
            interval of time since operation.
        rates: first outcomes per 100 component-years: one for all time, or one for each of the intervals. For
            contemporary it is the prior, used until the comparator has an outcome.

    Raises:
        ValueError: the rates are neither one nor as many as the intervals, or one is not above 0.
    """

    kind: Literal["contemporary", "flat", "declared"]
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.rates) not in {1, INTERVALS}:
            raise ValueError(f"rates must be 1 or {INTERVALS}, are {len(self.rates)}")
        if not all(np.isfinite(rate) and rate > 0 for rate in self.rates):
            raise ValueError("rates must be numbers above 0")

    def by_cell(self, cells: int) -> Floats:
        """The declared hazard a day of every cell."""
        rates = np.broadcast_to(np.array(self.rates), INTERVALS) / (100 * YEAR)
        return np.tile(rates, cells // INTERVALS)


@dataclass(frozen=True, slots=True)
class Experience:
    """Days at risk and first outcomes on some days: a row for each day, a column for each cell."""

    time: Floats
    events: Floats


@dataclass(frozen=True, slots=True)
class Comparison:
    """A product and what it is held against on some days; arrays of a number for each.

    Attributes:
        observed: first outcomes of the product.
        expected: how many were to be expected.
        trials: first outcomes of both, in the cells in which the product has any experience.
        share: how many of those were to be expected among the product's, by person-time in each cell.
        basis: how it is compared.
        hazard: the hazard a day by which the expected were counted, by day and cell.
    """

    observed: Floats
    expected: Floats
    trials: Floats
    share: Floats
    basis: NDArray[np.str_]
    hazard: Floats

    @property
    def due(self) -> Floats:
        """The measure by which streams are planned: what was expected, in the form that is used."""
        return np.where(self.basis == "conditional", self.share, self.expected)


def compare(own: Experience, others: Experience, baseline: Baseline) -> Comparison:
    """Hold a product against its comparator.

    The conditional form is used where the comparator's outcomes in the cells that count, weighed by the person-time
    that the product has there (Kish: (Σ w e)² / Σ w² e, at most their number), are fewer than 10 times the product's.

    Args:
        own: the product's; its time may be weighed by unit.
        others: the comparator's, on the same days.
        baseline: what is declared.
    """
    observed = own.events.sum(axis=1)
    declared = np.broadcast_to(baseline.by_cell(own.time.shape[1]), own.time.shape)
    used = (own.time > 0) | (own.events > 0)
    theirs = np.where(used, others.events, 0.0)
    trials = observed + theirs.sum(axis=1)
    both = own.time + others.time
    fraction = np.divide(own.time, both, out=np.ones_like(both), where=both > 0)
    share = summed(fraction * (own.events + theirs))
    if baseline.kind != "contemporary":
        basis = np.full(observed.size, baseline.kind)
        return Comparison(observed, summed(declared * own.time), trials, share, basis, declared)
    ratio = np.divide(own.time, others.time, out=np.zeros_like(both), where=others.time > 0)
    weighed, squared = (ratio * theirs).sum(axis=1), (ratio**2 * theirs).sum(axis=1)
    effective = np.divide(weighed**2, squared, out=np.zeros_like(weighed), where=squared > 0)
    none = trials == observed
    basis = np.where(none, "prior", np.where(effective < _ENOUGH * observed, "conditional", "contemporary"))
    hazard = np.where(none[:, None], declared, hazard_of(others))
    return Comparison(observed, summed(hazard * own.time), trials, share, basis, hazard)


def summed(terms: Floats) -> Floats:
    """The sum along the last axis, of terms rounded to 2^-36: the same in whatever order strata were first met."""
    found: Floats = fine(terms).sum(axis=-1) / FINE
    return found


def fine(terms: Floats) -> Floats:
    """Terms as whole numbers of 2^-36; any sum of them is exact."""
    scaled = terms * FINE
    return np.rint(scaled, out=scaled)


def compare_days(own: Experience, others: Experience, baseline: Baseline) -> Comparison:
    """As ``compare``, of many days: a few at a time, which a processor's cache holds."""
    many = own.time.shape[0]
    parts = [
        compare(
            Experience(own.time[at : at + _AT_ONCE], own.events[at : at + _AT_ONCE]),
            Experience(others.time[at : at + _AT_ONCE], others.events[at : at + _AT_ONCE]),
            baseline,
        )
        for at in range(0, many, _AT_ONCE)
    ]
    return Comparison(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Comparison)))


def hazard_of(others: Experience) -> Floats:
    """The comparator's hazard a day; where it has no person-time, that of the interval in all strata, or of all."""
    shape = (others.time.shape[0], -1, INTERVALS)
    time, events = others.time.reshape(shape), others.events.reshape(shape)
    overall = _rate(events.sum(axis=(1, 2), keepdims=True), time.sum(axis=(1, 2), keepdims=True), np.zeros((1, 1, 1)))
    by_interval = _rate(events.sum(axis=1, keepdims=True), time.sum(axis=1, keepdims=True), overall)
    return _rate(events, time, by_interval).reshape(others.time.shape)


def _rate(events: Floats, time: Floats, otherwise: Floats) -> Floats:
    found = np.array(np.broadcast_to(otherwise, time.shape))
    return np.divide(events, time, out=found, where=time > 0)
