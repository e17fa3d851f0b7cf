"""Control charts (Shewhart) and the runs rules that need no limits (Anhøj).

Sources: Montgomery DC, Introduction to Statistical Quality Control (limits of p, u, c, x̄, s, individuals and moving
range); Nelson LS (1994), J Qual Technol 26:239 (times between events); Anhøj J, Olesen AV (2014), PLoS ONE 9:e113825
(runs rules). The numbers agree with R's qicharts2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np
from scipy.special import bdtr, gammaln

from streams.statistics.checked import column, numbers, one_of, same_length

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

Kind = Literal["p", "u", "c", "xbar", "s", "I", "MR", "t"]

_SIGMAS = 3.0
_D2 = 1.128  # mean range of two normal values, in standard deviations
_D4 = 3.267  # upper limit of a range of two values, in mean ranges
_T_POWER = 3.6  # times between events are close to normal once raised to 1/3.6
_FEWEST = 2  # values that have a spread
_CROSSINGS_CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class ControlChart:
    """A chart's points, centre line and limits; arrays have a place for each point.

    Attributes:
        kind: which chart.
        values: what is plotted: shares, rates, counts, means or standard deviations of subgroups, the values
            themselves, or the distances of neighbours (MR: one fewer than the values given).
        centre: the centre line.
        lower: lower limits, three standard errors from the centre.
        upper: upper limits.
    """

    kind: Kind
    values: Floats
    centre: float
    lower: Floats
    upper: Floats

    @property
    def outside(self) -> Bools:
        """Whether each point lies beyond a limit."""
        return (self.values < self.lower) | (self.values > self.upper)


@dataclass(frozen=True, slots=True)
class RunsRules:
    """What the runs of points on one side of the centre line tell.

    Attributes:
        useful: points that are not on the centre line, n.
        longest_run: most points in a row on the same side.
        longest_run_limit: round(log₂ n) + 3; a longer run is a signal.
        crossings: how often the curve crosses the centre line.
        crossings_limit: the 5 % quantile of a binomial of n - 1 trials at ½; fewer crossings are a signal.
        signal: whether either rule signals; never where no point is useful.
    """

    useful: int
    longest_run: int
    longest_run_limit: int
    crossings: int
    crossings_limit: int
    signal: bool


def control_chart(kind: Kind, numerator: ArrayLike, denominator: ArrayLike | None = None) -> ControlChart:
    """A control chart with limits three standard errors from the centre.

    - p: shares; centre p̄ = Σ numerator/Σ denominator, limits p̄ ± 3√(p̄(1 - p̄)/n), cut to [0, 1].
    - u: rates; centre ū likewise, limits ū ± 3√(ū/n), cut at 0.
    - c: counts; centre their mean c̄, limits c̄ ± 3√c̄, cut at 0.
    - xbar: means of subgroups; centre the mean of all values, limits ± 3s̄/(c₄√n). s̄ is the mean standard deviation
      of the subgroups, or, where their sizes n differ, √(Σ(n - 1)s²/Σ(n - 1)).
    - s: standard deviations of subgroups; centre s̄, limits s̄(1 ± 3√(1 - c₄²)/c₄), cut at 0.
    - I: single values; centre their mean, limits ± 3·(mean moving range)/1.128.
    - MR: moving ranges |xᵢ - xᵢ₋₁|; centre their mean, limits 0 and 3.267 times that.
    - t: times between events; limits of an I chart of t^(1/3.6), cut at 0, raised back to 3.6.

    c₄ is √(2/(n - 1))·Γ(n/2)/Γ((n - 1)/2).

    Args:
        kind: which chart.
        numerator: p, u, c: counts. I, MR: the values in order, two or more. t: the times, 0 or more, two or more.
            xbar, s: subgroups of two values or more, a row or a sequence for each; or all values in one dimension.
        denominator: p: how many each share is of. u: the exposure of each rate. xbar, s: the subgroup's label of each
            value, where values are in one dimension; subgroups come in the order of their labels. No other chart
            takes one.

    Returns:
        The chart.

    Raises:
        ValueError: an argument, which the message names, is missing, empty, NaN, infinite or out of range, or the
            two have different lengths.
    """
    one_of("kind", kind, get_args(Kind))
    if kind in {"xbar", "s"}:
        return _subgroup_chart(kind, _subgroups(numerator, denominator))
    counts = column("numerator", numerator)
    if kind in {"p", "u"}:
        if denominator is None:
            raise ValueError(f"denominator is needed for a {kind} chart")
        size = column("denominator", denominator)
        same_length(numerator=counts, denominator=size)
        return _ratio_chart(kind, counts, size)
    if denominator is not None:
        raise ValueError(f"denominator has no place in a chart of kind {kind}")
    if kind == "c":
        _not_negative(counts)
        centre = float(counts.mean())
        return _chart(kind, counts, centre, _SIGMAS * np.sqrt(centre), cut=(0.0, np.inf))
    if counts.size < _FEWEST:
        raise ValueError("numerator must have two values or more, to have a moving range")
    if kind == "I":
        return _individuals(counts)
    if kind == "MR":
        ranges = np.abs(np.diff(counts))
        centre = float(ranges.mean())
        return ControlChart(kind, ranges, centre, np.zeros(ranges.size), np.full(ranges.size, _D4 * centre))
    _not_negative(counts)
    even = _individuals(counts ** (1 / _T_POWER))
    return ControlChart(
        kind, counts, even.centre**_T_POWER, np.maximum(even.lower, 0.0) ** _T_POWER, even.upper**_T_POWER
    )


def runs_rules(values: ArrayLike, centre: ArrayLike) -> RunsRules:
    """Anhøj's two rules for a change that no single point shows.

    A point on the centre line tells nothing and is left out. Of the n that remain, a signal is a run of more than
    round(log₂ n) + 3 points on one side, or fewer crossings than the 5 % quantile of Binomial(n - 1, ½).

    Args:
        values: the points in order.
        centre: the centre line, usually the median; one number, or one for each point.

    Returns:
        The runs and their limits, all 0 where no point is off the centre line.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN or infinite, or the two have different lengths.
    """
    points, line = column("values", values), numbers("centre", centre)
    if line.ndim:
        same_length(values=points, centre=line)
    sides = np.sign(points - line)
    sides = sides[sides != 0]
    n = sides.size
    if n == 0:
        return RunsRules(0, 0, 0, 0, 0, signal=False)
    turns = np.flatnonzero(sides[1:] != sides[:-1])
    longest = int(np.diff(np.concatenate(([-1], turns, [n - 1]))).max())
    longest_limit = round(np.log2(n)) + 3
    crossings_limit = _crossings_limit(n - 1)
    signal = longest > longest_limit or turns.size < crossings_limit
    return RunsRules(n, longest, longest_limit, turns.size, crossings_limit, signal=signal)


def _crossings_limit(trials: int) -> int:
    """The smallest k with P(X ≤ k) of at least 5 %, X binomial at ½."""
    if trials == 0:
        return 0
    return int(np.argmax(bdtr(np.arange(trials + 1), trials, 0.5) >= _CROSSINGS_CHANCE))


def _ratio_chart(kind: Literal["p", "u"], counts: Floats, size: Floats) -> ControlChart:
    _not_negative(counts)
    if np.any(size <= 0):
        raise ValueError("denominator must be above 0")
    if kind == "p" and np.any(counts > size):
        raise ValueError("numerator must not be above the denominator")
    centre = float(counts.sum() / size.sum())
    spread = centre * (1 - centre) if kind == "p" else centre
    cut = (0.0, 1.0 if kind == "p" else np.inf)
    return _chart(kind, counts / size, centre, _SIGMAS * np.sqrt(spread / size), cut=cut)


def _individuals(values: Floats) -> ControlChart:
    sigma = np.abs(np.diff(values)).mean() / _D2
    return _chart("I", values, float(values.mean()), _SIGMAS * sigma)


def _subgroups(numerator: ArrayLike, denominator: ArrayLike | None) -> list[Floats]:
    if denominator is None:
        if np.isscalar(numerator) or all(np.isscalar(value) for value in cast("Iterable[ArrayLike]", numerator)):
            raise ValueError("denominator is needed where numerator is not in subgroups")
        groups = [column("numerator", group) for group in cast("Iterable[ArrayLike]", numerator)]
    else:
        values, labels = column("numerator", numerator), np.asarray(denominator)
        if labels.ndim != 1:
            raise ValueError(f"denominator must have one dimension, has {labels.ndim}")
        same_length(numerator=values, denominator=labels)
        place = np.unique(labels, return_inverse=True)[1]
        order = np.argsort(place, kind="stable")
        groups = np.split(values[order], np.cumsum(np.bincount(place))[:-1])
    if min(group.size for group in groups) < _FEWEST:
        raise ValueError("numerator must have two values or more in each subgroup")
    return groups


def _subgroup_chart(kind: Literal["xbar", "s"], groups: list[Floats]) -> ControlChart:
    size = np.array([group.size for group in groups], dtype=float)
    deviation = np.array([group.std(ddof=1) for group in groups])
    if np.ptp(size) == 0:
        typical = float(deviation.mean())
    else:
        typical = float(np.sqrt((size - 1) @ deviation**2 / (size - 1).sum()))
    c4 = np.sqrt(2 / (size - 1)) * np.exp(gammaln(size / 2) - gammaln((size - 1) / 2))
    if kind == "s":
        return _chart(kind, deviation, typical, _SIGMAS * typical * np.sqrt(1 - c4**2) / c4, cut=(0.0, np.inf))
    mean = np.array([group.mean() for group in groups])
    return _chart(kind, mean, float(size @ mean / size.sum()), _SIGMAS * typical / (c4 * np.sqrt(size)))


def _chart(
    kind: Kind, values: Floats, centre: float, half: Floats | float, *, cut: tuple[float, float] = (-np.inf, np.inf)
) -> ControlChart:
    """Limits at the same distance on both sides, cut to what the value can be."""
    distance = np.broadcast_to(half, values.shape)
    return ControlChart(
        kind, values, centre, np.maximum(centre - distance, cut[0]), np.minimum(centre + distance, cut[1])
    )


def _not_negative(numerator: Floats) -> None:
    if numerator.min() < 0:
        raise ValueError("numerator must not be negative")
