"""What a registry's definitions make of all its submissions, worked out at once and from nothing.

The second reading of `schemas.definition`'s docstrings, slow and plain: no state, no code made, nothing shared
with `streams.journeys`. Tests hold the stream against it. Days are counted from 1970-01-01.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from math import floor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from schemas.definition.condition import All, AnyOf, FieldTest, Latest, Not, Related
from schemas.definition.form import OPT_OUT
from schemas.definition.indicators import PARTS, UNRESOLVED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from schemas.definition.condition import Condition, Test
    from schemas.definition.form import Role
    from schemas.definition.indicators import Anchors, Breakdown, Cohort, End, Following, Indicator, Rate
    from schemas.definition.monitors import Group
    from schemas.definition.registry import RegistryDefinition

_EPOCH = date(1970, 1, 1)
_DAY_MS = 86_400_000
NEVER = (1 << 64) - 1
"""A version that does not come."""


@dataclass(frozen=True, eq=False)
class Submission:
    """One accepted submission; ``fields`` has all that its form has, in Avro's own numbers."""

    version: int
    form: str
    patient: str
    registration_id: str
    retracted: bool
    fields: Mapping[str, Any]


class Exposed(NamedTuple):
    """An exposure's state, as ``ExposureBatch`` has it."""

    product: str
    lot: str
    unit: str
    side: str
    by: tuple[str, ...]
    start: int
    end: int | None
    end_reason: str
    outcomes: int
    first_outcome: int | None
    specific: int = 0
    first_specific: int | None = None
    unknown: int = 0
    carried_until: int | None = None
    recorded: int | None = None
    end_recorded: int | None = None


class Listed(NamedTuple):
    """What a list says of an entry."""

    unit: str
    day: int
    shown: tuple[str, ...]


@dataclass
class Recomputed:
    """Everything that the definitions come to.

    Attributes:
        cells: by (cohort, unit, period, by, indicator, bucket).
        exposures: by (group, patient, registration id).
        listed: by (list, patient, form, registration id).
    """

    cells: dict[tuple[Any, ...], tuple[int, ...]] = field(default_factory=dict)
    exposures: dict[tuple[str, str, str], Exposed] = field(default_factory=dict)
    listed: dict[tuple[str, str, str, str], Listed] = field(default_factory=dict)

    def count(self, cell: tuple[Any, ...], numbers: Sequence[int]) -> None:
        """Add an anchor's share to a cell."""
        before = self.cells.get(cell, (0,) * len(numbers))
        self.cells[cell] = tuple(old + new for old, new in zip(before, numbers, strict=True))


def recompute(definition: RegistryDefinition, submissions: Iterable[Submission]) -> Recomputed:
    """Everything that the definitions make of these submissions."""
    result = Recomputed()
    by_patient: dict[str, list[Submission]] = {}
    for submission in submissions:
        by_patient.setdefault(submission.patient, []).append(submission)
    for patient, theirs in by_patient.items():
        person = _Person(definition, patient, living(theirs))
        person.count_cells(result)
        person.expose(result)
        person.list_entries(result)
    return result


def holds_alone(definition: RegistryDefinition, condition: Condition, form: str, fields: Mapping[str, Any]) -> bool:
    """Whether a condition holds of a registration that stands alone in its journey."""
    alone = Submission(1, form, "somebody", "1", False, fields)
    return _Person(definition, "somebody", [alone]).holds(condition, alone)


def living(submissions: Sequence[Submission]) -> list[Submission]:
    """Of one person's submissions, the registrations that count: the latest of each id, once opting out allows it."""
    allowed_from = counted_from(submissions)
    others = _latest_of_each([one for one in submissions if one.form != OPT_OUT])
    return [one for one in others if not one.retracted and one.version >= allowed_from]


def counted_from(submissions: Sequence[Submission]) -> int:
    """From which version on something of a person counts: none while opted out, all where that never was."""
    opt_outs = [one for one in submissions if one.form == OPT_OUT]
    if any(not one.retracted for one in _latest_of_each(opt_outs)):
        return NEVER
    liftings = [
        one.version
        for one in opt_outs
        if one.retracted
        and any(
            made.registration_id == one.registration_id and not made.retracted and made.version < one.version
            for made in opt_outs
        )
    ]
    return max(liftings, default=-1) + 1


def _latest_of_each(submissions: Iterable[Submission]) -> list[Submission]:
    latest = {(one.form, one.registration_id): one for one in sorted(submissions, key=lambda one: one.version)}
    return list(latest.values())


class _Person:
    """One person's journey; ``a`` is the registration looked at, ``r`` another one."""

    def __init__(self, definition: RegistryDefinition, patient: str, registrations: list[Submission]) -> None:
        self.definition = definition
        self.patient = patient
        self.registrations = registrations

    # What is made of the registrations

    def count_cells(self, result: Recomputed) -> None:
        for name, cohort in self.definition.indicators.cohorts.items():
            for a in self.anchors(cohort):
                self.count(name, cohort, a, result)

    def expose(self, result: Recomputed) -> None:
        for group, exposure in self.definition.monitors.groups.items():
            for a in self.anchors(exposure):
                if (state := self.exposed(exposure, a)) is not None:
                    result.exposures[group, self.patient, a.registration_id] = state

    def list_entries(self, result: Recomputed) -> None:
        for name, declared in self.definition.indicators.lists.items():
            for a in self.anchors(declared):
                if self.holds(declared.when, a):
                    shown = tuple(self.text(a, one) for one in declared.show)
                    entry = Listed(self.role(a, "unit"), self.day(a), shown)
                    result.listed[name, self.patient, a.form, a.registration_id] = entry
        for outcome in self.definition.journey.attributions:
            for a in self.of(outcome):
                if self.belongs_to(a) is None:
                    entry = Listed(self.role(a, "unit"), self.day(a), ())
                    result.listed[UNRESOLVED, self.patient, outcome, a.registration_id] = entry

    # What a registration says

    def day(self, a: Submission) -> int:
        day: int = a.fields[self.definition.forms[a.form].name_of("occurred_on")]
        return day

    def order(self, a: Submission) -> tuple[int, int, str]:
        recorded: int = a.fields[self.definition.forms[a.form].name_of("recorded_at")]
        return self.day(a), recorded, a.registration_id

    def recorded_on(self, a: Submission) -> int:
        moment: int = a.fields[self.definition.forms[a.form].name_of("recorded_at")]
        return floor(moment / _DAY_MS)

    def value(self, a: Submission, name: str) -> Any:
        derived = self.definition.journey.values.get(name)
        if derived is None or derived.form != a.form:
            return a.fields[name]
        first, last = (self._as_day(a, field) for field in (derived.days_from, derived.to))
        return None if first is None or last is None else last - first

    def _as_day(self, a: Submission, name: str) -> int | None:
        value: int | None = a.fields[name]
        if value is not None and self.kind(a.form, name) == "timestamp":
            return floor(value / _DAY_MS)
        return value

    def kind(self, form: str, name: str) -> str:
        kinds = {one.name: one.kind for one in self.definition.forms[form].fields}
        return kinds.get(name, "int")  # a derived value is a whole number

    def role(self, a: Submission, role: Role) -> str:
        declared = self.definition.forms[a.form].field_with(role)
        return "" if declared is None else a.fields[declared.name] or ""

    def text(self, a: Submission, name: str) -> str:
        value = self.value(a, name)
        kind = self.kind(a.form, name)
        if value is None:
            return ""
        if kind == "boolean":
            return "true" if value else "false"
        if kind in ("float", "double"):
            return str(np.format_float_positional(value, trim="-"))
        return (_EPOCH + timedelta(days=value)).isoformat() if kind == "date" else str(value)

    # How registrations stand to each other

    def of(self, form: str) -> list[Submission]:
        return sorted((one for one in self.registrations if one.form == form), key=self.order)

    def comes_before(self, first: Submission, second: Submission) -> bool:
        if first.form == second.form:
            return self.order(first) < self.order(second)
        return self.day(first) <= self.day(second)

    def equal(self, a: Submission, r: Submission, same: Iterable[str]) -> bool:
        return all(self.value(a, one) is not None and self.value(a, one) == self.value(r, one) for one in same)

    def belongs_to(self, outcome: Submission) -> Submission | None:
        rule = self.definition.journey.attributions[outcome.form]
        named = None if rule.reference is None else self.value(outcome, rule.reference)
        fitting = [
            r
            for r in self.of(rule.to)
            if self.day(r) <= self.day(outcome)
            and self.equal(outcome, r, rule.same)
            and (named is None or r.registration_id == named)
        ]
        return max(fitting, key=self.order, default=None)

    def holds(self, condition: Condition | None, a: Submission) -> bool:
        match condition:
            case None:
                return True
            case FieldTest():
                return _passes(self.value(a, condition.field), condition.test)
            case All() | AnyOf():
                held = [self.holds(part, a) for part in condition.parts]
                return all(held) if isinstance(condition, All) else any(held)
            case Not():
                return not self.holds(condition.part, a)
            case Related():
                return any(self.is_meant(condition, a, r) for r in self.of(condition.form))
            case Latest():
                before = [r for r in self.of(condition.form) if self.is_before_as_meant(condition, a, r)]
                return before != [] and self.holds(condition.holds, max(before, key=self.order))

    def is_meant(self, condition: Related, a: Submission, r: Submission) -> bool:
        earlier, later = (a, r) if condition.kind == "followed_by" else (r, a)
        apart = self.day(later) - self.day(earlier)
        return (
            self.comes_before(earlier, later)
            and (condition.within_days is None or apart <= condition.within_days)
            and (condition.after_days is None or apart >= condition.after_days)
            and self.equal(a, r, condition.same)
            and (not condition.attributed or self.belongs_to(later) is earlier)
            and self.holds(condition.where, r)
            and self.holds(condition.that, r)
        )

    def is_before_as_meant(self, condition: Latest, a: Submission, r: Submission) -> bool:
        return (
            self.comes_before(r, a)
            and (condition.within_days is None or self.day(a) - self.day(r) <= condition.within_days)
            and self.equal(a, r, condition.same)
            and self.holds(condition.where, r)
        )

    def days_of(self, wanted: Following | End, a: Submission) -> list[int]:
        """The days of what follows, rising; of a date field, itself."""
        if wanted.form is None:
            day = self.value(a, str(wanted.field))
            later = getattr(wanted, "plus_days", 0)
            return [day + later] if day is not None and day >= self.day(a) else []
        return [self.day(r) for r in self.following(wanted, a)]

    def following(self, wanted: Following | End, a: Submission) -> list[Submission]:
        form = str(wanted.form)
        related = Related(
            kind="followed_by", form=form, where=wanted.where, same=wanted.same, attributed=wanted.attributed
        )
        return [r for r in self.of(form) if self.is_meant(related, a, r)]

    # What begins at a registration

    def anchors(self, declared: Anchors) -> list[Submission]:
        fitting = [a for a in self.of(declared.form) if self.holds(declared.where, a)]
        if declared.once_per is None:
            return fitting
        period = declared.once_per
        return [a for a in fitting if a is max((r for r in fitting if self._in_one(period, a, r)), key=self.order)]

    def _in_one(self, period: str, a: Submission, r: Submission) -> bool:
        return period == "person" or first_day(period, self.day(a)) == first_day(period, self.day(r))

    def labels(self, a: Submission, by: Mapping[str, Breakdown]) -> tuple[str, ...]:
        return tuple(self._label(a, breakdown) for breakdown in by.values())

    def _label(self, a: Submission, breakdown: Breakdown) -> str:
        said: Submission | None = a
        name = str(breakdown.field)
        if breakdown.person is not None:
            fact = self.definition.journey.persons[breakdown.person]
            said, name = next(reversed(self.of(fact.form)), None), fact.field
        value = None if said is None else self.value(said, name)
        if said is None or value is None:
            return ""
        if breakdown.age:
            value = (_EPOCH + timedelta(days=self.day(a))).year - value
        if not breakdown.bands:
            text = str(value) if breakdown.age else self.text(said, name)
            return text if breakdown.first is None else "".join(list(text)[: breakdown.first])
        reached = [bound for bound in breakdown.bands if value >= bound]
        return breakdown.labels[len(reached)]

    def count(self, name: str, cohort: Cohort, a: Submission, result: Recomputed) -> None:
        place = (name, self.role(a, "unit"), first_day(cohort.period, self.day(a)), self.labels(a, cohort.by))
        vector: list[int] = []
        for indicator_name, indicator in cohort.indicators.items():
            numbers, bucket = self.share(indicator, a)
            vector += numbers
            if bucket is not None:
                result.count((*place, indicator_name, bucket), (1,))
        if any(vector):
            result.count((*place, "", 0), vector)

    def share(self, indicator: Indicator, a: Submission) -> tuple[tuple[int, ...], int | None]:
        """(the indicator's numbers, the bucket in which it counts one)."""
        nothing = (0,) * len(PARTS[indicator.kind])
        if not self.holds(indicator.where, a):
            return nothing, None
        if indicator.kind == "count":
            return (1,), None
        if indicator.kind == "proportion":
            return (1, 1 if self.holds(indicator.numerator, a) else 0), None
        if indicator.kind == "rate":
            return self._person_time(indicator, a)
        value = self.value(a, indicator.value)
        if value is None:
            return nothing, None
        multiple = floor(value / indicator.resolution + 0.5)
        return ((1,), multiple) if indicator.kind == "median" else ((1, multiple, multiple**2), None)

    def _person_time(self, rate: Rate, a: Submission) -> tuple[tuple[int, ...], int | None]:
        start, horizon = self.day(a), rate.horizon_days
        events = self.days_of(rate.event, a)[:1]
        ends = [day for end in rate.ends for day in self.days_of(end, a)[:1]]
        if not events and not ends:
            return ((1, 0, 0, 1, start), None) if horizon is None else ((1, 0, 0, 0, 0), start)
        days = min(events + ends) - start
        counts = events != [] and all(events[0] <= end for end in ends)
        if horizon is not None:
            counts = counts and events[0] - start <= horizon
            days = min(days, horizon)
        return (1, 1 if counts else 0, days, 0, 0), None

    def exposed(self, exposure: Group, a: Submission) -> Exposed | None:
        products = [self.value(a, field) for field in exposure.product]
        if None in products:
            return None
        ends = [(days[0], end) for end in exposure.ends if (days := self.days_of(end, a))]
        last_day, ended_by = min(ends, key=lambda one: one[0], default=(None, None))  # of equal ones the first
        following = [] if exposure.outcomes is None else self.following(exposure.outcomes, a)
        found = [one for one in following if last_day is None or self.day(one) <= last_day]
        outcomes = [self.day(one) for one in found]
        own_ones = [one for one in found if exposure.specific is not None and self.holds(exposure.specific, one)]
        own = [self.day(one) for one in own_ones]
        carried = [days[0] for one in exposure.carried_until if (days := self.days_of(one, a))]
        return Exposed(
            product=" + ".join(products),
            lot="" if exposure.lot is None else self.value(a, exposure.lot) or "",
            unit=self.role(a, "unit"),
            side=self.role(a, "side"),
            by=self.labels(a, exposure.by),
            start=self.day(a),
            end=last_day,
            end_reason="" if ended_by is None else ended_by.reason,
            outcomes=len(outcomes),
            first_outcome=min(outcomes, default=None),
            specific=len(own),
            first_specific=min(own, default=None),
            unknown=len(
                [
                    one
                    for one in found
                    if one not in own_ones and exposure.unknown is not None and self.holds(exposure.unknown, one)
                ]
            ),
            carried_until=min(carried, default=None) if exposure.carried_until else last_day,
            recorded=self.recorded_on(a),
            end_recorded=None if ended_by is None else self.end_recorded_on(ended_by, a),
        )

    def end_recorded_on(self, end: End, a: Submission) -> int:
        """Of the day that it first comes, all that come then: the day on which the earliest of them was recorded."""
        if end.form is None:
            return self.recorded_on(a)
        first = min(self.days_of(end, a))
        return min(self.recorded_on(r) for r in self.following(end, a) if self.day(r) == first)


def _passes(value: Any, test: Test) -> bool:
    """Whether a field's value passes all that is asked; null passes nothing but ``known: false``."""
    if test.known is not None:
        return (value is not None) == test.known
    return value is not None and all(
        [
            test.eq is None or value == test.eq,
            test.one_of is None or any(value == one for one in test.one_of),
            test.gt is None or value > test.gt,
            test.gte is None or value >= test.gte,
            test.lt is None or value < test.lt,
            test.lte is None or value <= test.lte,
            test.starts_with is None or value[: len(test.starts_with)] == test.starts_with,
            test.contains is None or any(one == test.contains for one in value),
            test.empty is None or (len(value) == 0) == test.empty,
        ]
    )


def first_day(period: str, day: int) -> int:
    """The first day of the calendar period that a day lies in."""
    when = _EPOCH + timedelta(days=day)
    first_month = {"month": when.month, "quarter": when.month - (when.month - 1) % 3, "year": 1}[period]
    return (date(when.year, first_month, 1) - _EPOCH).days
