"""Factors of units, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from streams.surveillance.units import unit_factors


def test_a_declared_shape_shrinks_towards_one() -> None:
    # shape 4: (4 + 12)/(4 + 6) and (4 + 0)/(4 + 6)
    found = unit_factors(np.array([12.0, 0.0]), np.array([6.0, 6.0]), 4.0)
    assert found.tolist() == pytest.approx([1.6, 0.4], abs=1e-6)


def test_the_shape_by_moments() -> None:
    # (20 - 10)² + (0 - 10)² - 20 = 180 over 10² + 10² = 200: variance 0.9, shape 1/0.9
    found = unit_factors(np.array([20.0, 0.0]), np.array([10.0, 10.0]))
    shape = 1 / 0.9
    assert found.tolist() == pytest.approx([(shape + 20) / (shape + 10), shape / (shape + 10)], abs=1e-6)


def test_units_that_differ_no_more_than_chance_are_alike() -> None:
    assert unit_factors(np.array([11.0, 9.0]), np.array([10.0, 10.0])).tolist() == [1.0, 1.0]


def test_all_units_together_are_the_measure() -> None:
    # twice as many as expected everywhere says nothing of any of them
    assert unit_factors(np.array([20.0, 20.0]), np.array([10.0, 10.0]), 4.0).tolist() == [1.0, 1.0]


def test_without_other_products_nothing_is_known() -> None:
    assert unit_factors(np.zeros(2), np.zeros(2)).tolist() == [1.0, 1.0]
