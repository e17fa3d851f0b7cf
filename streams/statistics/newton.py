"""The maximum of a concave log likelihood, by Newton's method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_MOST_STEPS = 50
_SMALLEST_STEP = 1e-9  # Newton's error is then far below it
_LEAST_INFORMATION = 1e-10  # of the information there was at the start


@dataclass(frozen=True, slots=True)
class Terms:
    """A log likelihood at some coefficients, its gradient and minus its second derivatives."""

    log_likelihood: float
    score: Floats
    information: Floats


def maximum(terms: Callable[[Floats], Terms], start: Floats) -> tuple[Floats, Terms]:
    """The best coefficients, for covariates in standard deviations; a step that would go down is halved.

    Raises:
        ValueError: no coefficients are the single best, or they are not finite.
    """
    beta, here = start, terms(start)
    enough = np.linalg.eigvalsh(here.information)[-1] * _LEAST_INFORMATION
    for _ in range(_MOST_STEPS):
        if not np.linalg.eigvalsh(here.information)[0] > enough:
            break
        step = np.linalg.solve(here.information, here.score)
        with np.errstate(all="ignore"):  # too long a step may overflow; it is halved
            there = terms(beta + step)
            while not there.log_likelihood >= here.log_likelihood - 1e-9 * abs(here.log_likelihood):
                step /= 2
                there = terms(beta + step)
        beta, here = beta + step, there
        if np.abs(step).max() < _SMALLEST_STEP:
            return beta, here
    raise ValueError(
        "covariates have no single best coefficients: a column is a sum of others, is the same for all at risk, "
        "or tells those with an event apart"
    )


def standardised(covariates: Floats) -> tuple[Floats, Floats]:
    """Covariates less their means in standard deviations, and these: so that all coefficients are of one size.

    Raises:
        ValueError: a column is the same for everybody.
    """
    spread = covariates.std(axis=0)
    if np.any(spread <= np.abs(covariates).max(axis=0) * 1e-12):
        raise ValueError("covariates has a column that is the same for everybody")
    return (covariates - covariates.mean(axis=0)) / spread, spread
