"""Counts that another source made per unit and month: a file, read and checked as a whole.

Nothing of it may be sent unless every row is right: half an upload would look like units that treat nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from schemas.definition.coverage_checks import UNITS
from streams.publish.errors import InputError
from streams.publish.whole_file import FileRefusedError, read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from schemas.definition.coverage import Coverage
    from schemas.definition.registry import RegistryDefinition

COLUMNS = ("unit", "period", "measure", "count")
_MONTH = re.compile(r"(1[89][0-9]{2}|2[0-2][0-9]{2})-(0[1-9]|1[0-2])")
_COUNT = re.compile(r"(<\s*)?([0-9]{1,9})")
_LEAST_BELOW = 2  # "<1" would be a 0 that could have been told


@dataclass(frozen=True, slots=True)
class UnitCount:
    """One row.

    Attributes:
        unit: its code in the catalogue of units.
        period: the first day of the month that is counted.
        measure: what is counted, as coverage.yaml names it.
        count: how many; None where the source does not tell so small a number.
        below: where count is None: it is at least 1 and less than this.
    """

    unit: str
    period: date
    measure: str
    count: int | None
    below: int | None = None


def read_counts(path: Path, definition: RegistryDefinition, as_of: date) -> list[UnitCount]:
    """Read and check a CSV file (UTF-8) with a header of ``COLUMNS``, ``,`` or ``;`` between values.

    ``period`` is YYYY-MM. ``count`` is a whole number, or <5 (or another number from 2 on) where the source does
    not tell smaller ones; such a source tells 0 as 0, so it is at least 1.

    Args:
        path: the file.
        definition: the registry.
        as_of: the day on which the source counted; a month must have been over by then.

    Raises:
        InputError: the file cannot be read, its header is another, or the registry declares no counts.
        FileRefusedError: rows are wrong, each named by its line.
    """
    coverage = coverage_of(definition)
    units = definition.catalogues[UNITS].codes()
    counts: list[UnitCount] = []
    faults: list[str] = []
    first_lines: dict[tuple[str, date, str], int] = {}
    for line, row in read_rows(path, COLUMNS):
        read = row if isinstance(row, str) else _read_row(row, coverage, units, as_of)
        if isinstance(read, str):
            faults.append(f"line {line}: {read}")
            continue
        first = first_lines.setdefault((read.unit, read.period, read.measure), line)
        if first != line:
            faults.append(f"line {line}: unit, period and measure are those of line {first}")
        counts.append(read)
    if faults:
        raise FileRefusedError(path, faults)
    return counts


def coverage_of(definition: RegistryDefinition) -> Coverage:
    """What the registry declares to be held against.

    Raises:
        InputError: it declares nothing.
    """
    if definition.coverage is None:
        raise InputError(
            f"registry {definition.name} is held against nothing: declare it in {definition.folder / 'coverage.yaml'}"
        )
    return definition.coverage


def _read_row(row: Mapping[str, str], coverage: Coverage, units: frozenset[str], as_of: date) -> UnitCount | str:
    """The row, or everything that is wrong with it."""
    faults = []
    if row["unit"] not in units:
        faults.append(f"unit {row['unit']!r} is not in the catalogue of units")
    if row["measure"] not in coverage.counts:
        faults.append(f"measure {row['measure']!r} is not declared; there are {', '.join(coverage.counts)}")
    month = _MONTH.fullmatch(row["period"])
    period = date(int(month[1]), int(month[2]), 1) if month else date.min
    if month is None:
        faults.append(f"period {row['period']!r} is no month, YYYY-MM")
    elif (period.year, period.month) >= (as_of.year, as_of.month):
        faults.append(f"the month {row['period']} was not over on {as_of}, when the source counted")
    number = _COUNT.fullmatch(row["count"])
    if number is None or (number[1] and int(number[2]) < _LEAST_BELOW):
        faults.append(f"count {row['count']!r} is no whole number, nor <{_LEAST_BELOW} or higher")
    if faults or number is None:
        return "; ".join(faults)
    count, below = (None, int(number[2])) if number[1] else (int(number[2]), None)
    return UnitCount(row["unit"], period, row["measure"], count, below)
