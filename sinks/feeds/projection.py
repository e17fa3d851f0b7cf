"""What a company may know of a signal of its own product: a list of what is allowed, aggregates by month, no unit.

Told are the signal, how high it stands, and for each level the month in which it was known with the numbers then.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sinks.feeds.telling import Projection

_BY_THE_UNIT = "unit"


def own_products(makers: Callable[[str], Iterable[str]]) -> Projection:
    """The projection for makers of products; what is put to the unit is for clinic and registry."""

    def project(signal: Mapping[str, Any], company: str) -> Mapping[str, Any] | None:
        if signal["cause"] == _BY_THE_UNIT or company not in makers(signal["product"]):
            return None
        return {
            "signal": signal["id"],
            "monitor": signal["monitor"],
            "group": signal["group"],
            "product": signal["product"],
            "state": signal["state"],
            "level": signal["level"],
            "levels": [
                {
                    "level": one["level"],
                    "known": datetime.fromtimestamp(one["known_day"] * 86_400, UTC).strftime("%Y-%m"),
                    "observed": one["observed"],
                    "expected": round(one["expected"], 3),
                }
                for one in signal["levels"]
            ],
        }

    return project
