"""What every reader yields: rows in slices, as columns of raw values, with their row numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

ROWS_PER_SLICE = 256
"""Small enough for a slice's values to stay in the processor's cache: 1,000 rows cost half as much again."""

FORM_COLUMN = "form"
PREVIOUS_PATIENT_COLUMN = "previous_patient"
REFUSED_ROW, REFUSED_BY, REFUSED_BECAUSE = "refused_row", "refused_by", "refused_because"
REFUSED_COLUMNS = (REFUSED_ROW, REFUSED_BY, REFUSED_BECAUSE)
"""The columns that a file of refused rows has before the original ones, so that it can be published again."""
REFUSED_TEXT = "refused_text"
"""One column more where a row could not even be split into columns."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one form out of one slice, not necessarily next to each other.

    Attributes:
        form: the form's name as the file gives it; None where it does not say.
        rows: the row numbers, from 1 for the first row of data.
        columns: raw values by column, each as long as ``rows``; an absent value is None or blank.
    """

    form: str | None
    rows: Sequence[int]
    columns: Mapping[str, Sequence[Any]]


class Broken(NamedTuple):
    """A row that cannot be read as columns: its number, why, and its text."""

    row: int
    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Slice:
    """Consecutive rows: every number from the one after the last slice's to ``last_row`` is in here."""

    last_row: int
    tables: tuple[Table, ...]
    broken: tuple[Broken, ...] = ()


class Source(Protocol):
    """Somewhere that rows come from: a file, or a data set.

    Attributes:
        beside: the path that the journal and the file of refused rows are named after.
        tabular: whether every row has the same columns, so that a missing one is missing everywhere.
        delimiter: the comma of the file of refused rows.
        decimal_comma: whether a comma in a number can only be a decimal comma.
        mapping: the name of the mapping that it comes with; None for a file, whose maker knows.
    """

    @property
    def beside(self) -> Path: ...  # noqa: D102 - described above
    @property
    def tabular(self) -> bool: ...  # noqa: D102 - described above
    @property
    def delimiter(self) -> str: ...  # noqa: D102 - described above
    @property
    def decimal_comma(self) -> bool: ...  # noqa: D102 - described above
    @property
    def mapping(self) -> str | None: ...  # noqa: D102 - described above

    def fingerprint(self) -> str:
        """What the content is, so that a run is continued on the same content only."""

    def total_rows(self) -> int:
        """About how many rows there are, for the progress bar."""

    def slices(self) -> Iterator[Slice]:
        """All rows from the first on; the same every time.

        Raises:
            InputError: the content cannot be read.
        """


def is_absent(raw: object) -> bool:
    """Whether a raw value says nothing: null, or blank text."""
    return raw is None or (isinstance(raw, str) and not raw.strip())
