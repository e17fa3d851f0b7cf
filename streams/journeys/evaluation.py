"""What a journey comes to: its share of every cell, its exposures, its list entries.

The definitions become straight-line functions (as `schemas.compiled` does for Avro): for each form, for each
registration of it, every cohort, list and exposure that begins there. Most journeys of most registers begin
with one registration and stay so for long; for those there is one function a form, of the same text less all
that asks for other registrations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.compiled import Source
from schemas.definition.indicators import UNRESOLVED, width
from schemas.definition.monitors import BETWEEN
from streams.journeys.conditions import ConditionCode
from streams.journeys.records import DAY, FORM, ID, RECORDED, Records
from streams.journeys.tools import TOOLS, Bands

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
    from schemas.definition.monitors import Group
    from schemas.definition.registry import RegistryDefinition
    from streams.journeys.records import Record

CellKey = tuple[Any, ...]
"""(cohort, unit, period, by as a tuple, indicator); the indicator is empty where it is the cohort's vector."""
ListedState = tuple[Any, ...]
"""(unit, day, shown)."""


@dataclass(slots=True)  # not frozen: to make one would cost three times as much
class Findings:
    """What one journey comes to.

    Attributes:
        shares: by an identity within the journey, (cell, numbers to add to it).
        counted: likewise, (cell, the bucket of it that it counts in).
        exposures: by (group, registration id), the bytes of the state as ``ExposureBatch`` has it.
        listed: by (list, form, registration id).
    """

    shares: dict[tuple[Any, ...], tuple[CellKey, tuple[int, ...]]]
    counted: dict[tuple[Any, ...], tuple[CellKey, int]]
    exposures: dict[tuple[str, str], bytes]
    listed: dict[tuple[str, str, str], ListedState]


class Evaluation(NamedTuple):
    """A registry's definitions as functions.

    Attributes:
        journey: what a journey comes to; it takes the records in their order.
        alone: by the place of its form, what a journey of one record comes to; adds it to the changes at once:
            ``f(record, patient, cells, counts, exposures, entries)``.
    """

    journey: Callable[[list[Record]], Findings]
    alone: tuple[Callable[[Record, str, Any, Any, Any, Any], None], ...]


def compile_evaluation(definition: RegistryDefinition, records: Records) -> Evaluation:
    """The functions of a registry's journeys."""
    return _Writer(definition, records).functions()


class _Writer:
    """Writes the source; in it ``a`` is the registration looked at."""

    def __init__(self, definition: RegistryDefinition, records: Records) -> None:
        self._definition = definition
        self._records = records
        self._source = Source()
        self._code = ConditionCode(definition, records, self._source)
        self._tools: dict[str, object] = {}
        self._alone = False
        self._shared: dict[str, str] = {}  # expressions that several anchors of one loop have, and their variable

    def functions(self) -> Evaluation:
        """The functions, of all that is declared."""
        self._journey()
        for form in self._records.forms:
            self._of_one(form)
        alone = "".join(f"alone_{place}, " for place in range(len(self._records.forms)))
        with self._source.block("def functions():"):
            self._source.add(f"return evaluate, ({alone})")
        return Evaluation(*self._source.function("functions", {**TOOLS, "Findings": Findings, **self._tools})())

    def _journey(self) -> None:
        blocks = [*self._attributions(), *((form, self._of_form(form)) for form in self._records.forms)]
        source = self._source
        forms = len(self._records.forms)
        with source.block("def evaluate(J):"):
            source.add(f"F = [{', '.join('[]' for _ in range(forms))}]")
            with source.block("for r in J:"):
                source.add(f"F[r[{FORM}]].append(r)")
            source.add(f"T = [{', '.join('NOTHING' for _ in range(forms))}]", "C = {}", "B = {}", "X = {}", "L = {}")
            for name, fact in sorted(self._definition.journey.persons.items()):
                place = self._records.form_at(fact.form)
                last = self._code.place(fact.form, fact.field, f"F[{place}][-1]")
                source.add(f"p_{name} = {last} if F[{place}] else None")
            for form, lines in blocks:
                if lines:
                    with source.block(f"if F[{self._records.form_at(form)}]:"):
                        source.add(*lines)
            source.add("return Findings(C, B, X, L)")

    def _of_one(self, form: str) -> None:
        """The function of a journey that is one registration."""
        place = self._records.form_at(form)
        forms = range(len(self._records.forms))
        self._alone, self._code.missing = True, frozenset(forms) - {place}
        lines = []
        if form in self._definition.journey.attributions:  # what it could belong to is of another form
            lines += [f"unit = {self._code.role(form, 'unit', 'a')}", self._found_entry(UNRESOLVED, form, "()")]
        lines += self._of_form(form)
        self._alone, self._code.missing = False, frozenset()
        with self._source.block(f"def alone_{place}(a, patient, cells, counts, exposures, entries):"):
            self._source.add(f"F = ({', '.join('(a,)' if one == place else 'NONE' for one in forms)},)")
            self._source.add(f"T = ({'NOTHING, ' * len(forms)})")
            for name, fact in sorted(self._definition.journey.persons.items()):
                self._source.add(f"p_{name} = {self._code.place(form, fact.field, 'a') if fact.form == form else None}")
            self._source.add(*lines)

    def _found_cell(self, identity: str, key: str, numbers: str) -> str:
        """The statement that adds numbers to a cell."""
        return f"cells[{key}].append({numbers})" if self._alone else f"C[{identity}] = ({key}, {numbers})"

    def _found_in_bucket(self, identity: str, key: str, bucket: str) -> str:
        return f"counts[{key}][{bucket}] += 1" if self._alone else f"B[{identity}] = ({key}, {bucket})"

    def _found_exposure(self, group: str, state: str) -> str:
        if self._alone:
            return f"exposures[{group!r}].append(who(patient, a[{ID}]) + NOTHING_BEFORE + {state} + NO_OPT_OUT)"
        return f"X[{group!r}, a[{ID}]] = {state}"

    def _found_entry(self, name: str, form: str, shown: str) -> str:
        if self._alone:
            return f"entries.append(({name!r}, patient, {form!r}, a[{ID}], True, unit, a[{DAY}], {shown}))"
        return f"L[{name!r}, {form!r}, a[{ID}]] = (unit, a[{DAY}], {shown})"

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
                    f"        {self._found_entry(UNRESOLVED, outcome, '()')}",
                    "    else:",
                    f"        targets[a[{ID}]] = target",
                ],
            )

    def _of_form(self, form: str) -> list[str]:
        """All that begins at a form's registrations: one loop for what looks at each, one for each choice of some."""
        begins: list[tuple[Anchors, list[str]]] = [
            *((one, self._cells_of(name, one)) for name, one in sorted(self._definition.indicators.cohorts.items())
              if one.form == form),
            *((one, self._entry_of(name, one)) for name, one in sorted(self._definition.indicators.lists.items())
              if one.form == form),
            *((one, self._exposure_of(name, one)) for name, one in sorted(self._definition.monitors.groups.items())
              if one.form == form),
        ]  # fmt: skip
        if not begins:
            return []
        place = self._records.form_at(form)
        head = [f"    unit = {self._code.role(form, 'unit', 'a')}"]
        shared = [f"    {name} = {expression}" for expression, name in self._shared.items()]
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
            prepared, parts, bucketed = self._share(indicator, cohort)
            lines += prepared
            numbers += parts
            if bucketed is not None:
                condition, bucket = bucketed
                key = f"({name!r}, unit, period, by, {indicator_name!r})"
                identity = f"{name!r}, a[{ID}], {indicator_name!r}"
                buckets += [f"if {condition}:", f"    {self._found_in_bucket(identity, key, bucket)}"]
        key = f"({name!r}, unit, period, by, '')"
        found = [
            f"period = {cohort.period}_of(a[{DAY}])",
            f"by = {self._labels(cohort, cohort.by)}",
            self._found_cell(f"{name!r}, a[{ID}]", key, "numbers"),
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
        may_end = self._may_end((rate.event, *rate.ends))
        if may_end is not None:
            prepared += [
                f"if {_both(counted, may_end)}:",
                f"    {event} = {self._first_day((rate.event,), cohort)}",
                f"    {end} = {self._first_day((rate.event, *rate.ends), cohort)}",
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

    def _may_end(self, ends: Iterable[Following | End]) -> str | None:
        """An expression that is false where nothing can be found, as in most journeys; None where it always is."""
        ends = list(ends)
        if any(end.form is None for end in ends):
            return "True"
        places = sorted({self._records.form_at(str(end.form)) for end in ends} - self._code.missing)
        return f"({' or '.join(f'F[{place}]' for place in places)})" if places else None

    def _first(self, end: Following | End, anchors: Anchors) -> str:
        """The expression of the first registration that ends follow-up; of a record whose day never comes without."""
        if end.form is None:  # an End that is a date of the registration itself: known when that was recorded
            field = self._code.place(anchors.form, str(end.field), "a")
            more = f", {end.plus_days}" if end.plus_days else ""
            return f"(day_from({field}, a[{DAY}]{more}), a[{RECORDED}])"
        place = self._records.form_at(end.form)
        if place in self._code.missing:
            return "NOT_YET"
        following = self._code.following(end, anchors.form)
        return self._once(f"(next({following}(a, F, T), NOT_YET) if F[{place}] else NOT_YET)", anchors)

    def _first_day(self, ends: Iterable[Following | End], anchors: Anchors) -> str:
        """The expression of the first day that one of these ends follow-up on; NEVER where none does."""
        days = list(dict.fromkeys(f"{self._first(end, anchors)}[{DAY}]" for end in ends))
        return days[0] if len(days) == 1 else f"min({', '.join(days)})"

    def _entry_of(self, name: str, declared: PatientList) -> list[str]:
        form = declared.form
        shown = "".join(f"{self._shown(form, field)}, " for field in declared.show)
        return [
            f"if {self._code.expression(declared.when, form)}:",
            f"    {self._found_entry(name, form, f'({shown})')}",
        ]

    def _shown(self, form: str, field: str) -> str:
        kind = next((one.kind for one in self._definition.forms[form].fields if one.name == field), "int")
        place = self._code.place(form, field, "a")
        return f"date_text({place})" if kind == "date" else f"text({place})"

    def _exposure_of(self, name: str, exposure: Group) -> list[str]:
        form = exposure.form
        code = self._code
        lot = "''" if exposure.lot is None else f"({code.place(form, exposure.lot, 'a')} or '')"
        side, labels = code.role(form, "side", "a"), self._labels(exposure, exposure.by)
        recorded = self._once(code.recorded("a"), exposure)
        parts = [code.place(form, field, "a") for field in exposure.product]
        named = parts[0]
        if len(parts) > 1:
            known = " and ".join(f"{part} is not None" for part in parts)
            named = f"{f' + {BETWEEN!r} + '.join(parts)} if {known} else None"
        product = [f"product = {named}", "if product is not None:"]
        since = self._once(f"since(unit, {side}, {labels}, a[{DAY}])", exposure)
        outcomes = exposure.outcomes
        may_end = self._may_end([*([] if outcomes is None else [outcomes]), *exposure.ends, *exposure.carried_until])
        if may_end is None and not self._alone:  # reports
            state = f"product_and_lot((product, {lot})) + {since} + OPEN_STILL + recorded(({recorded}, None))"
            return [*product, f"    {self._found_exposure(name, state)}"]
        if may_end is None:  # as for a journey of one registration
            who = self._once(f"who(patient, a[{ID}]) + NOTHING_BEFORE", exposure)
            rest = self._once(f"{since} + OPEN_STILL + recorded(({recorded}, None)) + NO_OPT_OUT", exposure)
            return [*product, f"    exposures[{name!r}].append({who} + product_and_lot((product, {lot})) + {rest})"]
        of_outcome = ("" if outcomes is None else outcomes.form, "r")
        specific = "False" if exposure.specific is None else code.expression(exposure.specific, *of_outcome)
        unknown = "False" if exposure.unknown is None else code.expression(exposure.unknown, *of_outcome)
        ended, found = self._ended(exposure), self._outcomes(outcomes, form)
        state = f"product_and_lot((product, {lot})) + {since} + became + recorded(({recorded}, end_recorded))"
        return [
            *product,
            f"    end, reason, end_recorded = {ended}",
            f"    carried = {self._first_day(exposure.carried_until, exposure) if exposure.carried_until else 'end'}",
            f"    found = {found}",
            "    days, unknown = NO_DAYS, 0",
            "    if found:",
            f"        days = [r[{DAY}] for r in found], [r[{DAY}] for r in found if {specific}]",
            f"        unknown = sum([1 for r in found if {unknown} and not {specific}])",
            "    became = course(end, reason, carried, days, unknown)",
            f"    {self._found_exposure(name, state)}",
        ]

    def _ended(self, exposure: Group) -> str:
        """The expression of (day, reason, day recorded) of an exposure's end."""
        may_end = self._may_end(exposure.ends)
        if may_end is None:
            return "NOT_ENDED"
        ends = "".join(f"({self._first(one, exposure)}, {one.reason!r}), " for one in exposure.ends)
        return self._once(f"(ended(({ends})) if {may_end} else NOT_ENDED)", exposure)

    def _outcomes(self, outcomes: Following | None, form: str) -> str:
        """The expression of the outcomes that come while exposed; ``end`` is its last day."""
        place = -1 if outcomes is None else self._records.form_at(outcomes.form)
        if outcomes is None or place in self._code.missing:
            return "NONE"
        following = self._code.following(outcomes, form)
        return f"[r for r in {following}(a, F, T) if r[{DAY}] <= end] if F[{place}] else NONE"

    def _labels(self, anchors: Anchors, by: Mapping[str, Breakdown]) -> str:
        """The expression of the breakdowns' texts."""
        labels = f"({''.join(f'{self._label(breakdown, anchors.form)}, ' for breakdown in by.values())})"
        return self._once(labels, anchors) if by else labels

    def _once(self, expression: str, anchors: Anchors) -> str:
        """A variable of that value, worked out once for all that is looked at for every registration of a form."""
        if anchors.where is not None or anchors.once_per is not None:
            return expression
        if expression not in self._shared:
            self._shared[expression] = self._source.variable("same")
        return self._shared[expression]

    def _label(self, breakdown: Breakdown, form: str) -> str:
        if breakdown.person is not None:
            fact = self._definition.journey.persons[breakdown.person]
            form, field, place = fact.form, fact.field, f"p_{breakdown.person}"
        else:
            field = str(breakdown.field)
            place = self._code.place(form, field, "a")
        if breakdown.age:
            place = f"(None if {place} is None else calendar_year_of(a[{DAY}]) - {place})"
        if breakdown.bands:
            return f"{self._bands(breakdown.bands, breakdown.labels)}[{place}]"
        kind = next((one.kind for one in self._definition.forms[form].fields if one.name == field), "int")
        if kind != "string":
            return f"text({place})"
        return f"({place} or '')" if breakdown.first is None else f"({place} or '')[:{breakdown.first}]"

    def _bands(self, bounds: tuple[int, ...], labels: tuple[str, ...]) -> str:
        """The variable of a table of bands."""
        name = f"BANDS_{'_'.join(map(str, bounds))}".replace("-", "minus")
        self._tools.setdefault(name, Bands(bounds, labels))
        return name


_ALWAYS = "1"


def _both(one: str, other: str) -> str:
    """The expression of both, less what always holds."""
    return " and ".join(part for part in (one, other) if part not in (_ALWAYS, "True")) or "True"
