"""The model's layout, section by section: which field holds which elements, and what stands there, with its place."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple, cast

from sinks.agency.icsr.checks import MEDDRA_SYSTEM, check_of
from sinks.agency.icsr.elements import elements
from sinks.agency.icsr.values import NullFlavor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import DataclassInstance

    from sinks.agency.icsr.checks import Check
    from sinks.agency.icsr.elements import Element
    from sinks.agency.icsr.findings import Path
    from sinks.agency.icsr.model import Place


class Part(NamedTuple):
    """An element of a field.

    Attributes:
        name: which part of the field's value it is; "" for the value itself.
        check: of its values.
    """

    name: str
    element: Element
    check: Check


class Field(NamedTuple):
    """A field of a section.

    Attributes:
        name: of the model.
        parts: the elements that its value holds; none where it is a section.
        section: the number of the section; empty for a field that is none.
        is_mandatory: whether every report has one of the elements.
        is_meddra: whether it holds a term of MedDRA.
    """

    name: str
    parts: tuple[Part, ...]
    section: str
    is_mandatory: bool
    is_meddra: bool


def layout(kind: type[object]) -> tuple[Field, ...]:
    """The fields of a section of the model, in its order."""
    if kind not in _LAYOUTS:
        table = elements()
        found = []
        for one in fields(cast("type[DataclassInstance]", kind)):
            place: Place | None = one.metadata.get("place")
            if place is not None:
                parts = tuple(Part(part, table[n], check_of(table[n])) for part, n in place.elements.items())
                is_mandatory = any(part.element.conformance == "mandatory" for part in parts)
                is_meddra = any(MEDDRA_SYSTEM in part.element.code_systems for part in parts)
                found.append(Field(one.name, parts, place.section, is_mandatory, is_meddra))
        _LAYOUTS[kind] = tuple(found)
    return _LAYOUTS[kind]


_LAYOUTS: dict[type[object], tuple[Field, ...]] = {}


def values_of(node: object, path: Path) -> Iterator[tuple[Field, object, Path]]:
    """Each field of a section with what stands there, once for each repetition; None where nothing does."""
    for field in layout(type(node)):
        value = getattr(node, field.name)
        if not isinstance(value, tuple):
            yield field, value, path
        elif value:
            for index, one in enumerate(value):
                yield field, one, path.into(field.section, index)
        else:
            yield field, None, path


def parts_of(field: Field, value: object) -> list[object]:
    """What stands in each element of a field; a null flavour stands in all of them."""
    if len(field.parts) == 1 or value is None or isinstance(value, NullFlavor):
        return [value] * len(field.parts)
    return [getattr(value, part.name) for part in field.parts]
