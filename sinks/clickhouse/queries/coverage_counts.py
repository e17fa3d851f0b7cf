"""What coverage is made of, out of ClickHouse: registrations by unit and month, their delay, uploaded counts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.definition.coverage_checks import UNITS
from sinks.clickhouse import sql
from sinks.clickhouse.queries.coverage_shares import Bounds, Delay, Told, UnitMonth, mature_months
from sinks.clickhouse.recompute.fields import Value, day_of, period_of, role_text
from sinks.clickhouse.recompute.journeys import ANCHOR, Journeys
from sinks.clickhouse.recompute.statement import column

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from schemas.definition.coverage import Coverage
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

_LEAST_SUPPRESSED = 1
"""A source that hides small numbers tells 0 as 0: where it writes <5 there was something."""


@dataclass(frozen=True, slots=True)
class Day:
    """What one unit recorded on one day.

    Attributes:
        recorded_on: the day (UTC).
        registered: how many registrations.
        latest_on: the latest day that they tell of.
        late: how many of them came late.
    """

    recorded_on: date
    registered: int
    latest_on: date
    late: int


class NoCoverageError(ValueError):
    """The registry cannot be held against anything; the message says why."""


class Counted:
    """The living registrations that a registry's coverage counts, as subqueries of one statement each time.

    Args:
        client: the way to ClickHouse.
        definition: the registry.

    Raises:
        NoCoverageError: it declares no coverage.
    """

    def __init__(self, client: Client, definition: RegistryDefinition) -> None:
        if definition.coverage is None:
            raise NoCoverageError(f"registry {definition.name} has no coverage.yaml")
        self.coverage: Coverage = definition.coverage
        self.client = client
        self.definition = definition
        self.units: Mapping[str, Mapping[str, str]] = definition.catalogues[UNITS].rows

    def latest_day(self) -> date | None:
        """The latest day on which something was recorded; None where nothing was."""
        journeys = Journeys(self.definition)
        found: date | None = self.client.rows(
            journeys.statement.finish(f"SELECT maxOrNull(toDate32(_recorded_on)) FROM {self._counted(journeys, None)}")
        )[0][0]
        return found

    def by_unit_and_month(self, until: date) -> dict[str, dict[date, int]]:
        """How many were registered by (the end of) a day, of what happened by then."""
        journeys = Journeys(self.definition)
        found: dict[str, dict[date, int]] = defaultdict(dict)
        for unit, month, number in self.client.rows(
            journeys.statement.finish(
                f"SELECT _unit, {period_of('_on', 'month')} AS month, count() FROM {self._counted(journeys, until)} "
                "GROUP BY _unit, month"
            )
        ):
            found[unit][month] = number
        return found

    def delay(self, until: date) -> Delay:
        """How long the registrations of the latest mature months took; one recorded before its day took none."""
        lag = self.coverage.lag
        first, last = mature_months(until, lag.mature_after_days, lag.estimated_over_months)
        journeys = Journeys(self.definition)
        rows = self.client.rows(
            journeys.statement.finish(
                f"SELECT greatest(_recorded_on - _on, 0) AS days, count() FROM {self._counted(journeys, until)} "
                f"WHERE {period_of('_on', 'month')} BETWEEN {{first:Date32}} AND {{last:Date32}} GROUP BY days"
            ),
            {"first": first.isoformat(), "last": last.isoformat()},
        )
        return Delay(dict(rows))

    def told(self) -> dict[str, dict[date, dict[str, Told]]]:
        """The uploaded counts by unit, month and measure."""
        found: dict[str, dict[date, dict[str, Told]]] = defaultdict(lambda: defaultdict(dict))
        counts = sql.table(sql.database_of(self.definition.name), "unit_counts")
        for unit, month, measure, count, below, as_of in self.client.rows(
            f"SELECT unit, period, measure, count, below, as_of FROM {counts} FINAL "
            "WHERE measure IN {measures:Array(String)} AND (count IS NOT NULL OR below > {least:UInt32})",
            {"measures": list(self.coverage.counts), "least": _LEAST_SUPPRESSED},
        ):
            bounds = Bounds(_LEAST_SUPPRESSED, below - 1) if count is None else Bounds(count, count)
            found[unit][month][measure] = Told(bounds, as_of)
        return found

    def unit_months(self, until: date) -> dict[str, dict[date, UnitMonth]]:
        """Every unit and month with registrations or counts."""
        registered, told = self.by_unit_and_month(until), self.told()
        return {
            unit: {
                month: UnitMonth(registered.get(unit, {}).get(month, 0), told.get(unit, {}).get(month, {}))
                for month in sorted(registered.get(unit, {}).keys() | told.get(unit, {}).keys())
            }
            for unit in sorted(registered.keys() | told.keys())
        }

    def daily(self, until: date, late_after_days: int, unit: str | None = None) -> dict[str, list[Day]]:
        """What each unit, or one, recorded on each day that it recorded anything, earliest first, by a day's end."""
        journeys = Journeys(self.definition)
        counted = self._counted(journeys, until, every=True)
        found: dict[str, list[Day]] = defaultdict(list)
        of_one = "" if unit is None else "WHERE _unit = {unit:String} "
        for at, *told in self.client.rows(
            journeys.statement.finish(
                "SELECT _unit, toDate32(_recorded_on) AS recorded_on, count(), toDate32(max(_on)), "
                f"countIf(_recorded_on - _on > {int(late_after_days)}) FROM {counted} "
                f"{of_one}GROUP BY _unit, recorded_on ORDER BY _unit, recorded_on"
            ),
            {"unit": unit or ""},
        ):
            found[at].append(Day(*told))
        return found

    def _counted(self, journeys: Journeys, until: date | None, *, every: bool = False) -> str:
        """One row per registration: _unit, _on (its day) and _recorded_on, both in days since 1970.

        Args:
            journeys: the statement that it will be a subquery of.
            until: what was recorded, and happened, by then; None for all.
            every: also those that ``once_per`` leaves out.
        """
        form = self.definition.forms[self.coverage.form]
        unit = role_text(self.definition, form.name, "unit", ANCHOR)
        recorded = day_of(Value(column(ANCHOR, form.name_of("recorded_at")), "timestamp"))
        query = (
            f"SELECT {unit} AS _unit, {column(ANCHOR, '_day')} AS _on, {recorded} AS _recorded_on\n"
            f"FROM {journeys.living(form.name)} AS {ANCHOR}\n"
            f"WHERE {journeys.condition(self.coverage.where, form.name)}"
        )
        if until is not None:
            last = f"toInt32(toDate32({sql.text(until.isoformat())}))"
            query += f" AND _on <= {last} AND _recorded_on <= {last}"
        if self.coverage.once_per is not None and not every:
            patient, month = column(ANCHOR, "_patient"), period_of("_on", "month")
            recorded_last = ", ".join(f"{column(ANCHOR, name)} DESC" for name in ("_recorded", "_id"))
            query += f"\nORDER BY _on DESC, {recorded_last}\nLIMIT 1 BY {patient}, {month}"
        return journeys.statement.subquery("counted", query)
