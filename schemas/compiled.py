"""What the compiled reader and writer share: the shapes they know, and the making of a function from source.

fastavro walks a schema anew for every registration. Here the walk is done once: a schema becomes a
shape, the shape becomes the source of a straight-line Python function, and that function reads or
writes one datum in Avro's own numbers (a date is an int of days: logical types
change nothing but what is guessed first of a varint's length).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FunctionType

AvroType = Mapping[str, Any] | list[Any] | str

#: The fewest bytes that a value of each plain type takes.
_LEAST_BYTES = {
    "null": 0, "boolean": 1, "int": 1, "long": 1, "float": 4, "double": 8, "bytes": 1, "string": 1,
}  # fmt: skip
_USUAL_BYTES = {("int", "date"): 3, ("long", "timestamp-millis"): 6}
# Each level may take two nested blocks of the generated function, and Python allows twenty.
_DEEPEST = 8


class NotPlainAvroError(ValueError):
    """The bytes are not one plain Avro datum of the schema; the message is the rule they break, never a value."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A value without parts.

    Attributes:
        kind: Avro's name of its type.
        usual_bytes: how many bytes most of its values take, where its logical type tells: the dates
            of thirty years back and all to come take 3, the milliseconds from mid-1970 to 2039 take 6.
        recurring: whether the same few texts come again and again (the attribute ``recurring`` of the
            type says so), so that reader and writer do well to remember them.
    """

    kind: str
    usual_bytes: int | None = None
    recurring: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Nullable:
    """A union of null and one other type; ``null_first`` says which of the two is branch 0."""

    null_first: bool
    inner: Shape


@dataclass(frozen=True, slots=True)
class ListOf:
    """An array; ``recurring`` as a plain value's, where its items are texts."""

    items: Shape
    recurring: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Record:
    """A record: its fields' names and shapes, in the order they are written."""

    fields: tuple[tuple[str, Shape], ...]


Shape = Plain | Nullable | ListOf | Record


def shape_of(schema: AvroType) -> Shape:
    """The shape of an Avro schema, parsed by fastavro or as written down.

    Raises:
        ValueError: it has a type that is not supported (maps, enums, fixed, other unions, a type
            mentioned by its name), a list of items that take no bytes, two fields of one name, or
            nests deeper than eight.
    """
    return _shape(schema, 0)


def _shape(schema: object, depth: int) -> Shape:
    if depth > _DEEPEST:
        raise ValueError(f"the schema nests deeper than {_DEEPEST}")
    if isinstance(schema, str) and schema in _LEAST_BYTES:
        return Plain(schema)
    if isinstance(schema, list):
        return _nullable(schema, depth)
    if isinstance(schema, Mapping):
        kind = schema.get("type")
        if kind == "record":
            return _record(schema.get("fields"), depth)
        if kind == "array":
            items = _shape(schema.get("items"), depth + 1)
            if least_bytes(items) == 0:
                raise ValueError("a list of items that take no bytes could claim any length")
            return ListOf(items, recurring=schema.get("recurring") is True and items == Plain("string"))
        if isinstance(kind, str) and kind in _LEAST_BYTES:
            usual_bytes = _USUAL_BYTES.get((kind, str(schema.get("logicalType"))))
            return Plain(kind, usual_bytes, recurring=schema.get("recurring") is True and kind == "string")
        return _shape(kind, depth + 1)
    raise ValueError(f"Avro type {schema!r} is not supported")


def _nullable(branches: list[Any], depth: int) -> Nullable:
    is_null = [isinstance(shape := _shape(branch, depth + 1), Plain) and shape.kind == "null" for branch in branches]
    if sorted(is_null) != [False, True] or any(isinstance(branch, list) for branch in branches):
        raise ValueError(f"a union is null and one other type, not {branches!r}")
    return Nullable(null_first=is_null[0], inner=_shape(branches[is_null.index(False)], depth + 1))


def _record(fields: object, depth: int) -> Record:
    if not isinstance(fields, list) or not all(
        isinstance(field, Mapping) and isinstance(field.get("name"), str) for field in fields
    ):
        raise ValueError("a record needs a list of fields, each with a name")
    names = [field["name"] for field in fields]
    if len(set(names)) != len(names):
        raise ValueError("a record has two fields of one name")
    return Record(tuple((field["name"], _shape(field.get("type"), depth + 1)) for field in fields))


def least_bytes(shape: Shape) -> int:
    """The fewest bytes that a value of the shape takes."""
    if isinstance(shape, Record):
        return sum(least_bytes(field) for _, field in shape.fields)
    return _LEAST_BYTES[shape.kind] if isinstance(shape, Plain) else 1


def in_order(shape: Shape, value: Any) -> Any:  # noqa: ANN401 - what the schema says
    """A datum of the shape with tuples for its records and lists: a record's values in the order of its fields."""
    if value is None or isinstance(shape, Plain):
        return value
    if isinstance(shape, Nullable):
        return in_order(shape.inner, value)
    if isinstance(shape, ListOf):
        return tuple(in_order(shape.items, item) for item in value)
    return tuple(in_order(field, value[name]) for name, field in shape.fields)


class Source:
    """The source of one function, line by line.

    Nothing of a schema may enter it but numbers and ``ascii()`` literals of names: variables are
    numbered. ``field_of_line`` remembers which field each line deals with, for error messages.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.field_of_line: dict[int, str] = {}
        self._indent = ""
        self._field: tuple[str, ...] = ()
        self._variables = 0

    def add(self, *lines: str) -> None:
        """Append lines (each one statement, or one with its own inner indentation) to the open block."""
        for line in lines:
            self.lines.append(self._indent + line)
            if self._field:
                self.field_of_line[len(self.lines)] = ".".join(self._field)

    def variable(self, prefix: str) -> str:
        """A variable's name that has not been used yet."""
        self._variables += 1
        return f"{prefix}{self._variables}"

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Open a block under ``head``; every block gets at least one line."""
        self.add(head)
        self._indent += "    "
        yield
        self._indent = self._indent[:-4]

    @contextmanager
    def field(self, name: str) -> Iterator[None]:
        """The lines added within deal with this field of the record at hand."""
        self._field = (*self._field, name)
        yield
        self._field = self._field[:-1]

    def function(self, name: str, tools: Mapping[str, Any]) -> FunctionType:
        """The function ``name`` that the source defines; ``tools`` are all the names it may use.

        Its ``source`` attribute is the source, for whoever debugs it.
        """
        text = "\n".join([*self.lines, ""])
        namespace: dict[str, Any] = {"__builtins__": {}, **tools}
        exec(compile(text, f"<compiled {name}>", "exec"), namespace)  # noqa: S102 - our own source, see the class  # nosec B102
        function: FunctionType = namespace[name]
        function.__dict__["source"] = text
        return function
