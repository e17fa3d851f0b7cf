"""The generation of a registry's derived values: a hash of everything that decides what they are.

Titles and targets change no value, and neither do certificates, catalogues, mappings, and forms and fields that no
definition speaks of; so none of them begins a new generation. Nor does what is reported (``reporting.yaml``): a report
is made of a registration as it comes, and of no derived value.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from schemas.definition.form import OPT_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.definition.form import Form, Role
    from schemas.definition.indicators import Indicators
    from schemas.definition.journey import JourneyRules
    from schemas.definition.monitors import Monitors

#: Raised by one whenever the same definitions give other values, or stored journeys another shape.
ENGINE = 4
_SHOWN_ONLY = frozenset({"title", "direction", "target", "smallest_shown", "measured_in", "per_years", "certificate"})
_SOLVED = frozenset({"thresholds", "planned", "fewest", "streams", "certificate"})
_CAME_LATER = frozenset({"disproportionality"})  # where it is not used, generations are what they were without it
_ALWAYS_READ: tuple[Role, ...] = (
    "registration_id", "patient", "unit", "occurred_on", "recorded_at", "retracted", "side",
)  # fmt: skip
_LENGTH = 12


def generation_of(forms: Mapping[str, Form], rules: JourneyRules, indicators: Indicators, monitors: Monitors) -> str:
    """Twelve hexadecimal digits; not equal where the derived values are not the same.

    The order of breakdowns and indicators decides where a number stands in a cell, so it counts as well.
    """
    parts = [deciding(part) for part in (rules, indicators, monitors)]
    text = json.dumps([ENGINE, _spoken_of(forms, set(_texts(parts))), parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def hash_of_watching(monitors: Monitors) -> str:
    """Twelve hexadecimal digits of all that decides how often a registry's monitors err, titles left out.

    What is declared of exposures, and of each monitor but for what comes of a simulation or is held against it one by
    one: thresholds, when streams close, and how many outcomes it takes.
    """
    watching = {
        name: {
            **{part: deciding(value) for part, value in one if part not in _SOLVED},
            "streams": sorted(one.streams),
        }
        for name, one in monitors.monitors.items()
    }
    text = json.dumps([deciding(monitors.exposures), watching], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def deciding(node: Any) -> Any:  # noqa: ANN401 - models, and what they hold
    """What decides values, as JSON: a model's attributes but for what is only shown, named things in their order."""
    if isinstance(node, BaseModel):
        return {
            name: deciding(value)
            for name, value in node
            if name not in _SHOWN_ONLY and (value or name not in _CAME_LATER)
        }
    if isinstance(node, dict):
        return [[name, deciding(value)] for name, value in node.items()]
    return [deciding(item) for item in node] if isinstance(node, tuple) else node


def _spoken_of(forms: Mapping[str, Form], words: set[str]) -> dict[str, dict[str, Any]]:
    """What the fields that the definitions could mean are like: a form and a field whose names stand in them.

    Registrations from before a field was there are read with its default.
    """
    return {
        form.name: {
            field.name: [field.kind, field.nullable, field.repeated, field.role, _default(form, field.name)]
            for field in form.fields
            if field.name in words or field.role in _ALWAYS_READ
        }
        for form in forms.values()
        if form.name in words or form.name == OPT_OUT
    }


def _default(form: Form, field: str) -> Any:  # noqa: ANN401 - any JSON
    return next(declared.get("default") for declared in form.avro["fields"] if declared["name"] == field)


def _texts(node: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for item in node.values() if isinstance(node, dict) else node:
            yield from _texts(item)
