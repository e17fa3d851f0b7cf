"""What a rate rests on: how much of what is done is registered, and how late; shown beside every rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinks.clickhouse.queries.coverage import read_coverage
from sinks.clickhouse.queries.coverage_counts import Counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.coverage import CoverageRow

_MOST = 0.9


@dataclass(frozen=True, slots=True)
class Reporting:
    """Coverage and reporting lag of the whole country.

    Attributes:
        source: what the register is held against, in English.
        coverage: by year and definition; see ``CoverageRow``.
        registered: how many registrations the lag was learnt from.
        half_within: days within which half of them were recorded; None where there are none.
        most_within: days within which nine in ten were.
    """

    source: str
    coverage: Sequence[CoverageRow]
    registered: int
    half_within: int | None
    most_within: int | None


def read_reporting(client: Client, entitled: Entitled, *, until: date | None = None) -> Reporting | None:
    """The country's coverage by year, and its reporting lag; None where the registry declares no coverage.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    definition = entitled.definition
    if definition.coverage is None:
        return None
    counted = Counted(client, definition)
    as_of = until or counted.latest_day()
    if as_of is None:
        return Reporting(definition.coverage.source.en, (), 0, None, None)
    delay = counted.delay(as_of)
    reading = read_coverage(client, definition, place="nation", per="year", until=as_of)
    within = [_within(delay.by_days, share) for share in (0.5, _MOST)]
    return Reporting(reading.source, reading.rows, delay.registrations, *within)


def _within(by_days: Mapping[int, int], share: float) -> int | None:
    """The fewest days within which at least this share came."""
    wanted, so_far = share * sum(by_days.values()), 0
    for days in sorted(by_days):
        so_far += by_days[days]
        if so_far >= wanted:
            return days
    return None
