"""Whether conditions, and what relates registrations to each other, speak of what the registry's forms have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.definition.condition import All, AnyOf, FieldTest, Latest, Not, Related, fields_only
from schemas.definition.form import OPT_OUT, CodeList, CodePattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from schemas.definition.condition import Condition, Test
    from schemas.definition.form import Codes, Form, FormField
    from schemas.definition.journey import JourneyRules

NUMBERS = ("int", "long", "float", "double")


@dataclass(frozen=True, slots=True)
class Known:
    """What conditions may speak of."""

    forms: Mapping[str, Form]
    rules: JourneyRules

    def kind_of(self, form: str, field: str) -> tuple[str, bool] | None:
        """(kind, repeated) of a form's field or derived value; None where it has neither."""
        value = self.rules.values.get(field)
        if value is not None and value.form == form:
            return "int", False
        found = self.field_of(form, field)
        return None if found is None else (found.kind, found.repeated)

    def field_of(self, form: str, field: str) -> FormField | None:
        """A form's field; None where it has none of that name."""
        return next((one for one in self.forms[form].fields if one.name == field), None)

    def is_birth_year(self, form: str, field: str) -> bool:
        """Whether a form's field has that role."""
        found = self.field_of(form, field)
        return found is not None and found.role == "birth_year"


def condition_problems(known: Known, at: str, form: str, condition: Condition | None) -> Iterator[str]:
    """What a condition on a registration of ``form`` asks that cannot be answered."""
    match condition:
        case None:
            return
        case All(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from condition_problems(known, at, form, part)
        case Not(part=part):
            yield from condition_problems(known, at, form, part)
        case FieldTest(field=field, test=test):
            yield from _test_problems(known, f"{at}.{field}", form, field, test)
        case Related():
            yield from _related_problems(known, f"{at}.{condition.kind}", form, condition)
        case Latest():
            yield from _latest_problems(known, f"{at}.latest", form, condition)


def _related_problems(known: Known, at: str, form: str, related: Related) -> Iterator[str]:
    earlier, later = (form, related.form) if related.kind == "followed_by" else (related.form, form)
    yield from relation_problems(known, at, earlier, later, related.same, attributed=related.attributed)
    if related.where is not None and not fields_only(related.where):
        yield f"{at}.where: looks at the registration's own fields only; the rest belongs under that"
    if related.form in known.forms:
        yield from condition_problems(known, f"{at}.where", related.form, related.where)
        yield from condition_problems(known, f"{at}.that", related.form, related.that)


def _latest_problems(known: Known, at: str, form: str, latest: Latest) -> Iterator[str]:
    yield from relation_problems(known, at, latest.form, form, latest.same, attributed=False)
    parts: tuple[tuple[str, Condition | None], ...] = (("where", latest.where), ("is", latest.holds))
    for key, part in parts:
        if part is not None and not fields_only(part):
            yield f"{at}.{key}: looks at the registration's own fields only"
        if latest.form in known.forms:
            yield from condition_problems(known, f"{at}.{key}", latest.form, part)


def relation_problems(
    known: Known, at: str, earlier: str, later: str, same: Iterable[str], *, attributed: bool
) -> Iterator[str]:
    """Why a later registration cannot be found beside an earlier one, as it is asked for."""
    missing = list(no_form(known, at, earlier, later))
    yield from missing
    if missing:
        return
    for form in dict.fromkeys((earlier, later)):
        yield from no_field(known, at, form, same)
    yield from unlike(known, at, earlier, later, same)
    if attributed:
        rule = known.rules.attributions.get(later)
        if rule is None or rule.to != earlier:
            yield f"{at}: journey.yaml does not attribute {later} to {earlier}"


def unlike(known: Known, at: str, one: str, other: str, same: Iterable[str]) -> Iterator[str]:
    """Which fields that two forms should share are of two types."""
    for field in same:
        kinds = known.kind_of(one, field), known.kind_of(other, field)
        if None not in kinds and kinds[0] != kinds[1]:
            yield f"{at}: {field} is not of the same type in {one} and {other}"


def _test_problems(known: Known, at: str, form: str, field: str, test: Test) -> Iterator[str]:
    found = known.kind_of(form, field)
    if found is None:
        yield f"{at}: {form} has no field {field}"
        return
    kind, repeated = found
    declared = known.field_of(form, field)
    codes = None if declared is None else declared.codes
    for name, value in test.asked.items():
        if name == "known":
            continue
        if repeated != (name in ("contains", "empty")):
            yield f"{at}: a list is asked with contains or empty" if repeated else f"{at}: {name} is for lists"
        elif name in ("gt", "gte", "lt", "lte") and kind not in NUMBERS:
            yield f"{at}: {name} needs a number, and {field} is {kind}"
        elif name == "starts_with" and kind != "string":
            yield f"{at}: {name} needs text, and {field} is {kind}"
        elif name in ("eq", "one_of", "contains"):
            values = value if isinstance(value, tuple) else (value,)
            yield from (f"{at}: {fault}" for one in values if (fault := _misfit(field, kind, codes, one)))


def _misfit(field: str, kind: str, codes: Codes | None, value: object) -> str | None:
    """Why a field can never have the value; None where it can."""
    if not _fits(kind, value):
        return f"{value!r} cannot be a value of {field}, which is {kind}"
    return None if _is_code(codes, str(value)) else f"{value!r} is none of the codes of {field}"


def _fits(kind: str, value: object) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return kind == "string" and isinstance(value, str)


def _is_code(codes: Codes | None, value: str) -> bool:
    """Whether a registration could say so; what a catalogue holds may change, so any text could be of it."""
    if isinstance(codes, CodeList):
        return value in codes.list
    return not isinstance(codes, CodePattern) or re.fullmatch(codes.pattern, value) is not None


def no_form(known: Known, at: str, *forms: str) -> Iterator[str]:
    """Which of these forms nothing can be asked of."""
    for form in forms:
        if form == OPT_OUT:
            yield f"{at}: {OPT_OUT} is how a person leaves the register, and is counted by nothing"
        elif form not in known.forms:
            yield f"{at}: there is no form {form}; there are {', '.join(known.forms)}"


def no_field(known: Known, at: str, form: str, fields: Iterable[str]) -> Iterator[str]:
    """Which of these fields a form has not, or only as lists."""
    for field in fields:
        yield from single_field(known, at, form, field)


def single_field(known: Known, at: str, form: str, field: str) -> Iterator[str]:
    """Why a field has not one value; nothing where it has."""
    kind = known.kind_of(form, field)
    if kind is None:
        yield f"{at}: {form} has no field {field}"
    elif kind[1]:
        yield f"{at}: {form}.{field} is a list"
