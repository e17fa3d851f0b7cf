"""A monitor at work: what it keeps is all that it is, so one made again from that goes on as ever."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from schemas.subjects import KINDS
from streams.surveillance.bins import Change, Exposure
from streams.surveillance.declared import Watched
from streams.surveillance.expected import Baseline
from streams.surveillance.following import BeganAnewError
from streams.surveillance.kept import Kept, Stated, sorted_out
from streams.surveillance.levels import Levels
from streams.surveillance.monitor import Monitor
from streams.surveillance.signals import Version
from streams.surveillance.watch import NeverToldError, Told, Watch
from tests.surveillance_support import MAKERS, random_messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def watched(
    kind: str = "contemporary", *, specific: bool = False, left_out: Sequence[str] = (), beside: bool = False
) -> Watched:
    levels = Levels(watch=(1.0,), alarm=(2.5,), planned=0.7)
    monitor = Monitor("cup", "a1b2", Baseline(kind, (2.0,)), levels, makers=MAKERS)  # type: ignore[arg-type]
    monitor = monitor.beside(dict.fromkeys(KINDS[1:], levels)) if beside else monitor
    return Watched(monitor, "cups", specific, frozenset({"death"}), frozenset(left_out))


def messages_of(dice: random.Random) -> list[list[Told]]:
    """What is said of a group, some messages taken together."""
    waiting = [told for _, told in random_messages(dice, "cups", dice.randint(4, 24))]
    steps = []
    while waiting:
        many = dice.randint(1, 3)
        steps.append(waiting[:many])
        waiting = waiting[many:]
    return steps


class Kepts:
    """What is kept, as the changelog has it."""

    def __init__(self) -> None:
        self.records: dict[bytes, bytes] = {}

    def write(self, writes: Mapping[bytes, bytes | None]) -> None:
        for key, value in writes.items():
            if value is None:
                self.records.pop(key, None)
            else:
                self.records[key] = value

    def kept(self) -> Kept | None:
        return sorted_out(self.records.items()).get("cup")


def said(writes: Mapping[bytes, bytes | None]) -> tuple[dict[str, Any], set[bytes]]:
    """What is written, and which keys are deleted; mappings are written in the order in which they were filled."""
    (kept,) = sorted_out((key, value) for key, value in writes.items() if value is not None).values()
    return vars(kept), {key for key, value in writes.items() if value is None}


@pytest.mark.parametrize("seed", range(40))
def test_made_again_from_what_is_kept_it_goes_on_as_the_one_that_was_never_lost(seed: int) -> None:
    dice = random.Random(seed)
    declared = watched(dice.choice(("contemporary", "contemporary", "flat")), beside=True)
    never_lost, kepts = Watch(declared), Kepts()
    for step in messages_of(dice):
        again = Watch(declared, kepts.kept())
        label = dice.choice(("B", "family:F", "company:X", "lot:A:L1", "unit:V"))
        confirmed = dice.choice(({}, {}, {label: True}, {label: False}))
        wanted, found = never_lost.take(step, confirmed), again.take(step, confirmed)
        assert found.stated == wanted.stated
        assert said(found.writes) == said(wanted.writes)
        kepts.write(wanted.writes)


def test_such_messages_raise_signals_of_every_kind() -> None:
    kinds = set()
    for seed in range(40):
        dice = random.Random(seed)
        watch = Watch(watched(dice.choice(("contemporary", "contemporary", "flat")), beside=True))
        kinds |= {one.signal.subject.kind for step in messages_of(dice) for one in watch.take(step).stated}
    assert kinds == set(KINDS)


@pytest.mark.parametrize("seed", range(150))
def test_what_is_decided_does_not_depend_on_what_comes_together(seed: int) -> None:
    """Every order of the same submissions, however they are gathered, decides the same by the same submissions."""
    dice = random.Random(seed)
    declared = watched(dice.choice(("contemporary", "contemporary", "flat")), beside=dice.random() < 0.5)
    one_by_one, together = Watch(declared), Watch(declared)
    messages = [told for step in messages_of(dice) for told in step]
    wanted = [one for told in messages for one in one_by_one.take([told]).stated]
    found: list[Stated] = []
    while messages:
        size = dice.choice((1, 2, 5, 20, len(messages)))
        found += together.take(messages[:size]).stated
        del messages[:size]
    assert decided(found) == decided(wanted)
    assert together.clock.through() == one_by_one.clock.through()
    assert together.state.versions == one_by_one.state.versions


def decided(stated: Iterable[Stated]) -> list[tuple[Any, ...]]:
    """What was raised and withdrawn, by which submission, and what was known then."""
    found = []
    for signal, _ in stated:
        if signal.state in ("raised", "withdrawn"):
            last = signal.levels[-1]
            found.append((signal.at, signal.id, signal.state, last.level, last.known.at, last.known.point.observed))
    return found


def test_a_level_is_known_by_the_first_submission_that_it_could_be_known_by() -> None:
    # as above: with the first outcome it is at 5.8
    steps = [told(version, new(f"r{version}", put_in(start=1_000 + 20 * version))) for version in range(2)]
    steps += [told(version, new(f"r{version}", put_in(start=1_040, outcome=1_050))) for version in (2, 3, 4)]
    watch, alone = Watch(watched("flat")), Watch(watched("flat"))
    watch.take(steps)
    for one in steps:
        alone.take([one])
    signal = watch.state.signals["A"]
    assert [(one.level, one.known.at, one.known.point.observed) for one in signal.levels] == [
        ("watch", Version(0, 2), 1), ("alarm", Version(0, 2), 1),
    ]  # fmt: skip
    alone_signal = alone.state.signals["A"]
    assert signal.with_known(()) == alone_signal.with_known(())
    assert signal.known[:1] + signal.known[-1:] == alone_signal.known[:1] + alone_signal.known[-1:]
    assert watch.clock.through() == alone.clock.through()


def _take(watch: Watch, step: Sequence[Told], confirmed: Mapping[str, bool], kepts: Kepts) -> list[Stated]:
    taken = watch.take(step, confirmed)
    kepts.write(taken.writes)
    return [*taken.stated]


def test_what_is_kept_comes_to_what_a_watch_that_is_told_only_what_stands_comes_to() -> None:
    dice = random.Random(7)
    declared, kepts = watched(), Kepts()
    watch = Watch(declared)
    living: dict[str, Exposure | None] = {}
    for step in messages_of(dice):
        kepts.write(watch.take(step).writes)
        living |= {change.registration_id: change.after for told in step for change in told.changes}
    plain, kept = Kepts(), kepts.kept()
    standing = [Change("p", name, None, one) for name, one in living.items() if one is not None]
    plain.write(Watch(declared).take([Told(Version(0, 1), standing)]).writes)
    wanted = plain.kept()
    assert kept is not None
    assert wanted is not None
    assert len(standing) > 3
    assert (kept.bins, kept.reports) == (wanted.bins, wanted.reports)
    assert kept.versions == dict(watch.state.versions)


def put_in(product: str = "A", start: int = 1_000, outcome: int | None = None) -> Exposure:
    return Exposure(
        product, "", "U", "left", ("F",), start, outcome, "" if outcome is None else "revision",
        int(outcome is not None), outcome, recorded=start,
    )  # fmt: skip


def told(version: int, *changes: Change, partition: int = 0) -> Told:
    return Told(Version(partition, version), changes)


def new(name: str, exposure: Exposure) -> Change:
    return Change(f"p{name}", name, None, exposure)


def test_what_is_older_than_what_is_known_is_refused_and_the_same_version_is_not() -> None:
    watch = Watch(watched())
    watch.take([told(5, new("a", put_in())), told(5, new("b", put_in()))])  # one transaction may say it in two
    watch.take([told(1, new("c", put_in()), partition=1)])  # another partition's versions are its own
    with pytest.raises(BeganAnewError, match="monitor cup: exposures of partition 0 at version 4, but 5 is in already"):
        watch.take([told(4, new("d", put_in()))])
    kepts = Kepts()
    kepts.write(Watch(watched()).take([told(5, new("a", put_in()))]).writes)
    again = Watch(watched(), kepts.kept())
    with pytest.raises(BeganAnewError):
        again.take([told(6, new("b", put_in())), told(3, new("c", put_in()))])


def test_what_is_no_more_but_never_was_is_refused() -> None:
    watch = Watch(watched())
    watch.take([told(1, new("a", put_in()))])
    lost = put_in(start=1_050)
    with pytest.raises(NeverToldError, match="monitor cup: exposures are said to be no more"):
        watch.take([told(2, Change("pb", "b", lost, lost._replace(product="B")))])


def test_messages_of_a_product_s_signals_are_counted_from_one_on_also_after_a_restart() -> None:
    declared, kepts = watched("flat"), Kepts()
    numbers = []
    for version in range(8):
        watch = Watch(declared, kepts.kept())
        start = 1_000 + 20 * version
        outcome = start + 10 if version >= 2 else None
        taken = watch.take([told(version, new(f"r{version}", put_in(start=start, outcome=outcome)))])
        kepts.write(taken.writes)
        numbers += [(one.signal.id, one.messages, len(one.signal.known)) for one in taken.stated]
    # the first outcome comes when 20 days are reported through: 0.02 · 20/365.25 = 0.0011 expected, and its
    # statistic is 0.0011 - 1 - ln 0.0011 = 5.8
    assert numbers == [("cup/A/0", place, place) for place in range(1, 7)]


def test_a_look_is_written_once_and_a_signal_without_its_looks() -> None:
    declared = watched("flat")
    watch, written = Watch(declared), Kepts()
    for version in range(6):
        start = 1_000 + 20 * version
        taken = watch.take([told(version, new(f"r{version}", put_in(start=start, outcome=start + 10)))])
        assert not {key for key in taken.writes if b"look" in key} & written.records.keys()
        written.write(taken.writes)
    kept = written.kept()
    assert kept is not None
    assert [seen.look.at.version for seen in kept.known["A"]] == [*range(6)]
    assert kept.stated["A"].signal.known == ()
    assert watch.state.signals["A"].known == tuple(seen.look for seen in kept.known["A"])


def test_only_its_own_outcomes_count_where_the_monitor_says_so() -> None:
    both = put_in(outcome=1_010)._replace(outcomes=2, specific=1, first_specific=1_400)
    for specific, event, stop in ((False, True, 1_010), (True, True, 1_400)):
        watch = Watch(watched(specific=specific))
        watch.take([told(0, new("a", both))])
        bins = watch.state.sums.bins
        assert (bins.column("event").tolist(), bins.column("stop").tolist()) == ([event], [stop])


def test_declared_and_confirmed_products_are_in_nobody_s_comparator() -> None:
    watch = Watch(watched(left_out=("B",)))
    watch.take([told(0, *(new(name, put_in(name)) for name in "ABC"))], {"C": True})
    assert watch.state.sums.left_out == {"B", "C"}
    watch.take([told(1, new("d", put_in("A")))], {"C": False})
    assert watch.state.sums.left_out == {"B"}
