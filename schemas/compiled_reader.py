"""Avro bytes to Python values, by a function that is generated once per schema.

Stricter than fastavro, because the loader hands the very same bytes to the database's own Avro
reader: varints no longer than needed, ints of 32 bits, booleans of 0 and 1, list blocks as long as
they say, and nothing after the datum.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast

from schemas.compiled import (
    AvroType,
    ListOf,
    Nullable,
    Plain,
    Record,
    Shape,
    Source,
    least_bytes,
    shape_of,
)
from schemas.compiled_values import PASS_PLAIN, READ_PLAIN, READ_RECURRING, TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_RECURRING_TEXT = Plain("string", recurring=True)


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
    return cast("Reader", source.function("read", TOOLS))


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
        text = READ_RECURRING if shape.recurring else READ_PLAIN[shape]
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
        source.add(*PASS_PLAIN[shape].replace("VALUE", "passed").strip().splitlines())


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
