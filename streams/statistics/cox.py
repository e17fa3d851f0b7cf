"""Cox's proportional hazards regression, with ties, delayed entry and strata, and a test of proportionality.

Sources: Cox DR (1972), J R Stat Soc B 34:187; Efron B (1977), J Am Stat Assoc 72:557; Grambsch PM, Therneau TM
(1994), Biometrika 81:515. Ties, likelihood and test agree with R's survival::coxph and cox.zph (3.x).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import chdtrc, ndtri

from streams.statistics.checked import happened, one_of, same_length, table, times
from streams.statistics.cox_likelihood import PartialLikelihood
from streams.statistics.newton import maximum, standardised

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_Z_95 = float(ndtri(0.975))
_LEAST_INFORMATION = 1e-10


@dataclass(frozen=True, slots=True)
class Proportionality:
    """Whether the hazard ratios hold over time.

    Attributes:
        statistic: score test of each covariate's interaction with time, χ² with 1 degree of freedom.
        p_value: its p-value; small where the hazard ratio changes with time.
        global_statistic: the test of all covariates at once, with as many degrees of freedom as covariates.
        global_p_value: its p-value.
        time: the time of each event, ascending within each stratum.
        residuals: scaled Schoenfeld residuals plus coefficient, a row for each event, a column for each covariate:
            plotted against time they show how the coefficient moves.

    Statistics and p-values are NaN where there are too few times of events to tell.
    """

    statistic: Floats
    p_value: Floats
    global_statistic: float
    global_p_value: float
    time: Floats
    residuals: Floats


@dataclass(frozen=True, slots=True)
class CoxFit:
    """A fitted model; arrays have one place for each covariate, unless said otherwise.

    Attributes:
        coefficients: log hazard ratios per unit of the covariates.
        std_err: their standard errors, from the inverse of the observed information.
        hazard_ratio: exp(coefficients).
        lower: lower 95 % limit of the hazard ratio, exp(coefficient - 1.96·std_err).
        upper: upper 95 % limit of the hazard ratio.
        p_value: two-sided, by Wald's test of each coefficient.
        covariance: of the coefficients, a square.
        log_likelihood: partial log likelihood of the fit.
        log_likelihood_null: the same with all coefficients 0.
        likelihood_ratio: test of all coefficients at once, 2(log_likelihood - log_likelihood_null), χ².
        wald: the same by Wald's test.
        score: the same by the score test; with one binary covariate and no ties it is the log rank test.
        expected: events expected of each person (row of the input) up to the end of follow-up, the cumulative hazard.
            Their sum is the number of events.
        proportionality: the test of proportional hazards.
    """

    coefficients: Floats
    std_err: Floats
    hazard_ratio: Floats
    lower: Floats
    upper: Floats
    p_value: Floats
    covariance: Floats
    log_likelihood: float
    log_likelihood_null: float
    likelihood_ratio: float
    wald: float
    score: float
    expected: Floats
    proportionality: Proportionality


def cox(
    durations: ArrayLike,
    events: ArrayLike,
    covariates: ArrayLike,
    *,
    ties: Literal["efron", "breslow"] = "efron",
    entry: ArrayLike | None = None,
    strata: ArrayLike | None = None,
) -> CoxFit:
    """Fits hazard(t | x) = h₀(t)·exp(βx) by maximum partial likelihood.

    Proportionality is tested by the score test of β + θg(t) at θ = 0, with g = 1 - S(t-), S the Kaplan-Meier curve
    of all: what R's cox.zph does from version 3 on, without the older approximation of one variance for all times.

    Args:
        durations: the end of each person's follow-up, 0 or more, in any one unit.
        events: 1 or True where it ended with the event, 0 or False where it was censored.
        covariates: a row for each person and a column for each covariate; a single covariate may be one-dimensional.
            Codes of a category need a column of 0 and 1 for each but one of them.
        ties: how events at the same time share the risk set.
        entry: when each person came under observation, before the end of follow-up: at risk at times after entry.
            Everybody from the beginning, time 0 included, when left out.
        strata: a label for each person; each stratum has a baseline hazard of its own.

    Returns:
        The fit.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range; lengths differ;
            nobody had an event; or no coefficients are the single best, since a covariate is constant, a sum of
            others, or tells those with an event apart.
    """
    end, event, x = times("durations", durations), happened("events", events), table("covariates", covariates)
    same_length(durations=end, events=event, covariates=x)
    one_of("ties", ties, ("efron", "breslow"))
    if not event.any():
        raise ValueError("events has no event")
    start = None if entry is None else times("entry", entry)
    if start is not None:
        same_length(durations=end, entry=start)
        if np.any(start >= end):
            raise ValueError("entry must be before the end of follow-up")
    stratum = np.zeros(end.size, dtype=np.int64) if strata is None else _stratum_numbers(strata, end)
    scaled_x, spread = standardised(x)
    likelihood = PartialLikelihood(end, event, scaled_x, start, stratum, efron=ties == "efron")
    null = likelihood.terms(np.zeros(spread.size))
    beta, fit = maximum(likelihood.terms, np.zeros(spread.size))
    covariance: Floats = np.linalg.inv(fit.information).astype(np.float64)
    std_err = np.sqrt(np.diag(covariance))
    z = beta / std_err
    coefficients, scaled_err = beta / spread, std_err / spread
    return CoxFit(
        coefficients=coefficients,
        std_err=scaled_err,
        hazard_ratio=np.exp(coefficients),
        lower=np.exp(coefficients - _Z_95 * scaled_err),
        upper=np.exp(coefficients + _Z_95 * scaled_err),
        p_value=chdtrc(1, z**2),
        covariance=covariance / np.outer(spread, spread),
        log_likelihood=fit.log_likelihood,
        log_likelihood_null=null.log_likelihood,
        likelihood_ratio=2 * (fit.log_likelihood - null.log_likelihood),
        wald=float(beta @ fit.information @ beta),
        score=float(null.score @ np.linalg.solve(null.information, null.score)),
        expected=likelihood.expected(beta),
        proportionality=_proportionality(likelihood, beta, covariance, spread),
    )


def _stratum_numbers(strata: ArrayLike, end: Floats) -> NDArray[np.int64]:
    labels = np.asarray(strata)
    if labels.ndim != 1:
        raise ValueError(f"strata must have one dimension, has {labels.ndim}")
    same_length(durations=end, strata=labels)
    if labels.dtype.kind == "f" and np.any(np.isnan(labels)):
        raise ValueError("strata has values that are NaN")
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _proportionality(
    likelihood: PartialLikelihood, beta: Floats, covariance: Floats, spread: Floats
) -> Proportionality:
    """Score test of θ = 0, in units of a standard deviation; the residuals in units of the covariates."""
    scaled = (beta + likelihood.deaths * likelihood.schoenfeld(beta) @ covariance) / spread
    g = likelihood.share_failed_before()
    g = g - likelihood.mean_over_events(g)
    crossed, squared = likelihood.terms(beta, g), likelihood.terms(beta, g**2)
    # what is known of θ once β is adjusted for; alone, each covariate's θ is tested without any other θ
    known = squared.information - crossed.information @ covariance @ crossed.information
    enough = np.linalg.eigvalsh(squared.information)[-1] * _LEAST_INFORMATION
    own = np.diag(known)
    statistic = np.divide(crossed.score**2, own, out=np.full(beta.size, np.nan), where=own > enough)
    together = float("nan")
    if np.linalg.eigvalsh(known)[0] > enough:
        together = float(crossed.score @ np.linalg.solve(known, crossed.score))
    return Proportionality(
        statistic, chdtrc(1, statistic), together, float(chdtrc(beta.size, together)), likelihood.event_time, scaled
    )
