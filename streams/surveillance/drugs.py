"""Which pairs of drug and reaction are reported more often than the others, with all that speaks for it.

A report is of one drug and one reaction; how a pair's are held against all others is said in ``tables``.

A reaction that nearly always comes with one drug hides itself in all others, for that drug's reports are what they are
held against: each pair is worked out again without the drug that most reports of its reaction are of, where that is
another and its share is large (Wang H W et al (2010), Pharmacoepidemiol Drug Saf 19:1094; Juhlin K et al (2013),
Pharmacoepidemiol Drug Saf 22:1081: masking).
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from streams.statistics.disproportionality import fit_gamma_poisson
from streams.surveillance.reports import Reports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.statistics.disproportionality import GammaPoissonMixture
    from streams.surveillance.tables import Table

DOMINANT = 0.5
"""The share of a reaction's reports from which on the drug that they are of may hide others."""

_NARROW = (1e-3, 1e3)  # shapes and rates beyond these: next to no spread, or all of it next to nought


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
        return self.prior is not None and is_narrow(self.prior)


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
    return screen_reports(Reports({key: number for key, number in counts.items() if number}), prior, dominant)


def screen_reports(reports: Reports, prior: GammaPoissonMixture | None = None, dominant: float = DOMINANT) -> Screening:
    """Likewise, of reports as they are kept; what the arguments must be is for the caller to see."""
    rows = reports.rows()
    if not rows.size:
        return Screening(0, prior, ())
    fitted = prior or fitted_to(reports)
    hidden, rest = reports.without_leading(rows, dominant)
    without = dict(zip(hidden.tolist(), rest.tables(fitted), strict=True))
    tables = zip(rows.tolist(), reports.whole(rows).tables(fitted), reports.leading_of(rows), strict=True)
    pairs = [
        Pair(drug, reaction, table, leading, share, without.get(row))
        for row, table, (leading, share) in tables
        for drug, reaction in (reports.pairs[row],)
    ]
    pairs.sort(key=lambda pair: (-pair.table.ebgm.lower, pair.drug, pair.reaction))
    return Screening(reports.total, fitted, pairs)


def fitted_to(reports: Reports) -> GammaPoissonMixture:
    """The prior fitted to all pairs that were reported; there must be one."""
    whole = reports.whole(reports.rows())
    return fit_gamma_poisson(whole.a, whole.expected)


def is_narrow(prior: GammaPoissonMixture) -> bool:
    """Whether a component of a prior is hardly more than one value."""
    return not all(_NARROW[0] <= number <= _NARROW[1] for number in astuple(prior)[:-1])
