"""Which unit has not reported for how long, and whether that is unusual for it.

As of a day D: what was recorded by D. Silence is counted from the day on which a unit last recorded anything,
whatever that told of. What is usual for a unit is learnt from the days before its last registration.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Literal

from sinks.clickhouse.queries.coverage_counts import Counted
from sinks.clickhouse.queries.coverage_shares import Bounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.definition.coverage import Silence
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.coverage_counts import Day

State = Literal["reports", "silent", "never reported", "nothing to report"]
_LATELY_MONTHS = 12
_ORDER: dict[State, int] = {"silent": 0, "never reported": 1, "reports": 2, "nothing to report": 3}


@dataclass(frozen=True, slots=True)
class ComplianceRow:
    """One unit of the catalogue (or one that registrations name and the catalogue has no more).

    Attributes:
        unit: its code.
        state: "silent": over the declared threshold. "never reported": has no registration. "nothing to
            report": likewise, and the source knows of nothing there in its latest twelve months.
        registered: all its registrations by the day of the reading.
        last_on: the latest day that they tell of; None where there are none.
        last_recorded: the day on which the last of them was recorded.
        days: from that day to the day of the reading.
        usual_interval: median of the days from one day with recordings to the next, in the declared time before
            the last one; None where there were fewer than two such days.
        expected: how many registrations its usual pace would have given since the last one; None likewise.
        late: share of what it recorded in that time which came late; None where there are no registrations.
        known_to_source: what the first declared definition's reference has of it in the source's latest twelve
            months; None where the source has told nothing of it.
    """

    unit: str
    state: State
    registered: int
    last_on: date | None
    last_recorded: date | None
    days: int | None
    usual_interval: float | None
    expected: float | None
    late: float | None
    known_to_source: Bounds | None

    @property
    def over(self) -> bool:
        """Whether somebody should ask the unit."""
        return self.state in ("silent", "never reported")


@dataclass(frozen=True, slots=True)
class Compliance:
    """All units, those to be asked first, the longest silence first.

    Attributes:
        until: the day that it is as of; None where nothing is registered and no day was given.
        rows: one per unit.
    """

    until: date | None
    rows: tuple[ComplianceRow, ...]


def read_compliance(
    client: Client, definition: RegistryDefinition, *, until: date | None = None, unit: str | None = None
) -> Compliance:
    """How every unit reports.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        until: the day that it is as of; the latest day on which anything was recorded where none is given. Where
            the whole register may have fallen silent, give the day of today.
        unit: this unit alone; all where None.

    Raises:
        NoCoverageError: the registry declares no coverage.
        DatabaseError: the database does not answer, or refuses.
    """
    counted = Counted(client, definition)
    silence = counted.coverage.silence
    as_of = until or counted.latest_day()
    daily = {} if as_of is None else counted.daily(as_of, silence.late_after_days, unit)
    known = _known_to_source(counted)
    every = sorted(counted.units.keys() | daily.keys()) if unit is None else [unit]
    rows = [_row(one, daily.get(one, ()), silence, as_of, known.get(one)) for one in every]
    rows.sort(key=lambda row: (_ORDER[row.state], -(row.days or 0)))
    return Compliance(as_of, tuple(rows))


def _row(unit: str, daily: Sequence[Day], silence: Silence, until: date | None, known: Bounds | None) -> ComplianceRow:
    if not daily or until is None:
        state: State = "nothing to report" if known is not None and known.high == 0 else "never reported"
        return ComplianceRow(unit, state, 0, None, None, None, None, None, None, known)
    last = daily[-1].recorded_on
    days = (until - last).days
    lately = [day for day in daily if (last - day.recorded_on).days < silence.usual_over_days]
    pace = _pace(daily, lately, silence.usual_over_days)
    expected = None if pace is None else pace * days
    too_long = days > silence.after_days and (expected is None or expected >= silence.expected_at_least)
    gaps = [(later.recorded_on - day.recorded_on).days for day, later in pairwise(lately)]
    registered = sum(day.registered for day in lately)
    return ComplianceRow(
        unit=unit,
        state="silent" if too_long else "reports",
        registered=sum(day.registered for day in daily),
        last_on=max(day.latest_on for day in daily),
        last_recorded=last,
        days=days,
        usual_interval=float(median(gaps)) if gaps else None,
        expected=expected,
        late=sum(day.late for day in lately) / registered,
        known_to_source=known,
    )


def _pace(daily: Sequence[Day], lately: Sequence[Day], usual_over_days: int) -> float | None:
    """Registrations a day before the last one; of a unit that began meanwhile, since the day it began."""
    if len(lately) < len(daily):
        return sum(day.registered for day in lately) / usual_over_days
    span = (daily[-1].recorded_on - daily[0].recorded_on).days
    return sum(day.registered for day in daily[1:]) / span if span else None


def _known_to_source(counted: Counted) -> dict[str, Bounds]:
    """What the source's latest twelve months have of each unit that it told of."""
    first = next(iter(counted.coverage.definitions.values()))
    told = counted.told()
    latest = max((month for months in told.values() for month in months), default=None)
    if latest is None:
        return {}
    begins = latest.year * 12 + latest.month - _LATELY_MONTHS
    since = date(begins // 12, begins % 12 + 1, 1)
    return {
        unit: sum(
            (
                one.count
                for month, measures in months.items()
                if month >= since
                for name, one in measures.items()
                if name in first.reference
            ),
            Bounds(),
        )
        for unit, months in told.items()
    }
