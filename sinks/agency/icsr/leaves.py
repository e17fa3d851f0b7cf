"""How HL7 v3's data types are read back as values of the model; what cannot be is found, and left out."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from sinks.agency.icsr.checks import describe
from sinks.agency.icsr.codes import HL7, MEDDRA
from sinks.agency.icsr.elements import elements
from sinks.agency.icsr.findings import Finding, Path
from sinks.agency.icsr.values import Attachment, MeddraTerm, Moment, NullFlavor, Quantity, Term

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

    from sinks.agency.icsr.codes import Code
    from sinks.agency.icsr.values import Text, Time, Truth

_PREFIX = f"{{{HL7}}}"
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_TRUTHS = {"true": True, "false": False}


def children(node: _Element | None, *path: str) -> Iterator[_Element]:
    """All that lie at the end of a path of names below a node."""
    if node is not None:
        first, *rest = path
        for child in node.iterchildren(_PREFIX + first):
            if rest:
                yield from children(child, *rest)
            else:
                yield child


def child(node: _Element | None, *path: str) -> _Element | None:
    """The first of them."""
    return next(children(node, *path), None)


def is_a(node: _Element | None, what: Code) -> bool:
    """Whether a node's code says that it is that."""
    code = child(node, "code")
    return code is not None and code.get("code") == what.code and code.get("codeSystem") == what.system


def which(node: _Element | None, *path: str, what: Code) -> Iterator[_Element]:
    """Those at the end of a path whose code says that they are that."""
    return (found for found in children(node, *path) if is_a(found, what))


@dataclass(frozen=True, slots=True)
class At:
    """A place in the batch, and what was found so far."""

    findings: list[Finding]
    path: Path

    def into(self, section: str, index: int) -> At:
        """A repetition of a section, from 0."""
        return At(self.findings, self.path.into(section, index))

    def say(self, element: str, what: str) -> None:
        """Something is wrong here."""
        self.findings.append(Finding(element, str(self.path), what))

    def text(self, node: _Element | None, element: str) -> Text | None:
        """A character string, or why there is none."""
        flavor = self._flavor(node, element)
        if flavor is not None or node is None:
            return flavor
        return _content(node)

    def words(self, node: _Element | None, element: str) -> str | None:
        """A character string of an element that knows no null flavour."""
        return cast("str | None", self.text(node, element))

    def attribute(self, node: _Element | None, name: str, element: str) -> Text | None:
        """An attribute's text, or why there is none."""
        flavor = self._flavor(node, element)
        if flavor is not None or node is None:
            return flavor
        return node.get(name) or None

    def plain(self, node: _Element | None, name: str, element: str) -> str | None:
        """An attribute's text of an element that knows no null flavour."""
        return cast("str | None", self.attribute(node, name, element))

    def code(self, node: _Element | None, element: str, system: str) -> Text | None:
        """A code of that code system, or why there is none."""
        value = self.attribute(node, "code", element)
        if isinstance(value, str) and node is not None and node.get("codeSystem") != system:
            name = elements()[element].name
            self.say(element, f"{name} is a code of another code system than {system}. Give one of that.")
            return None
        return value

    def plain_code(self, node: _Element | None, element: str, system: str) -> str | None:
        """A code of an element that knows no null flavour."""
        return cast("str | None", self.code(node, element, system))

    def moment(self, node: _Element | None, element: str) -> Time | None:
        """A point in time, or why there is none."""
        value = self.attribute(node, "value", element)
        if not isinstance(value, str):
            return value
        try:
            return Moment(value)
        except ValueError:
            what = elements()[element]
            self.say(element, f"{what.name} is no date that there is. Give {describe(what)}, as CCYYMMDD.")
            return None

    def known_moment(self, node: _Element | None, element: str) -> Moment | None:
        """A point in time of an element that knows no null flavour."""
        return cast("Moment | None", self.moment(node, element))

    def truth(self, node: _Element | None, element: str) -> Truth | None:
        """True or false, or why neither."""
        value = self.attribute(node, "value", element)
        if not isinstance(value, str):
            return value
        if value not in _TRUTHS:
            self.say(element, f"{elements()[element].name} is neither true nor false. Give one of them.")
        return _TRUTHS.get(value)

    def known_truth(self, node: _Element | None, element: str) -> bool | None:
        """True or false of an element that knows no null flavour."""
        return cast("bool | None", self.truth(node, element))

    def number(self, node: _Element | None, element: str, unit: str | None = None) -> Decimal | None:
        """A number; where a unit is given, it must have that."""
        value = self.attribute(node, "value", element)
        if value is None or node is None:
            return None
        if isinstance(value, NullFlavor) or not _NUMBER.fullmatch(value):
            self.say(element, f"{elements()[element].name} is not a number. Give one with digits and a point.")
            return None
        if unit is not None and node.get("unit") != unit:
            self.say(element, f"{elements()[element].name} is not in {unit}. Convert it.")
            return None
        return Decimal(value)

    def quantity(self, node: _Element | None, value: str, unit: str) -> Quantity | None:
        """A number with its unit, by the elements of both."""
        found = Quantity(self.number(node, value), self.plain(node, "unit", unit))
        return found if found != Quantity() else None

    def meddra(self, node: _Element | None, element: str) -> MeddraTerm | None:
        """A MedDRA term, by the element without its letter."""
        if node is None:
            return None
        code = self.plain_code(node, f"{element}b", MEDDRA)
        found = MeddraTerm(code, node.get("codeSystemVersion") or None)
        return found if found != MeddraTerm() else None

    def document(self, node: _Element | None, element: str) -> Attachment | None:
        """A document with its bytes."""
        if node is None:
            return None
        reference = child(node, "reference")
        content = _content(node) or ""
        data = content.encode()
        if node.get("representation") == "B64":
            try:
                data = b64decode("".join(content.split()), validate=True)
            except ValueError:
                self.say(element, f"{elements()[element].name} is not base64. Encode it again.")
                return None
        name = None if reference is None else reference.get("value")
        return Attachment(data, node.get("mediaType") or "", name, node.get("compression"))

    def _flavor(self, node: _Element | None, element: str) -> NullFlavor | None:
        said = None if node is None else node.get("nullFlavor")
        if said is None:
            return None
        what = elements()[element]
        if said in NullFlavor.__members__ and what.null_flavors:
            return NullFlavor(said)
        self.say(element, f"{what.name} may not be absent so. Give {describe(what)}.")
        return None


def term(node: _Element | None, system: str) -> Term | None:
    """A term of a system, which is named in it where it is another."""
    if node is None:
        return None
    own = node.get("codeSystem")
    found = Term(node.get("code") or None, node.get("codeSystemVersion") or None, None if own == system else own)
    return found if found.code is not None or found.version is not None else None


def _content(node: _Element) -> str | None:
    text = "".join(map(str, node.itertext()))
    return text if text.strip() else None
