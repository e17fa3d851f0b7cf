"""Python values to Avro bytes, by a function that is generated once per schema.

The bytes are those of fastavro's strict writer. Where that takes a wrong value without a word, this
refuses it: a bool as a number, anything but a bool as a boolean, a number that does not fit its
type, a text where a number belongs. No default is filled in, and no field may be over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from struct import Struct
from typing import Any, Protocol, cast

from schemas.compiled import AvroType, ListOf, Nullable, Plain, Record, Shape, Source, shape_of


class Writer(Protocol):
    """A compiled writer."""

    source: str

    def __call__(self, datum: Any, /) -> bytes:  # noqa: ANN401 - what the schema says
        """The Avro bytes; raises ValueError or TypeError that names the field, never a value."""


def compile_writer(schema: AvroType) -> Writer:
    """A function that writes one datum of the schema, in Avro's own numbers (a date is an int of days).

    An int may be any ``numbers.Integral`` but a bool, a float or double any ``numbers.Real`` but a bool
    (NaN and the infinities too), bytes also a bytearray, an array any sequence but text or bytes, a
    record any mapping that has exactly the schema's fields, or (quicker) a tuple of their values in order;
    in an array of records, bytes are a record that has been written already.

    Raises:
        ValueError: the schema has something unsupported.
    """
    source = Source()
    tools = dict(_TOOLS)
    with source.block("def write(datum):"):
        with source.block("try:"):
            parts = _write(source, shape_of(schema), "datum", tools)
            source.add(f"return join({_tuple(parts)})")
        source.add("except FAULTS as error:", "    raise named(error, FIELD_OF_LINE) from None")
    tools["FIELD_OF_LINE"] = source.field_of_line
    return cast("Writer", source.function("write", tools))


def _write(source: Source, shape: Shape, value: str, tools: dict[str, Any]) -> list[str]:
    """Add the writing of the variable ``value``; returns the variables that hold its bytes, in order."""
    if isinstance(shape, Record):
        return _write_record(source, shape, value, tools)
    if isinstance(shape, Plain | ListOf) and shape.recurring:
        return _write_recurring(source, shape, value, tools)
    if isinstance(shape, ListOf):
        return _write_list(source, shape, value, tools)
    if isinstance(shape, Nullable):
        return _write_nullable(source, shape, value, tools)
    text = "".join(line + "\n" for line in _PLAIN[shape.kind]).replace("VALUE", value)
    parts = []
    for placeholder in ("PART", "TEXT"):
        if placeholder in text:
            parts.append(source.variable("p"))
            text = text.replace(placeholder, parts[-1])
    source.add(*text.splitlines())
    return parts


def _write_record(source: Source, shape: Record, value: str, tools: dict[str, Any]) -> list[str]:
    record, names = source.variable("r"), source.variable("NAMES_")
    tools[names] = frozenset(name for name, _ in shape.fields)
    values = [source.variable("v") for _ in shape.fields]
    with source.block(f"if type({value}) is tuple:"):
        source.add(f"{_tuple(values)} = {value}")
    with source.block("else:"):
        source.add(f"{record} = {value} if type({value}) is dict else as_dict({value})")
        for (name, _), part in zip(shape.fields, values, strict=True):
            with source.field(name):
                source.add(f"{part} = {record}[{name!a}]")
        source.add(f"if len({record}) != {len(shape.fields)}:", f"    raise too_many({record}, {names})")
    parts = []
    for (name, field), part in zip(shape.fields, values, strict=True):
        with source.field(name):
            parts += _write(source, field, part, tools)
    return parts


def _write_list(source: Source, shape: ListOf, value: str, tools: dict[str, Any]) -> list[str]:
    part, items, item = source.variable("p"), source.variable("items"), source.variable("item")
    source.add(f"if type({value}) not in LISTS:", f"    {value} = as_list({value})", f"{part} = ZERO")
    with source.block(f"if {value}:"):
        source.add(f"{items} = [length(len({value}))]")
        with source.block(f"for {item} in {value}:"):
            if isinstance(shape.items, Record):
                source.add(f"if type({item}) is bytes:", f"    {items} += ({item},)", "    continue")
            source.add(f"{items} += {_tuple(_write(source, shape.items, item, tools))}")
        source.add(f"{items} += (ZERO,)", f"{part} = join({items})")
    return [part]


def _write_recurring(source: Source, shape: Plain | ListOf, value: str, tools: dict[str, Any]) -> list[str]:
    """A text, or a tuple of texts, whose bytes are looked up; what cannot be looked up is written as ever."""
    part, known = source.variable("p"), source.variable("KNOWN_")
    tools[known] = _KnownTexts() if isinstance(shape, Plain) else _KnownLists()
    if isinstance(shape, ListOf):
        source.add(f"if type({value}) is not tuple:", f"    {value} = tuple(as_list({value}))")
    source.add(f"{part} = {known}[{value}]")
    return [part]


def _write_nullable(source: Source, shape: Nullable, value: str, tools: dict[str, Any]) -> list[str]:
    branch = source.variable("p")
    null, other = ("ZERO", "TWO") if shape.null_first else ("TWO", "ZERO")
    with source.block(f"if {value} is not None:"):
        source.add(f"{branch} = {other}")
        parts = _write(source, shape.inner, value, tools)
    with source.block("else:"):
        source.add(f"{branch} = {null}")
        if parts:
            source.add(f"{' = '.join(parts)} = NOTHING")
    return [branch, *parts]


def _tuple(parts: list[str]) -> str:
    return f"({''.join(f'{part}, ' for part in parts)})"


# A varint is seven bits to a byte, low ones first, the high bit set on all but the last. Two bytes'
# worth is looked up at once: as the last bytes of a varint, or as two that are continued.
_TWO_BYTES = 1 << 14
_LAST = tuple(bytes([n]) if n < 128 else bytes([n & 127 | 128, n >> 7]) for n in range(_TWO_BYTES))  # noqa: PLR2004
_CONTINUED = tuple(bytes([n & 127 | 128, n >> 7 | 128]) for n in range(_TWO_BYTES))
_LENGTHS = _LAST[::2]

_WHOLE = (
    "if type(VALUE) is not int:",
    "    VALUE = as_int(VALUE)",
    "n = VALUE + VALUE if VALUE >= 0 else ~(VALUE + VALUE)",
    "if n < 16384:",
    "    PART = LAST[n]",
    "elif n < 268435456:",
    "    PART = CONTINUED[n & 16383] + LAST[n >> 14]",
    "elif n < BOUND:",
    "    PART = CONTINUED[n & 16383] + CONTINUED[n >> 14 & 16383] + LAST[n >> 28]",
    "else:",
    "    PART = REST(n)",
)
_SPAN = ("n = len(TEXT)", "PART = LENGTHS[n] if n < 8192 else length(n)")
_PLAIN = {
    "null": ("if VALUE is not None:", "    raise needs('null', VALUE)"),
    "boolean": (
        "if VALUE is not True and VALUE is not False:",
        "    raise needs('a boolean', VALUE)",
        "PART = ONE if VALUE else ZERO",
    ),
    "int": tuple(line.replace("BOUND", "4294967296").replace("REST", "beyond_32_bits") for line in _WHOLE),
    "long": tuple(line.replace("BOUND", "4398046511104").replace("REST", "rest_of_long") for line in _WHOLE),
    "float": ("if type(VALUE) is not float:", "    VALUE = as_float(VALUE)", "PART = float32(VALUE)"),
    "double": ("if type(VALUE) is not float:", "    VALUE = as_float(VALUE)", "PART = float64(VALUE)"),
    "bytes": ("TEXT = VALUE if type(VALUE) is bytes else as_bytes(VALUE)", *_SPAN),
    "string": ("if type(VALUE) is not str:", "    VALUE = as_text(VALUE)", "TEXT = encode(VALUE)", *_SPAN),
}


_MOST_KNOWN = 10_000  # then all are forgotten: it would not be the same few texts


class _KnownTexts(dict[str, bytes]):
    """The Avro bytes of texts, worked out once each."""

    def __missing__(self, text: str) -> bytes:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        encoded = _as_text(text).encode()
        found = self[text] = _length(len(encoded)) + encoded
        return found


class _KnownLists(dict[tuple[str, ...], bytes]):
    """The Avro bytes of lists of texts, worked out once each."""

    def __missing__(self, texts: tuple[str, ...]) -> bytes:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        encoded = [_as_text(text).encode() for text in texts]
        items = b"".join(part for text in encoded for part in (_length(len(text)), text))
        found = self[texts] = _length(len(texts)) + items + b"\0" if texts else b"\0"
        return found


def _needs(what: str, value: object) -> TypeError:
    return TypeError(f"needs {what}, not {type(value).__name__}")


def _as_int(value: object) -> int:
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    raise _needs("a whole number", value)


def _as_float(value: object) -> float:
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    raise _needs("a number", value)


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise _needs("text", value)


def _as_bytes(value: object) -> bytes:
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    raise _needs("bytes", value)


def _as_list(value: object) -> list[Any]:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return list(value)
    raise _needs("a list", value)


def _as_dict(value: object) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise _needs("a record", value)


def _too_many(record: dict[str, Any], names: frozenset[str]) -> ValueError:
    over = sorted(repr(name) for name in record if name not in names)
    return ValueError(f"has fields that the schema has not: {', '.join(over)}")


def _length(number: int) -> bytes:
    return _LENGTHS[number] if number < len(_LENGTHS) else _varint(2 * number)


def _beyond_32_bits(_: int) -> bytes:
    raise ValueError("does not fit an int's 32 bits")


def _rest_of_long(number: int) -> bytes:
    if number >> 64:
        raise ValueError("does not fit a long's 64 bits")
    return _varint(number)


def _varint(number: int) -> bytes:
    parts = []
    while number >= _TWO_BYTES:
        parts.append(_CONTINUED[number % _TWO_BYTES])
        number //= _TWO_BYTES
    return b"".join([*parts, _LAST[number]])


def _named(error: Exception, field_of_line: dict[int, str]) -> Exception:
    """The error to raise: it names the field of the line of the generated function that failed."""
    if isinstance(error, KeyError):
        rule = "is missing"
    elif isinstance(error, UnicodeEncodeError):
        rule = "has text that cannot be UTF-8"
    elif isinstance(error, OverflowError):
        rule = "has a number that does not fit its type"
    else:
        rule = str(error)
    field = field_of_line.get(error.__traceback__.tb_lineno) if error.__traceback__ else None
    message = f"{f'field {field}' if field else 'the datum'} {rule}"
    return TypeError(message) if isinstance(error, TypeError) else ValueError(message)


_TOOLS: dict[str, Any] = {
    "FAULTS": (KeyError, TypeError, ValueError, OverflowError),
    "named": _named,
    "type": type,
    "len": len,
    "int": int,
    "float": float,
    "str": str,
    "bytes": bytes,
    "LISTS": (list, tuple),
    "dict": dict,
    "tuple": tuple,
    "join": b"".join,
    "encode": str.encode,
    "float32": Struct("<f").pack,
    "float64": Struct("<d").pack,
    "ZERO": b"\0",
    "ONE": b"\1",
    "TWO": b"\2",
    "NOTHING": b"",
    "LAST": _LAST,
    "CONTINUED": _CONTINUED,
    "LENGTHS": _LENGTHS,
    "needs": _needs,
    "as_int": _as_int,
    "as_float": _as_float,
    "as_text": _as_text,
    "as_bytes": _as_bytes,
    "as_list": _as_list,
    "as_dict": _as_dict,
    "too_many": _too_many,
    "length": _length,
    "beyond_32_bits": _beyond_32_bits,
    "rest_of_long": _rest_of_long,
}
