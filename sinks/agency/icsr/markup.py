"""How values of the model are written as HL7 v3's data types. What is None is not written."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, cast

from sinks.agency.icsr.codes import MEDDRA, TYPE_WRITTEN
from sinks.agency.icsr.serialising import SubElement
from sinks.agency.icsr.values import NullFlavor

if TYPE_CHECKING:
    from decimal import Decimal

    from sinks.agency.icsr.codes import Code
    from sinks.agency.icsr.serialising import Element
    from sinks.agency.icsr.values import Attachment, MeddraTerm, Quantity, Term, Text, Time, Truth


def add(parent: Element, tag: str, **attributes: str | None) -> Element:
    """A new last child; an attribute that is None is left out."""
    if None in attributes.values():
        attributes = {name: value for name, value in attributes.items() if value is not None}
    return SubElement(parent, tag, cast("dict[str, str]", attributes))


def code(parent: Element, what: Code, tag: str = "code") -> None:
    """What the parent is."""
    add(parent, tag, code=what.code, codeSystem=what.system, displayName=what.name or None)


def text(parent: Element, tag: str, value: Text | None) -> None:
    """A character string as content."""
    if isinstance(value, NullFlavor):
        add(parent, tag, nullFlavor=value.value)
    elif value is not None:
        add(parent, tag).text = value


def moment(parent: Element, tag: str, value: Time | None) -> None:
    """A point in time."""
    if isinstance(value, NullFlavor):
        add(parent, tag, nullFlavor=value.value)
    elif value is not None:
        add(parent, tag, value=value.text)


def identifier(parent: Element, root: str, value: Text | None) -> None:
    """An instance identifier in a namespace."""
    if isinstance(value, NullFlavor):
        add(parent, "id", nullFlavor=value.value, root=root)
    elif value is not None:
        add(parent, "id", extension=value, root=root)


def coded(parent: Element, tag: str, value: Text | None, system: str) -> None:
    """A code of a code system."""
    if isinstance(value, NullFlavor):
        add(parent, tag, nullFlavor=value.value, codeSystem=system)
    elif value is not None:
        add(parent, tag, code=value, codeSystem=system)


def term(parent: Element, tag: str, value: Term | None, system: str, words: Text | None = None) -> None:
    """A code with its version, and how it was said (or why it was not) as the original text."""
    if value is None and words is None:
        return
    made = add(parent, tag, codeSystem=(value and value.system) or system)
    if value is not None:
        _attributes(made, code=value.code, codeSystemVersion=value.version)
    text(made, "originalText", words)


def meddra(made: Element, value: MeddraTerm | None) -> Element:
    """A MedDRA term on an element that is there."""
    made.set("codeSystem", MEDDRA)
    if value is not None:
        _attributes(made, code=value.code, codeSystemVersion=value.version)
    return made


def typed(parent: Element, kind: str, tag: str = "value", **attributes: str | None) -> Element:
    """An element that says its own data type."""
    made = add(parent, tag)
    made.set(TYPE_WRITTEN, kind)
    _attributes(made, **attributes)
    return made


def truth(parent: Element, value: Truth | None) -> None:
    """A value that is true or false."""
    if isinstance(value, NullFlavor):
        typed(parent, "BL", nullFlavor=value.value)
    elif value is not None:
        typed(parent, "BL", value="true" if value else "false")


def physical(made: Element, value: Quantity) -> None:
    """A number with its unit on an element that is there."""
    _attributes(made, value=number(value.value), unit=value.unit)


def document(parent: Element, value: Attachment | None) -> None:
    """A document, as base64."""
    if value is not None:
        made = add(parent, "text", mediaType=value.media_type, representation="B64", compression=value.compression)
        content = b64encode(value.content).decode("ascii")
        if value.name is None:
            made.text = content
        else:
            add(made, "reference", value=value.name).tail = content


def interval(
    parent: Element, start: Time | None, end: Time | None, duration: Quantity | None, period: Quantity | None = None
) -> None:
    """When something was: an interval of time, a period, or several of them at once (SXPR_TS)."""
    if start is not None and end is not None and duration is not None:
        intervals: list[tuple[Time | None, Time | None, Quantity | None]] = [(start, end, None), (None, None, duration)]
    else:
        intervals = [(start, end, duration)] if start is not None or end is not None or duration is not None else []
    several = len(intervals) + (period is not None) > 1
    outer = typed(parent, "SXPR_TS", "effectiveTime") if several else parent
    tag = "comp" if several else "effectiveTime"
    if period is not None:
        physical(add(typed(outer, "PIVL_TS", tag), "period"), period)
    for low, high, width in intervals:
        made = typed(outer, "IVL_TS", tag, operator="A" if len(outer) and several else None)
        moment(made, "low", low)
        if width is not None:
            physical(add(made, "width"), width)
        moment(made, "high", high)


def number(value: Decimal | None) -> str | None:
    """A number without an exponent."""
    return None if value is None else f"{value:f}"


def _attributes(made: Element, **attributes: str | None) -> None:
    for name, value in attributes.items():
        if value is not None:
            made.set(name, value)
