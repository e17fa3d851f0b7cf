"""Expected counts, by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.surveillance.expected import Baseline, Experience, compare, compare_days, summed
from streams.surveillance.intervals import INTERVALS, YEAR

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTEMPORARY = Baseline("contemporary", (2.0,))


def experience(time: Sequence[float], events: Sequence[float], strata: int = 1) -> Experience:
    """One day; numbers of the first intervals of the first stratum, or of ``INTERVALS`` each."""
    rows = np.zeros((2, 1, strata * INTERVALS))
    rows[0, 0, : len(time)], rows[1, 0, : len(events)] = time, events
    return Experience(rows[0], rows[1])


def test_expected_is_the_comparator_s_hazard_times_the_product_s_time_in_every_interval() -> None:
    # Of two others one had its outcome on day 91, one on day 200: 182, 91 and 18 days at risk, outcomes 1, 0 and 1.
    # In the fourth interval nobody else was: the rate of all, 2/291.
    found = compare(experience([91, 91, 183, 35], []), experience([182, 91, 18], [1, 0, 1]), CONTEMPORARY)
    assert found.expected[0] == pytest.approx(91 / 182 + 0 + 183 / 18 + 35 * 2 / 291, abs=1e-8)
    assert found.basis.tolist() == ["contemporary"]


def test_strata_have_hazards_of_their_own_and_one_without_others_that_of_the_interval() -> None:
    # two strata: in the first nobody else; in the second 3 outcomes in 600 days. Of a third there is no one but others.
    own, others = experience([100], [], 3), experience([], [], 3)
    own.time[0, INTERVALS] = 50
    others.time[0, INTERVALS], others.events[0, INTERVALS] = 600, 3
    others.time[0, 2 * INTERVALS], others.events[0, 2 * INTERVALS] = 400, 7
    others.time[0, 2 * INTERVALS + 1] = 5_000  # in the next interval nothing happened
    found = compare(own, others, CONTEMPORARY)
    assert found.expected[0] == pytest.approx(50 * 3 / 600 + 100 * 10 / 1_000, abs=1e-8)


def test_a_comparator_with_few_outcomes_is_an_estimate_too() -> None:
    # one cell: 1 of 4 outcomes in 100 of 1,000 days: a ratio of 9 to 1, 0.4 to be expected of the 4
    found = compare(experience([100], [1]), experience([900], [3]), CONTEMPORARY)
    assert found.basis.tolist() == ["conditional"]
    assert (found.trials[0], found.share[0]) == (4, pytest.approx(0.4, abs=1e-9))
    assert found.expected[0] == pytest.approx(100 * 3 / 900, abs=1e-9)
    assert found.due[0] == found.share[0]


@pytest.mark.parametrize(("events", "basis"), [(9, "conditional"), (10, "contemporary")])
def test_ten_times_as_many_are_enough(events: int, basis: str) -> None:
    assert compare(experience([100], [1]), experience([9_000], [events]), CONTEMPORARY).basis.tolist() == [basis]


def test_outcomes_that_hardly_count_are_not_enough() -> None:
    # 40 outcomes, but with 1 day of own time on 1,000 of the others' for 39 of them, and day on day for one:
    # weights 0.001 and 1; (39 · 0.001 + 1)² / (39 · 0.001² + 1) = 1.08 outcomes' worth
    found = compare(experience([1, 1], [1]), experience([1_000, 1], [39, 1]), CONTEMPORARY)
    assert found.basis.tolist() == ["conditional"]


def test_only_outcomes_where_the_product_has_experience_count() -> None:
    found = compare(experience([100], [1]), experience([900, 500], [3, 50]), CONTEMPORARY)
    assert (found.basis.tolist(), found.trials[0]) == (["conditional"], 4)


def test_without_any_outcome_of_others_the_declared_prior_counts() -> None:
    found = compare(experience([10 * YEAR], [1]), experience([900, 500], [0, 50]), CONTEMPORARY)
    assert (found.basis.tolist(), found.expected[0]) == (["prior"], pytest.approx(0.2, abs=1e-9))


def test_a_flat_rate_and_a_declared_hazard_by_interval() -> None:
    own, others = experience([YEAR, YEAR], [1, 0]), experience([900], [300])
    flat = compare(own, others, Baseline("flat", (2.0,)))
    assert (flat.basis.tolist(), flat.expected[0]) == (["flat"], pytest.approx(0.04, abs=1e-9))
    declared = compare(own, others, Baseline("declared", (4.0, 1.0, *(0.5,) * (INTERVALS - 2))))
    assert (declared.basis.tolist(), declared.expected[0]) == (["declared"], pytest.approx(0.05, abs=1e-9))


def test_many_days_are_compared_as_each_alone() -> None:
    rng = np.random.default_rng(1)
    time, events = rng.integers(0, 500, (2, 100, INTERVALS)), rng.integers(0, 3, (2, 100, INTERVALS))
    own, others = (Experience(time[part].astype(float), events[part].astype(float)) for part in (0, 1))
    together = compare_days(own, others, CONTEMPORARY)
    for day in range(100):
        alone = compare(
            Experience(own.time[[day]], own.events[[day]]), Experience(others.time[[day]], others.events[[day]]),
            CONTEMPORARY,
        )  # fmt: skip
        assert (alone.expected[0], alone.share[0], alone.basis[0]) == (
            together.expected[day],
            together.share[day],
            together.basis[day],
        )


def test_a_sum_does_not_depend_on_the_order() -> None:
    terms = np.random.default_rng(1).exponential(size=400)
    assert summed(terms) == summed(terms[::-1]) == summed(np.sort(terms))
    assert summed(terms) == pytest.approx(math.fsum(terms), abs=400 * 2**-37)


def test_rates_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="rates must be 1 or 23"):
        Baseline("declared", (1.0, 2.0))
    with pytest.raises(ValueError, match="above 0"):
        Baseline("flat", (0.0,))
