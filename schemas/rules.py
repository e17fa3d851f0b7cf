"""What a registration must satisfy, compiled once per form from its declaration.

The publisher and intake read the same rules: the one so that whoever registers learns at once, the
other because anybody may write to a topic. A fault names field and rule, never the value.
"""

from __future__ import annotations

import re
import sys
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.definition.form import CatalogueCodes, CodeList, CodePattern
from schemas.identity import PSEUDONYM, hides_identity_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from schemas.definition.form import Form, FormField
    from schemas.definition.registry import RegistryDefinition

    Check = Callable[[Any], str | None]
    TimeCheck = Callable[[Any, int | None, int], str | None]
    Rules = Callable[[Mapping[str, Any], int], list["Fault"]]

_EPOCH = date(1970, 1, 1)
_DAY_MS = 86_400_000
_FIRST_DAY = (date(1900, 1, 1) - _EPOCH).days  # what ClickHouse's Date32 can hold
_LAST_DAY = (date(2299, 12, 31) - _EPOCH).days
_FIRST_OF_YEAR = {year: (date(year, 1, 1) - _EPOCH).days for year in range(1800, 2300)}
_OUTSIDE_YEARS = "lies outside the years 1900 to 2299"
_LONGEST_ID = 100
_INTEGER_BITS = {"int": 31, "long": 63}

LONGEST_TEXT = 2_000
"""The most characters that a text may have."""
DAYS_HELD = (_FIRST_DAY, _LAST_DAY)
MOMENTS_HELD = (_FIRST_DAY * _DAY_MS, (_LAST_DAY + 1) * _DAY_MS - 1)
"""The first and the last that a column of dates, or of timestamps, holds, in Avro's own numbers."""
FUTURE_TOLERANCE_MS = _DAY_MS
"""A registration may lie this far after its submission: clinics' clocks and time zones differ."""


class Fault(NamedTuple):
    """A field (empty: the registration as a whole) and the rule that it breaks."""

    field: str
    rule: str

    def __str__(self) -> str:
        """Both, as people are told."""
        return f"{self.field} {self.rule}".strip()


def compile_rules(definition: RegistryDefinition, form: Form) -> Rules:
    """The rules of a form as one function.

    The function takes a registration in Avro's own numbers (all fields there) and the time of its
    submission in milliseconds since 1970, and returns its faults; none where it may be accepted.
    A retraction is held only to what every registration must be to be kept at all: no identity
    number in a text, every number and date within what its column holds. It must be possible to
    withdraw what a later catalogue would no longer take.
    """
    checks = _present((field.name, check_of(definition, field)) for field in form.fields)
    retraction_checks = _present((field.name, _retraction_check(field)) for field in form.fields)
    time_faults = _time_rules(form)
    retracted = form.name_of("retracted")

    def rules(registration: Mapping[str, Any], submitted_at: int) -> list[Fault]:
        if registration[retracted]:
            return [Fault(name, rule) for name, check in retraction_checks if (rule := check(registration[name]))]
        faults = [Fault(name, rule) for name, check in checks if (rule := check(registration[name]))]
        return faults + time_faults(registration, submitted_at)

    return rules


def _present(checks: Iterable[tuple[str, Check | None]]) -> list[tuple[str, Check]]:
    return [(name, check) for name, check in checks if check is not None]


def check_of(definition: RegistryDefinition, field: FormField) -> Check | None:
    """The rule about a field of a registration that stands; None where its type says everything."""
    if field.role == "patient":
        return _patient_check
    if field.codes is not None:
        return _code_check(definition, field, field.codes)
    if field.kind == "string":
        return _each(field, _text_check(field))
    return _number_check(field, field.range)


def _retraction_check(field: FormField) -> Check | None:
    """The rule about a field of a retraction."""
    if field.role == "patient":
        return _patient_check
    if field.kind == "string":
        return _each(field, _text_check(field))
    return None if field.kind in ("float", "double") else _number_check(field, None)


def _patient_check(value: str) -> str | None:
    return None if PSEUDONYM.fullmatch(value) else "is not a pseudonym (publish makes them)"


def _text_check(field: FormField) -> Check:
    longest = _LONGEST_ID if field.role == "registration_id" else LONGEST_TEXT

    def check_text(value: str | None) -> str | None:
        if value is None:
            return None
        if len(value) > longest:
            return f"is longer than {longest} characters"
        return "holds a personal identity number" if hides_identity_number(value) else None

    def check_id(value: str) -> str | None:
        return check_text(value) if value.strip() else "is empty"

    return check_id if field.role == "registration_id" else check_text


def _code_check(
    definition: RegistryDefinition, field: FormField, codes: CodeList | CodePattern | CatalogueCodes
) -> Check:
    absent = frozenset({None} if field.nullable else ())
    if isinstance(codes, CodePattern):
        matches, rule = re.compile(codes.pattern).fullmatch, f"is not a code of {codes.system}"
        return _each(field, lambda value: None if value in absent or matches(value) else rule)
    if isinstance(codes, CodeList):
        known, rule = frozenset(codes.list) | absent, "is not one of the form's codes"
    else:
        known = definition.catalogues[codes.catalogue].codes(codes.kind) | absent
        rule = f"is not in the catalogue of {codes.catalogue}" + (f" of kind {codes.kind}" if codes.kind else "")
    return _each(field, lambda value: None if value in known else rule)


def _number_check(field: FormField, stated: tuple[float, float] | None) -> Check | None:
    """Within the range stated and what the type and its column hold; None where all values are."""
    low: float
    high: float
    if field.kind == "date":
        (low, high), rule = DAYS_HELD, _OUTSIDE_YEARS
    elif field.kind == "timestamp":
        (low, high), rule = MOMENTS_HELD, _OUTSIDE_YEARS
    elif field.kind in _INTEGER_BITS:
        bound = 1 << _INTEGER_BITS[field.kind]
        low, high, rule = -bound, bound - 1, f"does not fit {field.kind}"
    elif field.kind in ("float", "double"):
        low, high, rule = -sys.float_info.max, sys.float_info.max, "is not a finite number"
    else:
        return None
    if stated is not None:
        low, high = max(low, stated[0]), min(high, stated[1])
        rule = f"lies outside {stated[0]:.12g} to {stated[1]:.12g}" + (f" {field.unit}" if field.unit else "")
    if field.nullable:
        return lambda value: None if value is None or low <= value <= high else rule
    return _each(field, lambda value: None if low <= value <= high else rule)


def _each(field: FormField, check: Check) -> Check:
    """The check, for every value where the field is a list."""
    if not field.repeated:
        return check
    return lambda values: next((rule for value in values if (rule := check(value))), None)


def _time_rules(form: Form) -> Rules:
    """Nothing lies in the future, nor before the person's birth."""
    fields = [(field.name, _time_check(field)) for field in form.fields if field.kind in ("date", "timestamp")]
    born = form.field_with("birth_year")

    def time_faults(registration: Mapping[str, Any], submitted_at: int) -> list[Fault]:
        latest = submitted_at + FUTURE_TOLERANCE_MS
        birth = _FIRST_OF_YEAR.get(registration[born.name]) if born else None
        return [Fault(name, rule) for name, check in fields if (rule := check(registration[name], birth, latest))]

    return time_faults


def _time_check(field: FormField) -> TimeCheck:
    check = _day_check if field.kind == "date" else _moment_check
    if field.nullable:
        return lambda value, birth, latest: None if value is None else check(value, birth, latest)
    if field.repeated:
        return lambda values, birth, latest: next((rule for v in values if (rule := check(v, birth, latest))), None)
    return check


def _day_check(day: int, birth: int | None, latest: int) -> str | None:
    if day * _DAY_MS > latest:
        return "lies in the future"
    return "lies before the year of birth" if birth is not None and day < birth else None


def _moment_check(moment: int, birth: int | None, latest: int) -> str | None:
    if moment > latest:
        return "lies in the future"
    return "lies before the year of birth" if birth is not None and moment < birth * _DAY_MS else None
