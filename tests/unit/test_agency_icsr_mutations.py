"""A valid message with one thing wrong is refused with the number of the element that is wrong, and where it is.

Each mutation is of the XML that we write of the fullest case, as another sender might have sent it: what the reader
and the validator find together has to name that element.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import cast

import pytest
from lxml import etree
from lxml.etree import _Element

from sinks.agency.icsr.elements import Element, elements
from sinks.agency.icsr.reader import read
from sinks.agency.icsr.validation import validate
from sinks.agency.icsr.values import Moment
from sinks.agency.icsr.writer import write
from tests.icsr_cases import FULL, NOW, PARENT_OF_FULL, PATIENT_OF_FULL, batch
from tests.unit.test_agency_icsr_places import NAMESPACES, xpath

Change = Callable[[_Element], None]

OTHER = replace(
    FULL,
    report_id="SE-GULD-6",
    patient=replace(
        PATIENT_OF_FULL,
        investigation="4444",
        parent=replace(
            PARENT_OF_FULL,
            age=None,
            birth_date=Moment("19940301"),
            conditions=(replace(PARENT_OF_FULL.conditions[0], end=Moment("2024")),),
            past_drugs=(replace(PARENT_OF_FULL.past_drugs[0], end=Moment("2025")),),
        ),
    ),
    reactions=(replace(FULL.reactions[0], disabling=True, congenital_anomaly=True), *FULL.reactions[1:]),
)
"""With values where the fullest case says why there are none, or says it in another way."""
WRITTEN = [write(batch(case)) for case in (FULL, OTHER)]
HL7 = "{urn:hl7-org:v3}"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


@cache
def places() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with (Path(__file__).parents[1] / "icsr_places.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] == "value":
                found.setdefault(row["element"], []).append(xpath(row["place"]))
    return found


def at(root: _Element, path: str) -> list[_Element]:
    return cast("list[_Element]", root.xpath(path, namespaces=NAMESPACES))


def holder(root: _Element, number: str) -> tuple[_Element, str]:
    """The XML element that holds a data element's first value, and the name of its attribute, or text()."""
    for path in places()[number]:
        parent, _, name = path.rpartition("/")
        for node in at(root, parent):
            if (name == "text()" and node.text) or (
                name != "text()" and node.get(name.removeprefix("@").removeprefix("h:"))
            ):
                return node, name.removeprefix("@")
    raise LookupError(number)


def put(root: _Element, number: str, value: str) -> None:
    node, name = holder(root, number)
    if name == "text()":
        node.text = value
    else:
        node.set(name, value)


def drop(root: _Element, number: str) -> None:
    node, name = holder(root, number)
    if name == "text()":
        node.text = None
    else:
        del node.attrib[name]


def absent_as(root: _Element, number: str, flavor: str) -> None:
    node, name = holder(root, number)
    if name == "text()":
        node.text = None
    else:
        del node.attrib[name]
    node.set("nullFlavor", flavor)


def changed(change: Change) -> bytes:
    """The message of the first case that has what is changed."""
    for written in WRITTEN:
        root = etree.fromstring(written)
        with suppress(LookupError):
            change(root)
            return etree.tostring(root)
    raise AssertionError("neither case has what is changed")


def findings_of(change: Change) -> list[tuple[str, str]]:
    reading = read(changed(change))
    return [(one.element, one.place) for one in [*reading.findings, *validate(reading.batch, NOW)]]


def values() -> list[Element]:
    return [element for element in elements().values() if element.data_type]


MANDATORY = [element.number for element in values() if element.conformance == "mandatory"]
LONG = [element for element in values() if element.max_length and not element.values and element.data_type != "N"]
LONG_NUMBERS = [e for e in values() if e.max_length and not e.values and e.data_type == "N" and "MedDRA" not in e.name]
DATES = [element.number for element in values() if element.data_type == "TS"]
PRECISE = [element for element in values() if element.data_type == "TS" and element.precision != "year"]
TRUTHS = [element.number for element in values() if element.data_type == "BL"]
LISTED = [element.number for element in values() if element.values and element.data_type != "BL"]
ABSENT = [element for element in values() if element.null_flavors and element.number != "F.r.3.2"]
NEVER_ABSENT = ["C.1.3", "C.1.8.2", "C.2.r.5", "C.3.1", "D.2.3", "E.i.7", "E.i.9", "G.k.8", "G.k.4.r.7", "H.1", "H.4"]
CODED = [
    "N.1.1", "C.1.3", "C.1.8.2", "C.1.11.1", "C.5.4", "D.2.3", "E.i.3.1", "E.i.7", "G.k.1", "G.k.9.i.4", "G.k.10.r",
    "E.i.2.1b", "F.r.2.2b",
]  # fmt: skip
MEDDRA = [element.number for element in values() if "(MedDRA code)" in element.name]
COUNTRIES = [element.number for element in values() if element.code_systems == ("1.0.3166.1.2.2",)]


def names(found: list[tuple[str, str]]) -> set[str]:
    return {element for element, _ in found}


def test_unchanged_it_is_valid() -> None:
    assert findings_of(lambda _: None) == []


@pytest.mark.parametrize("number", MANDATORY)
def test_a_mandatory_element_that_is_missing(number: str) -> None:
    assert number in names(findings_of(lambda root: drop(root, number)))


@pytest.mark.parametrize("element", LONG, ids=lambda element: element.number)
def test_a_text_that_is_too_long(element: Element) -> None:
    longest = element.max_length or 0
    prefix = "tel:" if "Telephone" in element.name else "fax:" if "Fax" in element.name else ""
    prefix = "mailto:" if "E-mail" in element.name else prefix
    letter = "9" if element.number in {"F.r.4", "F.r.5"} else "a"
    assert element.number in names(findings_of(lambda root: put(root, element.number, prefix + letter * (longest + 1))))


@pytest.mark.parametrize("element", LONG_NUMBERS, ids=lambda element: element.number)
def test_a_number_that_is_too_long_or_none(element: Element) -> None:
    longest = element.max_length or 0
    assert element.number in names(findings_of(lambda root: put(root, element.number, "9" * (longest + 1))))
    assert element.number in names(findings_of(lambda root: put(root, element.number, "12,5")))


@pytest.mark.parametrize("number", DATES)
def test_a_date_that_there_is_not_or_that_is_to_come(number: str) -> None:
    assert number in names(findings_of(lambda root: put(root, number, "20260230")))
    assert number in names(findings_of(lambda root: put(root, number, "2026-02-01")))
    assert number in names(findings_of(lambda root: put(root, number, "20990101000000+0000")))


@pytest.mark.parametrize("element", PRECISE, ids=lambda element: element.number)
def test_a_date_that_is_not_exact_enough(element: Element) -> None:
    less = "202602201015" if element.precision == "second" else "202602"
    assert element.number in names(findings_of(lambda root: put(root, element.number, less)))


@pytest.mark.parametrize("number", TRUTHS)
def test_a_truth_that_is_none(number: str) -> None:
    assert number in names(findings_of(lambda root: put(root, number, "yes")))


@pytest.mark.parametrize("number", [e.number for e in values() if e.data_type == "BL" and e.values])
def test_a_truth_that_may_not_be_false(number: str) -> None:
    assert number in names(findings_of(lambda root: put(root, number, "false")))


@pytest.mark.parametrize("number", LISTED)
def test_a_value_that_is_not_listed(number: str) -> None:
    assert number in names(findings_of(lambda root: put(root, number, "77")))


@pytest.mark.parametrize("element", ABSENT, ids=lambda element: element.number)
def test_a_null_flavour_that_the_element_does_not_have(element: Element) -> None:
    wrong = "NA" if "NA" not in {flavor.value for flavor in element.null_flavors} else "MSK"
    assert element.number in names(findings_of(lambda root: absent_as(root, element.number, wrong)))
    assert element.number in names(findings_of(lambda root: absent_as(root, element.number, "OTH")))


@pytest.mark.parametrize("number", NEVER_ABSENT)
def test_a_null_flavour_of_an_element_that_has_none(number: str) -> None:
    assert number in names(findings_of(lambda root: absent_as(root, number, "UNK")))


@pytest.mark.parametrize("number", CODED)
def test_a_code_of_another_code_system(number: str) -> None:
    def change(root: _Element) -> None:
        holder(root, number)[0].set("codeSystem", "1.2.3.4")

    assert number in names(findings_of(change))


@pytest.mark.parametrize("number", MEDDRA)
def test_a_term_that_is_no_code(number: str) -> None:
    assert number in names(findings_of(lambda root: put(root, number, "Headache")))


@pytest.mark.parametrize("number", COUNTRIES)
def test_a_country_that_there_is_not(number: str) -> None:
    assert number in names(findings_of(lambda root: put(root, number, "UK")))


ORDERS = {
    "N.1.4": f"/h:MCCI_IN200100UV01|{HL7}receiver|0",
    "N.1.3": f"/h:MCCI_IN200100UV01|{HL7}sender|0",
    "N.1.2": f"/h:MCCI_IN200100UV01|{HL7}id|9",
    "N.1.1": f"/h:MCCI_IN200100UV01|{HL7}name|0",
    "N.1.5": f"/h:MCCI_IN200100UV01|{HL7}creationTime|9",
    "N.2.r.1": f"//h:PORR_IN049016UV|{HL7}id|9",
    "N.2.r.2": f"//h:PORR_IN049016UV|{HL7}sender|0",
    "N.2.r.3": f"//h:PORR_IN049016UV|{HL7}receiver|0",
    "N.2.r.4": f"//h:PORR_IN049016UV|{HL7}creationTime|99",
    "C.1.2": f"//h:controlActProcess|{HL7}effectiveTime|99",
    "C.1.5": f"//h:investigationEvent|{HL7}availabilityTime|0",
    "H.1": f"//h:investigationEvent|{HL7}text|0",
    "C.1.6.1.r": f"//h:document[h:title]|{HL7}title|99",
    "C.2.r": f"//h:assignedEntity[h:telecom][not(h:code)]|{HL7}addr|99",
    "C.3": f"//h:assignedEntity[h:telecom][h:code]|{HL7}code|99",
    "C.5": f"//h:researchStudy|{HL7}title|0",
    "D.1": f"//h:player1|{HL7}name|99",
    "D.10": f"//h:role[@classCode='PRS']|{HL7}associatedPerson|0",
    "E.i": f"//h:observation[h:code/@code='29'][h:id]|{HL7}value|0",
    "F.r": f"//h:observation[h:referenceRange]|{HL7}referenceRange|0",
    "G.k": f"//h:substanceAdministration[h:id]|{HL7}consumable|99",
    "G.k.9.i.2.r": f"//h:causalityAssessment[h:methodCode]|{HL7}methodCode|99",
}


@pytest.mark.parametrize("number", ORDERS)
def test_elements_in_the_wrong_order(number: str) -> None:
    """Moved to the front or to the end of those around it."""
    path, tag, to = ORDERS[number].split("|")

    def change(root: _Element) -> None:
        parent = at(root, path)[0]
        moved = parent.find(tag)
        assert moved is not None
        parent.remove(moved)
        parent.insert(int(to), moved)

    reading = read(changed(change))
    assert [one.element for one in reading.findings if "out of order" in one.text] == [number]


def test_where_it_is_wrong_is_said() -> None:
    def second_reactions_outcome(root: _Element) -> None:
        at(root, "(//h:observation[h:code/@code='27']/h:value)[2]")[0].set("code", "9")

    assert findings_of(second_reactions_outcome) == [("E.i.7", "N.2.r[1] E.i[2]")]

    def third_drugs_name(root: _Element) -> None:
        at(root, "(//h:substanceAdministration[h:id]//h:kindOfProduct/h:name)[3]")[0].text = "a" * 251

    assert findings_of(third_drugs_name) == [("G.k.2.2", "N.2.r[1] G.k[3]")]


def test_a_reference_to_a_reaction_that_is_not_there() -> None:
    def change(root: _Element) -> None:
        at(root, "//h:adverseEffectReference/h:id")[0].set("root", "00000000-0000-0000-0000-000000000000")

    assert "G.k.9.i.1" in names(findings_of(change))


def test_a_document_that_is_no_base64() -> None:
    assert "C.1.6.1.r.2" in names(findings_of(lambda root: put_document(root, "%%%")))


def put_document(root: _Element, text: str) -> None:
    reference = at(root, "//h:document/h:text/h:reference")[0]
    reference.tail = text


def test_a_result_that_is_neither_number_nor_limit() -> None:
    def change(root: _Element) -> None:
        value = at(root, "//h:value[h:center]")[0]
        value.remove(value[0])
        assert value.get(XSI_TYPE) == "IVL_PQ"

    assert "F.r.3.2" in names(findings_of(change))


def test_a_normal_value_in_another_unit_than_the_result() -> None:
    def change(root: _Element) -> None:
        at(root, "//h:observationRange/h:value")[0].set("unit", "g/L")

    assert names(findings_of(change)) == {"F.r.4"}


def test_a_weight_in_another_unit() -> None:
    def change(root: _Element) -> None:
        at(root, "//h:primaryRole/h:subjectOf2/h:observation[h:code/@code='7']/h:value")[0].set("unit", "g")

    assert names(findings_of(change)) == {"D.3"}


def test_there_are_more_than_200_mutations() -> None:
    once = len(MANDATORY) + len(LONG) + len(PRECISE) + len(TRUTHS) + len(LISTED) + len(NEVER_ABSENT) + len(CODED)
    assert once + len(MEDDRA) + len(COUNTRIES) + len(ORDERS) + 2 * len(LONG_NUMBERS) + 2 * len(ABSENT) > 400
