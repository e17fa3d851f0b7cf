"""A question asked by clicking, or as a link: which registrations, of whom, put together how, and what of them.

``parse`` makes a question of what an address's query has, and refuses in words what makes no sense. Conditions are
those of the registry's definitions (``schemas.definition.condition``), each of one field, and all must hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Literal, get_args

from schemas.definition.condition import FieldTest
from schemas.definition.condition import parse as parse_condition
from schemas.definition.form import CatalogueCodes, CodeList
from sinks.clickhouse.queries.cell_sums import CannotBeReadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from schemas.definition.form import Form, FormField
    from schemas.definition.registry import RegistryDefinition

Counted = Literal["registrations", "persons"]
Place = Literal["unit", "county", "region"]
Time = Literal["month", "quarter", "year"]
PLACES: tuple[Place, ...] = get_args(Place)
TIMES: tuple[Time, ...] = get_args(Time)
TESTS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "starts_with", "contains", "known")
"""What may be asked of a field; ``ne`` is the negation of ``eq``, and holds for what is not known too."""

_MOST = 12
_LONGEST = 200
_NUMBERS = frozenset({"int", "long", "float", "double"})
_ORDERED = frozenset({"gt", "gte", "lt", "lte"})
_PERSON_NEAR = frozenset({"registration_id", "patient", "serial", "source_text"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of one field.

    Attributes:
        field: its name.
        test: one of ``TESTS``.
        value: as it was written; of ``in`` several with commas between.
    """

    field: str
    test: str
    value: str

    def __str__(self) -> str:
        return f"{self.field}:{self.test}:{self.value}"


@dataclass(frozen=True, slots=True)
class Also:
    """A registration of another form that the persons must have, on any day.

    Attributes:
        form: which.
        where: what must hold for it.
    """

    form: str
    where: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A question.

    Attributes:
        form: the registrations that it is about.
        first: the first day that counts; None for the very first.
        last: the last day.
        where: what must hold for them.
        also: what else their persons must have.
        units: only these units'; all where empty.
        of_those: what is asked of them: how many, and which share.
        by: what is kept apart: places, times and coded fields, in this order.
        value: a field of numbers whose mean and quartiles are wanted; empty for none.
        counted: every registration, or each person's latest.
    """

    form: str
    first: date | None = None
    last: date | None = None
    where: tuple[Asked, ...] = ()
    also: tuple[Also, ...] = ()
    units: tuple[str, ...] = ()
    of_those: tuple[Asked, ...] = ()
    by: tuple[str, ...] = ()
    value: str = ""
    counted: Counted = "registrations"

    def as_query(self) -> list[tuple[str, str]]:
        """The query of the link that asks the same; ``parse`` reads it."""
        found = [("form", self.form)]
        found += [("first", self.first.isoformat())] if self.first else []
        found += [("last", self.last.isoformat())] if self.last else []
        found += [("where", str(one)) for one in self.where]
        for also in self.also:
            found += [("also", also.form), *(("also_where", f"{also.form}:{one}") for one in also.where)]
        found += [("unit", one) for one in self.units]
        found += [("of", str(one)) for one in self.of_those]
        found += [("by", one) for one in self.by]
        found += [("value", self.value)] if self.value else []
        return [*found, ("counted", self.counted)]


def askable(form: Form) -> Sequence[FormField]:
    """The fields that may be asked about: none that names a person or a registration."""
    return [field for field in form.fields if field.role not in _PERSON_NEAR]


def groupable(form: Form) -> Sequence[FormField]:
    """The fields that registrations may be kept apart by: those with codes, and truth values."""
    found = [field for field in askable(form) if not field.repeated and field.role != "unit"]
    return [field for field in found if field.codes is not None or field.kind == "boolean"]


def summable(form: Form) -> Sequence[FormField]:
    """The fields that have a mean."""
    return [field for field in askable(form) if field.kind in _NUMBERS and not field.repeated]


def parse(definition: RegistryDefinition, said: Iterable[tuple[str, str]]) -> Question:
    """The question of an address's query.

    Conditions may be said in one (``where=value:gt:150``) or in three of equal number, as a form of a page sends them
    (``where_field``, ``where_test``, ``where_value``); those without a field are passed over.

    Raises:
        CannotBeReadError: it makes no sense; the message says what does.
    """
    values: dict[str, list[str]] = {}
    for name, value in said:
        if len(value) > _LONGEST:
            raise CannotBeReadError(f"{name} is longer than {_LONGEST} characters")
        values.setdefault(name, []).append(value.strip())
    form = _form(definition, next((one for one in values.get("form", []) if one), ""))
    question = Question(
        form=form.name,
        first=_day(values, "first"),
        last=_day(values, "last"),
        where=_all_asked(form, values, "where"),
        also=_also(definition, values),
        units=_units(definition, values),
        of_those=_all_asked(form, values, "of"),
        by=_by(form, values),
        value=_value(form, values),
        counted=_counted(values),
    )
    if question.first and question.last and question.first > question.last:
        raise CannotBeReadError(f"no day is from {question.first} on and until {question.last}")
    return question


def condition_of(form: Form, asked: Asked) -> FieldTest:
    """What is asked of a field as the definitions' language has it; ``ne`` as ``eq``, for the caller to negate.

    Raises:
        CannotBeReadError: the value is none of the field's, or the test none for it.
    """
    field = _field(form, asked.field)
    if asked.test not in TESTS:
        raise CannotBeReadError(f"{asked.field}: there is no test {asked.test}; there are {', '.join(TESTS)}")
    if asked.test == "known":
        raw: object = {"known": _truth(asked.field, asked.value)}
    elif (asked.test == "contains") != field.repeated:
        wanted = "contains" if field.repeated else "a test of one value"
        raise CannotBeReadError(f"{asked.field} takes {wanted}")
    elif asked.test == "in":
        raw = {"in": [_scalar(field, one.strip()) for one in asked.value.split(",") if one.strip()]}
    elif asked.test == "starts_with":
        if field.kind != "string":
            raise CannotBeReadError(f"{asked.field} is no text, so it starts with nothing")
        raw = {"starts_with": asked.value}
    else:
        if asked.test in _ORDERED and field.kind not in _NUMBERS:
            raise CannotBeReadError(f"{asked.field} is no number, so nothing is greater or smaller")
        raw = {"eq" if asked.test == "ne" else asked.test: _scalar(field, asked.value)}
    try:
        found = parse_condition({asked.field: raw})
    except ValueError as error:
        raise CannotBeReadError(str(error)) from error
    if not isinstance(found, FieldTest):
        raise CannotBeReadError(f"{asked.field} is no field")
    return found


def _form(definition: RegistryDefinition, name: str) -> Form:
    form = definition.forms.get(name)
    if form is None:
        raise CannotBeReadError(f"there is no form {name}; there are {', '.join(sorted(definition.forms))}")
    return form


def _field(form: Form, name: str) -> FormField:
    for field in askable(form):
        if field.name == name:
            return field
    known = ", ".join(field.name for field in askable(form))
    raise CannotBeReadError(f"of {form.name} nothing can be asked of {name}; of these it can: {known}")


def _all_asked(form: Form, values: Mapping[str, Sequence[str]], name: str) -> tuple[Asked, ...]:
    found = [_split(one) for one in values.get(name, ()) if one]
    parts = [values.get(f"{name}_{part}", ()) for part in ("field", "test", "value")]
    if len({len(part) for part in parts}) > 1:
        raise CannotBeReadError(f"{name}_field, {name}_test and {name}_value must be of equal number")
    found += [Asked(*one) for one in zip(*parts, strict=True) if one[0]]
    if len(found) > _MOST:
        raise CannotBeReadError(f"a question has {_MOST} conditions at most")
    for one in found:
        condition_of(form, one)
    return tuple(found)


def _split(said: str) -> Asked:
    field, _, rest = said.partition(":")
    test, separator, value = rest.partition(":")
    if not separator:
        raise CannotBeReadError(f"{said} is no condition: write field:test:value, such as systolic:gt:150")
    return Asked(field, test, value)


def _also(definition: RegistryDefinition, values: Mapping[str, Sequence[str]]) -> tuple[Also, ...]:
    found: dict[str, Also] = {}
    for name in [one for one in values.get("also", ()) if one]:
        found[name] = Also(_form(definition, name).name)
    wanted = [one.partition(":") for one in values.get("also_where", ()) if one]
    parts = [values.get(f"also_{part}", ()) for part in ("field", "test", "value")]
    if any(parts) and len(found) == 1:  # a form of a page has one of them
        only = next(iter(found))
        wanted += [(only, ":", ":".join(one)) for one in zip(*parts, strict=False) if one[0]]
    for name, _, rest in wanted:
        if name not in found:
            raise CannotBeReadError(f"also_where={name}:… asks of a form that no also= names")
        asked = _split(rest)
        condition_of(_form(definition, name), asked)
        found[name] = replace(found[name], where=(*found[name].where, asked))
    if len(found) > _MOST:
        raise CannotBeReadError(f"a question has {_MOST} other forms at most")
    return tuple(found.values())


def _units(definition: RegistryDefinition, values: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    known = definition.catalogues["units"].rows if "units" in definition.catalogues else {}
    found = tuple(dict.fromkeys(one for one in values.get("unit", ()) if one))
    if unknown := [one for one in found if one not in known]:
        raise CannotBeReadError(f"there is no unit {', '.join(unknown[:3])}")
    return found


def _by(form: Form, values: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(one for one in values.get("by", ()) if one))
    known = (*(PLACES if form.field_with("unit") else ()), *TIMES, *(field.name for field in groupable(form)))
    if unknown := [one for one in found if one not in known]:
        raise CannotBeReadError(
            f"nothing can be kept apart by {', '.join(unknown[:3])}; by these it can: {', '.join(known)}"
        )
    if len(found) > 3:  # noqa: PLR2004 - more is no table that anybody reads
        raise CannotBeReadError("a question keeps apart three things at most")
    return found


def _value(form: Form, values: Mapping[str, Sequence[str]]) -> str:
    name = next((one for one in values.get("value", ()) if one), "")
    known = [field.name for field in summable(form)]
    if name and name not in known:
        raise CannotBeReadError(
            f"{name} is no field of numbers of {form.name}; these are: {', '.join(known) or 'none'}"
        )
    return name


def _counted(values: Mapping[str, Sequence[str]]) -> Counted:
    said = next((one for one in values.get("counted", ()) if one), "registrations")
    for known in get_args(Counted):
        if said == known:
            return known  # type: ignore[no-any-return] # one of the literals
    raise CannotBeReadError(f"counted is registrations or persons, not {said}")


def _day(values: Mapping[str, Sequence[str]], name: str) -> date | None:
    said = next((one for one in values.get(name, ()) if one), "")
    try:
        return date.fromisoformat(said) if said else None
    except ValueError as error:
        raise CannotBeReadError(f"{name} is a day, such as 2005-01-31, not {said}") from error


def _truth(name: str, said: str) -> bool:
    if said not in {"true", "false"}:
        raise CannotBeReadError(f"{name}: write true or false, not {said}")
    return said == "true"


def _scalar(field: FormField, said: str) -> object:
    if field.kind == "boolean":
        return _truth(field.name, said)
    if field.kind in _NUMBERS:
        try:
            return float(said) if field.kind in {"float", "double"} else int(said)
        except ValueError as error:
            raise CannotBeReadError(f"{field.name} is a number, not {said or 'nothing'}") from error
    if field.kind != "string":
        raise CannotBeReadError(f"{field.name} is a day; use first and last")
    if isinstance(field.codes, CodeList) and said not in field.codes.list:
        raise CannotBeReadError(f"{field.name} has no code {said}; it has {', '.join(field.codes.list)}")
    return said


def codes_of(definition: RegistryDefinition, field: FormField) -> Sequence[str]:
    """The codes that a field's value may have; none where they are not listed."""
    if isinstance(field.codes, CodeList):
        return field.codes.list
    if isinstance(field.codes, CatalogueCodes):
        rows = definition.catalogues[field.codes.catalogue].rows
        kind = field.codes.kind
        return [code for code, row in rows.items() if kind is None or row.get("kind") == kind]
    return ()
