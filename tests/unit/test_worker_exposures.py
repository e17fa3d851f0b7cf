"""A log of exposures that has forgotten its beginning comes to what the whole of it comes to."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from streams.surveillance.signals import Version
from streams.surveillance.watch import Watch
from streams.worker.exposures import Archived, forgotten
from streams.worker.surveillance import Surveillance, _told
from streams.worker.work import FillError, Log
from tests.surveillance_support import GENERATION, GROUPS, MONITORS, archived, batch, counted, random_messages, watched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.surveillance.watch import Told
    from streams.worker.exposures import Batch

REGISTRY = "hip"
WORK = Surveillance(REGISTRY, GENERATION, MONITORS)


def log_of(dice: random.Random, group: str, registrations: int = 30) -> list[Batch]:
    """What is said of a group, as it stands on the topic."""
    return [WORK.decode(batch(REGISTRY, record)) for record in random_messages(dice, group, registrations)]


def taken(messages: Sequence[Told]) -> Watch:
    watch = Watch(watched("cups"))
    for one in messages:
        watch.take([one])
    return watch


@pytest.mark.parametrize("seed", range(60))
def test_what_was_forgotten_and_what_is_left_come_to_the_whole(seed: int) -> None:
    dice = random.Random(seed)
    log = log_of(dice, "cups")
    cut = dice.randint(0, len(log))
    loaded = dice.randint(cut, len(log))  # the database may be behind the log's end, but has all that is forgotten
    filled = [*forgotten(archived(log[:loaded]), log[cut:], {"cups"})]
    wanted, found = taken([*map(_told, log)]), taken([*map(_told, (*filled, *log[cut:]))])
    assert counted(found) == counted(wanted)
    assert found.clock.through() == wanted.clock.through()
    left = {one.partition for one in log[cut:]}
    assert {of: found.state.versions[of] for of in left} == {of: wanted.state.versions[of] for of in left}


def test_what_stood_is_told_in_the_order_of_its_versions_and_nothing_is_told_where_nothing_stood() -> None:
    log = log_of(random.Random(1), "cups")
    found = [*forgotten(archived(log), [], {"cups"})]
    assert [(one.version, one.partition) for one in found] == sorted((one.version, one.partition) for one in found)
    assert len(found) > 5
    assert [*forgotten([], log, {"cups"})] == []
    assert [*forgotten([], log[8:], {"stems"})] == []


def test_a_log_that_begins_at_its_beginning_is_not_filled_and_one_that_does_not_only_with_its_own() -> None:
    asked: list[str] = []
    log = [*log_of(random.Random(2), "cups"), *log_of(random.Random(3), "stems")]

    def archive(group: str) -> list[Archived]:
        asked.append(group)
        return [one for one in archived(log) if one.group == group]

    work = Surveillance(REGISTRY, GENERATION, MONITORS, archive=archive)
    others = [one._replace(generation="another") for one in log]

    def fill(first: int, partitions: int) -> list[list[Batch]]:
        source: Log[Batch] = Log(first, partitions, lambda: iter(others))
        return [[*work.fill(partition, -1, None, source)] for partition in range(partitions)]

    assert fill(0, 1) == [[]]
    assert asked == []
    (every,) = fill(7, 1)
    assert {one.group for one in every} == set(GROUPS)
    assert sum(map(work.size, every)) == len(archived(log))
    assert {one.generation for one in every} == {GENERATION}
    asked.clear()
    spread = fill(7, 5)  # each group in its own partition, and in no other
    assert sorted(asked) == [*GROUPS]
    assert sorted(one for some in spread for one in some) == sorted(every)


def test_where_nobody_has_what_was_forgotten_nothing_is_counted() -> None:
    def away(_: str) -> Iterator[Archived]:
        raise ConnectionError("no database")

    source: Log[Batch] = Log(7, 1, lambda: iter(()))
    with pytest.raises(FillError, match=r"exposures.hip has forgotten what was before offset 7, .*: no database"):
        next(Surveillance(REGISTRY, GENERATION, MONITORS, archive=away).fill(0, -1, None, source))
    with pytest.raises(FillError, match="has forgotten what was before offset 7, and no archive has it"):
        next(WORK.fill(0, -1, None, source))


def test_of_a_version_that_is_cut_in_two_the_part_that_is_left_is_taken() -> None:
    log = log_of(random.Random(4), "cups", 60)
    wanted = counted(taken([*map(_told, log)]))
    with_former_parts = 0
    for cut in (place for place, one in enumerate(log) if one.part):
        filled = [*forgotten(archived(log), log[cut:], {"cups"})]
        assert counted(taken([*map(_told, (*filled, *log[cut:]))])) == wanted
        with_former_parts += Version(log[cut].partition, log[cut].version) in {_told(one).at for one in filled}
    assert with_former_parts, "no exposure is as its part said last"
