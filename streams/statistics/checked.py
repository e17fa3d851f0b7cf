"""Arguments of statistics, checked once: what is wrong is told by the argument's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def numbers(name: str, values: ArrayLike) -> Floats:
    """The values as floats of at most one dimension.

    Raises:
        ValueError: there are none, one is NaN or infinite, or they have more dimensions.
    """
    found = np.asarray(values, dtype=np.float64)
    if found.ndim > 1:
        raise ValueError(f"{name} must have one dimension, has {found.ndim}")
    if found.size == 0:
        raise ValueError(f"{name} is empty")
    if not np.all(np.isfinite(found)):
        raise ValueError(f"{name} has values that are NaN or infinite")
    return found


def level(conf_level: float) -> float:
    """The confidence level itself.

    Raises:
        ValueError: it does not lie between 0 and 1.
    """
    if not 0 < conf_level < 1:
        raise ValueError(f"conf_level must lie between 0 and 1, is {conf_level}")
    return conf_level
