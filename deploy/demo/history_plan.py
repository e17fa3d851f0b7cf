"""What a generated history holds: how many registrations of each sort, and over which years."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FIRST_DAY = date(1999, 1, 1)
LAST_DAY = date(2001, 12, 31)
INTEROP_STARTS_ON = date(2001, 6, 2)
"""Day 0 of the Inter-op case: its last day, 212, is then ``LAST_DAY``, so that the history ends where the case does."""
INTEROP_OPERATIONS = 30

Row: TypeAlias = dict[str, object]
"""One registration as it is submitted: ``form``, ``person``, then the form's fields except ``patient``.

Values are Python's own: str, int, float, bool, date, datetime (UTC), list of str, None.
"""
Submission: TypeAlias = tuple[datetime, Row]
"""When a row was sent (UTC), and the row."""
IntArray: TypeAlias = NDArray[np.int64]
FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class HistoryPlan:
    """How many registrations of each sort a history holds.

    Published rows = primaries + reoperations + deaths + corrections + duplicates + retractions + faulty;
    refused = faulty; operations that count in the end = primaries - retractions. Reoperations and deaths
    are not planned: they follow from hazards. Corrections, duplicates and retractions concern different
    primary operations, none of them with an Inter-op cup and none of them reoperated.

    Attributes:
        primaries: primary operations, the thirty with an Inter-op cup among them.
        corrections: submissions of a known registration id with other content.
        duplicates: submissions of a known registration id with the same content.
        retractions: submissions that withdraw a known registration id.
        faulty: submissions, each of a person of its own, that intake must refuse for one reason each.
        seed: the same seed gives the same history.
    """

    primaries: int = 24_000
    corrections: int = 120
    duplicates: int = 60
    retractions: int = 40
    faulty: int = 25
    seed: int = 1999

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ValueError(f"{field.name} is {getattr(self, field.name)}: give 0 or more")
        needed = INTEROP_OPERATIONS + 2 * (self.corrections + self.duplicates + self.retractions)
        if self.primaries < needed:
            raise ValueError(
                f"primaries is {self.primaries}: {needed} or more are needed for the {INTEROP_OPERATIONS} Inter-op "
                "operations and for twice as many others as are corrected, sent twice or retracted"
            )


@dataclass(frozen=True)
class History:
    """A generated history.

    Attributes:
        plan: what was asked for.
        rows: every submission in the order of sending, which is the order of ``recorded_at``, except that
            a duplicate is sent some days after the registration that it repeats.
        faulty_ids: registration ids of the rows that intake must refuse.
    """

    plan: HistoryPlan
    rows: list[Row]
    faulty_ids: frozenset[str]
