"""Journeys that begin anew, and messages that come again: nothing is counted twice, and nothing is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from schemas.codec import decode_event_as_tuples
from schemas.topics import exposures
from streams.surveillance.following import BeganAnewError, Part, Reached, is_new
from streams.surveillance.watch import Watch
from streams.worker.exposures import Batch
from streams.worker.surveillance import _told
from tests.journey_support import DAY_2000, Worker, batches_of, submission
from tests.surveillance_support import counted, watched

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.surveillance.watch import Told
    from tests.reference_journeys import Submission

KNOWN = Reached(50, Part(40, 1))


@pytest.mark.parametrize(
    ("version", "part", "new"),
    [
        (60, Part(50, 0), True),
        (60, Part(55, 0), True),  # in between nothing of the group has changed
        (60, Part(55, 1), True),
        (50, Part(40, 2), True),  # the next part
        (50, Part(40, 1), False),  # it was sent again
        (50, Part(40, 0), False),
        (30, Part(20, 0), False),
        (30, Part(-1, 0), False),
        (50, Part(-1, 0), False),  # built anew they are cut otherwise, but up to here it is all in
        (50, Part(-1, 7), False),
        (50, Part(45, 2), False),
        (60, Part(None), True),  # of a version that did not tell
        (50, Part(None), True),
    ],
)
def test_what_follows_is_new_and_what_ends_where_something_has_ended_is_in(version: int, part: Part, new: bool) -> None:
    assert is_new(KNOWN, Reached(version, part), monitor="cup", partition=3) is new
    assert is_new(None, Reached(version, part), monitor="cup", partition=3)


@pytest.mark.parametrize("part", [Part(-1), Part(40), Part(49)])
def test_what_is_in_by_half_is_refused(part: Part) -> None:
    told = f"monitor cup: exposures of partition 3 between versions {part.after} and 60, but 50 is in already"
    with pytest.raises(BeganAnewError, match=told):
        is_new(KNOWN, Reached(60, part), monitor="cup", partition=3)
    with pytest.raises(BeganAnewError, match="partition 3 at version 49, but 50 is in already"):
        is_new(KNOWN, Reached(49), monitor="cup", partition=3)


def test_of_what_was_kept_before_there_were_parts_all_parts_are_in() -> None:
    assert not is_new(Reached(50), Reached(50, Part(40, 1)), monitor="cup", partition=3)
    assert is_new(Reached(50), Reached(51, Part(50)), monitor="cup", partition=3)


def operations(versions: Iterable[int]) -> list[Submission]:
    """Somebody gets a cup at each version; the one at 3 is corrected at 7."""
    return [
        submission("implants", version, "operation", f"p{version % 4}", "o" if version in {3, 7} else f"o{version}",
                   DAY_2000 + version, cup="B" if version == 7 else "A", side="left")
        for version in versions
    ]  # fmt: skip


def told(cuts: Sequence[int], upto: int) -> list[Told]:
    """What journeys say that are built anew, a transaction up to each of the cuts."""
    worker = Worker("implants")
    found = []
    for first, end in zip((0, *cuts), (*cuts, upto), strict=True):
        step = worker.step(batches_of("implants", operations(range(first, end))))
        found += [
            _told(message)
            for one in step.outputs
            if one.topic == exposures("implants")
            for message in [Batch._make(decode_event_as_tuples("exposure_batch", one.value))]
            if message.group == "cup"
        ]
    return found


def by_day(watch: Watch) -> dict[tuple[str, int], int]:
    """How many exposures of each product there are by day."""
    return {(kind.product, kind.start): count for kind, count in counted(watch).items()}


# each person but the first has one cup from each operation; p3's first was of another product
WANTED = {("A", DAY_2000 + version): 1 for version in range(8) if version not in {3, 7}} | {("B", DAY_2000 + 7): 1}


@pytest.mark.parametrize("cuts", [(), (5,), (1, 2, 3), (4, 7)])
@pytest.mark.parametrize("gathered", [True, False])
def test_journeys_built_anew_to_the_very_version_that_is_known_are_not_counted_twice(
    cuts: Sequence[int], *, gathered: bool
) -> None:
    watch = Watch(watched("cups"))
    for one in told((2, 4, 6), 8):
        watch.take([one])
    assert by_day(watch) == WANTED
    anew = told(cuts, 8)
    taken = [watch.take(some) for some in ([anew] if gathered else [[one] for one in anew])]
    assert by_day(watch) == WANTED
    assert not any(one.writes or one.stated for one in taken)
    # and they are gone on with
    more = told((*cuts, 8), 10)[-1]
    watch.take([more])
    assert by_day(watch) == {**WANTED, ("A", DAY_2000 + 8): 1, ("A", DAY_2000 + 9): 1}


def test_journeys_built_anew_beyond_what_is_known_are_refused_also_at_their_first_word() -> None:
    watch = Watch(watched("cups"))
    for one in told((2,), 4):
        watch.take([one])
    with pytest.raises(BeganAnewError, match="between versions -1 and 7, but 3 is in already"):
        watch.take(told((), 8))


def test_a_transaction_in_parts_is_taken_whole_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.journeys.core._MOST_IN_A_MESSAGE", 3)
    parts = told((), 8)
    assert [one.part for one in parts] == [Part(-1, 0), Part(-1, 1), Part(-1, 2)]
    watch = Watch(watched("cups"))
    watch.take(parts[:2])
    watch.take([parts[1], parts[0], parts[2]])
    watch.take(parts)
    assert by_day(watch) == WANTED
