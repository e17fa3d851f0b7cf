"""MIME entities as the bytes that they are: what is signed may not change by a space."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from email.message import Message
from typing import TYPE_CHECKING, NamedTuple

from sinks.agency.as2.errors import RefusedMessageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LINE_ENDS = re.compile(rb"\r?\n\r?\n")
_MOST_HEADERS = 32 << 10  # bytes


class Entity(NamedTuple):
    """Headers by their names in small letters, and what follows them, as it came."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """Its content type, in small letters, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def parameter(self, name: str) -> str | None:
        """A parameter of its content type."""
        holder = Message()
        holder["content-type"] = self.headers.get("content-type", "")
        found = holder.get_param(name)
        return found if isinstance(found, str) else None

    @property
    def content(self) -> bytes:
        """Its body, out of the encoding for transfer.

        Raises:
            RefusedMessageError: that cannot be.
        """
        encoding = self.headers.get("content-transfer-encoding", "binary").strip().lower()
        if encoding in ("binary", "8bit", "7bit"):
            return self.body
        if encoding != "base64":
            raise RefusedMessageError("unsupported format", "the encoding for transfer is none that is taken")
        try:
            return base64.b64decode(b"".join(self.body.split()), validate=True)
        except binascii.Error as error:
            raise RefusedMessageError("unsupported format", "what should be base64 is not") from error


def parsed(raw: bytes) -> Entity:
    """An entity of its bytes; without an empty line all of it is headers."""
    end = _LINE_ENDS.search(raw)
    head, body = (raw, b"") if end is None else (raw[: end.start()], raw[end.end() :])
    if raw.startswith((b"\r\n", b"\n")):
        head, body = b"", raw.split(b"\n", 1)[1]
    if len(head) > _MOST_HEADERS:
        raise RefusedMessageError("unsupported format", "the headers are too long")
    headers: dict[str, str] = {}
    for line in re.sub(rb"\r?\n[ \t]+", b" ", head).splitlines():
        name, _, value = line.partition(b":")
        headers.setdefault(name.decode("latin-1").strip().lower(), value.decode("latin-1").strip())
    return Entity(headers, body)


def entity(headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """An entity's bytes, its headers in their order."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("ascii") + b"\r\n" + body


def multipart(parts: Iterable[bytes]) -> tuple[str, bytes]:
    """(boundary, body) of some entities' bytes; the boundary comes of the parts, so the same again is the same."""
    all_parts = list(parts)
    boundary = "part-" + hashlib.sha256(b"\0".join(all_parts)).hexdigest()[:40]
    line = f"--{boundary}".encode("ascii")
    return boundary, b"".join(line + b"\r\n" + part + b"\r\n" for part in all_parts) + line + b"--\r\n"


def parts_of(whole: Entity) -> list[bytes]:
    """The bytes of an entity's parts, each without the line end that belongs to the boundary behind it.

    Raises:
        RefusedMessageError: it has no parts, or does not end.
    """
    boundary = whole.parameter("boundary")
    if not boundary or len(boundary) > 70:  # noqa: PLR2004 - RFC 2046
        raise RefusedMessageError("unsupported format", "the parts have no boundary")
    mark = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode("latin-1")) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    parts: list[bytes] = []
    start: int | None = None
    for found in mark.finditer(whole.body):
        if start is not None:
            parts.append(re.sub(rb"\A\r?\n", b"", whole.body[start : found.start()], count=1))
        start = found.end()
        if found[1]:
            return parts
    raise RefusedMessageError("unsupported format", "the parts do not end")
