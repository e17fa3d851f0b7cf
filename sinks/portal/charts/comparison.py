"""Charts that compare units: the funnel, and the league with its intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from sinks.portal.charts.look import BLUE, GREY, INK, RED, SKY, WIDTH, axis, base, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinks.portal.charts.look import Spec
    from sinks.portal.portal import Language

Standing = Literal["inside", "outside 95", "outside 99.8"]
"""Where a unit lies among a funnel's limits."""

_ROW = 20
_SHAPES = {"inside": "circle", "outside 95": "diamond", "outside 99.8": "square"}
_COLOURS = {"inside": BLUE, "outside 95": SKY, "outside 99.8": RED}


class FunnelPoint(NamedTuple):
    """A unit of a funnel: its name, what is written at it where it stands out, its size and value, where that lies."""

    name: str
    label: str
    size: float
    value: float
    standing: Standing


class FunnelLimits(NamedTuple):
    """The limits at one size, of levels 95 and 99.8 %."""

    size: float
    lower: float
    upper: float
    far_lower: float
    far_upper: float


class LeagueRow(NamedTuple):
    """A unit of a league; without limits it is a point alone."""

    name: str
    value: float
    lower: float | None
    upper: float | None
    standing: Standing


def funnel(
    points: Sequence[FunnelPoint],
    limits: Sequence[FunnelLimits],
    *,
    centre: float,
    size_title: str,
    value_title: str,
    standings: dict[Standing, str],
    share: bool = False,
    language: Language = "en",
) -> Spec:
    """A funnel plot: units by size and value, and how far chance alone may take a unit of that size.

    Args:
        points: the units.
        limits: by rising size.
        centre: what they are held against.
        size_title: title of the axis of sizes.
        value_title: title of the axis of values.
        standings: the legend's words.
        share: whether values are shares.
        language: of numbers.
    """
    curves = [one._asdict() for one in limits]
    order: list[Standing] = ["inside", "outside 95", "outside 99.8"]
    size = {"field": "size", "type": "quantitative", "axis": axis(size_title, grid=False), "scale": {"zero": True}}
    value = {"field": "value", "type": "quantitative", "axis": axis(value_title, share=share), "scale": {"zero": False}}
    bands = [
        {
            "data": {"values": curves},
            "mark": {"type": "line", "strokeDash": dash, "color": GREY, "interpolate": "monotone"},
            "encoding": {"x": size, "y": {**value, "field": field}},
        }
        for field, dash in (("lower", [5, 3]), ("upper", [5, 3]), ("far_lower", [1, 0]), ("far_upper", [1, 0]))
    ]
    drawn = {
        "data": {"values": [{**one._asdict(), "said": standings[one.standing]} for one in points]},
        "mark": {"type": "point", "filled": True, "size": 90, "opacity": 0.9},
        "encoding": {
            "x": size,
            "y": value,
            "color": {
                "field": "said", "type": "nominal", "title": None, "legend": {"columns": 1},
                "scale": {"domain": [standings[one] for one in order], "range": [_COLOURS[one] for one in order]},
            },
            "shape": {
                "field": "said", "type": "nominal", "title": None, "legend": {"columns": 1},
                "scale": {"domain": [standings[one] for one in order], "range": [_SHAPES[one] for one in order]},
            },
            "tooltip": [
                {"field": "name", "title": " "},
                told("size", size_title),
                told("value", value_title, share=share),
                {"field": "said", "title": " "},
            ],
        },
    }  # fmt: skip
    named = {
        "data": {"values": [one._asdict() for one in points if one.standing == "outside 99.8"]},
        "mark": {"type": "text", "dx": 8, "align": "left", "baseline": "middle", "limit": 180},
        "encoding": {"x": size, "y": value, "text": {"field": "label"}},
    }
    line = {
        "data": {"values": [{"value": centre}]},
        "mark": {"type": "rule", "color": INK},
        "encoding": {"y": value},
    }
    return base({"layer": [line, *bands, drawn, named], "height": 380}, language)


def league(
    rows: Sequence[LeagueRow],
    *,
    value_title: str,
    centre: float | None = None,
    target: float | None = None,
    target_title: str = "",
    share: bool = False,
    language: Language = "en",
) -> Spec:
    """Units in their order with intervals, never a bare rank: what overlaps is seen to overlap.

    Args:
        rows: from the top.
        value_title: title of the axis.
        centre: the country's value, a line; None for none.
        target: what to reach, a dashed line; None for none.
        target_title: what stands at that line.
        share: whether values are shares.
        language: of numbers.
    """
    names = [one.name for one in rows]
    place = {"field": "name", "type": "nominal", "sort": names, "axis": axis("", grid=False)}
    values = [one._asdict() for one in rows]
    value = {"field": "value", "type": "quantitative", "axis": axis(value_title, share=share), "scale": {"zero": False}}
    domain: list[Standing] = ["inside", "outside 95", "outside 99.8"]
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "size": 2, "color": GREY},
            "encoding": {"y": place, "x": {**value, "field": "lower"}, "x2": {"field": "upper"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
            "encoding": {
                "y": place,
                "x": value,
                "color": {
                    "field": "standing", "legend": None,
                    "scale": {"domain": domain, "range": [_COLOURS[one] for one in domain]},
                },
                "shape": {
                    "field": "standing", "legend": None,
                    "scale": {"domain": domain, "range": [_SHAPES[one] for one in domain]},
                },
                "tooltip": [
                    {"field": "name", "title": " "},
                    told("value", value_title, share=share),
                    told("lower", "95 % \N{DOWNWARDS ARROW}", share=share),
                    told("upper", "95 % \N{UPWARDS ARROW}", share=share),
                ],
            },
        },
    ]  # fmt: skip
    if centre is not None:
        layers.insert(0, _line(centre, value, {"color": INK}))
    if target is not None:
        layers.insert(0, _line(target, value, {"color": GREY, "strokeDash": [4, 4]}))
        layers.append(
            {
                "data": {"values": [{"value": target, "text": target_title}]},
                "mark": {"type": "text", "align": "left", "dx": 4, "dy": -6, "baseline": "bottom"},
                "encoding": {"x": value, "y": {"value": 0}, "text": {"field": "text"}},
            }
        )
    return base(
        {"data": {"values": values}, "layer": layers, "width": WIDTH, "height": max(120, _ROW * len(rows) + 60)},
        language,
    )


def _line(at: float, value: Spec, look: Spec) -> Spec:
    return {"data": {"values": [{"value": at}]}, "mark": {"type": "rule", **look}, "encoding": {"x": value}}
