"""What is read off sums: a value, its 95 % limits, and when it is old enough to be read.

Proportion: Wilson EB (1927), Probable inference, the law of succession, and statistical inference, JASA
22:209. Rate: exact, see ``streams.statistics.rates``. Mean: Student's t. Quartiles: the smallest value that
at least a quarter, half or three quarters of all do not exceed, so of an even number the lower of the two
in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import sqrt
from typing import TYPE_CHECKING

from scipy.special import stdtrit

from schemas.definition.condition import All, AnyOf, Not, Related
from streams.statistics.proportions import wilson
from streams.statistics.rates import incidence_rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.definition.condition import Condition
    from schemas.definition.indicators import Indicator

DAYS_PER_YEAR = 365.25
_UPPER_TAIL = 0.975


@dataclass(frozen=True, slots=True)
class Estimate:
    """One indicator's value.

    Attributes:
        n: how many registrations it is about.
        value: a share; events per the declared person-years; a mean; a median; or n itself.
        lower: 95 % limit; None where there is none to give.
        upper: 95 % limit; likewise.
        events: of a proportion how many hold, of a rate how many events.
        years: person-years of follow-up of a rate.
        sd: standard deviation about a mean.
        quartiles: the lower and the upper quartile about a median.
    """

    n: int
    value: float | None
    lower: float | None = None
    upper: float | None = None
    events: int | None = None
    years: float | None = None
    sd: float | None = None
    quartiles: tuple[float, float] | None = None


def proportion(n: int, hits: int) -> Estimate:
    """Share hits / n with Wilson's limits."""
    found = wilson(hits, n)
    return Estimate(n, float(found.share), float(found.lower), float(found.upper), events=hits)


def rate(n: int, events: int, days: int, per_years: float) -> Estimate:
    """Events per person-years with exact limits; no value without follow-up."""
    years = days / DAYS_PER_YEAR
    if days <= 0:
        return Estimate(n, None, events=events, years=0.0)
    found = incidence_rate(events, years, per=per_years)
    return Estimate(n, float(found.rate), float(found.lower), float(found.upper), events=events, years=years)


def mean(n: int, total: int, squares: int, resolution: float) -> Estimate:
    """The mean of values given as sums of their multiples of the resolution; limits and sd from two values on."""
    value = total / n * resolution
    if n == 1:
        return Estimate(n, value)
    sd = sqrt((squares * n - total * total) / (n * (n - 1))) * resolution  # whole numbers until here: no loss
    return mean_of(n, value, sd)


def mean_of(n: int, value: float, sd: float | None) -> Estimate:
    """A mean with its limits, from two values on."""
    if sd is None or n == 1:
        return Estimate(n, value)
    half = float(stdtrit(n - 1, _UPPER_TAIL)) * sd / sqrt(n)
    return Estimate(n, value, value - half, value + half, sd=sd)


def median(counts: Mapping[int, int], resolution: float) -> Estimate:
    """Median and quartiles of values given by how often each multiple of the resolution is there."""
    n = sum(counts.values())
    step = Decimal(str(resolution))  # so that 3 times 0.1 is 0.3

    def quartile(fourths: int) -> float:
        wanted, reached = -(-fourths * n // 4), 0
        for value in sorted(counts):
            reached += counts[value]
            if reached >= wanted:
                break
        return float(value * step)

    return Estimate(n, quartile(2), quartiles=(quartile(1), quartile(3)))


def follow_up_days(indicator: Indicator) -> int:
    """How long after the last day of its period an indicator's value can still change by what is declared.

    The largest ``within_days`` in its conditions, added up where one registration must follow another that
    follows; the horizon of a rate. What has no such limit adds nothing: a rate without a horizon is of the
    follow-up so far, and "ever followed by" has no day from which it is known.
    """
    days = _follow_up(indicator.where)
    if indicator.kind == "proportion":
        days = max(days, _follow_up(indicator.numerator))
    elif indicator.kind == "rate":
        days = max(days, indicator.horizon_days or 0)
    return days


def _follow_up(condition: Condition | None) -> int:
    match condition:
        case All(parts=parts) | AnyOf(parts=parts):
            return max((_follow_up(part) for part in parts), default=0)
        case Not(part=part):
            return _follow_up(part)
        case Related(kind="followed_by"):
            return max(condition.within_days or 0, condition.after_days or 0) + _follow_up(condition.that)
        case Related():  # the earlier one may be on the same day, and what follows it counts from there
            return _follow_up(condition.that)
        case _:
            return 0
