"""Avro bytes to Python values, by a function that is generated once per schema.

Stricter than fastavro, because the loader hands the very same bytes to the database's own Avro
reader: varints no longer than needed, ints of 32 bits, booleans of 0 and 1, list blocks as long as
they say, and nothing after the datum.

How the generated function stays quick and safe: it takes the bytes from a stream in memory by ``more(n)``
and looks single bytes up in tables, so that no position is ever computed (positions in a long message
cost more than all the rest). ``more`` gives fewer bytes at the end, never an error; so five zero bytes
are put behind the data, enough for six to be taken from the last one on, and a datum is whole exactly
if they are all that is left at the end. Lengths and counts that could be large are held against the
bytes that remain before anything is done with them.
"""

from __future__ import annotations

from contextlib import contextmanager
from io import BytesIO
from struct import Struct
from struct import error as struct_error
from typing import TYPE_CHECKING, Any, Protocol, cast

from schemas.compiled import (
    AvroType,
    ListOf,
    NotPlainAvroError,
    Nullable,
    Plain,
    Record,
    Shape,
    Source,
    least_bytes,
    shape_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_RECURRING_TEXT = Plain("string", recurring=True)
_MOST_KNOWN = 10_000
_LONGEST_KNOWN = 64
_MOST_KNOWN_DAYS = 50_000  # more than a century's

TOO_EARLY = "the payload ends too early"
LEFT_OVER = "the payload has bytes after the registration"
LONGER_THAN_NEEDED = "a varint is longer than needed"
NOT_32_BITS = "an int does not fit 32 bits"
NOT_64_BITS = "a long does not fit 64 bits"
NOT_UTF8 = "text is not UTF-8"
NOT_BOOLEAN = "a boolean is neither 0 nor 1"
NO_SUCH_BRANCH = "a union names a branch that is not there"
NEGATIVE_LENGTH = "a length is negative"
TOO_MANY_ITEMS = "a list claims more items than the payload can hold"
WRONG_BLOCK_SIZE = "a block of a list is not as long as it says"


class Reader(Protocol):
    """A compiled reader."""

    source: str

    def __call__(self, data: bytes, /) -> Any:  # noqa: ANN401 - what the schema says
        """The datum; raises NotPlainAvroError, and nothing else for any bytes."""


def compile_reader(schema: AvroType, *, fields: Sequence[str] | None = None, tuples: bool = False) -> Reader:
    """A function that reads exactly one datum of the schema, which fills the whole of the bytes.

    Args:
        schema: as written down or parsed. Logical types change no value; where they stand, dates
            and milliseconds are read a little quicker.
        fields: of a record, the fields wanted. Then the datum is a list of their values, in this order. The
            rest is still checked (its text for length only, not for being UTF-8) but not built.
        tuples: of a record the values in the order of the schema, and the items of a list, as a tuple.

    Raises:
        ValueError: the schema has something unsupported, or ``fields`` names no field of it.
    """
    shape = shape_of(schema)
    if fields is not None:
        names = {name for name, _ in shape.fields} if isinstance(shape, Record) else set()
        if unknown := sorted(set(fields) - names):
            raise ValueError(f"the schema's record has no field {', '.join(map(repr, unknown))}")
    source = Source()
    with source.block("def read(data):"):
        source.add(
            "size = len(data)",
            "stream = BytesIO(data + END)",
            "more = stream.read",
            "back = stream.seek",
        )
        with source.block("try:"):
            if isinstance(shape, Record):
                _read_record(source, shape, "datum", fields, tuples=tuples)
            else:
                _read(source, shape, "datum", tuples=tuples)
        source.add(
            "except FAULTS as error:",
            "    raise broken_rule(error, stream.tell() > size) from None",
            "left = more()",
            "if left == END:",
            "    return datum",
            "raise NotPlainAvroError(LEFT_OVER if len(left) > len(END) else TOO_EARLY)",
        )
    return cast("Reader", source.function("read", _TOOLS))


def _read(source: Source, shape: Shape, value: str, *, tuples: bool) -> None:
    """Add the reading of one value into the variable ``value``."""
    if isinstance(shape, Record):
        _read_record(source, shape, value, None, tuples=tuples)
    elif isinstance(shape, ListOf):
        item, add = source.variable("item"), source.variable("add")
        source.add(f"{value} = []", f"{add} = {value}.append")
        with _each_item(source, shape):
            _read(source, _RECURRING_TEXT if shape.recurring else shape.items, item, tuples=tuples)
            source.add(f"{add}({item})")
        if tuples:
            source.add(f"{value} = tuple({value})")
    elif isinstance(shape, Nullable):
        with _when_not_null(source, shape, f"{value} = None"):
            _read(source, shape.inner, value, tuples=tuples)
    else:
        text = _READ_RECURRING if shape.recurring else _READ_PLAIN[shape]
        source.add(*text.replace("VALUE", value).strip().splitlines())


def _read_record(source: Source, shape: Record, value: str, wanted: Sequence[str] | None, *, tuples: bool) -> None:
    parts: dict[str, str] = {}
    for name, field in shape.fields:
        if wanted is None or name in wanted:
            part = source.variable("v")
            source.add(f"# {part} is {name!a}")
            _read(source, field, part, tuples=tuples)
            parts[name] = part
        else:
            source.add(f"# {name!a} is passed over")
            _pass(source, field)
    if wanted is None and tuples:
        source.add(f"{value} = ({''.join(f'{part}, ' for part in parts.values())})")
    elif wanted is None:
        source.add(f"{value} = {{{', '.join(f'{name!a}: {part}' for name, part in parts.items())}}}")
    else:
        source.add(f"{value} = [{', '.join(parts[name] for name in wanted)}]")


def _pass(source: Source, shape: Shape) -> None:
    """Add the checking of one value that is not wanted."""
    if isinstance(shape, Record):
        for _, field in shape.fields:
            _pass(source, field)
    elif isinstance(shape, ListOf):
        with _each_item(source, shape):
            _pass(source, shape.items)
    elif isinstance(shape, Nullable):
        with _when_not_null(source, shape, "pass"):
            _pass(source, shape.inner)
    else:
        source.add(*_PASS_PLAIN[shape].replace("VALUE", "passed").strip().splitlines())


@contextmanager
def _each_item(source: Source, shape: ListOf) -> Iterator[None]:
    """The lines added within happen for every item of every block."""
    count, block_end = source.variable("count"), source.variable("block_end")
    source.add(f"{count} = LENGTH[more(1)]")
    with source.block(f"while {count}:"):
        source.add(
            f"{block_end} = 0",
            f"if {count} < 0:",
            f"    {count}, {block_end} = block(stream, size, {count}, {least_bytes(shape.items)})",
        )
        with source.block(f"for _ in range({count}):"):
            yield
        source.add(
            f"if {block_end} and stream.tell() != {block_end}:",
            "    raise NotPlainAvroError(WRONG_BLOCK_SIZE)",
            f"{count} = LENGTH[more(1)]",
        )


@contextmanager
def _when_not_null(source: Source, shape: Nullable, null: str) -> Iterator[None]:
    """The lines added within happen for the branch that is not null; the line ``null`` for the other."""
    branch = source.variable("branch")
    source.add(f"{branch} = LENGTH[more(1)]")
    with source.block(f"if {branch} == {int(shape.null_first)}:"):
        yield
    source.add(
        f"elif {branch} == {1 - int(shape.null_first)}:",
        f"    {null}",
        "else:",
        f"    raise no_such_branch(more, {branch})",
    )


_CONTINUES = 128
_END = bytes(5)
_TOO_WIDE = {32: NOT_32_BITS, 64: NOT_64_BITS}
_BYTES = tuple(bytes([byte]) for byte in range(256))
# A length, a count of items or a union's branch in one byte; where the byte is not all of it, or the
# number is negative, minus the byte.
_LENGTH = {_BYTES[byte]: -byte if byte & 129 else byte >> 1 for byte in range(256)}
_BOOLEAN = {**dict.fromkeys(_BYTES), b"\0": False, b"\1": True}
# A varint is seven bits to a byte, low ones first; the high bit says that another byte follows. A first
# byte that is all is looked up decoded (-64 to 63), else as it is. The byte in place k is worth
# (byte - 1) << 7k: the 1 takes back the high bit of the byte before it. So a sum is right once a byte
# without high bit is added, and a last byte of zero, which adds nothing, is worth less than zero.
_FIRST = {_BYTES[byte]: byte if byte >= _CONTINUES else (byte >> 1) ^ -(byte & 1) for byte in range(256)}
_PLACE_1 = {_BYTES[byte]: (byte - 1) << 7 for byte in range(256)}
_PLACE_2 = {_BYTES[byte]: (byte - 1) << 14 for byte in range(256)}
_MOST_1, _MOST_2 = (_CONTINUES - 2) << 7, (_CONTINUES - 2) << 14  # more, and another byte follows
# Where a length can be guessed all the bytes are taken at once; a sum below zero says that they are not
# one varint, and they are taken again one by one.
_NEVER = -(1 << 80)
_CONTINUED = [(*([_NEVER] * 128), *(bits << 7 * place for bits in range(128))) for place in range(3)]
_LAST_2 = (_NEVER, *(bits << 14 for bits in range(1, 128)), *([_NEVER] * 128))
# The fifth byte of an int has room for four bits.
_LAST_OF_INT = (_NEVER, *(bits << 7 for bits in range(1, 16)), *([_NEVER] * 240))

_WHOLE = """
VALUE = FIRST[more(1)]
if VALUE > 63:
    m = PLACE_1[more(1)]
    n = VALUE + m
    if m > MOST_1:
        m = PLACE_2[more(1)]
        n += m
        if m > MOST_2:
            x = more(TAIL)
            m = SUM
            if m > 0:
                n += (m - 1) * 2097152
            else:
                back(-TAIL, 1)
                n = rest(more, n, 21, BITS)
                m = 0
    if m < 0:
        raise NotPlainAvroError(LONGER_THAN_NEEDED)
    VALUE = ~(n >> 1) if n & 1 else n >> 1
"""
_INT = _WHOLE.replace("TAIL", "2").replace("SUM", "CONTINUED_0[x[0]] + LAST_OF_INT[x[1]]").replace("BITS", "32")
_LONG = (
    _WHOLE.replace("TAIL", "3")
    .replace("SUM", "CONTINUED_0[x[0]] + CONTINUED_1[x[1]] + LAST_2[x[2]]")
    .replace("BITS", "64")
)
_GUESSED_3 = """
VALUE = DAYS[more(3)]
if VALUE is None:
    back(-3, 1)
    n = unsigned(more, 32)
    VALUE = ~(n >> 1) if n & 1 else n >> 1
"""
_GUESSED_6 = """
x = more(6)
n = CONTINUED_0[x[0]] + CONTINUED_1[x[1]] + CONTINUED_2[x[2]]
m = CONTINUED_0[x[3]] + CONTINUED_1[x[4]] + LAST_2[x[5]]
if n < 0 or m < 0:
    back(-6, 1)
    n = unsigned(more, 64)
else:
    n += m * 2097152
VALUE = ~(n >> 1) if n & 1 else n >> 1
"""
_SPAN = """
n = LENGTH[more(1)]
if n < 0:
    n = length(stream, size, n)
"""
_BOOLEAN_OR_NOT = """
VALUE = BOOLEAN[more(1)]
if VALUE is None:
    raise NotPlainAvroError(NOT_BOOLEAN)
"""
_READ_PLAIN = {
    Plain("null"): "VALUE = None",
    Plain("boolean"): _BOOLEAN_OR_NOT,
    Plain("int"): _INT,
    Plain("int", 3): _GUESSED_3,
    Plain("long"): _LONG,
    Plain("long", 6): _GUESSED_6,
    Plain("float"): "VALUE = float32(more(4))[0]",
    Plain("double"): "VALUE = float64(more(8))[0]",
    Plain("bytes"): _SPAN + "VALUE = more(n)",
    Plain("string"): _SPAN + "VALUE = more(n).decode()",
}
_READ_RECURRING = _SPAN + "VALUE = TEXTS[more(n)]"
_PASS_PLAIN = {
    **_READ_PLAIN,
    Plain("float"): "more(4)",
    Plain("double"): "more(8)",
    Plain("bytes"): _SPAN + "more(n)",
    Plain("string"): _SPAN + "more(n)",
}


class _Texts(dict[bytes, str]):
    """Texts that come again and again, made once each: then they are the same object too, with its hash worked out."""

    def __missing__(self, utf8: bytes) -> str:
        text = utf8.decode()
        if len(utf8) <= _LONGEST_KNOWN:
            if len(self) >= _MOST_KNOWN:
                self.clear()
            self[utf8] = text
        return text


class _Days(dict[bytes, int | None]):
    """Varints of three bytes that come again and again, as dates do; None for three bytes that are not one."""

    def __missing__(self, three: bytes) -> int | None:
        n = _CONTINUED[0][three[0]] + _CONTINUED[1][three[1]] + _LAST_2[three[2]]
        if n < 0:
            return None
        if len(self) >= _MOST_KNOWN_DAYS:
            self.clear()
        day = self[three] = ~(n >> 1) if n & 1 else n >> 1
        return day


def _unsigned(more: Callable[[int], bytes], bits: int) -> int:
    """A varint of at most so many bits."""
    byte = more(1)[0]
    return byte if byte < _CONTINUES else _rest(more, byte, 7, bits)


def _rest(more: Callable[[int], bytes], number: int, shift: int, bits: int) -> int:
    """A varint whose bytes so far add up to ``number``; the next one's bits are worth ``1 << shift``."""
    byte = more(1)[0]
    number += (byte - 1) << shift
    while byte >= _CONTINUES:
        shift += 7
        if shift >= bits:
            raise NotPlainAvroError(_TOO_WIDE[bits])
        byte = more(1)[0]
        number += (byte - 1) << shift
    if byte == 0:
        raise NotPlainAvroError(LONGER_THAN_NEEDED)
    if number >> bits:
        raise NotPlainAvroError(_TOO_WIDE[bits])
    return number


def _varint(more: Callable[[int], bytes], byte: int) -> int:
    """A varint of which the first byte is taken."""
    return byte if byte < _CONTINUES else _rest(more, byte, 7, 64)


def _length(stream: BytesIO, size: int, looked_up: int) -> int:
    """The length whose first byte was looked up as less than zero."""
    number = -looked_up
    if number >= _CONTINUES:
        worth = _PLACE_1[stream.read(1)]
        number += worth
        if not 0 <= worth <= _MOST_1:
            number = _rest_of_length(stream, size, number, worth)
    if number & 1:
        raise NotPlainAvroError(NEGATIVE_LENGTH)
    return number >> 1


def _rest_of_length(stream: BytesIO, size: int, number: int, worth: int) -> int:
    if worth < 0:
        raise NotPlainAvroError(LONGER_THAN_NEEDED)
    number = _rest(stream.read, number, 14, 64)
    if number >> 1 > size - stream.tell() and not number & 1:
        raise NotPlainAvroError(TOO_EARLY)
    return number


def _block(stream: BytesIO, size: int, looked_up: int, least: int) -> tuple[int, int]:
    """(items, where the last has to end: 0 if the block does not say)."""
    more = stream.read
    number = _varint(more, -looked_up)
    count = (number >> 1) + (number & 1)
    if number & 1:
        length = _LENGTH[more(1)]
        if length < 0:
            length = _length(stream, size, length)
        end = stream.tell() + length
        if end > size:
            raise NotPlainAvroError(TOO_EARLY)
        size = end
    else:
        end = 0
    if count * least > size - stream.tell():
        raise NotPlainAvroError(TOO_MANY_ITEMS)
    return count, end


def _no_such_branch(more: Callable[[int], bytes], looked_up: int) -> NotPlainAvroError:
    _varint(more, abs(looked_up))
    return NotPlainAvroError(NO_SUCH_BRANCH)


def _broken_rule(error: Exception, behind: bool) -> NotPlainAvroError:
    """What to say; whatever came up once the bytes behind the data were taken came of its end."""
    if behind or isinstance(error, KeyError | IndexError | struct_error):
        return NotPlainAvroError(TOO_EARLY)
    return error if isinstance(error, NotPlainAvroError) else NotPlainAvroError(NOT_UTF8)


_TOOLS = {
    "NotPlainAvroError": NotPlainAvroError,
    "FAULTS": (NotPlainAvroError, KeyError, IndexError, struct_error, UnicodeDecodeError),
    "broken_rule": _broken_rule,
    "BytesIO": BytesIO,
    "END": _END,
    "len": len,
    "range": range,
    "tuple": tuple,
    "float32": Struct("<f").unpack,
    "float64": Struct("<d").unpack,
    "length": _length,
    "block": _block,
    "no_such_branch": _no_such_branch,
    "rest": _rest,
    "unsigned": _unsigned,
    "TEXTS": _Texts(),
    "DAYS": _Days(),
    "TOO_EARLY": TOO_EARLY,
    "LEFT_OVER": LEFT_OVER,
    "LONGER_THAN_NEEDED": LONGER_THAN_NEEDED,
    "NOT_BOOLEAN": NOT_BOOLEAN,
    "WRONG_BLOCK_SIZE": WRONG_BLOCK_SIZE,
    "LENGTH": _LENGTH,
    "BOOLEAN": _BOOLEAN,
    "FIRST": _FIRST,
    "PLACE_1": _PLACE_1,
    "PLACE_2": _PLACE_2,
    "MOST_1": _MOST_1,
    "MOST_2": _MOST_2,
    "CONTINUED_0": _CONTINUED[0],
    "CONTINUED_1": _CONTINUED[1],
    "CONTINUED_2": _CONTINUED[2],
    "LAST_2": _LAST_2,
    "LAST_OF_INT": _LAST_OF_INT,
}
