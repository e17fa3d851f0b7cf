"""What a registration adds to cells, as Python source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.indicators import width
from streams.journeys.records import DAY, ID

if TYPE_CHECKING:
    from schemas.definition.indicators import Cohort, Indicator, Rate
    from streams.journeys.anchor_code import AnchorCode

_ALWAYS = "1"


class CellCode:
    """Writes the cohorts of one registry."""

    def __init__(self, anchor: AnchorCode) -> None:
        self._anchor = anchor
        self._source = anchor.source
        self._code = anchor.code

    def of(self, name: str, cohort: Cohort) -> list[str]:
        """The anchor's share of the cohort's vector, and of the cells by bucket."""
        lines: list[str] = []
        numbers: list[str] = []
        buckets: list[str] = []
        for indicator_name, indicator in cohort.indicators.items():
            prepared, parts, bucketed = self._share(indicator, cohort)
            lines += prepared
            numbers += parts
            if bucketed is not None:
                condition, bucket = bucketed
                key = f"({name!r}, unit, period, by, {indicator_name!r})"
                identity = f"{name!r}, a[{ID}], {indicator_name!r}"
                buckets += [f"if {condition}:", f"    {self._anchor.found_in_bucket(identity, key, bucket)}"]
        key = f"({name!r}, unit, period, by, '')"
        found = [
            f"period = {cohort.period}_of(a[{DAY}])",
            f"by = {self._anchor.labels(cohort, cohort.by)}",
            self._anchor.found_cell(f"{name!r}, a[{ID}]", key, "numbers"),
            *buckets,
        ]
        said = [*lines, f"numbers = ({', '.join(numbers)},)"]
        if _ALWAYS in numbers:
            return [*said, *found]
        return [*said, f"if numbers != {(0,) * width(cohort)!r}:", *(f"    {line}" for line in found)]

    def _share(self, indicator: Indicator, cohort: Cohort) -> tuple[list[str], list[str], tuple[str, str] | None]:
        """(statements, the parts' expressions, where it counts by bucket: when and which)."""
        form = cohort.form
        where = self._code.expression(indicator.where, form)
        counted = self._source.variable("n") if indicator.where is not None else _ALWAYS
        counting = [f"{counted} = 1 if {where} else 0"] if indicator.where is not None else []
        if indicator.kind == "count":
            return counting, [counted], None
        if indicator.kind == "proportion":
            holds = self._code.expression(indicator.numerator, form)
            return counting, [counted, f"1 if {_both(counted, holds)} else 0"], None
        if indicator.kind == "rate":
            prepared, parts, bucketed = self._person_time(indicator, cohort, counted)
            return [*counting, *prepared], parts, bucketed
        counted = self._source.variable("n")
        value = self._source.variable("v")
        prepared = [
            f"{value} = {self._code.place(form, indicator.value, 'a')}",
            f"{counted} = 1 if {_both(f'{value} is not None', where)} else 0",
            f"{value} = floor({value} / {indicator.resolution!r} + 0.5) if {counted} else 0",
        ]
        if indicator.kind == "mean":
            return prepared, [counted, value, f"{value} * {value}"], None
        return prepared, [counted], (counted, value)

    def _person_time(
        self, rate: Rate, cohort: Cohort, counted: str
    ) -> tuple[list[str], list[str], tuple[str, str] | None]:
        event, end, days = (self._source.variable(name) for name in ("event", "end", "days"))
        opened = self._source.variable("open")
        horizon = rate.horizon_days
        in_time = f"{event} == {end}" if horizon is None else f"{event} == {end} and {days} <= {horizon}"
        prepared = [f"{opened} = {counted}", f"{event} = {days} = 0"]
        may_end = self._anchor.may_end((rate.event, *rate.ends))
        if may_end is not None:
            prepared += [
                f"if {_both(counted, may_end)}:",
                f"    {event} = {self._anchor.first_day((rate.event,), cohort)}",
                f"    {end} = {self._anchor.first_day((rate.event, *rate.ends), cohort)}",
                f"    if {end} == NEVER:",
                f"        {event} = 0",
                "    else:",
                f"        {opened} = 0",
                f"        {days} = {end} - a[{DAY}]",
                f"        {event} = 1 if {in_time} else 0",
            ]
        if horizon is None:
            return prepared, [counted, event, days, opened, f"a[{DAY}] if {opened} else 0"], None
        return prepared, [counted, event, f"min({days}, {horizon})", "0", "0"], (opened, f"a[{DAY}]")


def _both(one: str, other: str) -> str:
    """The expression of both, less what always holds."""
    return " and ".join(part for part in (one, other) if part not in (_ALWAYS, "True")) or "True"
