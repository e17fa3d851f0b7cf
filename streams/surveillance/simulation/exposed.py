"""What a monitor is told of operations, and when: by which day it knows of each, of its end, and that it was mistaken.

What is told wrongly and put right is there twice: as it is said at first, until that day, and as it is from then on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from streams.surveillance.simulation.history import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.simulation.history import Operations

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Exposed:
    """What is told of operations; a row for each way in which one is told.

    Attributes:
        operation: which.
        mistaken: whether its components are those that are told at first and wrong.
        anew: whether it is told so in place of what was told before.
        unit: that began it.
        stratum: of the patient.
        start: first day.
        published: day by which it is known so.
        stop: day of the first outcome or of death; ``NEVER`` where there is neither.
        event: whether it stopped with an outcome.
        told: day by which that is known.
        until: day on which it is taken back, since it was a mistake or the patient opts out; ``NEVER`` if it stays.
    """

    operation: Ints
    mistaken: Bools
    anew: Bools
    unit: Ints
    stratum: Ints
    start: Ints
    published: Ints
    stop: Ints
    event: Bools
    told: Ints
    until: Ints

    def of(self, rows: Ints | Bools | slice) -> Exposed:
        """Some of them."""
        return Exposed(*(getattr(self, field.name)[rows] for field in fields(Exposed)))

    def is_known(self, day: int | Ints) -> Bools:
        """Which of them are known on a day."""
        return (self.published <= day) & (day < self.until)

    def ended(self, day: int | Ints) -> Bools:
        """Whose end is known on a day, of those that are."""
        found: Bools = self.told <= day
        return found


def exposed(operations: Operations, outcome: Ints) -> Exposed:
    """What is told of operations.

    Args:
        operations: all of them.
        outcome: day of each one's first outcome, ``NEVER`` where there is none.
    """
    published = operations.day + operations.delay
    event = (outcome <= operations.death) & (outcome < NEVER)
    stop = np.where(event, outcome, operations.death)
    told = np.maximum(published, np.where(event, stop + operations.outcome_delay, stop))
    nothing = np.zeros(published.size, dtype=np.bool_)
    rows = Exposed(
        np.arange(published.size),
        nothing,
        nothing,
        operations.unit,
        operations.stratum,
        operations.day,
        published,
        stop,
        event,
        told,
        operations.opted_out,
    )
    return _with_mistakes(rows, operations)


def together(parts: list[Exposed]) -> Exposed:
    """All of some exposures."""
    return Exposed(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Exposed)))


def _with_mistakes(right: Exposed, operations: Operations) -> Exposed:
    false_told = np.maximum(right.published, operations.false_outcome)
    believed = (operations.false_outcome < right.stop) & (false_told < operations.retracted)
    put_right = np.where(believed, operations.retracted, operations.corrected)
    rows = np.flatnonzero(put_right < NEVER)
    first = right.of(rows)
    is_false, false_told = believed[rows], false_told[rows]
    first = replace(
        first,
        mistaken=~is_false,
        stop=np.where(is_false, operations.false_outcome[rows], first.stop),
        event=is_false | first.event,
        told=np.where(is_false, false_told, first.told),
        until=np.minimum(put_right[rows], first.until),
    )
    published, anew = right.published.copy(), right.anew.copy()
    published[rows], anew[rows] = put_right[rows], True
    right = replace(right, published=published, anew=anew, told=np.maximum(right.told, published))
    right = right.of(right.published < right.until)
    return together([right, first.of(first.published < first.until)])
