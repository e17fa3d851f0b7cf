"""Tests that are looked at again and again while events come in.

- MaxSPRT, for a count against what was expected (Poisson) or against matched controls (binomial): exact size up to a
  planned end, then a decision.
- E-processes: a bet against "no more than expected" that may be looked at for ever, stopped at will, compared between
  many products at once, and, as an e-detector, started anew in every period so that a late change is still found.
"""

from streams.statistics.e_values import e_benjamini_hochberg, e_detector, poisson_e_process
from streams.statistics.maxsprt import (
    CriticalValue,
    binomial_maxsprt_critical_value,
    binomial_maxsprt_llr,
    poisson_maxsprt_critical_value,
    poisson_maxsprt_llr,
)

__all__ = [
    "CriticalValue",
    "binomial_maxsprt_critical_value",
    "binomial_maxsprt_llr",
    "e_benjamini_hochberg",
    "e_detector",
    "poisson_e_process",
    "poisson_maxsprt_critical_value",
    "poisson_maxsprt_llr",
]
