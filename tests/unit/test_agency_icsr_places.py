"""Every element stands where ICH's table of places has it, with the code systems and classes of HL7's model.

tests/icsr_places.csv holds the places (XPath of each data element and of its null flavour, as ICH's E2B(R3)
Implementation Guide has them and agencies publish them: the Korean agency MFDS, "ICSR element XPath"), shortened:
``{oid}`` is a code system, ``#oid`` the root of an identifier, ``<T>`` a data type, ``:T`` a type code, ``=19.3``
code 3 of ICH's list 19, ``~`` begins ICH's OIDs, ``$name`` a place that many share. Which repetition is left out: what
lies at all of them together has to be what the model has.
"""

from __future__ import annotations

import base64
import csv
import re
from collections import defaultdict
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from lxml import etree

from sinks.agency.icsr.elements import elements
from sinks.agency.icsr.model import Patient
from sinks.agency.icsr.reader import read
from sinks.agency.icsr.values import Attachment, Moment, NullFlavor
from sinks.agency.icsr.writer import write
from tests.icsr_cases import FULL, PARENT_OF_FULL, SMALLEST, batch

CASE = "PORR_IN049016UV/controlActProcess/subject:SUBJ/investigationEvent"
SHARED = {
    "case": CASE,
    "assessment": "$case/component:COMP[adverseEventAssessment]/adverseEventAssessment",
    "role": "$assessment/subject1:SBJ/primaryRole",
    "parent": "$role/player1/role",
    "source": "$case/outboundRelationship:SPRT[relatedInvestigation/code=22.2]",
    "sender": (
        "$case/subjectOf1:SUBJ[controlActEvent/author/assignedEntity/code{~1.7}]/controlActEvent/author:AUT/assignedEntity"
    ),
    "drug": "$role/subjectOf2:SBJ[organizer/code=20.4]/organizer/component:COMP[substanceAdministration/id]"
    "/substanceAdministration",
    "dosage": "$drug/outboundRelationship2:COMP[substanceAdministration]/substanceAdministration",
    "test": "$role/subjectOf2:SBJ[organizer/code=20.3]/organizer/component:COMP"
    "[observation/code{2.16.840.1.113883.6.163}]/observation",
    "reaction": "$role/subjectOf2:SBJ[observation[id][code=19.29]]/observation",
}
CLASSES = """
act ACT EVN
adverseEventAssessment INVSTG EVN
approval CNTRCT EVN
asIdentifiedEntity IDENT
asLocatedEntity LOCE
asManufacturedProduct MANU
asQualifiedEntity QUAL
assignedEntity ASSIGNED
assignedPerson PSN INSTANCE
associatedPerson PSN INSTANCE
causalityAssessment OBS EVN
controlActEvent CACT EVN
controlActProcess CACT EVN
device DEV INSTANCE
document DOC EVN
governingPlace COUNTRY INSTANCE
ingredient ACTI
ingredientSubstance MMAT KIND
instanceOfKind INST
investigationCharacteristic OBS EVN
investigationEvent INVSTG EVN
kindOfProduct MMAT KIND
locatedEntity LOCE
locatedPlace COUNTRY INSTANCE
location COUNTRY INSTANCE
observation OBS EVN
observationEvent OBS EVN
observationRange OBS EVN.CRT
organizer CATEGORY EVN
player1 PSN INSTANCE
playingOrganization ORG INSTANCE
primaryRole INVSBJ
productEvent ACT EVN
productInstanceInstance MMAT INSTANCE
relatedInvestigation INVSTG EVN
representedOrganization ORG INSTANCE
researchStudy CLNTRL EVN
studyRegistration ACT EVN
substanceAdministration SBADM EVN
territorialAuthority TERR
territory NAT INSTANCE
"""
NAMESPACES = {"h": "urn:hl7-org:v3", "xsi": "http://www.w3.org/2001/XMLSchema-instance"}
OTHER_SYSTEMS = {"D.8.r.2a", "D.8.r.2b", "G.k.2.3.r.2b", "G.k.4.r.10.2a", "G.k.4.r.10.2b"}
"""Elements of which the full case has one of another code system than ICH's, which lies at no place of ICH's."""

PARENT = replace(PARENT_OF_FULL, birth_date=Moment("19940301"), age=None)
SENT = batch(FULL, SMALLEST, replace(FULL, report_id="SE-GULD-5", patient=Patient(name="EF", parent=PARENT)))
ROOT = etree.fromstring(write(SENT))


def xpath(place: str) -> str:
    while "$" in place:
        place = re.sub(r"\$(\w+)", lambda found: SHARED[found[1]], place)
    place = place.replace("~", "2.16.840.1.113883.3.989.2.1.")
    place = re.sub(r"=(\d+)\.(\d+)", r"[@code='\2'][@codeSystem='2.16.840.1.113883.3.989.2.1.1.\1']", place)
    place = re.sub(r"\{([\w.-]+)\}", r"[@codeSystem='\1']", place)
    place = re.sub(r"#([\d.]+)", r"[@root='\1']", place)
    place = re.sub(r"<(\w+)>", r"[@xsi:type='\1']", place)
    place = re.sub(r"(\w):([A-Z]+)", r"\1[@typeCode='\2']", place)
    pieces = re.split(r"('[^']*')", "/MCCI_IN200100UV01/" + place)
    name = re.compile(r"(?<![@\w:.(-])([A-Za-z]\w*)(?![\w:(-])")
    return "".join(piece if piece.startswith("'") else name.sub(r"h:\1", piece) for piece in pieces)


def all_at(path: str) -> list[str]:
    return [str(value) for value in cast("list[object]", ROOT.xpath(path, namespaces=NAMESPACES))]


def at_the_places() -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    with (Path(__file__).parents[1] / "icsr_places.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for value in all_at(xpath(row["place"])):
                is_number = "telecom" in row["place"] and row["kind"] == "value"
                text = value.partition(":")[2] if is_number else value
                if text:  # an absent number has its scheme only
                    found[row["element"]].add((row["kind"], text))
    return found


def in_the_model(node: Any, found: dict[str, set[tuple[str, str]]]) -> dict[str, set[tuple[str, str]]]:
    for field in fields(node):
        value, place = getattr(node, field.name), field.metadata.get("place")
        for one in value if isinstance(value, tuple) else (value,):
            if one is None or place is None:
                continue
            if not place.elements:
                in_the_model(one, found)
            for part, element in place.elements.items():
                inner = one if part == "" or isinstance(one, NullFlavor) else getattr(one, part)
                if inner is not None:
                    found[element].add(written(inner))
    return found


def written(value: Any) -> tuple[str, str]:
    match value:
        case NullFlavor():
            return "null", value.value
        case Moment():
            return "value", value.text
        case bool():
            return "value", "true" if value else "false"
        case Decimal():
            return "value", f"{value:f}"
        case Attachment():
            return "value", base64.b64encode(value.content).decode()
    return "value", value


def test_all_values_stand_at_their_places_and_nothing_else_does() -> None:
    expected = in_the_model(SENT, defaultdict(set))
    found = at_the_places()
    values = [element.number for element in elements().values() if element.data_type]
    assert len(values) == 222
    for number in values:
        assert expected[number], f"the cases have no {number}"
        if number in OTHER_SYSTEMS:
            assert found[number] < expected[number], number
        else:
            assert found[number] == expected[number], number


def test_classes_moods_and_determiners_are_those_of_hl7s_model() -> None:
    expected = {name: attributes for name, *attributes in map(str.split, CLASSES.strip().splitlines())}
    expected["productUseReference"], expected["adverseEffectReference"] = ["SBADM", "EVN"], ["OBS", "EVN"]
    expected["actReference"] = ["OBS", "EVN"]
    seen = set()
    for node in ROOT.iter():
        name = etree.QName(node).localname
        attributes = [node.get(key) for key in ("classCode", "moodCode", "determinerCode") if node.get(key)]
        if name == "role":
            assert attributes in (["PRS"], ["HLD"])
        elif attributes:
            assert attributes == expected[name], name
            seen.add(name)
    assert seen == set(expected)


def test_the_wrappers_are_as_ich_wants_them() -> None:
    def one(path: str) -> str:
        return all_at(path)[0]

    assert ROOT.tag == "{urn:hl7-org:v3}MCCI_IN200100UV01"
    assert ROOT.get("ITSVersion") == "XML_1.0"
    assert one("@xsi:schemaLocation") == "urn:hl7-org:v3 MCCI_IN200100UV01.xsd"
    assert one("h:responseModeCode/@code") == "D"
    assert one("h:interactionId[@root='2.16.840.1.113883.1.6']/@extension") == "MCCI_IN200100UV01"
    message = "h:PORR_IN049016UV"
    assert one(f"{message}/h:interactionId[@root='2.16.840.1.113883.1.6']/@extension") == "PORR_IN049016UV"
    assert [one(f"{message}/h:{name}/@code") for name in ("processingCode", "processingModeCode", "acceptAckCode")] == [
        "P",
        "T",
        "AL",
    ]
    process = f"{message}/h:controlActProcess"
    assert one(f"{process}/h:code[@codeSystem='2.16.840.1.113883.1.18']/@code") == "PORR_TE049016UV"
    event = f"{process}/h:subject/h:investigationEvent"
    assert one(f"{event}/h:code[@codeSystem='2.16.840.1.113883.5.4']/@code") == "PAT_ADV_EVNT"
    assert one(f"{event}/h:statusCode/@code") == "active"


def test_versions_of_code_lists_are_said_where_they_are_given() -> None:
    lists = {"2.16.840.1.113883.3.989.2.1.1.11": "2.0", "2.16.840.1.113883.3.989.2.1.1.19": "1.1"}
    root = etree.fromstring(write(SENT, lists))
    said = {(node.get("codeSystem"), node.get("codeSystemVersion")) for node in root.iter() if node.get("codeSystem")}
    assert {(system, version) for system, version in said if system in lists} == set(lists.items())
    meddra = {version for system, version in said if system == "2.16.840.1.113883.6.163"}
    assert meddra == {None, "28.0"}  # a cause or test in words only has no code to say a version of
    assert {version for system, version in said if system == "2.16.840.1.113883.3.989.2.1.1.2"} == {None}
    assert read(etree.tostring(root)) == (SENT, [])


def test_codes_and_identifiers_are_of_the_systems_in_ichs_table() -> None:
    """An element's place names every OID that the table gives it (the table names no unit's and no heading's)."""
    places: dict[str, str] = defaultdict(str)
    with (Path(__file__).parents[1] / "icsr_places.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            places[row["element"]] += xpath(row["place"])
    elsewhere = {"2.16.840.1.113883.6.8", "1.0.639.2", "2.16.840.1.113883.5.4", "2.16.840.1.113883.5.111"}
    elsewhere.add("2.16.840.1.113883.3.989.2.1.1.14")  # E2B(R2)'s routes, which a term may name as its system
    for element in elements().values():
        for system in set(element.code_systems) - elsewhere:
            if element.data_type and element.number != "G.k.2.4":  # a country as text
                assert f"'{system}'" in places[element.number], (element.number, system)
