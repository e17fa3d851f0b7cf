"""Whether a batch may be sent: every element by ICH's table, then ICH's conditional rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.agency.icsr import rules
from sinks.agency.icsr.checks import describe
from sinks.agency.icsr.findings import Finding, Path
from sinks.agency.icsr.walking import layout, parts_of, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sinks.agency.icsr.model import Batch
    from sinks.agency.icsr.walking import Field, Part

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


def _walk(node: object, path: Path, now: datetime) -> Iterator[Finding]:
    for field, value, place in values_of(node, path):
        if value is None and not field.is_mandatory and field.section not in _NEEDED:
            continue
        if not field.section:
            yield from _field(field, value, place, now)
        elif value is not None:
            yield from _section(field, value, place, now)
        elif field.section in _NEEDED:
            element, text = _NEEDED[field.section]
            yield Finding(element, str(place), text)
    for element, text in rules.broken(node):
        yield Finding(element, str(path), text)


def _section(field: Field, node: object, path: Path, now: datetime) -> Iterator[Finding]:
    if field.parts:
        yield from _field(field, node, path, now)
    elif _says_nothing(node):
        yield Finding(field.section, str(path), "The section says nothing. Fill it in, or leave it out.")
    else:
        yield from _walk(node, path, now)


def _says_nothing(node: object) -> bool:
    """Nothing, where nothing is asked for: what is missing is said element by element."""
    fields = layout(type(node))
    return all(not field.is_mandatory and getattr(node, field.name) in (None, ()) for field in fields)


def _field(field: Field, value: object, path: Path, now: datetime) -> Iterator[Finding]:
    given = parts_of(field, value)
    for part, one in zip(field.parts, given, strict=True):
        if one is not None:
            fault = part.check(one, now)
            if fault is not None:
                yield Finding(part.element.number, str(path), fault)
        elif part.element.conformance == "mandatory":
            text = f"{part.element.name} is missing, and every report has it. Give {describe(part.element)}."
            yield Finding(part.element.number, str(path), text)
        elif part.name and value is not None and _must_be_whole(part, given):
            text = f"{part.element.name} is missing beside its other half. Give {describe(part.element)}."
            yield Finding(part.element.number, str(path), text)


def _must_be_whole(part: Part, given: list[object]) -> bool:
    """Whether a part that is not there has to be, beside the other one or in a value that has none at all."""
    if part.name == "version":
        return part.element.conformance == "conditional"
    return not (part.element.number == "G.k.4.r.2" and any(one in _TIMELESS_UNITS for one in given))
