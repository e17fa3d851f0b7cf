"""What measures of disproportionality give, and how the counts that they take are checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.statistics.checked import alike, numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure and its limits; each is an array, or a float where all that it came from were scalars.

    Attributes:
        value: the measure itself.
        lower: lower limit; NaN where there is none.
        upper: upper limit; NaN where there is none.
    """

    value: Floats | float
    lower: Floats | float
    upper: Floats | float


def counts(**named: ArrayLike) -> tuple[Floats, ...]:
    """The named counts as floats, in the order given; a scalar goes with any number of others.

    Floats, for products of whole numbers pass 64 bits at a few million reports. They need not be whole:
    expected numbers, and reports that share their weight between drugs, are not.

    Raises:
        ValueError: one, which the message names, is empty, negative, NaN or infinite, or two have different lengths.
    """
    found = {name: numbers(name, values) for name, values in named.items()}
    for name, values in found.items():
        if np.any(values < 0):
            raise ValueError(f"{name} must be 0 or more")
    alike(**found)
    return tuple(found.values())


def estimate(value: Floats, lower: Floats, upper: Floats) -> Estimate:
    """The three as an estimate."""
    return Estimate(plain(value), plain(lower), plain(upper))


def plain(values: Floats) -> Floats | float:
    """An array as it is, a single number as a float."""
    return values if np.ndim(values) else float(values)
