"""Exposures as numbers of each kind."""

from __future__ import annotations

import random

import pytest

from streams.surveillance.bins import FIRST_DAY, OPEN, Bin, Bins, Change, Exposure, bin_of, net

OPERATED = Exposure("CUP", "L1", "Lund", "left", ("F", "55-64"), 15_000, None, "", 0, None)
REVISED = OPERATED._replace(end=15_200, end_reason="revision", outcomes=1, first_outcome=15_200)
DEAD = OPERATED._replace(end=15_300, end_reason="death")
# an infection washed out, the cup left in: the first outcome counts, and who has had it is at risk of it no more
WASHED = OPERATED._replace(outcomes=2, first_outcome=15_020)


@pytest.mark.parametrize(
    ("exposure", "stop", "event"),
    [(OPERATED, OPEN, False), (REVISED, 15_200, True), (DEAD, 15_300, False), (WASHED, 15_020, True)],
)
def test_an_exposure_is_at_risk_until_its_first_outcome_or_its_end(exposure: Exposure, stop: int, event: bool) -> None:
    assert bin_of(exposure) == Bin("CUP", "L1", "Lund", ("F", "55-64"), 15_000, stop, event)


def test_what_is_dated_before_1960_counts_as_begun_then() -> None:
    odd = OPERATED._replace(start=-30_000, end=-29_000)
    assert bin_of(odd)[4:] == (FIRST_DAY, FIRST_DAY, False)


def test_a_change_takes_the_before_away_and_puts_the_after_in() -> None:
    changes = [Change("p", "r", None, OPERATED), Change("p", "r", OPERATED, REVISED), Change("q", "s", None, OPERATED)]
    assert net(changes) == {bin_of(REVISED): 1, bin_of(OPERATED): 1}
    assert net([*changes, Change("p", "r", REVISED, None)]) == {bin_of(OPERATED): 1}


def test_a_side_makes_no_other_kind() -> None:
    both = [Change("p", "r", None, OPERATED), Change("p", "s", None, OPERATED._replace(side="right"))]
    assert net(both) == {bin_of(OPERATED): 2}


def test_any_order_comes_to_the_same() -> None:
    parts = [{bin_of(OPERATED): 3}, {bin_of(OPERATED): -3, bin_of(DEAD): 2}, {bin_of(DEAD): -1, bin_of(WASHED): 4}]
    for seed in range(6):
        bins = Bins()
        shuffled = random.Random(seed).sample(parts, 3)
        for part in shuffled:
            bins.add(part)
        rows = bins.rows_of(bins.products.find("CUP"))
        found = {
            (int(bins.column("stop")[row]), int(bins.column("event")[row])): int(bins.column("count")[row])
            for row in rows
        }
        assert found == {(15_300, 0): 1, (15_020, 1): 4}


def test_a_hundred_thousand_implants_take_no_more_rows_than_a_hundred() -> None:
    few, many = Bins(), Bins()
    kinds = [bin_of(OPERATED._replace(start=15_000 + day)) for day in range(100)]
    few.add(dict.fromkeys(kinds, 1))
    for _ in range(1_000):
        many.add(dict.fromkeys(kinds, 1))
    assert many.column("count").size == few.column("count").size == 100
    assert many.column("count").sum() == 100_000


def test_a_row_that_came_to_nothing_is_used_again() -> None:
    bins = Bins()
    for day in range(1_000):
        bins.add({bin_of(OPERATED._replace(start=15_000 + day)): 1})
        bins.add({bin_of(OPERATED._replace(start=15_000 + day)): -1})
    assert bins.column("count").size == 1
