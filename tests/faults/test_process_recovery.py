"""What the journeys' process keeps is lost in part or altogether: it comes back, and no value changes."""

from __future__ import annotations

import random
import time

import pytest

from schemas import topics
from schemas.version import epoch_and_offset
from sinks.clickhouse.erasure import erase
from sinks.clickhouse.generations import progress
from sinks.clickhouse.loaders import derived_group
from tests.deploy_support import run_apart
from tests.faults.drill import Drill, all_submissions, forget, parts, rounds, said_in, until_live
from tests.faults.log import PARTITIONS, delete_topics, ends, remake_topics, rewind
from tests.support import wait_for
from tests.workers import ROUNDS

pytestmark = pytest.mark.faults

FLOW_S = 4.0


def test_stores_deleted_between_stops_and_under_its_hands(running: Drill) -> None:
    dice = random.Random(ROUNDS)
    process = running.process()
    count = rounds(5)
    first, *pieces = parts(all_submissions(), count + 2)
    process.start()
    running.send(first)
    running.settle()
    for number, some in enumerate(pieces):
        with running.flowing(some, FLOW_S):
            time.sleep(dice.uniform(0.5, 1.5))
            if number == 0:
                forget(running.state())
                process.kill()
            else:
                assert process.stop() == 0
                forget(running.state())
            process.start()
            until_live(process)
    running.settle()
    assert process.stop() == 0
    recovered = [one for one in said_in(process, "recovered") if one["records"]]
    assert len(recovered) >= PARTITIONS * len(pieces)
    records, seconds = (sum(one[what] for one in recovered) for what in ("records", "seconds"))
    running.tell(
        f"stores deleted {count} times between stops and once under its hands; {len(recovered)} recoveries read "
        f"{records:,} changelog records in {seconds:.1f} s, {max(one['seconds'] for one in recovered):.2f} s at most"
    )
    running.account()


def test_the_whole_log_replayed_changes_nothing(running: Drill) -> None:
    process = running.process()
    process.start()
    running.send(all_submissions())
    running.settle()
    assert process.stop() == 0
    running.account()
    registry = running.registry
    derived = [topic(registry.name) for topic in (topics.cells, topics.exposures, topics.lists)]
    values, before = running.values(), ends(running.kafka, derived)

    # the group knows nothing any more, and the stores are gone: the changelog alone knows how far it is
    source = topics.accepted(registry.name)
    rewind(running.kafka, f"guldadra-process-{registry.name}-{registry.generation}", [source])
    forget(running.state())
    process.start()
    running.settle()
    until_live(process)
    assert process.stop() == 0
    assert ends(running.kafka, derived) == before, "something left again"

    # the loader reads everything again, the derived topics too
    assert running.loader.stop() == 0
    group = f"load-{registry.name}"
    rewind(running.kafka, group, [source, topics.receipts(registry.name)])
    rewind(running.kafka, derived_group(group), derived)
    running.loader.start()
    running.settle()
    assert running.values() == values
    running.account()

    # the changelog is gone too: all of it is computed and leaves again, in other transactions
    delete_topics(running.kafka, [topics.journeys_changelog(registry.name, registry.generation)])
    process.start()
    wait_for(lambda: (process.health() or {}).get("registrations") == running.sent - running.faulty, "the log, again")
    running.settle()
    assert process.stop() == 0
    after = ends(running.kafka, derived)
    assert all(after[place] > end for place, end in before.items() if end)
    assert running.values() == values
    running.tell("replayed: the worker's group rewound, the loader rewound, everything computed again")
    running.account(history="repeated")


@pytest.mark.parametrize("changelog", ["kept", "lost"])
def test_the_log_lost_and_restored_into_the_next_epoch(running: Drill, changelog: str) -> None:
    registry = running.registry
    process = running.process()
    process.start()
    begun, *more = parts(all_submissions(), 3)
    running.send(begun)
    running.settle()
    lost = [topics.journeys_changelog(registry.name, registry.generation)] if changelog == "lost" else []
    for epoch, (state, some) in enumerate(zip(("as it was", "empty"), more, strict=True), start=1):
        values = running.values()
        assert process.stop() == 0
        running.end_intake()
        assert running.loader.stop() == 0
        erase(running.client, registry)  # what is gone for good does not come back into the log

        remake_topics(running.kafka, registry.name, also=lost)
        if state == "empty":
            forget(running.state())
        settings = {**running.env, "GULDADRA_REGISTRIES": str(registry.folder.parent)}
        restored = run_apart(running.folder, settings, "restore", registry.name)
        assert restored.code == 0, restored.err
        assert f"epoch {epoch} begins" in restored.out

        running.begin_intake()
        running.loader.start()
        process.start()
        until_live(process)
        running.settle()
        assert running.values() == values
        running.send(some)
        running.settle()
        through = progress(running.client, registry.name, registry.generation)
        assert {epoch_and_offset(version)[0] for version in through.values()} == {epoch}
        running.tell(f"topics deleted, changelog {changelog}, state {state}: {restored.out.strip()}")
        running.account(history="its end" if changelog == "kept" else "whole")
    assert process.stop() == 0
