"""Why a signal was withdrawn or weakened: all that was corrected of its own data since it was raised, and only that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streams.surveillance.expected import Baseline
from streams.surveillance.levels import Levels
from streams.surveillance.monitor import Monitor
from tests.unit.test_surveillance_lost import REOPERATED, Interop
from tests.unit.test_surveillance_signals import Registry, put_in

if TYPE_CHECKING:
    from streams.surveillance.signals import Signal

NOT_ANY_MORE = "has no outcome: that was retracted, or belongs to another operation"
SOON = Monitor("cup", "a1b2", Baseline("contemporary", (2.0,)), Levels(watch=(1.5,), alarm=(3.0,)))


def retracted(interop: Interop, *names: str) -> list[Signal]:
    """What becomes of the signal as reoperations are retracted, one message each."""
    found = [interop.tell(name, interop.not_reoperated(name)) for name in names]
    assert None not in found
    return [one for one in found if one is not None]


def test_a_correction_that_takes_alarm_down_to_watch_is_named() -> None:
    # by 4.229 and 6.802 with two and three: the signal of five is at alarm with three left, at watch with two
    signals = retracted(Interop(), "r20", "r15", "r11")
    assert [(one.state, one.level) for one in signals] == [("updated", "alarm")] * 2 + [("weakened", "alarm")]
    assert [one.reasons for one in signals[:2]] == [(), ()]
    assert set(signals[-1].reasons) == {f"{name} {NOT_ANY_MORE}" for name in ("r11", "r15", "r20")}
    assert [one.day for one in signals[-1].levels] == [141, None]


def test_a_withdrawal_names_all_that_was_corrected_since_it_was_raised() -> None:
    interop = Interop()
    wrong = REOPERATED[::-1]
    for name in wrong:
        interop.tell(name, interop.not_reoperated(name)._replace(product="X"))
    signal = interop.state.signals["INTEROP"]
    assert signal.state == "withdrawn"
    # with two it was at watch still, with one it came to 1.87: the last was said of a signal that was none any more
    assert signal.reasons == tuple(f"{name} is of product X" for name in wrong[:4])


def test_of_each_registration_the_last_that_was_corrected_is_named() -> None:
    interop = Interop()
    revised = interop.not_reoperated("r20")._replace(end=213, end_reason="revision", outcomes=1, first_outcome=213)
    interop.tell("r20", revised)  # on another day
    retracted(interop, "r15")
    interop.tell("r15", interop.not_reoperated("r15")._replace(outcomes=1, first_outcome=200))  # it was right
    last = retracted(interop, "r20", "r11", "r6")[-1]
    assert last.state == "withdrawn"  # two are left, by day 200: 0.18 - 2 + 2 ln(2/0.18) = 3.0
    assert set(last.reasons) == {f"{name} {NOT_ANY_MORE}" for name in ("r20", "r11", "r6")}


def test_who_has_opted_out_is_not_named() -> None:
    interop = Interop()
    retracted(interop, "r20", "r15")
    interop.opts_out("r20")
    (last,) = retracted(interop, "r11")
    assert last.state == "weakened"
    assert set(last.reasons) == {f"{name} {NOT_ANY_MORE}" for name in ("r11", "r15")}


def test_what_the_others_have_weakened_is_given_no_reason_and_what_stands_again_neither() -> None:
    interop = Interop()
    signals = retracted(interop, "r20", "r15", "r11")
    assert signals[-1].reasons
    stands = interop.tell("r11", interop.not_reoperated("r11")._replace(outcomes=1, first_outcome=161))
    assert stands is not None
    assert (stands.state, stands.reasons) == ("updated", ())

    registry = Registry(SOON)
    registry.tell({f"o{number}": put_in("GOOD", 1_040 if number < 2 else None) for number in range(100)})
    registry.tell({f"r{number}": put_in(outcome=1_050 if number < 3 else None) for number in range(10)})
    assert registry.state.signals["BAD"].level == "alarm"
    registry.tell({"r0": put_in(outcome=1_051)})  # corrected, and of no weight
    registry.tell({f"o{number}": put_in("GOOD", 1_040) for number in range(30)})
    (signal,) = registry.tell({}, day=1_201)
    assert (signal.state, signal.reasons) == ("weakened", ())
    assert signal.corrected == {"r0": "has its first outcome on another day"}


@pytest.mark.parametrize("together", [True, False])
def test_corrections_of_one_message_are_named_as_those_of_many(together: bool) -> None:
    registry = Registry(Monitor("cup", "a1b2", Baseline("flat", (2.0,))))
    registry.tell({f"r{number}": put_in() for number in range(10)})
    registry.tell({f"r{number}": put_in(outcome=1_020 + number) for number in range(4)})
    corrections = {f"r{number}": put_in() for number in range(4)}
    for one in [corrections] if together else [{name: one} for name, one in corrections.items()]:
        registry.tell(one)
    signal = registry.state.signals["BAD"]
    assert signal.state == "withdrawn"
    named = {f"{name} {NOT_ANY_MORE}" for name in corrections}
    assert set(signal.reasons) <= named
    assert len(signal.reasons) == (4 if together else 3)  # withdrawn by the third; the fourth found no signal
