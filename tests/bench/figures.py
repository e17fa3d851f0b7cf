"""What was measured: every round's figure by name, with what is aimed at; as a table and as JSON."""

from __future__ import annotations

import statistics
from typing import Any

from rich.table import Table

_SMALL = 100


class Figures:
    """All figures so far, in the order in which they came, and the parts that failed."""

    def __init__(self) -> None:
        self.rounds: dict[str, list[float]] = {}
        self.aims: dict[str, str] = {}
        self.failures: dict[str, str] = {}

    def note(self, figure: str, value: float, aim: str = "") -> None:
        """Keep one round's figure; ``aim`` is what it should be, in words."""
        self.rounds.setdefault(figure, []).append(value)
        if aim:
            self.aims[figure] = aim

    def peak(self, figure: str, value: float) -> None:
        """Keep a figure of which only the highest counts."""
        self.rounds[figure] = [max(value, *self.rounds.get(figure, [value]))]

    def median(self, figure: str) -> float:
        """The median of a figure's rounds."""
        return statistics.median(self.rounds[figure])

    def table(self) -> Table:
        """Medians, with the lowest and highest round."""
        table = Table("figure", "median", "lowest", "highest", "aim")
        for column in table.columns[1:4]:
            column.justify = "right"
        for name, values in self.rounds.items():
            numbers = (statistics.median(values), min(values), max(values))
            shown = [_shown(number) for number in numbers]
            table.add_row(name, shown[0], *(shown[1:] if len(values) > 1 else ("", "")), self.aims.get(name, ""))
        for section, why in self.failures.items():
            table.add_row(section, f"[red]failed: {why}[/]", "", "", "")
        return table

    def as_json(self) -> dict[str, Any]:
        """Everything."""
        found = {
            name: {"median": statistics.median(values), "rounds": values, "aim": self.aims.get(name, "")}
            for name, values in self.rounds.items()
        }
        return {"figures": found, "failures": self.failures}


def _shown(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= _SMALL else f"{number:,.2f}"
