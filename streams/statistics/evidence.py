"""The evidence of the CGR-CUSUM, and the largest at one time, over all days of entry that it may start from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.statistics.follow_up import Experience

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]

Number = TypeVar("Number", np.int64, np.float64)

_BLOCK = 16  # days of entry that are weighed as one before any is weighed alone


def most_evidence(seen: Experience, cap: float) -> tuple[float, float, float]:
    """Value, start and hazard ratio of the largest evidence; of starts with equal evidence the earliest.

    Only days with failures are weighed: a later start than a day without any has no less evidence. They are weighed
    in blocks first. With all failures since the block's first day, but only the intensity since the next block, no
    start in the block can have more evidence; blocks that so fall short of the best start already known are left out.

    Args:
        seen: the experience of those who entered on each day.
        cap: the highest hazard ratio that is believed; may be infinite.

    Returns:
        0 with the first day and hazard ratio 1 where nothing is worse than expected; NaN for the day where
        nobody has entered.
    """
    if seen.failing.size == 0:
        return 0.0, float(seen.days[0]) if seen.days.size else math.nan, 1.0
    failures, intensity = seen.failures, seen.intensity
    # the last block is filled up with the place after the last day, where nothing happened
    places = np.append(seen.failing, np.full(-seen.failing.size % _BLOCK + 1, seen.days.size))
    blocks, following = places[:-1].reshape(-1, _BLOCK), places[1:].reshape(-1, _BLOCK)
    failed, due = _since(np.add.reduceat(failures, blocks[:, 0])), _since(np.add.reduceat(intensity, blocks[:, 0]))
    failed_later, due_later = np.append(failed[1:], 0), np.append(due[1:], 0.0)
    at_most = evidence(failed, due_later, cap)[0]
    likely = (at_most >= evidence(failed, due, cap)[0].max()) & (at_most > 0)
    if not likely.any():
        return 0.0, float(seen.days[0]), 1.0
    between = np.stack((blocks[likely], following[likely]), axis=-1)
    dues = np.add.reduceat(intensity, between.ravel())[::2].reshape(-1, _BLOCK)
    failed = (_since(failures[blocks[likely]]) + failed_later[likely, None]).ravel()
    due = (_since(dues) + due_later[likely, None]).ravel()
    found, ratio = evidence(failed, due, cap)
    best = int(np.argmax(found))
    if found[best] <= 0:
        return 0.0, float(seen.days[0]), 1.0
    start = int(blocks[likely].ravel()[best])
    while start > 0 and intensity[start - 1] == 0 and failures[start - 1] == 0:
        start -= 1
    return float(found[best]), float(seen.days[start]), float(ratio[best])


def evidence(failures: Counts, intensity: Floats, cap: float) -> tuple[Floats, Floats]:
    """θN - (e^θ - 1)Λ at the most likely θ from 0 to ln(cap), and e^θ.

    Args:
        failures: N, whole, 0 or more; of any shape.
        intensity: failures that were to be expected Λ, 0 or more, of that shape.
        cap: the highest hazard ratio that is believed; may be infinite.

    Returns:
        Two arrays of the same shape; infinite where failures came, none was expected and there is no cap.
    """
    ratio = np.where(failures > 0, cap, 1.0)
    np.divide(failures, intensity, out=ratio, where=intensity > 0)
    ratio = np.clip(ratio, 1.0, cap)
    found = np.full(ratio.shape, np.inf)
    known = np.isfinite(ratio)
    found[known] = failures[known] * np.log(ratio[known]) - (ratio[known] - 1) * intensity[known]
    return found, ratio


def _since(values: NDArray[Number]) -> NDArray[Number]:
    """The sum of each value and all after it."""
    return np.cumsum(values[..., ::-1], axis=-1)[..., ::-1]
