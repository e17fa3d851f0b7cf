"""The company view: what a manufacturer is shown of its components, and a clinic beside all others.

Person-time is counted in whole days, an operation on the last day known adds none, and a component-year
is 365.25 days; follow-up stops at the first reoperation. That is how the golden Inter-op case was
counted (tests/integration/test_clickhouse_company_view.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from schemas.definition.form import CatalogueCodes
from sinks.clickhouse import sql
from sinks.clickhouse.migrations.absolute import CATALOGUE
from streams.statistics.rates import incidence_rate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from schemas.definition.form import Form, Role
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

DAYS_PER_YEAR = 365.25
_PER_YEARS = 100.0


@dataclass(frozen=True, slots=True)
class CompanyForms:
    """The forms that the view is made of, by name."""

    operation: str = "primary_operation"
    reoperation: str = "reoperation"
    death: str = "death"


@dataclass(frozen=True, slots=True)
class CompanyRow:
    """One component in all or at one unit.

    Attributes:
        component: its code in the catalogue.
        name: its name; empty where the catalogue has it no more.
        company: who makes it.
        unit: the unit's code; None for all units together.
        inserted: operations that put it in.
        reoperated: how many of them were followed by a reoperation that is theirs.
        share: reoperated / inserted.
        component_years: follow-up until the first reoperation, death or the last day.
        rate: reoperated operations per 100 component-years; None (with its limits) without follow-up.
        lower: exact 95 % limit of the rate.
        upper: exact 95 % limit of the rate.
    """

    component: str
    name: str
    company: str
    unit: str | None
    inserted: int
    reoperated: int
    share: float
    component_years: float
    rate: float | None
    lower: float | None
    upper: float | None


def company_view(
    client: Client,
    definition: RegistryDefinition,
    *,
    kind: str = "cup",
    until: date | None = None,
    forms: CompanyForms | None = None,
) -> list[CompanyRow]:
    """Every component of a kind: first in all, then by unit, in the order of the codes.

    Args:
        client: the way to ClickHouse.
        definition: the registry; its fields are found by their roles.
        kind: the components' kind in the catalogue.
        until: the last day that counts; the latest day in any form where none is given.
        forms: the forms that tell of operations, reoperations and deaths.

    Raises:
        ValueError: a form, or a field with a role that the view needs, is not declared.
        DatabaseError: the database does not answer, or refuses.
    """
    names = forms or CompanyForms()
    last_day = until or latest_day(client, definition)
    if last_day is None:
        return []
    parameters = {**_parameters(definition, names, kind), "until": last_day.isoformat()}
    return _with_rates(client.rows(_view(), parameters))


def latest_day(client: Client, definition: RegistryDefinition) -> date | None:
    """The latest day on which anything living happened, of all forms; None where there is nothing."""
    database = sql.database_of(definition.name)
    selects = " UNION ALL ".join(
        f"SELECT maxOrNull({sql.identifier(form.name_of('occurred_on'))}) AS day FROM {sql.table(database, form.name)}"
        for form in definition.forms.values()
    )
    found: date | None = client.rows(f"SELECT max(day) FROM ({selects})")[0][0]
    return found


def _parameters(definition: RegistryDefinition, names: CompanyForms, kind: str) -> dict[str, str]:
    """The names that the query's placeholders stand for."""
    operation = _form(definition, names.operation)
    reoperation = _form(definition, names.reoperation)
    death = _form(definition, names.death)
    component, catalogue = _component_field(operation, kind)
    return {
        "database": sql.database_of(definition.name),
        "operation": operation.name,
        "reoperation": reoperation.name,
        "death": death.name,
        "catalogue": f"{CATALOGUE}{catalogue}",
        "component": component,
        "patient": operation.name_of("patient"),
        "registration_id": operation.name_of("registration_id"),
        "recorded_at": operation.name_of("recorded_at"),
        "day": operation.name_of("occurred_on"),
        "side": _field(operation, "side"),
        "unit": _field(operation, "unit"),
        "re_patient": reoperation.name_of("patient"),
        "re_day": reoperation.name_of("occurred_on"),
        "re_side": _field(reoperation, "side"),
        "death_patient": death.name_of("patient"),
        "death_day": death.name_of("occurred_on"),
    }


def _form(definition: RegistryDefinition, name: str) -> Form:
    form = definition.forms.get(name)
    if form is None:
        raise ValueError(f"registry {definition.name} has no form {name}; it has {', '.join(sorted(definition.forms))}")
    return form


def _field(form: Form, role: Role) -> str:
    field = form.field_with(role)
    if field is None:
        raise ValueError(f"form {form.name} has no field with role {role}, which the company view needs")
    return field.name


def _component_field(form: Form, kind: str) -> tuple[str, str]:
    """The form's field that says which component of a kind was put in, and its catalogue."""
    kinds = []
    for field in form.fields:
        if field.role == "product" and isinstance(field.codes, CatalogueCodes):
            if field.codes.kind == kind:
                return field.name, field.codes.catalogue
            kinds.append(str(field.codes.kind))
    raise ValueError(f"form {form.name} has no component of kind {kind}; it has {', '.join(kinds) or 'none'}")


@cache
def _view() -> str:
    return (files("sinks.clickhouse.queries") / "company_view.sql").read_text(encoding="utf-8")


def _with_rates(
    counts: Sequence[tuple[str, str, str, str | None, int, int, int]],
) -> list[CompanyRow]:
    followed = np.array([days for *_, days in counts], dtype=np.float64) > 0
    years = np.array([days for *_, days in counts], dtype=np.float64) / DAYS_PER_YEAR
    events = np.array([reoperated for *_, reoperated, _ in counts], dtype=np.float64)
    found = np.full((3, len(counts)), np.nan)
    if followed.any():
        rates = incidence_rate(events[followed], years[followed], per=_PER_YEARS)
        found[:, followed] = rates.rate, rates.lower, rates.upper
    rows = []
    for place, (code, name, company, unit, inserted, reoperated, _) in enumerate(counts):
        rate, lower, upper = (float(value) for value in found[:, place]) if followed[place] else (None,) * 3
        rows.append(
            CompanyRow(
                code, name, company, unit, inserted, reoperated, reoperated / inserted, float(years[place]),
                rate, lower, upper,
            )
        )  # fmt: skip
    return rows
