"""A message on its way: signed, then encrypted, under an id of ours; and opened at the other end."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple

from sinks.agency.as2.cms import DIGESTS, decrypt, digest_of, encrypt, sign, verify
from sinks.agency.as2.entity import Entity, entity, multipart, parsed, parts_of
from sinks.agency.as2.errors import RefusedMessageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cryptography import x509

    from sinks.agency.as2.ends import OwnEnd, Partner
    from sinks.agency.gateway import Outgoing

_SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature")
_ENVELOPES = ("application/pkcs7-mime", "application/x-pkcs7-mime")


class Posted(NamedTuple):
    """What is posted."""

    headers: Mapping[str, str]
    body: bytes


class Opened(NamedTuple):
    """What a message held.

    Attributes:
        content: as it was signed.
        content_type: what its sender says that it is.
        mic: the digest by which our receipt says what arrived (base64), and the digest's name.
    """

    content: bytes
    content_type: str
    mic: tuple[str, str]


def quoted(name: str) -> str:
    """An AS2 name as headers have it."""
    return f'"{name}"' if " " in name else name


def unquoted(text: str | None) -> str:
    """The name that a header has."""
    return (text or "").strip().removeprefix('"').removesuffix('"')


def header_id(message_id: str, end: OwnEnd) -> str:
    """The id that a message of ours has on the way: the same for the same message."""
    return f"<{message_id}@{end.domain}>"


def own_id(text: str, end: OwnEnd) -> str | None:
    """The message that an id on the way names; None where it is none of ours."""
    local, _, domain = text.strip().removeprefix("<").removesuffix(">").rpartition("@")
    return local if local and domain == end.domain else None


def signed_part(message: Outgoing) -> bytes:
    """What is signed of a message, and what its receipt's digest is of (RFC 4130, section 7.3.1)."""
    described = (
        ("Content-Type", message.content_type),
        ("Content-Transfer-Encoding", "binary"),
        ("Content-Disposition", f'attachment; filename="{message.message_id}"'),
    )
    return entity(described, message.content)


def mic_of(message: Outgoing, digest: str) -> str:
    """The digest that a receipt of a message must have, by one of ``DIGESTS``, in base64."""
    return base64.b64encode(digest_of(signed_part(message), digest)).decode()


def posted(message: Outgoing, end: OwnEnd, partner: Partner, date: str) -> Posted:
    """A message signed by us, encrypted for a partner, which is asked for a signed receipt.

    Args:
        message: under its own id.
        end: ours.
        partner: who gets it.
        date: of posting, as RFC 5322 has it.
    """
    headers = {
        "AS2-Version": "1.0",
        "AS2-From": quoted(end.name),
        "AS2-To": quoted(partner.name),
        "Message-ID": header_id(message.message_id, end),
        "Subject": message.message_id,
        "Date": date,
        "Content-Type": 'application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"',
        "Content-Transfer-Encoding": "binary",
        "Content-Disposition": 'attachment; filename="smime.p7m"',
        "Disposition-Notification-To": quoted(end.name),
        "Disposition-Notification-Options": (
            "signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, sha256"
        ),
    }
    if partner.receipts == "async" and partner.receipt_url:
        headers["Receipt-Delivery-Option"] = partner.receipt_url
    kind, body = signed(signed_part(message), end)
    return Posted(headers, encrypt(entity((("Content-Type", kind),), body), partner.opens_with))


def signed(part: bytes, end: OwnEnd) -> tuple[str, bytes]:
    """(content type, body) of an entity's bytes with our signature of them."""
    signature = entity(
        (
            ("Content-Type", 'application/pkcs7-signature; name="smime.p7s"'),
            ("Content-Transfer-Encoding", "base64"),
            ("Content-Disposition", 'attachment; filename="smime.p7s"'),
        ),
        base64.encodebytes(sign(part, end)).replace(b"\n", b"\r\n").rstrip(),
    )
    boundary, body = multipart((part, signature))
    kind = f'multipart/signed; protocol="application/pkcs7-signature"; micalg=sha256; boundary="{boundary}"'
    return kind, body


def verified(whole: Entity, certificates: Sequence[x509.Certificate], now: datetime) -> tuple[bytes, str]:
    """(the bytes that are signed, name of the digest) of a signed entity.

    Raises:
        RefusedMessageError: it is not signed by whoever has one of the certificates.
    """
    if whole.kind != "multipart/signed":
        raise RefusedMessageError("insufficient-message-security", "the message is not signed")
    parts = parts_of(whole)
    if len(parts) != 2:  # noqa: PLR2004 - RFC 1847: what is signed, and the signature
        raise RefusedMessageError("unsupported format", "what is signed does not have two parts")
    signature = parsed(parts[1])
    if signature.kind not in _SIGNATURES:
        raise RefusedMessageError("unsupported format", "the second part is no signature")
    return parts[0], verify(parts[0], signature.content, certificates, now)


def opened(whole: Entity, end: OwnEnd, partner: Partner, now: datetime) -> Opened:
    """What a partner's message to us holds; what is not encrypted and signed is not taken.

    Whether it could not be decrypted or was not signed is not told apart to whoever sent it: nobody has proved to be
    the partner yet, and answers that differ by what our key makes of changed bytes would tell what an envelope holds.

    Raises:
        RefusedMessageError: for the reason that it names; its text says which, for our own logs.
    """
    if whole.kind not in _ENVELOPES or whole.parameter("smime-type") != "enveloped-data":
        raise RefusedMessageError("insufficient-message-security", "the message is not encrypted")
    envelope = whole.content
    try:
        part, digest = verified(parsed(decrypt(envelope, end)), partner.signs_with, now)
    except RefusedMessageError as error:
        raise RefusedMessageError("authentication-failed", str(error)) from error
    held = parsed(part)
    if held.kind in _ENVELOPES:
        raise RefusedMessageError("unsupported format", "the content is compressed, or encrypted once more")
    mic = base64.b64encode(digest_of(part, digest)).decode()
    return Opened(held.content, held.kind, (mic, digest))


def digest_named(text: str) -> str | None:
    """One of ``DIGESTS`` by any of the ways in which it is written; None for others."""
    name = text.strip().lower().replace("-", "")
    return name if name in DIGESTS else None
