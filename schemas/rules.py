"""What a registration must satisfy, compiled once per form from its declaration.

The publisher and intake read the same rules: the one so that whoever registers learns at once, the
other because anybody may write to a topic. A fault names field and rule, never the value.
"""

from __future__ import annotations

import math
import re
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.definition.form import CatalogueCodes, CodeList, CodePattern
from schemas.identity import PSEUDONYM, hides_identity_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.definition.form import Form, FormField
    from schemas.definition.registry import RegistryDefinition

    Check = Callable[[Any], str | None]
    Rules = Callable[[Mapping[str, Any], int], list["Fault"]]

_EPOCH = date(1970, 1, 1)
_DAY_MS = 86_400_000
_FIRST_DAY = (date(1900, 1, 1) - _EPOCH).days  # what ClickHouse's Date32 can hold
_LAST_DAY = (date(2299, 12, 31) - _EPOCH).days
_FIRST_OF_YEAR = {year: (date(year, 1, 1) - _EPOCH).days for year in range(1800, 2300)}
_LONGEST_ID = 100
_LONGEST_TEXT = 2_000
_INTEGER_BITS = {"int": 31, "long": 63}

FUTURE_TOLERANCE_MS = _DAY_MS
"""A registration may lie this far after its submission: clinics' clocks and time zones differ."""


class Fault(NamedTuple):
    """A field (empty: the registration as a whole) and the rule that it breaks."""

    field: str
    rule: str


def compile_rules(definition: RegistryDefinition, form: Form) -> Rules:
    """The rules of a form as one function.

    The function takes a registration in Avro's own numbers (all fields there) and the time of its
    submission in milliseconds since 1970, and returns its faults; none where it may be accepted.
    A retraction is held to the rules about identity only: it must be possible to withdraw what a
    later catalogue would no longer take.
    """
    checks = [
        (field.name, _identity_check(field), _content_check(definition, field)) for field in form.fields
    ]
    identity_checks = [(name, check) for name, check, _ in checks if check]
    content_checks = [(name, check) for name, _, check in checks if check]
    dates = [field.name for field in form.fields if field.kind == "date"]
    timestamps = [field.name for field in form.fields if field.kind == "timestamp"]
    born = form.field_with("birth_year")
    retracted = form.name_of("retracted")

    def rules(registration: Mapping[str, Any], submitted_at: int) -> list[Fault]:
        faults = [Fault(name, rule) for name, check in identity_checks if (rule := check(registration[name]))]
        if registration[retracted]:
            return faults
        for name, check in content_checks:
            if rule := check(registration[name]):
                faults.append(Fault(name, rule))  # noqa: PERF401 - the hot path: no second list
        latest = submitted_at + FUTURE_TOLERANCE_MS
        latest_day = latest // _DAY_MS
        first_day = _FIRST_OF_YEAR.get(registration[born.name]) if born else None
        for name in dates:
            day = registration[name]
            if day is None:
                continue
            if day > latest_day:
                faults.append(Fault(name, "lies in the future"))
            if first_day is not None and day < first_day:
                faults.append(Fault(name, "lies before the year of birth"))
        for name in timestamps:
            moment = registration[name]
            if moment is not None and moment > latest:
                faults.append(Fault(name, "lies in the future"))
        return faults

    return rules


def _identity_check(field: FormField) -> Check | None:
    """The rule about who a registration is of; None where the field says nothing of that."""
    if field.role == "patient":
        matches = PSEUDONYM.fullmatch
        return lambda value: None if matches(value) else "is not a pseudonym (publish makes them)"
    if field.kind != "string" or field.codes is not None:
        return None
    longest = _LONGEST_ID if field.role == "registration_id" else _LONGEST_TEXT

    def check(value: str | None) -> str | None:
        if value is None:
            return None
        if len(value) > longest:
            return f"is longer than {longest} characters"
        return "holds a personal identity number" if hides_identity_number(value) else None

    if field.role == "registration_id":
        return lambda value: check(value) if value.strip() else "is empty"
    return _for_each(check) if field.repeated else check


def _content_check(definition: RegistryDefinition, field: FormField) -> Check | None:
    """The rule about a field's value; None where its type says everything."""
    check: Check | None = None
    if field.codes is not None:
        check = _code_check(definition, field.codes)
    elif field.range is not None or field.kind in _INTEGER_BITS or field.kind in ("float", "double"):
        check = _number_check(field)
    elif field.kind == "date":
        check = _date_check
    elif field.kind == "timestamp":
        first, last = _FIRST_DAY * _DAY_MS, _LAST_DAY * _DAY_MS
        check = lambda value: None if first <= value <= last else "lies outside the years 1900 to 2299"  # noqa: E731
    if check is None or not field.nullable:
        return _for_each(check) if check and field.repeated else check
    inner = check
    return lambda value: None if value is None else inner(value)


def _for_each(check: Check) -> Check:
    def check_all(values: list[Any]) -> str | None:
        return next((rule for value in values if (rule := check(value))), None)

    return check_all


def _date_check(value: int) -> str | None:
    return None if _FIRST_DAY <= value <= _LAST_DAY else "lies outside the years 1900 to 2299"


def _code_check(definition: RegistryDefinition, codes: CodeList | CodePattern | CatalogueCodes) -> Check:
    if isinstance(codes, CodePattern):
        matches, rule = re.compile(codes.pattern).fullmatch, f"is not a code of {codes.system}"
        return lambda value: None if matches(value) else rule
    if isinstance(codes, CodeList):
        known, rule = frozenset(codes.list), "is not one of the form's codes"
    else:
        known = definition.catalogues[codes.catalogue].codes(codes.kind)
        rule = f"is not in the catalogue of {codes.catalogue}" + (
            f" of kind {codes.kind}" if codes.kind else ""
        )
    return lambda value: None if value in known else rule


def _number_check(field: FormField) -> Check:
    if field.range is not None:
        low, high = field.range
        rule = f"lies outside {low:g} to {high:g}" + (f" {field.unit}" if field.unit else "")
        return lambda value: None if low <= value <= high else rule
    if field.kind in _INTEGER_BITS:
        bound = 1 << _INTEGER_BITS[field.kind]
        return lambda value: None if -bound <= value < bound else f"does not fit {field.kind}"
    return lambda value: None if math.isfinite(value) else "is not a finite number"
