"""Acknowledgements as agencies write them, for tests: we only read them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from sinks.agency.icsr import codes
from sinks.agency.icsr.markup import add, code, typed
from sinks.agency.icsr.serialising import as_bytes

if TYPE_CHECKING:
    from sinks.agency.icsr.acknowledgement import Acknowledgement, MessageAcknowledgement
    from sinks.agency.icsr.values import Moment

_SPACE = "2.16.840.1.113883.3.989.2.1.3."


def write_acknowledgement(acknowledgement: Acknowledgement) -> bytes:
    """As FDA's published ones are written; what is None is not."""
    spaces = {"xmlns": codes.HL7, "xmlns:xsi": codes.XSI}
    root = Element(codes.ACKNOWLEDGEMENT, {**spaces, "ITSVersion": "XML_1.0"})
    add(root, "id", extension=acknowledgement.number, root=f"{_SPACE}20")
    if acknowledgement.created is not None:
        add(root, "creationTime", value=acknowledgement.created.text)
    add(root, "responseModeCode", code="D")
    add(root, "interactionId", extension=codes.ACKNOWLEDGEMENT, root=codes.INTERACTIONS)
    for message in acknowledgement.messages:
        _message(root, message)
    _device(root, "receiver", acknowledgement.receiver, "18")
    _device(root, "sender", acknowledgement.sender, "17")
    if acknowledgement.local_number is not None:
        line = add(root, "attentionLine")
        code(line, codes.LOCAL_NUMBER, "keyWordText")
        typed(line, "II", extension=acknowledgement.local_number, root=f"{_SPACE}21")
    _time(root, codes.BATCH_TRANSMITTED, acknowledgement.transmitted)
    answer = add(root, "acknowledgement", typeCode=acknowledgement.verdict.value)
    add(add(answer, "targetBatch"), "id", extension=acknowledgement.batch, root=codes.BATCH_NUMBER)
    _reasons(answer, acknowledgement.reasons)
    return as_bytes(root)


def _message(root: Element, message: MessageAcknowledgement) -> None:
    made = add(root, codes.ACKNOWLEDGED_MESSAGE)
    add(made, "id", extension=message.local_number, root=f"{_SPACE}19")
    add(made, "interactionId", extension=codes.ACKNOWLEDGED_MESSAGE, root=codes.INTERACTIONS)
    _device(made, "receiver", message.receiver, "16")
    _device(made, "sender", message.sender, "15")
    _time(made, codes.MESSAGE_CREATED, message.created)
    answer = add(made, "acknowledgement", typeCode=message.verdict.value)
    add(add(answer, "targetMessage"), "id", extension=message.identifier, root=codes.REPORT_ID)
    _reasons(answer, message.reasons)


def _device(parent: Element, tag: str, name: str | None, space: str) -> None:
    if name is not None:
        add(add(add(parent, tag), "device"), "id", extension=name, root=_SPACE + space)


def _time(parent: Element, what: codes.Code, when: Moment | None) -> None:
    if when is not None:
        line = add(parent, "attentionLine")
        code(line, what, "keyWordText")
        typed(line, "TS", value=when.text)


def _reasons(answer: Element, reasons: tuple[str, ...]) -> None:
    for reason in reasons:
        add(add(answer, "acknowledgementDetail"), "text").text = reason
