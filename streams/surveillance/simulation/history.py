"""Operations of an invented registry under no defect, what became of them, and when it was told."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from streams.surveillance.intervals import YEAR
from streams.surveillance.simulation.catalogue import chosen, invented_catalogue
from streams.surveillance.simulation.mistakes import mistakes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.simulation.catalogue import Catalogue
    from streams.surveillance.simulation.plan import Plan

    Bools = NDArray[np.bool_]
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
        lots: of these, numbered within each kind; -1 where not known.
        risk: hazard relative to the plan's.
        patience: the cumulative hazard at which it fails, exponential of mean 1, before risk is taken in.
        death: day of death; told on the day.
        delay: days until the operation is told.
        outcome_delay: days until its outcome is.
        first_codes: the components as they are told at first.
        corrected: day on which these are put right; ``NEVER`` where nothing was wrong.
        false_outcome: day of an outcome that is told and never was; ``NEVER`` for none.
        retracted: day on which it is taken back.
        opted_out: day on which the patient opts out; ``NEVER`` for most.
    """

    day: Ints
    unit: Ints
    stratum: Ints
    codes: Ints
    lots: Ints
    risk: Floats
    patience: Floats
    death: Ints
    delay: Ints
    outcome_delay: Ints
    first_codes: Ints
    corrected: Ints
    false_outcome: Ints
    retracted: Ints
    opted_out: Ints

    def of(self, rows: Ints | Bools) -> Operations:
        """Some of them."""
        return Operations(*(getattr(self, field.name)[rows] for field in fields(Operations)))


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
    mean_delay = _mean_delays(plan, rng)
    lives = rng.exponential(100 * YEAR / plan.deaths, many) / dying[stratum]
    codes = np.stack([chosen(one, day, surgeon, rng) for one in catalogues], axis=1)
    delay, outcome_delay = (rng.exponential(mean_delay[unit]).astype(np.int64) for _ in range(2))
    patience = rng.exponential(size=many)
    wrong = mistakes(plan, (day, unit, codes, day + delay), rng)
    operations = Operations(
        day=day,
        unit=unit,
        stratum=stratum,
        codes=codes,
        lots=np.stack([_lots(plan, column, rng) for column in codes.T], axis=1),
        risk=hazard[stratum] * frailty * later,
        patience=patience,
        death=day + np.minimum(lives, NEVER / 2).astype(np.int64),
        delay=delay,
        outcome_delay=outcome_delay,
        first_codes=wrong.codes,
        corrected=wrong.corrected,
        false_outcome=wrong.outcome,
        retracted=wrong.retracted,
        opted_out=wrong.opted_out,
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


def _mean_delays(plan: Plan, rng: np.random.Generator) -> Floats:
    found = plan.delay * np.exp(rng.normal(0.0, plan.delay_spread, plan.units))
    found[rng.permutation(plan.units)[: plan.slow_units]] = plan.slow_delay
    return found


def _lots(plan: Plan, code: Ints, rng: np.random.Generator) -> Ints:
    """The lot of each component: some of each are on sale at a time, and as they are used up others follow."""
    order = np.argsort(code, kind="stable")
    used = np.empty_like(code)
    used[order] = np.arange(code.size) - np.searchsorted(code[order], code[order])
    batch = used // (plan.lot * plan.lots_at_once)
    within = batch * plan.lots_at_once + rng.integers(0, plan.lots_at_once, code.size)
    number = np.unique(code * (int(within.max(initial=0)) + 1) + within, return_inverse=True)[1].reshape(-1)
    return np.where(rng.random(code.size) < plan.lot_unknown, -1, number)


def _frailty(variance: float, many: int, rng: np.random.Generator) -> Floats:
    return rng.gamma(1 / variance, variance, many) if variance else np.ones(many)
