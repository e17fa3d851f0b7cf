"""What becomes of a signal: what withdraws it, what weakens it, and what an opt-out leaves of it."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest

from streams.surveillance.bins import Change, Exposure
from streams.surveillance.core import step
from streams.surveillance.expected import Baseline
from streams.surveillance.levels import Levels
from streams.surveillance.monitor import Monitor
from streams.surveillance.other_methods import e_bh_set
from streams.surveillance.signals import Signal, Version
from streams.surveillance.state import State
from streams.surveillance.watch import Watch
from tests.surveillance_support import MONITORS, random_messages

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

FLAT = Monitor("cup", "a1b2", Baseline("flat", (2.0,)))
OTHERS = Monitor("cup", "a1b2", Baseline("contemporary", (2.0,)))
TODAY = 1_200


def put_in(product: str = "BAD", outcome: int | None = None, start: int = 1_000, unit: str = "U") -> Exposure:
    reason = "" if outcome is None else "revision"
    return Exposure(product, "", unit, "left", ("F",), start, outcome, reason, int(outcome is not None), outcome)


class Registry:
    """A group that changes are told to, one after the other."""

    def __init__(self, monitor: Monitor, today: int = TODAY) -> None:
        self.monitor = monitor
        self.state = State()
        self.today = today
        self.now: dict[str, Exposure] = {}
        self.told = 0

    def tell(
        self,
        changes: Mapping[str, Exposure | None],
        *,
        opted_out: bool = False,
        left_out: Collection[str] = frozenset(),
        day: int | None = None,
    ) -> tuple[Signal, ...]:
        self.told += 1
        found = [Change(name, name, self.now.get(name), after, opted_out) for name, after in changes.items()]
        for name, after in changes.items():
            if after is None:
                del self.now[name]
            else:
                self.now[name] = after
        at = Version(0, self.told)
        through = {"U": day or self.today, "V": day or self.today}
        return step(self.state, self.monitor, found, at, through=through, left_out=left_out).signals


def raised(monitor: Monitor = FLAT) -> Registry:
    """Ten of the bad cup, of which two were reoperated in time: at watch against a flat rate."""
    registry = Registry(monitor)
    registry.tell({f"r{number}": put_in() for number in range(10)})
    registry.tell({"r0": put_in(outcome=1_020)})
    # 10 · 20 days and 9 · 10: 0.02 · 290/365.25 expected by day 1030; 9 · 170 and 1 · 10 more by today
    (signal,) = registry.tell({"r1": put_in(outcome=1_030)})
    assert (signal.state, signal.level, signal.number) == ("raised", "watch", 0)
    return registry


def test_a_retracted_reoperation_withdraws_with_the_reason() -> None:
    registry = raised()
    (signal,) = registry.tell({"r1": put_in()})
    assert (signal.state, signal.level, signal.reasons) == (
        "withdrawn",
        "watch",
        ("r1 has no outcome: that was retracted, or belongs to another operation",),
    )
    assert [look.point.observed for look in signal.known] == [1, 2, 1]  # what was known is not changed
    assert [one.day for one in signal.levels] == [None]
    assert signal.levels[0].known.at == Version(0, 3)


def test_so_does_an_operation_that_was_of_another_product() -> None:
    registry = raised()
    registry.tell({f"s{number}": put_in("OTHER") for number in range(100)})
    (signal,) = registry.tell({"r1": put_in("OTHER", outcome=1_030)})
    assert (signal.state, signal.reasons) == ("withdrawn", ("r1 is of product OTHER",))


def test_so_does_an_operation_that_is_retracted_whole() -> None:
    (signal,) = raised().tell({"r1": None})
    assert (signal.state, signal.reasons, signal.erased) == ("withdrawn", ("r1 was retracted",), None)


def test_a_death_is_no_correction_but_another_day_of_it_is() -> None:
    registry = raised()
    dead = put_in()._replace(end=1_100, end_reason="death")
    assert registry.tell({"r4": dead}) == ()
    (signal,) = registry.tell({"r4": dead._replace(end=1_110)})
    assert signal.state == "updated"


def test_so_does_an_outcome_on_a_later_day() -> None:
    # both of them years later, when 0.02 · 10 · 3 years were to be expected
    registry = raised()
    registry.tell({}, day=3_000)
    (signal,) = registry.tell({"r0": put_in(outcome=2_900), "r1": put_in(outcome=2_901)}, day=3_000)
    assert signal.state == "withdrawn"
    assert signal.reasons[0] == "r0 has its first outcome on another day"


def test_raised_again_it_is_another_signal() -> None:
    registry = raised()
    registry.tell({"r1": put_in()})
    (signal,) = registry.tell({"r2": put_in(outcome=1_031)})
    assert (signal.state, signal.number, signal.id, signal.reasons) == ("raised", 1, "cup/BAD/1", ())
    assert [look.point.observed for look in signal.known] == [1, 2, 1, 2]


def test_time_that_passes_takes_nothing_back() -> None:
    registry = raised()
    assert registry.tell({}, day=1_300) == ()
    (signal,) = registry.tell({"r2": put_in(outcome=9_900)}, day=10_000)
    # far fewer than expected now, but on day 1030 they were too many
    assert (signal.state, signal.level) == ("updated", "watch")
    assert signal.known[-1].point.statistic < 4.2
    assert signal.levels[0].day == 1_030


def test_a_correction_that_leaves_it_standing_does_not_withdraw() -> None:
    registry = raised()
    (signal,) = registry.tell({"r1": put_in(outcome=1_032)})
    assert (signal.state, signal.levels[0].day) == ("updated", 1_032)


def test_who_opts_out_takes_nothing_from_the_signal() -> None:
    registry = raised()
    (signal,) = registry.tell({"r1": None}, opted_out=True)
    assert (signal.state, signal.level) == ("updated", "watch")
    assert signal.erased is not None
    assert (signal.erased.persons, signal.erased.outcomes) == (1, 1)
    assert signal.erased.frozen.point.observed == 2
    assert signal.hindsight[-1].observed == 1  # who opted out is in no number that is worked out now
    assert signal.units[0].all.exposures == 9
    # nor does a correction that has nothing to do with it make the opt-out count
    (signal,) = registry.tell({"r5": put_in(unit="V")})
    assert signal.state == "updated"
    (signal,) = registry.tell({"r6": None}, opted_out=True)
    assert signal.erased is not None
    assert (signal.erased.persons, signal.erased.outcomes, signal.erased.frozen.point.observed) == (2, 1, 2)
    # but a reoperation that is retracted does
    (signal,) = registry.tell({"r0": put_in()})
    assert signal.state == "withdrawn"


def erased_of(signal: Signal) -> tuple[int, int, int]:
    """Persons and outcomes erased, and the outcomes of the frozen look."""
    assert signal.erased is not None
    return signal.erased.persons, signal.erased.outcomes, signal.erased.frozen.point.observed


def test_what_comes_back_when_an_opt_out_is_lifted_counts_once() -> None:
    registry = raised()
    registry.tell({"r1": None, "r5": None}, opted_out=True)
    assert erased_of(registry.state.signals["BAD"]) == (2, 1, 2)
    (signal,) = registry.tell({"r1": put_in(outcome=1_030)}, opted_out=True)
    assert erased_of(signal) == (1, 0, 2)  # what was known before is history
    assert signal.hindsight[-1].observed == 2
    (signal,) = registry.tell({"r5": put_in(outcome=1_040)}, opted_out=True)  # it had no outcome when it went
    assert erased_of(signal) == (0, 0, 2)
    assert signal.hindsight[-1].observed == 3
    # and out again
    (signal,) = registry.tell({"r1": None}, opted_out=True)
    assert erased_of(signal) == (1, 1, 2)
    # who has been counted twice would have kept it at watch: with neither of the two it is not
    assert registry.tell({"r0": put_in(), "r5": put_in()})[0].state == "withdrawn"


def test_the_operation_may_come_back_before_its_outcome() -> None:
    registry = raised()
    registry.tell({"r1": None}, opted_out=True)
    (signal,) = registry.tell({"r1": put_in()}, opted_out=True)
    assert erased_of(signal) == (0, 1, 2)
    (signal,) = registry.tell({"r1": put_in(outcome=1_030)}, opted_out=True)
    assert erased_of(signal) == (0, 0, 2)
    (signal,) = registry.tell({"r1": put_in(outcome=1_031)}, opted_out=True)  # a correction of who has come back
    assert erased_of(signal) == (0, 0, 2)


def test_who_had_gone_before_the_signal_was_raised_takes_nothing_off_it() -> None:
    registry = Registry(FLAT)
    registry.tell({f"r{number}": put_in() for number in range(10)})
    registry.tell({"r8": put_in(outcome=1_015)})
    registry.tell({"r8": None}, opted_out=True)
    registry.tell({"r0": put_in(outcome=1_020)})
    registry.tell({"r1": put_in(outcome=1_030)})
    (signal,) = registry.tell({"r1": None}, opted_out=True)
    assert erased_of(signal) == (1, 1, 2)
    (signal,) = registry.tell({"r8": put_in(outcome=1_015)}, opted_out=True)
    assert erased_of(signal) == (1, 1, 2)
    # nor does anybody else, whose mark may be the same
    (signal,) = registry.tell({"n1": put_in(outcome=1_050)})
    assert erased_of(signal) == (1, 1, 2)


def test_an_outcome_that_comes_back_twice_takes_off_no_more_than_was_erased() -> None:
    registry = raised()
    registry.tell({"r1": None, "r6": None}, opted_out=True)
    both = {"r1": put_in(outcome=1_030), "other side": put_in(outcome=1_060)}
    told = [Change("r1", name, None, exposure, opted_out=True) for name, exposure in both.items()]
    (signal,) = step(registry.state, FLAT, told, Version(0, 9), through={}).signals
    assert erased_of(signal) == (1, 0, 2)


def test_one_that_was_raised_on_late_reports_may_be_weakened_and_withdrawn() -> None:
    # a hundred were put in, but followed to day 1005 only: 0.02 · 500/365.25 expected; to day 1030 it is six times that
    registry = Registry(FLAT, today=1_005)
    registry.tell({f"r{number}": put_in() for number in range(100)})
    (signal,) = registry.tell({"r0": put_in(outcome=1_020), "r1": put_in(outcome=1_030)})
    assert signal.state == "raised"
    (signal,) = registry.tell({}, day=1_100)
    assert signal.state == "weakened"
    (signal,) = registry.tell({"r2": put_in(unit="V")}, day=1_100)
    assert signal.state == "weakened"
    (signal,) = registry.tell({"r1": put_in()}, day=1_100)
    assert signal.state == "withdrawn"


def others_with(outcomes: int) -> dict[str, Exposure | None]:
    """A hundred of the good cup, so many of them reoperated on day 1040."""
    return {f"o{number}": put_in("GOOD", 1_040 if number < outcomes else None) for number in range(100)}


def raised_by_others() -> Registry:
    """Three of ten against one of a hundred: conditional."""
    registry = Registry(OTHERS)
    registry.tell(others_with(1))
    bad = {f"r{number}": put_in(outcome=1_050 + number if number < 3 else None) for number in range(10)}
    (signal,) = registry.tell(bad)
    assert (signal.state, signal.level, signal.comparator.basis) == ("raised", "watch", "conditional")
    # to day 91 and on to 182, then to 200: all but the one were there throughout
    assert signal.comparator.component_years == pytest.approx((99 * 200 + 40) / 365.25)
    assert (signal.comparator.observed, signal.comparator.matched) == (1, 1)
    return registry


def test_the_conditional_statistic_by_hand() -> None:
    signal = raised_by_others().state.signals["BAD"]
    # all four outcomes fell in the first interval: 7 · 91 + 50 + 51 + 52 of (those + 99 · 91 + 40) days
    own, theirs = 7 * 91 + 153, 99 * 91 + 40
    share = 4 * own / (own + theirs)
    assert signal.comparator.matching_ratio == pytest.approx(theirs / own, rel=1e-8)
    expected = 3 * math.log(3 / share) + math.log(1 / (4 - share))
    assert signal.known[-1].point.statistic == pytest.approx(expected, abs=1e-6)
    assert signal.known[-1].point.expected == pytest.approx(own / theirs, abs=1e-8)  # in the other intervals none


def test_a_change_in_the_comparator_weakens_and_its_retraction_strengthens() -> None:
    registry = raised_by_others()
    assert registry.tell(others_with(40)) == ()  # looked at when the day ends
    (signal,) = registry.tell({}, day=TODAY + 1)
    assert (signal.state, signal.level, signal.reasons) == ("weakened", "watch", ())
    assert signal.levels[0].day is None
    assert registry.tell({}, day=TODAY + 2) == ()
    (signal,) = registry.tell(others_with(1), day=TODAY + 3)
    assert (signal.state, signal.levels[0].day) == ("updated", 1_052)


def test_an_unrelated_correction_of_a_weakened_signal_does_not_withdraw_it() -> None:
    registry = raised_by_others()
    registry.tell(others_with(40))
    (signal,) = registry.tell({"r9": put_in(unit="V")})
    assert signal.state == "weakened"
    (signal,) = registry.tell({"r0": put_in(), "r1": put_in()})
    assert signal.state == "withdrawn"


def test_what_was_erased_counts_for_a_weakened_signal_too() -> None:
    registry = raised_by_others()
    registry.tell({"r0": None}, opted_out=True)
    registry.tell(others_with(40))
    # two outcomes alone would not have raised it: 2 ln(2/0.22) + ln(1/2.78) = 3.4
    (signal,) = registry.tell({"r9": put_in(unit="V")})
    assert signal.state == "weakened"


def test_products_that_are_left_out_are_compared_with_nobody() -> None:
    registry = raised_by_others()
    registry.tell({f"w{number}": put_in("WORST", 1_040) for number in range(40)})
    (weak,) = registry.tell({}, day=TODAY + 1)
    assert weak.state == "weakened"
    # two signals now, that of the worst as well
    signals = registry.tell({}, day=TODAY + 2, left_out={"WORST"})
    found = {one.product: one for one in signals}
    assert found["BAD"].state == "updated"
    assert found["BAD"].comparator.left_out == ("WORST",)
    assert found["BAD"].comparator.observed == 1
    (worst,) = registry.tell({"w40": put_in("WORST", 1_041)}, day=TODAY + 2, left_out={"WORST"})
    assert (worst.product, worst.comparator.observed) == ("WORST", 3 + 1)
    assert worst.known[-1].point == worst.hindsight[-1]


def test_an_outcome_of_a_unit_that_has_reported_no_day_raises_nothing() -> None:
    registry = Registry(FLAT)
    assert registry.tell({f"r{number}": put_in(outcome=1_001, unit="W") for number in range(3)}) == ()
    assert registry.state.known["BAD"].looks[0].point.expected == 0


def test_each_partition_s_version_is_told() -> None:
    registry = Registry(FLAT)
    registry.tell({f"r{number}": put_in() for number in range(10)})
    changes = [Change(f"r{n}", f"r{n}", put_in(), put_in(outcome=1_010 + n)) for n in range(2)]
    (signal,) = step(registry.state, FLAT, changes, Version(7, 5), through={}).signals
    assert signal.versions == (Version(0, 1), Version(7, 5))


def test_a_unit_s_other_products_say_what_is_expected_of_it() -> None:
    # shape 1: 12 of the good cup's outcomes at U, none at V, as many days there but for those after an outcome
    monitor = Monitor("cup", "a1b2", Baseline("contemporary", (2.0,)), unit_shape=1.0)
    registry = Registry(monitor)
    registry.tell({f"u{number}": put_in("GOOD", 1_091 if number < 12 else None) for number in range(50)})
    registry.tell({f"v{number}": put_in("GOOD", unit="V") for number in range(50)})
    registry.tell({"r0": put_in(outcome=1_091), "r1": put_in(unit="V")})
    # hazard in the first interval 12/9100 a day, later none: 6 expected at each; (1 + 12)/(1 + 6) and 1/7
    point = registry.state.known["BAD"].looks[0].point
    assert point.expected == pytest.approx(12 / 9_100 * 91 * (13 / 7 + 1 / 7), abs=1e-6)
    registry.tell({"r2": put_in(outcome=1_091)})
    point = registry.state.known["BAD"].looks[1].point
    assert point.expected == pytest.approx(12 / 9_100 * 91 * (2 * 13 / 7 + 1 / 7), abs=1e-6)


def test_e_bh_s_set_is_that_of_the_moment_and_tells_of_products_without_a_signal_too() -> None:
    # ten for 150 days at 2 per 100: 0.08 expected; five come to 15.7, four to 11.7, both far above ln(2/0.05)
    registry = Registry(Monitor("cup", "a1b2", Baseline("flat", (2.0,)), Levels(watch=(14.0,), alarm=(99.0,))))
    registry.tell({f"a{number}": put_in("A", 1_150 if number < 5 else None) for number in range(10)})
    registry.tell({f"b{number}": put_in("B", 1_150 if number < 4 else None) for number in range(10)})
    (signal,) = registry.tell({"a9": put_in("A", 1_150)})
    assert (signal.product, signal.state, signal.beside.rejected) == ("A", "updated", True)
    assert signal.beside.in_set == ("A", "B")  # the other is at no level
    assert registry.state.live("B") is None
    # an outcome each is left of both: nothing is rejected any more, whatever was when it was raised
    registry.tell({f"b{number}": put_in("B") for number in range(1, 4)})
    (signal,) = registry.tell({f"a{number}": put_in("A") for number in (1, 2, 3, 4, 9)})
    assert (signal.state, signal.beside.rejected, signal.beside.in_set) == ("withdrawn", False, ())


def test_e_bh_s_set_is_that_of_the_whole_catalogue_though_only_those_that_may_be_in_it_are_held_against_all() -> None:
    stated = 0
    for seed in range(2):
        watch = Watch(MONITORS["cup"])
        for _, told in random_messages(random.Random(seed), "cups", 30):
            was = dict(watch.state.signals)
            for one in watch.take([told]).stated:
                before = was.get(one.signal.product)
                if before is None or before.state != one.signal.state or len(one.signal.known) > len(before.known):
                    found = e_bh_set(watch.state.sums, watch.watched.monitor)
                    assert one.signal.beside.in_set == tuple(sorted(found))
                    stated += 1
    assert stated > 30
