"""The exposures that a company database counts, as one subquery: each followed until it failed, ended, or the last day.

A day is a whole number of days since 1970. Somebody is followed from the day of the operation until the failure that is
asked about, or else until the exposure ended, or else until the last day; a failure on the day of a death counts as a
failure. The year of 365.25 days is `exposures`' own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.definition.form import DEATH
from sinks.clickhouse import sql
from sinks.clickhouse.migrations.opt_outs import counts
from sinks.clickhouse.queries.company_database.choice import FAILURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

    from schemas.definition.monitors import Exposure
    from schemas.definition.registry import RegistryDefinition

    IsSuch = Callable[[Exposure, str], bool]

FAILED, DIED, FOLLOWED = 0, 1, 2
"""How the time until a failure ended, in the order in which what happened on one day counts."""


NEVER = 1 << 30
"""A day that does not come."""
MONTH = "toYear(start) * 12 + toMonth(start) - 1"
"""SQL of the months since the year 0."""
_EPOCH = 719_163


@dataclass(frozen=True, slots=True)
class Source:
    """Whose exposures are read, of which day.

    Attributes:
        definition: the registry, with the generation that readers use.
        kinds: monitor groups.
        until: the day of the reading.
        years: how many calendar years make one time.
        fact: the stratum that patients are told apart by; None where they are not.
    """

    definition: RegistryDefinition
    kinds: tuple[str, ...]
    until: date
    years: int
    fact: str | None = None

    @property
    def table(self) -> str:
        """The exposures, which are read with FINAL."""
        return sql.table(self.database, "exposures")

    @property
    def database(self) -> str:
        """The registry's own."""
        return sql.database_of(self.definition.name)

    def cells(self, where: str, *more: str) -> str:
        """Kind, product, clinic, time, month, value and person of each exposure, and ``more`` columns."""
        told = "".join(f", {one}" for one in more)
        return (
            f"SELECT `group` AS kind, product, unit AS clinic, {self._time} AS time, {MONTH} AS month, "
            f"{self.value} AS value, sipHash64(patient) AS person{told}\n"
            f"FROM {self.table} FINAL\nWHERE {self.present(where)}"
        )

    def followed(self, where: str) -> str:
        """The same, with how each fared: what is carried now, when it failed in each sense, and how long it took.

        ``<failure>_day`` is ``NEVER`` where it did not fail, ``<failure>_days`` the days until it did or was followed
        no longer, ``<failure>_end`` how that ended.
        """
        until = days_of(self.until)
        died = f"ended_day <= {until} AND {self._ended_by(lambda _, form: form == DEATH)}"
        days = {
            "revision": f"if({self._ended_by(_is_outcome)}, ended_day, {NEVER})",
            "reoperation": _day_or_never("first_outcome"),
            "specific": _day_or_never("first_specific"),
        }
        found = ", ".join(
            f"{days[name]} AS {name}_day, least({name}_day, stopped) - first_day AS {name}_days, "
            f"multiIf({name}_day <= {until}, {FAILED}, died, {DIED}, {FOLLOWED}) AS {name}_end"
            for name in FAILURES
        )
        return (
            f"SELECT `group` AS kind, product, unit AS clinic, {self._time} AS time, {MONTH} AS month, "
            f"{self.value} AS value, sipHash64(patient) AS person, patient, registration_id, "
            f"side, lot, "
            f"toInt32(start) AS first_day, {_day_or_never('`end`')} AS ended_day, "
            f"least(ended_day, {until}) AS stopped, {died} AS died, "
            f"{_day_or_never('carried_until')} > {until} AS carried, {found}\n"
            f"FROM {self.table} FINAL\nWHERE {self.present(where)}"
        )

    def present(self, where: str) -> str:
        """The condition that an exposure is there and counts, besides another."""
        return (
            f"generation = {sql.text(self.definition.generation)} AND `group` IN {texts(self.kinds)} AND present "
            f"AND start <= {date_of(self.until)} AND ({where}) AND {counts(self.database, 'patient', 'version')}"
        )

    @property
    def value(self) -> str:
        """SQL of what the fact says."""
        if self.fact is None:
            return "''"
        exposures = self.definition.monitors.exposures
        places = {kind: list(exposures[kind].by).index(self.fact) + 1 for kind in self.kinds}
        if len(set(places.values())) == 1:
            return f"by[{next(iter(places.values()))}]"
        return f"by[transform(`group`, {texts(places)}, [{', '.join(map(str, places.values()))}], 1)]"

    @property
    def _time(self) -> str:
        return f"toYear(start) - toYear(start) % {int(self.years)}"

    def _ended_by(self, is_such: IsSuch) -> str:
        """Whether what ended an exposure is such an end."""
        exposures = self.definition.monitors.exposures
        such = [
            f"({sql.text(kind)}, {sql.text(end.reason)})"
            for kind in self.kinds
            for end in exposures[kind].ends
            if is_such(exposures[kind], str(end.form))
        ]
        return f"(`group`, end_reason) IN ({', '.join(such)})" if such else "false"


def _day_or_never(column: str) -> str:
    return f"ifNull(toInt32({column}), {NEVER})"


def _is_outcome(exposure: Exposure, form: str) -> bool:
    return form == exposure.outcomes.form


def month_of(day: date) -> int:
    """The months since the year 0."""
    return day.year * 12 + day.month - 1


def days_of(day: date) -> int:
    """The days since 1970."""
    return day.toordinal() - _EPOCH


def date_of(day: date) -> str:
    """SQL of a day."""
    return f"toDate32({sql.text(day.isoformat())})"


def texts(values: Iterable[str]) -> str:
    """SQL of an array of texts, which may be empty."""
    return f"[{', '.join(map(sql.text, values))}]::Array(String)"


class Matrix:
    """A letter for each of many combinations of texts and numbers, as one literal that a query looks letters up in.

    Args:
        axes: by column, the values that it may have.
        letters: by combination, in the order of the axes; where there is none it is "-".
    """

    def __init__(self, axes: Mapping[str, Sequence[Any]], letters: Mapping[tuple[Any, ...], str]) -> None:
        self._axes = axes
        size = 1
        for values in axes.values():
            size *= len(values)
        found = ["-"] * size
        places = [{value: place for place, value in enumerate(values)} for values in axes.values()]
        for combination, letter in letters.items():
            place = 0
            for axis, value in zip(places, combination, strict=True):
                place = place * len(axis) + axis[value]
            found[place] = letter
        self._text = "".join(found)

    @property
    def letter(self) -> str:
        """SQL of a row's letter; "-" where a column has a value that is not on its axis."""
        place, known = "0", []
        for column, values in self._axes.items():
            literal = texts(map(str, values)) if isinstance(next(iter(values), ""), str) else str(list(values))
            numbers = f"range(1, {len(values) + 1})"
            there = f"transform({column}, {literal}, {numbers}, 0)" if values else "0"
            place = f"({place} * {len(values)} + {there} - 1)"
            known.append(f"{there} > 0")
        return f"if({' AND '.join(known)}, substring({sql.text(self._text)}, toInt64({place}) + 1, 1), '-')"
