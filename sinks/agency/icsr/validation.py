"""Whether a batch may be sent: every element by ICH's table, then ICH's conditional rules."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple, cast

from sinks.agency.icsr import rules
from sinks.agency.icsr.checks import check_of, describe
from sinks.agency.icsr.elements import elements
from sinks.agency.icsr.findings import Finding, Path
from sinks.agency.icsr.values import NullFlavor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from _typeshed import DataclassInstance

    from sinks.agency.icsr.checks import Check
    from sinks.agency.icsr.elements import Element
    from sinks.agency.icsr.model import Batch, Place

_NEEDED = {
    "N.2.r": ("N.2.r.1", "The batch has no message. Put at least one in."),
    "C.1": ("C.1.1", "The message has no report. Put one in."),
    "C.2.r": ("C.2.r.4", "The report has no primary source. Say who reported, at least with a qualification."),
    "C.3": ("C.3.1", "The report has no sender. Say who sends it."),
    "D": ("D.1", "The report has no patient. Say who had the reaction, as far as may be told."),
    "E.i": ("E.i.2.1b", "The report has no reaction. Give at least one, with its MedDRA code."),
    "G.k": ("G.k.1", "The report has no drug. Give at least the suspect one."),
}
"""Sections that there must be: the element that stands for them, and what to say."""

_TIMELESS_UNITS = ("{cyclical}", "{asnecessary}", "{total}")
"""Units of G.k.4.r.3 that need no number."""


def validate(batch: Batch, now: datetime) -> list[Finding]:
    """What keeps a batch from being sent; empty where nothing does.

    Args:
        batch: as it would be written.
        now: with an offset from UTC; dates that lie after it are wrong.
    """
    return list(_walk(batch, Path(), now))


class _Part(NamedTuple):
    name: str
    element: Element
    check: Check


class _Field(NamedTuple):
    name: str
    parts: tuple[_Part, ...]
    section: str


def _layout(kind: type[object]) -> tuple[_Field, ...]:
    if kind not in _LAYOUTS:
        table = elements()
        found = []
        for one in fields(cast("type[DataclassInstance]", kind)):
            place: Place | None = one.metadata.get("place")
            if place is not None:
                parts = tuple(_Part(part, table[n], check_of(table[n])) for part, n in place.elements.items())
                found.append(_Field(one.name, parts, place.section))
        _LAYOUTS[kind] = tuple(found)
    return _LAYOUTS[kind]


_LAYOUTS: dict[type[object], tuple[_Field, ...]] = {}


def _walk(node: object, path: Path, now: datetime) -> Iterator[Finding]:
    for field in _layout(type(node)):
        value = getattr(node, field.name)
        if not field.section:
            yield from _field(field.parts, value, path, now)
        elif not _is_there(value):
            if field.section in _NEEDED:
                element, text = _NEEDED[field.section]
                yield Finding(element, str(path), text)
        elif isinstance(value, tuple):
            for index, one in enumerate(value):
                yield from _section(field, one, path.into(field.section, index), now)
        else:
            yield from _section(field, value, path, now)
    for element, text in rules.broken(node):
        yield Finding(element, str(path), text)


def _section(field: _Field, node: object, path: Path, now: datetime) -> Iterator[Finding]:
    if field.parts:
        yield from _field(field.parts, node, path, now)
    elif _says_nothing(node):
        yield Finding(field.section, str(path), "The section says nothing. Fill it in, or leave it out.")
    else:
        yield from _walk(node, path, now)


def _says_nothing(node: object) -> bool:
    """Nothing, where nothing is asked for: what is missing is said element by element."""
    layout = _layout(type(node))
    asks = any(part.element.conformance == "mandatory" for field in layout for part in field.parts)
    return not asks and not any(_is_there(getattr(node, field.name)) for field in layout)


def _is_there(value: object) -> bool:
    return value is not None and value != ()


def _field(parts: tuple[_Part, ...], value: object, path: Path, now: datetime) -> Iterator[Finding]:
    whole = len(parts) == 1 or value is None or isinstance(value, NullFlavor)
    given = [value if whole else getattr(value, part.name) for part in parts]
    for part, one in zip(parts, given, strict=True):
        if one is not None:
            fault = part.check(one, now)
            if fault is not None:
                yield Finding(part.element.number, str(path), fault)
        elif part.element.conformance == "mandatory":
            text = f"{part.element.name} is missing, and every report has it. Give {describe(part.element)}."
            yield Finding(part.element.number, str(path), text)
        elif not whole and _must_be_whole(part, given):
            text = f"{part.element.name} is missing beside its other half. Give {describe(part.element)}."
            yield Finding(part.element.number, str(path), text)


def _must_be_whole(part: _Part, given: list[object]) -> bool:
    """Whether a part that is not there has to be, beside the other one or in a value that has none at all."""
    if part.name == "version":
        return part.element.conformance == "conditional"
    return not (part.element.number == "G.k.4.r.2" and any(one in _TIMELESS_UNITS for one in given))
