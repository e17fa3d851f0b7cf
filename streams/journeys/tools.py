"""What the functions call that `evaluation` makes of a registry's definitions: periods, bands, texts, first days."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from decimal import Decimal
from math import floor
from typing import TYPE_CHECKING

from streams.journeys.exposure_pieces import (
    NO_OPT_OUT,
    NOTHING_BEFORE,
    OPEN_STILL,
    course,
    made_by,
    product_and_lot,
    recorded,
    since,
    who,
)
from streams.journeys.records import DAY, DAY_MS, NEVER, RECORDED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.journeys.records import Record

_EPOCH = date(1970, 1, 1)
_MOST_KNOWN = 10_000
_NOT_YET: Record = [NEVER, 0]
"""What is found where there is nothing to find: a record of a day that does not come."""


class _Periods(dict[int, int]):
    """Days to the first day of their period, worked out once each."""

    def __init__(self, months: int) -> None:
        super().__init__()
        self._months = months

    def __missing__(self, day: int) -> int:
        when = _EPOCH + timedelta(days=day)
        first = date(when.year, (when.month - 1) // self._months * self._months + 1, 1)
        found = self[day] = (first - _EPOCH).days
        return found


class _CalendarYears(dict[int, int]):
    """Days to their year, worked out once each."""

    def __missing__(self, day: int) -> int:
        found = self[day] = (_EPOCH + timedelta(days=day)).year
        return found


class Bands(dict[float | None, str]):
    """Values to the label of their band, worked out once each."""

    def __init__(self, bounds: tuple[int, ...], labels: tuple[str, ...]) -> None:
        super().__init__()
        self._bounds = bounds
        self._labels = labels

    def __missing__(self, value: float | None) -> str:
        if len(self) >= _MOST_KNOWN:
            self.clear()  # measured to many digits, it would not be the same few values
        label = "" if value is None else self._labels[bisect_right(self._bounds, value)]
        self[value] = label
        return label


def _text(value: object) -> str:
    """A value as ClickHouse spells it too: no exponent, no digits behind the point that say nothing."""
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return str(value)


def _date_text(day: int | None) -> str:
    return "" if day is None else (_EPOCH + timedelta(days=day)).isoformat()


def _day_from(day: int | None, start: int, more: int = 0) -> int:
    return NEVER if day is None or day < start else day + more


def _ended(ends: Sequence[tuple[Record, str]]) -> tuple[int, str, int | None]:
    """(day, reason, day recorded) of the earliest of some ends, of equal ones the first."""
    day, reason, known = NEVER, "", None
    for record, why in ends:
        if record[DAY] < day:
            day, reason, known = record[DAY], why, record[RECORDED] // DAY_MS
    return day, reason, known


TOOLS: Mapping[str, object] = {
    "NEVER": NEVER,
    "NONE": (),
    "NOTHING": {},
    "NOTHING_BEFORE": NOTHING_BEFORE,
    "NOT_ENDED": (NEVER, "", None),
    "NOT_YET": _NOT_YET,
    "NO_DAYS": ((), ()),
    "NO_OPT_OUT": NO_OPT_OUT,
    "OPEN_STILL": OPEN_STILL,
    "calendar_year_of": _CalendarYears().__getitem__,
    "course": course,
    "date_text": _date_text,
    "day_from": _day_from,
    "ended": _ended,
    "floor": floor,
    "len": len,
    "made_by": made_by,
    "min": min,
    "next": next,
    "month_of": _Periods(1).__getitem__,
    "quarter_of": _Periods(3).__getitem__,
    "product_and_lot": product_and_lot,
    "recorded": recorded,
    "reversed": reversed,
    "since": since,
    "sum": sum,
    "text": _text,
    "who": who,
    "year_of": _Periods(12).__getitem__,
}
