"""How one value of each plain type is taken from the bytes: the lines of a compiled reader, and what these call.

How the generated function stays quick and safe: it takes the bytes from a stream in memory by ``more(n)``
and looks single bytes up in tables, so that no position is ever computed (positions in a long message
cost more than all the rest). ``more`` gives fewer bytes at the end, never an error; so five zero bytes
are put behind the data, enough for six to be taken from the last one on, and a datum is whole exactly
if they are all that is left at the end. Lengths and counts that could be large are held against the
bytes that remain before anything is done with them.
"""

from __future__ import annotations

from io import BytesIO
from struct import Struct
from struct import error as struct_error
from typing import TYPE_CHECKING

from schemas.compiled import NotPlainAvroError, Plain

if TYPE_CHECKING:
    from collections.abc import Callable

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
READ_PLAIN = {
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
READ_RECURRING = _SPAN + "VALUE = TEXTS[more(n)]"
PASS_PLAIN = {
    **READ_PLAIN,
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


TOOLS = {
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
