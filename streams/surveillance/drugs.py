"""Which pairs of drug and reaction are reported more often than the others, with all that speaks for it.

A report is of one drug and one reaction. All reports together make a table of two by two for every pair: a has both, b
the drug and another reaction, c another drug and the reaction, d neither. PRR and ROR are read off that table. The
reports to be expected are the sum over strata (sex, age) of those of the stratum's own table, so that a drug of the old
is not blamed for what comes with age; IC, EBGM and the likelihood ratio rest on these.

A reaction that nearly always comes with one drug hides itself in all others, for that drug's reports are what they are
held against: each pair is worked out again without the drug that most reports of its reaction are of, where that is
another and its share is large (Wang H W et al (2010), Pharmacoepidemiol Drug Saf 19:1094; Juhlin K et al (2013),
Pharmacoepidemiol Drug Saf 22:1081: masking).

Formulas: ``streams.statistics.disproportionality``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.statistics.disproportionality import (
    ebgm,
    evans,
    fit_gamma_poisson,
    information_component,
    likelihood_ratio,
    prr,
    ror,
)
from streams.statistics.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from streams.statistics.disproportionality import GammaPoissonMixture

    Numbers = NDArray[np.float64]
    Places = NDArray[np.intp]

DOMINANT = 0.5
"""The share of a reaction's reports from which on the drug that they are of may hide others."""

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
_NARROW = (1e-3, 1e3)  # shapes and rates beyond these: next to no spread, or all of it next to nought


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


@dataclass(frozen=True, slots=True)
class Pair:
    """One drug and one reaction with a report or more.

    Attributes:
        drug: as the counts name it.
        reaction: likewise.
        table: of all reports.
        leading: the drug that most reports of the reaction are of; of several, the first by name.
        share: its share of them.
        without: of all reports but the leading drug's, where that is another and its share ``DOMINANT`` or more.
    """

    drug: str
    reaction: str
    table: Table
    leading: str
    share: float
    without: Table | None

    @property
    def masked(self) -> bool:
        """Whether it is a signal only without the leading drug."""
        return self.without is not None and bool(self.without.rules) and not self.table.rules


@dataclass(frozen=True, slots=True)
class Screening:
    """All pairs, and what they were worked out with.

    Attributes:
        reports: how many there are.
        prior: how the true ratios are distributed over all pairs, as given or as fitted; None without either.
        pairs: those with a report or more, by EB05 from the highest, then by name.
    """

    reports: int
    prior: GammaPoissonMixture | None
    pairs: Sequence[Pair]

    @property
    def prior_is_narrow(self) -> bool:
        """Whether a component of the prior is hardly more than one value, as few pairs may make it."""
        return self.prior is not None and not all(
            _NARROW[0] <= number <= _NARROW[1] for number in astuple(self.prior)[:-1]
        )


def screen(
    counts: Mapping[tuple[str, str, Any], int],
    *,
    prior: GammaPoissonMixture | None = None,
    dominant: float = DOMINANT,
) -> Screening:
    """Work out every pair of drug and reaction that was reported.

    Args:
        counts: how many reports there are by (drug, reaction, stratum); a stratum is anything that can be a key.
            Zeros may be left out.
        prior: how the true ratios are distributed, such as an earlier screening's; fitted to these pairs where none is
            given. A prior that is kept makes two screenings differ by their reports alone.
        dominant: the share of a reaction's reports from which on the drug that they are of is left out.

    Raises:
        ValueError: a count is negative, or ``dominant`` lies outside 0 to 1.
    """
    if any(number < 0 for number in counts.values()):
        raise ValueError("counts must be 0 or more")
    if not 0 < dominant <= 1:
        raise ValueError(f"dominant must lie above 0 and not above 1, is {dominant}")
    cells = {key: number for key, number in counts.items() if number}
    if not cells:
        return Screening(0, prior, ())
    reports = _Reports(cells)
    whole = reports.whole()
    fitted = prior or fit_gamma_poisson(whole.a, whole.expected)
    tables = whole.tables(fitted)
    rows, rest = reports.without_leading(dominant)
    without = dict(zip(rows.tolist(), rest.tables(fitted), strict=True)) if rows.size else {}
    pairs = [
        Pair(drug, reaction, table, *reports.leading_of(place), without.get(place))
        for place, ((drug, reaction), table) in enumerate(zip(reports.pairs, tables, strict=True))
    ]
    pairs.sort(key=lambda pair: (-pair.table.ebgm.lower, pair.drug, pair.reaction))
    return Screening(sum(cells.values()), fitted, pairs)


@dataclass(frozen=True, slots=True)
class _Crude:
    """Of each of some pairs its table, and the expected reports."""

    a: Numbers
    of_drug: Numbers
    of_reaction: Numbers
    total: Numbers
    expected: Numbers

    def tables(self, prior: GammaPoissonMixture) -> list[Table]:
        a, b, c = self.a, self.of_drug - self.a, self.of_reaction - self.a
        d = self.total - a - b - c
        risk, odds, information = prr(a, b, c, d), ror(a, b, c, d), information_component(a, self.expected)
        shrunken = ebgm(a, self.expected, prior)
        evidence = np.atleast_1d(likelihood_ratio(a, self.expected, self.of_reaction))
        holds = {
            "evans": np.atleast_1d(evans(a, b, c, d)),
            "ror": np.greater(odds.lower, 1) & (a >= _FEWEST),  # where it has no limit, it has none above 1
            "ic": np.greater(information.lower, 0),
            "ebgm": np.greater_equal(shrunken.lower, 2),
        }
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


class _Reports:
    """Counts as arrays: margins by stratum, and a row for every pair."""

    def __init__(self, cells: Mapping[tuple[str, str, Any], int]) -> None:
        by_pair: Counter[tuple[str, str]] = Counter()
        for (drug, reaction, _), number in cells.items():
            by_pair[drug, reaction] += number
        self.pairs = sorted(by_pair)
        self._drugs = sorted({drug for drug, _ in self.pairs})
        drugs = {drug: place for place, drug in enumerate(self._drugs)}
        reactions = {one: place for place, one in enumerate(sorted({reaction for _, reaction in self.pairs}))}
        strata = {one: place for place, one in enumerate(dict.fromkeys(stratum for *_, stratum in cells))}
        self._a = np.array([by_pair[pair] for pair in self.pairs], dtype=np.float64)
        self._drug = np.array([drugs[drug] for drug, _ in self.pairs], dtype=np.intp)
        self._reaction = np.array([reactions[reaction] for _, reaction in self.pairs], dtype=np.intp)
        self._of_drug = np.zeros((len(strata), len(drugs)))
        self._of_reaction = np.zeros((len(strata), len(reactions)))
        for (drug, reaction, stratum), number in cells.items():
            self._of_drug[strata[stratum], drugs[drug]] += number
            self._of_reaction[strata[stratum], reactions[reaction]] += number
        self._leading = self._leaders(len(reactions))
        self._of_leading = np.zeros_like(self._of_reaction)
        for (drug, reaction, stratum), number in cells.items():
            if self._leading[reactions[reaction]] == drugs[drug]:
                self._of_leading[strata[stratum], reactions[reaction]] += number

    def whole(self) -> _Crude:
        """Of every pair, all reports."""
        rows = np.arange(len(self.pairs), dtype=np.intp)
        return self._crude(rows, self._of_reaction[:, self._reaction], self._of_drug.sum(axis=1)[:, np.newaxis])

    def without_leading(self, dominant: float) -> tuple[Places, _Crude]:
        """The pairs whose reaction another drug dominates, and of each all reports but that drug's."""
        hidden = (self._shares()[self._reaction] >= dominant) & (self._leading[self._reaction] != self._drug)
        rows = np.flatnonzero(hidden).astype(np.intp)
        reaction = self._reaction[rows]
        of_reaction = (self._of_reaction - self._of_leading)[:, reaction]
        total = self._of_drug.sum(axis=1)[:, np.newaxis] - self._of_drug[:, self._leading[reaction]]
        return rows, self._crude(rows, of_reaction, total)

    def leading_of(self, pair: int) -> tuple[str, float]:
        """The drug that most reports of a pair's reaction are of, and its share."""
        reaction = self._reaction[pair]
        return self._drugs[self._leading[reaction]], float(self._shares()[reaction])

    def _leaders(self, reactions: int) -> Places:
        """By reaction the drug with the most reports: pairs are in the order of drugs, so of equal ones the first."""
        leaders, most = np.zeros(reactions, dtype=np.intp), np.zeros(reactions)
        for reports, drug, reaction in zip(self._a, self._drug, self._reaction, strict=True):
            if reports > most[reaction]:
                leaders[reaction], most[reaction] = drug, reports
        return leaders

    def _shares(self) -> Numbers:
        shares: Numbers = self._of_leading.sum(axis=0) / self._of_reaction.sum(axis=0)
        return shares

    def _crude(self, rows: Places, of_reaction: Numbers, total: Numbers) -> _Crude:
        """Of some pairs the table and the expected reports, of numbers by stratum (a row) and pair (a column)."""
        of_drug = self._of_drug[:, self._drug[rows]]
        total = np.broadcast_to(total, of_drug.shape)
        expected = (of_drug * of_reaction / np.where(total > 0, total, 1.0)).sum(axis=0)
        return _Crude(self._a[rows], of_drug.sum(axis=0), of_reaction.sum(axis=0), total.sum(axis=0), expected)


def _at(estimates: Estimate, place: int) -> Estimate:
    return Estimate(
        *(float(np.atleast_1d(part)[place]) for part in (estimates.value, estimates.lower, estimates.upper))
    )
