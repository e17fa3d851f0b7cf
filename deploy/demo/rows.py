"""What the invented histories of all registries share: rows about a person, and the file that they are written to."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Generic, Protocol, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Plan = TypeVar("Plan")

Row: TypeAlias = dict[str, object]
"""One registration as it is submitted: ``form``, ``person``, then the form's fields except ``patient``.

Values are Python's own: str, int, float, bool, date, datetime (UTC), list of str, None.
"""
Submission: TypeAlias = tuple[datetime, Row]
"""When a row was sent (UTC), and the row."""


@dataclass(frozen=True)
class Invented(Generic[Plan]):
    """A generated history: its plan, and every submission in the order of sending."""

    plan: Plan
    rows: list[Row]


class Drawing:
    """What a history is drawn with: dice of a seed, numbers for registrations, and all that was sent so far."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)  # nosec B311
        self._numbers = defaultdict[str, "Iterator[int]"](lambda: count(1))
        self._sent: list[Submission] = []

    def _id(self, unit: str, letter: str) -> str:
        series = f"{unit}-{letter}"
        return f"{series}{next(self._numbers[series]):05d}"

    def _send(self, row: Row, at: datetime | None = None) -> Row:
        self._sent.append((at or cast("datetime", row["recorded_at"]), row))
        return row


class HasRows(Protocol):
    """A history: every submission in the order of sending."""

    @property
    def rows(self) -> list[Row]:
        """The submissions."""


def row_about(form: str, person: str, registration_id: str, day: date, recorded: datetime, **fields: object) -> Row:
    """One registration that stands."""
    return {
        "form": form,
        "person": person,
        "registration_id": registration_id,
        "occurred_on": day,
        "recorded_at": recorded,
        "retracted": False,
        **fields,
    }


def recorded_after(rng: Random, day: date, *, within_days: int) -> datetime:
    """A time in office hours (UTC), on the day or some days later."""
    seconds = rng.randrange(7 * 3600, 16 * 3600)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start + timedelta(days=rng.randint(0, within_days), seconds=seconds)


def in_order(submissions: list[Submission]) -> list[Row]:
    """The rows in the order of sending."""
    return [row for _, row in sorted(submissions, key=lambda submission: submission[0])]


def by_month(rows: Sequence[Row], first: date) -> dict[str, list[Row]]:
    """The rows in their order: those recorded before a month, month by month, the rest; each part with its name.

    Args:
        rows: in the order of sending; one that repeats an earlier one goes where it was sent.
        first: a day of the month from which on they are kept apart, to the end of the year; the rest is one part.
    """
    parts: dict[str, list[Row]] = {"": []}
    reached, name = first.replace(day=1), ""
    until = date(first.year + 1, 1, 1)
    for row in rows:
        recorded = cast("datetime", row["recorded_at"]).date()
        if recorded >= reached:
            name = f"-{recorded:%Y-%m}" if recorded < until else f"-{until.year}"
            following = (recorded.replace(day=1) + timedelta(days=32)).replace(day=1)
            reached = following if recorded < until else date.max
        parts.setdefault(name, []).append(row)
    return parts


def write_ndjson(history: HasRows, path: Path) -> int:
    """Write one JSON object per line, ``form`` first, dates as ISO 8601, timestamps with Z.

    Returns:
        How many lines were written.
    """
    with path.open("w", encoding="utf-8") as lines:
        for row in history.rows:
            lines.write(json.dumps(row, ensure_ascii=False, default=_as_text) + "\n")
    return len(history.rows)


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a row holds a {type(value).__name__}: the file can hold text, numbers, truth values, days, times")
