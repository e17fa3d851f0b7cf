"""What an agency answers (MCCI_IN200101UV01), as a typed result, with the numbers of ICH's elements of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from sinks.agency.icsr import codes
from sinks.agency.icsr.leaves import child, children
from sinks.agency.icsr.parsing import RefusedXMLError, parse
from sinks.agency.icsr.values import Moment

if TYPE_CHECKING:
    from lxml.etree import _Element


class BatchVerdict(Enum):
    """ACK.A.4."""

    AA = "AA"
    """Every report is loaded."""
    AE = "AE"
    """Some reports have errors: see each message."""
    AR = "AR"
    """The batch could not be read: send all of it again, corrected."""


class MessageVerdict(Enum):
    """ACK.B.r.6."""

    CA = "CA"
    """The report is loaded."""
    CR = "CR"
    """The report is not loaded: send it again, corrected."""


@dataclass(frozen=True, slots=True)
class MessageAcknowledgement:
    """ACK.B.r: what became of a message.

    Attributes:
        identifier: the message's own (N.2.r.1), ACK.B.r.1.
        local_number: what the receiver calls the report, ACK.B.r.2.
        receiver: of the acknowledgement, ACK.B.r.3.
        sender: of the acknowledgement, ACK.B.r.4.
        created: when the message was (N.2.r.4), ACK.B.r.5.
        reasons: errors, warnings and comments, ACK.B.r.7.
    """

    identifier: str
    verdict: MessageVerdict
    local_number: str | None = None
    receiver: str | None = None
    sender: str | None = None
    created: Moment | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """ACK.M and ACK.A: what became of a batch.

    Attributes:
        batch: the batch's number (N.1.2), ACK.A.1.
        number: of the acknowledgement, ACK.M.1.
        sender: ACK.M.2.
        receiver: ACK.M.3.
        created: ACK.M.4.
        local_number: what the receiver calls the batch, ACK.A.2.
        transmitted: when the batch was (N.1.5), ACK.A.3.
        reasons: ACK.A.5.
    """

    batch: str
    verdict: BatchVerdict
    messages: tuple[MessageAcknowledgement, ...] = ()
    number: str | None = None
    sender: str | None = None
    receiver: str | None = None
    created: Moment | None = None
    local_number: str | None = None
    transmitted: Moment | None = None
    reasons: tuple[str, ...] = ()


def read_acknowledgement(data: bytes) -> Acknowledgement:
    """An acknowledgement from its XML.

    Raises:
        RefusedXMLError: it is none, or not safe to read, or does not say which batch or message it is of, or what
            became of it.
    """
    root = parse(data, codes.ACKNOWLEDGEMENT)
    answer = child(root, "acknowledgement")
    return Acknowledgement(
        batch=_known(_extension(child(answer, "targetBatch", "id")), "which batch it is of (ACK.A.1)"),
        verdict=_verdict(answer, BatchVerdict, "ACK.A.4"),
        messages=tuple(map(_message, children(root, codes.ACKNOWLEDGED_MESSAGE))),
        number=_extension(child(root, "id")),
        sender=_extension(child(root, "sender", "device", "id")),
        receiver=_extension(child(root, "receiver", "device", "id")),
        created=_moment(child(root, "creationTime")),
        local_number=_extension(_attention(root, codes.LOCAL_NUMBER)),
        transmitted=_moment(_attention(root, codes.BATCH_TRANSMITTED)),
        reasons=_reasons(answer),
    )


def _message(node: _Element) -> MessageAcknowledgement:
    answer = child(node, "acknowledgement")
    return MessageAcknowledgement(
        identifier=_known(_extension(child(answer, "targetMessage", "id")), "which message it is of (ACK.B.r.1)"),
        verdict=_verdict(answer, MessageVerdict, "ACK.B.r.6"),
        local_number=_extension(child(node, "id")),
        receiver=_extension(child(node, "receiver", "device", "id")),
        sender=_extension(child(node, "sender", "device", "id")),
        created=_moment(_attention(node, codes.MESSAGE_CREATED)),
        reasons=_reasons(answer),
    )


_Verdict = TypeVar("_Verdict", BatchVerdict, MessageVerdict)


def _verdict(answer: _Element | None, verdicts: type[_Verdict], element: str) -> _Verdict:
    said = None if answer is None else answer.get("typeCode")
    if said not in verdicts.__members__:
        raise RefusedXMLError(f"does not say {', '.join(verdicts.__members__)} ({element})")
    return verdicts(said)


def _known(value: str | None, what: str) -> str:
    if value is None:
        raise RefusedXMLError(f"does not say {what}")
    return value


def _extension(node: _Element | None) -> str | None:
    return None if node is None else node.get("extension") or None


def _moment(node: _Element | None) -> Moment | None:
    """A time that cannot be read says no less of the verdict."""
    try:
        return None if node is None else Moment(node.get("value", ""))
    except ValueError:
        return None


def _attention(node: _Element, what: codes.Code) -> _Element | None:
    for line in children(node, "attentionLine"):
        key = child(line, "keyWordText")
        if key is not None and (key.get("code"), key.get("codeSystem")) == (what.code, what.system):
            return child(line, "value")
    return None


def _reasons(answer: _Element | None) -> tuple[str, ...]:
    texts = ("".join(map(str, text.itertext())).strip() for text in children(answer, "acknowledgementDetail", "text"))
    return tuple(text for text in texts if text)
