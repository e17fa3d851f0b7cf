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
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from streams.publish.map import Faults
    from streams.publish.slices import Source


class Refusal(NamedTuple):
    """Why a row was refused, and by whom."""

    by: Literal["publish", "intake"]
    faults: Faults

    @property
    def because(self) -> str:
        """All faults in one line."""
        return "; ".join(f"{fault.field} {fault.rule}".strip() for fault in self.faults)


def refused_path(beside: Path) -> Path:
    """Where the refused rows of an input stand."""
    return beside.with_name(f"{beside.name}.refused.csv")


def write_refusals(source: Source, refusals: Mapping[int, Refusal]) -> Path | None:
    """Write the refused rows of an input, reading it once more for them; without any, remove an old file.

    Returns:
        The file's path, None without refusals.

    Raises:
        InputError: the input cannot be read any more.
        OSError: the file cannot be written.
    """
    path = refused_path(source.beside)
    if not refusals:
        with suppress(FileNotFoundError):
            path.unlink()
        return None
    columns = dict.fromkeys(name for _, row in _rows(source, refusals) for name in row)
    aside = path.with_name(f"{path.name}.new")
    with aside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*REFUSED_COLUMNS, *columns], delimiter=source.delimiter, restval="")
        writer.writeheader()
        for number, row in _rows(source, refusals):
            refusal = refusals[number]
            why = dict(zip(REFUSED_COLUMNS, (number, refusal.by, refusal.because), strict=True))
            writer.writerow({**{name: plain_text(raw) for name, raw in row.items()}, **why})
    aside.replace(path)
    return path


def _rows(source: Source, wanted: Mapping[int, Refusal]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The wanted rows as they stood, in order, their form first."""
    left = set(wanted)
    for part in source.slices():
        found: dict[int, dict[str, Any]] = {}
        for table in part.tables:
            for place, row in enumerate(table.rows):
                if row in left:
                    values = {name: column[place] for name, column in table.columns.items()}
                    found[row] = {FORM_COLUMN: table.form, **values}
        for broken in part.broken:
            if broken.row in left:
                found[broken.row] = {REFUSED_TEXT: broken.text}
        left.difference_update(found)
        for row in sorted(found):
            yield row, {name: raw for name, raw in found[row].items() if name not in REFUSED_COLUMNS}
        if not left:
            return
