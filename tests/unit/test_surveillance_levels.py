"""Thresholds and streams, by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from streams.surveillance.expected import Comparison
from streams.surveillance.levels import Levels, Stream, stream_by_stream


def compared(
    observed: list[float],
    expected: list[float],
    *,
    trials: list[float] | None = None,
    share: list[float] | None = None,
    basis: str = "contemporary",
) -> Comparison:
    nothing = [0.0] * len(observed)
    return Comparison(
        np.array(observed),
        np.array(expected),
        np.array(trials or nothing),
        np.array(share or nothing),
        np.full(len(observed), basis),
        np.zeros((len(observed), 0)),
    )


def test_thresholds_run_straight_between_the_rows_and_level_beyond() -> None:
    levels = Levels(per_year=(0.1, 1.1), watch=(4.0, 5.0), alarm=(6.0, 8.0))
    found = levels.thresholds(np.array([0.0, 0.6, 9.0]))
    assert found["watch"].tolist() == [4.0, pytest.approx(4.5), 5.0]
    assert found["alarm"].tolist() == [6.0, pytest.approx(7.0), 8.0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"watch": (4.0, 5.0)}, "as many rows"),
        ({"per_year": (1.0, 1.0), "watch": (4.0, 4.0), "alarm": (6.0, 6.0)}, "ascend"),
        ({"per_year": (math.nan,)}, "ascend"),
        ({"watch": (7.0,)}, "alarm must not be below watch"),
        ({"alarm": (math.nan,)}, "alarm must not be below watch"),
        ({"watch": (0.0,)}, "watch must be numbers above 0"),
        ({"watch": (math.nan,)}, "watch must be numbers above 0"),
        ({"planned": 0.0}, "planned"),
        ({"planned": math.inf}, "planned"),
    ],
)
def test_tables_that_mean_nothing_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Levels(**wrong)


def test_a_stream_closes_at_its_planned_outcomes_and_the_next_starts_from_nothing() -> None:
    # planned 1: the first has 1 outcome for 0.5; from then on 1 for 0.2, and 2 for 0.9
    found = stream_by_stream(compared([1, 2, 3], [0.5, 1.2, 1.9]), 1.0)
    assert found.statistic.tolist() == pytest.approx(
        [0.5 - 1 + math.log(2), 0.2 - 1 + math.log(5), 0.9 - 2 + 2 * math.log(2 / 0.9)]
    )
    assert found.streams[-1] == Stream(1, 1)


def test_streams_may_close_unseen() -> None:
    # 3 and 6 expected outcomes' worth went by: the third outcome is the only one of its stream, which expects 0.5
    found = stream_by_stream(compared([2, 3], [0.5, 6.5]), 3.0)
    assert found.statistic.tolist() == pytest.approx([0.5 - 2 + 2 * math.log(4), 0.5 - 1 + math.log(2)])
    assert found.streams[-1] == Stream(2, 2)


def test_a_stream_that_is_closed_stays_so_when_less_is_expected() -> None:
    found = stream_by_stream(compared([1, 2], [1.1, 0.9]), 1.0)
    assert found.statistic.tolist() == pytest.approx([0.1 - 1 + math.log(10), 0.1 - 2 + 2 * math.log(20)])


def test_days_from_a_stream_on_are_what_they_are_in_the_whole() -> None:
    whole = compared([1, 2, 3, 4], [0.5, 1.2, 1.9, 2.4])
    rest = compared([2, 3, 4], [1.2, 1.9, 2.4])
    resumed = stream_by_stream(rest, 1.0, Stream(1, 1))
    assert resumed.statistic.tolist() == stream_by_stream(whole, 1.0).statistic[1:].tolist()
    assert resumed.streams[-1] == Stream(2, 3)


def test_a_stream_that_closed_unseen_before_the_first_day_closed_on_it() -> None:
    # the first day, with 2 for 1.2, closed the stream: the third outcome is the next one's first, for 0.9
    found = stream_by_stream(compared([2, 3], [1.2, 1.9]), 1.0, Stream(0))
    assert found.statistic.tolist() == pytest.approx([0.0, 0.9 - 1 + math.log(1 / 0.9)])
    assert found.streams == [Stream(1, 2), Stream(1, 2)]


def test_the_conditional_form_is_binomial() -> None:
    # 1 of 4, a ratio of 9: ln(1/0.4) + 3 ln(3/3.6)
    found = stream_by_stream(compared([1], [0.3], trials=[4], share=[0.4], basis="conditional"), 20.0)
    assert found.statistic.tolist() == pytest.approx([math.log(2.5) + 3 * math.log(3 / 3.6)])


@pytest.mark.parametrize(
    "nothing",
    [
        compared([1], [0.0]),
        compared([1], [0.0], trials=[4], share=[0.0], basis="conditional"),
        compared([2], [0.0], trials=[2], share=[2.0], basis="conditional"),
    ],
)
def test_where_nobody_is_known_to_be_at_risk_nothing_is_said(nothing: Comparison) -> None:
    assert stream_by_stream(nothing, 20.0).statistic.tolist() == [0.0]
