"""What a company is not shown: groups worked by hand, and attackers who ask all that is allowed and reckon with it."""

from __future__ import annotations

import itertools
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from sinks.portal.suppression import Cell, Groups, groups_of, why_not_compared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Region = frozenset["Kind"]

REGIONS = {"A1": "A", "A2": "A", "A3": "A", "B1": "B", "B2": "B", "C1": "C"}


def all_different(people: Mapping[Cell, int]) -> dict[tuple[str, int], int]:
    """How many people each product and time has where nobody is in two cells."""
    together: Counter[tuple[str, int]] = Counter()
    for cell, number in people.items():
        together[cell.product, cell.time] += number
    return together


def shown(clinics: Mapping[str, int], smallest: int = 5) -> dict[str, str]:
    """How clinics with so many people are shown, in one time."""
    people = {Cell("CUP", 2024, clinic): number for clinic, number in clinics.items()}
    groups = groups_of(people, all_different(people), REGIONS, smallest)
    return {clinic: how for (_, _, clinic), how in groups.shown.items()}


@pytest.mark.parametrize(
    ("clinics", "apart"),
    [
        ({"A1": 5, "A2": 6, "B1": 5}, {}),
        ({"A1": 20, "A2": 3, "A3": 2}, {"A2": "region", "A3": "region"}),
        # 3 alone is the region less A1: so the next smallest goes with it
        ({"A1": 20, "A2": 3, "A3": 7}, {"A2": "region", "A3": "region"}),
        ({"A1": 20, "A2": 3}, {"A1": "region", "A2": "region"}),
        # B has too few, and so has C: together they are enough
        ({"A1": 20, "B1": 4, "C1": 4}, {"B1": "country", "C1": "country"}),
        # C has too few: B, which is smaller than A, is taken with it as one region, of which B1 is enough
        ({"A1": 20, "A2": 9, "B1": 6, "B2": 2, "C1": 4}, {"B2": "country", "C1": "country"}),
        ({"A1": 20, "B1": 6, "C1": 4}, {"B1": "country", "C1": "country"}),
        # the whole country is too few: it is one group, and is shown as the country in any case
        ({"A1": 1, "B1": 2}, {"A1": "country", "B1": "country"}),
    ],
)
def test_clinics_with_too_few_people_are_put_together_with_others(
    clinics: dict[str, int], apart: dict[str, str]
) -> None:
    assert shown(clinics) == {clinic: apart.get(clinic, "clinic") for clinic in clinics}


def test_who_is_in_two_clinics_is_not_two_people() -> None:
    people = {Cell("CUP", 2024, clinic): number for clinic, number in {"A1": 9, "A2": 3, "A3": 2}.items()}
    groups = groups_of(people, {("CUP", 2024): 13}, REGIONS, 5)
    # one of the five at A2 and A3 may be at both: then they are four
    assert set(groups.shown.values()) == {"region"}


def test_where_nothing_is_hidden_every_clinic_is_shown() -> None:
    assert set(shown({"A1": 1, "B1": 1, "C1": 2}, smallest=1).values()) == {"clinic"}


def test_each_product_and_time_has_groups_of_its_own() -> None:
    people = {
        Cell("CUP", 2023, "A1"): 9, Cell("CUP", 2023, "A2"): 9, Cell("CUP", 2024, "A1"): 9, Cell("CUP", 2024, "A2"): 1,
        Cell("STEM", 2024, "A2"): 9,
    }  # fmt: skip
    found = groups_of(people, all_different(people), REGIONS, 5)
    assert {key for key, how in found.shown.items() if how != "clinic"} == {("CUP", 2024, "A1"), ("CUP", 2024, "A2")}


def by_sex(cells: Mapping[tuple[str, str], int]) -> Groups:
    people: Counter[Cell] = Counter()
    for (clinic, _), number in cells.items():
        people[Cell("CUP", 2024, clinic)] += number
    values = {Cell("CUP", 2024, clinic, sex): number for (clinic, sex), number in cells.items()}
    return groups_of(people, all_different(people), REGIONS, 5, values)


def test_by_a_fact_a_clinic_is_shown_where_each_value_has_nobody_or_enough() -> None:
    found = by_sex({("A1", "f"): 9, ("A1", "m"): 5, ("A2", "f"): 7, ("A3", "f"): 20, ("A3", "m"): 4, ("B1", "f"): 6})
    # A3 has 4 men: held back; alone it would be found, so A2, the next smallest, goes with it, and then A1
    assert {clinic: how for (_, _, clinic), how in found.shown.items()} == {
        "A1": "region", "A2": "region", "A3": "region", "B1": "clinic",
    }  # fmt: skip
    assert found.values == {("CUP", 2024): [frozenset("f"), frozenset("m")]}
    assert found.whole("CUP", 2024, {"f"}) == {"f"}


def test_values_that_too_few_have_are_shown_together_only() -> None:
    found = by_sex({("A1", "f"): 9, ("A1", "m"): 3, ("A1", ""): 2, ("A1", "x"): 30})
    assert found.values == {("CUP", 2024): [frozenset("f"), frozenset("x"), frozenset({"m", ""})]}
    assert found.whole("CUP", 2024, {"f", "m"}) == {"f"}
    assert found.whole("CUP", 2024, {"f", "m", ""}) == {"f", "m", ""}


def test_of_too_few_people_in_the_country_no_fact_is_told() -> None:
    assert by_sex({("A1", "f"): 3}).whole("CUP", 2024, {"f", "m"}) == frozenset()
    assert by_sex({("A1", "f"): 3}).whole("CUP", 2023, {"f"}) == frozenset()


def test_who_was_put_together_stays_so_by_any_fact() -> None:
    # A2 was put with A3 for A3's sake; by sex all is well with A2, but groups must consist of whole groups
    cells = {("A1", "f"): 50, ("A2", "f"): 10, ("A3", "f"): 4}
    assert {clinic: how for (_, _, clinic), how in by_sex(cells).shown.items()} == shown({"A1": 50, "A2": 10, "A3": 4})


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({"X": 80, "Y": 10, "Z": 10}, None),
        ({"X": 81, "Y": 10, "Z": 9}, "one company has too large a share of what the others have"),
        ({"X": 50, "Y": 50}, "too few other companies have any"),
        ({"X": 50, "Y": 50, "Z": 0}, "too few other companies have any"),
        ({}, "too few other companies have any"),
    ],
)
def test_others_are_compared_with_where_they_are_enough_and_none_is_nearly_all(
    others: dict[str, int], reason: str | None
) -> None:
    assert why_not_compared(others, fewest=3, largest_share=0.8) == reason


class Kind(NamedTuple):
    """What a company may ask about: when and where a piece was put in, and in whom."""

    year: int
    month: int
    clinic: str
    sex: str
    age: str


YEARS, MONTHS = (1, 2), (1, 2, 3)
FACTS = {"": ("",), "sex": ("f", "m"), "age": ("old", "young")}
KINDS = [Kind(*one) for one in itertools.product(YEARS, MONTHS, REGIONS, FACTS["sex"], FACTS["age"])]


@dataclass
class World:
    """A small country with one product, and all that a company may ask about it.

    A region is what a number is of: kinds of pieces, whether there are any or not.
    """

    pieces: Sequence[tuple[int, Kind]]  # whose, and which
    smallest: int

    def people(self, region: Region) -> int:
        """How many people have the pieces of a region."""
        return len({person for person, kind in self.pieces if kind in region})

    def answers(self) -> Iterator[Region]:
        """What each row of each allowed question is of: of the finest that there are, and wider ones."""
        for month in MONTHS:
            yield where(year=None, month=month)
            for year in YEARS:
                yield where(year=year, month=month)
        for fact, values in FACTS.items():
            groups = self.groups(fact)
            for chosen in (some for number in (1, 2) for some in itertools.combinations(values, number)):
                for years in ((1,), (2,), YEARS):
                    yield from self.rows(groups, fact, chosen, years)

    def rows(self, groups: Groups, fact: str, chosen: Sequence[str], years: Sequence[int]) -> Iterator[Region]:
        """Every row that is shown: clinics, other clinics of regions and of the country, regions, the country."""
        rows: dict[tuple[str, str], set[Kind]] = defaultdict(set)
        for one in KINDS:
            value = getattr(one, fact) if fact else ""
            if one.year not in years or value not in groups.whole("", one.year, chosen):
                continue
            region = REGIONS[one.clinic]
            how = groups.shown.get(("", one.year, one.clinic), "clinic")
            name = {"clinic": one.clinic, "region": f"others in {region}", "country": "others"}[how]
            rows["row", name].add(one)
            rows["region", "others" if region in groups.merged["", one.year] else region].add(one)
            rows["country", ""].add(one)
        yield from map(frozenset, rows.values())

    def groups(self, fact: str) -> Groups:
        """How the product's clinics are put together."""
        people: dict[Cell, set[int]] = defaultdict(set)
        by_fact: dict[Cell, set[int]] = defaultdict(set)
        together: dict[tuple[str, int], set[int]] = defaultdict(set)
        for person, one in self.pieces:
            people[Cell("", one.year, one.clinic)].add(person)
            by_fact[Cell("", one.year, one.clinic, getattr(one, fact) if fact else "")].add(person)
            together["", one.year].add(person)
        return groups_of(
            {cell: len(its) for cell, its in people.items()},
            {time: len(its) for time, its in together.items()},
            REGIONS,
            self.smallest,
            {cell: len(its) for cell, its in by_fact.items()} if fact else None,
        )


def where(**said: object) -> Region:
    """The kinds of which all that is said holds; None says nothing."""
    told = {name: value for name, value in said.items() if value is not None}
    return frozenset(one for one in KINDS if all(getattr(one, name) == value for name, value in told.items()))


def is_the_country_s_own(small: World, region: Region) -> bool:
    """Whether its pieces are all of whole months, which is shown in any case."""
    there = {kind for _, kind in small.pieces}
    months = {(one.year, one.month) for one in region & there}
    return region & there == {one for one in there if (one.year, one.month) in months}


def world(seed: int, smallest: int, *, people: int, second: float = 0.0) -> World:
    """People with one piece each, of whom a part ``second`` has another, perhaps elsewhere or in another year."""
    rng = random.Random(seed)
    clinics, weights = list(REGIONS), [rng.choice([0.3, 1, 4, 8]) for _ in REGIONS]
    pieces = []
    for person in range(people):
        sex = rng.choice("ffm")
        for _ in range(1 + (rng.random() < second)):
            clinic, age = rng.choices(clinics, weights)[0], rng.choice(["old", "old", "young"])
            pieces.append((person, Kind(rng.choice(YEARS), rng.choice(MONTHS), clinic, sex, age)))
    return World(pieces, smallest)


def few_people_found(small: World, tries: int, seed: int) -> list[Region]:
    """Regions of 1 to 4 people that answers are, or differences of two, or sums and differences of a few at random."""
    answers = sorted({answer for answer in small.answers() if answer}, key=sorted)
    rng = random.Random(seed)
    found = answers + [wide - narrow for wide, narrow in itertools.permutations(answers, 2) if narrow < wide]
    for _ in range(tries):
        left: Counter[Kind] = Counter()
        for answer in rng.choices(answers, k=rng.randint(3, 6)):
            (left.update if rng.random() < 0.5 else left.subtract)(answer)
        kept = {kind: number for kind, number in left.items() if number}
        if set(kept.values()) in ({1}, {-1}):
            found.append(frozenset(kept))
    few = (region for region in set(found) if 0 < small.people(region) < 5)
    return [region for region in few if not is_the_country_s_own(small, region)]


@pytest.mark.parametrize("seed", range(12))
def test_no_sum_or_difference_of_a_few_answers_is_the_number_of_a_few_people(seed: int) -> None:
    assert few_people_found(world(seed, 5, people=40 + 15 * (seed % 5), second=0.3), 3_000, seed) == []


def test_the_attack_finds_people_where_nothing_is_hidden() -> None:
    assert all(few_people_found(world(seed, 1, people=60, second=0.3), 1_000, seed) for seed in range(4))


def known(small: World) -> tuple[NDArray[np.float64], NDArray[np.float64], list[Kind]]:
    """All answers as rows over the kinds that may have anybody, the pieces of each, and those kinds.

    An answer of nobody says of all its kinds that they are empty, and whoever asks knows that.
    """
    answers = [answer for answer in set(small.answers()) if answer]
    empty = frozenset().union(*(answer for answer in answers if not small.people(answer)))
    kinds = [kind for kind in KINDS if kind not in empty]
    number = Counter(kind for _, kind in small.pieces)
    rows = {tuple(kind in answer for kind in kinds) for answer in answers}
    return np.array(sorted(rows), dtype=float), np.array([number[kind] for kind in kinds], dtype=float), kinds


def fewest_found(small: World) -> int:
    """The fewest people, but 0, whose number is a weighted sum of all answers, whatever the weights.

    Each kind is in the sum once or not at all. Solved as a whole: such sums are what is orthogonal to all that is
    orthogonal to the answers.
    """
    answers, number, _ = known(small)
    _, sizes, directions = np.linalg.svd(answers)
    outside = directions[int((sizes > 1e-9).sum()) :]
    span = [LinearConstraint(outside, -1e-7, 1e-7)] if len(outside) else []
    solved = milp(
        number, integrality=np.ones(number.size), bounds=Bounds(0, 1), constraints=[*span, LinearConstraint(number, 1)]
    )
    return int(np.rint(solved.fun))


def fit_for_solving(seed: int, smallest: int = 5) -> World:
    """A world where each month of the country has enough people, for these are shown in any case; one piece each."""
    small = world(seed, smallest, people=60 + 10 * (seed % 8))
    months = Counter((kind.year, kind.month) for _, kind in small.pieces)
    return small if min(months.values()) >= 5 else fit_for_solving(seed + 1_000, smallest)


@pytest.mark.parametrize("seed", range(16))
def test_no_weighted_sum_of_all_answers_is_the_number_of_a_few_people(seed: int) -> None:
    assert fewest_found(fit_for_solving(seed)) >= 5


def test_the_solved_attack_finds_somebody_where_nothing_is_hidden() -> None:
    assert fewest_found(fit_for_solving(0, smallest=1)) == 1


class TwoFacts(World):
    """Where one may ask by two facts at once, if in the country there are enough people for the answer."""

    def answers(self) -> Iterator[Region]:
        yield from super().answers()
        for both in itertools.product(FACTS["sex"], FACTS["age"]):
            region = where(sex=both[0], age=both[1])
            if self.people(region) >= 5:
                yield region


def test_the_solved_attack_finds_somebody_where_one_may_ask_by_two_facts_at_once() -> None:
    found = [fewest_found(TwoFacts(fit_for_solving(seed).pieces, 5)) for seed in range(16)]
    assert min(found) < 5


@pytest.mark.parametrize("seed", range(6))
def test_what_is_possible_by_all_answers_does_not_say_what_a_few_people_are(seed: int) -> None:
    small = fit_for_solving(seed)
    answers, number, kinds = known(small)
    seen = answers @ number
    for fact, values in FACTS.items():
        for year, clinic, value in itertools.product(YEARS, REGIONS, values):
            cell = [
                (one.year, one.clinic) == (year, clinic) and (not fact or getattr(one, fact) == value) for one in kinds
            ]
            if not 0 < number[cell].sum() < 5:
                continue
            least, most = (
                sign * linprog(sign * np.array(cell, dtype=float), A_eq=answers, b_eq=seen).fun for sign in (1, -1)
            )
            assert most - least >= 1
