"""Arguments of statistics, checked once: what is wrong is told by the argument's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]


def numbers(name: str, values: ArrayLike) -> Floats:
    """The values as floats of at most one dimension.

    Raises:
        ValueError: there are none, one is no number, NaN or infinite, or they have more dimensions.
    """
    return _finite(name, values, most_dimensions=1)


def column(name: str, values: ArrayLike) -> Floats:
    """The values as floats of exactly one dimension.

    Raises:
        ValueError: as `numbers`, and for a scalar.
    """
    found = numbers(name, values)
    if found.ndim == 0:
        raise ValueError(f"{name} must have one dimension, is a single number")
    return found


def table(name: str, values: ArrayLike) -> Floats:
    """The values as floats with a row for each person; one column may come without its second dimension.

    Raises:
        ValueError: as `numbers`, and for a scalar or more than two dimensions.
    """
    found = _finite(name, values, most_dimensions=2)
    if found.ndim == 0:
        raise ValueError(f"{name} must have a row for each person, is a single number")
    return found.reshape(-1, 1) if found.ndim == 1 else found


def times(name: str, values: ArrayLike) -> Floats:
    """The values as times of one dimension, 0 or more.

    Raises:
        ValueError: as `column`, and for a negative time.
    """
    found = column(name, values)
    if found.min() < 0:
        raise ValueError(f"{name} must not be negative")
    return found


def happened(name: str, values: ArrayLike) -> Bools:
    """Whether it happened: each value 1 or 0, True or False.

    Raises:
        ValueError: as `column`, and for any other value.
    """
    found = column(name, values)
    yes: Bools = found == 1
    if not np.all(yes | (found == 0)):
        raise ValueError(f"{name} must be 0 or 1")
    return yes


def same_length(**columns: NDArray[np.generic]) -> None:
    """Checks that all have as many rows as the first.

    Raises:
        ValueError: one has not; the message names it and the first.
    """
    (first, model), *others = columns.items()
    for name, other in others:
        if other.shape[0] != model.shape[0]:
            raise ValueError(f"{first} and {name} differ in length: {model.shape[0]} and {other.shape[0]}")


def alike(**values: Floats) -> None:
    """Checks that those that are no single numbers have as many values as each other.

    Raises:
        ValueError: as `same_length`.
    """
    columns = {name: found for name, found in values.items() if found.ndim}
    if columns:
        same_length(**columns)


def level(conf_level: float, *, name: str = "conf_level") -> float:
    """The confidence level itself.

    Raises:
        ValueError: it does not lie between 0 and 1.
    """
    if not 0 < conf_level < 1:
        raise ValueError(f"{name} must lie between 0 and 1, is {conf_level}")
    return conf_level


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """The value itself.

    Raises:
        ValueError: it is none of those allowed.
    """
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, is {value!r}")
    return value


def _finite(name: str, values: ArrayLike, *, most_dimensions: int) -> Floats:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers, all rows alike: {error}") from error
    if found.ndim > most_dimensions:
        dimensions = "one dimension" if most_dimensions == 1 else f"at most {most_dimensions} dimensions"
        raise ValueError(f"{name} must have {dimensions}, has {found.ndim}")
    if found.size == 0:
        raise ValueError(f"{name} is empty")
    if not np.all(np.isfinite(found)):
        raise ValueError(f"{name} has values that are NaN or infinite")
    return found
