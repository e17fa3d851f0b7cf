"""Operations of an invented registry under no defect, what became of them, and when it was told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.surveillance.intervals import YEAR
from streams.surveillance.simulation.catalogue import chosen, invented_catalogue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.simulation.catalogue import Catalogue
    from streams.surveillance.simulation.plan import Plan

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NEVER = 1 << 30
_SPREAD_OF_SIZE = 0.5  # of units, as the standard deviation of the logarithm
_TOLD_IN_TIME = 0.9  # the share of its reports that a unit's own lag covers


@dataclass(frozen=True, slots=True)
class Operations:
    """Operations in the order of days; a row for each.

    Attributes:
        day: of operation, from 0.
        unit: which.
        stratum: which.
        codes: of the components put in, a column for each kind.
        risk: hazard relative to the plan's.
        patience: the cumulative hazard at which it fails, exponential of mean 1, before risk is taken in.
        death: day of death; told on the day.
        delay: days until the operation is told.
        outcome_delay: days until its outcome is.
    """

    day: Ints
    unit: Ints
    stratum: Ints
    codes: Ints
    risk: Floats
    patience: Floats
    death: Ints
    delay: Ints
    outcome_delay: Ints


@dataclass(frozen=True, slots=True)
class History:
    """A registry's history.

    Attributes:
        plan: what it was invented by.
        catalogues: the components of each kind.
        operations: all of them.
        lag: of each unit, the days within which 90 % of its reports are told: it has reported through so long ago.
    """

    plan: Plan
    catalogues: list[Catalogue]
    operations: Operations
    lag: Ints


def invented(plan: Plan, rng: np.random.Generator) -> History:
    """A history: every product is as good as any other, units and surgeons are not."""
    catalogues = invented_catalogue(plan, rng)
    many = rng.poisson(plan.operations * plan.days / YEAR)
    day = np.sort(rng.integers(0, plan.days, many))
    size = np.exp(rng.normal(0.0, _SPREAD_OF_SIZE, plan.units))
    unit = rng.choice(plan.units, many, p=size / size.sum())
    surgeon = unit * plan.surgeons + rng.integers(0, plan.surgeons, many)
    share, hazard, dying = plan.strata_as_columns()
    stratum = rng.choice(share.size, many, p=share)
    frailty = _frailty(plan.unit_variance, plan.units, rng)[unit]
    frailty *= _frailty(plan.surgeon_variance, plan.units * plan.surgeons, rng)[surgeon]
    later = np.exp(np.log1p(plan.drift) * day / YEAR)
    mean_delay = plan.delay * np.exp(rng.normal(0.0, plan.delay_spread, plan.units))
    lives = rng.exponential(100 * YEAR / plan.deaths, many) / dying[stratum]
    operations = Operations(
        day=day,
        unit=unit,
        stratum=stratum,
        codes=np.stack([chosen(one, day, surgeon, rng) for one in catalogues], axis=1),
        risk=hazard[stratum] * frailty * later,
        patience=rng.exponential(size=many),
        death=day + np.minimum(lives, NEVER / 2).astype(np.int64),
        delay=rng.exponential(mean_delay[unit]).astype(np.int64),
        outcome_delay=rng.exponential(mean_delay[unit]).astype(np.int64),
    )
    lag = np.ceil(-np.log1p(-_TOLD_IN_TIME) * mean_delay).astype(np.int64)
    return History(plan, catalogues, operations, lag)


def outcome_days(plan: Plan, operations: Operations, *, ratio: float = 1.0, from_age: int = 0) -> Ints:
    """The day of each operation's first outcome, where nobody dies before; ``NEVER`` after the plan's end.

    Args:
        plan: its hazard by time since operation.
        operations: whose.
        ratio: hazard ratio of a defect.
        from_age: days since operation from which it works.
    """
    cumulative = plan.cumulative_hazard()
    before = cumulative[min(from_age, cumulative.size - 1)]
    bears = operations.patience / operations.risk
    bears = np.where(bears <= before, bears, before + (bears - before) / ratio)
    age = np.interp(bears, cumulative, np.arange(cumulative.size), right=NEVER)
    return np.minimum(operations.day + age.astype(np.int64), NEVER)


def _frailty(variance: float, many: int, rng: np.random.Generator) -> Floats:
    return rng.gamma(1 / variance, variance, many) if variance else np.ones(many)
