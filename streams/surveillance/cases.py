"""Cases: signals of one registry that share outcomes, shown as one at the level that explains most.

What is kept has no identities. But a cup and a stem of one operation began on one day at one unit, and where the
operation failed, stopped on one day: an outcome of two signals with these three alike is taken for one. Strata and
lots do not count, since groups declare strata of their own.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from streams.surveillance.bins import Bin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.surveillance.bins import Bins

_SHARE = 0.5  # of the outcomes of the signal that has fewer


class Summary(NamedTuple):
    """A signal, as far as cases go.

    Attributes:
        id: what it is called.
        statistic: its statistic now.
        exposures: how many it is of: fewer for a lot than for its product, for a product than for its family.
        kinds: those of its exposures that ended with an outcome, and how many there are of each.
    """

    id: str
    statistic: float
    exposures: int
    kinds: Mapping[Bin, int]


class Case(NamedTuple):
    """Signals that share outcomes.

    Attributes:
        lead: the signal that it is shown as: the highest statistic, of equal ones the fewest exposures.
        attached: the others, in the same order.
    """

    lead: Summary
    attached: tuple[Summary, ...]


def kinds_with_outcome(bins: Bins, product: str) -> dict[Bin, int]:
    """The kinds of a product's exposures that ended with an outcome."""
    rows = bins.rows_of(bins.products.find(product))
    rows = rows[bins.column("event")[rows] == 1]
    columns = (bins.column(name)[rows].tolist() for name in ("lot", "unit", "stratum", "start", "stop", "count"))
    return {
        Bin(product, bins.lots.all[lot], bins.units.all[unit], bins.strata.all[stratum], start, stop, True): count
        for lot, unit, stratum, start, stop, count in zip(*columns, strict=True)
    }


def shared_outcomes(one: Mapping[Bin, int], other: Mapping[Bin, int]) -> int:
    """How many outcomes two have in common: with the same unit, first day and day of the outcome."""
    return (_outcomes(one) & _outcomes(other)).total()


def cases(signals: Iterable[Summary]) -> tuple[Case, ...]:
    """The signals as cases: two that share half of the outcomes of the one that has fewer are of one case.

    So are those that are only joined by a third. The result does not depend on the order of the signals.

    Args:
        signals: those that stand, of all groups of one registry.

    Returns:
        The highest statistic first.
    """
    ranked = sorted(signals, key=lambda signal: (-signal.statistic, signal.exposures, signal.id))
    outcomes = [_outcomes(signal.kinds) for signal in ranked]
    case_of = list(range(len(ranked)))  # the first signal of the case that each is of
    for (at, one), (later, other) in combinations(enumerate(outcomes), 2):
        fewer = min(one.total(), other.total())
        if fewer and (one & other).total() >= _SHARE * fewer:
            kept, joined = sorted((case_of[at], case_of[later]))
            case_of = [kept if case == joined else case for case in case_of]
    return tuple(
        Case(ranked[lead], tuple(ranked[at] for at in range(lead + 1, len(ranked)) if case_of[at] == lead))
        for lead in sorted(set(case_of))
    )


def _outcomes(kinds: Mapping[Bin, int]) -> Counter[tuple[str, int, int]]:
    found: Counter[tuple[str, int, int]] = Counter()
    for kind, count in kinds.items():
        if kind.event:
            found[kind.unit, kind.start, kind.stop] += count
    return found
