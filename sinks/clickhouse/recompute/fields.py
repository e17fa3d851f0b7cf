"""Fields and derived values of registrations as SQL expressions, and the texts, days and numbers made of them.

In every query a registration has its form's fields under their own names, and before them (no field
can be called so) `_patient`, `_id`, `_day` (days since 1970), `_recorded`, `_partition` and `_version`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sinks.clickhouse import sql
from sinks.clickhouse.recompute.statement import column

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from schemas.definition.form import Kind, Role
    from schemas.definition.indicators import Breakdown, Period
    from schemas.definition.registry import RegistryDefinition

_DAY_MS = 86_400_000
_PERIOD_MONTHS: dict[str, int] = {"month": 1, "quarter": 3, "year": 12}


class Value(NamedTuple):
    """An expression, and what its values are."""

    sql: str
    kind: Kind


def number(value: float) -> str:
    """A literal that is the same number to the last bit."""
    return f"toFloat64({sql.text(repr(value))})" if isinstance(value, float) else str(value)


def field_value(definition: RegistryDefinition, form: str, name: str, alias: str) -> Value:
    """A field, or a derived value, of the registration (of ``form``) that the alias stands for."""
    derived = definition.journey.values.get(name)
    if derived is not None and derived.form == form:
        first, last = (day_of(field_value(definition, form, field, alias)) for field in (derived.days_from, derived.to))
        return Value(f"({last} - {first})", "int")
    field = next(one for one in definition.forms[form].fields if one.name == name)
    place = column(alias, name)
    # Avro's float is a double as soon as it is read
    exact = f"toFloat64({place})" if field.kind == "float" and not field.repeated else place
    return Value(exact, field.kind)


def sources(definition: RegistryDefinition, form: str, fields: Sequence[str]) -> Iterator[str]:
    """The columns that fields and derived values are made of."""
    for name in fields:
        derived = definition.journey.values.get(name)
        if derived is not None and derived.form == form:
            yield from (derived.days_from, derived.to)
        else:
            yield name


def day_of(value: Value) -> str:
    """The day (in UTC) of a date or time, in days since 1970; null where it is null."""
    if value.kind == "date":
        return f"toInt32({value.sql})"
    moment = f"toUnixTimestamp64Milli({value.sql})"
    return f"toInt32(intDiv({moment} - positiveModulo({moment}, {_DAY_MS}), {_DAY_MS}))"


def recorded_day(alias: str, name: str = "_recorded") -> str:
    """The day (in UTC) on which what an alias stands for was recorded, in days since 1970."""
    return day_of(Value(column(alias, name), "timestamp"))


def role_text(definition: RegistryDefinition, form: str, role: Role, alias: str) -> str:
    """The text of the field with a role; empty text where there is none."""
    field = definition.forms[form].field_with(role)
    return "''" if field is None else text_of(Value(column(alias, field.name), field.kind))


def text_of(value: Value) -> str:
    """A value as it stands in lists and breakdowns: true and false in small letters, null as empty text."""
    if value.kind == "boolean":
        return f"multiIf(isNull({value.sql}), '', ifNull({value.sql}, false), 'true', 'false')"
    if value.kind == "timestamp":
        return f"ifNull(toString(toUnixTimestamp64Milli({value.sql})), '')"
    if value.kind in ("float", "double"):
        return f"if(isNull({value.sql}), '', {_float_text(f'toFloat64(assumeNotNull({value.sql}))')})"
    return f"ifNull(toString({value.sql}), '')"


def _float_text(value: str) -> str:
    """A double in the shortest digits that mean it, always without an exponent, as the journeys write it.

    ClickHouse prints those digits, with an exponent below 1e-6 and from 1e21 on.
    """
    printed = f"toString(abs({value}))"
    digits = f"replaceOne(splitByChar('e', {printed})[1], '.', '')"
    exponent = f"toInt32OrZero(splitByChar('e', {printed})[2])"
    large = f"rightPad({digits}, toUInt64({exponent} + 1), '0')"
    small = f"concat('0.', repeat('0', -{exponent} - 1), {digits})"
    plain = f"multiIf({exponent} > 0, {large}, {exponent} < 0, {small}, {printed})"
    return f"concat(if(startsWith(toString({value}), '-'), '-', ''), {plain})"


def label(value: Value, breakdown: Breakdown) -> str:
    """The text that a breakdown tells registrations apart by."""
    if breakdown.first is not None:
        return f"substringUTF8({text_of(value)}, 1, {breakdown.first})"
    if not breakdown.bands:
        return text_of(value)
    lower_bounds = list(zip(breakdown.bands, breakdown.labels, strict=False))  # the last label is for all above
    below = ", ".join(f"{value.sql} < {bound}, {sql.text(name)}" for bound, name in lower_bounds)
    return f"multiIf(isNull({value.sql}), '', {below}, {sql.text(breakdown.labels[-1])})"


def age_of(birth_year: Value, day: str) -> Value:
    """The age that a person reaches in the year of a day (in days since 1970); null where the year of birth is."""
    return Value(f"(toYear(toDate32({day})) - {birth_year.sql})", "int")


def multiples(value: Value, resolution: float) -> str:
    """A number in whole multiples of the resolution, rounded half up in doubles; 0 where it is null."""
    return f"toInt64(ifNull(floor(toFloat64({value.sql}) / {number(resolution)} + 0.5), 0))"


def period_of(day: str, period: Period) -> str:
    """The first day of the calendar period that a day lies in (`toStartOfMonth` ends in 2149 and begins in 1970)."""
    date = f"toDate32({day})"
    months = _PERIOD_MONTHS[period]
    month = f"toMonth({date})" if months == 1 else f"intDiv(toMonth({date}) - 1, {months}) * {months} + 1"
    return f"makeDate32(toYear({date}), {month}, 1)"


def texts(expressions: Sequence[str]) -> str:
    """An array of texts; the empty one has a type as well."""
    return f"[{', '.join(f'toString({one})' for one in expressions)}]::Array(String)"
