"""Whether coverage.yaml speaks of what the registry's forms and catalogues have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.condition import fields_only
from schemas.definition.condition_checks import condition_problems
from schemas.definition.form import OPT_OUT, CatalogueCodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.definition.condition_checks import Known
    from schemas.definition.coverage import Coverage

UNITS = "units"
"""The catalogue of the units that report; only from it is it known who never did."""


def coverage_problems(known: Known, coverage: Coverage) -> Iterator[str]:
    """What is wrong in coverage.yaml; each line begins with the key."""
    form = known.forms.get(coverage.form)
    if form is None or form.name == OPT_OUT:
        countable = ", ".join(name for name in known.forms if name != OPT_OUT)
        yield f"form: there is no form {coverage.form} to count; there are {countable}"
        return
    if coverage.where is not None and not fields_only(coverage.where):
        yield "where: looks at the registration's own fields only"
    else:
        yield from condition_problems(known, "where", form.name, coverage.where)
    unit = form.field_with("unit")
    if unit is None or not isinstance(unit.codes, CatalogueCodes) or unit.codes.catalogue != UNITS:
        yield f"form: {form.name} needs a field with role unit and the codes of catalogue/{UNITS}.csv"
