"""Invented histories as the platform would see them: their rows checked by the forms' rules, then worked out."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from schemas.definition.indicators import layout
from schemas.rules import compile_rules
from tests.reference_journeys import Submission, recompute
from tests.support import patient

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from schemas.definition.registry import RegistryDefinition
    from tests.reference_journeys import Recomputed

_EPOCH = date(1970, 1, 1)
_DAY_MS = 86_400_000

Row = dict[str, Any]


def numbers_of(rows: Iterable[Row]) -> dict[str, str]:
    """A pseudonym for each person of the rows."""
    return {person: patient(number) for number, person in enumerate(sorted({row["person"] for row in rows}))}


def faults(definition: RegistryDefinition, rows: Sequence[Row]) -> list[str]:
    """What intake would refuse, and what is not of the form; every row is sent the day after it was recorded."""
    rules = {name: compile_rules(definition, form) for name, form in definition.forms.items()}
    fields = {name: {field.name for field in form.fields} for name, form in definition.forms.items()}
    pseudonyms = numbers_of(rows)
    found = []
    for row in rows:
        said = _said(row, pseudonyms)
        if said.keys() != fields[row["form"]]:
            found.append(f"{row['registration_id']}: {sorted(said.keys() ^ fields[row['form']])}")
        else:
            faulty = rules[row["form"]](said, said["recorded_at"] + _DAY_MS)
            found += [f"{row['registration_id']}, {fault.field}: {fault.rule}" for fault in faulty]
        if row["occurred_on"] > row["recorded_at"].date():
            found.append(f"{row['registration_id']}: occurred after it was recorded")
    return found


def worked_out(definition: RegistryDefinition, rows: Sequence[Row]) -> Recomputed:
    """What the definitions make of the rows, sent in their order."""
    pseudonyms = numbers_of(rows)
    return recompute(
        definition,
        [
            Submission(
                version, row["form"], row["person"], row["registration_id"], row["retracted"], _said(row, pseudonyms)
            )
            for version, row in enumerate(rows)
        ],
    )


def totals(
    definition: RegistryDefinition, result: Recomputed, cohort: str, *, by_period: bool = False, unit: str | None = None
) -> dict[Any, tuple[int, ...]]:
    """A cohort's numbers over all cells (of one unit, where asked): by indicator, or by (year, indicator)."""
    declared = definition.indicators.cohorts[cohort]
    places = [*layout(declared).items(), ("", None)]
    found: dict[Any, list[int]] = defaultdict(list)
    for (name, of_unit, period, _, indicator, _), values in result.cells.items():
        if name != cohort or indicator or unit not in (None, of_unit):
            continue
        year = date.fromordinal(_EPOCH.toordinal() + period).year
        for (this, begin), (_, end) in pairwise(places):
            key = (year, this) if by_period else this
            found[key] = _added(found[key], values[begin:end])
    return {key: tuple(values) for key, values in found.items()}


def _added(before: list[int], values: Sequence[int]) -> list[int]:
    return [old + new for old, new in zip(before, values, strict=True)] if before else list(values)


def _said(row: Row, pseudonyms: Mapping[str, str]) -> Row:
    """A row in Avro's own numbers."""
    said = {name: _number(value) for name, value in row.items() if name not in ("form", "person")}
    return {**said, "patient": pseudonyms[row["person"]]}


def _number(value: Any) -> Any:
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    return (value - _EPOCH).days if isinstance(value, date) else value
