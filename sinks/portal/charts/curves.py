"""Lines, one for each series: over days, or over a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sinks.portal.charts.look import SERIES, axis, base, told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sinks.portal.charts.look import Spec
    from sinks.portal.portal import Language

_LONG = 20
_MOST_YEARS = 12
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")


class Step(NamedTuple):
    """A point of one series' line over days."""

    day: date
    series: str
    value: float


class At(NamedTuple):
    """A point of one series' line over a number."""

    number: float
    series: str
    value: float


def lines(
    rows: Sequence[Step],
    series: Sequence[str],
    *,
    value_title: str,
    share: bool = False,
    step: bool = False,
    language: Language = "en",
) -> Spec:
    """A line for each series over days, told apart by colour and by the shape of its points.

    Args:
        rows: the points.
        series: their names, in the legend's order; at most seven.
        value_title: title of the axis.
        share: whether values are shares.
        step: whether a value holds until the next.
        language: of numbers and months.
    """
    time = {"field": "at", "type": "temporal", "axis": _time_axis(rows), "scale": {"type": "utc"}}
    values = [{"at": one.day.isoformat(), "series": one.series, "value": one.value} for one in rows]
    said = {"field": "at", "type": "temporal", "format": "%Y-%m-%d", "title": " "}
    value = {"field": "value", "type": "quantitative", "axis": axis(value_title, share=share)}
    tips = (said, told("value", value_title, share=share))
    return _by_series(values, series, time, value, tips, step=step, language=language)


def _time_axis(rows: Sequence[Step]) -> Spec:
    """Years alone, where every point is of a year."""
    days = {one.day for one in rows}
    if all((day.month, day.day) == (1, 1) for day in days):
        return axis("", grid=False, format="%Y", tickCount={"interval": "year", "step": 1 + len(days) // _MOST_YEARS})
    return axis("", grid=False, tickCount=8)


def curves(
    rows: Sequence[At],
    series: Sequence[str],
    *,
    number_title: str,
    value_title: str,
    share: bool = False,
    log: bool = False,
    log_values: bool = False,
    step: bool = False,
    language: Language = "en",
) -> Spec:
    """A line for each series over a number.

    Args:
        rows: the points.
        series: their names, in the legend's order; at most seven.
        number_title: title of the axis of numbers.
        value_title: title of the axis of values.
        share: whether values are shares.
        log: whether the number's axis is logarithmic.
        log_values: whether that of the values is.
        step: whether a value holds until the next, as survival does.
        language: of numbers.
    """
    number = {
        "field": "at",
        "type": "quantitative",
        "axis": axis(number_title, grid=False),
        "scale": {"type": "log" if log else "linear"},
    }
    value = {
        "field": "value",
        "type": "quantitative",
        "axis": axis(value_title, share=share),
        "scale": {"type": "log" if log_values else "linear"},
    }
    values = [{"at": one.number, "series": one.series, "value": one.value} for one in rows]
    tips = (told("at", number_title), told("value", value_title, share=share))
    return _by_series(values, series, number, value, tips, step=step, language=language)


def _by_series(
    values: Sequence[Spec],
    series: Sequence[str],
    across: Spec,
    up: Spec,
    tips: Sequence[Spec],
    *,
    step: bool = False,
    language: Language,
) -> Spec:
    which: Mapping[str, object] = {"field": "series", "type": "nominal", "title": None}
    below_each_other = {"columns": 1} if max(map(len, series), default=0) > _LONG else {}
    legend = {"legend": None if len(series) == 1 else below_each_other}
    colour = {**which, "scale": {"domain": list(series), "range": list(SERIES[: len(series)])}, **legend}
    shape = {**which, "scale": {"domain": list(series), "range": list(_SHAPES[: len(series)])}, **legend}
    points = {"x": across, "y": up, "color": colour, "shape": shape}
    return base(
        {
            "data": {"values": list(values)},
            "layer": [
                {
                    "mark": {"type": "line", "interpolate": "step-after" if step else "linear"},
                    "encoding": {"x": across, "y": up, "color": colour},
                },
                {
                    "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                    "encoding": {**points, "tooltip": [{"field": "series", "title": " "}, *tips]},
                },
            ],
        },
        language,
    )
