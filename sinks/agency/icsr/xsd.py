"""ICH's own schemas, where the user has them: they are not ours to ship. The only part here that reads files."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, cast

from lxml import etree

from sinks.agency.icsr import codes
from sinks.agency.icsr.findings import Finding
from sinks.agency.icsr.parsing import parse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lxml.etree import _Element, _LogEntry

FOLDER = "multicacheschemas"
"""Where in ICH's set the messages' schemas lie."""


class NoSchemaError(ValueError):
    """The folder holds no schema of the message that can be used; the message says which and why."""


def schema_findings(data: bytes, schema_dir: Path) -> list[Finding]:
    """What ICH's schema of batches says against one, without the values; empty where it says nothing.

    Args:
        data: the batch's XML.
        schema_dir: ICH's set of schemas as it was unpacked, with its folder ``multicacheschemas``.

    Raises:
        NoSchemaError: there is no such schema.
        RefusedXMLError: the XML is no batch, or not safe to read.
    """
    schema = _schema(schema_dir / FOLDER / f"{codes.BATCH}.xsd")
    root = parse(data, codes.BATCH)
    schema.validate(root)
    return [
        Finding("XSD", f"line {error.line}", f"{_where(root, error.path)} breaks the schema: {error.type_name}.")
        for error in cast("Iterable[_LogEntry]", schema.error_log)  # the stubs know of no iteration
    ]


def _where(root: _Element, path: str | None) -> str:
    """The names from the root to what a path without names leads to."""
    found = cast("list[_Element]", root.xpath(path)) if path else [root]
    names = [etree.QName(node).localname for node in (*found[0].iterancestors(), found[0])]
    return "/".join([*reversed(names[:-1]), names[-1]])


@lru_cache(maxsize=4)
def _schema(path: Path) -> etree.XMLSchema:
    parser = etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False)
    try:
        return etree.XMLSchema(etree.parse(str(path), parser))
    except (OSError, etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
        raise NoSchemaError(f"{path} is no schema that can be used: {type(error).__name__}") from error
