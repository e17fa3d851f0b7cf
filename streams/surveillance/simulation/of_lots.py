"""Lots, each against the other lots of its product, as they are known day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.surveillance.intervals import INTERVALS, interval_of, spans
from streams.surveillance.simulation.against_others import Held

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.simulation.scene import Scene

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class _Sums(NamedTuple):
    """Days at risk, the same weighed, and first outcomes, by look and cell."""

    time: Floats
    weighed: Floats
    events: Floats


class OfLots:
    """All lots, day by day."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        row = np.concatenate([np.flatnonzero(lot >= 0) for lot in scene.lots] or [np.empty(0, dtype=np.int64)])
        lot = np.concatenate([lot[lot >= 0] for lot in scene.lots] or [np.empty(0, dtype=np.int64)])
        order = np.argsort(lot, kind="stable")
        self._row = row[order]
        self._bounds = np.searchsorted(lot[order], np.arange(scene.subjects.kind.size + 1))

    def held(self, lot: Ints, day: Ints, product: Held) -> Held:
        """Some lots on some days.

        Args:
            lot: subjects.
            day: for each.
            product: that of each lot on the day.
        """
        own = base = self._sums(lot, day, product.factors)
        beside = self._scene.subjects.base[lot]
        planted = np.flatnonzero(beside != lot)
        if planted.size:
            base = _Sums(*(column.copy() for column in own))
            of_base = self._sums(beside[planted], day[planted], product.factors[planted])
            for whole, part in zip(base, of_base, strict=True):
                whole[planted] = part
        return Held(
            own.time,
            own.weighed,
            own.events,
            product.weighed - base.weighed,
            product.events - base.events,
            product.factors,
        )

    def _sums(self, lot: Ints, day: Ints, factors: Floats) -> _Sums:
        exposed, cells = self._scene.exposed, self._scene.strata * INTERVALS
        first, last = self._bounds[lot], self._bounds[lot + 1]
        look = np.repeat(np.arange(lot.size), last - first)
        row = self._row[
            np.arange(look.size) + np.repeat(first - np.cumsum(last - first) + (last - first), last - first)
        ]
        known = (exposed.published[row] <= day[look]) & (day[look] < exposed.until[row])
        look, row = look[known], row[known]
        ended = exposed.told[row] <= day[look]
        through = day[look] - self._scene.lag[exposed.unit[row]]
        until = np.where(ended, np.minimum(exposed.stop[row], through), through)
        start = exposed.start[row]
        found = spans(start, start, np.maximum(until, start))
        place = (look[found.row] * cells) + exposed.stratum[row[found.row]] * INTERVALS + found.interval
        days = (found.leave - found.enter).astype(np.float64)
        weight = factors[look[found.row], exposed.unit[row[found.row]]]
        failed = ended & exposed.event[row]
        look, row = look[failed], row[failed]
        at = look * cells + exposed.stratum[row] * INTERVALS + interval_of(exposed.stop[row] - exposed.start[row])
        return _Sums(
            *(
                np.bincount(places, weights, lot.size * cells).reshape(lot.size, cells).astype(np.float64)
                for places, weights in ((place, days), (place, days * weight), (at, np.ones(at.size)))
            )
        )
