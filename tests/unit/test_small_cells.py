"""Which rows are hidden, worked by hand: what the totals leave of them."""

from __future__ import annotations

from datetime import date

import pytest

from sinks.clickhouse.queries.cell_sums import Group
from sinks.clickhouse.queries.small_cells import hidden

_2022, _2023 = date(2022, 1, 1), date(2023, 1, 1)


def units(*numbers: int) -> dict[Group, int]:
    """So many people at U1, U2 and so on, in one year."""
    return {Group(f"U{place}", _2022, ()): number for place, number in enumerate(numbers, 1)}


@pytest.mark.parametrize(
    ("numbers", "not_shown"),
    [
        ((40, 12, 7, 5), ""),
        # 62 in all, and 62 - 40 - 12 - 7 = 3: so the 7 goes too, and 10 remain for the two of them
        ((40, 12, 7, 3), "U3 U4"),
        # 4 and 4 are 8: which is whose is not to be found
        ((40, 12, 4, 4), "U3 U4"),
        # 1 and 1 are 2, and then each must be 1; with the 12 there are 14
        ((40, 12, 1, 1), "U2 U3 U4"),
        # of equals the first
        ((9, 9, 9, 3), "U1 U4"),
        # nothing is left to hide behind: the total itself is as small
        ((3,), "U1"),
        ((2, 2), "U1 U2"),
    ],
)
def test_what_is_hidden_of_a_total_is_not_found_by_taking_the_rest_from_it(
    numbers: tuple[int, ...], not_shown: str
) -> None:
    assert " ".join(sorted(group.place for group in hidden(units(*numbers), 5))) == not_shown


def test_each_time_has_totals_of_its_own() -> None:
    people = {
        Group("U1", _2022, ()): 3, Group("U2", _2022, ()): 40, Group("U3", _2022, ()): 50,
        Group("U1", _2023, ()): 30, Group("U2", _2023, ()): 40, Group("U3", _2023, ()): 50,
    }  # fmt: skip
    assert hidden(people, 5) == {Group("U1", _2022, ()), Group("U2", _2022, ())}


def test_a_number_hidden_for_another_s_sake_is_not_to_be_found_either() -> None:
    table = {("U1", "f"): 3, ("U1", "m"): 20, ("U2", "f"): 30, ("U2", "m"): 25, ("U3", "f"): 50, ("U3", "m"): 60}
    people = {Group(place, _2022, (sex,)): number for (place, sex), number in table.items()}
    # 3: of U1's 23 the men's 20 go, of the women's 83 U2's 30 go. Now the 20 is alone among the men's 105: U2's 25 go.
    assert {(group.place, *group.breakdown) for group in hidden(people, 5)} == {
        ("U1", "f"), ("U1", "m"), ("U2", "f"), ("U2", "m"),
    }  # fmt: skip


def test_a_total_over_place_and_breakdown_at_once_gives_nothing_away() -> None:
    # the women are all in the north and the men in the south; 1,203 in all, less 1,200
    people = {Group("North", _2022, ("f",)): 1_200, Group("South", _2022, ("m",)): 3}
    assert hidden(people, 5) == people.keys()


def test_where_everything_is_shown_nothing_is_hidden() -> None:
    assert hidden(units(1, 2, 300), 0) == set()
