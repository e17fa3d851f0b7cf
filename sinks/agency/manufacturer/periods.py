"""Periods of whole months, one after the other, from a day that is declared."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from typing import NamedTuple


class Period(NamedTuple):
    """From a day to a day, both included."""

    first: date
    last: date

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last


def period(start: date, months: int, number: int) -> Period:
    """The period of a number, from 0.

    Args:
        start: the first day of the first.
        months: how long each is, 1 or more.
        number: which.
    """
    following = months_later(start, months * (number + 1))
    return Period(months_later(start, months * number), following - timedelta(days=1))


def months_later(day: date, months: int) -> date:
    """The same day some months later; the last of the month, where it has none such."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
