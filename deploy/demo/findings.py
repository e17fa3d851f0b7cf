"""What one register's journeys came to: indicators, exposures, lists, and whether a second reading agrees."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from deploy.cli.verify import summary
from deploy.exposure_tables import exposure_table, list_tables
from deploy.indicator_tables import overview_table
from deploy.observe import wait_until
from deploy.words import Words, origin_line
from schemas.definition.indicators import UNRESOLVED
from sinks.clickhouse.generations import current_generation, is_caught_up
from sinks.clickhouse.queries.cell_sums import Cut
from sinks.clickhouse.queries.exposures import ExposureReading, read_exposures
from sinks.clickhouse.queries.indicators import IndicatorReading, read_indicators
from sinks.clickhouse.queries.lists import ListReading, read_list
from sinks.clickhouse.recompute.verify import Verdict, verify

if TYPE_CHECKING:
    from rich.console import Console

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

_PATIENCE_S = 120.0
_MOST_PRODUCTS = 8
_MOST_ENTRIES = 5


@dataclass(frozen=True, slots=True)
class Findings:
    """One register as its journeys have it; ``lists`` begins with the outcomes that fit nothing, where there may be."""

    definition: RegistryDefinition
    indicators: IndicatorReading
    exposures: ExposureReading
    lists: list[ListReading]
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        """For ``guldadra demo --json``."""
        return {
            "generation": self.indicators.generation,
            "indicators": [asdict(row) for row in self.indicators.rows],
            "exposures": [asdict(row) for row in self.exposures.rows],
            "lists": {one.name: sum(one.units.values()) for one in self.lists},
            "compared": sum(one.rows for one in self.verdict.compared),
            "differences": sum(one.different for one in self.verdict.compared),
        }


def read_findings(client: Client, definition: RegistryDefinition) -> Findings:
    """Wait until the journeys have everything that is archived, then read and verify."""
    name = definition.name
    wait_until(
        lambda: (
            current_generation(client, name) == definition.generation
            and is_caught_up(client, name, definition.generation, patience_s=0.0)
        ),
        _PATIENCE_S,
    )
    verdict = verify(client, definition)
    names = [*([UNRESOLVED] if definition.journey.attributions else []), *definition.indicators.lists]
    return Findings(
        definition,
        read_indicators(client, definition, cut=Cut("nation", "year")),
        read_exposures(client, definition),
        [read_list(client, definition, one, limit=_MOST_ENTRIES) for one in names],
        verdict,
    )


def show_findings(console: Console, found: Findings) -> None:
    """The nation by year, the lists, the products most used, and the second reading."""
    words = Words("en")
    console.print(overview_table(found.definition, found.indicators, words))
    for one in found.lists:
        if one.entries:
            console.print(list_tables(found.definition, one, words)[-1])
        console.print(f"{one.name}: {sum(one.units.values()):,} entries at {len(one.units)} units\n")
    if found.exposures.rows:
        most = sorted(found.exposures.rows, key=lambda row: -row.exposures)[:_MOST_PRODUCTS]
        console.print(exposure_table(found.definition, _with(found.exposures, most)))
    console.print(origin_line(found.indicators.generation, found.indicators.through), style="dim", soft_wrap=True)
    console.print(f"verified: {summary(found.verdict)}\n")


def _with(reading: ExposureReading, rows: list[Any]) -> ExposureReading:
    return ExposureReading(reading.registry, reading.generation, reading.through, reading.until, rows)
