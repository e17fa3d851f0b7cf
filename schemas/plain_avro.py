"""Read a form's Avro bytes, and take nothing but plain Avro.

The payload that intake accepts is kept for ever as it came, and other readers (ClickHouse's, Java's)
read it later. fastavro forgives what they refuse or read otherwise: an int of more than 32 bits, a
boolean of 2, a negative branch of a union, a number padded with empty bytes. This reader refuses all
of it, so that a payload has one reading, and one registration has one payload but for how its
lists are cut into blocks. It knows the types that a form may have, and is as fast as fastavro, for
it works on the bytes in place.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Read = Callable[[bytes, int], tuple[Any, int]]
    """Takes the payload and a position; returns the value there and the position after it."""

_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")
_SEVEN_BITS = 127
_LONG_BITS = 64
_INT_MIN, _INT_MAX = -(1 << 31), (1 << 31) - 1
_SECOND_BRANCH = 2  # the branch's number as Avro writes a long: 1 is written as 2


class NotPlainAvroError(ValueError):
    """The bytes are not Avro of the schema, or not written plainly; the message never has a value."""


def plain_reader(schema: Mapping[str, Any]) -> Callable[[bytes], dict[str, Any]]:
    """A function that reads the payloads of one version of a form.

    Args:
        schema: an Avro record as ``Form`` allows them (types without their logical types).

    Returns:
        A function from the payload to the record by field name; it raises ``NotPlainAvroError``.
    """
    fields = [(field["name"], _reader(field["type"])) for field in schema["fields"]]

    def read(payload: bytes) -> dict[str, Any]:
        record: dict[str, Any] = {}
        at = 0
        try:
            for name, read_field in fields:
                record[name], at = read_field(payload, at)
        except (IndexError, struct.error, OverflowError):
            raise NotPlainAvroError("the payload is truncated or not Avro of this schema") from None
        except UnicodeDecodeError:
            raise NotPlainAvroError("the payload holds a text that is not UTF-8") from None
        if at > len(payload):
            raise NotPlainAvroError("the payload is truncated or not Avro of this schema")
        if at < len(payload):
            raise NotPlainAvroError("the payload has bytes after the registration")
        return record

    return read


def _reader(avro_type: Any) -> Read:  # noqa: ANN401 - any type a form may have
    if isinstance(avro_type, list):
        first_is_null = avro_type[0] == "null"
        return _nullable(_reader(avro_type[1 if first_is_null else 0]), first_is_null=first_is_null)
    if isinstance(avro_type, dict):
        if avro_type["type"] == "array":
            return _array(_reader(avro_type["items"]))
        return _reader(avro_type["type"])
    return _SCALARS[avro_type]


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of 7 bits a byte, least first, in as few bytes as it needs."""
    byte = payload[at]
    if byte <= _SEVEN_BITS:
        return byte, at + 1
    number, shift = byte & _SEVEN_BITS, 7
    while True:
        at += 1
        byte = payload[at]
        number |= (byte & _SEVEN_BITS) << shift
        if byte <= _SEVEN_BITS:
            break
        shift += 7
        if shift >= _LONG_BITS:
            raise NotPlainAvroError("the payload holds a number of more than 64 bits")
    if byte == 0 or number >> _LONG_BITS:
        raise NotPlainAvroError("the payload holds a number padded with empty bytes, or of more than 64 bits")
    return number, at + 1


def _long(payload: bytes, at: int) -> tuple[int, int]:
    number, at = _varint(payload, at)
    return (number >> 1) ^ -(number & 1), at


def _int(payload: bytes, at: int) -> tuple[int, int]:
    number, at = _varint(payload, at)
    number = (number >> 1) ^ -(number & 1)
    if not _INT_MIN <= number <= _INT_MAX:
        raise NotPlainAvroError("the payload holds an int of more than 32 bits")
    return number, at


def _string(payload: bytes, at: int) -> tuple[str, int]:
    length = payload[at]
    at += 1
    if length > _SEVEN_BITS:
        length, at = _varint(payload, at - 1)
    if length & 1:
        raise NotPlainAvroError("the payload holds a text of negative length")
    end = at + (length >> 1)
    return payload[at:end].decode(), end


def _boolean(payload: bytes, at: int) -> tuple[bool, int]:
    byte = payload[at]
    if byte > 1:
        raise NotPlainAvroError("the payload holds a boolean that is neither 0 nor 1")
    return byte == 1, at + 1


def _float(payload: bytes, at: int) -> tuple[float, int]:
    return _FLOAT.unpack_from(payload, at)[0], at + 4


def _double(payload: bytes, at: int) -> tuple[float, int]:
    return _DOUBLE.unpack_from(payload, at)[0], at + 8


def _nullable(read_value: Read, *, first_is_null: bool) -> Read:
    null, value = (0, _SECOND_BRANCH) if first_is_null else (_SECOND_BRANCH, 0)

    def read(payload: bytes, at: int) -> tuple[Any, int]:
        branch = payload[at]
        if branch == value:
            return read_value(payload, at + 1)
        if branch == null:
            return None, at + 1
        raise NotPlainAvroError("the payload holds a union's branch that there is not")

    return read


def _array(read_item: Read) -> Read:
    def read(payload: bytes, at: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        while True:
            count, at = _long(payload, at)
            if count == 0:
                return items, at
            end = None
            if count < 0:  # a block that says its length in bytes, as some writers do
                length, at = _long(payload, at)
                count, end = -count, at + length
            for _ in range(count):
                item, at = read_item(payload, at)
                items.append(item)
            if end is not None and at != end:
                raise NotPlainAvroError("the payload holds a list whose length in bytes is wrong")

    return read


_SCALARS: dict[str, Read] = {
    "string": _string,
    "int": _int,
    "long": _long,
    "boolean": _boolean,
    "float": _float,
    "double": _double,
}
