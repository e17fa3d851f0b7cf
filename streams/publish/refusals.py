"""The refused rows, beside the input: why each was refused, and the row itself, to be corrected there.

The file can be published as it is: the columns that say why are left out of account.
"""

from __future__ import annotations

import csv
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from streams.publish.convert import plain_text
from streams.publish.slices import FORM_COLUMN, REFUSED_COLUMNS, REFUSED_TEXT

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from pathlib import Path

    from streams.publish.map import Faults
    from streams.publish.slices import Slice, Source

    Row = dict[str, Any]

_KEPT = 10_000


class Refusal(NamedTuple):
    """Why a row was refused, and by whom."""

    by: Literal["publish", "intake"]
    faults: Faults

    @property
    def because(self) -> str:
        """All faults in one line."""
        return "; ".join(map(str, self.faults))


class Refusals:
    """What was refused of one source.

    The first rows are kept as they pass; where there are more, or intake refuses one that has passed,
    the source is read once more.

    Attributes:
        here: how many rows were refused before they were sent.
    """

    def __init__(self, source: Source) -> None:
        self.here = 0
        self._source = source
        self._refusals: dict[int, Refusal] = {}
        self._kept: dict[int, Row] = {}
        self._columns: dict[str, None] = {}

    @property
    def path(self) -> Path:
        """Where the refused rows stand."""
        beside = self._source.beside
        return beside.with_name(f"{beside.name}.refused.csv")

    def add(self, part: Slice, refused: Mapping[int, Faults]) -> None:
        """What became of one slice; to be told of every slice."""
        self._columns.update(dict.fromkeys(name for table in part.tables for name in table.columns))
        if not refused:
            return
        self.here += len(refused)
        self._refusals.update({row: Refusal("publish", faults) for row, faults in refused.items()})
        if len(self._kept) < _KEPT:
            self._kept.update(_rows_of(part, refused))

    def add_of_intake(self, refused: Mapping[int, Faults]) -> None:
        """What intake refused."""
        self._refusals.update({row: Refusal("intake", faults) for row, faults in refused.items()})

    def write(self) -> Path | None:
        """Write the file in the order of the rows; without refusals, remove an old one.

        Returns:
            The file's path, None without refusals.

        Raises:
            InputError: the source cannot be read any more.
            OSError: the file cannot be written.
        """
        if not self._refusals:
            with suppress(FileNotFoundError):
                self.path.unlink()
            return None
        columns = [name for name in self._columns if name not in REFUSED_COLUMNS]
        if any(not fault.field for refusal in self._refusals.values() for fault in refusal.faults):
            columns.append(REFUSED_TEXT)
        aside = self.path.with_name(f"{self.path.name}.new")
        with aside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=self._source.delimiter)
            writer.writerow([*REFUSED_COLUMNS, FORM_COLUMN, *columns])
            for number, row in self._rows():
                refusal = self._refusals[number]
                values = (plain_text(row.get(name)) for name in (FORM_COLUMN, *columns))
                writer.writerow([number, refusal.by, refusal.because, *values])
        aside.replace(self.path)
        return self.path

    def _rows(self) -> Iterator[tuple[int, Row]]:
        if self._kept.keys() >= self._refusals.keys():
            yield from sorted(self._kept.items())
            return
        left = len(self._refusals)
        for part in self._source.slices():
            found = _rows_of(part, self._refusals)
            yield from sorted(found.items())
            left -= len(found)
            if not left:
                return


def _rows_of(part: Slice, wanted: Container[int]) -> dict[int, Row]:
    """The wanted rows of a slice as they stood, and their forms."""
    found: dict[int, Row] = {}
    for table in part.tables:
        for place, row in enumerate(table.rows):
            if row in wanted:
                found[row] = {name: column[place] for name, column in table.columns.items()}
                found[row][FORM_COLUMN] = table.form
    found.update({broken.row: {REFUSED_TEXT: broken.text} for broken in part.broken if broken.row in wanted})
    return found
