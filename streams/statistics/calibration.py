"""p-values calibrated by negative controls: pairs that are known not to be cause and effect.

Estimates of such pairs differ from 1 by chance and by the bias of the way they were made. What they show of the
bias is taken into account where other estimates are tested.

Source: Schuemie M J et al (2014), Interpreting observational studies: why empirical calibration is needed to
correct p-values, Stat Med 33:209.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtr

from streams.statistics.checked import numbers, same_length
from streams.statistics.estimate import plain

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_FEWEST = 2  # one control cannot tell how bias varies


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibrated p-values, and the distribution of bias that they are calibrated by.

    Attributes:
        p_value: two-sided p-values; an array of the estimates' shape, or a float where they are a scalar.
        mean: mean of the bias, on the log scale.
        sd: standard deviation of the bias from one estimate to the next, on the log scale; 0 where the controls
            differ by no more than their standard errors explain.
    """

    p_value: Floats | float
    mean: float
    sd: float


def calibrate(
    estimates: ArrayLike, std_errs: ArrayLike, negative_controls: ArrayLike | tuple[ArrayLike, ArrayLike]
) -> Calibration:
    """Two-sided p-values that count with systematic error, as negative controls show it.

    A control's log estimate is normal with mean m and variance s² + its own standard error²; m and s are fitted
    by maximum likelihood. With z = (estimate - m)/√(s² + std_err²), the p-value is 2Φ(-|z|).

    Args:
        estimates: logarithms of ratios, such as ln ROR; a scalar or an array.
        std_errs: their standard errors, above 0; a scalar, or as many as there are estimates.
        negative_controls: which estimates are negative controls, as booleans, one for each. Or the controls'
            own log estimates and standard errors, as a pair of arrays. Two or more in either form.

    Returns:
        A p-value for every estimate, controls among them too, and the fitted mean and standard deviation.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, there are fewer
            than two controls, or two have different lengths.
    """
    found, errors = _estimates("estimates", estimates, "std_errs", std_errs)
    mean, sd = _null(*_controls(found, errors, negative_controls))
    z = (found - mean) / np.hypot(sd, errors)
    return Calibration(plain(2 * ndtr(-np.abs(z))), mean, sd)


def _estimates(name: str, estimates: ArrayLike, name_of_errors: str, std_errs: ArrayLike) -> tuple[Floats, Floats]:
    found, errors = numbers(name, estimates), numbers(name_of_errors, std_errs)
    if found.ndim and errors.ndim:
        same_length(**{name: found, name_of_errors: errors})
    if np.any(errors <= 0):
        raise ValueError(f"{name_of_errors} must be above 0")
    return found, errors


def _controls(
    found: Floats, errors: Floats, negative_controls: ArrayLike | tuple[ArrayLike, ArrayLike]
) -> tuple[Floats, Floats]:
    """The log estimates and standard errors of the negative controls, given in either form."""
    try:
        given = np.asarray(negative_controls)
    except ValueError as problem:
        raise ValueError("negative_controls must have as many standard errors as estimates") from problem
    match given.shape:
        case shape if given.dtype == np.bool_:
            if shape != found.shape:
                raise ValueError(f"negative_controls and estimates differ in length: {given.size} and {found.size}")
            controls = found[given], np.broadcast_to(errors, found.shape)[given]
        case (2, _):
            name = "negative_controls"
            controls = _estimates(f"estimates of {name}", given[0], f"standard errors of {name}", given[1])
        case _:
            raise ValueError("negative_controls must be booleans, or a pair of log estimates and standard errors")
    if controls[0].size < _FEWEST:
        raise ValueError(f"negative_controls must be {_FEWEST} or more")
    return controls


def _null(found: Floats, errors: Floats) -> tuple[float, float]:
    """Mean and standard deviation of the bias, by maximum likelihood."""

    def mean(sd: float) -> float:
        return float(np.average(found, weights=1 / (sd**2 + errors**2)))

    def fall(sd: float) -> float:
        variance = sd**2 + errors**2
        return float(np.sum(np.log(variance) + (found - mean(sd)) ** 2 / variance))

    spread = float(np.ptp(found))  # the likelihood only falls beyond
    if spread == 0:
        return float(found[0]), 0.0
    # there may be several summits: the search is between the neighbours of the best of many places
    places = [0.0, *np.geomspace(min(float(errors.min()), spread) / 100, spread, 200).tolist()]
    best = int(np.argmin([fall(sd) for sd in places]))
    around = places[max(best - 1, 0)], places[min(best + 1, len(places) - 1)]
    inner = float(minimize_scalar(fall, bounds=around, method="bounded", options={"xatol": 1e-10 * around[1]}).x)
    sd = min(places[best], inner, key=fall)
    return mean(sd), sd
