"""Exposures as surveillance reads them: by the order of the schema's fields, in its present and earlier versions."""

from __future__ import annotations

import io
import json
import random
import threading
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import fastavro
import pytest

from schemas.codec import decode_event, decode_event_as_tuples, fingerprint, plain_schema, wire_header
from streams.surveillance.bins import Change, Exposure
from streams.surveillance.kept import life_kept, life_record
from streams.surveillance.signals import Version
from streams.surveillance.watch import Told, Watch
from streams.worker.exposures import Batch
from streams.worker.feed import Feed
from streams.worker.health import WorkerHealth
from streams.worker.partition import PartitionRun
from streams.worker.store import MemoryStore
from streams.worker.surveillance import Surveillance
from tests.surveillance_support import MONITORS, batch, random_messages, watched

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = files("schemas") / "events"
PRESENT = json.loads((EVENTS / "exposure_batch.avsc").read_text(encoding="utf-8"))
STATE: dict[str, Any] = {
    "product": "CUP", "lot": "L1", "unit": "Lund", "side": "left", "by": ["F", "55-64"], "start": 15_000,
    "end": 16_000, "end_reason": "revision", "outcomes": 3, "first_outcome": 15_900, "specific": 2,
    "first_specific": 15_950, "unknown": 1, "carried_until": None, "recorded": 15_020, "end_recorded": 16_030,
}  # fmt: skip
BATCH = {
    "registry": "hip", "generation": "g", "partition": 1, "version": 77, "group": "cup", "after": 70, "part": 2,
    "changes": [
        {"patient": "p", "registration_id": "r", "before": [], "after": [STATE], "opted_out": False, "version": 75},
    ],
}  # fmt: skip

NEW = Change("p", "r", None, Exposure("A", "", "U", "", ("F",), 1_000, None, "", 0, None))


def names(record: dict[str, Any]) -> list[str]:
    return [field["name"] for field in record["fields"]]


def test_tuples_are_named_as_the_schema_orders_them() -> None:
    change = PRESENT["fields"][-1]["type"]["items"]
    before, after = (field["type"]["items"] for field in change["fields"] if field["name"] in {"before", "after"})
    assert names(PRESENT) == list(Batch._fields)
    assert names(change) == [*Change._fields, "version"]
    assert names(before) == names(after) == list(Exposure._fields)


@pytest.mark.parametrize(
    ("version", "place"),
    [
        ("exposure_batch.avsc", (70, 2)),
        ("released/exposure_batch.4.avsc", (70, 2)),
        *((f"released/exposure_batch.{number}.avsc", (None, 0)) for number in (1, 2, 3)),
    ],
)
def test_every_version_is_read_in_the_present_order(version: str, place: tuple[int | None, int]) -> None:
    schema = json.loads(EVENTS.joinpath(version).read_text(encoding="utf-8"))
    payload = io.BytesIO()
    fastavro.schemaless_writer(payload, plain_schema(schema), BATCH)
    message = wire_header(fingerprint(schema)) + payload.getvalue()

    read = Batch._make(decode_event_as_tuples("exposure_batch", message))

    (_, _, before, after, _, made) = read.changes[0]
    state = decode_event("exposure_batch", message)["changes"][0]["after"][0]
    assert (read.group, read.version, before, (read.after, read.part)) == ("cup", 77, (), place)
    assert made == (75 if version == "exposure_batch.avsc" else None)
    assert Exposure._make(after[0])._asdict() == {**state, "by": ("F", "55-64")}


def test_what_is_known_of_a_partition_is_let_go_with_the_partition() -> None:
    said = Told(Version(0, 1), [NEW])
    kept = Watch(watched("cups")).take([said]).writes
    work = Surveillance("hip", "g", MONITORS)
    for partition in (0, 1):
        work.recovered(partition, lambda: _records(kept))
    feed = Feed(lambda *_: None, lambda: None)
    run = PartitionRun(
        work, 1, kafka={}, store=MemoryStore, source=None, feed=feed, epoch=lambda: 0,  # type: ignore[arg-type]  # never asked
        turn=threading.Lock(), alone=threading.Lock(), health=WorkerHealth(),
    )  # fmt: skip
    feed.end()
    run.run()
    assert {partition: [*known] for partition, known in work._watches.items()} == {0: ["cup"]}


def test_the_life_is_asked_where_nothing_is_kept_and_kept_from_then_on() -> None:
    asked: list[int] = []

    def life() -> int:
        asked.append(2)
        return 2

    def stepped(work: Surveillance, message: bytes) -> tuple[dict[bytes, bytes | None], set[int]]:
        step = work.step(0, [(0, work.decode(message))], 1, lambda _: [])
        return step.writes, {decode_event("signal", one.value)["life"] for one in step.outputs}

    told = [batch("hip", one, "g") for one in random_messages(random.Random(2), "cups", 60)]
    work = Surveillance("hip", "g", MONITORS, life=life)
    work.recovered(0, lambda: iter(()))
    writes: dict[bytes, bytes | None] = {}
    lives: set[int] = set()
    for one in told:
        new, said = stepped(work, one)
        writes, lives = writes | new, lives | said
    assert lives == {2}, "no signal was raised"
    assert asked == [2]

    key, _ = life_record(2)
    older = {name: value for name, value in writes.items() if name != key}  # from before lives were told
    for kept, wanted in ((writes, 2), (older, 0)):
        assert life_kept(_records(kept)) == wanted
        again = Surveillance("hip", "g", MONITORS, life=life)
        again.recovered(0, partial(_records, kept))
        new, _ = stepped(again, batch("hip", ("cups", Told(Version(9, 1), [NEW])), "g"))
        assert new
        assert key not in new
    assert asked == [2]
    assert life_kept([]) is None


def _records(kept: dict[bytes, bytes | None]) -> Iterator[tuple[bytes, bytes]]:
    return ((key, value) for key, value in kept.items() if value is not None)
