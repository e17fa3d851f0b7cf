"""Intervals of ranks: what is certain, what is not known at all, and one case by integration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from streams.statistics.ranks import rank_intervals


def test_units_far_apart_have_their_ranks_and_like_ones_share_them() -> None:
    got = rank_intervals("share", [900, 10, 10, 500], [1000, 1000, 1000, 1000])
    assert got.lower.tolist() == [4, 1, 1, 3]
    assert got.upper.tolist() == [4, 2, 2, 3]


def test_a_small_unit_may_have_any_rank() -> None:
    got = rank_intervals("rate", [1, 100, 150, 200], [10.0, 1000.0, 1000.0, 1000.0])
    assert (got.lower[0], got.upper[0]) == (1, 4)
    assert (got.lower[1], got.upper[3]) == (1, 4)


def test_an_interval_is_as_wide_as_the_probability_of_the_other_order() -> None:
    # P(first below second) of Beta(6.5, 14.5) and Beta(10.5, 10.5), by integration
    first, second = beta(6.5, 14.5), beta(10.5, 10.5)
    lower = quad(lambda p: second.pdf(p) * first.cdf(p), 0, 1)[0]
    assert 0.85 < lower < 0.92
    sure = rank_intervals("share", [6, 10], [20, 20], conf_level=2 * lower - 1 - 0.05, draws=20_000)
    assert (sure.lower.tolist(), sure.upper.tolist()) == ([1, 2], [1, 2])
    unsure = rank_intervals("share", [6, 10], [20, 20], conf_level=2 * lower - 1 + 0.05, draws=20_000)
    assert (unsure.lower.tolist(), unsure.upper.tolist()) == ([1, 1], [2, 2])


def test_means_go_by_their_standard_errors_and_repeat() -> None:
    got = rank_intervals("mean", [1.0, 2.0, 3.0], [0.0, 0.0, 5.0])
    assert (got.lower.tolist(), got.upper.tolist()) == ([1, 2, 1], [2, 3, 3])
    again = rank_intervals("mean", [1.0, 2.0, 3.0], [0.0, 0.0, 5.0])
    np.testing.assert_array_equal(got.lower, again.lower)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("median", [1.0], [1.0]), "kind"),
        (("share", [2], [1]), "values"),
        (("rate", [1], [0.0]), "sizes"),
        (("mean", [1.0], [-1.0]), "sizes"),
        (("rate", [1, 2], [1.0]), "values"),
    ],
)
def test_what_is_wrong_is_named(arguments: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        rank_intervals(*arguments)
