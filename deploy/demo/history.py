"""Three invented years of a national hip register, 1999 to 2001, with the Inter-op case in it.

Everything is invented but the case's outline; nobody in it exists. The same plan gives the same history.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, cast

import numpy as np

from deploy.demo.history_catalogue import read_catalogue
from deploy.demo.history_habits import draw_habits
from deploy.demo.history_leavers import can_emigrate, emigration_rows, opt_out_submissions
from deploy.demo.history_live import live_rows
from deploy.demo.history_operations import RegistrationIds, draw_hips, draw_operations, primary_rows
from deploy.demo.history_orphans import has_a_past, reoperations_before, reoperations_of_the_past
from deploy.demo.history_people import death_rows, draw_days, draw_people
from deploy.demo.history_plan import (
    FIRST_DAY,
    INTEROP_OPERATIONS,
    INTEROP_STARTS_ON,
    LAST_DAY,
    History,
    HistoryPlan,
)
from deploy.demo.history_reoperations import draw_reoperations, reoperation_rows
from deploy.demo.history_slips import draw_slips, make_faulty
from deploy.demo.interop import interop_rows
from deploy.demo.rows import Row, in_order, write_ndjson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from deploy.demo.history_habits import Habits
    from deploy.demo.history_plan import IntArray
    from deploy.demo.rows import Submission

__all__ = [
    "FIRST_DAY",
    "INTEROP_STARTS_ON",
    "LAST_DAY",
    "History",
    "HistoryPlan",
    "Row",
    "generate",
    "live_rows",
    "write_ndjson",
]

_BILATERAL = 0.07  # share of operations on a person's other hip


def generate(plan: HistoryPlan | None = None) -> History:
    """Generate the history of a plan (by default the plan's defaults); 24,000 operations take about a second."""
    plan = plan or HistoryPlan()
    rng = np.random.default_rng(plan.seed)
    habits = draw_habits(rng, read_catalogue())
    ids = RegistrationIds()

    hips = plan.primaries - INTEROP_OPERATIONS
    second = round(_BILATERAL * hips)
    numbers = np.arange(1, hips - second + INTEROP_OPERATIONS + plan.faulty + 1)
    ordinary, carriers, mistaken = np.split(numbers, [hips - second, hips - second + INTEROP_OPERATIONS])

    people = draw_people(rng, habits, ordinary, draw_days(rng, hips - second, FIRST_DAY, LAST_DAY))
    operations = draw_operations(rng, habits, people, draw_hips(rng, people, second, LAST_DAY))
    reoperations = draw_reoperations(rng, habits, operations, LAST_DAY)
    primaries = primary_rows(rng, habits, people, operations, ids)
    untouched = [primaries[i] for i in np.setdiff1d(np.arange(hips), reoperations.operation)]
    rows = [
        *primaries,
        *reoperation_rows(rng, habits, operations, reoperations, primaries=primaries, ids=ids),
        *death_rows(rng, people, LAST_DAY),
        *interop_rows(rng, habits, carriers, ids),
    ]
    faulty = _faulty_rows(rng, habits, mistaken, ids)
    slips = draw_slips(rng, plan, untouched)

    rng = np.random.default_rng([plan.seed, 1])  # of its own: what follows changes nothing of the above
    quiet = _quiet(rng, primaries, [*rows, *(row for _, row in slips)])
    before = _take(quiet, plan.unresolved // 2, has_a_past)
    past = len(numbers) + 1 + np.arange(plan.unresolved - len(before))
    where = {id(row): i for i, row in enumerate(primaries)}
    found = np.array([where[id(row)] for row in before], dtype=np.int64)
    orphans = [
        *reoperations_of_the_past(rng, habits, past, ids),
        *reoperations_before(rng, habits, operations.only(found), before, ids),
    ]
    emigrations = emigration_rows(rng, _take(quiet, plan.emigrations, can_emigrate))
    leaving = _take(quiet, plan.opt_outs)

    once = [*rows, *faulty, *orphans, *emigrations]
    submissions: list[Submission] = [(cast("datetime", row["recorded_at"]), row) for row in once]
    submissions += slips + opt_out_submissions(rng, leaving, plan.lifted)
    return History(
        plan=plan,
        rows=in_order(submissions),
        faulty_ids=frozenset(cast("str", row["registration_id"]) for row in faulty),
        unresolved_ids=frozenset(cast("str", row["registration_id"]) for row in orphans),
        opted_out=frozenset(cast("str", row["person"]) for row in leaving[plan.lifted :]),
    )


def _quiet(rng: np.random.Generator, primaries: Sequence[Row], told: Sequence[Row]) -> list[Row]:
    """The operations, in random order, of persons of whom nothing else is told."""
    times = Counter(row["person"] for row in told)
    quiet = [row for row in primaries if times[row["person"]] == 1]
    return [quiet[i] for i in rng.permutation(len(quiet))]


def _take(rows: list[Row], count: int, fit: Callable[[Row], bool] = lambda _: True) -> list[Row]:
    """Remove the first ``count`` rows that fit, and give them."""
    taken = list(islice(filter(fit, rows), count))
    ids = {row["registration_id"] for row in taken}
    rows[:] = [row for row in rows if row["registration_id"] not in ids]
    return taken


def _faulty_rows(rng: np.random.Generator, habits: Habits, numbers: IntArray, ids: RegistrationIds) -> list[Row]:
    people = draw_people(rng, habits, numbers, draw_days(rng, len(numbers), FIRST_DAY, LAST_DAY))
    operations = draw_operations(rng, habits, people, draw_hips(rng, people, 0, LAST_DAY))
    return make_faulty(primary_rows(rng, habits, people, operations, ids))
