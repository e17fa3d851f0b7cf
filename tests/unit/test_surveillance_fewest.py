"""One outcome alone raises nothing, where the monitor says so: it may come to any statistic."""

from __future__ import annotations

from dataclasses import replace

from streams.surveillance.state import State
from tests.unit.test_surveillance_interop import CLINICS, history, monitor, played, signals_of


def test_a_level_takes_as_many_outcomes_as_the_monitor_says() -> None:
    # a lone reoperation on day 112 would be at watch from 0.005 expected on; three are needed for any level here
    wanted = replace(monitor(), fewest=3)
    (first, *_) = signals_of(played(State(), wanted, history(CLINICS)))
    assert (first.state, first.level, first.known[-1].point.observed) == ("raised", "alarm", 3)
    assert [(one.level, one.day) for one in first.levels] == [("watch", 161), ("alarm", 161)]
