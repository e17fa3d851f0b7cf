"""What a monitor is told of exposures, and when: the day by which it knows of each, and of its end."""

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
    """Exposures; a row for each.

    Attributes:
        subject: the product, or a product with a defect planted, whose path they belong to.
        unit: that began it.
        stratum: of the patient.
        start: first day.
        published: day by which the exposure is known.
        stop: day of the first outcome or of death; ``NEVER`` where there is neither.
        event: whether it stopped with an outcome.
        told: day by which that is known.
    """

    subject: Ints
    unit: Ints
    stratum: Ints
    start: Ints
    published: Ints
    stop: Ints
    event: Bools
    told: Ints

    def of(self, rows: Ints | Bools) -> Exposed:
        """Some of them."""
        return Exposed(*(getattr(self, field.name)[rows] for field in fields(Exposed)))

    def moved(self, subject: int) -> Exposed:
        """The same as another subject's."""
        return replace(self, subject=np.full_like(self.subject, subject))


def exposed(operations: Operations, subject: Ints, outcome: Ints) -> Exposed:
    """What is told of operations.

    Args:
        operations: all of them.
        subject: whose path each belongs to.
        outcome: day of each one's first outcome, ``NEVER`` where there is none.
    """
    published = operations.day + operations.delay
    event = (outcome <= operations.death) & (outcome < NEVER)
    stop = np.where(event, outcome, operations.death)
    told = np.maximum(published, np.where(event, stop + operations.outcome_delay, stop))
    return Exposed(subject, operations.unit, operations.stratum, operations.day, published, stop, event, told)


def together(parts: list[Exposed]) -> Exposed:
    """All of some exposures."""
    return Exposed(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Exposed)))
