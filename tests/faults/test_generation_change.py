"""Changed definitions: a new generation beside the old one, whose beginning the log has forgotten already."""

from __future__ import annotations

import shutil
import signal
import time
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from schemas import topics
from schemas.definition.folder import load_registry
from sinks.clickhouse.client import connect
from sinks.clickhouse.generations import current_generation, drop, generations, switch
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.queries.cell_sums import Cut
from sinks.clickhouse.queries.indicators import read_indicators
from tests.faults.drill import PATIENCE_S, Drill, all_submissions, until_live
from tests.faults.log import ends
from tests.support import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.faults

FLOW_S = 10.0
COUNTED = ("primary_operation", "opt_out")  # nothing else changes the number of operations
FORGOTTEN = 0.6


def test_a_changed_definition_fills_from_the_archive_and_readers_see_neither_gap_nor_mixture(
    running: Drill, embedded_database: EmbeddedDatabase
) -> None:
    old, new = running.registry, changed(running)
    assert new.generation != old.generation
    before = running.process()
    before.start()
    running.send([one for one in all_submissions() if one.form in COUNTED])
    running.settle()
    wait_for(lambda: current_generation(running.client, old.name) == old.generation, "the first generation's pointer")
    forget_the_beginning(running)
    operations = number_of_operations(running.client, old)[1]

    apply(running.client, {new.name: new})
    running.loader_of(new)
    dying = running.signalled("sent", 2, "KILL", name="changed", registry=new)
    after = running.process("changed", registry=new)
    watching = running.surveillance("changed surveillance", registry=new)
    with reading(embedded_database.url, old) as read:
        with running.flowing([one for one in all_submissions() if one.form not in COUNTED], FLOW_S):
            dying.start_unseen()
            wait_for(lambda: not dying.alive, "the end while it is filled", PATIENCE_S)
            assert dying.exit_code == -signal.SIGKILL, dying.log_tail()
            begun = time.monotonic()
            after.start()
            until_live(after)
            filled = time.monotonic() - begun
            assert current_generation(running.client, old.name) == old.generation, "its signals are not in yet"
            watching.start()
            wait_for(lambda: current_generation(running.client, old.name) == new.generation, "the pointer", PATIENCE_S)
            moved = time.monotonic() - begun
        running.settle()
        running.settle(new)
    assert {count for _, count in read} == {operations}, "readers saw another number of operations"
    seen = [generation for generation, _ in read]
    assert seen == sorted(seen, key=[old.generation, new.generation].index), "the pointer went back"
    assert set(seen) == {old.generation, new.generation}
    running.tell(
        f"the log had forgotten its first {FORGOTTEN:.0%}; killed once in between, the new generation was live "
        f"{filled:.1f} s and its pointer moved {moved:.1f} s after its start; {len(read)} readings meanwhile, each of "
        f"{operations:,} operations"
    )
    running.account(new)
    running.account(old)
    assert before.stop() == 0
    assert after.stop() == 0
    assert watching.stop() == 0

    switch(running.client, old.name, old.generation)
    assert number_of_operations(running.client, old) == (old.generation, operations)
    switch(running.client, old.name, new.generation)
    drop(running.client, old.name, old.generation)
    assert [one.name for one in generations(running.client, old.name)] == [new.generation]
    assert number_of_operations(running.client, old) == (new.generation, operations)


def changed(running: Drill) -> RegistryDefinition:
    """The registry with other age groups, in a folder beside the one of before."""
    folder = running.folder / "changed" / running.registry.name
    shutil.copytree(running.registry.folder, folder)
    indicators = folder / "indicators.yaml"
    text = indicators.read_text(encoding="utf-8")
    bands = "bands: [55, 65, 75, 85]"
    assert bands in text
    indicators.write_text(text.replace(bands, "bands: [60, 80]"), encoding="utf-8")
    return load_registry(folder)


def forget_the_beginning(running: Drill) -> None:
    """Have the log forget most of what it has, as if it were older than the retention."""
    admin = AdminClient(dict(running.kafka))
    now = ends(running.kafka, [topics.accepted(running.registry.name)])
    cuts = [TopicPartition(place.topic, place.partition, int(end * FORGOTTEN)) for place, end in now.items()]
    for cut, future in zip(cuts, admin.delete_records(cuts).values(), strict=True):
        assert future.result().low_watermark == cut.offset > 0


def number_of_operations(client: Client, registry: RegistryDefinition) -> tuple[str, int]:
    """The generation that readers use, and the number of operations by it."""
    reading = read_indicators(client, registry, ["operations"], cut=Cut(per="all"))
    (row,) = reading.rows
    assert row.n is not None
    return reading.generation, row.n


@contextmanager
def reading(url: str, registry: RegistryDefinition) -> Iterator[list[tuple[str, int]]]:
    """Read the number of operations again and again, beside what is done meanwhile."""
    found: list[tuple[str, int]] = []
    failures: list[Exception] = []
    done = Event()

    def read() -> None:
        with connect(url) as client:
            while not done.wait(0.02):
                try:
                    found.append(number_of_operations(client, registry))
                except Exception as error:  # noqa: BLE001 - told to the test's own thread
                    failures.append(error)

    reader = Thread(target=read, name="reader")
    reader.start()
    try:
        yield found
    finally:
        done.set()
        reader.join()
    assert failures == []
