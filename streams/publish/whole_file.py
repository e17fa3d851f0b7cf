"""A small CSV file that is taken as a whole or not at all: its rows by line, and how its faults are told."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from streams.publish.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

MOST_FAULTS_TOLD = 50


class FileRefusedError(InputError):
    """The file has faults, and nothing of it may be sent.

    Attributes:
        faults: one line per fault, each with the number of its line in the file.
    """

    def __init__(self, path: Path, faults: Sequence[str]) -> None:
        told = [f"{path}, {fault}" for fault in faults[:MOST_FAULTS_TOLD]]
        rest = len(faults) - len(told)
        more = [f"{path}: {rest} further faults"] if rest else []
        super().__init__("\n".join([*told, *more, f"{path}: nothing was sent"]))
        self.faults = tuple(faults)


def read_rows(
    path: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    """The line of each row but blank ones, with its values by column, or why they are none.

    Args:
        path: a CSV file (UTF-8) with a header, ``,`` or ``;`` between values.
        columns: the columns that it must have, in any order.
        optional: those that it may have; where one is left out, its values are empty.

    Raises:
        InputError: the file cannot be read, its header is another, or it has no rows.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8; save the file in that encoding") from error
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    header = [name.strip() for name in next(reader, [])]
    if sorted(set(header) - set(optional)) != sorted(columns) or len(set(header)) != len(header):
        wanted = ", ".join(columns) + (f" (and {', '.join(optional)})" if optional else "")
        raise InputError(f"{path}, line 1: the columns are {', '.join(header) or 'none'}, not {wanted}")
    left_out = dict.fromkeys(optional, "")
    rows = 0
    try:
        for written in reader:
            values = [value.strip() for value in written]
            rows += any(values)
            if len(values) == len(header):
                yield reader.line_num, {**left_out, **dict(zip(header, values, strict=True))}
            elif any(values):
                yield reader.line_num, f"{len(values)} values for {len(header)} columns"
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from error
    if not rows:
        raise InputError(f"{path}: there are no rows in it")
