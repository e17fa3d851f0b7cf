"""Pairs of drug and reaction against tables worked by hand, a reference fixture, and a slow independent reading."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from streams.statistics.disproportionality import Estimate, GammaPoissonMixture, fit_gamma_poisson
from streams.surveillance.drugs import Pair, Screening, screen

Counts = dict[tuple[str, str, str], int]

CAERS = GammaPoissonMixture(3.25280367, 0.39983376, 2.02490400, 1.90726819, 0.06536416)
"""The prior of openEBGM's own tests, for which the fixture has its scores."""


def table_of(a: int, b: int, c: int, d: int) -> Counts:
    """The reports of one pair (D, R), in one stratum."""
    return {("D", "R", ""): a, ("D", "other", ""): b, ("others", "R", ""): c, ("others", "other", ""): d}


def pair(found: Screening, drug: str, reaction: str) -> Pair:
    (one,) = (one for one in found.pairs if (one.drug, one.reaction) == (drug, reaction))
    return one


def near(estimate: Estimate, *wanted: float) -> None:
    assert (estimate.value, estimate.lower, estimate.upper) == pytest.approx(wanted, rel=1e-6)


def test_a_pair_of_the_reference_fixture() -> None:
    # anuria with atorvastatin in FAERS, statin46_disproportionality_expected.csv: R's openEBGM and PhViD
    found = pair(screen(table_of(71, 197319, 10510, 63768710), prior=CAERS), "D", "R").table
    assert (found.a, found.b, found.c, found.d) == (71, 197319, 10510, 63768710)
    assert found.expected == pytest.approx(32.6460497)
    near(found.prr, 2.18277861, 1.728495188, 2.756456885)
    near(found.ror, 2.183204202, 1.728687579, 2.757224986)
    near(found.ic, 1.109106299, 0.7538429496, 1.424950817)
    near(found.ebgm, 2.102229, 1.725546, 2.541781)
    assert found.likelihood_ratio == pytest.approx(16.87973936)
    assert found.rules == ("evans", "ror", "ic")  # EB05 is below 2


def test_uveitis_with_rifabutin_as_evans_published_it() -> None:
    # Evans et al (2001), the paper's worked case: PRR 41/55 over 754/592,712 = 586, χ² 22,740
    found = pair(screen(table_of(41, 14, 754, 591_958), prior=CAERS), "D", "R").table
    assert found.prr.value == pytest.approx(586, abs=0.5)
    assert found.expected == pytest.approx(55 * 795 / 592_767)
    assert found.rules == ("evans", "ror", "ic", "ebgm")


def test_the_fewest_reports_of_the_rules() -> None:
    # two reports where 0.15 are due: PRR (2/10)/(1/190) = 38 with χ² enough for Evans, ROR's lower limit above 1
    two = pair(screen(table_of(2, 8, 1, 189), prior=CAERS), "D", "R").table
    assert two.prr.value == pytest.approx(38)
    assert two.ror.lower > 1
    assert not {"evans", "ror"} & set(two.rules)
    assert {"evans", "ror"} <= set(pair(screen(table_of(3, 7, 1, 189), prior=CAERS), "D", "R").table.rules)


def test_a_drug_of_the_old_is_not_blamed_for_what_comes_with_age() -> None:
    counts = {
        ("D", "R", "young"): 2, ("D", "other", "young"): 98, ("E", "R", "young"): 18, ("E", "other", "young"): 882,
        ("D", "R", "old"): 90, ("D", "other", "old"): 810, ("E", "R", "old"): 10, ("E", "other", "old"): 90,
    }  # fmt: skip
    found = pair(screen(counts, prior=CAERS), "D", "R").table
    # each stratum by itself is as it should be: 100·20/1000 and 900·100/1000; in all 92/1000 against 28/1000
    assert found.expected == pytest.approx(2 + 90)
    assert (found.a, found.b, found.c, found.d) == (92, 908, 28, 972)
    assert found.prr.value == pytest.approx(92 / 28)
    assert found.ic.value == pytest.approx(0)
    assert found.likelihood_ratio == 0
    assert found.rules == ("evans", "ror")
    crude = pair(screen({(drug, reaction, ""): 0 for drug, reaction, _ in counts} | _in_one(counts)), "D", "R")
    assert crude.table.expected == pytest.approx(1000 * 120 / 2000)


def _in_one(counts: Counts) -> Counts:
    found: Counts = {}
    for (drug, reaction, _), number in counts.items():
        found[drug, reaction, ""] = found.get((drug, reaction, ""), 0) + number
    return found


MASKED: Counts = {
    ("BIG", "R", ""): 60, ("BIG", "other", ""): 100,
    ("SMALL", "R", ""): 6, ("SMALL", "other", ""): 74,
    ("REST", "R", ""): 6, ("REST", "other", ""): 420,
}  # fmt: skip


def test_a_dominant_drug_hides_what_is_found_without_it() -> None:
    found = screen(MASKED, prior=CAERS)
    small = pair(found, "SMALL", "R")
    # 80·72/666 are due, and without BIG 80·12/506; PRR (6/80)/(6/426)
    assert small.leading == "BIG"
    assert small.share == pytest.approx(60 / 72)
    assert small.table.expected == pytest.approx(80 * 72 / 666)
    assert small.table.rules == ()
    assert small.without is not None
    assert (small.without.a, small.without.b, small.without.c, small.without.d) == (6, 74, 6, 420)
    assert small.without.expected == pytest.approx(80 * 12 / 506)
    assert small.without.prr.value == pytest.approx(426 / 80)
    assert "evans" in small.without.rules  # χ² = 506·(1,823)²/(80·426·12·494) = 8.3
    assert small.masked
    rest = pair(found, "REST", "R")
    assert rest.without is not None
    assert not rest.masked
    big = pair(found, "BIG", "R")
    assert (big.without, big.masked) == (None, False)
    assert "evans" in big.table.rules


def test_no_drug_is_left_out_below_the_share_that_is_asked_for() -> None:
    assert pair(screen(MASKED, prior=CAERS, dominant=60 / 72), "SMALL", "R").without is not None
    assert pair(screen(MASKED, prior=CAERS, dominant=0.84), "SMALL", "R").without is None
    equal = {("B", "R", ""): 2, ("A", "R", ""): 2, ("C", "R", ""): 1}
    assert {one.leading for one in screen(equal, prior=CAERS).pairs} == {"A"}  # of equal ones the first by name


def test_the_prior_is_fitted_to_the_pairs_that_were_reported_and_goes_in_again() -> None:
    counts = {**MASKED, ("NEVER", "R", ""): 0}
    found = screen(counts)
    observed = [one.table.a for one in found.pairs]
    expected = [one.table.expected for one in found.pairs]
    assert len(observed) == 6
    assert found.prior == fit_gamma_poisson(observed, expected)
    again = screen({key: counts[key] for key in reversed(counts)}, prior=found.prior)
    assert again.pairs == found.pairs
    assert screen(counts, prior=CAERS).prior is CAERS
    assert pair(screen(counts, prior=CAERS), "SMALL", "R").table.ebgm != pair(found, "SMALL", "R").table.ebgm


def test_a_prior_without_spread_is_told() -> None:
    assert not screen(MASKED, prior=CAERS).prior_is_narrow
    assert screen(MASKED, prior=GammaPoissonMixture(2e4, 2e4, 0.2, 0.1, 0.5)).prior_is_narrow


def test_nothing_and_faults() -> None:
    assert screen({}) == Screening(0, None, ())
    assert screen({("D", "R", ""): 0}, prior=CAERS) == Screening(0, CAERS, ())
    alone = screen({("D", "R", ""): 3}, prior=CAERS).pairs[0].table
    assert (alone.a, alone.b, alone.c, alone.d, alone.expected, alone.rules) == (3, 0, 0, 0, 3.0, ())
    with pytest.raises(ValueError, match="counts must be 0 or more"):
        screen({("D", "R", ""): -1})
    for share in (0.0, 1.1):
        with pytest.raises(ValueError, match="dominant must lie above 0"):
            screen(MASKED, dominant=share)


def test_every_pair_as_a_slow_reading_has_it() -> None:
    random = Random(3)
    drugs, reactions, strata = "ABCDE", "pqrs", ("f", "m", "")
    counts = {key: random.randrange(9) for key in itertools.product(drugs, reactions, strata)}
    counts |= {("A", "p", stratum): 60 for stratum in strata}  # of p more than half
    found = screen(counts, prior=CAERS)
    assert found.reports == sum(counts.values())
    assert len(found.pairs) == len({key[:2] for key, number in counts.items() if number})
    for one in found.pairs:
        _is(one, counts)
        fewer = {key: number for key, number in counts.items() if key[0] != one.leading}
        if one.without is not None:
            assert one.reaction == "p"
            assert pair(screen(fewer, prior=CAERS), one.drug, one.reaction).table == one.without
        else:
            assert one.reaction != "p" or one.drug == "A"
    lowest = [one.table.ebgm.lower for one in found.pairs]
    assert lowest == sorted(lowest, reverse=True)


def _is(found: Pair, counts: Counts) -> None:
    def number(drug: str = "", reaction: str = "", stratum: str | None = None) -> int:
        return sum(
            n
            for (d, r, s), n in counts.items()
            if drug in ("", d) and reaction in ("", r) and (stratum is None or stratum == s)
        )

    a, of_drug = number(found.drug, found.reaction), number(found.drug)
    of_reaction, total = number("", found.reaction), number()
    table = found.table
    assert (table.a, table.b, table.c) == (a, of_drug - a, of_reaction - a)
    assert table.d == total - of_drug - of_reaction + a
    due = [number(found.drug, "", s) * number("", found.reaction, s) / number("", "", s) for s in ("f", "m", "")]
    assert table.expected == pytest.approx(sum(due))
