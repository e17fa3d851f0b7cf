"""Whose a product is, day by day: ``catalogue/ownership.csv``, where products have changed hands.

    code,company,from,until
    CUP18,Rosell Protesteknik,,2020-12-31
    CUP18,Tornquist Rosell,2021-01-01,

A product that is not in it has been its catalogue's company's always. One that is has an owner on every day: the first
line is from the beginning, the last until further notice, and each begins on the day after the one before. So a product
belongs to one company on any day, and the last line's is the catalogue's.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from schemas.definition.errors import DefinitionError, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from schemas.catalogue import Catalogue

OWNERSHIP = "ownership"
"""The file's name: it is no catalogue, for a code may stand in several lines."""

_HEADER = ("code", "company", "from", "until")
_COMPANY = "company"


@dataclass(frozen=True, slots=True)
class Owned:
    """One product's time with one company; None: from the beginning, until further notice."""

    company: str
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose each product is.

    Attributes:
        products: by code, its times with companies, in order; without a gap between the first and the last.
    """

    products: Mapping[str, Sequence[Owned]] = field(default_factory=dict)

    def owner(self, code: str, day: date) -> str | None:
        """The company that a product belongs to on a day; None where no catalogue has it."""
        times = self.products.get(code, ())
        return next((one.company for one in times if one.last is None or day <= one.last), None)

    def codes(self, company: str, day: date) -> tuple[str, ...]:
        """The products that belong to a company on a day, in the order of the catalogues."""
        return tuple(code for code in self.products if self.owner(code, day) == company)

    @property
    def companies(self) -> frozenset[str]:
        """All that own or owned anything."""
        return frozenset(one.company for times in self.products.values() for one in times)

    @property
    def changes(self) -> tuple[date, ...]:
        """The days from which on any product had another owner, ascending."""
        return tuple(sorted({one.first for times in self.products.values() for one in times if one.first is not None}))


def ownership_of(catalogues: Iterable[Catalogue], path: Path) -> Ownership:
    """Whose the products of the catalogues are that name a company; ``path`` may be missing.

    Raises:
        DefinitionError: a line of the file cannot be read, speaks of no product, or a product has no or two owners on
            some day; each message has the line.
    """
    present = {code: row[_COMPANY] for one in catalogues if _COMPANY in one.columns for code, row in one.rows.items()}
    changed = _read(path, present) if path.exists() else {}
    return Ownership({code: changed.get(code, (Owned(company),)) for code, company in present.items()})


def _read(path: Path, present: Mapping[str, str]) -> dict[str, Sequence[Owned]]:
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    if tuple(next(reader, ())) != _HEADER:
        raise DefinitionError([f"{path}, line 1: the columns are {','.join(_HEADER)}"])
    problems: list[str] = []
    lines: dict[str, list[tuple[int, Owned]]] = defaultdict(list)
    try:
        for values in reader:
            if values:
                at = f"{path}, line {reader.line_num}"
                found = _line(at, values, present, problems)
                if found is not None:
                    lines[values[0]].append((reader.line_num, found))
    except csv.Error as error:
        problems.append(f"{path}, line {reader.line_num}: {error}")
    if not problems:
        problems += [f"{path}, {one}" for code, its in lines.items() for one in _gaps(code, its, present[code])]
    if problems:
        raise DefinitionError(problems)
    return {code: tuple(owned for _, owned in its) for code, its in lines.items()}


def _line(at: str, values: Sequence[str], present: Mapping[str, str], problems: list[str]) -> Owned | None:
    if len(values) != len(_HEADER):
        problems.append(f"{at}: {len(values)} values for {len(_HEADER)} columns")
        return None
    code, company, *days = values
    if code not in present:
        problems.append(f"{at}: no catalogue with companies has a product {code}")
    if not company.strip():
        problems.append(f"{at}: company is empty")
    read: list[date | None] = []
    for name, day in zip(_HEADER[2:], days, strict=True):
        try:
            read.append(date.fromisoformat(day) if day else None)
        except ValueError:
            problems.append(f"{at}: {name} is no day: write it as 2021-01-31")
            return None
    return Owned(company, *read)


def _gaps(code: str, lines: Sequence[tuple[int, Owned]], present: str) -> Iterator[str]:
    """What keeps a product from having one owner on every day."""
    due: date | None = None
    for place, (number, one) in enumerate(lines):
        if one.first != due:
            begins = "is empty, for it is the first" if due is None else f"is {due}, the day after the line before"
            yield f"line {number}: from of {code} {begins}"
        last = place == len(lines) - 1
        if last != (one.last is None):
            yield f"line {number}: until of {code} is {'empty, for it is the last' if last else 'missing'}"
            return
        if one.last is not None:
            if one.first is not None and one.last < one.first:
                yield f"line {number}: until of {code} lies before from"
            due = one.last + timedelta(days=1)
    if lines[-1][1].company != present:
        yield f"line {lines[-1][0]}: {code} is {present}'s in its catalogue, and must be in its last line"
