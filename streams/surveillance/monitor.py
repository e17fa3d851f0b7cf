"""What is declared of the surveillance of one monitor group."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.surveillance.levels import Levels, OtherThresholds

if TYPE_CHECKING:
    from streams.surveillance.expected import Baseline


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor.

    Attributes:
        group: the monitor group, as monitors.yaml names it.
        definition: hash of all that is declared of it.
        baseline: what products are held against.
        levels: from which statistic on a product is at which level.
        unit_shape: shape of the gamma prior of units; None for the method of moments.
        fewest: outcomes of a product that it takes for any level: one alone may come to any statistic, where next to
            nothing was to be expected as yet.
        others: thresholds of the methods that are shown beside and raise no level.
    """

    group: str
    definition: str
    baseline: Baseline
    levels: Levels = field(default_factory=Levels)
    unit_shape: float | None = None
    fewest: int = 1
    others: OtherThresholds = field(default_factory=OtherThresholds)
