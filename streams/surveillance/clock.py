"""Reported-through days: up to which day what happened to the patients of a unit is known by now.

A unit's is the day on which it last recorded an operation, less the days within which nine in ten of the operations
that it recorded in the last year were recorded. Of those days the latest but one is taken, so that no single odd date
moves it. What was recorded after more than a year was imported, and says nothing of the lag. Deaths, which come from
elsewhere, have such a day of their own, and nobody is followed beyond it: those not yet known to be dead would count
as at risk. A unit that has recorded nothing for a year has closed, so its patients are followed, wherever they go
now, as far as others are, less that year.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple

from streams.surveillance.bins import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.surveillance.bins import Change, Exposure

SILENT = 365
"""Days without a report after which a unit is taken to have closed."""

_MOST = 0.9
_AHEAD = 3653  # of others: so far may a unit's calendar run
_QUARTER, _QUARTERS = 91, 5  # the lag is that of the last five quarters, the present one among them
_FEW = 30  # deaths, below which their days lie too far apart to tell a day

Kind = Literal["recorded", "lag"]
_DEATHS = "(deaths)"
_BEFORE_ALL = -OPEN


class Report(NamedTuple):
    """What is counted.

    Attributes:
        unit: which; "(deaths)" for these.
        kind: recorded on a day, or so many days after it happened.
        number: the day or the days.
        quarter: of the days after it happened, in which 91 days it was recorded.
    """

    unit: str
    kind: Kind
    number: int
    quarter: int = 0


class _Reports:
    """How many were recorded on each day, and after how many days."""

    def __init__(self) -> None:
        self.recorded: dict[int, int] = {}
        self.lags: dict[int, dict[int, int]] = {}  # by quarter
        self.total = 0
        self._latest = _BEFORE_ALL

    def add(self, report: Report, more: int) -> int:
        """Let there be so many more; returns how many there are then."""
        counts = self.recorded if report.kind == "recorded" else self.lags.get(report.quarter, {})
        count = counts.get(report.number, 0) + more
        self.put(report, count)
        return count

    def put(self, report: Report, count: int) -> None:
        """Let there be so many."""
        number = report.number
        if report.kind == "lag":
            _set(self.lags.setdefault(report.quarter, {}), number, count)
            return
        self.total += count - self.recorded.get(number, 0)
        _set(self.recorded, number, count)
        if count or number == self._latest:
            self._latest = max(self._latest, number) if count else max(self.recorded, default=_BEFORE_ALL)

    def lag(self) -> int | None:
        """Days within which nine in ten were recorded in the last year; None where nothing was."""
        if not self.total:
            return None
        day = self._day()
        quarters = range(day // _QUARTER - _QUARTERS + 1, day // _QUARTER + 1)
        recent = sorted(one for quarter in quarters for one in self.lags.get(quarter, {}).items())
        wanted, so_far = _MOST * sum(count for _, count in recent), 0
        for lag, count in recent:
            so_far += count
            if so_far >= wanted:
                return lag
        return SILENT  # all was imported

    def through(self, lag: int | None) -> int | None:
        """The latest day but one that anything was recorded on, less the lag; None where less than two were."""
        return None if lag is None or self.total < 2 else self._day() - lag  # noqa: PLR2004 - the latest but one

    def _day(self) -> int:
        """The latest but one; of one alone, its day."""
        day = self._latest
        if self.recorded[day] == 1 < self.total:
            day -= 1
            while day not in self.recorded:  # most often the day before is
                day -= 1
        return day


class Clock:
    """What is known of when things are reported, of one group of exposures.

    Args:
        deaths: what ends by death are called.
    """

    def __init__(self, deaths: frozenset[str]) -> None:
        self._deaths = deaths
        self._units: dict[str, _Reports] = {}
        self._lag: dict[str, int | None] = {}  # by unit, as its reports, and so followed with them
        self._through: dict[str, int | None] = {}

    def take(self, changes: Iterable[Change]) -> dict[Report, int]:
        """Take changes; returns of each count that is another one now how much it is."""
        added: defaultdict[tuple[str, Kind, int, int], int] = defaultdict(int)
        for change in changes:
            before, after = change.before, change.after
            is_begun_alike = before is not None and after is not None and _began(before) == _began(after)
            for exposure, sign in ((before, -1), (after, 1)):
                if exposure is not None:
                    if not is_begun_alike:
                        known = exposure.start if exposure.recorded is None else exposure.recorded
                        _report(added, exposure.unit, exposure.start, known, sign)
                    if exposure.end_reason in self._deaths and exposure.end is not None:
                        _report(added, _DEATHS, exposure.end, exposure.end_recorded, sign)
        numbers = {}
        for key, more in added.items():
            if more:
                report = Report(*key)
                numbers[report] = self._of(report.unit).add(report, more)
        self._follow(numbers)
        return numbers

    def put(self, numbers: Mapping[Report, int]) -> None:
        """Let counts be what they are said to be."""
        for report, count in numbers.items():
            self._of(report.unit).put(report, count)
        self._follow(numbers)

    def lag(self, unit: str) -> int | None:
        """Days within which a unit recorded nine in ten of its operations; None where it has none."""
        return self._lag.get(unit)

    def through(self) -> dict[str, int | None]:
        """Each unit's reported-through day; None for all of them where too little is known."""
        own = {unit: day for unit, day in self._through.items() if day is not None and unit != _DEATHS}
        if not own:
            return dict.fromkeys(unit for unit in self._units if unit != _DEATHS)
        # the latest but one, so that no unit whose calendar runs ahead closes all others; of two either may have closed
        latest = sorted(own.values())[-2 if len(own) > 2 else -1]  # noqa: PLR2004 - likewise
        least = latest - SILENT
        deaths = self._units.get(_DEATHS)
        most = latest + _AHEAD
        known = self._through.get(_DEATHS)
        if deaths is not None and known is not None and deaths.total >= _FEW:
            most = max(known, least)
        units = (unit for unit in self._units if unit != _DEATHS)
        return {unit: min(max(own.get(unit, least), least), most) for unit in units}

    def _of(self, unit: str) -> _Reports:
        reports = self._units.get(unit)
        if reports is None:
            reports = self._units[unit] = _Reports()
        return reports

    def _follow(self, reports: Iterable[Report]) -> None:
        for unit in {report.unit for report in reports}:
            of_unit = self._units[unit]
            lag = self._lag[unit] = of_unit.lag()
            self._through[unit] = of_unit.through(lag)


def _report(
    added: defaultdict[tuple[str, Kind, int, int], int], unit: str, day: int, known: int | None, sign: int
) -> None:
    if known is None:
        return
    added[unit, "recorded", known, 0] += sign
    if known - day <= SILENT:
        added[unit, "lag", max(known - day, 0), known // _QUARTER] += sign


def _began(exposure: Exposure) -> tuple[str, int, int | None]:
    return exposure.unit, exposure.start, exposure.recorded


def _set(counts: dict[int, int], number: int, count: int) -> None:
    if count:
        counts[number] = count
    else:
        counts.pop(number, None)
