"""Conditions as Python source: the stream's reading of the language (ClickHouse's is its own, in SQL).

Every function here adds to one source, of which `evaluation` makes the functions of a registry. In it
``F`` is the journey by form (lists of records in their order), ``T`` by outcome form which record each
outcome (by its id) is attributed to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.condition import All, AnyOf, FieldTest, Latest, Not, Related
from streams.journeys.records import DAY, DAY_MS, FIRST_FIELD, ID, RECORDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.compiled import Source
    from schemas.definition.condition import Condition, Test
    from schemas.definition.indicators import End, Following
    from schemas.definition.registry import RegistryDefinition
    from streams.journeys.records import Records

_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class ConditionCode:
    """Writes conditions of one registry as expressions, with the functions that they call."""

    def __init__(self, definition: RegistryDefinition, records: Records, source: Source) -> None:
        self._definition = definition
        self._records = records
        self._source = source
        self._functions: dict[str, str] = {}
        #: Places of forms that the journey at hand has no registration of; what asks for one is not written then.
        self.missing: frozenset[int] = frozenset()

    def place(self, form: str, field: str, record: str) -> str:
        """The expression of a field (or derived value) of a record."""
        value = self._definition.journey.values.get(field)
        if value is not None and value.form == form:
            return self._between(form, value.days_from, value.to, record)
        declared = self._definition.forms[form]
        if field == declared.name_of("occurred_on"):
            return f"{record}[{DAY}]"
        if field == declared.name_of("recorded_at"):
            return f"{record}[{RECORDED}]"
        if field == declared.name_of("registration_id"):
            return f"{record}[{ID}]"
        return f"{record}[{FIRST_FIELD + self._records.fields[form].index(field)}]"

    def recorded(self, record: str) -> str:
        """The expression of the day (UTC) on which a record was recorded."""
        return f"{record}[{RECORDED}] // {DAY_MS}"

    def _between(self, form: str, first: str, second: str, record: str) -> str:
        """The expression of the whole days from one date or time (UTC) to another; None where one is not known."""
        places = [self.place(form, field, record) for field in (first, second)]
        kinds = [self._kind(form, field) for field in (first, second)]
        known = " and ".join(f"{place} is not None" for place in places)
        one, other = (
            place if kind == "date" else f"{place} // {DAY_MS}" for place, kind in zip(places, kinds, strict=True)
        )
        return f"({other} - {one} if {known} else None)"

    def _kind(self, form: str, field: str) -> str:
        return next(one.kind for one in self._definition.forms[form].fields if one.name == field)

    def role(self, form: str, role: str, record: str) -> str:
        """The expression of the field with a role, as text; empty text where the form has none or it is null."""
        field = self._definition.forms[form].field_with(role)  # type: ignore[arg-type]  # a Role
        return "''" if field is None else f"({self.place(form, field.name, record)} or '')"

    def expression(self, condition: Condition | None, form: str, record: str = "a") -> str:
        """An expression that is true where the condition holds for the record (of ``form``)."""
        match condition:
            case None:
                return "True"
            case FieldTest(field=field, test=test):
                return _test(self.place(form, field, record), test)
            case All(parts=parts) | AnyOf(parts=parts):
                word = " and " if isinstance(condition, All) else " or "
                return f"({word.join(self.expression(part, form, record) for part in parts)})"
            case Not(part=part):
                return f"(not {self.expression(part, form, record)})"
            case Related():
                return self._related(condition, form, record)
            case Latest():
                return self._latest(condition, form, record)

    def following(self, event: Following | End, form: str) -> str:
        """The name of a generator function ``f(a, F, T)``: the later registrations, in their order."""
        related = Related(
            kind="followed_by", form=str(event.form), where=event.where, same=event.same, attributed=event.attributed
        )
        place = self._records.form_at(related.form)
        return self._function(
            "following", f"for r in F[{place}]:", f"    if {self._wanted(related, form)}:", "        yield r"
        )

    def _related(self, condition: Related, form: str, record: str) -> str:
        wanted = self._wanted(condition, form)
        if condition.that is not None:
            wanted += f" and {self.expression(condition.that, condition.form, 'r')}"
        place = self._records.form_at(condition.form)
        if place in self.missing:
            return "False"
        name = self._function(
            "related", f"for r in F[{place}]:", f"    if {wanted}:", "        return True", "return False"
        )
        # most journeys have no registration of the other form, and a call costs more than a look
        return f"(F[{place}] and {name}({record}, F, T))"

    def _latest(self, condition: Latest, form: str, record: str) -> str:
        wanted = self._wanted(condition, form)
        inner = self.expression(condition.holds, condition.form, "r")
        place = self._records.form_at(condition.form)
        if place in self.missing:
            return "False"
        name = self._function(
            "latest", f"for r in reversed(F[{place}]):", f"    if {wanted}:", f"        return {inner}", "return False"
        )
        return f"(F[{place}] and {name}({record}, F, T))"

    def _function(self, prefix: str, *lines: str) -> str:
        """The name of a function with this body; several conditions may share one."""
        body = "\n".join(lines)
        if body not in self._functions:
            name = self._functions[body] = self._source.variable(prefix)
            with self._source.block(f"def {name}(a, F, T):"):
                self._source.add(*lines)
        return self._functions[body]

    def _wanted(self, condition: Related | Latest, form: str) -> str:
        """When ``r`` is a registration that the condition means, seen from ``a`` (of ``form``)."""
        later = isinstance(condition, Related) and condition.kind == "followed_by"
        first, second = ("a", "r") if later else ("r", "a")
        tests = [f"{first}[{DAY}] <= {second}[{DAY}]"]
        if condition.form == form:
            tests = [f"{first}[:{FIRST_FIELD}] < {second}[:{FIRST_FIELD}]"]
        apart = f"{second}[{DAY}] - {first}[{DAY}]"
        if condition.within_days is not None:
            tests.append(f"{apart} <= {condition.within_days}")
        if isinstance(condition, Related) and condition.after_days is not None:
            tests.append(f"{apart} >= {condition.after_days}")
        tests += self.equal(condition.same, form, "a", condition.form, "r")
        if isinstance(condition, Related) and condition.attributed:
            outcome = condition.form if later else form
            tests.append(f"T[{self._records.form_at(outcome)}].get({second}[{ID}]) is {first}")
        if condition.where is not None:
            tests.append(self.expression(condition.where, condition.form, "r"))
        return " and ".join(tests)

    def equal(self, same: Sequence[str], one_form: str, one: str, other_form: str, other: str) -> list[str]:
        """Expressions for fields that must be equal, where null equals nothing."""
        return [
            f"{self.place(one_form, field, one)} == {self.place(other_form, field, other)} is not None"
            for field in same
        ]


def _test(place: str, test: Test) -> str:
    """An expression of one field's test; null passes none but ``known: false``."""
    tests: list[str] = []
    for name, value in test.asked.items():
        if name in _COMPARISONS:
            tests.append(f"({place} is not None and {place} {_COMPARISONS[name]} {value!r})")
        elif name == "eq":
            tests.append(f"{place} == {value!r}")
        elif name == "one_of":
            tests.append(f"{place} in {value!r}")
        elif name == "starts_with":
            tests.append(f"({place} is not None and {place}.startswith({value!r}))")
        elif name == "contains":
            tests.append(f"{value!r} in {place}")
        elif name == "empty":
            tests.append(f"(not {place})" if value else f"(not not {place})")
        else:
            tests.append(f"{place} is {'not ' if value else ''}None")
    return tests[0] if len(tests) == 1 else f"({' and '.join(tests)})"
