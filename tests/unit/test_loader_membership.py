"""The loader when its name in the group is lost, with a consumer that answers as a fenced one does."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from schemas import topics
from schemas.membership import FencedError
from sinks.clickhouse import loader as loader_module
from sinks.clickhouse import reader as reader_module
from sinks.clickhouse.loader import Loader
from tests.clickhouse_support import AcceptedLog
from tests.support import bundled

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.definition.registry import RegistryDefinition

# What librdkafka says to a static member whose name another client has taken (KIP-345); fatal ever after.
FENCED = KafkaError(KafkaError._FATAL, "Fatal error: FENCED_INSTANCE_ID", fatal=True)


@dataclass(frozen=True)
class FakeMessage:
    """A message, or the error that a consumer gives out in its place."""

    at: str
    value_or_error: bytes | KafkaError
    place: int = 0

    def error(self) -> KafkaError | None:
        return self.value_or_error if isinstance(self.value_or_error, KafkaError) else None

    def value(self) -> bytes | None:
        return self.value_or_error if isinstance(self.value_or_error, bytes) else None

    def topic(self) -> str:
        return self.at

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.place

    def key(self) -> None:
        return None


@dataclass
class Group:
    """A consumer group of one: what its consumers are given, each its own poll by poll, and what they commit."""

    lives: list[list[list[FakeMessage]]]
    refuses_commits_of: set[int] = field(default_factory=set)
    joined: list[dict[str, Any]] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    committed: list[TopicPartition] = field(default_factory=list)

    def consumer(self, settings: dict[str, Any], **_: Any) -> FakeConsumer:
        self.joined.append(settings)
        return FakeConsumer(self, len(self.joined) - 1)


class FakeConsumer:
    """As much of a consumer as the loader's reader asks."""

    def __init__(self, group: Group, number: int) -> None:
        self._group = group
        self._number = number
        self._polls = list(group.lives[min(number, len(group.lives) - 1)])

    def list_topics(self, **_: Any) -> Any:
        return type("Metadata", (), {"topics": dict.fromkeys(self._names_of_all())})

    def _names_of_all(self) -> list[str]:
        return [message.at for life in self._group.lives for poll in life for message in poll]

    def subscribe(self, names: list[str], *, on_assign: Any, on_revoke: Any, on_lost: Any) -> None:
        assert on_revoke and on_lost
        on_assign(self, [TopicPartition(name, 0) for name in names])

    def consume(self, _: int, timeout: float) -> list[FakeMessage]:
        if timeout and self._polls:
            return self._polls.pop(0)
        return []

    def commit(self, *, offsets: list[TopicPartition], **_: Any) -> list[TopicPartition]:
        if self._number in self._group.refuses_commits_of:
            raise KafkaException(FENCED)
        self._group.committed += offsets
        return offsets

    def assignment(self) -> list[TopicPartition]:
        return []

    def position(self, places: list[TopicPartition]) -> list[TopicPartition]:
        return places

    def close(self) -> None:
        self._group.left.append(self._number)


class FakeDatabase:
    """Counts what goes into the archive, and ends the test when there is enough."""

    def __init__(self, enough: int, stop: threading.Event) -> None:
        self.archived = 0
        self._enough = enough
        self._stop = stop

    def with_patience(self, _: float) -> FakeDatabase:
        return self

    def insert(self, table: str, _: bytes, __: str) -> None:
        self.archived += "archive" in table
        if self.archived >= self._enough:
            self._stop.set()


@pytest.fixture
def definition() -> RegistryDefinition:
    return bundled("hip")


@pytest.fixture
def load(definition: RegistryDefinition, monkeypatch: pytest.MonkeyPatch) -> Callable[[Group, int], FakeDatabase]:
    """Load from a group until so many batches are archived."""

    def run(group: Group, enough: int) -> FakeDatabase:
        monkeypatch.setattr(reader_module, "Consumer", group.consumer)
        monkeypatch.setattr(loader_module, "DeadLetterBox", lambda _: None)
        monkeypatch.setattr(loader_module, "refuse_unmigrated", lambda *_: None)
        stop = threading.Event()
        database = FakeDatabase(enough, stop)
        loader = Loader(
            {}, database, {definition.name: definition}, stop=stop, flush_interval_s=0.0, instance="ward-1",
            topics_of=lambda name: [topics.accepted(name)],
        )  # type: ignore[arg-type]  # the fake database  # fmt: skip
        loader.run()
        assert not loader.holds("another", 0)
        return database

    return run


def registrations(definition: RegistryDefinition, count: int) -> list[FakeMessage]:
    """Batches of one registration each, at the offsets from 0 on."""
    log = AcceptedLog(definition)
    found = []
    for offset in range(count):
        log.registrations.clear()
        log.add("death", offset)
        found.append(FakeMessage(topics.accepted(definition.name), log.batch(), offset))
    return found


def offsets(group: Group) -> list[int]:
    return [place.offset for place in group.committed]


def test_a_loader_that_is_fenced_takes_its_name_again_and_reads_on_from_what_is_committed(
    definition: RegistryDefinition, load: Callable[[Group, int], FakeDatabase]
) -> None:
    first, second = registrations(definition, 2)
    fenced = FakeMessage(first.at, FENCED)
    # the second message was read beside the error and not committed, so the group's next consumer is given it again
    group = Group([[[first], [second, fenced]], [[second]]])
    database = load(group, 2)
    assert [settings["group.instance.id"] for settings in group.joined] == ["ward-1", "ward-1"]
    assert group.left == [0, 1]
    assert offsets(group) == [1, 2]
    assert database.archived == 2, "each of the two once"


def test_a_loader_that_is_fenced_at_its_commit_loads_the_same_again(
    definition: RegistryDefinition, load: Callable[[Group, int], FakeDatabase]
) -> None:
    (only,) = registrations(definition, 1)
    group = Group([[[only]], [[only]]], refuses_commits_of={0})
    database = load(group, 2)
    assert offsets(group) == [1]
    assert database.archived == 2, "twice, which is once in the tables"


def test_a_name_that_is_lost_again_and_again_has_another_owner(
    definition: RegistryDefinition, load: Callable[[Group, int], FakeDatabase]
) -> None:
    group = Group([[[FakeMessage(topics.accepted(definition.name), FENCED)]]])
    with pytest.raises(FencedError, match=r"loader ward-1 was taken over 4 times in 120 s.*its own GULDADRA_INSTANCE"):
        load(group, 1)
    assert group.left == [0, 1, 2, 3]
