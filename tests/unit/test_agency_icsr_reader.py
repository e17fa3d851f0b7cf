"""Reports of other senders are read as they mean them, and what attacks a reader is refused."""

from __future__ import annotations

import os
import re
import socket
import tracemalloc
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from lxml import etree

from sinks.agency.icsr import parsing
from sinks.agency.icsr.acknowledgement import read_acknowledgement
from sinks.agency.icsr.model import Batch, DrugReaction
from sinks.agency.icsr.parsing import MOST_BYTES, RefusedXMLError
from sinks.agency.icsr.reader import read
from sinks.agency.icsr.values import Attachment, MeddraTerm, Moment, NullFlavor, Quantity, Term
from sinks.agency.icsr.writer import write
from tests.icsr_cases import FULL, SMALLEST, batch

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = write(batch(SMALLEST)).decode()
INVESTIGATIONAL = (
    '</authorization><authorization typeCode="AUTH"><studyRegistration classCode="ACT" moodCode="EVN">'
    '<id extension="123456" root="2.16.840.1.113883.3.989.5.1.2.2.1.2.1"/></studyRegistration></authorization>'
    "</researchStudy>"
)
REGIONAL = (
    '<subjectOf2 typeCode="SBJ"><observation classCode="OBS" moodCode="EVN">'
    '<code code="C17049" codeSystem="2.16.840.1.113883.3.26.1.1" displayName="Race"/>'
    '<value xsi:type="CE" code="C41260" codeSystem="2.16.840.1.113883.3.26.1.1"/></observation></subjectOf2>'
)
LIST = "2.16.840.1.113883.3.989.2.1.1"


def test_comments_indentation_and_instructions_say_nothing() -> None:
    indented = etree.tostring(etree.fromstring(WRITTEN.encode()), pretty_print=True, encoding="UTF-16")
    assert isinstance(indented, bytes)
    text = indented.decode("utf-16").replace("<controlActProcess", "<!-- C.1 --><?x y?>\n<controlActProcess")
    reading = read(text.encode("utf-16"))
    assert reading.findings == []
    assert reading.batch == batch(SMALLEST)


def test_any_prefix_will_do() -> None:
    prefixed = re.sub(r"<(/?)(\w)", r"<\1h:\2", WRITTEN.split("?>", 1)[1]).replace("xmlns=", "xmlns:h=")
    assert read(prefixed.encode()).batch == batch(SMALLEST)


def changed(*changes: tuple[str, str]) -> Batch:
    text = write(batch(FULL)).decode()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    reading = read(text.encode())
    assert reading.findings == []
    return reading.batch


def test_what_others_add_is_passed_by() -> None:
    """As FDA's published instances have it: regional observations, a second line of a street, an e-mail address."""
    case = changed(
        ('<subjectOf2 typeCode="SBJ"><observation', REGIONAL + '<subjectOf2 typeCode="SBJ"><observation'),
        ("</authorization></researchStudy>", INVESTIGATIONAL),
        ("<city>Storstad", "<streetAddressLine>2 tr</streetAddressLine><city>Storstad"),
        ('<telecom value="tel:+46 10 123', '<telecom value="mailto:a@b.example"/><telecom value="tel:+46 10 123'),
    ).messages[0].case  # fmt: skip
    assert case is not None
    assert case == replace(FULL, sources=(replace(FULL.sources[0], street="Storgatan 1, 2 tr"), *FULL.sources[1:]))


def test_identifiers_may_have_an_extension() -> None:
    text = re.sub(r'<id root="([0-9a-f-]{36})"', r'<id root="1.2.3" extension="\1"', write(batch(FULL)).decode())
    assert read(text.encode()).batch == batch(FULL)


def test_several_intervals_may_say_when() -> None:
    """Start and duration in an expression of their own, where one interval would do."""
    old = '<effectiveTime xsi:type="IVL_TS"><low value="202602"/><width value="2" unit="h"/></effectiveTime>'
    new = (
        '<effectiveTime xsi:type="SXPR_TS"><comp xsi:type="IVL_TS"><low value="202602"/></comp>'
        '<comp xsi:type="IVL_TS" operator="A"><width value="2" unit="h"/></comp></effectiveTime>'
    )
    assert changed((old, new)) == batch(FULL)


def test_text_that_is_no_base64_is_read_as_it_stands() -> None:
    case = changed(
        (' representation="B64" compression="DF">' + "eHh4" * 13 + "eA==", ">Åsa"),
    ).messages[0].case  # fmt: skip
    assert case is not None
    assert case.literature[0].attachment == Attachment("Åsa".encode(), "text/plain")


def test_what_is_read_is_what_was_meant() -> None:
    """Values typed in by hand from the message's own text."""
    case = read(write(batch(FULL))).batch.messages[0].case
    assert case is not None
    assert case.patient is not None
    assert case.patient.age == Quantity(Decimal(56), "a")
    assert case.patient.investigation is NullFlavor.MSK
    assert case.reactions[0].term == MeddraTerm("10019211", "28.0")
    assert case.reactions[3].start is NullFlavor.MSK
    assert case.drugs[0].dosages[0].end == Moment("202602010800+0100")
    assert case.drugs[0].dosages[5].route_term == Term("048", "2.1", f"{LIST}.14")
    assert case.drugs[2].matrix == (DrugReaction(2, (), Quantity(Decimal(3), "min")),)


def test_a_second_report_in_a_message_is_found() -> None:
    subject = re.search(r"<subject typeCode.*</subject>", WRITTEN)
    assert subject
    reading = read(WRITTEN.replace(subject[0], subject[0] * 2).encode())
    assert [finding.element for finding in reading.findings] == ["C.1.1"]
    assert reading.batch == batch(SMALLEST)


def test_a_message_without_a_process_or_report_is_read_as_far_as_it_goes() -> None:
    process = re.search(r"<controlActProcess.*</controlActProcess>", WRITTEN)
    assert process
    reading = read(WRITTEN.replace(process[0], "").encode())
    assert reading.batch.messages[0].case is None
    bare = read(re.sub(r"(<investigationEvent [^>]*>).*(</investigationEvent>)", r"\1\2", WRITTEN).encode())
    case = bare.batch.messages[0].case
    assert case is not None
    assert (case.patient, case.sender, case.reactions, case.drugs) == (None, None, (), ())


ROOT = "MCCI_IN200100UV01"
WEB = "http://127.0.0.1:9/x.dtd"
UNDECLARED = WRITTEN.replace("A reaction.", "&x;")
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
ATTACKS = {
    "an external entity": f'<!DOCTYPE {ROOT} [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + UNDECLARED.split("?>", 1)[1],
    "an external entity over the network": f'<!DOCTYPE {ROOT} [<!ENTITY x SYSTEM "{WEB}">]><{ROOT}>&x;</{ROOT}>',
    "an external document type": f'<!DOCTYPE {ROOT} SYSTEM "file:///etc/passwd">' + WRITTEN.split("?>", 1)[1],
    "an external document type over the network": f'<!DOCTYPE {ROOT} SYSTEM "{WEB}"><{ROOT}/>',
    "a public document type": f'<!DOCTYPE {ROOT} PUBLIC "-//X//Y" "{WEB}"><{ROOT}/>',
    "a parameter entity": f'<!DOCTYPE {ROOT} [<!ENTITY % x SYSTEM "{WEB}"> %x;]><{ROOT}/>',
    "a billion laughs": f'<!DOCTYPE {ROOT} [<!ENTITY l0 "ha">{LAUGHS}]><{ROOT} xmlns="urn:hl7-org:v3">&l9;</{ROOT}>',
    "a billion laughs in an attribute": f'<!DOCTYPE {ROOT} [<!ENTITY l0 "ha">{LAUGHS}]><{ROOT} ITSVersion="&l9;"/>',
    "a quadratic blow-up": f'<!DOCTYPE {ROOT} [<!ENTITY a "{"a" * 50_000}">]><{ROOT}>{"&a;" * 50_000}</{ROOT}>',
    "a document type alone": f"<!DOCTYPE {ROOT}>" + WRITTEN.split("?>", 1)[1],
    "an entity that is not declared": UNDECLARED,
    "depth": f'<{ROOT} xmlns="urn:hl7-org:v3">' + "<a>" * 100_000,
    "an attribute beyond measure": f'<{ROOT} xmlns="urn:hl7-org:v3" a="{"a" * 11_000_000}"/>',
    "a text beyond measure": f'<{ROOT} xmlns="urn:hl7-org:v3">{"a" * 11_000_000}</{ROOT}>',
    "half a message": WRITTEN[: len(WRITTEN) // 2],
    "something behind the message": WRITTEN + "<a/>",
    "nothing": "",
    "no XML": "PK\x03\x04",
    "another message": WRITTEN.replace(ROOT, "MCCI_IN200101UV01"),
    "another namespace": WRITTEN.replace("urn:hl7-org:v3", "urn:hl7-org:v2"),
    "no namespace": WRITTEN.replace(' xmlns="urn:hl7-org:v3"', ""),
    "two attributes of a name": WRITTEN.replace("ITSVersion", 'ITSVersion="A" ITSVersion', 1),
}  # fmt: skip


@pytest.mark.parametrize("what", ATTACKS)
def test_an_attack_is_refused(what: str) -> None:
    with pytest.raises(RefusedXMLError) as refused:
        read(ATTACKS[what].removeprefix("<?xml version='1.0' encoding='UTF-8'?>\n").encode())
    message = str(refused.value)
    assert "root:" not in message
    assert "A reaction" not in message
    with pytest.raises(RefusedXMLError):
        read_acknowledgement(ATTACKS[what].replace("MCCI_IN200101UV01", "X").encode())


def test_100_megabytes_are_refused_before_they_are_read() -> None:
    large = b"<" + b"a" * 100 * 2**20
    tracemalloc.start()
    with pytest.raises(RefusedXMLError, match="larger than 32 MiB"):
        read(large)
    assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    tracemalloc.stop()
    assert MOST_BYTES == 32 * 2**20


def test_elements_without_number_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "MOST_ELEMENTS", 1000)
    many = f'<{ROOT} xmlns="urn:hl7-org:v3">{"<a/>" * 1001}</{ROOT}>'
    with pytest.raises(RefusedXMLError, match="more than 1000 elements"):
        read(many.encode())


def test_nothing_is_fetched_that_a_document_type_names() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.dtd"
        for attack in (attack for attack in ATTACKS.values() if WEB in attack):
            with pytest.raises(RefusedXMLError):
                read(attack.replace(WEB, address).encode())
        with pytest.raises(BlockingIOError):
            server.accept()


def test_no_file_is_read_that_a_document_type_names(tmp_path: Path) -> None:
    """A pipe without a writer would hold up whoever reads it, and tells whether anybody does."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for attack in (attack for attack in ATTACKS.values() if "/etc/passwd" in attack):
        with pytest.raises(RefusedXMLError):
            read(attack.replace("/etc/passwd", str(pipe)).encode())
    with pytest.raises(OSError, match="No such device or address"):
        os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
