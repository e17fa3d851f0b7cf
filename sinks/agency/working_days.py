"""Working days, and the last day of a period that is told in days, by Regulation (EEC, Euratom) No 1182/71."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from holidays import HolidayBase, country_holidays

_DAY = timedelta(days=1)
_SATURDAY = 5
_FEWEST_WORKING_DAYS = 2
"""What any period of two days or more has at least (Art. 3(5))."""


@dataclass(frozen=True)
class WorkingDays:
    """All days but Saturdays, Sundays and public holidays, where the action is to be taken (Art. 2).

    Which days are public holidays is a named set of the package ``holidays``: a country's code and its categories.
    Sweden's set "public" is the Act on public holidays (1989:253). The eves of midsummer, Christmas and New Year are
    not in it (they are in "de_facto"): whoever works with the shorter list is never late by the longer one.

    Attributes:
        country: its code by ISO 3166-1.
        categories: of the package's holidays of that country.

    Raises:
        ValueError: the package does not know the country or the category.
    """

    country: str = "SE"
    categories: tuple[str, ...] = ("public",)
    _holidays: HolidayBase = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            found = country_holidays(self.country, categories=self.categories)
        except (NotImplementedError, ValueError) as error:
            named = ", ".join(self.categories)
            raise ValueError(f"no set of public holidays is known of {self.country} and {named}: {error}") from error
        object.__setattr__(self, "_holidays", found)

    def __contains__(self, day: date) -> bool:
        """Whether one works that day."""
        return day.weekday() < _SATURDAY and day not in self._holidays

    def last_day(self, day_zero: date, days: int) -> date:
        """The last day of a period of so many calendar days, that of the event itself (day 0) not counted.

        A last day on which nobody works gives way to the next working day (Art. 3(4)), and a period of two days or
        more ends when it has had two working days (Art. 3(5)); the days between count as they are (Art. 3(3)).

        Raises:
            ValueError: the period has no day.
        """
        if days < 1:
            raise ValueError(f"days is {days}, and a period has one day at least")
        worked, last = 0, day_zero
        wanted = min(days, _FEWEST_WORKING_DAYS)
        nominal = day_zero + days * _DAY
        while last < nominal or last not in self or worked < wanted:
            last += _DAY
            worked += last in self
        return last
