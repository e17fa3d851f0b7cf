"""ICH's table of data elements: lengths, types, conformance, null flavours.

elements.csv is ICH's (E2B(R3) Implementation Guide, core data elements and business rules; ICH holds the copyright
and permits use with acknowledgement): number, name, length, type, conformance, null flavours, code systems. Columns
``values`` and ``precision`` are its "value allowed" and its business rules on dates, in a form to check by. Rows
without a type are headings.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, cast

from sinks.agency.icsr.values import NullFlavor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinks.agency.icsr.values import Precision

DataType = Literal["", "N", "A", "AN", "TS", "BL", "ED"]
Conformance = Literal["", "mandatory", "conditional", "optional"]


@dataclass(frozen=True, slots=True)
class Element:
    """A data element.

    Attributes:
        number: as ICH numbers it, such as E.i.2.1b.
        max_length: in characters; None: unlimited.
        data_type: N(umeric), A(lpha), AN (alphanumeric), TS (date or time), BL (truth), ED (document); "": a heading.
        null_flavors: which may stand in place of a value.
        values: the only ones allowed; empty: any.
        precision: the least that a date must have; "" for others.
        code_systems: OIDs of what the element's value, its place or its identifier are of.
    """

    number: str
    name: str
    max_length: int | None
    data_type: DataType
    conformance: Conformance
    null_flavors: frozenset[NullFlavor]
    values: tuple[str, ...]
    precision: Precision | Literal[""]
    code_systems: tuple[str, ...]


@cache
def elements() -> Mapping[str, Element]:
    """Every element and heading by its number, in ICH's order."""
    text = files("sinks.agency.icsr").joinpath("elements.csv").read_text(encoding="utf-8")
    return {row["element"]: _element(row) for row in csv.DictReader(text.splitlines())}


def _element(row: Mapping[str, str]) -> Element:
    return Element(
        number=row["element"],
        name=row["name"],
        max_length=int(row["max_length"]) if row["max_length"] else None,
        data_type=cast("DataType", row["data_type"]),
        conformance=cast("Conformance", row["conformance"]),
        null_flavors=frozenset(NullFlavor(one) for one in row["null_flavors"].split()),
        values=tuple(row["values"].split()),
        precision=cast("Precision", row["precision"]),
        code_systems=tuple(row["code_systems"].split()),
    )
