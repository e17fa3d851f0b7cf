"""Cases: signals of one registry that share outcomes, shown as one at the level that explains most.

What is kept has no identities. But a cup and a stem of one operation began on one day at one unit, and where the
operation failed, stopped on one day: an outcome of two signals with these three alike is taken for one. Strata and
lots do not count, since groups declare strata of their own.

A unit's signal is of another kind: it says that it is the unit, whatever was put in there. It is of a case only where
half of its outcomes or more are those of the case's lead, and it is the lead itself only where half of that one's are
its own as well and its statistic is the higher: the product's test has allowed for the unit, the unit's test not for
the product. So a clinic is not blamed for the one bad product that it used, nor a product for the clinic.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.signals import StatedSignal

_UNIT = "unit"
_ORDER = ("lot", "product", "family", "construct", "company", _UNIT)
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
        of: lot, product, family, construct, company or unit.
        statistic: its statistic now.
        exposures: how many it is of: fewer for a lot than for its product, for a product than for its family.
        happened: its outcomes, how many in each place.
    """

    id: str
    of: str
    statistic: float
    exposures: int
    happened: Mapping[Place, int]


class Case(NamedTuple):
    """Signals that share outcomes.

    Attributes:
        lead: the signal that it is shown as: the highest statistic, of equal ones the fewest exposures, of these the
            first of lot, product, family, construct, company, unit.
        attached: the others, in the same order.
    """

    lead: Summary
    attached: tuple[Summary, ...]


def shared_outcomes(one: Mapping[Place, int], other: Mapping[Place, int]) -> int:
    """How many outcomes two have in common."""
    return (Counter(one) & Counter(other)).total()


def cases(signals: Iterable[Summary]) -> tuple[Case, ...]:
    """The signals as cases: two that share two outcomes, and half of those of the one that has fewer, are of one case.

    So are those that are only joined by a third. Units' signals join afterwards, each case of them as one. The result
    does not depend on the order of the signals.

    Args:
        signals: those that stand, of all groups of one registry.

    Returns:
        The highest statistic first.
    """
    ranked = sorted(signals, key=_rank)
    found = _joined([one for one in ranked if one.of != _UNIT])
    units: list[list[Summary]] = [[] for _ in found]
    for of_unit in _joined([one for one in ranked if one.of == _UNIT]):
        shared = [shared_outcomes(case[0].happened, of_unit[0].happened) for case in found]
        home = shared.index(max(shared)) if shared else -1
        if shared and _has_half(of_unit[0], found[home][0]):
            units[home] += of_unit
        else:
            found.append(of_unit)
            units.append([])
    all_cases = [_case(*one) for one in zip(found, units, strict=True)]
    return tuple(sorted(all_cases, key=lambda case: _rank(case.lead)))


def _case(signals: list[Summary], units: list[Summary]) -> Case:
    """A case of signals, the first of which would lead, and of those of units that have joined it."""
    first = signals[0]
    leading = [one for one in units if one.statistic > first.statistic and _has_half(first, one)]
    lead = min(leading, key=_rank, default=first)
    return Case(lead, tuple(sorted((one for one in (*signals, *units) if one is not lead), key=_rank)))


def _rank(signal: Summary) -> tuple[float, int, int, str]:
    return -signal.statistic, signal.exposures, _ORDER.index(signal.of), signal.id


def _has_half(one: Summary, other: Summary) -> bool:
    """Whether half of the outcomes of the one, and two at least, are those of the other."""
    return shared_outcomes(one.happened, other.happened) >= max(_SHARE * sum(one.happened.values()), _LEAST)


def _joined(ranked: list[Summary]) -> list[list[Summary]]:
    """The signals by case, each in their order."""
    case_of = list(range(len(ranked)))  # the first signal of the case that each is of
    for (at, one), (later, other) in combinations(enumerate(ranked), 2):
        fewer = min(one, other, key=lambda signal: sum(signal.happened.values()))
        if _has_half(fewer, other if fewer is one else one):
            kept, joined = sorted((case_of[at], case_of[later]))
            case_of = [kept if case == joined else case for case in case_of]
    return [[ranked[at] for at in range(len(ranked)) if case_of[at] == lead] for lead in sorted(set(case_of))]


def by_case(definition: RegistryDefinition, signals: Sequence[StatedSignal]) -> Iterator[tuple[bool, StatedSignal]]:
    """Each signal, and whether it is of the case of the one before; those that are withdrawn last."""
    by_id = {one.id: one for one in signals}
    for case in cases(_summary(definition, one) for one in signals if one.state != "withdrawn"):
        yield False, by_id[case.lead.id]
        yield from ((True, by_id[one.id]) for one in case.attached)
    yield from ((False, one) for one in signals if one.state == "withdrawn")


def _summary(definition: RegistryDefinition, signal: StatedSignal) -> Summary:
    exposure = definition.monitors.exposures[signal.group]
    level = "construct" if signal.of == "product" and len(exposure.product) > 1 else signal.of
    happened = {Place(one["unit"], one["start"], one["stop"]): one["number"] for one in signal.happened}
    exposures = sum(one["exposures"] for one in signal.units)
    return Summary(signal.id, level, signal.hindsight[-1]["statistic"], exposures, happened)
