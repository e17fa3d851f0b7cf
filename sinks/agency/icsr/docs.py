"""Every data element for those who review: which field of the model it is written from, and what may stand there."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from schemas.markdown import code, row, table_head
from sinks.agency.icsr import model, values
from sinks.agency.icsr.elements import elements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinks.agency.icsr.elements import Element

_COLUMNS = ("Element", "Name", "Field of the model", "Type", "Conformance", "If absent", "Values", "Code systems")
_TYPES = {"N": "number", "A": "letters", "AN": "text", "TS": "date", "BL": "true, false", "ED": "document"}
_HEAD = """\
# Case safety reports in ICH E2B(R3): every data element

`sinks/agency/icsr` writes and reads HL7 v3 messages MCCI_IN200100UV01. Numbers, names, lengths, conformance, null
flavours and code systems are ICH's (E2B(R3) Implementation Guide; © ICH, used with acknowledgement). This page is made
by `sinks.agency.icsr.docs.element_table`; a test compares them.

Where a value is absent, its field is `None`, and nothing is written; or it is one of the null flavours that the table
allows, and that is written. No null flavour is invented by the writer: whoever drafts a report says why a value is
absent (initials, for one, are masked with `MSK` unless the law and the agency ask for them). Another null flavour than
those of the table is refused by the validator, with the element's number.

Conformance: *mandatory* is refused when it is missing; *conditional* where ICH's business rules ask for it (the rules
are in `sinks/agency/icsr/rules.py`, each with what it says). `[r]` stands for any repetition.
"""
_NOT_COVERED = """
## Not covered, and why

- **G.k.9.i.1** is no field: which reaction is assessed is the place of the entry, and the identifiers by which the
  message refers to it are made from the report's own, so that the same report is written the same each time.
- **C.2.r.2.5** is conditional in ICH's table, but no business rule says on what: it is taken as optional.
- **C.1.7** may be `NI` only for a case that first came in E2B(R2), which a message does not say: `NI` passes.
- **D.10.6** is optional in the table and required by the business rules once D.10 is used: it is required then.
- **D.2.1, D.2.2 and D.2.3**: ICH says that one of them *should* be used, the most precise; several pass.
- **Terminologies are checked by form only**: MedDRA codes (eight digits, one version in a report), EDQM terms, UCUM
  units of doses and test results, languages of ISO 639-2. MedDRA and the others are licensed to their users.
- **MPID, PhPID and substance identifiers** have no OID of ICH's yet. They are written with the names that ICH's table
  of places gives meanwhile (`TBD-MPID` and so on), or with a region's own system where the term names one; read, a
  product code of an unknown system is taken for an MPID.
- **codeSystemVersion of ICH's own code lists** is written only for lists whose version the writer is given: the
  attribute is optional, and FDA's published instances leave most of them out.
- **Regions' own elements** (FDA, EU, Korea, Japan) are neither written nor read; their presence is no fault.
- **Attachments** are written as base64, and kept as compressed as they are given.
- **A message carries one report**, as ICH says. Of a message with several, the first is read, with a finding.
- **The schemas of HL7** are not shipped. `xsd.schema_findings` checks with them where the user has them; without them
  the reader still finds elements in the wrong order.
"""


def element_table() -> str:
    """The page as Markdown: every element in ICH's order, headings in bold, and what is not covered."""
    places = dict(_places(model.Batch, ""))
    lines = [_HEAD, *table_head(_COLUMNS), *(_line(element, places) for element in elements().values())]
    return "\n".join(lines) + "\n" + _NOT_COVERED


def _line(element: Element, places: dict[str, str]) -> str:
    if not element.data_type:
        return row([f"**{element.number}**", f"**{element.name}**", *[""] * (len(_COLUMNS) - 2)])
    length = f", at most {element.max_length}" if element.max_length else ""
    precision = f", at least the {element.precision}" if element.precision else ""
    return row(
        [
            element.number,
            element.name,
            code(places[element.number]),
            f"{_TYPES[element.data_type]}{length}{precision}",
            element.conformance,
            ", ".join(flavor.value for flavor in values.NullFlavor if flavor in element.null_flavors),
            ", ".join(element.values),
            " ".join(element.code_systems),
        ]
    )


def _places(kind: type[Any], prefix: str) -> Iterator[tuple[str, str]]:
    """Element and field of all that a section holds."""
    hints = get_type_hints(kind, vars(model), {**vars(values), "Decimal": Decimal})
    for one in fields(kind):
        place: model.Place | None = one.metadata.get("place")
        if place is None:
            continue
        name = f"{prefix}{one.name}"
        repeats = get_args(hints[one.name])[-1:] == (...,)
        if repeats:
            name += "[r]"
        for part, element in place.elements.items():
            yield element, f"{name}.{part}" if part else name
        if not place.elements:
            inner = next(arg for arg in get_args(hints[one.name]) if isinstance(arg, type) and is_dataclass(arg))
            yield from _places(inner, f"{name}.")
