"""Exposures of a test's own, as journeys tell them, a worker that watches them, and what it must come to.

What it must come to is worked out without any of the worker, a step for every message.
"""

from __future__ import annotations

import random
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer

from schemas import topics
from schemas.codec import decode_event, encode_event
from schemas.subjects import KINDS
from streams.surveillance.bins import Bin, Change, Exposure
from streams.surveillance.declared import Watched
from streams.surveillance.expected import Baseline
from streams.surveillance.following import Part
from streams.surveillance.kept import Kept, sorted_out
from streams.surveillance.levels import Levels
from streams.surveillance.message import message_of
from streams.surveillance.monitor import Makers, Monitor
from streams.surveillance.signals import Version
from streams.surveillance.watch import Told, Watch
from streams.worker import position
from streams.worker.changelog import Changelog
from streams.worker.exposures import Archived
from streams.worker.store import MemoryStore
from streams.worker.surveillance import Surveillance
from streams.worker.worker import Worker, WorkerOptions
from tests.running import working
from tests.support import make_log, read_events
from tests.worker_support import ONE_TRANSACTION, QUICK, _Named, make_worker_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from streams.control import KafkaConfig
    from streams.worker.app import GroupOptions
    from streams.worker.exposures import Batch

GENERATION = "0123456789ab"
GROUPS = ("cups", "stems")
"""The groups of exposures; the partition of each is its place."""
PRODUCTS, LOTS, UNITS, STRATA = ("A", "B", "C"), ("", "L1", "L2"), ("U", "V", "W"), (("F",), ("M",))
MAKERS = Makers(family={"A": "F", "B": "F", "C": "G"}, company={"A": "X", "B": "X", "C": "X"})
"""Who makes the products: a family of two, one of one, and a company that has them all."""
Record = tuple[str, Told]
"""A message: the group that it is about, and what it says."""


def watched(group: str, *, specific: bool = False, name: str = "") -> Watched:
    """A monitor of a group that watches all kinds of subjects, and whose levels are soon reached."""
    levels = Levels(watch=(1.0,), alarm=(2.5,), planned=0.7)
    monitor = Monitor(name or group.rstrip("s"), "a1b2", Baseline("contemporary", (2.0,)), levels, makers=MAKERS)
    monitor = monitor.beside(dict.fromkeys(KINDS[1:], levels))
    return Watched(monitor, group, specific, frozenset({"death"}), frozenset())


MONITORS: Mapping[str, Watched] = {
    "cup": watched("cups"),
    "own_cup": watched("cups", specific=True, name="own_cup"),
    "stem": watched("stems"),
}


def drawn(dice: random.Random) -> Exposure:
    """Somebody's exposure, recorded some days after it began and ended."""
    start = dice.randint(1_000, 1_200)
    outcome = start + dice.randint(0, 200) if dice.random() < 0.4 else None
    end = start + dice.randint(0, 400) if dice.random() < 0.3 else None
    if outcome is not None and end is not None and end < outcome:
        outcome = None
    own = outcome if dice.random() < 0.5 else None
    return Exposure(
        dice.choice(PRODUCTS), dice.choice(LOTS), dice.choice(UNITS), "left", dice.choice(STRATA), start, end,
        "" if end is None else "death", int(outcome is not None), outcome, specific=int(own is not None),
        first_specific=own, recorded=start + dice.randint(0, 30),
        end_recorded=None if end is None else end + dice.randint(0, 200),
    )  # fmt: skip


def changes_of(name: str, states: Sequence[Exposure | bool | None]) -> list[Change]:
    """What comes to be said of one exposure; None is not there, True an opt-out."""
    found = []
    before: Exposure | None = None
    for state in states:
        after = None if isinstance(state, bool) else state
        if before != after:
            found.append(Change(f"p{name}", name, before, after, opted_out=state is True))
        before = after
    return found


def random_messages(dice: random.Random, group: str, registrations: int) -> list[Record]:
    """What is said of a group: corrections, retractions and opt-outs too, by submissions of three partitions.

    What is said of one registration is said in its order, by one partition; each message says something.
    """
    waiting = [
        changes_of(
            f"{group}{number}",
            [dice.choice((drawn(dice), drawn(dice), drawn(dice), None, True)) for _ in range(dice.randint(1, 4))],
        )
        for number in range(registrations)
    ]
    reached = [(0, Part(-1)), (1 << 48, Part(-1)), (77, Part(-1))]
    found: list[Record] = []
    while any(waiting):
        partition = dice.randrange(3)
        own = [one for number, one in enumerate(waiting) if one and number % 3 == partition]
        changes = [one.pop(0) for one in own[: dice.randint(1, 3)]]
        if changes:
            version, part = reached[partition]
            more = dice.randint(0, 2)
            if more:  # else another part of what is said of that version
                reached[partition] = version + more, Part(dice.randint(version, version + more - 1))
            elif any(told.at == (partition, version) for _, told in found):
                reached[partition] = version, part._replace(number=part.number + 1)
            version, part = reached[partition]
            found.append((group, Told(Version(partition, version), changes, part)))
    return found


def both_groups(seed: int, registrations: int = 40) -> list[Record]:
    """Messages about both groups, the two beside each other."""
    dice = random.Random(seed)
    waiting = [random_messages(dice, group, registrations) for group in GROUPS]
    found: list[Record] = []
    while some := [one for one in waiting if one]:
        found.append(dice.choice(some).pop(0))
    return found


# the log


def make_surveillance_log(kafka: KafkaConfig, registry: str) -> None:
    """The registry's topics and its first word, and what surveillance keeps."""
    make_log(kafka, _Named(registry), partitions=len(GROUPS))  # type: ignore[arg-type]  # only its name is wanted
    spec = topics.changelog_of(topics.surveillance_changelog(registry, GENERATION), len(GROUPS))
    make_worker_topic(kafka, spec.name, len(GROUPS), spec.config)


def batch(registry: str, record: Record, generation: str = GENERATION) -> bytes:
    """A message as journeys send it."""
    group, told = record
    changes = [
        {
            "patient": one.patient, "registration_id": one.registration_id, "opted_out": one.opted_out,
            "before": [] if one.before is None else [one.before._asdict()],
            "after": [] if one.after is None else [one.after._asdict()], "version": made,
        }
        for one, made in zip_longest(told.changes, told.made)
    ]  # fmt: skip
    said = {"registry": registry, "generation": generation, "group": group, **told.at._asdict(), "changes": changes}
    return encode_event("exposure_batch", {**said, "after": told.part.after, "part": told.part.number})


def tell(
    kafka: KafkaConfig,
    registry: str,
    messages: Iterable[Record],
    generation: str = GENERATION,
    *,
    in_a_transaction: bool = False,
) -> None:
    """Send messages, each to the partition of its group; as journeys do, in a transaction."""
    producer = Producer({**kafka, **({"transactional.id": registry} if in_a_transaction else {})})
    if in_a_transaction:
        producer.init_transactions()
        producer.begin_transaction()
    for record in messages:
        producer.produce(
            topics.exposures(registry), batch(registry, record, generation), partition=GROUPS.index(record[0])
        )
    if in_a_transaction:
        producer.commit_transaction()
    producer.flush()


def archived(log: Iterable[Batch]) -> list[Archived]:
    """The exposures that stand once these messages are loaded, as each was said to be last."""
    rows: dict[tuple[str, str, str], Archived | None] = {}
    for one in log:
        for patient, registration_id, _, after, *_ in one.changes:
            row = Archived(one.group, one.partition, one.version, patient, registration_id, after[0]) if after else None
            rows[one.group, patient, registration_id] = row
    return [row for row in rows.values() if row]


def surveillance_of(
    kafka: KafkaConfig,
    registry: str,
    *,
    folder: Path | None = None,
    archive: Callable[[str], Iterable[Archived]] | None = None,
    at: Callable[[int, str], None] = lambda *_: None,
    group: GroupOptions = QUICK,
) -> Worker:
    """A worker that takes every message by itself."""
    work = Surveillance(registry, GENERATION, MONITORS, archive=archive)
    options = WorkerOptions(group=group, folder=folder, most=1, one_transaction=ONE_TRANSACTION, at=at)
    return Worker(kafka, work, options)


@contextmanager
def watching(kafka: KafkaConfig, registry: str, **options: Any) -> Iterator[Worker]:
    """Such a worker, running."""
    worker = surveillance_of(kafka, registry, **options)
    with working(worker.run):
        yield worker


# what it comes to


def _as_told(event: dict[str, Any]) -> tuple[str, str, int, dict[str, Any]]:
    return event["monitor"], event["product"], event["message"], event


def stated(kafka: KafkaConfig, registry: str) -> list[dict[str, Any]]:
    """All signals on the topic that count, by monitor, product and number of the message."""
    return sorted(read_events(kafka, topics.signals(registry), "signal"), key=lambda one: _as_told(one)[:3])


def kept(kafka: KafkaConfig, registry: str) -> dict[str, Kept]:
    """What surveillance keeps, by monitor, of all partitions."""
    found: dict[str, Kept] = {}
    for partition in range(len(GROUPS)):
        store = MemoryStore()
        changelog = Changelog(kafka, topics.surveillance_changelog(registry, GENERATION), partition)
        changelog.recover(store, lambda *_: None)
        found |= sorted_out((key, value) for key, value in store.items() if key != position.KEY)
    return found


def counted(watch: Watch) -> dict[Bin, int]:
    """How many exposures of each kind a watch counts."""
    bins = watch.state.sums.bins
    rows = zip(*(bins.column(name).tolist() for name in (*Bin._fields, "count")), strict=True)
    return {
        Bin(
            bins.products.all[product], bins.lots.all[lot], bins.units.all[unit], bins.strata.all[stratum], *rest
        ): count
        for product, lot, unit, stratum, *rest, count in rows
        if count
    }


class Undisturbed:
    """What messages come to, taken one by one by monitors that nobody ever stops."""

    def __init__(self, registry: str, messages: Iterable[Record]) -> None:
        records: dict[bytes, bytes] = {}
        events: list[dict[str, Any]] = []
        self.watches = {name: Watch(one) for name, one in MONITORS.items()}
        for group, told in messages:
            for watch in self.watches.values():
                if watch.watched.exposures == group:
                    taken = watch.take([told])
                    for key, value in taken.writes.items():
                        if value is None:
                            records.pop(key, None)
                        else:
                            records[key] = value
                    events += [
                        decode_event("signal", message_of(registry, GENERATION, watch, one)) for one in taken.stated
                    ]
        self.signals = sorted(events, key=lambda one: _as_told(one)[:3])
        self.kept = sorted_out(records.items())


def assert_undisturbed(kafka: KafkaConfig, registry: str, messages: Iterable[Record]) -> None:
    """What left, and what is kept, is what would be if nothing had ever happened."""
    wanted = Undisturbed(registry, messages)
    assert wanted.signals, "these messages raise no signal"
    found = stated(kafka, registry)
    assert [_as_told(one)[:3] for one in found] == [_as_told(one)[:3] for one in wanted.signals]
    assert found == wanted.signals
    assert_kept(kept(kafka, registry), wanted.kept)


def assert_kept(found: Mapping[str, Kept], wanted: Mapping[str, Kept]) -> None:
    """The same is kept of each monitor."""
    assert found.keys() == wanted.keys()
    for name, one in found.items():
        assert vars(one) == vars(wanted[name]), name
