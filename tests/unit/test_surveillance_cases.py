"""Which signals are one case, on examples made by hand."""

from __future__ import annotations

from itertools import permutations

from sinks.clickhouse.queries.cases import Case, Place, Summary, cases, shared_outcomes


def signal(name: str, statistic: float, exposures: int, *stops: int, unit: str = "U", of: str = "product") -> Summary:
    """A signal whose exposures all began on day 0 and failed on these days."""
    return Summary(name, of, statistic, exposures, {Place(unit, 0, stop): 1 for stop in stops})


def at_units(name: str, statistic: float, of: str = "product", **units: int) -> Summary:
    """A signal with so many outcomes at each unit, on days 0, 1, 2, …: of whatever is the same, the same outcomes."""
    happened = {Place(unit, 0, stop): 1 for unit, many in units.items() for stop in range(many)}
    return Summary(name, of, statistic, 100, happened)


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
        signal("FAMILY", 6.0, 400, 10, 20, of="family"),
        signal("PRODUCT", 8.0, 90, 10, 20),
        signal("LOT", 8.0, 12, 10, 20, of="lot"),
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


def test_of_equal_statistic_and_exposures_the_narrower_level_leads() -> None:
    kinds = ("lot", "product", "family", "construct", "company")
    found = [signal(kind, 8.0, 90, 10, 20, of=kind) for kind in kinds]
    for order in permutations(found):
        assert grouped(cases(order)) == [[*kinds]]


def test_a_family_that_explains_more_than_each_of_its_products_leads() -> None:
    one, other = signal("A", 6.0, 90, 10, 20), signal("B", 5.0, 90, 30, 40)
    family = signal("family:F", 9.0, 180, 10, 20, 30, 40, of="family")
    assert grouped(cases([one, other, family])) == [["family:F", "A", "B"]]


def test_a_unit_joins_only_the_case_that_most_of_its_outcomes_are() -> None:
    bad = at_units("BAD", 30.0, U=6, V=6, W=6)
    assert grouped(cases([bad, at_units("unit:U", 8.0, "unit", U=12)])) == [["BAD", "unit:U"]]  # 6 of 12
    apart = cases([bad, at_units("unit:U", 8.0, "unit", U=13)])  # 6 of 13: the unit has more than the product's
    assert grouped(apart) == [["BAD"], ["unit:U"]]


def test_a_unit_never_leads_a_product_that_fails_elsewhere_too() -> None:
    bad, unit = at_units("BAD", 7.0, U=6, V=4, W=3), at_units("unit:U", 9.0, "unit", U=10)
    assert grouped(cases([unit, bad])) == [["BAD", "unit:U"]]  # 6 of the product's 13 are at the unit


def test_where_unit_and_product_share_most_outcomes_the_higher_statistic_leads() -> None:
    only_there = at_units("BAD", 7.0, U=6, V=2)
    assert grouped(cases([only_there, at_units("unit:U", 9.0, "unit", U=10)])) == [["unit:U", "BAD"]]
    assert grouped(cases([only_there, at_units("unit:U", 6.0, "unit", U=10)])) == [["BAD", "unit:U"]]


def test_two_units_may_join_one_product_and_one_unit_s_signals_of_two_monitors_are_one_case() -> None:
    bad = at_units("BAD", 30.0, U=6, V=6)
    units = [at_units(f"{monitor}/unit:{at}", 5.0, "unit", **{at: 8}) for monitor in ("cup", "stem") for at in "UV"]
    assert grouped(cases([*units, bad])) == [["BAD", "cup/unit:U", "cup/unit:V", "stem/unit:U", "stem/unit:V"]]
    assert grouped(cases(units)) == [["cup/unit:U", "stem/unit:U"], ["cup/unit:V", "stem/unit:V"]]
