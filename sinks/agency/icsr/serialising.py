"""A tree of elements as bytes.

The standard library makes elements several times as fast as lxml, and writes them slower: so the tree is its, and the
few rules of writing are here. What lxml writes of the same tree is the same, byte for byte; tests compare them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement  # nosec B405

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Element", "SubElement", "as_bytes"]

_DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>\n"
_SPECIAL = re.compile('[&<>"\t\n\r]|[^\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTES = _IN_TEXT | str.maketrans({'"': "&quot;", "\t": "&#9;", "\n": "&#10;"})


def as_bytes(root: Element) -> bytes:
    """The tree as UTF-8 with a declaration.

    Raises:
        ValueError: a text has a character that XML cannot hold.
    """
    said = [_DECLARATION]
    _say(root, said.append)
    return "".join(said).encode()


def _say(node: Element, say: Callable[[str], None]) -> None:
    tag, text = node.tag, node.text
    say(f"<{tag}")
    for name, value in node.items():
        say(f' {name}="{value if _SPECIAL.search(value) is None else _escaped(value, _IN_ATTRIBUTES)}"')
    if text is None and not len(node):
        say("/>")
    else:
        say(">")
        if text:
            say(text if _SPECIAL.search(text) is None else _escaped(text, _IN_TEXT))
        for child in node:
            _say(child, say)
        say(f"</{tag}>")
    if node.tail:
        say(_escaped(node.tail, _IN_TEXT))


def _escaped(text: str, table: dict[int, str]) -> str:
    if _NO_XML.search(text):
        raise ValueError("a text has a character that XML cannot hold")
    return text.translate(table)
