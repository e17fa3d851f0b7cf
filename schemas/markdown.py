"""Tables in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def row(cells: Sequence[str]) -> str:
    """One line of a table, whatever stands in its cells."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def table_head(columns: Sequence[str]) -> list[str]:
    """The first two lines of a table."""
    return [row(columns), row(["---"] * len(columns))]


def code(text: str) -> str:
    """Text as it stands."""
    return f"`{text}`"
