"""What an HTTP request carries: chunked and compressed bodies, multipart forms."""

import email.parser
import email.policy
import importlib
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from email.message import EmailMessage, Message
from typing import Any, BinaryIO, cast

READ_BYTES = 1 << 20


class BadBodyError(ValueError):
    """The body is not what its headers say."""


def read_body(stream: BinaryIO, headers: Message) -> Iterator[bytes]:
    """Read the request's body piece by piece, by its length or its chunks.

    Raises:
        ConnectionError: The client hung up before the end.
        BadBodyError: A chunk has no valid length.
    """
    if "chunked" not in headers.get("Transfer-Encoding", "").lower():
        yield from _exactly(stream, int(headers.get("Content-Length") or 0))
        return
    while size := _chunk_size(stream.readline()):
        yield from _exactly(stream, size)
        stream.readline()
    while stream.readline().strip():  # trailers, up to the empty line
        pass


def _exactly(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0:
        piece = stream.read(min(size, READ_BYTES))
        if not piece:
            raise ConnectionError("the client hung up within the body")
        size -= len(piece)
        yield piece


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.split(b";")[0], 16)
    except ValueError:
        raise BadBodyError("a chunk of the body does not begin with its length") from None


def decompress(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Undo a Content-Encoding: lz4, zstd, gzip or deflate, each possibly as several frames in a row.

    Raises:
        BadBodyError: Another encoding, damaged data, or an end within a frame.
    """
    if encoding in {"", "identity"}:
        yield from pieces
        return
    if encoding not in _DECODERS:
        raise BadBodyError(f"unknown Content-Encoding {encoding}: send one of {', '.join(_DECODERS)}")
    decoder: Any = None
    for piece in pieces:
        rest = piece
        while rest:
            if decoder is None:
                decoder = _DECODERS[encoding]()
            try:
                plain = decoder.decompress(rest)
            except Exception as error:
                raise BadBodyError(f"the body is not valid {encoding}: {error}") from error
            rest = b""
            if decoder.eof:
                rest, decoder = decoder.unused_data, None
            if plain:
                yield plain
    if decoder is not None:
        raise BadBodyError(f"the body ends within a {encoding} frame")


def _lz4() -> Any:  # noqa: ANN401  the four libraries share an interface but no type
    return importlib.import_module("lz4.frame").LZ4FrameDecompressor()


def _zstd() -> Any:  # noqa: ANN401  as above
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    return importlib.import_module(name).ZstdDecompressor()


def _zlib() -> Any:  # noqa: ANN401  as above
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: gzip or deflate, whichever the head says


_DECODERS: dict[str, Callable[[], Any]] = {"lz4": _lz4, "zstd": _zstd, "gzip": _zlib, "deflate": _zlib}


def form_fields(content_type: str, body: bytes) -> dict[str, bytes]:
    """The fields of a multipart form by name.

    Raises:
        BadBodyError: A part carries a file (external data for a query is not supported) or has no name.
    """
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    fields: dict[str, bytes] = {}
    for part in cast("Iterator[EmailMessage]", form.iter_parts()):
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            raise BadBodyError("external data for a query is not supported by the embedded database")
        if not isinstance(name, str):
            raise BadBodyError("a part of the form has no name")
        content = part.get_payload(decode=True)
        fields[name] = content if isinstance(content, bytes) else b""
    return fields
