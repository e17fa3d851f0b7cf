"""The loader when its name in the group is lost, with a consumer that answers as a fenced one does."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from schemas import topics
from schemas.membership import FencedError
from sinks.clickhouse import loader as loader_module
from sinks.clickhouse import reader as reader_module
from sinks.clickhouse.loader import Loader
from tests.clickhouse_support import receipt
from tests.support import bundled

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

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
        self._asked = 0
        self._polls = list(group.lives[min(number, len(group.lives) - 1)])

    def list_topics(self, **_: Any) -> Any:
        return type("Metadata", (), {"topics": dict.fromkeys(self._names_of_all())})

    def _names_of_all(self) -> list[str]:
        return [message.at for life in self._group.lives for poll in life for message in poll]

    def subscribe(self, names: list[str], *, on_assign: Any, on_revoke: Any, on_lost: Any) -> None:
        assert on_revoke
        assert on_lost
        on_assign(self, [TopicPartition(name, 0) for name in names])

    def consume(self, _: int, timeout: float) -> list[FakeMessage]:
        if not timeout:
            return []
        self._asked += 1
        assert self._asked < 1_000, "the loader waits for more than there is"
        return self._polls.pop(0) if self._polls else []

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
    """Counts the inserts, one a receipt here, and ends the loader when there were enough."""

    def __init__(self, enough: int, stop: threading.Event) -> None:
        self.inserts = 0
        self._enough = enough
        self._stop = stop

    def with_patience(self, _: float) -> FakeDatabase:
        return self

    def insert(self, *_: Any) -> None:
        self.inserts += 1
        if self.inserts >= self._enough:
            self._stop.set()


@pytest.fixture
def definition() -> RegistryDefinition:
    return bundled("hip")


@pytest.fixture
def load(definition: RegistryDefinition, monkeypatch: pytest.MonkeyPatch) -> Callable[[Group, int], FakeDatabase]:
    """Load from a group until so many receipts are inserted."""

    def run(group: Group, enough: int) -> FakeDatabase:
        monkeypatch.setattr(reader_module, "Consumer", group.consumer)
        monkeypatch.setattr(loader_module, "DeadLetterBox", lambda _: None)
        monkeypatch.setattr(loader_module, "refuse_unmigrated", lambda *_: None)
        stop = threading.Event()
        database = FakeDatabase(enough, stop)
        loader = Loader(
            {},
            cast("Client", database),
            {definition.name: definition},
            stop=stop,
            topics_of=lambda name: [topics.receipts(name)],
            flush_interval_s=0.0,
            instance="ward-1",
        )
        loader.run()
        return database

    return run


def receipts(definition: RegistryDefinition, count: int) -> list[FakeMessage]:
    """Receipts at the offsets from 0 on."""
    topic = topics.receipts(definition.name)
    return [FakeMessage(topic, receipt(definition, number, number, accepted=1), number) for number in range(count)]


def offsets(group: Group) -> list[int]:
    return [place.offset for place in group.committed]


def test_a_loader_that_is_fenced_takes_its_name_again_and_reads_on_from_what_is_committed(
    definition: RegistryDefinition, load: Callable[[Group, int], FakeDatabase]
) -> None:
    first, second = receipts(definition, 2)
    fenced = FakeMessage(first.at, FENCED)
    # the second message was read beside the error and not committed, so the group's next consumer is given it again
    group = Group([[[first], [second, fenced]], [[second]]])
    database = load(group, 2)
    assert [settings["group.instance.id"] for settings in group.joined] == ["ward-1", "ward-1"]
    assert group.left == [0, 1]
    assert offsets(group) == [1, 2]
    assert database.inserts == 2, "each of the two once"


def test_a_loader_that_is_fenced_at_its_commit_loads_the_same_again(
    definition: RegistryDefinition, load: Callable[[Group, int], FakeDatabase]
) -> None:
    (only,) = receipts(definition, 1)
    group = Group([[[only]], [[only]]], refuses_commits_of={0})
    database = load(group, 2)
    assert offsets(group) == [1]
    assert database.inserts == 2, "twice, which is once in the tables"


def test_a_name_that_is_lost_again_and_again_has_another_owner(
    definition: RegistryDefinition, load: Callable[[Group, int], FakeDatabase]
) -> None:
    group = Group([[[FakeMessage(topics.receipts(definition.name), FENCED)]]])
    with pytest.raises(FencedError, match=r"loader ward-1 was taken over 4 times in 120 s.*its own GULDADRA_INSTANCE"):
        load(group, 1)
    assert group.left == [0, 1, 2, 3]
