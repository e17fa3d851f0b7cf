"""Reoperations that belong to no operation in the register."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

import numpy as np

from deploy.demo.history_operations import draw_hips, draw_operations, primary_rows
from deploy.demo.history_people import draw_days, draw_people
from deploy.demo.history_plan import FIRST_DAY, LAST_DAY
from deploy.demo.history_reoperations import Reoperations, reoperation_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from deploy.demo.history_habits import Habits
    from deploy.demo.history_operations import Operations, RegistrationIds
    from deploy.demo.history_plan import IntArray
    from deploy.demo.rows import Row

_EARLIER = timedelta(days=3 * 365)
_MOST_DAYS_TOO_EARLY = 300


def reoperations_of_the_past(
    rng: np.random.Generator, habits: Habits, numbers: IntArray, ids: RegistrationIds
) -> list[Row]:
    """One reoperation each of persons (by number) who were operated on before the register's first day.

    The operation's registration is named, and is nowhere.
    """
    days = draw_days(rng, len(numbers), FIRST_DAY - _EARLIER, FIRST_DAY - timedelta(days=1))
    people = draw_people(rng, habits, numbers, days)
    operations = draw_operations(rng, habits, people, draw_hips(rng, people, 0, LAST_DAY))
    nowhere = primary_rows(rng, habits, people, operations, ids)
    again = draw_days(rng, len(numbers), FIRST_DAY, LAST_DAY)
    return _rows(rng, habits, operations, nowhere, day=again, linked=True, ids=ids)


def has_a_past(row: Row) -> bool:
    """Whether a reoperation before this operation still lies within the history."""
    return cast("date", row["occurred_on"]) >= FIRST_DAY + timedelta(days=_MOST_DAYS_TOO_EARLY)


def reoperations_before(
    rng: np.random.Generator,
    habits: Habits,
    operations: Operations,
    primaries: Sequence[Row],
    ids: RegistrationIds,
) -> list[Row]:
    """One reoperation each that lies some weeks before the only operation on its side, and names none."""
    too_early = rng.integers(20, _MOST_DAYS_TOO_EARLY, len(primaries))
    return _rows(rng, habits, operations, primaries, day=operations.day - too_early, linked=False, ids=ids)


def _rows(
    rng: np.random.Generator,
    habits: Habits,
    operations: Operations,
    primaries: Sequence[Row],
    *,
    day: IntArray,
    linked: bool,
    ids: RegistrationIds,
) -> list[Row]:
    total = len(primaries)
    reoperations = Reoperations(
        operation=np.arange(total),
        day=day,
        unit=operations.unit,
        reason=["loosening"] * total,
        removed=[("cup", "stem", "head")] * total,
        renewed=[True] * total,
        linked=[linked] * total,
    )
    return reoperation_rows(rng, habits, operations, reoperations, primaries=primaries, ids=ids)
