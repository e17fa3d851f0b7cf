"""Who leaves: those who move abroad, and those who do not want to be in the register."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from deploy.demo.history_plan import LAST_DAY
from deploy.demo.rows import row_about

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import numpy as np

    from deploy.demo.rows import Row, Submission


_SETTLED_DAYS = 60  # who emigrates has not been operated on in this time


def can_emigrate(row: Row) -> bool:
    """Whether there is time to emigrate between the operation and the history's end."""
    return cast("date", row["occurred_on"]) <= LAST_DAY - timedelta(days=_SETTLED_DAYS)


def emigration_rows(rng: np.random.Generator, operations: Sequence[Row]) -> list[Row]:
    """One row of form emigration for the person of each operation, recorded within a month."""
    rows: list[Row] = []
    for operation in operations:
        settled = cast("date", operation["occurred_on"]).toordinal() + _SETTLED_DAYS
        day = datetime.fromordinal(int(rng.integers(settled, LAST_DAY.toordinal() + 1))).replace(tzinfo=UTC)
        recorded = day + timedelta(days=int(rng.integers(1, 31)), hours=3)
        rows.append(_about("emigration", "E", operation, day.date(), recorded))
    return rows


def opt_out_submissions(rng: np.random.Generator, operations: Sequence[Row], lifted: int) -> list[Submission]:
    """The opt-out of the person of each operation, after it was registered; the first ``lifted`` take it back.

    Who has taken it back is registered anew: what was there before does not come back by itself.
    """
    sent: list[Submission] = []
    for number, operation in enumerate(operations):
        wait, doubt, again = (timedelta(days=days) for days in rng.integers(10, 120, 3).tolist())
        said = cast("datetime", operation["recorded_at"]) + wait
        opt_out = _about("opt_out", "O", operation, said.date(), said)
        sent.append((said, opt_out))
        if number < lifted:
            taken_back, anew = said + doubt, said + doubt + again
            sent.append((taken_back, {**opt_out, "recorded_at": taken_back, "retracted": True}))
            sent.append((anew, {**operation, "recorded_at": anew}))
    return sent


def _about(form: str, letter: str, operation: Row, day: date, recorded: datetime) -> Row:
    person = cast("str", operation["person"])
    return row_about(form, person, f"{letter}{person[1:]}", day, recorded)
