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
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from personnummer.personnummer import Personnummer, PersonnummerException

if TYPE_CHECKING:
    from pathlib import Path

IdentityKind = Literal["personal_identity_number", "opaque"]

PSEUDONYM = re.compile(r"[a-z0-9]{1,12}-[a-z2-7]{26}")
_NUMBER = re.compile(r"(?:18|19|20)?[0-9]{6}[-+]?[0-9JKLMNRSTUWX][0-9]{3}")
_SEPARATOR = "[-+ \u00a0\u2010-\u2015\u2212]"  # what people and word processors put before the last four
_HIDDEN = re.compile(
    rf"(?<![0-9])(?:18|19|20)?[0-9]{{2}}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01]|[678][0-9]|9[01]){_SEPARATOR}?"
    r"[0-9JKLMNRSTUWXjklmnrstuwx][0-9]{3}(?![0-9])"
)
_SHORTEST = 10
_KEY_ID = re.compile(r"[a-z0-9]{1,12}")
_SECRET_BYTES = 32
_KEY_LINE = re.compile(rf"(?P<id>{_KEY_ID.pattern}):(?P<secret>[0-9a-f]{{{2 * _SECRET_BYTES}}})")


def normal_form(number: str) -> str:
    """The twelve characters (YYYYMMDDNNNN) of a personal identity, coordination or interim number.

    A number without its century is read by today's date, as the law reads it (its ``+`` marks those
    who turn 100 this year or have done so). Where that gives a birth after today, it is refused: it is
    somebody of nearly 100 whose ``+`` was left out, and only the century can tell.

    Raises:
        ValueError: it is none of them; the message never repeats the number.
    """
    parsed, normal = _parsed(number.strip().replace(" ", "").upper())
    if parsed.get_date() > (datetime.now(UTC) + timedelta(days=1)).date():  # a day: Sweden is ahead of UTC
        raise ValueError("the birth lies after today: write the number with its century")
    return normal


def hides_identity_number(text: str) -> bool:
    """Whether a valid personal identity, coordination or interim number stands somewhere in the text.

    Short or long, with hyphen, plus, dash, blank or nothing before the last four. A number of another
    kind that looks like one in every respect, check digit included, counts as one: it cannot be told apart.
    """
    return len(text) >= _SHORTEST and any(_is_number(found) for found in _HIDDEN.findall(text))


def _is_number(text: str) -> bool:
    try:
        _parsed(re.sub("[^0-9A-Z+]", "", text.upper()))
    except ValueError:
        return False
    return True


def _parsed(text: str) -> tuple[Personnummer, str]:
    """The number read, and its normal form; ValueError where it is none."""
    interim = text[-4:-3].isalpha()
    try:
        # The check digit of an interim number counts its letter as a 1.
        parsed = Personnummer(f"{text[:-4]}1{text[-3:]}" if interim else text) if _NUMBER.fullmatch(text) else None
    except (PersonnummerException, ValueError):
        parsed = None
    if parsed is None:
        raise ValueError("not a valid personal identity or coordination number")
    normal = str(parsed.format(long_format=True))
    return parsed, f"{normal[:8]}{text[-4:]}" if interim else normal


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """A registry's secret for making pseudonyms, and the id that stands in each of them."""

    id: str
    secret: bytes

    def __post_init__(self) -> None:
        """Refuse what could not be written to a key file and read back.

        Raises:
            ValueError: the id or the length of the secret is wrong.
        """
        if _KEY_ID.fullmatch(self.id) is None or len(self.secret) != _SECRET_BYTES:
            raise ValueError(f"a pseudonym key has an id of 1 to 12 of a-z and 0-9, and {_SECRET_BYTES} secret bytes")

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
    return PseudonymKey(key_id, secrets.token_bytes(_SECRET_BYTES))


def read_key(path: Path) -> PseudonymKey:
    """Read a key file: one line ``<key id>:<64 hexadecimal digits>``.

    Raises:
        ValueError: the file is not there or holds something else; the message names the file only.
    """
    try:
        line = path.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise ValueError(f"no pseudonym key at {path}: make one with `guldadra keys create`") from error
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError:
        line = ""  # the error would carry what it read
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
