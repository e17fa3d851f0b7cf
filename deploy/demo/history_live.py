"""Registrations that keep coming, for the demo that stays up."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, cast

import numpy as np

from deploy.demo.history_catalogue import read_catalogue
from deploy.demo.history_habits import draw_habits
from deploy.demo.history_operations import RegistrationIds, draw_hips, draw_operations, primary_rows
from deploy.demo.history_people import death_rows, draw_days, draw_people
from deploy.demo.history_reoperations import draw_reoperations, reoperation_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date, datetime

    from deploy.demo.history_habits import Habits
    from deploy.demo.history_plan import HistoryPlan, IntArray
    from deploy.demo.rows import Row

_BATCH = 200
_DAYS_BACK = 60


def live_rows(plan: HistoryPlan, rng: np.random.Generator, clock: Callable[[], datetime]) -> Iterator[Row]:
    """Further registrations without end, of other persons than the plan's history, recorded when they are asked for.

    The country's habits are the history's. Operations lie within the two months before the clock's day; an
    operation comes before what follows it, reoperation or death. Nothing uses the Inter-op cup.

    Args:
        plan: the history that these rows follow.
        rng: where chance comes from; the same one gives the same rows at the same times.
        clock: the time now, in UTC; asked once per batch for the day, once per row for ``recorded_at``.
    """
    habits = draw_habits(np.random.default_rng(plan.seed), read_catalogue())
    # beyond all persons of the history, hence beyond all registrations of every unit
    beyond = plan.primaries + plan.faulty + plan.unresolved + 1
    ids = RegistrationIds(beyond)
    for first in count(beyond, _BATCH):
        numbers = np.arange(first, first + _BATCH)
        yesterday = clock().date() - timedelta(days=1)
        for row in _batch(rng, habits, numbers, yesterday, ids):
            yield {**row, "recorded_at": clock()}


def _batch(
    rng: np.random.Generator,
    habits: Habits,
    numbers: IntArray,
    last: date,
    ids: RegistrationIds,
) -> list[Row]:
    people = draw_people(rng, habits, numbers, draw_days(rng, len(numbers), last - timedelta(days=_DAYS_BACK), last))
    operations = draw_operations(rng, habits, people, draw_hips(rng, people, 0, last))
    reoperations = draw_reoperations(rng, habits, operations, last)
    primaries = primary_rows(rng, habits, people, operations, ids)
    rows = [
        *primaries,
        *reoperation_rows(rng, habits, operations, reoperations, primaries=primaries, ids=ids),
        *death_rows(rng, people, last),
    ]
    return sorted(rows, key=lambda row: cast("date", row["occurred_on"]))
