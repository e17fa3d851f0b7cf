"""Reported-through days: up to which day what happened to the patients of a unit is known by now.

A unit's is the day on which it last recorded an operation, less the days within which nine in ten of its operations
were recorded. Of those days the latest but one is taken, so that no single odd date moves it. Deaths, which come from
elsewhere, have such a day of their own, and nobody is followed beyond it: those not yet known to be dead would count
as at risk. A unit that has recorded nothing for a year has closed, so its patients are followed, wherever they go
now, as far as others are, less that year.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.surveillance.bins import Change

SILENT = 365
"""Days without a report after which a unit is taken to have closed."""

_MOST = 0.9
_LONGEST = 3653  # a lag longer than ten years says no more than one of ten
_FEW = 30  # deaths, below which their days lie too far apart to tell a day

Kind = Literal["recorded", "lag"]
_DEATHS = ""


class Report(NamedTuple):
    """What is counted.

    Attributes:
        unit: which; empty for deaths.
        kind: recorded on a day, or so many days after it happened.
        number: the day or the days.
    """

    unit: str
    kind: Kind
    number: int


class _Reports:
    """How many were recorded on each day, and after how many days."""

    def __init__(self) -> None:
        self.counts: dict[Kind, dict[int, int]] = {"recorded": {}, "lag": {}}
        self.totals: Counter[Kind] = Counter()
        self._latest = 0

    def put(self, kind: Kind, number: int, count: int) -> None:
        """Let there be so many."""
        counts = self.counts[kind]
        self.totals[kind] += count - counts.get(number, 0)
        if count:
            counts[number] = count
        else:
            del counts[number]
        if kind == "recorded" and (count or number == self._latest):
            self._latest = max(self._latest, number) if count else max(counts, default=0)

    def add(self, kind: Kind, number: int, more: int) -> int:
        """Let there be so many more; returns how many there are."""
        count = self.counts[kind].get(number, 0) + more
        self.put(kind, number, count)
        return count

    def lag(self) -> int | None:
        """Days within which nine in ten were recorded; None where nothing was."""
        wanted, so_far = _MOST * self.totals["lag"], 0
        for lag, count in sorted(self.counts["lag"].items()):
            so_far += count
            if so_far >= wanted:
                return lag
        return None

    def through(self) -> int | None:
        """The latest day but one that anything was recorded on, less the lag; None where less than two were."""
        lag, day = self.lag(), self._latest
        if lag is None or self.totals["recorded"] < 2:  # noqa: PLR2004 - the latest but one
            return None
        recorded = self.counts["recorded"]
        if recorded[day] == 1:
            day -= 1
            while day not in recorded:  # most often the day before is
                day -= 1
        return day - lag


class Clock:
    """What is known of when things are reported, of one group of exposures.

    Args:
        deaths: what ends by death are called.
    """

    def __init__(self, deaths: frozenset[str]) -> None:
        self._deaths = deaths
        self._units: defaultdict[str, _Reports] = defaultdict(_Reports)
        self._through: dict[str, int | None] = {}

    def take(self, changes: Iterable[Change]) -> dict[Report, int]:
        """Take changes; returns of each count that is another one now how much it is."""
        recorded: defaultdict[tuple[str, int], int] = defaultdict(int)
        lags: defaultdict[tuple[str, int], int] = defaultdict(int)
        deaths = self._deaths
        for change in changes:
            for exposure, sign in ((change.before, -1), (change.after, 1)):
                if exposure is None:
                    continue
                unit, start, known = exposure.unit, exposure.start, exposure.recorded
                if known is None:
                    known = start
                recorded[unit, known] += sign
                lag = known - start
                lags[unit, lag if 0 <= lag <= _LONGEST else _lag(start, known)] += sign
                if exposure.end_reason in deaths and exposure.end is not None and exposure.end_recorded is not None:
                    recorded[_DEATHS, exposure.end_recorded] += sign
                    lags[_DEATHS, _lag(exposure.end, exposure.end_recorded)] += sign
        kinds: tuple[tuple[Kind, dict[tuple[str, int], int]], ...] = (("recorded", recorded), ("lag", lags))
        numbers = {
            Report(unit, kind, number): self._units[unit].add(kind, number, more)
            for kind, added in kinds
            for (unit, number), more in added.items()
            if more
        }
        self._follow({report.unit for report in numbers})
        return numbers

    def put(self, numbers: Mapping[Report, int]) -> None:
        """Let counts be what they are said to be."""
        for report, count in numbers.items():
            self._units[report.unit].put(report.kind, report.number, count)
        self._follow({report.unit for report in numbers})

    def lag(self, unit: str) -> int | None:
        """Days within which a unit recorded nine in ten of its operations; None where it has none."""
        reports = self._units.get(unit)
        return None if reports is None else reports.lag()

    def through(self) -> dict[str, int]:
        """Each unit's reported-through day; those of which none is known left out."""
        own = {unit: day for unit, day in self._through.items() if day is not None and unit != _DEATHS}
        if not own:
            return {}
        latest = sorted(own.values())[-2:][0]  # but one, where there are two
        least = latest - SILENT
        deaths = self._units.get(_DEATHS)
        most = latest + _LONGEST
        known = self._through.get(_DEATHS)
        if deaths is not None and known is not None and deaths.totals["recorded"] >= _FEW:
            most = max(known, least)
        units = (unit for unit in self._units if unit != _DEATHS)
        return {unit: min(max(own.get(unit, least), least), most) for unit in units}

    def _follow(self, units: Iterable[str]) -> None:
        for unit in units:
            self._through[unit] = self._units[unit].through()


def _lag(happened: int, recorded: int) -> int:
    return min(max(recorded - happened, 0), _LONGEST)
