"""The variable catalogue of a registry as Markdown: every variable and its history, and all that is derived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.form import CatalogueCodes, CodeList
from schemas.docs_derived import derived_catalogue
from schemas.history import histories
from schemas.markdown import row, table_head

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.definition.form import Form, FormField
    from schemas.definition.registry import RegistryDefinition
    from schemas.history import History

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
    told, gone = histories(definition, form)
    yield ""
    yield f"## {form.name}"
    yield ""
    yield form.doc
    yield ""
    yield f"Avro record `{form.full_name}`; released versions: {len(released) or 'none'}."
    yield ""
    yield from table_head(_COLUMNS)
    for field in form.fields:
        yield row([*_described(field), _history(told[field.name])])
    if gone:
        yield ""
    for field, first, last in gone:
        yield f"- No longer recorded: `{field.name}` ({_type(field)}), in versions {first} to {last}. {field.doc}"


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


def _history(history: History) -> str:
    """Since which version, and what changed in which."""
    if history.since is None:
        return "not released"
    told = [f"since {history.since}"]
    for change in history.changes:
        when = f"in {change.version}" if change.version else "since then, not released"
        what = f"{', '.join(change.parts)} changed" if change.what == "changed" else change.what
        told.append(f"{what} {when}")
    return "; ".join(told)
