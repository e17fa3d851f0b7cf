"""How complete registrations are: of each variable that may be absent, the share of registrations that has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinks.clickhouse import sql
from sinks.clickhouse.queries.cell_sums import CannotBeReadError, Group
from sinks.clickhouse.queries.small_cells import hidden

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from schemas.definition.form import Form, FormField
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

SMALLEST = 5
"""Units with fewer registrations are not shown, nor others that would give them away."""


@dataclass(frozen=True, slots=True)
class UnitCompleteness:
    """One unit, or all of them.

    Attributes:
        unit: its code; empty for all together.
        n: how many registrations; None where that is not shown.
        known: the share with each variable, in the reading's order; None likewise.
    """

    unit: str
    n: int | None
    known: Sequence[float] | None


@dataclass(frozen=True, slots=True)
class Completeness:
    """How complete one form is.

    Attributes:
        form: its name.
        fields: the variables that may be absent.
        nation: all units together; None where there is no registration.
        units: each unit that registered anything, by code; none where the form has no unit.
    """

    form: str
    fields: Sequence[FormField]
    nation: UnitCompleteness | None
    units: Sequence[UnitCompleteness]


def read_completeness(
    client: Client, definition: RegistryDefinition, form: str, *, since: date | None = None
) -> Completeness:
    """How complete the living registrations of a form are; lists are left out, for an empty one may be meant.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        form: its form.
        since: only what happened on that day or later.

    Raises:
        CannotBeReadError: there is no such form.
        DatabaseError: the database does not answer, or refuses.
    """
    declared = definition.forms.get(form)
    if declared is None:
        raise CannotBeReadError(f"there is no form {form}; there are {', '.join(definition.forms)}")
    fields = [field for field in declared.fields if field.nullable and not field.repeated]
    if not fields:
        return Completeness(form, (), None, ())
    counted = _counted(client, definition, declared, fields, since)
    total = [sum(numbers) for numbers in zip(*counted.values(), strict=True)]
    if not total or not total[0]:
        return Completeness(form, fields, None, ())
    people = {Group(unit, None, ()): numbers[0] for unit, numbers in counted.items()}
    kept_back = {group.place for group in hidden(people, SMALLEST)}
    by_unit = declared.field_with("unit") is not None
    units = [_row(unit, numbers, shown=unit not in kept_back) for unit, numbers in sorted(counted.items())]
    nation = _row("", total, shown=total[0] >= SMALLEST)
    return Completeness(form, fields, nation, units if by_unit else ())


def _counted(
    client: Client, definition: RegistryDefinition, form: Form, fields: Sequence[FormField], since: date | None
) -> dict[str, list[int]]:
    """By unit: how many registrations, then how many with each variable."""
    unit = form.field_with("unit")
    known = ", ".join(f"countIf(isNotNull({sql.identifier(field.name)}))" for field in fields)
    where = f" WHERE {sql.identifier(form.name_of('occurred_on'))} >= {{since:Date32}}" if since else ""
    rows = client.rows(
        f"SELECT {f'toString({sql.identifier(unit.name)})' if unit else sql.text('')} AS unit, count(), {known} "
        f"FROM {sql.table(sql.database_of(definition.name), form.name)}{where} GROUP BY unit",
        {"since": since.isoformat()} if since else {},
    )
    return {code: numbers for code, *numbers in rows}


def _row(unit: str, numbers: Sequence[int], *, shown: bool) -> UnitCompleteness:
    if not shown:
        return UnitCompleteness(unit, None, None)
    n, *known = numbers
    return UnitCompleteness(unit, n, [number / n for number in known])
