"""Lines over time: a line for each series, told apart by colour and by shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sinks.portal.charts.look import SERIES, axis, base, told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sinks.portal.charts.look import Spec
    from sinks.portal.portal import Language

_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")


class Step(NamedTuple):
    """A point of one series' line."""

    day: date
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
    """A line for each series, told apart by colour and by the shape of its points.

    Args:
        rows: the points.
        series: their names, in the legend's order.
        value_title: title of the axis.
        share: whether values are shares.
        step: whether a value holds until the next, as survival does.
        language: of numbers and months.
    """
    time = {"field": "day", "type": "temporal", "axis": axis("", grid=False), "scale": {"type": "utc"}}
    value = {"field": "value", "type": "quantitative", "axis": axis(value_title, share=share)}
    which = {"field": "series", "type": "nominal", "title": None}
    colour = {**which, "scale": {"domain": list(series), "range": list(SERIES[: len(series)])}}
    shape = {**which, "scale": {"domain": list(series), "range": list(_SHAPES[: len(series)])}}
    return base(
        {
            "data": {"values": [{**one._asdict(), "day": one.day.isoformat()} for one in rows]},
            "layer": [
                {
                    "mark": {"type": "line", "interpolate": "step-after" if step else "linear"},
                    "encoding": {"x": time, "y": value, "color": colour},
                },
                {
                    "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                    "encoding": {
                        "x": time,
                        "y": value,
                        "color": colour,
                        "shape": shape,
                        "tooltip": [
                            {"field": "series", "title": " "},
                            {"field": "day", "type": "temporal", "format": "%Y-%m-%d", "title": " "},
                            told("value", value_title, share=share),
                        ],
                    },
                },
            ],
        },
        language,
    )
