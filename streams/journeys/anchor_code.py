"""What is asked of every registration that something begins at, as Python source; in it ``a`` is that registration."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from schemas.compiled import Source
from streams.journeys.conditions import ConditionCode
from streams.journeys.records import DAY, ID, RECORDED
from streams.journeys.tools import Bands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from schemas.definition.indicators import Anchors, Breakdown, End, Following
    from schemas.definition.registry import RegistryDefinition
    from streams.journeys.records import Records


class AnchorCode:
    """Expressions and statements about an anchor, for a journey or for one that is this registration alone.

    Attributes:
        source: what all of it is added to.
        code: of conditions.
        records: how records are kept.
        tools: what the source calls, by name, besides what it always has.
        alone: whether the journey at hand is one registration.
    """

    def __init__(self, definition: RegistryDefinition, records: Records) -> None:
        self._definition = definition
        self.records = records
        self.source = Source()
        self.code = ConditionCode(definition, records, self.source)
        self.tools: dict[str, object] = {}
        self.alone = False
        self._shared: dict[str, str] = {}  # expressions that several anchors of one loop have, and their variable

    @contextmanager
    def by_itself(self, place: int) -> Iterator[None]:
        """What is written within is of a journey that is one registration, of the form in this place."""
        self.alone, self.code.missing = True, frozenset(range(len(self.records.forms))) - {place}
        yield
        self.alone, self.code.missing = False, frozenset()

    def take_shared(self) -> list[str]:
        """The statements that give the variables of ``once`` their values; those that follow have their own."""
        statements = [f"{name} = {expression}" for expression, name in self._shared.items()]
        self._shared.clear()
        return statements

    def found_cell(self, identity: str, key: str, numbers: str) -> str:
        """The statement that adds numbers to a cell."""
        return f"cells[{key}].append({numbers})" if self.alone else f"C[{identity}] = ({key}, {numbers})"

    def found_in_bucket(self, identity: str, key: str, bucket: str) -> str:
        """The statement that counts one more in a cell's bucket."""
        return f"counts[{key}][{bucket}] += 1" if self.alone else f"B[{identity}] = ({key}, {bucket})"

    def found_exposure(self, group: str, state: str) -> str:
        """The statement that has found an exposure in a state."""
        if self.alone:
            change = f"who(patient, a[{ID}]) + NOTHING_BEFORE + {state} + NO_OPT_OUT + made_by(version)"
            return f"exposures[{group!r}].append((version, {change}))"
        return f"X[{group!r}, a[{ID}]] = {state}"

    def found_entry(self, name: str, form: str, shown: str) -> str:
        """The statement that has found an entry of a list."""
        if self.alone:
            return f"entries.append(({name!r}, patient, {form!r}, a[{ID}], True, unit, a[{DAY}], {shown}))"
        return f"L[{name!r}, {form!r}, a[{ID}]] = (unit, a[{DAY}], {shown})"

    def may_end(self, ends: Iterable[Following | End]) -> str | None:
        """An expression that is false where nothing can be found, as in most journeys; None where it always is."""
        ends = list(ends)
        if any(end.form is None for end in ends):
            return "True"
        places = sorted({self.records.form_at(str(end.form)) for end in ends} - self.code.missing)
        return f"({' or '.join(f'F[{place}]' for place in places)})" if places else None

    def first(self, end: Following | End, anchors: Anchors) -> str:
        """The expression of the first registration that ends follow-up; of a record whose day never comes without."""
        if end.form is None:  # an End that is a date of the registration itself: known when that was recorded
            field = self.code.place(anchors.form, str(end.field), "a")
            more = f", {end.plus_days}" if end.plus_days else ""
            return f"(day_from({field}, a[{DAY}]{more}), a[{RECORDED}])"
        place = self.records.form_at(end.form)
        if place in self.code.missing:
            return "NOT_YET"
        following = self.code.following(end, anchors.form)
        return self.once(f"(next({following}(a, F, T), NOT_YET) if F[{place}] else NOT_YET)", anchors)

    def first_day(self, ends: Iterable[Following | End], anchors: Anchors) -> str:
        """The expression of the first day that one of these ends follow-up on; NEVER where none does."""
        days = list(dict.fromkeys(f"{self.first(end, anchors)}[{DAY}]" for end in ends))
        return days[0] if len(days) == 1 else f"min({', '.join(days)})"

    def labels(self, anchors: Anchors, by: Mapping[str, Breakdown]) -> str:
        """The expression of the breakdowns' texts."""
        labels = f"({''.join(f'{self._label(breakdown, anchors.form)}, ' for breakdown in by.values())})"
        return self.once(labels, anchors) if by else labels

    def once(self, expression: str, anchors: Anchors) -> str:
        """A variable of that value, worked out once for all that is looked at for every registration of a form."""
        if anchors.where is not None or anchors.once_per is not None:
            return expression
        if expression not in self._shared:
            self._shared[expression] = self.source.variable("same")
        return self._shared[expression]

    def _label(self, breakdown: Breakdown, form: str) -> str:
        if breakdown.person is not None:
            fact = self._definition.journey.persons[breakdown.person]
            form, field, place = fact.form, fact.field, f"p_{breakdown.person}"
        else:
            field = str(breakdown.field)
            place = self.code.place(form, field, "a")
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
        self.tools.setdefault(name, Bands(bounds, labels))
        return name
