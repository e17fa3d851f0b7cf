"""Small cells, and those that would give them away."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

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
    settled = False
    while not settled:  # what is hidden for one total may stand alone in another
        settled = True
        for parts in totals.values():
            held_back = [people[part] for part in parts if part in found]
            shown = [part for part in parts if part not in found]
            if shown and held_back and (len(held_back) == 1 or sum(held_back) < smallest):
                found.add(shown[0])
                settled = False
    return found


def _totals_of(group: Group) -> Iterator[Hashable]:
    """The totals that a row is a part of: each leaves out the place, a breakdown, or several of them."""
    values = (group.place, *group.breakdown)
    for kept in product((True, False), repeat=len(values)):
        if not all(kept):
            yield group.first_day, tuple(value if keep else None for value, keep in zip(values, kept, strict=True))
