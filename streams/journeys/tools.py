"""What the functions call that `evaluation` makes of a registry's definitions: periods, bands, texts, first days."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from decimal import Decimal
from math import floor
from typing import TYPE_CHECKING, cast

from streams.journeys.first_exposure import product_and_lot, since, who
from streams.journeys.records import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.journeys.records import Record

_EPOCH = date(1970, 1, 1)
_MOST_KNOWN = 10_000
_NEVER = 1 << 40


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


def _first_day(found: Iterator[Record]) -> int:
    first = next(found, None)
    return _NEVER if first is None else cast("int", first[DAY])


def _day_from(day: int | None, start: int, more: int = 0) -> int:
    return _NEVER if day is None or day < start else day + more


TOOLS: Mapping[str, object] = {
    "NEVER": _NEVER,
    "NONE": (),
    "NOTHING": {},
    "calendar_year_of": _CalendarYears().__getitem__,
    "date_text": _date_text,
    "day_from": _day_from,
    "first_day": _first_day,
    "floor": floor,
    "len": len,
    "min": min,
    "next": next,
    "month_of": _Periods(1).__getitem__,
    "quarter_of": _Periods(3).__getitem__,
    "reversed": reversed,
    "sum": sum,
    "product_and_lot": product_and_lot,
    "since": since,
    "text": _text,
    "who": who,
    "year_of": _Periods(12).__getitem__,
}
