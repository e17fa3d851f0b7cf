"""The gamma-Poisson shrinker: how many times more than expected, drawn towards what most pairs show.

A pair of drug and reaction with E reports expected has Poisson(λE) reports. Over all pairs λ is distributed as
p·Gamma(alpha1, rate beta1) + (1 - p)·Gamma(alpha2, rate beta2). So a count n is a mixture of two negative binomials,
and λ given n is again a mixture of two gammas, with shapes alpha + n and rates beta + E.

Sources: DuMouchel W (1999), Bayesian data mining in large frequency tables, Am Stat 53:177; squashing: DuMouchel W,
Pregibon D (2001), Empirical Bayes screening for multi-item associations, Proc 7th ACM SIGKDD, 67.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.optimize.elementwise import find_root
from scipy.special import expit, gammainc, gammaincinv, gammaln, log_expit, logit, psi

from streams.statistics.estimate import Estimate, counts, estimate, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GammaPoissonMixture:
    """The distribution over all pairs of λ, the true ratio of reports to those expected.

    Attributes:
        alpha1: shape of component 1, which in a fit is the one with the larger mean alpha/beta.
        beta1: rate of component 1.
        alpha2: shape of component 2.
        beta2: rate of component 2.
        p: weight of component 1, between 0 and 1.

    Raises:
        ValueError: a field, which the message names, is NaN, infinite or out of range.
    """

    alpha1: float
    beta1: float
    alpha2: float
    beta2: float
    p: float

    def __post_init__(self) -> None:
        for name in ("alpha1", "beta1", "alpha2", "beta2"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be a number above 0, is {getattr(self, name)}")
        if not 0 < self.p < 1:
            raise ValueError(f"p must lie between 0 and 1, is {self.p}")


# DuMouchel's own start comes first. The others differ in which component is the larger, how far apart the two lie
# and how narrow they are: the likelihood can have more than one summit.
_STARTS = (
    GammaPoissonMixture(0.2, 0.1, 2.0, 4.0, 1 / 3),
    GammaPoissonMixture(0.2, 0.06, 1.4, 1.8, 0.1),
    GammaPoissonMixture(0.1, 0.1, 10.0, 10.0, 0.2),
    GammaPoissonMixture(2.0, 0.3, 3.0, 3.0, 0.05),
    GammaPoissonMixture(12.0, 3.0, 0.5, 0.5, 0.5),
    GammaPoissonMixture(5.0, 5.0, 0.2, 0.2, 0.6),
)
# Shapes, rates and the odds of p stay within these. A component whose shape runs away has become a single
# value of λ: beyond 10⁵ it gives the same scores.
_BOUNDS = [(math.log(1e-5), math.log(1e5))] * 4 + [(math.log(1e-6), math.log(1e6))]
_SQUASH_WIDTH = 0.02  # of ln E: pairs with one count whose expected numbers lie within 2 % become one point


def fit_gamma_poisson(
    observed: ArrayLike,
    expected: ArrayLike,
    *,
    start: GammaPoissonMixture | Sequence[float] | None = None,
    squash: bool = False,
) -> GammaPoissonMixture:
    """The mixture under which the counts of all reported pairs are the most likely.

    Pairs that nobody reported are not used, so each component is cut at zero. The likelihood of a count n is
    p·f(n; alpha1, beta1)/(1 - f(0; alpha1, beta1)) + (1 - p)·f(n; alpha2, beta2)/(1 - f(0; alpha2, beta2)), where

    f(n; alpha, beta) = Γ(alpha + n)/(Γ(alpha) n!) · (beta/(beta + E))^alpha · (E/(beta + E))^n.

    So p is the weight of component 1 among reported pairs (DuMouchel and Pregibon 2001; the R packages openEBGM
    and PhViD agree). The search begins at ``start`` and at places of its own, and the highest summit is taken.

    Args:
        observed: reports of each pair; those below 1 are left out.
        expected: expected reports of each pair, above 0 where a pair was reported; as many as are observed.
        start: where the search begins, alpha1, beta1, alpha2, beta2 and p; DuMouchel's own unless given.
        squash: whether to join pairs of one count whose expected numbers lie within 2 % of each other. That is
            much faster for millions of pairs, and moves the result by far less than its standard error.

    Returns:
        The mixture, component 1 being the one with the larger mean alpha/beta.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, no pair was
            observed, or the two have different lengths.
    """
    begin = _STARTS[0] if start is None else _mixture(start)
    found, due = counts(observed=observed, expected=expected)
    found, due = np.atleast_1d(*np.broadcast_arrays(found, due))
    reported = found >= 1
    if not np.any(reported):
        raise ValueError("observed has no count of 1 or more")
    if np.any(due[reported] <= 0):
        raise ValueError("expected must be above 0 where observed is 1 or more")
    found, due = found[reported], due[reported]
    squashed = _squashed(found, due)
    summits = [_climb(_free(mixture), *squashed) for mixture in (begin, *_STARTS[1:])]
    best, _ = min(summits, key=itemgetter(1))
    if not squash:
        best, _ = _climb(best, found, due, np.ones_like(found))
    return _ordered(best)


def _mixture(start: GammaPoissonMixture | Sequence[float]) -> GammaPoissonMixture:
    if isinstance(start, GammaPoissonMixture):
        return start
    try:
        return GammaPoissonMixture(*start)
    except (TypeError, ValueError) as problem:
        raise ValueError(f"start must be alpha1, beta1, alpha2, beta2 and p: {problem}") from problem


def _squashed(observed: Floats, expected: Floats) -> tuple[Floats, Floats, Floats]:
    """Fewer points: a count, the mean of the expected numbers that were joined, and how many pairs they are."""
    cells = np.stack([observed, np.round(np.log(expected) / _SQUASH_WIDTH)])
    points, cell, weight = np.unique(cells, axis=1, return_inverse=True, return_counts=True)
    return points[0], np.bincount(cell.ravel(), weights=expected) / weight, weight.astype(np.float64)


def _climb(begin: Floats, observed: Floats, expected: Floats, weight: Floats) -> tuple[Floats, float]:
    """The summit above a place, and the minus log likelihood there up to a constant."""

    def fall(free: Floats) -> tuple[float, Floats]:
        first, *slopes1 = _component(observed, expected, *np.exp(free[:2]))
        second, *slopes2 = _component(observed, expected, *np.exp(free[2:4]))
        first, second = first + log_expit(free[4]), second + log_expit(-free[4])
        total = np.logaddexp(first, second)
        share1 = weight * np.exp(first - total)
        share2 = weight - share1
        terms = [share1 * by for by in slopes1] + [share2 * by for by in slopes2]
        slope = [np.sum(term) for term in (*terms, share1 - weight * expit(free[4]))]
        return -float(np.sum(weight * total)), -np.array(slope)

    options = {"maxiter": 1000, "maxcor": 20, "ftol": 1e-15, "gtol": 1e-6}
    result = minimize(fall, begin, jac=True, method="L-BFGS-B", bounds=_BOUNDS, options=options)
    return result.x, float(result.fun)


def _component(n: Floats, E: Floats, alpha: float, beta: float) -> tuple[Floats, Floats, Floats]:
    """The log of f(n)/(1 - f(0)), up to a constant, and its slopes by the logs of alpha and beta."""
    power = alpha * np.log1p(E / beta)  # f(0) = exp(-power)
    seen = -np.expm1(-power)
    by_alpha = alpha * (psi(alpha + n) - psi(alpha)) - power / seen
    by_beta = (alpha * E / seen - beta * n) / (beta + E)
    return _log_kernel(n, E, alpha, beta) - np.log(seen), by_alpha, by_beta


def _log_kernel(n: Floats, E: Floats, alpha: float, beta: float) -> Floats:
    """The log of f(n) but for n ln E - ln n!, which components share; so E = 0 gives the limit of their ratio."""
    kernel: Floats = gammaln(alpha + n) - gammaln(alpha) - alpha * np.log1p(E / beta) - n * np.log(beta + E)
    return kernel


def _free(mixture: GammaPoissonMixture) -> Floats:
    """The mixture as five numbers without bounds: logarithms, and the log odds of p."""
    *gammas, p = astuple(mixture)
    return np.array([*np.log(gammas), logit(p)])


def _ordered(free: Floats) -> GammaPoissonMixture:
    alpha1, beta1, alpha2, beta2 = np.exp(free[:4]).tolist()
    if alpha1 * beta2 >= alpha2 * beta1:
        return GammaPoissonMixture(alpha1, beta1, alpha2, beta2, float(expit(free[4])))
    return GammaPoissonMixture(alpha2, beta2, alpha1, beta1, float(expit(-free[4])))


def ebgm(observed: ArrayLike, expected: ArrayLike, mixture: GammaPoissonMixture) -> Estimate:
    """The empirical Bayes geometric mean of λ for each pair, with the limits EB05 and EB95.

    Given n reports where E were expected, λ is distributed as Q·Gamma(alpha1 + n, rate beta1 + E) +
    (1 - Q)·Gamma(alpha2 + n, rate beta2 + E), where Q is the share of component 1 in the probability of n, by
    the f of ``fit_gamma_poisson``. EBGM = exp(mean of ln λ); a gamma's is ψ(alpha + n) - ln(beta + E).

    Args:
        observed: reports of each pair, 0 or more; a scalar or an array.
        expected: expected reports, 0 or more; a scalar, or as many as are observed.
        mixture: how λ is distributed over all pairs, such as ``fit_gamma_poisson`` gives.

    Returns:
        EBGM, and the 5 % and 95 % quantiles of λ; arrays of the inputs' shape, or floats where both are scalars.

    Raises:
        ValueError: an argument, which the message names, is empty, negative, NaN or infinite, or the two have
            different lengths.
    """
    n, E = counts(observed=observed, expected=expected)
    posterior = Q, shape1, rate1, shape2, rate2 = _posterior(n, E, mixture)
    mean_log = Q * (psi(shape1) - np.log(rate1)) + (1 - Q) * (psi(shape2) - np.log(rate2))
    return estimate(np.exp(mean_log), _quantile(0.05, *posterior), _quantile(0.95, *posterior))


def probability_below(
    ratio: float, observed: ArrayLike, expected: ArrayLike, mixture: GammaPoissonMixture
) -> Floats | float:
    """How likely λ is to lie below a ratio, given the reports of each pair; below its EB05 that is less than 0.05.

    Far quicker than ``ebgm``, for no quantile is sought.

    Args:
        ratio: above 0.
        observed: reports of each pair, 0 or more; a scalar or an array.
        expected: expected reports, 0 or more; a scalar, or as many as are observed.
        mixture: how λ is distributed over all pairs.

    Returns:
        An array of the inputs' shape, or a float where both are scalars.

    Raises:
        ValueError: an argument, which the message names, is empty, negative, NaN or infinite, or the two have
            different lengths.
    """
    if not 0 < ratio < np.inf:
        raise ValueError(f"ratio must be a number above 0, is {ratio}")
    n, E = counts(observed=observed, expected=expected)
    return plain(_below(ratio, _posterior(n, E, mixture)))


def _posterior(n: Floats, E: Floats, mixture: GammaPoissonMixture) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """What λ is distributed as: the share of component 1, shape and rate of each component."""
    alpha1, beta1, alpha2, beta2, p = astuple(mixture)
    Q = expit(logit(p) + _log_kernel(n, E, alpha1, beta1) - _log_kernel(n, E, alpha2, beta2))
    return Q, alpha1 + n, beta1 + E, alpha2 + n, beta2 + E


def _below(ratio: Floats | float, posterior: tuple[Floats, ...]) -> Floats:
    Q, shape1, rate1, shape2, rate2 = posterior
    below: Floats = Q * gammainc(shape1, rate1 * ratio) + (1 - Q) * gammainc(shape2, rate2 * ratio)
    return below


def _quantile(level: float, *posterior: Floats) -> Floats:
    """Where the mixture of two gammas reaches a level: between where the two do, sought on the scale of ln λ."""
    _, shape1, rate1, shape2, rate2 = posterior
    ends = np.stack([gammaincinv(shape1, level) / rate1, gammaincinv(shape2, level) / rate2])
    low, high = np.log(np.maximum(np.sort(ends, axis=0), np.finfo(np.float64).tiny))
    low, high = low - 1e-6, high + 1e-6  # for at either end the level may be met but for rounding

    def excess(log_ratio: Floats, *posterior: Floats) -> Floats:
        return _below(np.exp(log_ratio), posterior) - level

    root = find_root(excess, (low, high), args=posterior)
    # a very small shape has quantiles below what a float can hold
    return np.where(excess(low, *posterior) >= 0, 0.0, np.exp(root.x))
