"""What a generated history holds: how many registrations of each sort, and over which years."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from deploy.demo.rows import Row

FIRST_DAY = date(1999, 1, 1)
LAST_DAY = date(2001, 12, 31)
INTEROP_STARTS_ON = date(2001, 6, 2)
"""Day 0 of the Inter-op case: its last day, 212, is then ``LAST_DAY``, so that the history ends where the case does."""
INTEROP_OPERATIONS = 30

IntArray: TypeAlias = NDArray[np.int64]
FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class HistoryPlan:
    """How many registrations of each sort a history holds.

    Published rows = primaries + reoperations + deaths + corrections + duplicates + retractions + faulty
    + unresolved + emigrations + opt_outs + 2 * lifted; refused = faulty; operations that count in the end
    = primaries - retractions - opt_outs + lifted. Reoperations and deaths are not planned: they follow from
    hazards. Corrections, duplicates, retractions, opt-outs, emigrations and what is unresolved concern
    different primary operations, none of them with an Inter-op cup and none of them reoperated.

    Attributes:
        primaries: primary operations, the thirty with an Inter-op cup among them.
        corrections: submissions of a known registration id with other content.
        duplicates: submissions of a known registration id with the same content.
        retractions: submissions that withdraw a known registration id.
        faulty: submissions, each of a person of its own, that intake must refuse for one reason each.
        unresolved: reoperations that belong to no operation in the register: half of them name one that was
            done before the register began, half of them lie before the only one on their side.
        emigrations: persons who leave the country, and of whom nothing else is told after their operation.
        opt_outs: persons with one operation who do not want to be in the register.
        lifted: how many of them change their mind; their operation is then registered anew.
        seed: the same seed gives the same history.
    """

    primaries: int = 24_000
    corrections: int = 120
    duplicates: int = 60
    retractions: int = 40
    faulty: int = 25
    unresolved: int = 8
    emigrations: int = 14
    opt_outs: int = 8
    lifted: int = 2
    seed: int = 1999

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ValueError(f"{field.name} is {getattr(self, field.name)}: give 0 or more")
        if self.lifted > self.opt_outs:
            raise ValueError(f"lifted is {self.lifted}: no more than the {self.opt_outs} opt-outs can be lifted")
        slips = self.corrections + self.duplicates + self.retractions
        needed = INTEROP_OPERATIONS + 2 * slips + self.unresolved + self.emigrations + self.opt_outs
        if self.primaries < needed:
            raise ValueError(
                f"primaries is {self.primaries}: {needed} or more are needed for the {INTEROP_OPERATIONS} Inter-op "
                "operations, for twice as many others as are corrected, sent twice or retracted, and for one each "
                "that is unresolved, emigrates or opts out"
            )


@dataclass(frozen=True)
class History:
    """A generated history.

    Attributes:
        plan: what was asked for.
        rows: every submission in the order of sending, which is the order of ``recorded_at``, except that
            a duplicate is sent some days after the registration that it repeats.
        faulty_ids: registration ids of the rows that intake must refuse.
        unresolved_ids: registration ids of the reoperations that belong to no operation.
        opted_out: persons who are not in the register in the end.
    """

    plan: HistoryPlan
    rows: list[Row]
    faulty_ids: frozenset[str]
    unresolved_ids: frozenset[str]
    opted_out: frozenset[str]
