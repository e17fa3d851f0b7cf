"""What is written of a tree is what lxml writes of it, byte for byte; what XML cannot hold is refused."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from xml.etree.ElementTree import Element, SubElement

import pytest
from lxml import etree

from sinks.agency.icsr import codes
from sinks.agency.icsr.serialising import as_bytes
from sinks.agency.icsr.writer import write
from tests.icsr_cases import FULL, SMALLEST, batch
from tests.icsr_random import any_case


def by_lxml(node: Element, parent: etree._Element | None = None) -> etree._Element:
    """The same tree, made with lxml."""
    spaces = {None: codes.HL7, "xsi": codes.XSI}
    attributes = {
        name.replace("xsi:", f"{{{codes.XSI}}}"): value for name, value in node.items() if not name.startswith("xmlns")
    }
    tag = f"{{{codes.HL7}}}{node.tag}"
    made = etree.Element(tag, nsmap=spaces) if parent is None else etree.SubElement(parent, tag)  # type: ignore[arg-type]
    for name, value in attributes.items():
        made.set(name, value)
    made.text, made.tail = node.text, node.tail
    for child in node:
        by_lxml(child, made)
    return made


def any_tree(random: Random) -> Element:
    letters = "ab <>&\"'\t\n\r]]>;%åß漢😀\u0085\u00a0\u2028\ufffd"

    def text() -> str | None:
        return None if random.random() < 0.3 else "".join(random.choices(letters, k=random.randint(0, 12)))

    def fill(node: Element, depth: int) -> None:
        node.text = text()
        for number in range(random.randint(0, 3) if depth else 0):
            attributes = {name: value for name in ("code", "xsi:type") if (value := text()) is not None}
            fill(SubElement(node, f"n{number}", attributes), depth - 1)
        for child in node:
            child.tail = text()

    root = Element("root", {"xmlns": codes.HL7, "xmlns:xsi": codes.XSI})
    fill(root, 4)
    return root


def test_any_tree_is_written_as_lxml_writes_it() -> None:
    for seed in range(150):
        tree = any_tree(Random(seed))
        assert as_bytes(tree) == etree.tostring(by_lxml(tree), encoding="UTF-8", xml_declaration=True)


def test_reports_are_written_as_lxml_writes_them() -> None:
    for case in (FULL, SMALLEST, *(any_case(Random(seed)) for seed in range(40))):
        written = write(batch(case))
        assert etree.tostring(etree.fromstring(written), encoding="UTF-8", xml_declaration=True) == written


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_what_xml_cannot_hold_is_refused(character: str) -> None:
    for case in (replace(SMALLEST, narrative=f"a{character}b"), replace(SMALLEST, linked_reports=(f"a{character}",))):
        with pytest.raises(ValueError, match="XML cannot hold"):
            write(batch(case))


@pytest.mark.parametrize("text", ["\x7f", "\x80", "\ud7ff", "\ue000", "\U0010ffff", "\t", "]]>"])
def test_what_it_can_is_read_back(text: str) -> None:
    root = Element("a", {"b": text})
    root.text = text
    found = etree.fromstring(as_bytes(root))
    assert (found.text, found.get("b")) == (text, text)
