"""What goes wrong at registration: corrections, repeats and retractions, and rows that intake must refuse."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from deploy.demo.history_plan import HistoryPlan
    from deploy.demo.rows import Row, Submission


def draw_slips(rng: np.random.Generator, plan: HistoryPlan, rows: Sequence[Row]) -> list[Submission]:
    """The later submissions of some registrations of ``rows``; each registration is touched once at most."""
    wanted = plan.corrections + plan.duplicates + plan.retractions
    days = rng.integers(3, 90, wanted).tolist()
    touched = [(rows[i], timedelta(days=day)) for i, day in zip(rng.permutation(len(rows))[:wanted], days, strict=True)]
    corrected = touched[: plan.corrections]
    repeated = touched[plan.corrections : plan.corrections + plan.duplicates]
    withdrawn = touched[plan.corrections + plan.duplicates :]
    slips: list[Submission] = []
    for number, (row, later) in enumerate(corrected):
        at = _recorded(row) + later
        slips.append((at, {**row, **_CORRECTIONS[number % len(_CORRECTIONS)](row), "recorded_at": at}))
    slips += [(_recorded(row) + later, dict(row)) for row, later in repeated]
    for row, later in withdrawn:
        at = _recorded(row) + later
        slips.append((at, {**row, "recorded_at": at, "retracted": True}))
    return slips


def make_faulty(rows: Sequence[Row]) -> list[Row]:
    """The same rows, each made wrong in one way, the ways in turn: see ``FAULTS``."""
    return [{**row, **FAULTS[number % len(FAULTS)](row)} for number, row in enumerate(rows)]


def _recorded(row: Row) -> datetime:
    return cast("datetime", row["recorded_at"])


def _other_lot(field: str) -> Callable[[Row], Row]:
    def corrected(row: Row) -> Row:
        read = cast("str | None", row[field])
        return {field: "L00000A" if read is None else f"{read}-2"}

    return corrected


def _other_asa(row: Row) -> Row:
    return {"asa": 2 if row["asa"] != 2 else 3}  # noqa: PLR2004 - an ASA class, of 1 to 5


def _other_bmi(row: Row) -> Row:
    bmi = cast("float | None", row["bmi"])
    return {"bmi": 27.5 if bmi is None else round(bmi + 1.5, 1)}


def _next_century(row: Row) -> Row:
    day = cast("date", row["occurred_on"])
    return {"occurred_on": day.replace(year=day.year + 100, day=min(day.day, 28))}  # 2100 is no leap year


_CORRECTIONS = (_other_lot("cup_lot"), _other_lot("stem_lot"), _other_asa, _other_bmi)

FAULTS: tuple[Callable[[Row], Row], ...] = (
    lambda _: {"unit": "U99"},  # a unit that does not exist
    lambda _: {"cup": "CUP99"},  # a component that does not exist
    lambda row: {"age": cast("int", row["age"]) + 100},  # out of range
    _next_century,  # a date in the future
    lambda _: {"fixation": "cement"},  # no code of the list
)
"""Field by field what is wrong in a faulty row: unit, component, age, day of operation, code."""
