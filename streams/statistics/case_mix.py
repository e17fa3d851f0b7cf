"""Expected events of each unit, if its patients had fared as like patients do in all units together.

The risk of each patient comes from one model over all units: logistic regression where everybody is followed long
enough for the outcome (death within 30 days), Cox's regression where follow-up differs. The expected sum over all
units is the observed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, gammainccinv, gammaincinv

from streams.statistics.checked import happened, level, same_length, table, times
from streams.statistics.cox import cox
from streams.statistics.newton import Terms, maximum, standardised

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CaseMix:
    """Units adjusted for their patients; arrays have a place for each unit.

    Attributes:
        units: the labels, sorted.
        patients: how many each unit has.
        observed: their events.
        expected: events expected of them.
        ratio: observed / expected; NaN where nothing is expected.
        lower: exact lower limit of the ratio, the observed count taken as Poisson; 0 where nothing was observed.
        upper: exact upper limit.
    """

    units: NDArray[np.generic]
    patients: NDArray[np.int64]
    observed: NDArray[np.int64]
    expected: Floats
    ratio: Floats
    lower: Floats
    upper: Floats


def case_mix(
    units: ArrayLike,
    outcomes: ArrayLike,
    covariates: ArrayLike,
    *,
    durations: ArrayLike | None = None,
    conf_level: float = 0.95,
) -> CaseMix:
    """Observed against expected events by unit (indirect standardisation).

    With O observed and E expected, and a = 1 - conf_level, the limits of O/E are χ²(a/2, 2O)/2E and
    χ²(1 - a/2, 2O + 2)/2E (Garwood 1936).

    Args:
        units: each patient's unit, by any label.
        outcomes: 1 or True where the patient had the event, else 0 or False.
        covariates: a row for each patient and a column for each covariate; a single one may be one-dimensional.
            Codes of a category need a column of 0 and 1 for each but one of them.
        durations: length of each patient's follow-up, 0 or more: given, the model is Cox's (ties by Efron) and
            E is a sum of cumulative hazards. Left out, it is a logistic regression, and E a sum of probabilities.
        conf_level: two-sided level, between 0 and 1.

    Returns:
        The units in order of their labels.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range; lengths differ;
            outcomes are all alike; or no coefficients are the single best, since a covariate is constant, a sum of
            others, or tells those with an event apart.
    """
    outcome, x = happened("outcomes", outcomes), table("covariates", covariates)
    labels = np.asarray(units)
    if labels.ndim != 1:
        raise ValueError(f"units must have one dimension, has {labels.ndim}")
    same_length(outcomes=outcome, covariates=x)
    same_length(outcomes=outcome, units=labels)
    tail = (1 - level(conf_level)) / 2
    if durations is None:
        risk = _logistic_risk(outcome, x)
    else:
        followed = times("durations", durations)
        same_length(outcomes=outcome, durations=followed)
        if not outcome.any():
            raise ValueError("outcomes has no event")
        risk = cox(followed, outcome, x).expected
    names, place, patients = np.unique(labels, return_inverse=True, return_counts=True)
    observed = np.bincount(place, weights=outcome).astype(np.float64)
    expected = np.bincount(place, weights=risk).astype(np.float64)
    # a unit whose patients all left before the first event anywhere has nothing expected, and no ratio
    divisor = np.where(expected > 0, expected, np.nan)
    lower = np.where(observed == 0, 0.0, gammaincinv(np.maximum(observed, 1), tail))
    upper = gammainccinv(observed + 1, tail)
    return CaseMix(
        names,
        patients.astype(np.int64),
        observed.astype(np.int64),
        expected,
        observed / divisor,
        lower / divisor,
        upper / divisor,
    )


def _logistic_risk(outcome: Bools, x: Floats) -> Floats:
    """Each patient's probability by logistic regression with an intercept, started from the overall share."""
    share = outcome.mean()
    if share in {0.0, 1.0}:
        raise ValueError("outcomes are all alike")
    design = np.column_stack((np.ones(len(x)), standardised(x)[0]))

    def terms(beta: Floats) -> Terms:
        predicted = design @ beta
        risk = expit(predicted)
        return Terms(
            float(-np.logaddexp(0, np.where(outcome, -predicted, predicted)).sum()),
            design.T @ (outcome - risk),
            (design.T * (risk * (1 - risk))) @ design,
        )

    start = np.zeros(design.shape[1])
    start[0] = np.log(share / (1 - share))
    risk: Floats = expit(design @ maximum(terms, start)[0])
    return risk
