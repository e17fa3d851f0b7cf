"""What a batch says, element by element, in words: for people who have a message before them."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple, cast

from sinks.agency.icsr.elements import elements
from sinks.agency.icsr.findings import Path
from sinks.agency.icsr.values import Attachment, Moment, NullFlavor, TestValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import DataclassInstance

    from sinks.agency.icsr.model import Batch, Place


class Fact(NamedTuple):
    """An element that is there.

    Attributes:
        element: its number in ICH's table.
        place: which repetition, as a finding tells it; empty in the batch itself.
        name: what ICH calls it.
        value: what stands there; why nothing does is told as the null flavour; of a document, kind and size.
    """

    element: str
    place: str
    name: str
    value: str


def facts_of(batch: Batch) -> list[Fact]:
    """Every element of a batch that is there, in the model's order."""
    return list(_of(batch, Path()))


def _of(node: object, path: Path) -> Iterator[Fact]:
    for one in fields(cast("DataclassInstance", node)):
        place: Place | None = one.metadata.get("place")
        value = getattr(node, one.name)
        if place is None or value is None:
            continue
        if isinstance(value, tuple):
            for index, each in enumerate(value):
                yield from _one(place, each, path.into(place.section, index))
        else:
            yield from _one(place, value, path)


def _one(place: Place, value: object, path: Path) -> Iterator[Fact]:
    if not place.elements:
        yield from _of(value, path)
    for part, number in place.elements.items():
        found = getattr(value, part) if part else value
        if isinstance(value, TestValue) and part == "value":
            found = value
        if found is not None:
            yield _fact(number, path, found)


def _fact(number: str, path: Path, value: object) -> Fact:
    return Fact(number, str(path), elements()[number].name, _in_words(value))


def _in_words(value: object) -> str:
    match value:
        case NullFlavor():
            return f"({value.name})"
        case bool():
            return "true" if value else "false"
        case Moment():
            return value.text
        case Attachment():
            return f"{value.name or 'a document'}: {value.media_type}, {len(value.content):,} bytes"
        case TestValue():
            return f"{value.comparison.removeprefix('=')}{value.value}"
        case _:
            return str(value)
