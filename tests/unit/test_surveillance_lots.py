"""Each lot against the product's other lots, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streams.surveillance.bins import OPEN, Bin
from streams.surveillance.expected import Baseline
from streams.surveillance.lots import lot_numbers
from streams.surveillance.monitor import Monitor
from streams.surveillance.person_time import PersonTime

MONITOR = Monitor("cup", "a1b2", Baseline("flat", (2.0,)))


def known(kinds: dict[Bin, int]) -> PersonTime:
    sums = PersonTime()
    sums.report({"C": 90})
    sums.add(kinds)
    return sums


def lot(name: str, number: int, failed: int = 0, product: str = "CUP") -> dict[Bin, int]:
    """So many put in on day 0 and followed for 90 days; some failed on the last of them."""
    kinds = {Bin(product, name, "C", ("F",), 0, OPEN, False): number - failed}
    return kinds | ({Bin(product, name, "C", ("F",), 0, 90, True): failed} if failed else {})


def test_a_bad_lot_stands_out_against_the_others() -> None:
    sums = known(lot("L1", 10, 5) | lot("L2", 90, 1) | lot("L3", 100) | lot("", 100) | lot("X", 50, 40, "OTHER"))
    bad, other = lot_numbers(sums, MONITOR, "CUP", np.ones(1))
    # all were at risk 90 days: of the 6 outcomes 10 of 300 fall on the first lot
    share = 6 * 10 / 300
    assert (bad.lot, bad.exposures, bad.observed) == ("L1", 10, 5)
    assert bad.component_years == pytest.approx(10 * 90 / 365.25)
    assert bad.expected == pytest.approx(share)
    p = share / 6
    assert bad.statistic == pytest.approx(5 * math.log(5 / (6 * p)) + 1 * math.log(1 / (6 * (1 - p))))
    assert (other.lot, other.observed, other.statistic) == ("L2", 1, 0.0)  # less than its share


def test_where_the_others_had_no_outcome_the_declared_rate_stands_in() -> None:
    (only,) = lot_numbers(known(lot("L1", 10, 2) | lot("L2", 90)), MONITOR, "CUP", np.ones(1))
    expected = 0.02 * 10 * 90 / 365.25
    assert only.expected == pytest.approx(expected)
    assert only.statistic == pytest.approx(expected - 2 + 2 * math.log(2 / expected))


def test_one_lot_has_no_others() -> None:
    assert lot_numbers(known(lot("L1", 10, 2)), MONITOR, "CUP", np.ones(1)) == ()
    assert lot_numbers(known(lot("L1", 10, 2)), MONITOR, "NONE", np.ones(1)) == ()
