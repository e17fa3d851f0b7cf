"""What an agency answers is read: every verdict with its reasons, and what answers nothing is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.agency.icsr.acknowledgement import (
    Acknowledgement,
    BatchVerdict,
    MessageAcknowledgement,
    MessageVerdict,
    read_acknowledgement,
)
from sinks.agency.icsr.parsing import RefusedXMLError
from sinks.agency.icsr.values import Moment
from sinks.agency.icsr.writer import write
from tests.icsr_acknowledgements import write_acknowledgement
from tests.icsr_cases import SMALLEST, batch

# In the form of FDA's published negative acknowledgement (R3ack-negative.ack); names and texts are invented.
NEGATIVE = b"""<?xml version="1.0" encoding="UTF-8"?>
<MCCI_IN200101UV01 xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ITSVersion="XML_1.0">
    <id extension="34137236" root="2.16.840.1.113883.3.989.2.1.3.20"/> <!-- ACK.M.1 -->
    <creationTime value="20220815101246-0400"/>
    <responseModeCode code="D"/>
    <interactionId extension="MCCI_IN200101UV01" root="2.16.840.1.113883.1.6"/>
    <MCCI_IN000002UV01>
        <id extension="19426650" root="2.16.840.1.113883.3.989.2.1.3.19"/>
        <creationTime value="20220815101246"/>
        <interactionId extension="MCCI_IN000002UV01" root="2.16.840.1.113883.1.6"/>
        <processingCode code="P"/>
        <processingModeCode code="T"/>
        <acceptAckCode code="NE"/>
        <receiver typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE">
            <id extension="GULD" root="2.16.840.1.113883.3.989.2.1.3.16"/></device></receiver>
        <sender typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE">
            <id extension="AGENCY" root="2.16.840.1.113883.3.989.2.1.3.15"/></device></sender>
        <attentionLine>
            <keyWordText code="1" codeSystem="2.16.840.1.113883.3.989.2.1.1.24" codeSystemVersion="1.0"/>
            <value value="20150227000000-0500" xsi:type="TS"/>
        </attentionLine>
        <acknowledgement typeCode="CR">
            <targetMessage><id extension="SE-GULD-2" root="2.16.840.1.113883.3.989.2.1.3.1"/></targetMessage>
            <acknowledgementDetail><text>C.1.5 lies before C.1.4;
                E.i.7 is mandatory</text></acknowledgementDetail>
            <acknowledgementDetail><text>A second reason</text></acknowledgementDetail>
        </acknowledgement>
    </MCCI_IN000002UV01>
    <receiver typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE">
        <id extension="GULD" root="2.16.840.1.113883.3.989.2.1.3.18"/></device></receiver>
    <sender typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE">
        <id extension="AGENCYGATE" root="2.16.840.1.113883.3.989.2.1.3.17"/></device></sender>
    <attentionLine>
        <keyWordText code="2" codeSystem="2.16.840.1.113883.3.989.2.1.1.24" codeSystemVersion="1.0"/>
        <value extension="427044" root="2.16.840.1.113883.3.989.2.1.3.21" xsi:type="II"/>
    </attentionLine>
    <attentionLine>
        <keyWordText code="3" codeSystem="2.16.840.1.113883.3.989.2.1.1.24" codeSystemVersion="1.0"/>
        <value value="20220815101246-0400" xsi:type="TS"/>
    </attentionLine>
    <acknowledgement typeCode="AE">
        <targetBatch><id extension="SE-GULD-BATCH-1" root="2.16.840.1.113883.3.989.2.1.3.22"/></targetBatch>
        <acknowledgementDetail><text>some ICSR message(s) need further action</text></acknowledgementDetail>
    </acknowledgement>
</MCCI_IN200101UV01>"""


def test_a_negative_answer_is_read_element_by_element() -> None:
    assert read_acknowledgement(NEGATIVE) == Acknowledgement(
        batch="SE-GULD-BATCH-1",
        verdict=BatchVerdict.AE,
        messages=(
            MessageAcknowledgement(
                identifier="SE-GULD-2",
                verdict=MessageVerdict.CR,
                local_number="19426650",
                receiver="GULD",
                sender="AGENCY",
                created=Moment("20150227000000-0500"),
                reasons=("C.1.5 lies before C.1.4;\n                E.i.7 is mandatory", "A second reason"),
            ),
        ),
        number="34137236",
        sender="AGENCYGATE",
        receiver="GULD",
        created=Moment("20220815101246-0400"),
        local_number="427044",
        transmitted=Moment("20220815101246-0400"),
        reasons=("some ICSR message(s) need further action",),
    )


words = st.none() | st.text("abcåäö <&>\"'", min_size=1).map(str.strip).filter(bool)
moments = st.none() | st.sampled_from([Moment("20260301"), Moment("20260301101500+0100")])
reasons = st.lists(st.text("abc åäö<&", min_size=1).map(str.strip).filter(bool), max_size=3).map(tuple)
messages = st.builds(
    MessageAcknowledgement,
    st.from_regex(r"SE-[A-Z]{1,9}-\d{1,9}", fullmatch=True),
    st.sampled_from(MessageVerdict),
    words,
    words,
    words,
    moments,
    reasons,
)
acknowledgements = st.builds(
    Acknowledgement,
    st.from_regex(r"[A-Z]{1,9}-\d{1,9}", fullmatch=True),
    st.sampled_from(BatchVerdict),
    st.lists(messages, max_size=3).map(tuple),
    words,
    words,
    words,
    moments,
    words,
    moments,
    reasons,
)


@given(acknowledgements)
def test_any_answer_is_read_as_it_was_written(acknowledgement: Acknowledgement) -> None:
    assert read_acknowledgement(write_acknowledgement(acknowledgement)) == acknowledgement


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'typeCode="AE"', b'typeCode="AX"', r"AA, AE, AR \(ACK.A.4\)"),
        (b'typeCode="AE"', b"", r"AA, AE, AR \(ACK.A.4\)"),
        (b'typeCode="AE"', b'typeCode="CA"', r"AA, AE, AR \(ACK.A.4\)"),
        (b'typeCode="CR"', b'typeCode="AR"', r"CA, CR \(ACK.B.r.6\)"),
        (b'extension="SE-GULD-2"', b"", r"ACK.B.r.1"),
        (b'extension="SE-GULD-BATCH-1"', b"", r"ACK.A.1"),
    ],
)
def test_what_does_not_say_what_became_of_what_is_refused(old: bytes, new: bytes, message: str) -> None:
    assert old in NEGATIVE
    with pytest.raises(RefusedXMLError, match=message):
        read_acknowledgement(NEGATIVE.replace(old, new))


def test_a_time_that_cannot_be_read_does_not_hide_the_verdict() -> None:
    answer = read_acknowledgement(NEGATIVE.replace(b'"20150227000000-0500"', b'"27 February"'))
    assert (answer.messages[0].created, answer.messages[0].verdict) == (None, MessageVerdict.CR)


def test_a_report_is_no_answer() -> None:
    with pytest.raises(RefusedXMLError, match="another message than MCCI_IN200101UV01"):
        read_acknowledgement(write(batch(SMALLEST)))
