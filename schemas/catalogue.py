"""Catalogues: the units that register and the components that are put in, as CSV files with a ``code``."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.definition.errors import DefinitionError, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The rows of one catalogue by code; every row has the same columns, all text."""

    name: str
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]

    def codes(self, kind: str | None = None) -> frozenset[str]:
        """All codes, or those whose ``kind`` is the one given."""
        return frozenset(code for code, row in self.rows.items() if kind is None or row.get("kind") == kind)


def read_catalogue(path: Path) -> Catalogue:
    """Read ``catalogue/<name>.csv`` (UTF-8, comma separated, a header with ``code`` and ``name``).

    Raises:
        DefinitionError: a column is missing or stands twice, a code is empty or stands twice, or a row
            has more or fewer values than the header; each message has the line.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    try:
        header = tuple(next(reader, ()))
        lines = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise DefinitionError([f"{path}, line {reader.line_num}: {error}"]) from error
    problems = [f"{path}, line 1: column {column} is missing" for column in ("code", "name") if column not in header]
    twice = sorted({column for column in header if header.count(column) > 1})
    problems += [f"{path}, line 1: column {column} stands twice" for column in twice]
    if problems:
        raise DefinitionError(problems)
    rows: dict[str, dict[str, str]] = {}
    for number, values in lines:
        row = dict(zip(header, values, strict=False))
        code = row.get("code", "")
        if len(values) != len(header):
            problems.append(f"{path}, line {number}: {len(values)} values for {len(header)} columns")
        elif not code or code != code.strip():
            problems.append(f"{path}, line {number}: code is empty or has blanks around it")
        elif code in rows:
            problems.append(f"{path}, line {number}: code {code} stands twice")
        rows[code] = row
    if problems:
        raise DefinitionError(problems)
    return Catalogue(path.stem, header, rows)
