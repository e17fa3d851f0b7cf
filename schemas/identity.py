"""Who a person is, and how nobody needs to know: identity numbers become keyed pseudonyms.

The key is the controller's. It is used where registrations are published, never at a clinic, and its
id stands in every pseudonym so that a key can be followed by another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from personnummer.personnummer import Personnummer, PersonnummerException

if TYPE_CHECKING:
    from pathlib import Path

IdentityKind = Literal["personal_identity_number", "opaque"]

PSEUDONYM = re.compile(r"[a-z0-9]{1,12}-[a-z2-7]{26}")
_INTERIM = re.compile(r"(?P<date>[0-9]{6,8}[-+]?)[A-Z](?P<rest>[0-9]{3})")
_HIDDEN = re.compile(
    r"(?<![0-9])(?:(?:18|19|20)[0-9]{2}|[0-9]{2})(?:0[1-9]|1[0-2])[0-9]{2}[-+ ]?[0-9]{4}(?![0-9])"
)
_KEY_LINE = re.compile(r"(?P<id>[a-z0-9]{1,12}):(?P<secret>[0-9a-f]{64})")


def normal_form(number: str) -> str:
    """The twelve characters (YYYYMMDDNNNN) of a personal identity, coordination or interim number.

    A number without its century is read by today's date, as the law reads it (its ``+`` marks those
    who have turned 100).

    Raises:
        ValueError: it is none of them; the message never repeats the number.
    """
    text = number.strip().replace(" ", "").upper()
    interim = _INTERIM.fullmatch(text)
    try:
        # The check digit of an interim number counts its letter as a 1.
        parsed = Personnummer(f"{interim['date']}1{interim['rest']}" if interim else text)
    except (PersonnummerException, ValueError):
        raise ValueError("not a valid personal identity or coordination number") from None
    normal = str(parsed.format(long_format=True))
    return f"{normal[:8]}{text[-4:]}" if interim else normal


def hides_identity_number(text: str) -> bool:
    """Whether a valid personal identity or coordination number stands somewhere in the text."""
    return any(_is_number(found.replace(" ", "")) for found in _HIDDEN.findall(text))


def _is_number(text: str) -> bool:
    try:
        normal_form(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """A registry's secret for making pseudonyms, and the id that stands in each of them."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        """Never show the secret."""
        return f"PseudonymKey(id={self.id!r})"

    def pseudonym(self, identity: str, kind: IdentityKind = "personal_identity_number") -> str:
        """HMAC-SHA-256 of the identity, cut to 128 bits: ``<key id>-<26 characters of base32>``.

        128 bits keep ten million people apart with a chance of collision below 1e-24.

        Raises:
            ValueError: an empty identity, or an identity number that is not valid.
        """
        if not identity.strip():
            raise ValueError("there is no identity")
        known = normal_form(identity) if kind == "personal_identity_number" else identity
        digest = hmac.new(self.secret, f"{kind}:{known}".encode(), hashlib.sha256).digest()
        return f"{self.id}-{base64.b32encode(digest[:16]).decode().rstrip('=').lower()}"


def new_key(key_id: str = "k1") -> PseudonymKey:
    """A fresh random key."""
    return PseudonymKey(key_id, secrets.token_bytes(32))


def read_key(path: Path) -> PseudonymKey:
    """Read a key file: one line ``<key id>:<64 hexadecimal digits>``.

    Raises:
        ValueError: the file is not there or holds something else; the message names the file only.
    """
    try:
        line = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"no pseudonym key at {path}: make one with `guldadra keys create`") from error
    match = _KEY_LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"{path} is not a pseudonym key: one line, <key id>:<64 hexadecimal digits>")
    return PseudonymKey(match["id"], bytes.fromhex(match["secret"]))


def write_key(key: PseudonymKey, path: Path) -> None:
    """Write a key file that only its owner can read; never over another.

    Raises:
        FileExistsError: there is a file already.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(f"{key.id}:{key.secret.hex()}\n", encoding="ascii")
