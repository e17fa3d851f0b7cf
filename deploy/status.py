"""The state of everything: what waits, whether the counts agree, what went wrong last."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from deploy.observe import read_health
from schemas import topics
from sinks.clickhouse.loader import derived_topics, signal_topics
from sinks.clickhouse.loaders import LOAD_GROUP, derived_group, signals_group
from sinks.clickhouse.status import PartitionStatus, partition_status
from streams.control import ControlReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from deploy.settings import Settings
    from streams.control import KafkaConfig

INTAKE_GROUP = "guldadra-intake"
_ANSWER_S = 30.0
_LOOK_AGAIN_S = 0.1
_NO_LEADER = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What a process says of itself; not healthy where it does not answer."""

    name: str
    healthy: bool
    lag: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class PartitionAccount:
    """One partition of a registry from submission to archive.

    Attributes:
        registry: whose.
        partition: its number.
        waiting: submissions that intake has yet to decide on.
        loading: batches and receipts that the loader has yet to load.
        loading_derived: batches of cells, exposures and lists, signals and reviews that it has yet to load.
        decided: submissions with a verdict that ClickHouse knows of; accepted and refused make it up.
        accepted: accepted ones among them.
        refused: refused ones among them.
        archived: accepted submissions in the archive.
        erased: accepted submissions that were there until they were erased.
        problem: what does not agree; empty where all does.
    """

    registry: str
    partition: int
    waiting: int
    loading: int
    loading_derived: int
    decided: int
    accepted: int
    refused: int
    archived: int
    erased: int
    problem: str

    @property
    def agrees(self) -> bool:
        """Whether nothing is missing and nothing is there twice."""
        return not self.problem


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that `guldadra status` shows."""

    processes: list[ProcessState]
    partitions: list[PartitionAccount]
    stopped: Mapping[str, str]

    @property
    def well(self) -> bool:
        """Whether every process is well and every account agrees."""
        return all(one.healthy for one in self.processes) and all(one.agrees for one in self.partitions)


def read_status(settings: Settings) -> Status:
    """Ask the broker, the database and the processes.

    Raises:
        KafkaException, DatabaseError: the broker or the database does not answer.
    """
    kafka = settings.kafka_config()
    definitions = settings.definitions()
    with ControlReader(kafka) as control:
        begun = {name: said for name in definitions if (said := control.of(name)) is not None}
    partitions: list[PartitionAccount] = []
    with settings.clickhouse() as client:
        places = {name: said.partitions for name, said in begun.items()}
        undecided, unloaded = lags(kafka, places, group=settings.group)
        derived = derived_lags(kafka, places, group=settings.group)
        for name, said in begun.items():
            waits = list(zip(undecided[name], unloaded[name], derived[name], strict=True))
            loaded = {one.partition: one for one in partition_status(client, name)}
            partitions += [
                _account(name, partition, waits[partition], loaded.get(partition))
                for partition in range(said.partitions)
            ]
    stopped = {name: said.sentence for name, said in begun.items() if said.stopped}
    return Status([_process(name, url) for name, url in settings.health.items()], partitions, stopped)


def _account(
    registry: str, partition: int, waits: tuple[int, int, int], loaded: PartitionStatus | None
) -> PartitionAccount:
    if loaded is None:
        return PartitionAccount(registry, partition, *waits, 0, 0, 0, 0, 0, "")
    _, loading, _ = waits
    problems = []
    if loaded.received != loaded.accepted + loaded.refused:
        problems.append("receipts do not add up")
    if loaded.overlaps:
        problems.append(f"{loaded.overlaps} receipts tell of the same submissions as others")
    if loaded.gaps:
        problems.append(f"{loaded.gaps} runs of submissions without a receipt")
    if loaded.archived + loaded.erased != loaded.accepted and loaded.received and not loading:
        erased = f" and {loaded.erased} erased" if loaded.erased else ""
        problems.append(f"{loaded.accepted} accepted, but {loaded.archived} in the archive{erased}")
    return PartitionAccount(
        registry,
        partition,
        *waits,
        loaded.received,
        loaded.accepted,
        loaded.refused,
        loaded.archived,
        loaded.erased,
        "; ".join(problems),
    )


def _process(name: str, url: str) -> ProcessState:
    said = read_health(url)
    if said is None:
        return ProcessState(name, healthy=False, lag=0, last_error=f"does not answer at {url}")
    error = said.get("last_error")
    lag = said.get("lag")
    return ProcessState(
        name, bool(said["healthy"]), lag if isinstance(lag, int) else 0, None if error is None else str(error)
    )


def lags(
    kafka: KafkaConfig, registries: Mapping[str, int], *, group: str = ""
) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """What waits for intake, and what for the loader: messages by registry and partition.

    Args:
        kafka: the clients' settings.
        registries: how many partitions each has.
        group: the consumer group of both; empty: each one's own.

    Raises:
        KafkaException: the broker does not answer.
    """
    submitted = {topics.submitted(name): count for name, count in registries.items()}
    loaded = {topic(name): count for name, count in registries.items() for topic in (topics.accepted, topics.receipts)}
    undecided = _behind(kafka, group or INTAKE_GROUP, submitted)
    unloaded = _behind(kafka, group or LOAD_GROUP, loaded)
    return (
        {name: undecided[topics.submitted(name)] for name in registries},
        {
            name: [
                batches + receipts
                for batches, receipts in zip(
                    unloaded[topics.accepted(name)], unloaded[topics.receipts(name)], strict=True
                )
            ]
            for name in registries
        },
    )


def derived_lags(kafka: KafkaConfig, registries: Mapping[str, int], *, group: str = "") -> dict[str, list[int]]:
    """What waits for the loaders of derived values and of signals: messages by registry and partition of the topics.

    Args:
        kafka: the clients' settings.
        registries: how many partitions each has.
        group: the consumer group of the loader of registrations; empty: its own.

    Raises:
        KafkaException: the broker does not answer.
    """
    existing = AdminClient(dict(kafka)).list_topics(timeout=_ANSWER_S).topics
    unloaded: dict[str, list[int]] = {}
    for reader, topics_of in ((derived_group(group), derived_topics), (signals_group(group), signal_topics)):
        read = {
            topic: count
            for name, count in registries.items()
            for topic in topics_of(name)
            if topic in existing  # a log from before they were needed has them after `guldadra topics create`
        }
        unloaded |= _behind(kafka, reader, read)
    return {
        name: [
            sum(
                unloaded[topic][partition]
                for topic in (*derived_topics(name), *signal_topics(name))
                if topic in unloaded
            )
            for partition in range(count)
        ]
        for name, count in registries.items()
    }


def _behind(kafka: KafkaConfig, group: str, partitions: Mapping[str, int]) -> dict[str, list[int]]:
    """How far a group is behind the end of each partition, by topic."""
    places = [Place(topic, partition) for topic, count in partitions.items() for partition in range(count)]
    ends, reached = _ends(kafka, places), committed_by(kafka, group, places)
    behind: dict[str, list[int]] = {topic: [] for topic in partitions}
    for place in places:
        behind[place.topic].append(max(0, ends[place] - max(reached[place], 0)))
    return behind


def ends_of(kafka: KafkaConfig, names: Iterable[str]) -> dict[Place, int]:
    """Of each partition of some topics, the offset after its last message; of topics that are not there, none.

    Raises:
        KafkaException: the broker does not answer.
    """
    known = AdminClient(dict(kafka)).list_topics(timeout=_ANSWER_S).topics
    there = (topic for topic in names if topic in known)
    return _ends(kafka, [Place(topic, partition) for topic in there for partition in known[topic].partitions])


def committed_by(kafka: KafkaConfig, group: str, places: Iterable[Place]) -> dict[Place, int]:
    """Of some partitions, how far a group has said that it is; below 0 where it never has.

    Raises:
        KafkaException: the broker does not answer.
    """
    asked = [TopicPartition(topic, partition) for topic, partition in places]
    if not asked:
        return {}
    reader = Consumer({**kafka, "group.id": group, "enable.auto.commit": False})
    try:
        committed = reader.committed(asked, timeout=_ANSWER_S)
    finally:
        reader.close()
    return {Place(place.topic, place.partition): place.offset for place in committed}


def _ends(kafka: KafkaConfig, places: Sequence[Place]) -> dict[Place, int]:
    """The ends of partitions; of one that has just been made, or whose leader has just gone, once it has a leader."""
    if not places:
        return {}
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the client leaves it untyped
    admin = AdminClient(dict(kafka))  # kept: its answers come only while it lives
    wanted = {TopicPartition(topic, partition): latest for topic, partition in places}
    deadline = time.monotonic() + _ANSWER_S
    while True:
        asked = admin.list_offsets(wanted, request_timeout=_ANSWER_S)
        try:
            return {Place(place.topic, place.partition): future.result().offset for place, future in asked.items()}
        except KafkaException as error:
            if error.args[0].code() not in _NO_LEADER or time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_AGAIN_S)
