"""The arithmetic of coverage: registrations held against counts, and both against the register's own delay.

Pure: months of units in, shares out. Nothing is cut off at 100 %: what is registered beyond the reference is
told as excess, unit by unit, so that one unit's excess does not hide another's gap.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from streams.statistics.proportions import wilson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from schemas.definition.coverage import CoverageDefinition


@dataclass(frozen=True, slots=True)
class Bounds:
    """A number that is known exactly (``low == high``), or to lie between two, both included."""

    low: int = 0
    high: int = 0

    def __add__(self, other: Bounds) -> Bounds:
        return Bounds(self.low + other.low, self.high + other.high)


@dataclass(frozen=True, slots=True)
class Told:
    """An uploaded count, and the day on which its source counted."""

    count: Bounds
    as_of: date


@dataclass(frozen=True, slots=True)
class UnitMonth:
    """What is known of one unit in one month: its registrations, and what was uploaded, by measure."""

    registered: int = 0
    told: Mapping[str, Told] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delay:
    """How long registrations take: how many came so many days after what they tell of, in mature months."""

    by_days: Mapping[int, int] = field(default_factory=dict)

    @property
    def registrations(self) -> int:
        """How many it was learnt from."""
        return sum(self.by_days.values())

    def expected(self, month: date, day: date) -> float | None:
        """The share of a month's registrations that is to be expected by (the end of) a day.

        Every day of the month counts alike: the mean over its days d of the share of mature registrations that
        came within ``day - d``. None where nothing is mature yet.

        Args:
            month: its first day.
            day: the day of the reading.
        """
        if not self.by_days:
            return None
        length = monthrange(month.year, month.month)[1]
        ages = ((day - month).days - place for place in range(length))
        found = sum(number for age in ages for days, number in self.by_days.items() if days <= age)
        return found / (length * self.registrations)


@dataclass(slots=True)
class Tally:
    """What the months of a place and time come to, for one definition.

    Attributes:
        registered: registrations, all of them.
        uncompared: those of months without the counts that the definition needs.
        months: months (of units) that are compared.
        early: months with counts that are too young to be judged.
        without_counts: months with registrations and without counts.
        compared: registrations of the months that are compared.
        found: the numerator.
        rest: the denominator, but for what of it is the numerator itself.
        expected: what of the denominator is to be expected in the register by now, from and to.
        excess: how many more are registered than the reference has at most, unit by unit.
        over: at how many units that is so.
        as_of: the earliest day on which a count used was made.
    """

    registered: int = 0
    uncompared: int = 0
    months: int = 0
    early: int = 0
    without_counts: int = 0
    compared: int = 0
    found: Bounds = Bounds()
    rest: Bounds = Bounds()
    expected: tuple[float, float] | None = (0.0, 0.0)
    excess: int = 0
    over: int = 0
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """A share, from and to (equal where all counts are exact), with 95 % limits by Wilson.

    The limits are those of the lowest share below and of the highest above; None where more is registered than
    the reference has, for then it is no share of it.
    """

    low: float
    high: float
    lower: float | None
    upper: float | None


def tally_unit(
    definition: CoverageDefinition,
    months: Iterable[tuple[date, UnitMonth]],
    expected_by: Callable[[date, date], float | None],
    *,
    until: date,
    expected_at_least: float,
) -> Tally:
    """One unit's months as one tally.

    Args:
        definition: the meaning of coverage.
        months: by first day.
        expected_by: ``Delay.expected`` of the register's own delay.
        until: the day of the reading.
        expected_at_least: a month of which less is to be expected by now is too early.
    """
    tally = Tally()
    others = [name for name in definition.reference if name != definition.found]
    for month, known in months:
        tally.registered += known.registered
        if not definition.needs <= known.told.keys():
            tally.uncompared += known.registered
            tally.without_counts += known.registered > 0
            continue
        made = min(known.told[name].as_of for name in definition.needs)
        # what a linkage found was in the register on the day of the linkage, whenever it is read
        expected = expected_by(month, until if definition.found is None else made)
        if expected is not None and expected < expected_at_least:
            tally.early += 1
            continue
        rest = sum((known.told[name].count for name in others), Bounds())
        found = Bounds(known.registered, known.registered)
        tally.months += 1
        tally.compared += known.registered
        tally.found += found if definition.found is None else known.told[definition.found].count
        tally.rest += rest
        tally.expected = (
            None
            if expected is None or tally.expected is None
            else (tally.expected[0] + expected * rest.low, tally.expected[1] + expected * rest.high)
        )
        tally.as_of = made if tally.as_of is None else min(tally.as_of, made)
    if definition.found is None:
        tally.excess = max(0, tally.compared - tally.rest.high)
        tally.over = int(tally.excess > 0)
    return tally


def tally_units(definition: CoverageDefinition, units: Iterable[Tally]) -> Tally:
    """Several units' tallies as one, as the definition means it."""
    whole = Tally()
    for unit in units:
        whole.registered += unit.registered
        whole.uncompared += unit.uncompared
        whole.months += unit.months
        whole.early += unit.early
        whole.without_counts += unit.without_counts
        whole.compared += unit.compared
        whole.excess += unit.excess
        whole.over += unit.over
        whole.as_of = min((one for one in (whole.as_of, unit.as_of) if one is not None), default=None)
        found, rest, expected = _part(definition, unit)
        whole.found += found
        whole.rest += rest
        whole.expected = (
            None
            if expected is None or whole.expected is None
            else (whole.expected[0] + expected[0], whole.expected[1] + expected[1])
        )
    return whole


def _part(definition: CoverageDefinition, unit: Tally) -> tuple[Bounds, Bounds, tuple[float, float] | None]:
    """What a unit adds to numerator, denominator and expectation."""
    registers = unit.compared > 0
    if definition.share_of == "units":
        treats = int(unit.rest.high > 0)
        found = treats * int(registers)
        return Bounds(found, found), Bounds(treats, treats), None
    if definition.share_of == "registering_units" and not registers:
        return Bounds(), Bounds(), (0.0, 0.0)
    return unit.found, unit.rest, unit.expected


def share_of(definition: CoverageDefinition, tally: Tally) -> Share | None:
    """What is found of the reference; None where the reference is empty."""
    own = definition.found in definition.reference
    low, high = tally.found.low, tally.found.high
    return _share(low, tally.rest.high + (low if own else 0), high, tally.rest.low + (high if own else 0))


def adjusted_share_of(definition: CoverageDefinition, tally: Tally) -> Share | None:
    """What is registered of what is to be expected by now: an estimate of what the share will come to.

    None where the numerator is not the register's own, where units are counted, or nothing is mature yet.
    """
    if definition.found is not None or tally.expected is None:
        return None
    return _share(tally.found.low, tally.expected[1], tally.found.high, tally.expected[0])


def _share(low: int, of_most: float, high: int, of_least: float) -> Share | None:
    if of_most <= 0 or of_least <= 0:
        return None
    lower = float(wilson(low, of_most).lower) if low <= of_most else None
    upper = float(wilson(high, of_least).upper) if high <= of_least else None
    return Share(low / of_most, high / of_least, lower, upper)


def reached(share: Share | None, target: float | None) -> bool | None:
    """Whether a target is reached; None where there is none, or where it cannot be told."""
    if share is None or target is None or share.low < target <= share.high:
        return None
    return share.low >= target


def mature_months(until: date, mature_after_days: int, months: int) -> tuple[date, date]:
    """The first days of the first and the last of the latest mature months.

    Args:
        until: the day of the reading.
        mature_after_days: how long ago the last day of a mature month is at least.
        months: how many.
    """
    after = until - timedelta(days=mature_after_days) + timedelta(days=1)  # a mature month's last day is before it
    last = after.year * 12 + after.month - 2
    first = last - months + 1
    return date(first // 12, first % 12 + 1, 1), date(last // 12, last % 12 + 1, 1)
