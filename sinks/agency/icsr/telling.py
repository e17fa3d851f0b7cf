"""What a batch says, element by element, in words: for people who have a message before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sinks.agency.icsr.findings import Path
from sinks.agency.icsr.values import Attachment, Moment, NullFlavor, TestValue
from sinks.agency.icsr.walking import parts_of, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinks.agency.icsr.model import Batch


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
    for field, value, place in values_of(node, path):
        if value is not None and not field.parts:
            yield from _of(value, place)
        for part, found in zip(field.parts, parts_of(field, value), strict=True):
            if found is not None:
                # A result is told with its comparison.
                told = value if isinstance(value, TestValue) and part.name == "value" else found
                yield Fact(part.element.number, str(place), part.element.name, _in_words(told))


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
