"""Calibration against the published example of its authors and against cases worked by hand.

`_CONTROLS` are log rate ratios and standard errors of 45 drugs that do not cause gastrointestinal bleeding, from a
self-controlled case series; Schuemie et al (2014) published them in the data set sccs of the R package
EmpiricalCalibration (Apache-2.0), with 0.732624 (0.073717) for sertraline, which does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from streams.statistics.disproportionality import calibrate

# fmt: off
_CONTROLS = np.array(
    [
        (0.433902, 0.761754), (0.636318, 0.183989), (0.929755, 0.29798), (1.691927, 0.595522), (0.526169, 0.19672),
        (0.858189, 0.130846), (0.800992, 0.120856), (0.87817, 0.34624), (0.730452, 0.139022), (0.776188, 0.297059),
        (0.734524, 0.277883), (1.279632, 0.262141), (0.531255, 0.13397), (0.106333, 0.331148), (0.464247, 0.13874),
        (1.243442, 0.09078), (1.347352, 0.115971), (0.106333, 0.331148), (-0.647624, 1.313521), (0.856079, 0.160921),
        (1.307925, 0.194097), (1.163685, 0.117531), (0.816235, 0.387382), (0.106333, 0.331148), (1.506439, 0.131171),
        (0.737563, 0.805616), (0.68785, 0.061146), (0.629433, 0.101551), (0.787748, 0.081931), (0.089599, 0.551),
        (0.704475, 0.072644), (0.647387, 0.251797), (0.250666, 0.233063), (1.938194, 0.805018), (1.119247, 0.145834),
        (0.380414, 0.131097), (0.571386, 0.676475), (0.521791, 0.126716), (1.021802, 0.311066), (0.473702, 0.503352),
        (0.796145, 0.647582), (0.893592, 0.375997), (1.029419, 0.141659), (-0.853082, 0.80995), (1.127486, 0.57301),
    ]
)
# fmt: on


def test_published_example() -> None:
    # the package's vignette prints mean 0.7922, SD 0.2834 and p 0.8389, its optimiser being right to about 2e-4
    result = calibrate(0.732624, 0.073717, (_CONTROLS[:, 0], _CONTROLS[:, 1]))
    assert (result.mean, result.sd) == pytest.approx((0.7922, 0.2834), abs=1e-4)
    assert result.p_value == pytest.approx(0.8389, abs=2e-4)
    assert type(result.p_value) is float


def test_fit_solves_the_equations_of_the_maximum() -> None:
    # the likelihood's slopes by mean and by variance are nought there
    result = calibrate(0.0, 1.0, _CONTROLS.T)
    weight = 1 / (result.sd**2 + _CONTROLS[:, 1] ** 2)
    off = _CONTROLS[:, 0] - result.mean
    assert np.sum(weight * off) == pytest.approx(0.0, abs=1e-9)
    assert np.sum(weight - (weight * off) ** 2) == pytest.approx(0.0, abs=1e-4)


def test_booleans_choose_the_controls_among_the_estimates() -> None:
    estimates = np.append(_CONTROLS[:, 0], 0.732624)
    std_errs = np.append(_CONTROLS[:, 1], 0.073717)
    result = calibrate(estimates, std_errs, np.arange(46) < 45)
    apart = calibrate(estimates, std_errs, _CONTROLS.T)
    assert (result.mean, result.sd) == (apart.mean, apart.sd)
    np.testing.assert_array_equal(result.p_value, apart.p_value)
    assert np.asarray(result.p_value)[45] == pytest.approx(0.8389, abs=2e-4)


def test_controls_of_one_standard_error_by_hand() -> None:
    # mean 0.4; mean square about it 0.2/4 = 0.05, of which 0.1² is chance: the bias has variance 0.04
    controls = ([0.1, 0.3, 0.5, 0.7], [0.1] * 4)
    # an estimate's own 0.15 and the bias's 0.2 make 0.25: two of it are p 0.0455003
    result = calibrate([0.4, 0.9, -0.1], 0.15, controls)
    assert (result.mean, result.sd) == pytest.approx((0.4, math.sqrt(0.05 - 0.01)), rel=1e-8)
    np.testing.assert_allclose(result.p_value, [1.0, 0.0455003, 0.0455003], rtol=1e-6)


def test_controls_that_differ_by_chance_alone_leave_no_spread_of_bias() -> None:
    # weights 1, 1 and 4: the mean is (0.1 - 0.1 + 4·0.3)/6 = 0.2, and all lie within a standard error
    result = calibrate(0.2 + 1.959964, 1.0, ([0.1, -0.1, 0.3], [1.0, 1.0, 0.5]))
    assert result.mean == pytest.approx(0.2)
    assert result.sd == 0.0
    assert result.p_value == pytest.approx(0.05, rel=1e-6)
    assert calibrate(0.3, 0.1, ([0.3, 0.3], [0.1, 0.2])).sd == 0.0


def test_exact_controls_without_bias_leave_the_plain_p_value() -> None:
    result = calibrate([1.959964, -2.575829], 1.0, ([-1e-9, 1e-9], [1e-6, 1e-6]))
    np.testing.assert_allclose(result.p_value, [0.05, 0.01], rtol=1e-6)


def test_p_values_far_out_are_not_rounded_to_nought() -> None:
    # 2Φ(-10) = 1.523970605e-23
    result = calibrate(10.0, 1.0, ([-1e-9, 1e-9], [1e-6, 1e-6]))
    assert result.p_value == pytest.approx(1.523970605e-23, rel=1e-8)


@pytest.mark.parametrize(
    ("estimates", "std_errs", "negative_controls", "named"),
    [
        ([1, 2], [1, 2, 3], [True, True], "estimates and std_errs differ in length: 2 and 3"),
        ([1, math.nan], [1, 1], [True, True], "estimates has values that are NaN"),
        ([1, 2], [1, 0], [True, True], "std_errs must be above 0"),
        ([1, 2], [1, -1], [True, True], "std_errs must be above 0"),
        ([1, 2], [1, 1], [True, True, False], "negative_controls and estimates differ in length: 3 and 2"),
        ([1, 2], [1, 1], [True, False], "negative_controls must be 2 or more"),
        ([1, 2], [1, 1], ([0.1], [0.1]), "negative_controls must be 2 or more"),
        ([1, 2], [1, 1], [0, 1], "negative_controls must be booleans, or a pair"),
        ([1, 2], [1, 1], ([0.1, 0.2], [0.1]), "negative_controls must have as many standard errors as estimates"),
        ([1, 2], [1, 1], ([0.1, 0.2], [0.1, 0.0]), "standard errors of negative_controls must be above 0"),
        ([1, 2], [1, 1], ([0.1, math.inf], [0.1, 0.1]), "estimates of negative_controls has values that are NaN"),
    ],
)
def test_wrong_arguments_are_named(estimates: Any, std_errs: Any, negative_controls: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        calibrate(estimates, std_errs, negative_controls)
