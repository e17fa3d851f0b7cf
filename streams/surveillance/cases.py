"""Cases: signals of one registry that share outcomes, shown as one at the level that explains most.

What is kept has no identities. But a cup and a stem of one operation began on one day at one unit, and where the
operation failed, stopped on one day: an outcome of two signals with these three alike is taken for one. Strata and
lots do not count, since groups declare strata of their own.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHARE, _LEAST = 0.5, 2  # of the outcomes of the signal that has fewer; one alone may be chance


class Place(NamedTuple):
    """Where and when an outcome happened: the unit that began the exposure, the day it began, that of the outcome."""

    unit: str
    start: object
    stop: object


class Summary(NamedTuple):
    """A signal, as far as cases go.

    Attributes:
        id: what it is called.
        statistic: its statistic now.
        exposures: how many it is of: fewer for a lot than for its product, for a product than for its family.
        happened: its outcomes, how many in each place.
    """

    id: str
    statistic: float
    exposures: int
    happened: Mapping[Place, int]


class Case(NamedTuple):
    """Signals that share outcomes.

    Attributes:
        lead: the signal that it is shown as: the highest statistic, of equal ones the fewest exposures.
        attached: the others, in the same order.
    """

    lead: Summary
    attached: tuple[Summary, ...]


def shared_outcomes(one: Mapping[Place, int], other: Mapping[Place, int]) -> int:
    """How many outcomes two have in common."""
    return (Counter(one) & Counter(other)).total()


def cases(signals: Iterable[Summary]) -> tuple[Case, ...]:
    """The signals as cases: two that share two outcomes, and half of those of the one that has fewer, are of one case.

    So are those that are only joined by a third. The result does not depend on the order of the signals.

    Args:
        signals: those that stand, of all groups of one registry.

    Returns:
        The highest statistic first.
    """
    ranked = sorted(signals, key=lambda signal: (-signal.statistic, signal.exposures, signal.id))
    case_of = list(range(len(ranked)))  # the first signal of the case that each is of
    for (at, one), (later, other) in combinations(enumerate(ranked), 2):
        fewer = min(sum(one.happened.values()), sum(other.happened.values()))
        if shared_outcomes(one.happened, other.happened) >= max(_SHARE * fewer, _LEAST):
            kept, joined = sorted((case_of[at], case_of[later]))
            case_of = [kept if case == joined else case for case in case_of]
    return tuple(
        Case(ranked[lead], tuple(ranked[at] for at in range(lead + 1, len(ranked)) if case_of[at] == lead))
        for lead in sorted(set(case_of))
    )
