import email.message
import gzip
import importlib
import io
import zlib
from collections.abc import Callable

import pytest
import urllib3
from backports import zstd

from deploy.embedded.body import BadBodyError, decompress, form_fields, read_body


def headers(**given: str) -> email.message.Message:
    message = email.message.Message()
    for name, value in given.items():
        message[name.replace("_", "-")] = value
    return message


def test_a_body_is_read_to_its_length_and_no_further() -> None:
    stream = io.BytesIO(b"x" * 3_000_000 + b"GET / HTTP/1.1")
    body = b"".join(read_body(stream, headers(Content_Length="3000000")))
    assert body == b"x" * 3_000_000
    assert stream.read() == b"GET / HTTP/1.1"


def test_chunks_are_joined_and_their_trailers_read() -> None:
    stream = io.BytesIO(b"5\r\nhello\r\n6;name=value\r\n\r\nwide\r\n0\r\nTrailer: x\r\n\r\nnext")
    assert b"".join(read_body(stream, headers(Transfer_Encoding="chunked"))) == b"hello\r\nwide"
    assert stream.read() == b"next"


@pytest.mark.parametrize(
    ("sent", "head"), [(b"abc", {"Content_Length": "4"}), (b"5\r\nabc", {"Transfer_Encoding": "chunked"})]
)
def test_a_client_that_hangs_up_within_the_body_is_noticed(sent: bytes, head: dict[str, str]) -> None:
    with pytest.raises(ConnectionError):
        list(read_body(io.BytesIO(sent), headers(**head)))


def test_a_chunk_without_a_length_is_refused() -> None:
    with pytest.raises(BadBodyError, match="length"):
        list(read_body(io.BytesIO(b"hello\r\n"), headers(Transfer_Encoding="chunked")))


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": importlib.import_module("lz4.frame").compress,
    "zstd": zstd.compress,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}


@pytest.mark.parametrize("encoding", COMPRESSORS)
def test_several_frames_in_pieces_of_any_size_are_one_body(encoding: str) -> None:
    compress = COMPRESSORS[encoding]
    sent = compress(b"first" * 1000) + compress(b"second" * 1000)
    pieces = [sent[at : at + 7] for at in range(0, len(sent), 7)]
    assert b"".join(decompress(pieces, encoding)) == b"first" * 1000 + b"second" * 1000
    assert b"".join(decompress([sent], encoding)) == b"first" * 1000 + b"second" * 1000


@pytest.mark.parametrize("encoding", COMPRESSORS)
def test_a_body_that_ends_within_a_frame_is_refused(encoding: str) -> None:
    sent = COMPRESSORS[encoding](bytes(range(256)) * 100)
    with pytest.raises(BadBodyError, match=encoding):
        list(decompress([sent[:-3]], encoding))


@pytest.mark.parametrize("encoding", COMPRESSORS)
def test_a_damaged_body_is_refused(encoding: str) -> None:
    with pytest.raises(BadBodyError, match=encoding):
        list(decompress([b"this is not compressed at all"], encoding))


def test_an_unknown_encoding_is_refused_by_name() -> None:
    with pytest.raises(BadBodyError, match="br"):
        list(decompress([b"x"], "br"))


def test_form_fields_come_through_unchanged() -> None:
    query = "SELECT '\r\n', '--x', 'å'\n FORMAT Native".encode()
    body, content_type = urllib3.encode_multipart_formdata({"query": query, "param_x": "a\nb\tå", "empty": ""})
    assert form_fields(content_type, body) == {"query": query, "param_x": "a\nb\tå".encode(), "empty": b""}


def test_external_data_is_refused_by_name() -> None:
    body, content_type = urllib3.encode_multipart_formdata({"ids": ("ids.csv", b"1\n2\n", "text/csv")})
    with pytest.raises(BadBodyError, match="external data"):
        form_fields(content_type, body)
