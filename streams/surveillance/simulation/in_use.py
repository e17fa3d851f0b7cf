"""Whether what a stream's subject is made of is more than one thing on a day: only then is it watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.surveillance.simulation.scene import COMPANY, FAMILY, LOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.simulation.scene import Scene

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]

_FAR = 1 << 32
_MANY = 2


class InUse:
    """How many products of a family or company, and how many lots of a product, are in use, day by day."""

    def __init__(self, scene: Scene) -> None:
        exposed, self._subjects = scene.exposed, scene.subjects
        rows = scene.made_of[0][0].size if scene.made_of else 0
        known, until = exposed.published[:rows], exposed.until[:rows]
        parent = np.concatenate([one for one, _ in scene.made_of] or [known])
        part = np.concatenate([one for _, one in scene.made_of] or [known])
        pairs, pair = np.unique(parent * _FAR + part + 1, return_inverse=True)  # -1 is a lot that is not known
        times = np.concatenate([np.tile(one, len(scene.made_of)) for one in (known, until)])
        order = np.argsort(np.tile(pair, 2) * _FAR + times)
        more = np.repeat([1, -1], times.size // 2)[order]
        pair, times = np.tile(pair, 2)[order], times[order]
        count = np.cumsum(more)  # each pair's sum is whole again at its end, where all is taken back
        last_of_day = np.ones(pair.size, dtype=np.bool_)
        last_of_day[:-1] = (pair[1:] != pair[:-1]) | (times[1:] != times[:-1])
        pair, times, used = pair[last_of_day], times[last_of_day], count[last_of_day] > 0
        before = np.zeros(pair.size, dtype=np.bool_)
        before[1:] = used[:-1] & (pair[1:] == pair[:-1])
        parent = pairs[pair] // _FAR
        order = np.argsort(parent * _FAR + times, kind="stable")
        self._key = (parent * _FAR + times)[order]
        self._count = np.cumsum((used.astype(np.int64) - before)[order])

    def is_watched(self, subject: Ints, day: Ints) -> Bools:
        """Whether each subject is watched on a day."""
        kind = self._subjects.kind[subject]
        of = np.where(kind == LOT, self._subjects.product[subject], subject)
        needs = np.isin(kind, (FAMILY, COMPANY, LOT))
        found = np.searchsorted(self._key, of * _FAR + day, side="right") - 1
        enough: Bools = ~needs
        if self._key.size:
            same = (found >= 0) & (self._key[found] // _FAR == of)
            enough |= same & (self._count[found] >= _MANY)
        return enough
