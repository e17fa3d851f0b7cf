"""What is kept, held against the exposures that stand: whatever came in between, and whatever is planted is found."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from streams.surveillance.again import held_against
from streams.surveillance.bins import Bin
from streams.surveillance.kept import Kept, sorted_out
from streams.surveillance.watch import Watch
from tests.surveillance_support import MONITORS, random_messages

if TYPE_CHECKING:
    from streams.surveillance.bins import Exposure


def kept_of(name: str, seed: int, registrations: int = 30) -> tuple[Kept, list[Exposure]]:
    """What a monitor keeps after some messages, and the exposures that stand in the end."""
    watch, records = Watch(MONITORS[name]), dict[bytes, bytes]()
    living: dict[str, Exposure | None] = {}
    for _, told in random_messages(random.Random(seed), "cups", registrations):
        for key, value in watch.take([told]).writes.items():
            if value is None:
                records.pop(key, None)
            else:
                records[key] = value
        living |= {change.registration_id: change.after for change in told.changes}
    (kept,) = sorted_out(records.items()).values()
    return kept, [one for one in living.values() if one is not None]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["cup", "own_cup"])
def test_corrections_retractions_and_opt_outs_leave_what_stands(name: str, seed: int) -> None:
    kept, standing = kept_of(name, seed)
    random.Random(seed).shuffle(standing)
    held = held_against(MONITORS[name], kept, standing)
    assert held.differences == ()
    assert held.kinds == len(kept.bins) > 5
    assert held.subjects == len(kept.stated)


def test_signals_are_among_what_is_compared() -> None:
    assert sum(len(kept_of("cup", seed)[0].stated) for seed in range(6)) > 6


def test_what_was_planted_is_told() -> None:
    kept, standing = kept_of("cup", 3)
    product = min(kept.stated)
    kind = next(one for one in kept.bins if one.product == product and one.event)
    kept.bins[kind] += 1
    day = next(report for report in kept.reports if report.kind == "recorded")
    del kept.reports[day]
    found = held_against(MONITORS["cup"], kept, standing).differences
    number = kept.bins[kind]
    assert f"exposures {kind}: {number}, recomputed {number - 1}" in found
    assert any(line.startswith(f"reports {day}: 0, recomputed ") for line in found)
    assert any(line.startswith(f"hindsight of {product}: Point(") for line in found)


def test_what_only_one_side_has_is_told() -> None:
    kept, standing = kept_of("cup", 4)
    more = Bin("A", "L9", "U", ("F",), 1, 2, False)
    other = standing[0]._replace(unit="elsewhere", first_outcome=None)
    kept.bins[more] = 2
    held = held_against(MONITORS["cup"], kept, [*standing, other])
    assert f"exposures {more}: 2, recomputed 0" in held.differences
    assert any("unit='elsewhere'" in line and ": 0, recomputed 1" in line for line in held.differences)
    assert held.kinds == len(kept.bins) + 1


def test_of_which_signals_how_many_have_opted_out_is_told_and_is_no_difference() -> None:
    told = 0
    for seed in range(8):
        kept, standing = kept_of("cup", seed)
        held = held_against(MONITORS["cup"], kept, standing)
        assert held.differences == ()
        known = {one.signal.id: one.signal.erased for one in kept.stated.values() if one.signal.erased}
        assert {one.signal: (one.persons, one.outcomes, one.others) for one in held.erased} == {
            signal: (erased.persons, erased.outcomes, erased.others) for signal, erased in known.items()
        }
        told += sum(one.persons > 0 for one in held.erased)
    assert told
