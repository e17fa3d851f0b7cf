"""The two ends of an exchange: ours, with its key, and a partner's, with the certificates that it is known by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

if TYPE_CHECKING:
    from datetime import datetime

_NAME = re.compile(r"[!#-\[\]-~](?:[ !#-\[\]-~]{0,126}[!#-\[\]-~])?")
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,98}[A-Za-z0-9])?")


def checked_name(name: str) -> str:
    """An AS2 name: 1 to 128 printable characters of ASCII without quotation marks and backslashes.

    Raises:
        ValueError: it is none.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("an AS2 name has 1 to 128 printable characters of ASCII, none a quotation mark or backslash")
    return name


@dataclass(frozen=True, slots=True)
class OwnEnd:
    """Ours.

    Attributes:
        name: by which partners know us.
        domain: what our messages' ids end with, behind the @.
        key: which signs what we send and opens what we are sent.
        certificate: its, as partners have it.

    Raises:
        ValueError: the name or domain is none, or the certificate is another key's.
    """

    name: str
    domain: str
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    def __post_init__(self) -> None:
        checked_name(self.name)
        if not _DOMAIN.fullmatch(self.domain):
            raise ValueError("the domain of our message ids is none")
        if self.certificate.public_key() != self.key.public_key():
            raise ValueError("the certificate is of another key than ours")


@dataclass(frozen=True, slots=True)
class Partner:
    """The other.

    Attributes:
        name: by which we know it.
        url: where it takes messages.
        signs_with: its certificates, each pinned; several while it changes from one to the next.
        opens_with: the certificate that messages to it are encrypted for.
        receipts: whether it answers on the same connection, or later.
        receipt_url: where it is to post late receipts: an address of ours.
        posts_receipts_to: an address of its own for our late receipts; another that a message names is not served.

    Raises:
        ValueError: a name, certificate or address is missing or is none.
    """

    name: str
    url: str
    signs_with: tuple[x509.Certificate, ...]
    opens_with: x509.Certificate
    receipts: Literal["sync", "async"] = "sync"
    receipt_url: str | None = None
    posts_receipts_to: str | None = None

    def __post_init__(self) -> None:
        checked_name(self.name)
        if not self.signs_with:
            raise ValueError(f"no certificate is known that {self.name} signs with")
        for one in (*self.signs_with, self.opens_with):
            if not isinstance(one.public_key(), rsa.RSAPublicKey):
                raise ValueError(f"a certificate of {self.name} is not of an RSA key")  # noqa: TRY004 - of its contents
        if self.receipts == "async" and not self.receipt_url:
            raise ValueError(f"{self.name} answers later, and no address of ours is given for it")


def is_in_force(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether a moment, aware of its zone, lies within a certificate's time."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def own_end_of(name: str, domain: str, key: bytes, password: bytes | None, certificate: bytes) -> OwnEnd:
    """Our end with a key and certificate as files have them (PEM).

    Raises:
        ValueError: the key is no RSA key, the password is not its, or as of ``OwnEnd``.
    """
    try:
        found = load_pem_private_key(key, password)
    except TypeError as error:  # a password where there is none, or none where there is one
        raise ValueError(str(error)) from error
    if not isinstance(found, rsa.RSAPrivateKey):
        raise ValueError("our key is no RSA key")  # noqa: TRY004 - of its contents
    return OwnEnd(name, domain, found, x509.load_pem_x509_certificate(certificate))


def certificates_of(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates that a file has (PEM), in its order.

    Raises:
        ValueError: it has none.
    """
    return tuple(x509.load_pem_x509_certificates(pem))
