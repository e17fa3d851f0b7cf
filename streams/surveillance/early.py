"""Outcomes within 30 days of an operation, exposure by exposure: the Bernoulli CUSUM of a subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.statistics.cusum import bernoulli_cusum
from streams.surveillance.charts import Chart
from streams.surveillance.intervals import INTERVALS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.monitor import Monitor
    from streams.surveillance.person_time import PersonTime
    from streams.surveillance.present import Present

    Floats = NDArray[np.float64]
    Ints = NDArray[np.integer]

EARLY = 30
"""Days after an operation within which an outcome is one of the chart."""
ODDS_RATIO = 2.0
"""The odds ratio that the chart looks for."""

_SMALLEST = 1e-9  # a probability that a unit's factor may make, and one less than the largest


def early_outcomes(sums: PersonTime, declared: Monitor, rows: Ints, compared: Ints, now: Present) -> Chart:
    """The Bernoulli CUSUM of outcomes within 30 days of an operation, on the 30th day of each exposure.

    Only exposures whose 30 days are reported through count, in the order of their first days; on one day those without
    an outcome come first, the likeliest of either last. Who died or moved within 30 days, without an outcome, had none.

    The probability is the comparator's share of its own such exposures, by stratum, drawn to that of all strata by the
    weight of one exposure; the unit's factor multiplies the odds. Where the comparator had no such outcome, or is a
    declared rate, it is 1 - exp(-30 h) for the declared hazard h.

    Args:
        sums: what is known.
        declared: what is declared of its kind.
        rows: of the subject's exposures' kinds.
        compared: those that it is held against.
        now: how it stands.

    Returns:
        The chart, exposure by exposure.
    """
    bins = sums.bins
    start, unit = bins.column("start"), bins.column("unit")
    whole = start <= (sums.through_by_unit() - EARLY)[unit]
    rows = rows[whole[rows]]
    if not rows.size:
        return Chart(rows, np.empty(0))
    likely = _probabilities(sums, declared, compared[whole[compared]])
    odds = now.factors[unit[rows]] * (likely / (1 - likely))[bins.column("stratum")[rows]]
    probability = np.clip(odds / (1 + odds), _SMALLEST, 1 - _SMALLEST)
    failed = (bins.column("event")[rows] == 1) & (bins.column("stop")[rows] - start[rows] <= EARLY)
    order = np.lexsort((probability, failed, start[rows]))
    order = np.repeat(order, bins.column("count")[rows[order]])
    return Chart(start[rows[order]] + EARLY, bernoulli_cusum(failed[order], probability[order], odds_ratio=ODDS_RATIO))


def _probabilities(sums: PersonTime, declared: Monitor, rows: Ints) -> Floats:
    """The probability of an early outcome by stratum, of those compared with that are reported through for 30 days."""
    bins = sums.bins
    strata, stratum, count = len(bins.strata.all), bins.column("stratum"), bins.column("count")
    exposures = np.bincount(stratum[rows], weights=count[rows], minlength=strata)
    early = rows[bins.column("event")[rows] == 1]
    early = early[bins.column("stop")[early] - bins.column("start")[early] <= EARLY]
    events = np.bincount(stratum[early], weights=count[early], minlength=strata)
    if declared.baseline.kind != "contemporary" or not 0 < events.sum() < exposures.sum():
        return -np.expm1(-EARLY * declared.baseline.by_cell(sums.cells)[::INTERVALS])
    likely: Floats = (events + events.sum() / exposures.sum()) / (exposures + 1)
    return likely
