"""Charts as pictures: Vega-Lite in, SVG or PNG out, without a browser; the last ones are kept at hand."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import vl_convert

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT = 256


def svg_of(spec: Mapping[str, Any]) -> str:
    """The chart as SVG."""
    return _svg(json.dumps(spec, sort_keys=True))


def png_of(spec: Mapping[str, Any]) -> bytes:
    """The chart as PNG, twice as fine as the screen."""
    return _png(json.dumps(spec, sort_keys=True))


@lru_cache(maxsize=1)
def script() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, which sets ``vegaEmbed``; it comes out of the package."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


@lru_cache(maxsize=_KEPT)
def _svg(spec: str) -> str:
    return vl_convert.vegalite_to_svg(spec)


@lru_cache(maxsize=_KEPT)
def _png(spec: str) -> bytes:
    return vl_convert.vegalite_to_png(spec, scale=2)
