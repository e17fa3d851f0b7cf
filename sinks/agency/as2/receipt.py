"""A receipt (MDN, RFC 8098 and RFC 4130, section 7): what was received, and as which bytes, signed by whoever did."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, NamedTuple

from sinks.agency.as2.entity import Entity, entity, multipart, parsed, parts_of
from sinks.agency.as2.errors import RefusedMessageError
from sinks.agency.as2.message import Posted, digest_named, mic_of, quoted, signed, unquoted, verified

if TYPE_CHECKING:
    from datetime import datetime

    from sinks.agency.as2.ends import OwnEnd, Partner
    from sinks.agency.gateway import Outgoing

RECEIVED = "processed"
_DUPLICATE = "duplicate"


class Receipt(NamedTuple):
    """What a partner says of a message, over its signature.

    Attributes:
        message_id: of the message on the way, as the receipt has it.
        disposition: what became of it, such as ``processed`` or ``processed/error: decryption-failed``.
        mic: the digest of what arrived (base64), where it is told.
        digest: the digest's name, as the receipt has it.
    """

    message_id: str
    disposition: str
    mic: str | None
    digest: str | None

    @property
    def accepted(self) -> bool:
        """Whether the partner has the message, be it that it had it before."""
        kind, _, modifier = self.disposition.partition(":")
        outcome, _, grade = kind.strip().lower().partition("/")
        if outcome == RECEIVED and not grade:
            return True
        return outcome == RECEIVED and _DUPLICATE in modifier.lower()

    def is_of(self, message: Outgoing) -> bool:
        """Whether what arrived is what was sent; of a message that the partner had before it may say nothing."""
        if self.mic is None:
            return self.disposition.strip().lower() != RECEIVED
        name = digest_named(self.digest or "")
        return name is not None and hmac.compare_digest(self.mic.encode(), mic_of(message, name).encode())


def is_receipt(whole: Entity) -> bool:
    """Whether an entity is a receipt, signed or not, and no message."""
    if whole.kind == "multipart/report":
        return True
    if whole.kind != "multipart/signed":
        return False
    parts = parts_of(whole)
    return bool(parts) and parsed(parts[0]).kind == "multipart/report"


def read_receipt(whole: Entity, partner: Partner, now: datetime) -> Receipt:
    """A partner's receipt; one that it has not signed is none.

    Raises:
        RefusedMessageError: it is not signed by the partner, or says not what became of which message.
    """
    report, _ = verified(whole, partner.signs_with, now)
    for part in parts_of(parsed(report)):
        one = parsed(part)
        if one.kind == "message/disposition-notification":
            fields = parsed(one.content.strip() + b"\r\n\r\n").headers
            message_id = fields.get("original-message-id", "")
            disposition = fields.get("disposition", "").rpartition(";")[2].strip()
            mic, _, digest = fields.get("received-content-mic", "").partition(",")
            if not message_id or not disposition:
                break
            return Receipt(message_id, disposition, mic.strip() or None, digest.strip() or None)
    raise RefusedMessageError("unsupported format", "the receipt does not say what became of which message")


def receipt_of(received: Entity, end: OwnEnd, disposition: str, mic: tuple[str, str] | None, message_id: str) -> Posted:
    """Our signed receipt of a message.

    Args:
        received: the message as it came.
        end: ours.
        disposition: what became of it.
        mic: digest of what arrived (base64) and the digest's name; None where it could not be read.
        message_id: of the receipt itself.
    """
    told = [
        ("Reporting-UA", "guldadra"),
        ("Original-Recipient", f"rfc822; {end.name}"),
        ("Final-Recipient", f"rfc822; {end.name}"),
        ("Original-Message-ID", received.headers.get("message-id", "")),
        ("Disposition", f"automatic-action/MDN-sent-automatically; {disposition}"),
    ]
    if mic is not None:
        told.append(("Received-Content-MIC", f"{mic[0]}, {mic[1]}"))
    words = f"The message was received: {disposition}. This is no answer to what it says.\r\n"
    for_people = entity((("Content-Type", "text/plain; charset=us-ascii"),), words.encode("ascii"))
    for_machines = entity((("Content-Type", "message/disposition-notification"),), entity(told, b""))
    boundary, body = multipart((for_people, for_machines))
    kind = f'multipart/report; report-type=disposition-notification; boundary="{boundary}"'
    outer, whole = signed(entity((("Content-Type", kind),), body), end)
    headers = {
        "AS2-Version": "1.0",
        "AS2-From": quoted(end.name),
        "AS2-To": quoted(unquoted(received.headers.get("as2-from"))),
        "Message-ID": f"<{message_id}@{end.domain}>",
        "Content-Type": outer,
    }
    return Posted(headers, whole)
