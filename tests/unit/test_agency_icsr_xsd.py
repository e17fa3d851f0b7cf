"""Where the user has ICH's schemas, they are asked too. The schemas here are the tests' own, of a few elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinks.agency.icsr.parsing import RefusedXMLError
from sinks.agency.icsr.writer import write
from sinks.agency.icsr.xsd import NoSchemaError, schema_findings
from tests.icsr_cases import SMALLEST, batch

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:hl7-org:v3"
    xmlns="urn:hl7-org:v3" elementFormDefault="qualified">
  <xs:include schemaLocation="../coreschemas/datatypes.xsd"/>
  <xs:element name="MCCI_IN200100UV01">
    <xs:complexType>
      <xs:sequence>
        <xs:element name="id" type="II"/>
        <xs:element name="creationTime" type="TS"/>
        <xs:any maxOccurs="unbounded" processContents="skip"/>
      </xs:sequence>
      <xs:attribute name="ITSVersion" fixed="XML_1.0" use="required"/>
    </xs:complexType>
  </xs:element>
</xs:schema>"""
DATATYPES = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:hl7-org:v3"
    xmlns="urn:hl7-org:v3" elementFormDefault="qualified">
  <xs:complexType name="II"><xs:attribute name="root"/><xs:attribute name="extension"/></xs:complexType>
  <xs:complexType name="TS"><xs:attribute name="value">
    <xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="[0-9+.-]+"/></xs:restriction></xs:simpleType>
  </xs:attribute></xs:complexType>
</xs:schema>"""


@pytest.fixture
def schema_dir(tmp_path: Path) -> Path:
    (tmp_path / "multicacheschemas").mkdir()
    (tmp_path / "coreschemas").mkdir()
    (tmp_path / "multicacheschemas" / "MCCI_IN200100UV01.xsd").write_text(SCHEMA, encoding="utf-8")
    (tmp_path / "coreschemas" / "datatypes.xsd").write_text(DATATYPES, encoding="utf-8")
    return tmp_path


def test_what_the_schemas_say_is_found_without_the_value(schema_dir: Path) -> None:
    written = write(batch(SMALLEST))
    assert schema_findings(written, schema_dir) == []
    broken = written.replace(b"20260301101600+0100", b"Hemlig")
    (finding, *_) = schema_findings(broken, schema_dir)
    assert finding.element == "XSD"
    assert finding.text == "MCCI_IN200100UV01/creationTime breaks the schema: SCHEMAV_CVC_PATTERN_VALID."
    assert not any("Hemlig" in str(one) for one in schema_findings(broken, schema_dir))


def test_a_batch_that_is_not_safe_is_refused_there_too(schema_dir: Path) -> None:
    with pytest.raises(RefusedXMLError, match="DOCTYPE"):
        schema_findings(b"<!DOCTYPE a><a/>", schema_dir)


def test_a_folder_without_schemas_or_with_broken_ones_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoSchemaError, match=r"MCCI_IN200100UV01.xsd is no schema"):
        schema_findings(write(batch(SMALLEST)), tmp_path)
    (tmp_path / "multicacheschemas").mkdir()
    (tmp_path / "multicacheschemas" / "MCCI_IN200100UV01.xsd").write_text("<a/>", encoding="utf-8")
    with pytest.raises(NoSchemaError, match="XMLSchemaParseError"):
        schema_findings(write(batch(SMALLEST)), tmp_path)
