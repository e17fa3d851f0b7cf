"""Levels as thresholds, and streams: a test that has reached its planned expected outcomes closes, a new one opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from streams.statistics.sequential import binomial_maxsprt_llr, poisson_maxsprt_llr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.expected import Comparison

    Floats = NDArray[np.float64]

Level = Literal["watch", "alarm"]
LEVELS: tuple[Level, ...] = ("watch", "alarm")


@dataclass(frozen=True, slots=True)
class Levels:
    """Thresholds h(level, expected outcomes per year), straight between the rows of a table, level beyond its ends.

    Attributes:
        per_year: expected outcomes of a product per year, ascending.
        watch: the statistic from which on a product is at watch, for each.
        alarm: that for alarm, not below.
        planned: expected outcomes at which a stream closes, above 0.

    Raises:
        ValueError: the table's columns differ in length or order, or a number is out of range.
    """

    per_year: tuple[float, ...] = (0.0,)
    watch: tuple[float, ...] = (4.2,)
    alarm: tuple[float, ...] = (6.6,)
    planned: float = 20.0

    def __post_init__(self) -> None:
        if not len(self.per_year) == len(self.watch) == len(self.alarm) > 0:
            raise ValueError("per_year, watch and alarm must have as many rows, 1 or more")
        if not np.isfinite(self.per_year).all() or list(self.per_year) != sorted(set(self.per_year)):
            raise ValueError("per_year must ascend")
        if not all(watch > 0 for watch in self.watch):  # at 0 a product without an outcome would be at watch
            raise ValueError("watch must be numbers above 0")
        if not all(alarm >= watch for watch, alarm in zip(self.watch, self.alarm, strict=True)):
            raise ValueError("alarm must not be below watch")
        if not (np.isfinite(self.planned) and self.planned > 0):
            raise ValueError(f"planned must be a number above 0, is {self.planned}")

    def thresholds(self, per_year: Floats) -> dict[Level, Floats]:
        """The threshold of each level."""
        return {
            "watch": np.interp(per_year, self.per_year, self.watch),
            "alarm": np.interp(per_year, self.per_year, self.alarm),
        }


@dataclass(frozen=True, slots=True)
class OtherThresholds:
    """From where on the methods beside the default one say that they have reached theirs. They raise no level.

    The charts' are from `threshold_for` with a false alarm in 1 of 20 products within 10 years, for 100 implants a
    year that fail at 4 per 100 component-years for 3 months, 2 for 3 more, and 1.2 later (BK 5.3, 5.1 to 5.6; CGR
    6.7, 6.3 to 7.3; Bernoulli 2.5, 2.4 to 2.6). They rise with use: for 20 a year 3.8, 5.5 and 1.3 would do, for 400 it
    takes 6.9, 7.6 and 4.1.

    Attributes:
        bk_cusum: of the chart for twice the hazard.
        cgr_cusum: of the chart for any hazard.
        bernoulli_cusum: of the chart for twice the odds of an outcome within 30 days.
        alpha: the e-process signals at 1/alpha, and alpha is the false discovery rate of e-BH; between 0 and 1.
        run_length: fewest calendar quarters, on average, until the e-detector signals falsely; above 1.

    Raises:
        ValueError: a number is out of range.
    """

    bk_cusum: float = 5.3
    cgr_cusum: float = 6.7
    bernoulli_cusum: float = 2.5
    alpha: float = 0.05
    run_length: float = 1000.0

    def __post_init__(self) -> None:
        for name in ("bk_cusum", "cgr_cusum", "bernoulli_cusum"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a number above 0, is {value}")
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha must lie between 0 and 1, is {self.alpha}")
        if not (np.isfinite(self.run_length) and self.run_length > 1):
            raise ValueError(f"run_length must be a number above 1, is {self.run_length}")


class Stream(NamedTuple):
    """Where a stream began.

    Attributes:
        number: how many streams of the product were closed before.
        observed: the product's outcomes of those.
        trials: outcomes of product and comparator then.
        share: how many of them were expected among the product's.
    """

    number: int = 0
    observed: float = 0.0
    trials: float = 0.0
    share: float = 0.0


class Tested(NamedTuple):
    """The statistic on each of some days, and the stream that each is in."""

    statistic: Floats
    streams: list[Stream]


def statistic(compared: Comparison, streams: list[Stream], due: Floats, planned: float) -> Floats:
    """The log-likelihood ratio on each day, of what came since its stream began.

    Poisson, of observed against expected; or binomial, of the product's among all outcomes, with the matching ratio
    (trials - share) / share. 0 where nothing was expected, since nobody was at risk as far as is known.
    """
    base = np.array(streams)
    observed = np.maximum(compared.observed - base[:, 1], 0.0)
    expected = due - base[:, 0] * planned
    found = np.zeros(observed.size)
    conditional = compared.basis == "conditional"
    poisson = ~conditional & (expected > 0)
    if poisson.any():
        found[poisson] = poisson_maxsprt_llr(observed[poisson], expected[poisson])
    trials = np.maximum(compared.trials - base[:, 2], observed)
    share = compared.share - base[:, 3]
    binomial = conditional & (share > 0) & (trials > share)
    if binomial.any():
        ratio = (trials[binomial] - share[binomial]) / share[binomial]
        found[binomial] = binomial_maxsprt_llr(observed[binomial], trials[binomial], ratio)
    return found


def stream_by_stream(compared: Comparison, planned: float, resumed: Stream | None = None) -> Tested:
    """The statistic on days in their order.

    A stream closes when what was expected reaches ``planned``; outcomes after that are the next one's. What was
    expected is taken not to fall, since a stream that is closed stays so.

    Args:
        compared: the days.
        planned: expected outcomes at which a stream closes.
        resumed: the stream that the first day is in, or that closed by then; None where the days are all there are.
    """
    began = resumed or Stream()
    due = np.maximum.accumulate(compared.due)
    number = np.maximum(np.floor(due / planned).astype(np.int64), began.number)
    last_before = np.searchsorted(number, number, side="left") - 1
    if resumed is not None:
        last_before = np.maximum(last_before, 0)
    streams = [
        began
        if of == began.number
        else Stream(int(of), *(float(part[at]) for part in (compared.observed, compared.trials, compared.share)))
        if at >= 0
        else Stream(int(of))
        for of, at in zip(number, last_before, strict=True)
    ]
    return Tested(statistic(compared, streams, due, planned), streams)
