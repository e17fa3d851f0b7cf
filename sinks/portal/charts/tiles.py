"""The country as tiles: a tile for each county, the counties of a region in a row; and the same for units by variable.

It is no map of the land, and needs none: every county is as large as every other, so that no place is overlooked for
being small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sinks.portal.charts.look import INK, PALE, WIDTH, axis, base

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sinks.portal.charts.look import Spec
    from sinks.portal.portal import Language

_STEPS = (0.5, 0.7, 0.8, 0.9)
_COLOURS = ("#00224E", "#35456C", "#666970", "#A69D75", "#FEE838")  # cividis: told apart in every kind of sight
_DARK = 3
_TILE = 76


class Tile(NamedTuple):
    """One tile.

    Attributes:
        row: what its row is called.
        name: its own name.
        share: what it is coloured by, from 0; None where it is not known or not shown.
        said: what stands on it.
    """

    row: str
    name: str
    share: float | None
    said: str


def tile_map(
    tiles: Sequence[Tile], *, legend: str, nothing: str, classes: Mapping[int, str], language: Language = "en"
) -> Spec:
    """The tiles, each region's in a row of its own.

    Args:
        tiles: region by region.
        legend: what the colours mean.
        nothing: what tiles without a share are called in the legend.
        classes: what each of the five classes is called, from 0 for the lowest.
        language: of numbers.
    """
    rows = list(dict.fromkeys(one.row for one in tiles))
    seen: dict[str, int] = dict.fromkeys(rows, 0)
    values = []
    for one in tiles:
        step = None if one.share is None else class_of(one.share)
        values.append(
            {
                "region": one.row,
                "place": seen[one.row],
                "name": one.name,
                "said": one.said,
                "class": nothing if step is None else classes[step],
                "dark": step is not None and step < _DARK,
            }
        )
        seen[one.row] += 1
    domain = [*(classes[step] for step in range(len(_COLOURS))), nothing]
    across = {"field": "place", "type": "ordinal", "axis": None}
    down = {"field": "region", "type": "ordinal", "sort": rows, "axis": axis("", grid=False, ticks=False, domain=False)}
    ink = {"condition": {"test": "datum.dark", "value": "#ffffff"}, "value": INK}
    return base(
        {
            "data": {"values": values},
            "encoding": {"x": across, "y": down},
            "layer": [
                {
                    "mark": {"type": "rect", "stroke": "#ffffff", "strokeWidth": 4, "cornerRadius": 6},
                    "encoding": {
                        "color": {
                            "field": "class", "type": "nominal", "title": legend, "legend": {"columns": 2},
                            "scale": {"domain": domain, "range": [*_COLOURS, PALE]},
                        },
                        "tooltip": [{"field": "name", "title": " "}, {"field": "said", "title": legend}],
                    },
                },
                {
                    "mark": {"type": "text", "dy": -9, "limit": 110, "fontSize": 13},
                    "encoding": {"text": {"field": "name"}, "color": ink},
                },
                {
                    "mark": {"type": "text", "dy": 11, "fontSize": 15, "fontWeight": 600},
                    "encoding": {"text": {"field": "said"}, "color": ink},
                },
            ],
            "width": WIDTH,
            "height": _TILE * len(rows) + 70,
        },
        language,
    )  # fmt: skip


def class_of(share: float) -> int:
    """Which class a share is in, from 0 for the lowest."""
    return sum(share >= step for step in _STEPS)


CLASSES: Sequence[tuple[float, float | None]] = tuple(zip((0.0, *_STEPS), (*_STEPS, None), strict=True))
"""From which share to below which each class goes; the last has no end, for more may be registered than is known."""
