"""Reports of pairs of drug and reaction as tables of two by two, and what is read off them.

Of a pair a reports have both, b the drug and another reaction, c another drug and the reaction, d neither. PRR and ROR
are read off that table. The reports to be expected are the sum over strata (sex, age) of those of the stratum's own
table, so that a drug of the old is not blamed for what comes with age; IC, EBGM and the likelihood ratio rest on these.

Formulas: ``streams.statistics.disproportionality``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.statistics.disproportionality import (
    ebgm,
    evans,
    information_component,
    likelihood_ratio,
    probability_below,
    prr,
    ror,
)
from streams.statistics.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from streams.statistics.disproportionality import GammaPoissonMixture

    Numbers = NDArray[np.float64]
    Marks = NDArray[np.bool_]

RULES: Mapping[str, str] = {
    "evans": "PRR 2 or more, chi-square (Yates) 4 or more, 3 reports or more",
    "ror": "lower 95 % limit of ROR above 1, 3 reports or more",
    "ic": "lower 95 % limit of IC above 0",
    "ebgm": "EB05 2 or more",
}
"""The rules by which a pair is a signal of disproportionate reporting, in the order shown.

Evans S J W et al (2001); European Medicines Agency (EMA/849944/2016) for ROR; Norén G N et al (2013) for IC;
Szarfman A et al (2002), Drug Saf 25:381 for EB05.
"""
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Table:
    """One pair's reports, what was expected, and what is read off both.

    Attributes:
        a: reports with drug and reaction.
        b: with the drug and another reaction.
        c: with another drug and the reaction.
        d: with neither.
        expected: reports with both to be expected, the sum of the strata's.
        prr: proportional reporting ratio, of a to d.
        ror: reporting odds ratio, likewise.
        ic: information component, of a and expected.
        ebgm: empirical Bayes geometric mean with EB05 and EB95, likewise.
        likelihood_ratio: its logarithm, of a, expected and a + c.
        rules: which of ``RULES`` call it a signal.
    """

    a: int
    b: int
    c: int
    d: int
    expected: float
    prr: Estimate
    ror: Estimate
    ic: Estimate
    ebgm: Estimate
    likelihood_ratio: float
    rules: tuple[str, ...]


class Rest(NamedTuple):
    """In one stratum, the reports that are not of the pair: of its drug, of its reaction, of neither."""

    stratum: tuple[str, ...]
    b: int
    c: int
    d: int


@dataclass(frozen=True, slots=True)
class Crude:
    """Of each of some pairs its margins, and the expected reports."""

    a: Numbers
    of_drug: Numbers
    of_reaction: Numbers
    total: Numbers
    expected: Numbers

    def plus(self, more: Numbers) -> Crude:
        """With so many more of each pair, in no stratum: nothing else changes, so no ratio is lower for it."""
        return Crude(self.a + more, self.of_drug + more, self.of_reaction + more, self.total + more, self.expected)

    def holds(self, prior: GammaPoissonMixture) -> dict[str, Marks]:
        """By rule, which of the pairs it calls a signal."""
        if not self.a.size:
            return {rule: np.zeros(0, dtype=bool) for rule in RULES}
        a, b, c, d = self._cells()
        return {
            "evans": np.atleast_1d(evans(a, b, c, d)),
            "ror": np.greater(ror(a, b, c, d).lower, 1) & (a >= _FEWEST),  # where it has no limit, it has none above 1
            "ic": np.greater(information_component(a, self.expected).lower, 0),
            "ebgm": np.less_equal(probability_below(2.0, a, self.expected, prior), 0.05),
        }

    def tables(self, prior: GammaPoissonMixture) -> list[Table]:
        """Each pair's table."""
        if not self.a.size:
            return []
        a, b, c, d = self._cells()
        risk, odds, information = prr(a, b, c, d), ror(a, b, c, d), information_component(a, self.expected)
        shrunken = ebgm(a, self.expected, prior)
        evidence = np.atleast_1d(likelihood_ratio(a, self.expected, self.of_reaction))
        holds = self.holds(prior)
        return [
            Table(
                int(a[i]),
                int(b[i]),
                int(c[i]),
                int(d[i]),
                float(self.expected[i]),
                _at(risk, i),
                _at(odds, i),
                _at(information, i),
                _at(shrunken, i),
                float(evidence[i]),
                tuple(rule for rule in RULES if holds[rule][i]),
            )
            for i in range(a.size)
        ]

    def _cells(self) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        b, c = self.of_drug - self.a, self.of_reaction - self.a
        return self.a, b, c, self.total - self.a - b - c


def of_one(own: Mapping[tuple[str, ...], int], rest: Sequence[Rest]) -> Crude:
    """One pair, of its own reports by stratum and all others; as many by strata as there are in either."""
    others = {one.stratum: one for one in rest}
    a = b = c = d = expected = 0.0
    for stratum in sorted({*own, *others}):
        more, one = own.get(stratum, 0), others.get(stratum, Rest(stratum, 0, 0, 0))
        total = more + one.b + one.c + one.d
        expected += (more + one.b) * (more + one.c) / total if total else 0.0
        a, b, c, d = a + more, b + one.b, c + one.c, d + one.d
    return Crude(*(np.array([number], dtype=np.float64) for number in (a, a + b, a + c, a + b + c + d, expected)))


def _at(estimates: Estimate, place: int) -> Estimate:
    return Estimate(
        *(float(np.atleast_1d(part)[place]) for part in (estimates.value, estimates.lower, estimates.upper))
    )
