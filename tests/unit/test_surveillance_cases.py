"""Which signals are one case, on examples made by hand."""

from __future__ import annotations

from itertools import permutations

from streams.surveillance.cases import Case, Place, Summary, cases, shared_outcomes


def signal(name: str, statistic: float, exposures: int, *stops: int, unit: str = "U") -> Summary:
    """A signal whose exposures all began on day 0 and failed on these days."""
    return Summary(name, statistic, exposures, {Place(unit, 0, stop): 1 for stop in stops})


def grouped(found: tuple[Case, ...]) -> list[list[str]]:
    return [[case.lead.id, *(one.id for one in case.attached)] for case in found]


def test_outcomes_are_shared_by_unit_and_days() -> None:
    cup = {Place("U", 0, 50): 1, Place("U", 3, 50): 1, Place("V", 0, 60): 2, Place("V", 0, 61): 1}
    stem = {
        Place("U", 0, 50): 1,
        Place("U", 3, 51): 1,  # another day
        Place("V", 3, 50): 1,  # another unit
        Place("V", 0, 60): 3,  # two there
    }
    assert shared_outcomes(cup, stem) == shared_outcomes(stem, cup) == 1 + 2


def test_half_of_the_outcomes_of_the_smaller_make_a_case() -> None:
    cup, stem = signal("CUP", 7.0, 30, 10, 20, 30, 40, 50), signal("STEM", 5.0, 90, 10, 20, 61, 62)
    assert grouped(cases([stem, cup])) == [["CUP", "STEM"]]
    fewer = signal("STEM", 5.0, 90, 10, 60, 61)  # one of three
    assert grouped(cases([fewer, cup])) == [["CUP"], ["STEM"]]


def test_a_case_is_shown_as_the_highest_statistic_of_equal_ones_the_fewest_exposures() -> None:
    family, product, lot = (
        signal("FAMILY", 6.0, 400, 10, 20),
        signal("PRODUCT", 8.0, 90, 10, 20),
        signal("LOT", 8.0, 12, 10, 20),
    )
    for order in permutations((family, product, lot)):
        assert grouped(cases(order)) == [["LOT", "PRODUCT", "FAMILY"]]


def test_those_that_only_a_third_joins_are_one_case_in_any_order() -> None:
    first, between, last = (
        signal("A", 9.0, 30, 10, 20, 25),
        signal("B", 7.0, 30, 20, 25, 30, 35),
        signal("C", 8.0, 30, 30, 35, 40),
    )
    apart = signal("D", 8.5, 30, 20, 25, unit="V")
    for order in permutations((first, between, last, apart)):
        assert grouped(cases(order)) == [["A", "C", "B"], ["D"]]


def test_one_outcome_in_common_may_be_chance() -> None:
    assert grouped(cases([signal("CUP", 7.0, 30, 10, 20), signal("STEM", 5.0, 90, 10)])) == [["CUP"], ["STEM"]]


def test_signals_without_outcomes_are_cases_of_their_own() -> None:
    assert grouped(cases([signal("A", 2.0, 3), signal("B", 1.0, 3)])) == [["A"], ["B"]]
    assert cases([]) == ()
