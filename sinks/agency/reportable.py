"""Which reports a registration makes, by what its registry declares (``reporting.yaml``); pure, of one registration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.definition.condition import All, AnyOf, FieldTest, Not
from schemas.reporting import CLASSES
from sinks.agency.deadlines import Fact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from schemas.definition.condition import Condition, Test
    from schemas.definition.registry import RegistryDefinition
    from schemas.definition.reporting import ReportingRule

_DAY_MS = 86_400_000


class Reportable(NamedTuple):
    """A report that a registration makes.

    Attributes:
        name: the rule's.
        rule: what is declared of it.
        classes: the classes of deadline that the registration is of, the shortest first; one at least.
    """

    name: str
    rule: ReportingRule
    classes: tuple[str, ...]

    def facts(self, learnt: date | datetime) -> tuple[Fact, ...]:
        """What runs for its sender from when the organisation knew it."""
        return tuple(Fact(one, learnt) for one in self.classes)


def reportable(definition: RegistryDefinition, form: str, record: Mapping[str, Any]) -> tuple[Reportable, ...]:
    """The reports that a registration makes, in the order of the rules; none of one that is retracted.

    Args:
        definition: the registry's.
        form: the registration's form.
        record: its fields by name, in Avro's own numbers.
    """
    if record[definition.forms[form].name_of("retracted")]:
        return ()
    seen = _Seen(definition, form, record)
    return tuple(
        Reportable(name, rule, tuple(one for one in CLASSES[rule.sender] if seen.is_of(one, rule)))
        for name, rule in definition.reporting.rules.items()
        if rule.form == form and seen.holds(rule.when)
    )


class _Seen:
    """A registration as conditions see it: its fields, and the values that journey.yaml derives of them."""

    def __init__(self, definition: RegistryDefinition, form: str, record: Mapping[str, Any]) -> None:
        self._derived = {name: value for name, value in definition.journey.values.items() if value.form == form}
        self._moments = {field.name for field in definition.forms[form].fields if field.kind == "timestamp"}
        self._record = record

    def is_of(self, classification: str, rule: ReportingRule) -> bool:
        """Whether it is of a class of deadlines."""
        condition = rule.deadlines.get(classification)
        return condition is not None and self.holds(condition)

    def holds(self, condition: Condition) -> bool:
        """Whether a condition on the registration's own fields holds, by the words of schemas.definition.condition.

        Raises:
            TypeError: it looks at other registrations, which the check of reporting.yaml refuses.
        """
        match condition:
            case FieldTest(field=field, test=test):
                return _passes(self._value(field), test)
            case All(parts=parts):
                return all(self.holds(part) for part in parts)
            case AnyOf(parts=parts):
                return any(self.holds(part) for part in parts)
            case Not(part=part):
                return not self.holds(part)
            case _:
                raise TypeError(f"{condition.kind} looks at other registrations")

    def _value(self, name: str) -> Any:  # noqa: ANN401 - what a field holds
        derived = self._derived.get(name)
        if derived is None:
            return self._record[name]
        first, last = self._day(derived.days_from), self._day(derived.to)
        return None if first is None or last is None else last - first

    def _day(self, name: str) -> int | None:
        number: int | None = self._record[name]
        return number // _DAY_MS if number is not None and name in self._moments else number


def _passes(value: Any, test: Test) -> bool:  # noqa: ANN401 - what a field holds
    if test.known is not None:
        return (value is not None) is test.known
    return value is not None and all(_one(value, name, wanted) for name, wanted in test.asked.items())


def _one(value: Any, name: str, wanted: Any) -> bool:  # noqa: ANN401, PLR0911 - one line a test
    match name:
        case "eq":
            return bool(value == wanted)
        case "one_of":
            return value in wanted
        case "gt":
            return bool(value > wanted)
        case "gte":
            return bool(value >= wanted)
        case "lt":
            return bool(value < wanted)
        case "lte":
            return bool(value <= wanted)
        case "starts_with":
            return bool(value.startswith(wanted))
        case "contains":
            return wanted in value
        case _:  # empty
            return (not value) is wanted
