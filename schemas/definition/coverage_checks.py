"""Whether coverage.yaml speaks of what the registry's forms and catalogues have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.checks import anchor_problems
from schemas.definition.form import CatalogueCodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.definition.checks import Known
    from schemas.definition.coverage import Coverage

UNITS = "units"
"""The catalogue of the units that report; who never did is known from it alone."""


def coverage_problems(known: Known, coverage: Coverage) -> Iterator[str]:
    """What is wrong in coverage.yaml; each line begins with the key."""
    yield from anchor_problems(known, "form", coverage)
    form = known.forms.get(coverage.form)
    if form is None:
        return
    unit = form.field_with("unit")
    if unit is None:
        yield f"form: {form.name} has no field with role unit, so nobody can say whose coverage it is"
    elif not isinstance(unit.codes, CatalogueCodes) or unit.codes.catalogue != UNITS:
        yield f"form: the unit of {form.name} must have its codes in catalogue/{UNITS}.csv"
