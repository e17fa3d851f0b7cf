"""An opt-out never withdraws or lowers a raised signal, whoever opts out: its evidence is frozen as it was."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from streams.surveillance.bins import Change
from streams.surveillance.core import step
from streams.surveillance.evidence import hindsight
from streams.surveillance.following import Part
from streams.surveillance.kept import Kept, sorted_out
from streams.surveillance.lost import Lost
from streams.surveillance.signals import Version
from streams.surveillance.state import State
from streams.surveillance.watch import Told, Watch
from tests.surveillance_support import MONITORS, random_messages
from tests.unit.test_surveillance_interop import _EXPECTED, CLINICS, history, monitor, played, signals_of
from tests.unit.test_surveillance_signals import OTHERS, TODAY, Registry, put_in

if TYPE_CHECKING:
    from streams.surveillance.bins import Exposure
    from streams.surveillance.signals import Signal

#: The registrations of the five who were reoperated, in the order of that.
REOPERATED = ("r2", "r6", "r11", "r15", "r20")


class Interop:
    """The Inter-op history, and what comes after it."""

    def __init__(self, days: int | None = None) -> None:
        self.state = State()
        self._history = history(CLINICS)[:days]
        played(self.state, monitor(), self._history)
        self._told = len(self._history)
        self._now = {change.registration_id: change.after for _, change in self._history}

    def tell(self, name: str, after: Exposure | None, *, opted_out: bool = False) -> Signal | None:
        """What becomes of the signal by one more registration."""
        self._told += 1
        change = Change(f"p{name[1:]}", name, self._now[name], after, opted_out)
        self._now[name] = after
        signals = step(self.state, monitor(), [change], Version(3, self._told), through={}).signals
        return signals[-1] if signals else None

    def opts_out(self, *names: str) -> Signal:
        """The signal after some have opted out, one after the other."""
        for name in names:
            self.tell(name, None, opted_out=True)
        return self.state.signals["INTEROP"]

    def not_reoperated(self, name: str) -> Exposure:
        """As it was put in."""
        (put_in,) = [change.after for _, change in history(CLINICS) if change.registration_id == name][:1]
        assert put_in is not None
        return put_in


def told_of(signal: Signal) -> tuple[int, int, int]:
    """Persons and outcomes that are erased, and the outcomes of before."""
    assert signal.erased is not None
    return signal.erased.persons, signal.erased.outcomes, signal.erased.frozen.point.observed


def test_all_who_were_reoperated_opt_out_and_nothing_of_the_signal_is_less() -> None:
    interop = Interop()
    signal = interop.opts_out(*REOPERATED)
    assert (signal.state, signal.level) == ("updated", "alarm")
    assert [(one.level, one.day) for one in signal.levels] == [("watch", 141), ("alarm", 161)]
    assert told_of(signal) == (5, 5, 5)
    assert signal.erased is not None
    *_, (day, observed, expected, statistic, _, _) = _EXPECTED
    frozen = signal.erased.frozen.point
    assert (frozen.day, frozen.observed, signal.erased.watch, signal.erased.alarm) == (day, observed, 141, 161)
    assert (frozen.expected, frozen.statistic) == pytest.approx((expected, statistic), abs=1e-6)
    assert signal.hindsight[-1].observed == 0  # but who opted out is in no number


def test_everybody_who_has_the_product_opts_out() -> None:
    signal = Interop().opts_out(*(f"r{number}" for number in range(30)))
    assert (signal.state, signal.level, told_of(signal)) == ("updated", "alarm", (30, 5, 5))
    assert [one.day for one in signal.levels] == [141, 161]
    assert signal.units == ()


def test_what_is_corrected_afterwards_takes_what_it_is_worth() -> None:
    # four of the five have opted out; the fifth was none. Four in 0.17544148 expected come to 8.68: they alone alarm
    interop = Interop()
    interop.opts_out(*REOPERATED[:4])
    signal = interop.tell("r20", interop.not_reoperated("r20"))
    assert signal is not None
    assert (signal.state, signal.level) == ("updated", "alarm")
    # one of three at alarm has opted out; with neither of the others it would not be at watch
    interop = Interop()
    for name in ("r15", "r20"):
        interop.tell(name, interop.not_reoperated(name))
    interop.opts_out("r2")
    interop.tell("r6", interop.not_reoperated("r6"))
    last = interop.tell("r11", interop.not_reoperated("r11"))
    assert last is not None
    assert last.state == "withdrawn"
    assert "INTEROP" not in interop.state.lost


def test_what_comes_after_an_opt_out_may_still_raise_it() -> None:
    # day 141: at watch with two. One of them opts out, and the next level is reached by what is left: of the five not
    # by the fourth, where 0.17 - 3 + 3 ln(3/0.17) = 5.8, but by the last, where 0.18 - 4 + 4 ln(4/0.18) = 8.6
    at_watch = [place for place, (_, change) in enumerate(history(CLINICS)) if change.registration_id == "r6"][-1] + 1
    interop = Interop(at_watch)
    assert interop.state.signals["INTEROP"].level == "watch"
    interop.opts_out("r2")
    rest = history(CLINICS)[at_watch:]
    levels = [
        (one.level, one.state, one.known[-1].point.observed)
        for one in signals_of(played(interop.state, monitor(), rest, first=100))
        if one.state == "raised"
    ]
    assert levels == [("alarm", "raised", 4)]
    assert [one.day for one in interop.state.signals["INTEROP"].levels] == [141, 212]


def test_an_opt_out_that_is_lifted_leaves_no_trace_in_what_it_stands_by() -> None:
    interop = Interop()
    interop.opts_out("r2")
    assert interop.state.lost["INTEROP"].watch > 0
    revised = interop.not_reoperated("r2")._replace(end=112, end_reason="revision", outcomes=1, first_outcome=112)
    signal = interop.tell("r2", revised, opted_out=True)
    assert signal is not None
    assert told_of(signal) == (0, 0, 5)
    assert tuple(interop.state.lost["INTEROP"])[:4] == pytest.approx((0, 0, 0, 0), abs=1e-9)


# those that it is held against


def held_against_two_of_two_hundred() -> Registry:
    """Four of ten bad cups, where two of two hundred of the others were reoperated."""
    registry = Registry(OTHERS)
    registry.tell({f"o{number}": put_in("GOOD", 1_040 if number < 2 else None) for number in range(200)})
    (signal,) = registry.tell({f"r{number}": put_in(outcome=1_050 if number < 4 else None) for number in range(10)})
    assert (signal.state, signal.level) == ("raised", "alarm")
    return registry


def test_others_who_opt_out_neither_weaken_nor_withdraw_it() -> None:
    registry = held_against_two_of_two_hundred()
    before = registry.state.signals["BAD"]
    states = []
    for number in range(2, 200, 2):
        gone = {f"o{number}": None, f"o{number + 1}": None}
        states += [one.state for one in registry.tell(gone, opted_out=True, day=TODAY + number)]
    # four in ten against two in two are no more than the others have
    path = hindsight(registry.state.sums, OTHERS, "BAD")
    assert path.above("watch") < 0
    assert states == ["updated"]  # said once, when it came to hang on who has gone
    signal = registry.state.signals["BAD"]
    assert (signal.state, signal.level) == ("updated", "alarm")
    assert [one.day for one in signal.levels] == [one.day for one in before.levels] == [1_050, 1_050]
    assert signal.erased is not None
    assert told_of(signal) == (0, 0, 4)
    assert signal.erased.frozen == before.known[-1]
    assert 0 < signal.erased.others <= 198
    assert registry.state.lost["BAD"].others == 198


def test_others_who_fare_worse_weaken_it_all_the_same() -> None:
    registry = held_against_two_of_two_hundred()
    registry.tell({f"o{number}": None for number in range(100, 150)}, opted_out=True)
    registry.tell({f"o{number}": put_in("GOOD", 1_040) for number in range(100)})
    (signal,) = registry.tell({}, day=TODAY + 1)
    assert (signal.state, signal.reasons) == ("weakened", ())


def test_a_flat_rate_hears_of_nobody_else() -> None:
    interop = Interop()
    other = Change("q", "q", None, interop.not_reoperated("r0")._replace(product="OTHER"))
    for change in (other, Change("q", "q", other.after, None, opted_out=True)):
        step(interop.state, monitor(), [change], Version(3, 99), through={})
    assert interop.state.lost == {}


def test_whoever_is_said_to_have_opted_out_beside_what_is_corrected_takes_nothing() -> None:
    # one message: two of the four opt out, and a third patient is said to be at another unit
    registry = held_against_two_of_two_hundred()
    gone = [Change(name, name, registry.now[name], None, opted_out=True) for name in ("r0", "r1")]
    moved = Change("r9", "r9", registry.now["r9"], put_in(unit="V"))
    (signal,) = step(registry.state, OTHERS, [*gone, moved], Version(0, 99), through={}).signals
    assert (signal.state, signal.level, told_of(signal)) == ("updated", "alarm", (2, 2, 4))


@pytest.mark.parametrize("name", ["cup", "own_cup"])
def test_no_opt_out_lowers_any_signal_whatever_has_come_before(name: str) -> None:
    """What stands by what is known before an opt-out stands after it, at its level, from the same days on."""
    opted = frozen = 0
    for seed in range(3):
        watch = Watch(MONITORS[name])
        records: dict[bytes, bytes | None] = {}
        messages = random_messages(random.Random(seed), "cups", 40)
        for version, change in enumerate(one for _, told in messages for one in told.changes):
            before = {label: watch.state.live(label) for label in watch.state.signals} if change.opted_out else {}
            stood = {label: one for label, one in before.items() if one and stands(watch, label)}
            records |= watch.take([Told(Version(0, version), [change], Part(version - 1))]).writes
            for label, one in stood.items():
                now = watch.state.signals[label]
                assert (now.number, now.level) in {(one.number, one.level), (one.number, "alarm")}
                assert now.state not in {"weakened", "withdrawn"} or now is one
                assert all(later_or_none(was.day, then.day) for was, then in zip(one.levels, now.levels, strict=False))
                opted += 1
                frozen += now.erased is not None
        kept = sorted_out((key, value) for key, value in records.items() if value is not None)[name]
        assert kept.lost == {label: lost for label, lost in watch.state.lost.items() if label in watch.state.signals}
        assert Watch(MONITORS[name], kept).state.lost == watch.state.lost
    assert (opted > 60, frozen > 15) == (True, True)
    assert Kept().lost == {}


def later_or_none(was: int | None, then: int | None) -> bool:
    """Whether a day is no later than it was."""
    return was is None or (then is not None and then <= was)


def stands(watch: Watch, label: str) -> bool:
    """Whether a signal stands by what is known just now, with what opt-outs took before."""
    signal = watch.state.signals[label]
    path = hindsight(watch.state.sums, watch.watched.monitor, label)
    lost = watch.state.lost.get(label, Lost()).of(signal.level)
    return path.crossed(signal.level) is not None or (lost > 0 and path.above(signal.level) + lost >= 0)
