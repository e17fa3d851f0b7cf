"""Wilson's limits against the examples of Newcombe (1998), table I, method 3."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from streams.statistics.proportions import binomial_tail, wilson

_NEWCOMBE = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]


def test_newcombes_examples_in_one_call() -> None:
    hits, of, lower, upper = np.array(_NEWCOMBE).T
    found = wilson(hits, of)
    np.testing.assert_allclose(found.share, hits / of)
    np.testing.assert_allclose(found.lower, lower, atol=5e-5)
    np.testing.assert_allclose(found.upper, upper, atol=5e-5)


def test_all_of_them_mirror_none_of_them() -> None:
    none, every = wilson(0, 20), wilson(20, 20)
    assert (none.lower, every.upper) == (0.0, 1.0)
    assert every.lower == pytest.approx(1 - float(none.upper))


def test_the_limits_are_where_the_score_test_is_at_its_critical_value() -> None:
    found = wilson(7, 22.5, conf_level=0.9)
    for limit in (float(found.lower), float(found.upper)):
        score = (7 / 22.5 - limit) / np.sqrt(limit * (1 - limit) / 22.5)
        assert abs(score) == pytest.approx(1.6448536269514722)  # the normal quantile that leaves 5 %


@pytest.mark.parametrize(
    ("hits", "of", "named"),
    [
        (-1, 10, "hits"),
        (11, 10, "hits"),
        (0, 0, "of must be above 0"),
        (float("nan"), 10, "hits"),
        ([1, 2], [1, 2, 3], "differ in length"),
        ([], 10, "hits is empty"),
    ],
)
def test_what_is_no_share_is_refused_by_name(hits: object, of: object, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        wilson(hits, of)  # type: ignore[arg-type]


def test_a_level_outside_0_to_1_is_refused() -> None:
    with pytest.raises(ValueError, match="conf_level"):
        wilson(1, 2, conf_level=95)


@pytest.mark.parametrize(("of", "share"), [(1, Fraction(1, 3)), (7, Fraction(1, 10)), (40, Fraction(9, 10))])
def test_a_binomial_tail_is_the_sum_of_its_terms(of: int, share: Fraction) -> None:
    for observed in range(of + 1):
        terms = (comb(of, hits) * share**hits * (1 - share) ** (of - hits) for hits in range(observed, of + 1))
        assert binomial_tail(observed, of, float(share)) == pytest.approx(float(sum(terms)), rel=1e-12)


@pytest.mark.parametrize(("observed", "of", "share"), [(-1, 3, 0.5), (4, 3, 0.5), (1, 3, -0.1), (1, 3, 1.1)])
def test_what_is_no_count_of_trials_is_refused(observed: int, of: int, share: float) -> None:
    with pytest.raises(ValueError, match="must lie between"):
        binomial_tail(observed, of, share)
