"""The case that all is judged by: the Inter-op cup against a flat 2 per 100 component-years.

`_IMPLANTS` is the project's reference fixture interop_scenario_input.csv: put in every sixth day, some reoperated.
`_EXPECTED` are the rows of interop_scenario_expected.csv: day, reoperations, expected, log-likelihood ratio, rate per
100 component-years, P(X ≥ reoperations).
"""

from __future__ import annotations

import math

import pytest

from streams.surveillance.bins import Bin, Change, Exposure
from streams.surveillance.core import Step, restored, step
from streams.surveillance.declared import Watched
from streams.surveillance.evidence import hindsight
from streams.surveillance.expected import Baseline
from streams.surveillance.following import Part
from streams.surveillance.levels import Levels
from streams.surveillance.monitor import Monitor
from streams.surveillance.signals import Signal, Version
from streams.surveillance.state import State
from streams.surveillance.watch import Told, Watch

_IMPLANTS = {6 * implant: None for implant in range(30)} | {12: 112, 36: 141, 66: 161, 90: 200, 120: 212}
_EXPECTED = [
    (112, 1, 0.06034223, 1.868065, 33.1443, 0.058557713),
    (141, 2, 0.09303217, 4.228946, 42.9959, 0.0040682307),
    (161, 3, 0.11893224, 6.802373, 50.4489, 0.00025652208),
    (200, 4, 0.17544148, 8.682418, 45.5993, 3.4319685e-05),
    (212, 5, 0.19252567, 11.477344, 51.9411, 1.878218e-06),
]
CLINICS = [f"C{clinic}" for clinic in range(5)]


def monitor(planned: float = 20.0) -> Monitor:
    return Monitor("cup", "a1b2", Baseline("flat", (2.0,)), Levels(planned=planned))


def history(clinics: list[str]) -> list[tuple[int, Change]]:
    """What is registered on each day, in the order of days."""
    found = []
    for number, (day, reoperated) in enumerate(_IMPLANTS.items()):
        unit = clinics[number % len(clinics)]
        put_in = Exposure("INTEROP", "L1", unit, "left", ("F",), day, None, "", 0, None)
        found.append((day, Change(f"p{number}", f"r{number}", None, put_in)))
        if reoperated is not None:
            revised = put_in._replace(end=reoperated, end_reason="revision", outcomes=1, first_outcome=reoperated)
            found.append((reoperated, Change(f"p{number}", f"r{number}", put_in, revised)))
    return sorted(found, key=lambda one: one[0])


def played(state: State, declared: Monitor, days: list[tuple[int, Change]], first: int = 0) -> list[Step]:
    """Each change by itself, on its day, everybody reporting to that day."""
    return [
        step(state, declared, [change], Version(3, first + offset), through=dict.fromkeys(CLINICS, day))
        for offset, (day, change) in enumerate(days)
    ]


def signals_of(steps: list[Step]) -> list[Signal]:
    return [signal for one in steps for signal in one.signals]


def test_watch_at_the_second_reoperation_alarm_at_the_third() -> None:
    every = signals_of(played(State(), monitor(), history(CLINICS)))
    # who gets one after the alarm is told too; these are what an outcome said
    signals = list({len(one.known): one for one in reversed(every)}.values())[::-1]
    assert [(one.state, one.level, one.known[-1].point.day) for one in signals] == [
        ("raised", "watch", 141),
        ("raised", "alarm", 161),
        ("updated", "alarm", 200),
        ("updated", "alarm", 212),
    ]
    # the 25th registration is the second reoperation: 24 implants and one reoperation came before
    assert signals[0].at == signals[0].levels[0].known.at == Version(3, 25)


@pytest.mark.parametrize("path", ["known", "hindsight"])
def test_both_paths_are_the_fixture_s(path: str) -> None:
    last = signals_of(played(State(), monitor(), history(CLINICS)))[-1]
    points = [look.point for look in last.known] if path == "known" else list(last.hindsight[:-1])
    assert [(one.day, one.observed) for one in points] == [row[:2] for row in _EXPECTED]
    for one, row in zip(points, _EXPECTED, strict=True):
        assert one.expected == pytest.approx(row[2], abs=1e-6)
        assert one.statistic == pytest.approx(row[3], abs=1e-6)
        assert one.rate == pytest.approx(row[4], abs=1e-4)
        assert one.tail == pytest.approx(row[5], rel=1e-6)
        assert (one.watch, one.alarm, one.basis) == (4.2, 6.6, "flat")
    assert last.hindsight[-1] == last.hindsight[-2]  # now is the day of the last reoperation


def test_published_all_at_once_it_is_raised_once_and_hindsight_says_on_which_days() -> None:
    changes = [change for _, change in history(CLINICS)]
    (signal,) = step(State(), monitor(), changes, Version(0, 9), through=dict.fromkeys(CLINICS, 212)).signals
    assert [(one.level, one.day, one.known.point.day) for one in signal.levels] == [
        ("watch", 141, 212),
        ("alarm", 161, 212),
    ]
    assert [point.statistic for point in signal.hindsight[:-1]] == pytest.approx(
        [row[3] for row in _EXPECTED], abs=1e-6
    )


def among_others(days: int = 300) -> list[Change]:
    """The same history with all that clinics register beside it: an operation of each every day."""
    found = [(day, change.registration_id, change) for day, change in history(CLINICS)]
    for day in range(days):
        for clinic in CLINICS:
            other = Exposure("OTHER", "", clinic, "left", ("F",), day, None, "", 0, None, recorded=day)
            found.append((day, f"q{day}-{clinic}", Change(f"q{day}-{clinic}", f"q{day}-{clinic}", None, other)))
    return [change for *_, change in sorted(found, key=lambda one: one[:2])]


@pytest.mark.parametrize("gathered", [1, 5, 50, 1_000])
@pytest.mark.parametrize("in_a_transaction", [1, 5, 50, 300, 10_000])
def test_it_is_at_watch_by_the_second_and_at_alarm_by_the_third_whatever_comes_together(
    in_a_transaction: int, gathered: int
) -> None:
    changes = among_others()
    second, third = (
        version
        for version, change in enumerate(changes)
        if change.before is not None and change.registration_id in ("r6", "r11")
    )
    told = [
        Told(Version(0, min(at + in_a_transaction, len(changes)) - 1), changes[at : at + in_a_transaction],
             Part(at - 1), range(at, min(at + in_a_transaction, len(changes))))
        for at in range(0, len(changes), in_a_transaction)
    ]  # fmt: skip
    watch = Watch(Watched(monitor(), "cups", specific=False, deaths=frozenset(), left_out=frozenset()))
    for at in range(0, len(told), gathered):
        watch.take(told[at : at + gathered])
    levels = watch.state.signals["INTEROP"].levels
    assert [(one.level, one.known.at, one.known.point.observed) for one in levels] == [
        ("watch", Version(0, second), 2), ("alarm", Version(0, third), 3),
    ]  # fmt: skip


def test_a_back_fill_is_known_when_all_of_it_is() -> None:
    changes = among_others(days=500)
    watch = Watch(Watched(monitor(), "cups", specific=False, deaths=frozenset(), left_out=frozenset()))
    last = len(changes) - 1
    watch.take([Told(Version(0, last), changes, Part(-1), range(len(changes)))])
    levels = watch.state.signals["INTEROP"].levels
    # with all that is known in the end nobody would raise an alarm any more: the last failed 288 days before
    assert [(one.level, one.known.at, one.known.point.observed, one.day) for one in levels] == [
        ("watch", Version(0, last), 5, 141),
    ]


def test_who_gets_the_product_while_it_is_at_alarm_is_seen_at_once() -> None:
    state = State()
    played(state, monitor(), history(CLINICS))
    anew = Exposure("INTEROP", "L1", "C4", "left", ("F",), 210, None, "", 0, None)
    (signal,) = step(
        state, monitor(), [Change("p99", "r99", None, anew)], Version(3, 99), through=dict.fromkeys(CLINICS, 213)
    ).signals
    assert (signal.state, signal.level, sum(one.all.exposures for one in signal.units)) == ("updated", "alarm", 31)
    assert len(signal.known) == 5  # no outcome, so nothing was decided


def test_the_numbers_per_unit() -> None:
    last = signals_of(played(State(), monitor(), history(CLINICS)))[-1]
    assert [(one.unit, one.all.exposures, one.all.observed, one.through, one.factor) for one in last.units] == [
        # implants 15 and 20, 6 and 11, and 2 were reoperated
        ("C0", 6, 2, 212, 1.0),
        ("C1", 6, 2, 212, 1.0),
        ("C2", 6, 1, 212, 1.0),
        ("C3", 6, 0, 212, 1.0),
        ("C4", 6, 0, 212, 1.0),
    ]
    assert sum(one.all.component_years for one in last.units) == pytest.approx(9.626283, abs=1e-6)
    assert sum(one.all.expected for one in last.units) == pytest.approx(0.19252567, abs=1e-6)
    assert last.comparator.basis == "flat"


def test_spread_over_five_clinics_it_is_the_product() -> None:
    assert signals_of(played(State(), monitor(), history(CLINICS)))[-1].cause == "product"


def test_at_one_clinic_it_may_be_the_clinic_and_its_first_fifteen_uses_are_shown_apart() -> None:
    last = signals_of(played(State(), monitor(), history(["C0"])))[-1]
    assert last.cause == "unit"
    (unit,) = last.units
    # of the first 15, put in on days 0 to 84, those of days 12, 36 and 66 were reoperated: after 100, 105 and 95 days
    time = sum(212 - 6 * number for number in range(15) if number not in {2, 6, 11}) + 100 + 105 + 95
    assert (unit.learning.exposures, unit.learning.observed) == (15, 3)
    assert unit.learning.component_years == pytest.approx(time / 365.25)
    assert unit.learning.expected == pytest.approx(0.02 * time / 365.25, abs=1e-8)


def test_streams_close_in_the_known_path_as_in_hindsight() -> None:
    # planned 0.08 expected: the second reoperation is the first of its stream, 2 · 4.651608/100 - 0.08 expected
    last = signals_of(played(State(), monitor(0.08), history(CLINICS)))[-1]
    known, hindsight = ([look.point for look in last.known], list(last.hindsight[:-1]))
    assert known[1].statistic == pytest.approx(0.01303217 - 1 - math.log(0.01303217), abs=1e-5)
    assert known == hindsight


def test_a_correction_of_what_a_closed_stream_had_leaves_the_present_one_right() -> None:
    state, declared, days = State(), monitor(0.08), history(CLINICS)
    played(state, declared, days)
    (reoperated,) = [change for day, change in days if day == 112]
    retracted = Change("p2", "r2", reoperated.after, reoperated.before)
    step(state, declared, [retracted], Version(3, 99), through={})
    last = state.known["INTEROP"].looks[-1].point
    assert last == hindsight(state.sums, declared, "INTEROP").points()[-1]
    # implant 2 is at risk all of its 200 days: 100 more. Nothing closed on it, and the second stream, from 0.16 on,
    # has what came after 0.16: on day 200, at 0.1754 and 88 days more, the third and fourth
    assert last.expected == pytest.approx(0.19252567 + 0.02 * 100 / 365.25, abs=1e-7)
    assert last.statistic == pytest.approx(stream_llr(2, last.expected - 0.16), abs=1e-6)


def stream_llr(observed: int, expected: float) -> float:
    return expected - observed + observed * math.log(observed / expected)


def test_a_state_restored_from_what_steps_gave_out_goes_on_alike() -> None:
    days = history(CLINICS)
    whole = played(State(), monitor(), days)
    half = State()
    for one in played(half, monitor(), days[:27]):
        assert one.state is half
    kinds: dict[Bin, int] = {}
    for one in whole[:27]:
        kinds |= one.bins
    again = restored(
        kinds,
        half.known,
        half.signals.values(),
        half.versions,
        through=dict.fromkeys(CLINICS, days[26][0]),
    )
    assert signals_of(played(again, monitor(), days[27:], 27)) == signals_of(whole[27:])
