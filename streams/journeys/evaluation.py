"""What a journey comes to: its share of every cell, its exposures, its list entries.

The definitions become one straight-line function per registry (as `schemas.compiled` does for Avro):
for each form, for each registration of it, every cohort, list and exposure that begins there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from math import floor
from typing import TYPE_CHECKING, Any, cast

from schemas.compiled import Source
from schemas.definition.indicators import UNRESOLVED, width
from streams.journeys.conditions import ConditionCode, between, day_of
from streams.journeys.records import DAY, FORM, ID, VERSION, Records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from schemas.definition.indicators import (
        Anchors,
        Breakdown,
        Cohort,
        End,
        Following,
        Indicator,
        PatientList,
        Rate,
    )
    from schemas.definition.monitors import Exposure
    from schemas.definition.registry import RegistryDefinition
    from streams.journeys.records import Record

CellKey = tuple[Any, ...]
"""(cohort, unit, period, by as a tuple, indicator, bucket)."""
ExposureState = dict[str, Any]
"""As ``ExposureBatch`` has it."""
ListedState = tuple[Any, ...]
"""(unit, day, shown)."""

_EPOCH = date(1970, 1, 1)


@dataclass(slots=True)  # not frozen: to make one would cost three times as much
class Findings:
    """What one journey comes to.

    Attributes:
        shares: by an identity within the journey, (cell, numbers to add to it).
        exposures: by (group, registration id).
        listed: by (list, form, registration id).
    """

    shares: dict[tuple[Any, ...], tuple[CellKey, tuple[int, ...]]]
    exposures: dict[tuple[str, str], ExposureState]
    listed: dict[tuple[str, str, str], ListedState]


def compile_evaluation(definition: RegistryDefinition, records: Records) -> Callable[[list[Record]], Findings]:
    """The function of a registry's journeys; it takes the records in order of day and version."""
    writer = _Writer(definition, records)
    return cast("Callable[[list[Record]], Findings]", writer.function())


class _Writer:
    """Writes the source of ``evaluate(J)``; in it ``a`` is the registration looked at."""

    def __init__(self, definition: RegistryDefinition, records: Records) -> None:
        self._definition = definition
        self._records = records
        self._source = Source()
        self._code = ConditionCode(definition, records, self._source)
        self._shared: dict[str, str] = {}  # labels that several anchors of one loop have, and their variable

    def function(self) -> Callable[..., Any]:
        """The function, of all that is declared."""
        blocks = [*self._attributions(), *((form, self._of_form(form)) for form in self._records.forms)]
        source = self._source
        forms = len(self._records.forms)
        with source.block("def evaluate(J):"):
            source.add(f"F = [{', '.join('[]' for _ in range(forms))}]")
            with source.block("for r in J:"):
                source.add(f"F[r[{FORM}]].append(r)")
            source.add(f"T = [{', '.join('NOTHING' for _ in range(forms))}]", "C = {}", "X = {}", "L = {}")
            for name, fact in sorted(self._definition.journey.persons.items()):
                place = self._records.form_at(fact.form)
                last = self._code.place(fact.form, fact.field, f"F[{place}][-1]")
                source.add(f"p_{name} = {last} if F[{place}] else None")
            for form, lines in blocks:
                if lines:
                    with source.block(f"if F[{self._records.form_at(form)}]:"):
                        source.add(*lines)
            source.add("return Findings(C, X, L)")
        return source.function("evaluate", _TOOLS)

    def _attributions(self) -> Iterator[tuple[str, list[str]]]:
        """Which record each outcome belongs to, before anything else asks; those that fit nothing are listed."""
        for outcome, rule in sorted(self._definition.journey.attributions.items()):
            place, to = self._records.form_at(outcome), self._records.form_at(rule.to)
            fits = [f"r[{DAY}] <= a[{DAY}]", *self._code.equal(rule.same, outcome, "a", rule.to, "r")]
            wanted = " and ".join(fits)
            source = self._source
            name = source.variable("target")
            with source.block(f"def {name}(a, F):"):
                if rule.reference is not None:
                    source.add(f"named = {self._code.place(outcome, rule.reference, 'a')}")
                    with source.block("if named is not None:"):
                        with source.block(f"for r in F[{to}]:"), source.block(f"if r[{ID}] == named:"):
                            source.add(f"return r if {wanted} else None")
                        source.add("return None")
                with source.block(f"for r in reversed(F[{to}]):"), source.block(f"if {wanted}:"):
                    source.add("return r")
                source.add("return None")
            yield (
                outcome,
                [
                    f"T[{place}] = targets = {{}}",
                    f"for a in F[{place}]:",
                    f"    target = {name}(a, F)",
                    "    if target is None:",
                    f"        unit = {self._code.role(outcome, 'unit', 'a')}",
                    f"        L[{UNRESOLVED!r}, {outcome!r}, a[{ID}]] = (unit, a[{DAY}], ())",
                    "    else:",
                    f"        targets[a[{VERSION}]] = target",
                ],
            )

    def _of_form(self, form: str) -> list[str]:
        """All that begins at a form's registrations: one loop for what looks at each, one for each choice of some."""
        begins: list[tuple[Anchors, list[str]]] = [
            *((one, self._cells_of(name, one)) for name, one in sorted(self._definition.indicators.cohorts.items())
              if one.form == form),
            *((one, self._entry_of(name, one)) for name, one in sorted(self._definition.indicators.lists.items())
              if one.form == form),
            *((one, self._exposure_of(name, one)) for name, one in sorted(self._definition.monitors.exposures.items())
              if one.form == form),
        ]  # fmt: skip
        if not begins:
            return []
        place = self._records.form_at(form)
        head = [f"    unit = {self._code.role(form, 'unit', 'a')}"]
        shared = [f"    {name} = {labels}" for labels, name in self._shared.items()]
        self._shared.clear()
        each: list[str] = []
        chosen: list[str] = []
        for anchors, lines in begins:
            where = self._code.expression(anchors.where, form)
            if anchors.once_per is not None:
                period = "0" if anchors.once_per == "person" else f"{anchors.once_per}_of(a[{DAY}])"
                chosen += ["chosen = {}", f"for a in F[{place}]:", f"    if {where}:", f"        chosen[{period}] = a"]
                chosen += ["for a in chosen.values():", *head, *(f"    {line}" for line in lines)]
            elif anchors.where is None:
                each += [f"    {line}" for line in lines]
            else:
                each += [f"    if {where}:", *(f"        {line}" for line in lines)]
        return [*([f"for a in F[{place}]:", *head, *shared, *each] if each else []), *chosen]

    def _cells_of(self, name: str, cohort: Cohort) -> list[str]:
        """The anchor's share of the cohort's vector, and of the cells by bucket."""
        lines: list[str] = []
        numbers: list[str] = []
        buckets: list[str] = []
        for indicator_name, indicator in cohort.indicators.items():
            prepared, parts, bucketed = self._share(indicator, cohort.form)
            lines += prepared
            numbers += parts
            if bucketed is not None:
                condition, bucket = bucketed
                key = f"({name!r}, unit, period, by, {indicator_name!r}, {bucket})"
                buckets += [f"if {condition}:", f"    C[{name!r}, a[{ID}], {indicator_name!r}] = ({key}, ONE)"]
        by = self._labels(cohort, cohort.by)
        return [
            *lines,
            f"numbers = ({', '.join(numbers)},)",
            f"if numbers != {(0,) * width(cohort)!r}:",
            f"    period = {cohort.period}_of(a[{DAY}])",
            f"    by = {by}",
            f"    C[{name!r}, a[{ID}]] = (({name!r}, unit, period, by, '', 0), numbers)",
            *(f"    {line}" for line in buckets),
        ]

    def _share(self, indicator: Indicator, form: str) -> tuple[list[str], list[str], tuple[str, str] | None]:
        """(statements, the parts' expressions, where it counts by bucket: when and which)."""
        where = self._code.expression(indicator.where, form)
        counted = self._source.variable("n") if indicator.where is not None else "1"
        counting = [f"{counted} = 1 if {where} else 0"] if indicator.where is not None else []
        if indicator.kind == "count":
            return counting, [counted], None
        if indicator.kind == "proportion":
            holds = self._code.expression(indicator.numerator, form)
            return counting, [counted, f"1 if {counted} and {holds} else 0"], None
        if indicator.kind == "rate":
            prepared, parts, bucketed = self._person_time(indicator, form, counted)
            return [*counting, *prepared], parts, bucketed
        counted = self._source.variable("n")
        value = self._source.variable("v")
        prepared = [
            f"{value} = {self._code.place(form, indicator.value, 'a')}",
            f"{counted} = 1 if {value} is not None and {where} else 0",
            f"{value} = floor({value} / {indicator.resolution!r} + 0.5) if {counted} else 0",
        ]
        if indicator.kind == "mean":
            return prepared, [counted, value, f"{value} * {value}"], None
        return prepared, [counted], (counted, value)

    def _person_time(self, rate: Rate, form: str, counted: str) -> tuple[list[str], list[str], tuple[str, str] | None]:
        event, end, days = (self._source.variable(name) for name in ("event", "end", "days"))
        opened = self._source.variable("open")
        others = [self._first_day(one, form) for one in rate.ends]
        nearest = f"min({', '.join((event, *others))})" if others else event
        horizon = rate.horizon_days
        in_time = f"{event} == {end}" if horizon is None else f"{event} == {end} and {days} <= {horizon}"
        prepared = [
            f"{opened} = {counted}",
            f"{event} = {days} = 0",
            f"if {counted} and {self._may_end((rate.event, *rate.ends))}:",
            f"    {event} = {self._first_day(rate.event, form)}",
            f"    {end} = {nearest}",
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

    def _may_end(self, ends: Iterable[Following | End]) -> str:
        """An expression that is false where nothing can be found, as in most journeys; quick to look at."""
        if any(end.form is None for end in ends):
            return "True"
        places = sorted({self._records.form_at(str(end.form)) for end in ends})
        return f"({' or '.join(f'F[{place}]' for place in places)})"

    def _first_day(self, end: Following | End, form: str) -> str:
        """The expression of the first day that something ends follow-up on; NEVER where nothing does."""
        if end.form is None:  # an End that is a date of the registration itself
            return f"day_from({self._code.place(form, str(end.field), 'a')}, a[{DAY}])"
        name = self._code.following(end, form)
        place = self._records.form_at(end.form)
        return f"(first_day({name}(a, F, T)) if F[{place}] else NEVER)"

    def _entry_of(self, name: str, declared: PatientList) -> list[str]:
        form = declared.form
        shown = "".join(f"{self._shown(form, field)}, " for field in declared.show)
        state = f"(unit, a[{DAY}], ({shown}))"
        return [
            f"if {self._code.expression(declared.when, form)}:",
            f"    L[{name!r}, {form!r}, a[{ID}]] = {state}",
        ]

    def _shown(self, form: str, field: str) -> str:
        kind = next((one.kind for one in self._definition.forms[form].fields if one.name == field), "int")
        place = self._code.place(form, field, "a")
        return f"date_text({place})" if kind == "date" else f"text({place})"

    def _exposure_of(self, name: str, exposure: Exposure) -> list[str]:
        form = exposure.form
        code = self._code
        lot = "''" if exposure.lot is None else f"({code.place(form, exposure.lot, 'a')} or '')"
        by = self._labels(exposure, exposure.by)
        outcomes = code.following(exposure.outcomes, form)
        state = (
            f"{{'product': product, 'lot': {lot}, 'unit': unit, "
            f"'side': {code.role(form, 'side', 'a')}, 'by': {by}, 'start': a[{DAY}], "
            "'end': None if end == NEVER else end, 'end_reason': reason, 'outcomes': len(days), "
            "'first_outcome': days[0] if days else None}"
        )
        return [
            f"product = {code.place(form, exposure.product, 'a')}",
            "if product is not None:",
            "    end, reason, days = NEVER, '', NONE",
            f"    if {self._may_end((exposure.outcomes, *exposure.ends))}:",
            *(
                line
                for one in exposure.ends
                for line in (
                    f"        day = {self._first_day(one, form)}",
                    "        if day < end:",
                    f"            end, reason = day, {one.reason!r}",
                )
            ),
            f"        days = [r[{DAY}] for r in {outcomes}(a, F, T) if r[{DAY}] <= end]",
            f"    X[{name!r}, a[{ID}]] = {state}",
        ]

    def _labels(self, anchors: Anchors, by: Mapping[str, Breakdown]) -> str:
        """The expression of the breakdowns' texts; worked out once where every registration is looked at."""
        labels = f"({''.join(f'{self._label(breakdown, anchors.form)}, ' for breakdown in by.values())})"
        if anchors.where is not None or anchors.once_per is not None or not by:
            return labels
        if labels not in self._shared:
            self._shared[labels] = self._source.variable("by")
        return self._shared[labels]

    def _label(self, breakdown: Breakdown, form: str) -> str:
        if breakdown.person is not None:
            fact = self._definition.journey.persons[breakdown.person]
            form, field, place = fact.form, fact.field, f"p_{breakdown.person}"
        else:
            field = str(breakdown.field)
            place = self._code.place(form, field, "a")
        if breakdown.bands:
            return f"band({place}, {breakdown.bands!r}, {breakdown.labels!r})"
        kind = next((one.kind for one in self._definition.forms[form].fields if one.name == field), "int")
        return f"({place} or '')" if kind == "string" else f"text({place})"


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


def _band(value: float | None, bounds: tuple[int, ...], labels: tuple[str, ...]) -> str:
    if value is None:
        return ""
    at = 0
    for bound in bounds:
        if value < bound:
            break
        at += 1
    return labels[at]


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


_NEVER = 1 << 40


def _first_day(found: Iterator[Record]) -> int:
    first = next(found, None)
    return _NEVER if first is None else cast("int", first[DAY])


def _day_from(day: int | None, start: int) -> int:
    return _NEVER if day is None or day < start else day


_TOOLS: Mapping[str, object] = {
    "Findings": Findings,
    "NEVER": _NEVER,
    "NONE": [],
    "NOTHING": {},
    "ONE": (1,),
    "band": _band,
    "between": between,
    "date_text": _date_text,
    "day_from": _day_from,
    "day_of": day_of,
    "first_day": _first_day,
    "floor": floor,
    "len": len,
    "min": min,
    "month_of": _Periods(1).__getitem__,
    "quarter_of": _Periods(3).__getitem__,
    "reversed": reversed,
    "text": _text,
    "year_of": _Periods(12).__getitem__,
}
