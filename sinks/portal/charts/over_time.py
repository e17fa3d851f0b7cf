"""Charts over time: the control chart with its runs, and bars of what came in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from sinks.portal.charts.look import BLUE, GREY, INK, RED, SERIES, axis, base, told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from sinks.portal.charts.look import Spec
    from sinks.portal.portal import Language


_BARS = {
    "hour": ("utcyearmonthdatehours", "%-d %b %H:00", "hours", 6),
    "day": ("utcyearmonthdate", "%-d %b %Y", "date", 7),
}
_FEW = 8


class Point(NamedTuple):
    """A point of a control chart.

    Attributes:
        day: the first day of its period.
        value: what is plotted.
        lower: lower control limit; None where there is none.
        upper: upper control limit; likewise.
        outside: whether it lies beyond them.
        young: whether it can still change much; drawn hollow, in no rule.
    """

    day: date
    value: float
    lower: float | None = None
    upper: float | None = None
    outside: bool = False
    young: bool = False


class Bar(NamedTuple):
    """How many of one series began at a moment."""

    start: datetime
    series: str
    number: int


def control(
    points: Sequence[Point],
    *,
    centre: float | None,
    value_title: str,
    signal: bool = False,
    target: float | None = None,
    share: bool = False,
    language: Language = "en",
) -> Spec:
    """A run chart, with control limits where the points have them.

    Args:
        points: by rising day.
        centre: the centre line; dashed where the runs tell of a change that no single point shows.
        value_title: title of the axis.
        signal: whether the runs do so.
        target: what to reach, dotted; None for none.
        share: whether values are shares.
        language: of numbers and months.
    """
    rows = [{**one._asdict(), "day": one.day.isoformat()} for one in points]
    time = {"field": "day", "type": "temporal", "axis": axis("", grid=False, tickCount=8), "scale": {"type": "utc"}}
    value = {"field": "value", "type": "quantitative", "axis": axis(value_title, share=share), "scale": {"zero": False}}
    limits = [
        {
            "transform": [{"filter": f"isValid(datum.{field})"}],
            "mark": {"type": "line", "interpolate": "step", "strokeDash": [3, 3], "color": GREY},
            "encoding": {"x": time, "y": {**value, "field": field}},
        }
        for field in ("lower", "upper")
    ]
    drawn: list[Spec] = [
        *limits,
        {"mark": {"type": "line", "color": BLUE}, "encoding": {"x": time, "y": value}},
        {
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1, "stroke": BLUE, "strokeWidth": 2},
            "encoding": {
                "x": time,
                "y": value,
                "shape": {
                    "condition": {"test": "datum.outside", "value": "square"},
                    "value": "circle",
                },
                "fill": {
                    "condition": [
                        {"test": "datum.outside", "value": RED},
                        {"test": "datum.young", "value": "#ffffff"},
                    ],
                    "value": BLUE,
                },
                "tooltip": [
                    {"field": "day", "type": "temporal", "format": "%Y-%m-%d", "title": " "},
                    told("value", value_title, share=share),
                ],
            },
        },
    ]  # fmt: skip
    if centre is not None:
        look = {"color": RED if signal else INK, "strokeDash": [8, 4] if signal else [1, 0], "size": 2}
        drawn.insert(0, _level(centre, value, look))
    if target is not None:
        drawn.insert(0, _level(target, value, {"color": GREY, "strokeDash": [1, 4]}))
    return base({"data": {"values": rows}, "layer": drawn}, language)


def bars(
    rows: Sequence[Bar],
    series: Sequence[str],
    *,
    per: Literal["hour", "day"],
    number_title: str,
    language: Language = "en",
) -> Spec:
    """Stacked bars of how many came in.

    Args:
        rows: of every series and moment that has any.
        series: their names, the first one at the bottom.
        per: what one bar lasts.
        number_title: title of the axis of numbers.
        language: of numbers and months.
    """
    values = [
        {"start": one.start.isoformat(), "series": one.series, "number": one.number, "order": series.index(one.series)}
        for one in rows
    ]
    unit, look, interval, wide = _BARS[per]
    few = len({one.start for one in rows}) <= _FEW
    moments = axis("", grid=False, format=look, tickCount={"interval": interval, "step": 1 if few else wide})
    return base(
        {
            "data": {"values": values},
            "mark": {"type": "bar", "binSpacing": 1},
            "encoding": {
                "x": {"field": "start", "type": "temporal", "timeUnit": unit, "axis": moments},
                "y": {"field": "number", "type": "quantitative", "axis": axis(number_title)},
                "color": {
                    "field": "series", "type": "nominal", "title": None,
                    "scale": {"domain": list(series), "range": list(SERIES[: len(series)])},
                },
                "order": {"field": "order"},
                "tooltip": [
                    {"field": "start", "type": "temporal", "timeUnit": unit, "format": look, "title": " "},
                    {"field": "series", "title": " "},
                    told("number", number_title),
                ],
            },
        },
        language,
    )  # fmt: skip


def _level(at: float, value: Spec, look: Spec) -> Spec:
    return {"data": {"values": [{"value": at}]}, "mark": {"type": "rule", **look}, "encoding": {"y": value}}
