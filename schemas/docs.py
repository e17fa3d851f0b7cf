"""The variable catalogue of a registry as Markdown: every variable and its history, and all that is derived."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.definition.form import CatalogueCodes, CodeList, form_of
from schemas.docs_derived import derived_catalogue
from schemas.markdown import row, table_head

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schemas.definition.form import Form, FormField
    from schemas.definition.registry import RegistryDefinition

_COLUMNS = ("Variable", "Type", "Meaning", "Role", "Unit", "Range", "Codes", "Question", "Source", "History")


def variable_catalogue(definition: RegistryDefinition) -> str:
    """What the registry records, for those who register, research or review.

    Returns:
        Markdown: the registry's title, controller, stage and notice, then one table per form, then
        what is derived: indicators, lists, exposures. The column *History* says in which released
        version of the form a variable first appeared, and in which later ones its declaration changed
        and how.
    """
    forms = [line for form in definition.forms.values() for line in _form(definition, form)]
    return "\n".join([*_head(definition), *forms, *derived_catalogue(definition)])


def _head(definition: RegistryDefinition) -> Iterator[str]:
    registry = definition.registry
    yield f"# {registry.title.en} ({registry.title.sv})"
    yield ""
    yield f"- Registry: `{registry.name}`"
    yield f"- Controller: {registry.controller or 'none, so every registration is refused'}"
    yield f"- Stage: {registry.stage}"
    if registry.purposes:
        yield f"- Purposes: {'; '.join(registry.purposes)}"
    if registry.notice:
        yield ""
        yield f"> {registry.notice.en}"
        yield ">"
        yield f"> {registry.notice.sv}"


def _form(definition: RegistryDefinition, form: Form) -> Iterator[str]:
    released = definition.released.get(form.name, ())
    versions = [_declared(form.name, version) for version in released]
    yield ""
    yield f"## {form.name}"
    yield ""
    yield form.doc
    yield ""
    yield f"Avro record `{form.full_name}`; released versions: {len(released) or 'none'}."
    yield ""
    yield from table_head(_COLUMNS)
    for field in form.fields:
        yield row([*_described(field), _history([version.get(field.name) for version in versions], field)])
    gone = sorted({name for version in versions for name in version} - {field.name for field in form.fields})
    if gone:
        yield ""
    for name in gone:
        numbers = [number for number, version in enumerate(versions, start=1) if name in version]
        last = versions[numbers[-1] - 1][name]
        yield f"- No longer recorded: `{name}` ({_type(last)}), in versions {numbers[0]} to {numbers[-1]}. {last.doc}"


def _declared(form: str, version: Mapping[str, Any]) -> dict[str, FormField]:
    return {field.name: field for field in form_of(version, Path(f"{form}.avsc")).fields}


def _described(field: FormField) -> list[str]:
    """The cells of a variable but for its history."""
    return [
        f"`{field.name}`",
        _type(field),
        field.doc,
        field.role or "",
        field.unit or "",
        f"{field.range[0]:.12g} to {field.range[1]:.12g}" if field.range else "",
        _codes(field),
        field.question or "",
        field.source or "",
    ]


def _type(field: FormField) -> str:
    kind = f"list of {field.kind}" if field.repeated else field.kind
    return f"{kind}, may be absent" if field.nullable else kind


def _codes(field: FormField) -> str:
    match field.codes:
        case None:
            return ""
        case CodeList():
            return ", ".join(f"`{code}`" for code in field.codes.list)
        case CatalogueCodes():
            kind = f", kind {field.codes.kind}" if field.codes.kind else ""
            return f"catalogue {field.codes.catalogue}{kind}"
        case _:
            return f"{field.codes.system}: `{field.codes.pattern}`"


def _history(versions: Sequence[FormField | None], present: FormField) -> str:
    """Since which version, and what changed in which; ``versions`` has None where the variable was not there."""
    first = next((number for number, field in enumerate(versions, start=1) if field), None)
    if first is None:
        return "not released"
    told = [f"since {first}"]
    for number, (before, after) in enumerate(pairwise([*versions, present]), start=2):
        when = f"in {number}" if number <= len(versions) else "since then, not released"
        if before and after and (changed := _changed(before, after)):
            told.append(f"{changed} changed {when}")
        elif before and not after:
            told.append(f"left out {when}")
        elif after and not before and number > first:
            told.append(f"back {when}")
    return "; ".join(told)


def _changed(before: FormField, after: FormField) -> str:
    """The names of the columns in which two declarations of a variable differ."""
    cells = zip(_COLUMNS, _described(before), _described(after), strict=False)
    return ", ".join(column.lower() for column, was, now in cells if was != now)
