"""An indicator of one place over time: a control chart, and whether its runs tell of a change. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sinks.portal.charts.over_time import Point
from streams.statistics.charts import control_chart, runs_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.definition.indicators import Indicator
    from sinks.clickhouse.queries.estimates import Estimate
    from sinks.clickhouse.queries.indicators import IndicatorRow
    from streams.statistics.charts import ControlChart, RunsRules

FEWEST = 10
"""Periods that it takes before runs are spoken of."""
_FEWEST_LIMITS = 3


@dataclass(frozen=True, slots=True)
class Followed:
    """A place over time.

    Attributes:
        points: of each period that is shown, by rising day.
        centre: the centre line; None where there are too few periods for one.
        rules: what the runs of mature periods tell; None where there are too few, or where periods overlap.
    """

    points: Sequence[Point]
    centre: float | None
    rules: RunsRules | None

    @property
    def signal(self) -> bool:
        """Whether its runs tell of a change."""
        return self.rules is not None and self.rules.signal


def follow(indicator: Indicator, rows: Sequence[IndicatorRow], *, overlapping: bool = False) -> Followed:
    """Follow one place.

    Limits and runs are of periods whose follow-up is over; younger ones are shown, and judged by nothing. Periods
    that overlap repeat each other, so that neither limits nor runs have a meaning.

    Args:
        indicator: what is followed.
        rows: its rows, all of one place and without breakdown.
        overlapping: whether periods overlap.
    """
    shown = [
        (row.first_day, row.estimate, row.mature)
        for row in sorted(rows, key=lambda row: row.last_day)
        if row.estimate is not None and row.estimate.value is not None and row.first_day is not None
    ]
    mature = [estimate for _, estimate, old_enough in shown if old_enough]
    chart = None if overlapping or len(mature) < _FEWEST_LIMITS else _chart(indicator, mature)
    points, at = [], 0
    for day, estimate, old_enough in shown:
        value = float(estimate.value or 0.0)
        if chart is None or not old_enough:
            points.append(Point(day, value, young=not old_enough))
            continue
        lower, upper = float(chart.lower[at]), float(chart.upper[at])
        points.append(Point(day, value, lower, upper, outside=bool(chart.outside[at])))
        at += 1
    if chart is None:
        return Followed(points, None, None)
    rules = runs_rules(chart.values, chart.centre) if len(mature) >= FEWEST else None
    return Followed(points, chart.centre, rules)


def _chart(indicator: Indicator, estimates: Sequence[Estimate]) -> ControlChart:
    match indicator.kind:
        case "proportion":
            return control_chart("p", [one.events or 0 for one in estimates], [one.n for one in estimates])
        case "rate":
            exposures = np.array([one.years or 0.0 for one in estimates]) / indicator.per_years
            return control_chart("u", [one.events or 0 for one in estimates], exposures)
        case "count":
            return control_chart("c", [one.n for one in estimates])
        case _:
            return control_chart("I", [one.value or 0.0 for one in estimates])
