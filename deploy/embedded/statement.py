"""What the server must know of a statement before it runs: where an INSERT's data begins, and what comes out.

ClickHouse's own parser judges every statement afterwards; this reads no more than words, quotes and brackets.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    rb"""(?P<blank>\s+ | --[^\n]* | /\*.*?\*/)
       | (?P<quoted>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `(?:[^`\\]|\\.)*`)
       | (?P<word>\w+)
       | (?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_DATA_START = re.compile(rb"[ \t\f]*\r?\n?")  # as ClickHouse: after the newline that follows the format's name
_CARRIES_NO_BODY = {b"SELECT", b"WITH", b"VALUES", b"FROM", b"WATCH"}

STREAMED_FORMATS = frozenset({"Native", "TabSeparated", "TSV", "CSV", "RowBinary", "JSONEachRow"})
"""Formats without head or foot, so that the engine's chunks, one after another, are the whole output."""


class DataInsert(NamedTuple):
    """An INSERT whose rows follow in a format: the statement up to FORMAT, the format, and where the rows begin."""

    statement: str
    format: str
    data_start: int


def find_data_insert(text: bytes) -> DataInsert | None:
    """Find the head of ``INSERT INTO … FORMAT x`` at the start of a body; None for every other statement.

    ``INSERT … VALUES`` and ``INSERT … SELECT`` are whole statements in text, and run as such.
    """
    words = _outer_words(text)
    if next(words, (b"",))[0] != b"INSERT":
        return None
    for word, start, _ in words:
        if word in _CARRIES_NO_BODY:
            return None
        if word == b"FORMAT":
            name, _, end = next(words, (b"", 0, 0))
            match = _DATA_START.match(text, end)
            if not name or match is None:
                return None
            return DataInsert(text[:start].decode(), text[end - len(name) : end].decode(), match.end())
    return None


class Wanted(NamedTuple):
    """The output format of a statement, and where in its text the ``FORMAT`` begins, or would."""

    format: str
    start: int


def find_output(text: bytes, default: str) -> Wanted:
    """Find the format that the statement asks for with its last ``FORMAT x``, else take the default."""
    found, format_start = Wanted(default, len(text.rstrip(b"; \t\r\n"))), -1
    for word, start, end in _outer_words(text):
        if format_start >= 0:
            found = Wanted(text[start:end].decode(), format_start)
        format_start = start if word == b"FORMAT" else -1
    return found


def first_words(text: bytes) -> tuple[str, str]:
    """The first two words outside of brackets, in capitals; empty where there are none."""
    words = _outer_words(text)
    first, second = next(words, (b"",))[0], next(words, (b"",))[0]
    return first.decode(), second.decode()


def _outer_words(text: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Words outside of quotes, comments and brackets: in capitals, with start and end."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "word" and depth == 0:
            yield token.group().upper(), token.start(), token.end()
        elif token.lastgroup == "mark":
            depth += {b"(": 1, b")": -1}.get(token.group(), 0)
