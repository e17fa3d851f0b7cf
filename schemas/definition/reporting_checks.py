"""Whether reporting.yaml speaks of what the registry's forms have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.condition import fields_only
from schemas.definition.condition_checks import condition_problems, no_form

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.definition.condition import Condition
    from schemas.definition.condition_checks import Known
    from schemas.definition.reporting import Reporting


def reporting_problems(known: Known, reporting: Reporting) -> Iterator[str]:
    """What is wrong in reporting.yaml; each line begins with the key."""
    for name, rule in reporting.rules.items():
        at = f"rules.{name}"
        missing = list(no_form(known, f"{at}.form", rule.form))
        yield from missing
        if missing:
            continue
        yield from _own_fields(known, f"{at}.when", rule.form, rule.when)
        for classification, condition in rule.deadlines.items():
            yield from _own_fields(known, f"{at}.deadlines.{classification}", rule.form, condition)


def _own_fields(known: Known, at: str, form: str, condition: Condition) -> Iterator[str]:
    if fields_only(condition):
        yield from condition_problems(known, at, form, condition)
    else:
        yield f"{at}: looks at the registration's own fields only"
