"""The answer to a question, live: one statement over the form's living registrations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sinks.clickhouse import sql
from sinks.clickhouse.queries.cell_sums import Group
from sinks.clickhouse.queries.estimates import Estimate, mean_of, proportion
from sinks.clickhouse.queries.question import PLACES, TIMES, condition_of
from sinks.clickhouse.queries.small_cells import hidden
from sinks.clickhouse.recompute.field_tests import conjunction, holds
from sinks.clickhouse.recompute.fields import Value, field_value, text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from schemas.definition.form import Form
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.question import Asked, Question

_ALIAS = "r"
_STARTS = {"month": "toStartOfMonth", "quarter": "toStartOfQuarter", "year": "toStartOfYear"}
_MOST_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One row of an answer.

    Attributes:
        labels: of what is kept apart, in the question's order; of times the first day.
        registrations: how many; None where the row is hidden.
        people: how many persons they are of; likewise.
        share: of how many holds what is asked of them; None where nothing is, or it is hidden.
        mean: of the value, with limits; likewise.
        quartiles: of the value: a quarter, half, three quarters.
    """

    labels: tuple[str, ...]
    registrations: int | None
    people: int | None
    share: Estimate | None = None
    mean: Estimate | None = None
    quartiles: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    Attributes:
        rows: by label; at most 5,000.
        total: of all together, which are not the sum where a person is in several rows.
        hidden: how many rows are not shown, for they are about too few persons or would give such a row away.
    """

    rows: Sequence[AnswerRow]
    total: AnswerRow
    hidden: int


def answer(
    client: Client, definition: RegistryDefinition, question: Question, *, smallest: int, own: Collection[str] = ()
) -> Answer:
    """Answer a question.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        question: as ``parse`` made it.
        smallest: rows about fewer persons are hidden, and those that would give them away; so are shares that tell of
            fewer persons. 0 and 1 hide nothing.
        own: units whose rows are shown whatever their number.

    Raises:
        CannotBeReadError: what is asked makes no sense.
        DatabaseError: the database does not answer, or refuses.
    """
    found = client.rows(_statement(definition, question), _parameters(definition, question))
    many = len(question.by)
    raw = [_Raw(tuple(str(one) for one in row[:many]), bool(row[many]), *row[many + 1 :]) for row in found]
    total = next((one for one in raw if one.is_total), _Raw((), True, 0, 0, 0, 0, None, None, ()))
    parts = [one for one in raw if not one.is_total]
    unit = question.by.index("unit") if "unit" in question.by else None
    shown_anyway = {one.labels for one in parts if unit is not None and one.labels[unit] in own}
    people = {Group("", None, one.labels): one.people for one in parts if one.labels not in shown_anyway}
    held_back = {group.breakdown for group in hidden(people, smallest)}
    rows = [
        _row(one, question, 0 if one.labels in shown_anyway else smallest, one.labels in held_back) for one in parts
    ]
    return Answer(rows, _row(total, question, smallest, total.people < smallest), len(held_back))


@dataclass(frozen=True, slots=True)
class _Raw:
    labels: tuple[str, ...]
    is_total: bool
    registrations: int
    people: int
    hits: int
    hit_people: int
    average: float | None
    spread: float | None
    quartiles: Sequence[float]
    known: int = 0


def _row(raw: _Raw, question: Question, smallest: int, is_hidden: bool) -> AnswerRow:
    labels = () if raw.is_total else raw.labels
    if is_hidden:
        return AnswerRow(labels, None, None)
    share = average = quartiles = None
    if question.of_those and _is_told(raw, smallest):
        share = proportion(raw.registrations, raw.hits) if raw.registrations else None
    if raw.average is not None and raw.known >= max(smallest, 1):
        average = mean_of(raw.known, float(raw.average), raw.spread)
        quartiles = tuple(raw.quartiles)
    return AnswerRow(labels, raw.registrations, raw.people, share, average, quartiles)  # type: ignore[arg-type] # three


def _is_told(raw: _Raw, smallest: int) -> bool:
    """Whether neither those for whom it holds nor the others are so few that they are known."""
    others = raw.people - raw.hit_people
    return all(number == 0 or number >= smallest for number in (raw.hit_people, others))


def _statement(definition: RegistryDefinition, question: Question) -> str:
    form = definition.forms[question.form]
    patient = f"{_ALIAS}.{sql.identifier(form.name_of('patient'))}"
    groups = [
        f"{expression} AS {sql.identifier(f'_by_{place}')}" for place, expression in enumerate(_groups(form, question))
    ]
    names = [sql.identifier(f"_by_{place}") for place in range(len(groups))]
    of_those = _conditions(definition, form, question.of_those)
    value = "CAST(NULL AS Nullable(Float64))"
    if question.value:
        value = f"toFloat64({field_value(definition, form.name, question.value, _ALIAS).sql})"
    numbers = [
        "count()",
        "uniqExact(_patient)",
        "countIf(_holds)",
        "uniqExactIf(_patient, _holds)",
        "avgOrNull(_value)",
        "stddevSampOrNull(_value)",
        "quantilesExactLow(0.25, 0.5, 0.75)(_value)" if question.value else "[]",
        "count(_value)",
    ]
    sets = f"GROUPING SETS (({', '.join(names)}), ())" if names else "GROUPING SETS (())"
    grouping = f"grouping({names[0]}) = 1" if names else "true"
    return (
        f"SELECT {', '.join([*names, grouping, *numbers])} FROM ("
        f"SELECT {', '.join([*groups, f'{patient} AS _patient', f'{of_those} AS _holds', f'{value} AS _value'])} "
        f"FROM {sql.table(sql.database_of(definition.name), form.name)} AS {_ALIAS} "
        f"WHERE {_where(definition, form, question)} {_latest(form, question)}"
        f") GROUP BY {sets} ORDER BY {', '.join([*names, '1'])} LIMIT {_MOST_ROWS}"
    )


def _groups(form: Form, question: Question) -> Iterator[str]:
    unit = form.field_with("unit")
    day = f"{_ALIAS}.{sql.identifier(form.name_of('occurred_on'))}"
    for name in question.by:
        if name in TIMES:
            yield f"toString(toDate32({_STARTS[name]}({day})))"
        elif name in PLACES and unit is not None:
            code = f"{_ALIAS}.{sql.identifier(unit.name)}"
            yield (
                code if name == "unit" else f"transform({code}, {{units:Array(String)}}, {{{name}:Array(String)}}, '')"
            )
        else:
            field = next(one for one in form.fields if one.name == name)
            yield text_of(Value(f"{_ALIAS}.{sql.identifier(field.name)}", field.kind))


def _where(definition: RegistryDefinition, form: Form, question: Question) -> str:
    day = f"{_ALIAS}.{sql.identifier(form.name_of('occurred_on'))}"
    unit = form.field_with("unit")
    parts = [_conditions(definition, form, question.where)]
    parts += [f"{day} >= {{first:Date32}}"] if question.first else []
    parts += [f"{day} <= {{last:Date32}}"] if question.last else []
    if question.units and unit is not None:
        parts.append(f"{_ALIAS}.{sql.identifier(unit.name)} IN {{asked_units:Array(String)}}")
    for also in question.also:
        other = definition.forms[also.form]
        parts.append(
            f"{_ALIAS}.{sql.identifier(form.name_of('patient'))} IN "
            f"(SELECT {sql.identifier(other.name_of('patient'))} FROM "
            f"{sql.table(sql.database_of(definition.name), other.name)} AS {_ALIAS} "
            f"WHERE {_conditions(definition, other, also.where)})"
        )
    return " AND ".join(parts)


def _latest(form: Form, question: Question) -> str:
    if question.counted == "registrations":
        return ""
    order = ", ".join(
        f"{_ALIAS}.{sql.identifier(form.name_of(role))} DESC"
        for role in ("occurred_on", "recorded_at", "registration_id")
    )
    return f"ORDER BY {order} LIMIT 1 BY {_ALIAS}.{sql.identifier(form.name_of('patient'))}"


def _conditions(definition: RegistryDefinition, form: Form, asked: Sequence[Asked]) -> str:
    parts = []
    for one in asked:
        condition = condition_of(form, one)
        held = holds(field_value(definition, form.name, condition.field, _ALIAS), condition.test)
        parts.append(f"NOT {held}" if one.test == "ne" else held)
    return conjunction(parts)


def _parameters(definition: RegistryDefinition, question: Question) -> Mapping[str, Any]:
    rows = definition.catalogues["units"].rows if "units" in definition.catalogues else {}
    return {
        "first": question.first.isoformat() if question.first else "",
        "last": question.last.isoformat() if question.last else "",
        "asked_units": list(question.units),
        "units": list(rows),
        **{place: [row.get(place, "") for row in rows.values()] for place in ("county", "region")},
    }
