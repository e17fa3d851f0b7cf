"""Three invented years of a national hip register, 1999 to 2001, with the Inter-op case in it.

Everything is invented but the case's outline; nobody in it exists. The same plan gives the same history.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

import numpy as np

from deploy.demo.history_catalogue import read_catalogue
from deploy.demo.history_habits import draw_habits
from deploy.demo.history_live import live_rows
from deploy.demo.history_operations import RegistrationIds, draw_hips, draw_operations, primary_rows
from deploy.demo.history_people import death_rows, draw_days, draw_people
from deploy.demo.history_plan import (
    FIRST_DAY,
    INTEROP_OPERATIONS,
    INTEROP_STARTS_ON,
    LAST_DAY,
    History,
    HistoryPlan,
    Row,
    Submission,
)
from deploy.demo.history_reoperations import draw_reoperations, reoperation_rows
from deploy.demo.history_slips import draw_slips, make_faulty
from deploy.demo.interop import interop_rows

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.demo.history_habits import Habits
    from deploy.demo.history_plan import IntArray

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

    submissions: list[Submission] = [(cast("datetime", row["recorded_at"]), row) for row in rows + faulty]
    submissions += draw_slips(rng, plan, untouched)
    submissions.sort(key=lambda submission: submission[0])
    return History(
        plan=plan,
        rows=[row for _, row in submissions],
        faulty_ids=frozenset(cast("str", row["registration_id"]) for row in faulty),
    )


def _faulty_rows(rng: np.random.Generator, habits: Habits, numbers: IntArray, ids: RegistrationIds) -> list[Row]:
    people = draw_people(rng, habits, numbers, draw_days(rng, len(numbers), FIRST_DAY, LAST_DAY))
    operations = draw_operations(rng, habits, people, draw_hips(rng, people, 0, LAST_DAY))
    return make_faulty(primary_rows(rng, habits, people, operations, ids))


def write_ndjson(history: History, path: Path) -> int:
    """Write one JSON object per line, ``form`` first, dates as ISO 8601, timestamps with Z.

    Returns:
        How many lines were written.
    """
    with path.open("w", encoding="utf-8") as lines:
        for row in history.rows:
            lines.write(json.dumps(row, ensure_ascii=False, default=_as_text) + "\n")
    return len(history.rows)


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a row holds a {type(value).__name__}: the file can hold text, numbers, truth values, days, times")
