"""What is told wrongly in an invented registry and put right later, and who opts out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.surveillance.intervals import YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.simulation.plan import Plan

    Ints = NDArray[np.int64]

_NEVER = 1 << 30
_WITHIN = 365  # days of the operation in which an outcome that never was is said to be


class Mistakes(NamedTuple):
    """What becomes of each operation's registration, as ``Operations`` has it."""

    codes: Ints
    corrected: Ints
    outcome: Ints
    retracted: Ints
    opted_out: Ints


def mistakes(plan: Plan, told: tuple[Ints, Ints, Ints, Ints], rng: np.random.Generator) -> Mistakes:
    """What is told wrongly of operations.

    One component is the one of the unit's patient before; or there is an outcome that never was, another patient's.

    Args:
        plan: how often.
        told: day, unit and components of each operation, and the day on which it is told.
        rng: random numbers.
    """
    day, unit, codes, published = told
    many = day.size
    first = _of_patient_before(unit, codes)
    column = rng.integers(0, codes.shape[1], many)
    others = np.zeros_like(codes, dtype=np.bool_)
    others[np.arange(many), column] = rng.random(many) < plan.mistaken
    first = np.where(others, first, codes)
    is_wrong = np.any(first != codes, axis=1)
    corrected = np.where(is_wrong, published + _days(plan.put_right, many, rng), _NEVER)
    never_was = (rng.random(many) < plan.false_outcomes) & ~is_wrong
    outcome = day + rng.integers(0, _WITHIN, many)
    retracted = np.maximum(outcome, published) + _days(plan.put_right, many, rng)
    opted_out = np.full(many, _NEVER)
    if plan.opting_out:
        opted_out = published + np.minimum(rng.exponential(100 * YEAR / plan.opting_out, many), _NEVER / 2).astype(
            np.int64
        )
    return Mistakes(
        first, corrected, np.where(never_was, outcome, _NEVER), np.where(never_was, retracted, _NEVER), opted_out
    )


def _of_patient_before(unit: Ints, codes: Ints) -> Ints:
    order = np.argsort(unit, kind="stable")
    found = np.empty_like(codes)
    found[order[1:]] = codes[order[:-1]]
    found[order[:1]] = codes[order[:1]]
    begins = np.flatnonzero(np.diff(unit[order])) + 1
    found[order[begins]] = codes[order[begins]]  # a unit's first patient has nobody before
    return found


def _days(mean: float, many: int, rng: np.random.Generator) -> Ints:
    return 1 + rng.exponential(mean, many).astype(np.int64)
