"""When the prior is fitted anew, and when the declared one is taken: a matter of reports, of no clock."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from streams.statistics.disproportionality import GammaPoissonMixture, fit_gamma_poisson
from streams.surveillance.prior import PriorInUse, prior_for
from streams.surveillance.reports import Reports
from streams.surveillance.signals import Version
from tests.pairs_support import DUMOUCHEL, Register, monitor, report

AT, LATER = Version(0, 5), Version(1, 9)


def spread(pairs: int) -> Reports:
    """Reports with a spread that can be fitted: each pair has its own ratio, drawn as the fit takes them to be."""
    dice = np.random.default_rng(1)
    ratios = dice.gamma(0.9, 1 / 0.9, pairs)
    return Reports({(f"D{n // 8}", f"R{n % 8}", ()): 1 + int(12 * ratio) for n, ratio in enumerate(ratios)})


def next_prior(reports: Reports, in_use: PriorInUse | None, at: Version = LATER, refit: float = 0.1) -> PriorInUse:
    return prior_for(reports, at, in_use, DUMOUCHEL, fewest_pairs=40, refit=refit)


def test_of_few_pairs_the_declared_one_is_taken_and_stays() -> None:
    few = next_prior(spread(32), None, AT)
    assert few == PriorInUse(DUMOUCHEL, "few", spread(32).total, 32, AT)
    more = spread(32)
    more.add({("D0", "R0", ()): 1_000})
    assert next_prior(more, few) is few


def test_of_enough_pairs_one_is_fitted_to_what_is_known_and_says_to_what() -> None:
    reports = spread(160)
    found = next_prior(reports, next_prior(spread(32), None, AT))
    whole = reports.whole(reports.rows())
    assert (found.basis, found.reports, found.pairs, found.at) == ("fitted", reports.total, 160, LATER)
    assert found.mixture == fit_gamma_poisson(whole.a, whole.expected)


@pytest.mark.parametrize(("share", "anew"), [(0.92, False), (1.09, False), (1.1, True), (0.9, True)])
def test_it_is_fitted_anew_once_reports_have_changed_by_a_tenth(share: float, *, anew: bool) -> None:
    reports = spread(160)
    in_use = PriorInUse(GammaPoissonMixture(1, 1, 2, 2, 0.5), "fitted", 4_000, 160, AT)
    reports.add({("D0", "R0", ()): round(4_000 * share) - reports.total})
    found = next_prior(reports, in_use)
    assert (found is not in_use) == anew
    assert found.at == (LATER if anew else AT)


def test_a_fit_without_spread_is_none() -> None:
    even = Reports({(f"D{drug}", f"R{reaction}", ()): 20 for drug in range(8) for reaction in range(8)})
    found = next_prior(even, None)
    assert (found.basis, found.mixture, found.reports) == ("narrow", DUMOUCHEL, 20 * 64)
    assert next_prior(even, found, Version(0, 11)) is found  # until there are a tenth more


def test_a_prior_in_use_is_that_of_signals_and_comes_back_after_a_restart() -> None:
    register = Register(monitor(fewest_pairs=20, refit=0.5))
    dice = random.Random(4)
    pairs = [(drug, reaction) for drug in "ABCDEFGH" for reaction in "pqrstuvw"]
    weights = [dice.gammavariate(0.5, 2) for _ in pairs]
    priors: list[PriorInUse] = []
    for number in range(400):
        (pair,) = dice.choices(pairs, weights)
        stated = register.tell((f"{number}", report(*pair)))
        in_use = register.watch.state.prior
        assert in_use is not None
        assert register.kept.prior == in_use
        assert all(one.prior == in_use for one in stated)
        if not priors or priors[-1] != in_use:
            priors.append(in_use)
        if number % 50 == 0:
            register.restart()
            assert register.watch.state.prior == in_use
    assert {one.basis for one in priors} >= {"few", "fitted"}
    fitted = [one.reports for one in priors if one.basis != "few"]
    assert all(later >= 1.5 * earlier for earlier, later in pairwise(fitted))
