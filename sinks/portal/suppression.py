"""What a company is not shown: too few people are put together with others, so that no difference finds them.

The rule. Of each product, the whole country is always shown. All below it is a sum of whole *groups*, and each group
has nobody or ``smallest`` people (5, unless the registry says otherwise):

1. In each time (a calendar year, or several as declared) the clinics that put a product into too few people are put
   together as the other clinics of their region; regions with too few people are taken as one region. Where these are
   too few together, the next smallest joins them (`held_back`, as for indicators).
2. Asked by sex, age group or diagnosis: values that too few people have in the country are put together first; then
   clinics are as in 1, until each group has nobody or enough people of each value. These groups consist of whole
   groups of 1, so that the two can be held against each other as often as one likes.
3. One question tells people apart by one such fact at most, and a period is of whole times; of the country's own
   totals, of whole months.

Why it holds. Each answer is a sum over whole groups, or of the country in whole months. Take any answers, by whomever
in the company, add and subtract them until what remains is a number of pieces or failures of certain clinics, times
and patients. Within a time, what is 1 or 0 depends on the clinics' group or on the month, never on both, for a sum of
the two would be 2 somewhere. So what remains there is whole groups, or the country. Likewise it depends on one fact
of the patients at most, and in the same way in a whole group of 2. So what remains is always whole groups, each of
nobody or of enough people, or the country's own totals, which are shown in any case.

What it stops: reading a small cell; working it out from totals or margins; the difference between two filters, or of
any number of them, with whatever weights, also between sessions, and between users of one company: nothing depends on
who asks, or on what was asked before. What it does not stop: that of enough people 0 or 1 had a failure is shown, for
the rule counts people; what somebody knows beforehand; two readings on different days differ by what was registered
in between, though both are of groups with enough people.

People are counted in each cell. Somebody may be in two cells of one product and time, such as both hips at two
clinics, so that groups may have fewer people than the sum: by as many as the cells have more than the product and
time. That many more are then wanted of each group.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sinks.clickhouse.queries.small_cells import held_back
from sinks.portal.texts import marked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    Numbers = dict[str, list[int]]

Shown = Literal["clinic", "region", "country"]
"""How a clinic is shown: by itself, with other clinics of its region, or with others of several regions."""

_OTHERS = "\0"
"""Begins the name of a group of several: no clinic is called so."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The people of one product in one time at one clinic; with ``value``, those of whom a fact says that."""

    product: str
    time: int
    clinic: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Groups:
    """How clinics and values are put together.

    Attributes:
        shown: by product, time and clinic with anybody. A clinic that is missing has nobody.
        merged: by product and time, the regions that are shown together only.
        values: by product and time, the values that are told apart, those put together as one set; none where the
            country has too few people for any. None where no fact was asked for.
    """

    shown: Mapping[tuple[str, int, str], Shown]
    merged: Mapping[tuple[str, int], frozenset[str]]
    values: Mapping[tuple[str, int], Sequence[frozenset[str]]] | None = None

    def whole(self, product: str, time: int, chosen: Collection[str]) -> frozenset[str]:
        """Of chosen values those that can be shown in a time: sets of them that are chosen as a whole."""
        if self.values is None:
            return frozenset(chosen)
        return whole(self.values.get((product, time), ()), chosen)


def whole(parts: Iterable[frozenset[str]], chosen: Collection[str]) -> frozenset[str]:
    """The values that are in parts chosen as a whole."""
    return frozenset().union(*(part for part in parts if part <= set(chosen)))


def is_cut(parts: Collection[frozenset[str]], chosen: Collection[str]) -> bool:
    """Whether something that was chosen is not shown: there are no parts, or a part is chosen in part only."""
    return not parts or any(part & set(chosen) and not part <= set(chosen) for part in parts)


def groups_of(
    people: Mapping[Cell, int],
    together: Mapping[tuple[str, int], int],
    regions: Mapping[str, str],
    smallest: int,
    by_fact: Mapping[Cell, int] | None = None,
) -> Groups:
    """Put clinics, and the values of a fact, together until each group has nobody or enough people.

    Args:
        people: how many each clinic has; cells without anybody are left out.
        together: how many each product and time has in all, each person once.
        regions: the region of each clinic; clinics without one are a region of their own.
        smallest: the fewest people that are shown by themselves; 1 hides nothing.
        by_fact: how many each value has at each clinic, where a fact is asked for.
    """
    facts = _by_time(by_fact or {})
    shown: dict[tuple[str, int, str], Shown] = {}
    merged: dict[tuple[str, int], frozenset[str]] = {}
    values: dict[tuple[str, int], Sequence[frozenset[str]]] = {}
    for at, cells in _by_time(people).items():
        found = _put_together(
            {cell.clinic: [number] for cell, number in cells},
            regions,
            _fewest(cells, together[at], smallest),
            _Before({}, frozenset()),
        )
        if by_fact is not None:
            fewest = _fewest(facts[at], together[at], smallest)
            parts = values[at] = _values(facts[at], fewest)
            place = {value: number for number, part in enumerate(parts) for value in part}
            by_value: Numbers = {clinic: [0] * max(len(parts), 1) for clinic in found.shown}
            for cell, number in facts[at]:
                by_value[cell.clinic][place.get(cell.value, 0)] += number
            found = _put_together(by_value, regions, fewest, found)
        shown.update({(*at, clinic): how for clinic, how in found.shown.items()})
        merged[at] = found.merged
    return Groups(shown, merged, None if by_fact is None else values)


def _by_time(people: Mapping[Cell, int]) -> dict[tuple[str, int], list[tuple[Cell, int]]]:
    by_time: dict[tuple[str, int], list[tuple[Cell, int]]] = defaultdict(list)
    for cell, number in people.items():
        by_time[cell.product, cell.time].append((cell, number))
    return by_time


def _fewest(cells: Iterable[tuple[Cell, int]], together: int, smallest: int) -> int:
    """How many a group must have: more than the smallest by as many as may be in it twice."""
    return smallest + sum(number for _, number in cells) - together if smallest > 1 else 1


@dataclass(frozen=True, slots=True)
class _Before:
    """How the clinics of one product and time are put together so far, and which regions are."""

    shown: Mapping[str, Shown]
    merged: frozenset[str]


def _values(cells: Iterable[tuple[Cell, int]], smallest: int) -> Sequence[frozenset[str]]:
    """The values of a fact, those that too few in the country have as one set; none where all are too few."""
    country: Numbers = defaultdict(lambda: [0])
    for cell, number in cells:
        country[cell.value][0] += number
    merged = held_back(dict(sorted(country.items())), smallest)
    parts = [frozenset({value}) for value in sorted(country) if value not in merged]
    if merged and sum(country[value][0] for value in merged) >= smallest:
        parts.append(frozenset(merged))
    return parts


def _put_together(numbers: Numbers, regions: Mapping[str, str], smallest: int, before: _Before) -> _Before:
    """Put regions together, then the clinics of each; who was put together before stays so."""
    inside: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for clinic in sorted(numbers):
        inside[regions.get(clinic, clinic)][clinic] = numbers[clinic]
    whole = {region: _sum(clinics.values()) for region, clinics in inside.items()}
    few = frozenset(held_back(dict(sorted(whole.items())), smallest, before.merged))
    shown: dict[str, Shown] = {}
    for region in inside.keys() - few:
        shown |= _of_region(inside[region], regions, smallest, before.shown, "region")
    if few:
        together = {clinic: one for region in sorted(few) for clinic, one in inside[region].items()}
        shown |= _of_region(together, regions, smallest, before.shown, "country")
    return _Before(shown, few)


def _of_region(
    numbers: Mapping[str, Sequence[int]],
    regions: Mapping[str, str],
    smallest: int,
    before: Mapping[str, Shown],
    others: Shown,
) -> dict[str, Shown]:
    """How the clinics of a region, or of several that are put together, are shown; ``others`` is what the rest is."""
    parts: dict[str, list[list[int]]] = defaultdict(list)
    of = {clinic: _part(clinic, before.get(clinic, "clinic"), regions) for clinic in numbers}
    for clinic, part in of.items():
        parts[part].append(list(numbers[clinic]))
    whole = {part: _sum(several) for part, several in parts.items()}
    together = {part for clinic, part in of.items() if before.get(clinic) == others}
    held = held_back(whole, smallest, together)
    return {clinic: others if part in held else before.get(clinic, "clinic") for clinic, part in of.items()}


def _part(clinic: str, shown: Shown, regions: Mapping[str, str]) -> str:
    """What a clinic is a part of, by how it was shown."""
    if shown == "clinic":
        return clinic
    return _OTHERS if shown == "country" else _OTHERS + regions.get(clinic, clinic)


def _sum(several: Iterable[Sequence[int]]) -> list[int]:
    return [sum(numbers) for numbers in zip(*several, strict=True)]


def why_not_compared(others: Mapping[str, int], *, fewest: int, largest_share: float) -> str | None:
    """Why a company is not shown what the others have together; None where it is.

    With fewer than ``fewest`` others, or with one that is more than ``largest_share`` of them, what they have together
    would tell what one of them has. The reason is a text that ``Texts`` has in each language.

    Args:
        others: how many pieces each other company has; those without any do not count.
        fewest: how many other companies there must be.
        largest_share: the largest share that one of them may have of what they have together.
    """
    there = [number for number in others.values() if number > 0]
    if len(there) < fewest:
        return marked("too few other companies have any")
    if max(there) > largest_share * sum(there):
        return marked("one company has too large a share of what the others have")
    return None
