"""What became of each variable of a form over its released versions."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from schemas.definition.form import form_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.definition.form import Form, FormField
    from schemas.definition.registry import RegistryDefinition

What = Literal["changed", "left out", "back"]
Part = Literal["type", "meaning", "role", "unit", "range", "codes", "question", "source"]

_PARTS: tuple[tuple[Part, tuple[str, ...]], ...] = (
    ("type", ("kind", "nullable", "repeated")),
    ("meaning", ("doc",)),
    ("role", ("role",)),
    ("unit", ("unit",)),
    ("range", ("range",)),
    ("codes", ("codes",)),
    ("question", ("question",)),
    ("source", ("source",)),
)


class Change(NamedTuple):
    """What happened to a variable.

    Attributes:
        version: in which released version; None since the last one, not released yet.
        what: whether it was declared otherwise, left out, or is back.
        parts: what of its declaration changed.
    """

    version: int | None
    what: What
    parts: tuple[Part, ...] = ()


class History(NamedTuple):
    """A variable over the versions.

    Attributes:
        since: the released version that it first stood in; None where it is not released yet.
        changes: what happened to it later, in order.
    """

    since: int | None
    changes: tuple[Change, ...] = ()


class Gone(NamedTuple):
    """A variable that is no longer recorded.

    Attributes:
        field: as it was declared last.
        first: the released version that it first stood in.
        last: the one that it last stood in.
    """

    field: FormField
    first: int
    last: int


def histories(definition: RegistryDefinition, form: Form) -> tuple[dict[str, History], tuple[Gone, ...]]:
    """The history of each variable of a form, by name, and the variables that it has no more."""
    versions = [
        {field.name: field for field in form_of(version, Path(f"{form.name}.avsc")).fields}
        for version in definition.released.get(form.name, ())
    ]
    told = {field.name: _history([version.get(field.name) for version in versions], field) for field in form.fields}
    gone = []
    for name in sorted({name for version in versions for name in version} - told.keys()):
        numbers = [number for number, version in enumerate(versions, start=1) if name in version]
        gone.append(Gone(versions[numbers[-1] - 1][name], numbers[0], numbers[-1]))
    return told, tuple(gone)


def _history(versions: Sequence[FormField | None], present: FormField) -> History:
    """Of one variable; ``versions`` has None where it was not there."""
    first = next((number for number, field in enumerate(versions, start=1) if field), None)
    if first is None:
        return History(None)
    changes = []
    for number, (before, after) in enumerate(pairwise([*versions, present]), start=2):
        version = number if number <= len(versions) else None
        if before and after and (parts := _changed(before, after)):
            changes.append(Change(version, "changed", parts))
        elif before and not after:
            changes.append(Change(version, "left out"))
        elif after and not before and number > first:
            changes.append(Change(version, "back"))
    return History(first, tuple(changes))


def _changed(before: FormField, after: FormField) -> tuple[Part, ...]:
    return tuple(
        part
        for part, attributes in _PARTS
        if any(getattr(before, attribute) != getattr(after, attribute) for attribute in attributes)
    )
