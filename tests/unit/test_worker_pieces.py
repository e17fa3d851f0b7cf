"""The worker's pieces that need no broker: stores, the feed, positions, credentials."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from faust.auth import SASLCredentials, SSLCredentials
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import NotARegistrationError, decode_event, encode_event
from streams.step import Step, UnknownSchemaError, Unreadable
from streams.worker.credentials import CredentialsError, brokers_of, credentials_of
from streams.worker.feed import Arrived, EndedFeedError, Feed, InterruptedFeedError
from streams.worker.health import PartitionHealth, State, WorkerHealth
from streams.worker.journeys import Journeys
from streams.worker.position import Position, unpacked
from streams.worker.store import Mark, MemoryStore, RocksStore, StoreError, StoreMemory
from streams.worker.transport import Reading
from streams.worker.work import Log
from tests.worker_support import TinyCore, batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from streams.worker.store import Store

MEMORY = StoreMemory(16 << 20)


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "store", MEMORY)
    yield made
    made.close()


def test_a_store_gives_what_was_written_last(store: Store) -> None:
    assert store.mark is None
    assert store.read([]) == []
    store.write({b"jone": b"1", b"jother": b"2"}, Mark("log", 10))
    store.write({b"jone": b"3", b"jother": None, b"jnever": None}, Mark("log", 20))
    assert store.read([b"jother", b"jone", b"jnever", b"jone"]) == [None, b"3", None, b"3"]
    assert store.mark == Mark("log", 20)
    store.wipe()
    assert store.read([b"jone"]) == [None]
    assert store.mark is None


def test_a_store_on_disk_is_found_again_with_its_mark(tmp_path: Path) -> None:
    first = RocksStore(tmp_path, MEMORY)
    first.write({b"jone": b"1"}, Mark("log", 10))
    with pytest.raises(StoreError, match="lock"):
        RocksStore(tmp_path, MEMORY)
    first.close()
    again = RocksStore(tmp_path, MEMORY)
    assert again.read([b"jone"]) == [b"1"]
    assert again.mark == Mark("log", 10)
    again.close()


@pytest.mark.parametrize("pattern", ["CURRENT", "MANIFEST-*"])
def test_a_store_that_is_spoilt_begins_anew(tmp_path: Path, pattern: str) -> None:
    first = RocksStore(tmp_path, MEMORY)
    first.write({b"jone": b"1"}, Mark("log", 10))
    first.close()
    for file in tmp_path.glob(pattern):
        file.write_bytes(b"spoilt" * 100)
    again = RocksStore(tmp_path, MEMORY)
    assert again.mark is None
    assert again.read([b"jone"]) == [None]
    again.close()


def test_a_store_that_the_changelog_has_left_behind_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = RocksStore(tmp_path, MEMORY)
    first.write({b"jone": b"1"}, Mark("log", 10))
    first.close()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 13 * 3600)
    again = RocksStore(tmp_path, MEMORY)
    assert again.mark is None, "a deletion of 13 hours ago may soon be gone from the changelog"
    again.close()


@given(st.tuples(st.integers(-1, 2**48), st.integers(-1, 2**63), st.integers(-1, 2**15), st.text()))
def test_a_position_survives_its_bytes(fields: tuple[int, int, int, str]) -> None:
    assert unpacked(Position(*fields).packed()) == Position(*fields)


def test_no_position_is_the_very_first_and_junk_is_none() -> None:
    assert unpacked(None) == Position(offset=-1, version=-1, epoch=-1)
    with pytest.raises(msgspec.MsgspecError):
        unpacked(b"junk")


class Seeks:
    """Where a feed wanted to be read from."""

    def __init__(self) -> None:
        self.made: list[tuple[int, int]] = []
        self.feed = Feed(lambda offset, stretch: self.made.append((offset, stretch)), lambda: None)


def arrived(offset: int) -> Arrived:
    return Arrived(offset, None, b"")


def test_a_feed_lets_through_only_what_was_fetched_since_its_last_opening() -> None:
    seeks = Seeks()
    feed = seeks.feed
    feed.offer(0, arrived(5))
    feed.open(7)
    assert seeks.made == [(7, 1)]
    feed.offer(0, arrived(6))
    feed.offer(1, arrived(7))
    feed.interrupt()
    with pytest.raises(InterruptedFeedError):
        feed.take(1)
    feed.open(7)
    feed.offer(1, arrived(9))  # fetched before the second seek
    feed.offer(2, arrived(7))
    assert feed.take(1) == arrived(7)
    assert feed.take(0.001) is None


def test_a_feed_that_is_held_opens_only_when_it_is_released() -> None:
    seeks = Seeks()
    feed = seeks.feed
    feed.open(0)
    feed.hold()
    with pytest.raises(InterruptedFeedError):
        feed.take(1)
    with pytest.raises(InterruptedFeedError):
        feed.open(0)
    waiting = threading.Thread(target=feed.wait_for_word)
    waiting.start()
    feed.release()
    waiting.join(30)
    assert not waiting.is_alive()
    feed.open(3)
    assert seeks.made == [(0, 1), (3, 2)]


def test_a_feed_that_has_ended_says_so_everywhere() -> None:
    feed = Seeks().feed
    feed.open(0)
    feed.end()
    calls: list[Callable[[], object]] = [
        feed.check,
        feed.wait_for_word,
        lambda: feed.open(0),
        lambda: feed.take(1),
        lambda: feed.pause(60),
    ]
    for call in calls:
        with pytest.raises(EndedFeedError):
            call()


@pytest.mark.parametrize(("size", "most"), [(1 << 20, 12), (0, 2_000)])
def test_a_feed_is_full_of_many_bytes_or_many_messages(size: int, most: int) -> None:
    feed = Seeks().feed
    feed.open(0)
    for offset in range(most):
        assert not feed.full
        feed.offer(1, Arrived(offset, None, bytes(size)))
    assert feed.full
    feed.take(1)
    assert not feed.full
    feed.interrupt()
    assert len(feed) == 0


def test_all_is_dealt_with_where_the_last_message_fetched_is_committed() -> None:
    assert Reading(position=12, end=12, last=10).dealt_with(committed=11) == 12, "a transaction's end takes an offset"
    assert Reading(position=12, end=12, last=10).dealt_with(committed=8) == 8
    assert Reading(position=12, end=12, last=None).dealt_with(committed=-1) == 12


def test_caught_up_is_all_live_and_without_lag() -> None:
    health = WorkerHealth()
    assert not health.caught_up, "the group has not given anything out yet"
    health.joined = True
    assert health.caught_up, "nothing to do"
    health.partitions[0] = PartitionHealth(State.LIVE, lag=0)
    health.partitions[1] = PartitionHealth(State.RECOVERING, done=10, total=100)
    assert not health.caught_up
    assert health.partitions[1].as_words() == "recovering 10/100"
    health.partitions[1] = PartitionHealth(State.LIVE, lag=3)
    assert (health.caught_up, health.lag) == (False, 3)
    health.partitions[1].lag = 0
    assert health.caught_up


def test_brokers_are_named_as_faust_wants_them() -> None:
    assert brokers_of({"bootstrap.servers": "one:9092, other:9093"}) == "kafka://one:9092;kafka://other:9093"
    with pytest.raises(CredentialsError, match=r"bootstrap\.servers"):
        brokers_of({})


def test_credentials_are_passed_on() -> None:
    assert credentials_of({"bootstrap.servers": "one:9092", "linger.ms": 5}) is None
    plain = credentials_of(
        {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "me", "sasl.password": "x"}
    )
    assert isinstance(plain, SASLCredentials)
    assert (plain.username, plain.password, plain.ssl_context) == ("me", "x", None)
    assert plain.mechanism.value == "PLAIN"
    scram = credentials_of(
        {"security.protocol": "sasl_ssl", "sasl.mechanisms": "SCRAM-SHA-512", "sasl.username": "me",
         "sasl.password": "x", "ssl.endpoint.identification.algorithm": "none"}
    )  # fmt: skip
    assert isinstance(scram, SASLCredentials)
    assert scram.mechanism.value == "SCRAM-SHA-512"
    assert scram.protocol.value == "SASL_SSL"
    assert scram.ssl_context is not None
    assert scram.ssl_context.check_hostname is False
    assert isinstance(credentials_of({"security.protocol": "ssl"}), SSLCredentials)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"security.protocol": "sasl_ssl", "sasl.mechanism": "GSSAPI"}, "sasl.mechanism=GSSAPI"),
        ({"security.protocol": "sasl_ssl"}, "sasl.mechanism=GSSAPI"),
        ({"security.protocol": "sasl_ssl", "sasl.oauthbearer.config": "x"}, "sasl.oauthbearer.config"),
        ({"security.protocol": "sasl_ssl", "sasl.mechanism": "PLAIN"}, "sasl.username"),
        ({"security.protocol": "wss"}, "wss"),
        ({"security.protocol": "ssl", "ssl.ca.location": "/nowhere"}, "certificates"),
        ({"security.protocol": "ssl", "ssl.keystore.location": "x"}, "ssl.keystore.location"),
    ],
)
def test_what_cannot_be_passed_on_is_refused_by_name(settings: dict[str, str], name: str) -> None:
    with pytest.raises(CredentialsError, match=name.replace(".", r"\.")):
        credentials_of(settings)


def test_the_message_of_an_unknown_schema_says_what_to_do() -> None:
    assert "deploy the newer definitions, then start again" in str(UnknownSchemaError(7))


def test_the_archive_is_not_asked_for_what_the_log_has() -> None:
    asked: list[tuple[int, int, int | None]] = []

    def archive(partition: int, after: int, below: int | None) -> list[bytes]:
        asked.append((partition, after, below))
        return [encode_event("accepted_batch", batch("hip", partition, [after + 1]))]

    journeys = Journeys("hip", "0" * 12, TinyCore("hip"), archive)
    log: Log[Any] = Log(0, 4, lambda: iter(()))
    assert [*journeys.fill(3, 9, 10, log)] == []
    assert asked == []
    [filled] = journeys.fill(3, 9, 12, log)
    assert journeys.first_version(filled) == 10
    assert asked == [(3, 9, 12)]


def test_what_a_step_could_not_read_becomes_a_dead_letter_with_that_registration_alone() -> None:
    class Choosy:
        def step(self, batches: list[dict[str, list[dict[str, object]]]], *_: object) -> Step:
            return Step({}, [], 6, 0, [Unreadable(0, batches[0]["registrations"][1], "no such form")])

    journeys = Journeys("hip", "0" * 12, Choosy())  # type: ignore[arg-type]  # as much of a core as is needed
    step = journeys.step(2, [(40, batch("hip", 2, [5, 6, 7]))], -1, lambda keys: [None for _ in keys])
    [output] = step.outputs
    letter = decode_event("dead_letter", output.value)
    assert (letter["topic"], letter["partition"], letter["offset"]) == ("accepted.hip", 2, 40)
    assert letter["error"] == "no such form (registration at offset 6 of epoch 0)"
    alone = decode_event("accepted_batch", letter["value"])
    assert [one["offset"] for one in alone["registrations"]] == [6]
    assert (alone["first_offset"], alone["last_offset"]) == (6, 6)


def test_a_message_without_a_value_is_none() -> None:
    with pytest.raises(NotARegistrationError):
        Journeys("hip", "0" * 12, TinyCore("hip")).decode(None)
