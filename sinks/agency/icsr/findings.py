"""What is wrong with a report: which element, where, and what to do."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A rule that is broken.

    Attributes:
        element: its number in ICH's table, such as E.i.2.1b; a section's where the whole section is meant.
        place: which repetition, such as ``N.2.r[1] E.i[2]``, counted from 1; empty in the batch itself.
        text: what is wrong and what to do, without the value.
    """

    element: str
    place: str
    text: str

    def __str__(self) -> str:
        """All of it, as people are told."""
        where = f" ({self.place})" if self.place else ""
        return f"{self.element}{where}: {self.text}"


class Path(NamedTuple):
    """Repetitions of sections, from the outermost."""

    steps: tuple[tuple[str, int], ...] = ()

    def into(self, section: str, index: int) -> Path:
        """The index-th repetition of a section, from 0."""
        return Path((*self.steps, (section, index + 1)))

    def __str__(self) -> str:
        """As a finding tells it."""
        return " ".join(f"{section}[{number}]" for section, number in self.steps)
