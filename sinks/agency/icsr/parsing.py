"""XML from outside, before anything in it is believed.

Refused are: more than a report can need, document types (and with them entities, external files and what grows from
either), and what is not the message that is asked for. Nothing is fetched, nothing is expanded.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from lxml import etree

from sinks.agency.icsr.codes import HL7

if TYPE_CHECKING:
    from lxml.etree import _Element

MOST_BYTES = 32 * 2**20
MOST_ELEMENTS = 1_000_000
"""A report with every element has about 700; agencies take some hundred reports in a batch."""

_NEVER = {
    "resolve_entities": False,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "no_network": True,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


class RefusedXMLError(ValueError):
    """The XML is not read; the message says why, without anything that stands in it."""


def parse(data: bytes, root: str) -> _Element:
    """The root element, which must have that name in HL7's namespace; comments are left out.

    Raises:
        RefusedXMLError: too large, not well-formed, with a document type, or another message.
    """
    if len(data) > MOST_BYTES:
        raise RefusedXMLError(f"larger than {MOST_BYTES >> 20} MiB: split the batch")
    started = etree.iterparse(BytesIO(data), events=("start",), **_NEVER)
    try:
        for count, (_, element) in enumerate(started):
            if count == 0:
                _refuse_another(element, root)
            elif count >= MOST_ELEMENTS:
                raise RefusedXMLError(f"more than {MOST_ELEMENTS} elements: split the batch")
    except etree.XMLSyntaxError as error:
        raise RefusedXMLError(f"not well-formed XML, or nested or grown beyond measure: line {error.lineno}") from None
    whole: _Element = started.root
    return whole


def message_of(data: bytes) -> str:
    """Which message it begins as: the name of its root element, whatever comes after it.

    Raises:
        RefusedXMLError: it does not begin as XML does.
    """
    started = etree.iterparse(BytesIO(data), events=("start",), **_NEVER)
    try:
        _, element = next(started)
    except (etree.XMLSyntaxError, StopIteration):
        raise RefusedXMLError("not well-formed XML from its first line on") from None
    return etree.QName(element).localname


def _refuse_another(element: _Element, root: str) -> None:
    info = element.getroottree().docinfo
    if info.internalDTD is not None or info.externalDTD is not None:
        raise RefusedXMLError("has a document type (DOCTYPE), which no such message has: take it out")
    if element.tag != f"{{{HL7}}}{root}":
        raise RefusedXMLError(f"is another message than {root} in the namespace {HL7}")
