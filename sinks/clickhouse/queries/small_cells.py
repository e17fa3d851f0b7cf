"""Small cells, and those that would give them away."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import TYPE_CHECKING, TypeVar

Part = TypeVar("Part")

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence

    from sinks.clickhouse.queries.cell_sums import Group


def hidden(people: Mapping[Group, int], smallest: int) -> set[Group]:
    """Which rows of one indicator are not to be shown to everybody.

    A row of fewer than ``smallest`` is hidden. That is not enough where the row is a part of a total which is
    printed: the others taken from the total leave the hidden one. So there is complementary suppression: what is hidden
    of a total's parts is never one part alone, and never fewer than ``smallest`` together; while it is, the smallest
    part shown is hidden too, of equal ones the first by place and breakdown.

    A total is the sum at one time over all places, over all values of a breakdown, or over several of these: the
    nation's row is printed beside its units, the others are one command away.

    Totals that put some places or some times together (a county of its units, a year of its months) are not looked at.

    Args:
        people: how many each row is about.
        smallest: the fewest that are shown; 0 and 1 hide nothing.
    """
    found = {group for group, number in people.items() if number < smallest}
    totals: dict[Hashable, list[Group]] = defaultdict(list)
    for group in sorted(people, key=lambda one: (people[one], one.place, one.breakdown)):
        for total in _totals_of(group):
            totals[total].append(group)
    before = -1
    while before < len(found):  # what is hidden for one total may stand alone in another
        before = len(found)
        for parts in totals.values():
            numbers = {part: (people[part],) for part in parts}
            found |= held_back(numbers, smallest, found.intersection(parts), strict=True)
    return found


def held_back(
    parts: Mapping[Part, Sequence[int]], smallest: int, already: Collection[Part] = (), *, strict: bool = False
) -> set[Part]:
    """Which of a total's parts are not shown each by itself: the small ones, and as many others as hide them together.

    A part may have several numbers, such as its people by sex; it is small where any of them is above 0 and under
    ``smallest``. While that is so of those held back together, the smallest part shown is held back too.

    Args:
        parts: the numbers of each part, as many of all; of equally large ones the first is held back first.
        smallest: the fewest that are shown.
        already: those that are held back in any case.
        strict: nothing of what is held back may be found out, not even that it is large or nobody: it is never one part
            by itself, nor fewer than ``smallest`` together.
    """
    found = {*already, *(part for part, numbers in parts.items() if _is_small(numbers, smallest))}
    shown = [part for part in sorted(parts, key=lambda part: sum(parts[part])) if part not in found]
    for part in shown:
        together = [sum(numbers) for numbers in zip(*(parts[one] for one in found), strict=True)]
        guessed = strict and (len(found) == 1 or sum(together) < smallest)
        if not found or not (guessed or _is_small(together, smallest)):
            break
        found.add(part)
    return found


def _is_small(numbers: Sequence[int], smallest: int) -> bool:
    return any(0 < number < smallest for number in numbers)


def _totals_of(group: Group) -> Iterator[Hashable]:
    """The totals that a row is a part of: each leaves out the place, a breakdown, or several of them."""
    values = (group.place, *group.breakdown)
    for kept in product((True, False), repeat=len(values)):
        if not all(kept):
            yield group.first_day, tuple(value if keep else None for value, keep in zip(values, kept, strict=True))
