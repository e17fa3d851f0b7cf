"""What all charts look like: a light ground in every theme, colours that the colour-blind tell apart, one lettering.

Colours are those of Okabe M and Ito K (2008), Color universal design. A chart never rests on colour alone: shape, place
or words say the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinks.portal.portal import Language

Spec = dict[str, Any]
"""A chart in Vega-Lite, with its data in it."""

BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
AMBER = "#E69F00"
RED = "#D55E00"
PINK = "#CC79A7"
GREY = "#6B6B6B"
PALE = "#C9D1CD"
INK = "#1C2321"
SERIES = (BLUE, AMBER, GREEN, RED, SKY, PINK, GREY)
"""What several series are drawn in, in this order."""

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
WIDTH = 680
HEIGHT = 320
_LETTERS = 13
_NUMBERS: Mapping[str, Mapping[str, Any]] = {
    "en": {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["", ""]},
    "sv": {"decimal": ",", "thousands": "\N{NO-BREAK SPACE}", "grouping": [3], "currency": ["", " kr"]},
}
_PER_CENT = "format(datum.value * 100, '.4~g') + '\u00a0%'"
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MANADER = ["jan", "feb", "mar", "apr", "maj", "jun", "jul", "aug", "sep", "okt", "nov", "dec"]


def base(spec: Mapping[str, Any], language: Language = "en") -> Spec:
    """A spec with what all charts share; what it says itself goes before.

    Args:
        spec: the chart: its data, marks and scales. One view or layers of one, so that it can fit its width.
        language: in which numbers and months are written.
    """
    months = _MONTHS if language == "en" else _MANADER
    return {
        "$schema": _SCHEMA,
        "width": WIDTH,
        "height": HEIGHT,
        "autosize": {"type": "fit", "contains": "padding"},
        "background": "#ffffff",
        "padding": 8,
        **spec,
        "config": {
            "font": "Helvetica, Arial, sans-serif",
            "locale": {"number": _NUMBERS[language], "time": _times(months)},
            "axis": {
                "labelColor": INK, "titleColor": INK, "labelFontSize": _LETTERS, "titleFontSize": _LETTERS,
                "titleFontWeight": 600, "gridColor": "#E6EAE8", "domainColor": GREY, "tickColor": GREY,
                "labelLimit": 220,
            },
            "legend": {
                "labelColor": INK, "titleColor": INK, "labelFontSize": _LETTERS, "titleFontSize": _LETTERS,
                "orient": "top", "labelLimit": 320, "symbolSize": 110,
            },
            "header": {"labelColor": INK, "titleColor": INK, "labelFontSize": _LETTERS},
            "text": {"color": INK, "fontSize": _LETTERS},
            "range": {"category": list(SERIES)},
            "view": {"stroke": None},
            **spec.get("config", {}),
        },
    }  # fmt: skip


def axis(title: str, *, share: bool = False, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - Vega-Lite's
    """An axis with its title; of shares, in per cent."""
    return {"title": title, **({"labelExpr": _PER_CENT} if share else {}), **more}


def told(field: str, title: str, *, share: bool = False) -> dict[str, Any]:
    """A number of a tooltip."""
    return {"field": field, "type": "quantitative", "title": title, "format": ".1%" if share else ",.2~f"}


def _times(months: list[str]) -> dict[str, Any]:
    """d3's words for times; months alone are written, and days by number."""
    return {
        "dateTime": "%Y-%m-%d %H:%M:%S", "date": "%Y-%m-%d", "time": "%H:%M:%S", "periods": ["", ""],
        "days": [""] * 7, "shortDays": [""] * 7, "months": months, "shortMonths": months,
    }  # fmt: skip
