"""Charts are drawn without a browser, and say what they are given: classes at their edges, numbers as written."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from sinks.portal.charts.comparison import FunnelLimits, FunnelPoint, LeagueRow, funnel, league
from sinks.portal.charts.curves import At, Step, curves, lines
from sinks.portal.charts.drawing import svg_of
from sinks.portal.charts.over_time import Bar, Point, bars, control
from sinks.portal.charts.tiles import CLASSES, Tile, class_of, tile_map

if TYPE_CHECKING:
    from sinks.portal.charts.comparison import Standing

_SAID: dict[Standing, str] = {"inside": "like the country", "outside 95": "perhaps", "outside 99.8": "apart"}


def test_a_funnel_names_only_who_is_apart() -> None:
    points = [
        FunnelPoint("U1 First clinic", "U1", 50, 0.04, "inside"),
        FunnelPoint("U2 Second clinic", "U2", 80, 0.12, "outside 99.8"),
    ]
    limits = [FunnelLimits(40, 0.0, 0.1, 0.0, 0.15), FunnelLimits(90, 0.01, 0.08, 0.0, 0.11)]
    said = svg_of(
        funnel(
            points, limits, centre=0.03, size_title="operations", value_title="reoperated", standings=_SAID, share=True
        )
    )
    assert ">U2<" in said
    assert ">U1<" not in said
    assert all(f">{words}<" in said for words in _SAID.values())


def test_a_league_keeps_its_order_and_shows_units_without_limits() -> None:
    rows = [LeagueRow("Zeta", 2.0, 1.0, 3.0, "inside"), LeagueRow("Alpha", 5.0, None, None, "inside")]
    said = svg_of(league(rows, value_title="days", centre=3.0, target=2.5, target_title="target"))
    assert said.index(">Zeta<") < said.index(">Alpha<")
    assert ">target<" in said


def test_shares_and_months_are_written_as_in_swedish() -> None:
    points = [Point(date(2024, month, 1), 0.030 + month * 0.001) for month in range(1, 9)]
    said = svg_of(control(points, centre=0.035, value_title="andel", share=True, language="sv"))
    assert "3,5\N{NO-BREAK SPACE}%" in said
    assert ">maj<" in said
    english = svg_of(control(points, centre=0.035, value_title="share", share=True))
    assert "3.5\N{NO-BREAK SPACE}%" in english
    assert ">May<" in english


def test_bars_are_stacked_in_the_order_given() -> None:
    rows = [Bar(datetime(2024, 5, 1, hour, tzinfo=UTC), which, 3) for hour in (1, 2) for which in ("taken", "refused")]
    said = svg_of(bars(rows, ["taken", "refused"], per="hour", number_title="submissions"))
    assert ">1 May 01:00<" in said
    assert said.index(">taken<") < said.index(">refused<")


def test_lines_have_one_legend_of_colour_and_shape() -> None:
    rows = [Step(date(year, 1, 1), which, year / 10) for year in (2020, 2021) for which in ("north", "south")]
    said = svg_of(lines(rows, ["north", "south"], value_title="rate"))
    assert said.count(">north<") == 1


def test_a_curve_over_a_number_may_be_logarithmic_and_alone_has_no_legend() -> None:
    rows = [At(number, "watch", value) for number, value in ((0.1, 4.2), (1.0, 6.5), (10.0, 23.0))]
    said = svg_of(curves(rows, ["watch"], number_title="expected a year", value_title="statistic", log=True))
    assert ">0.1<" in said
    assert ">10<" in said
    assert ">watch<" not in said


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 0), (0.4999, 0), (0.5, 1), (0.7, 2), (0.8, 3), (0.899, 3), (0.9, 4), (1.4, 4)]
)
def test_a_class_begins_at_its_lower_bound(share: float, expected: int) -> None:
    assert class_of(share) == expected
    lower, upper = CLASSES[expected]
    assert lower <= share
    assert upper is None or share < upper


def test_a_tile_without_a_share_is_there_and_says_so() -> None:
    tiles = [Tile("North", "First", 0.95, "95 %"), Tile("South", "Second", None, "no counts")]
    classes = {number: f"class {number}" for number in range(len(CLASSES))}
    said = svg_of(tile_map(tiles, legend="coverage", nothing="not known", classes=classes))
    assert all(f">{text}<" in said for text in ("First", "95 %", "Second", "no counts", "not known", "class 4"))
