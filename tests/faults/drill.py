"""A registry in operation for a drill: intake, loader and journeys on real Kafka, and how it is held to account."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from confluent_kafka import Producer

from deploy.status import derived_lags, lags
from schemas import topics
from schemas.definition.form import OPT_OUT
from sinks.clickhouse.erasure import erase
from sinks.clickhouse.generations import highest_archived, progress
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.recompute.verify import verify
from sinks.clickhouse.sql import database_of
from sinks.clickhouse.status import partition_status
from streams.transactions import put
from tests.faults import dying_process
from tests.faults.log import PARTITIONS
from tests.faults.one_history import assert_one_history
from tests.faults.submissions import submissions
from tests.running import intake_of, working
from tests.support import make_log, wait_for
from tests.workers import ROUNDS, Worker, registry_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig
    from tests.faults.submissions import Submission

History = Literal["whole", "its end", "repeated"]

OPERATIONS = 5_000 + 300 * ROUNDS
PATIENCE_S = 180.0
DERIVED = ("cells", "exposures", "list_entries")
_PACE_S = 0.05


def rounds(share: int, *, least: int = 2) -> int:
    """How often a drill does something that takes ``share`` times as long as a kill and a restart."""
    return max(least, ROUNDS // share)


@dataclass
class Drill:
    """One registry of the test's own, in operation.

    Attributes:
        kafka: the clients' settings.
        client: the way to ClickHouse.
        registry: as declared.
        folder: where its processes keep logs and state.
        loader: the loader's process.
        sent: how many submissions were sent.
        faulty: how many of them are to be refused.
        told: what is told at the end, besides the account.
    """

    kafka: KafkaConfig
    client: Client
    registry: RegistryDefinition
    folder: Path
    env: dict[str, str]
    loader: Worker
    sent: int = 0
    faulty: int = 0
    told: list[str] = field(default_factory=list)
    _intake: ExitStack = field(default_factory=ExitStack)
    _workers: list[Worker] = field(default_factory=list)

    # what runs

    def process(
        self,
        name: str = "process",
        *,
        registry: RegistryDefinition | None = None,
        program: Sequence[str] = ("-m", "deploy.cli"),
        **settings: object,
    ) -> Worker:
        """A worker of the journeys, not started yet; its state is kept under its name."""
        env = {
            **self.env,
            "GULDADRA_STATE": str(self.state(name)),
            "GULDADRA_SESSION_TIMEOUT_S": "6",
            **{f"GULDADRA_{key.upper()}": str(value) for key, value in settings.items()},
        }
        worker = Worker("process", registry or self.registry, self.folder, env, name=name, program=program)
        self._workers.append(worker)
        return worker

    def surveillance(self, name: str = "surveillance", *, registry: RegistryDefinition | None = None) -> Worker:
        """A worker of surveillance, not started yet; its state is kept under its name."""
        env = {**self.env, "GULDADRA_STATE": str(self.state(name)), "GULDADRA_SESSION_TIMEOUT_S": "6"}
        worker = Worker("surveillance", registry or self.registry, self.folder, env, name=name)
        self._workers.append(worker)
        return worker

    def signalled(self, moment: str, count: int, signal: str, name: str = "process", **more: Any) -> Worker:
        """A worker that sends itself a signal the countth time that a transaction is at a moment."""
        return self.process(name, program=(dying_process.__file__, moment, str(count), signal), **more)

    def loader_of(self, registry: RegistryDefinition) -> None:
        """Have the loader go on with other definitions."""
        assert self.loader.stop() == 0
        self.loader = _loader(registry, self.folder, self.env)
        self.loader.start()

    def state(self, name: str = "process") -> Path:
        """Where a worker of this name keeps its stores."""
        return self.folder / "state" / name

    def begin_intake(self) -> None:
        """Run intake beside the test."""
        self._intake.enter_context(working(intake_of(self.kafka, self.registry).run))

    def end_intake(self) -> None:
        """End it; what it has in hand is finished."""
        self._intake.close()

    def stop(self) -> None:
        """End everything, whatever it is at."""
        for worker in [*self._workers, self.loader]:
            worker.stop()
        self.end_intake()

    # what is sent

    def send(self, some: Sequence[Submission]) -> None:
        """Send submissions and wait until the broker has them."""
        with self.flowing(some, 0):
            pass

    @contextmanager
    def flowing(self, some: Sequence[Submission], seconds: float) -> Iterator[None]:
        """Send submissions evenly over some seconds, beside what is done meanwhile; then what is left at once."""
        done = threading.Event()
        failures: list[Any] = []
        topic = topics.submitted(self.registry.name)

        def flow() -> None:
            producer = Producer(
                {**self.kafka, "partitioner": topics.MURMUR2, "enable.idempotence": True, "linger.ms": 5}
            )
            begun = time.monotonic()
            for number, one in enumerate(some):
                while not done.is_set() and number >= (time.monotonic() - begun) / (seconds or 1e-9) * len(some):
                    producer.poll(0)
                    done.wait(_PACE_S)
                put(producer, topic, one.value, one.key,
                    on_delivery=lambda error, _: failures.append(error) if error else None)  # fmt: skip
            producer.flush()

        sender = threading.Thread(target=flow, name="sender")
        sender.start()
        try:
            yield
        finally:
            done.set()
            sender.join()
        assert failures == []
        self.sent += len(some)
        self.faulty += sum(one.faulty for one in some)

    # how far it is

    def decided(self) -> int:
        """How many submissions have a verdict that the database knows of."""
        return sum(one.received for one in partition_status(self.client, self.registry.name))

    def settle(self, registry: RegistryDefinition | None = None, *, without: Worker | None = None) -> None:
        """Wait until everything that was sent is in the archive and in the values, and nobody has anything to do.

        Args:
            registry: whose generation the values are of; as declared at the beginning where none is given.
            without: a worker that cannot answer.
        """
        generation = (registry or self.registry).generation
        name = self.registry.name

        def through() -> bool:
            wanted = highest_archived(self.client, name)
            found = progress(self.client, name, generation)
            return bool(wanted) and all(found.get(place, -1) >= version for place, version in wanted.items())

        wait_for(lambda: self.decided() == self.sent, f"verdicts on {self.sent} submissions", PATIENCE_S)
        wait_for(lambda: all(one.conserved for one in self._partitions()), "the archive", PATIENCE_S)
        there = [worker for worker in self._workers if worker is not without]
        wait_for(lambda: all(done(one) for one in there if runs(one)), "the workers", PATIENCE_S)
        wait_for(lambda: not self.unloaded(), "the loader", PATIENCE_S)
        wait_for(through, "the values", PATIENCE_S)

    def unloaded(self) -> int:
        """How many messages the loader has yet to load."""
        places = {self.registry.name: PARTITIONS}
        group = f"load-{self.registry.name}"
        _, registrations = lags(self.kafka, places, group=group)
        derived = derived_lags(self.kafka, places, group=group)
        return sum(sum(one[self.registry.name]) for one in (registrations, derived))

    def _partitions(self) -> list[Any]:
        return partition_status(self.client, self.registry.name)

    # how it is held to account

    def account(self, registry: RegistryDefinition | None = None, *, history: History = "whole") -> None:
        """Everything is there once, recomputed it is the same, and what left was one history.

        What does not count any more is erased before: only what readers see may be needed.

        Args:
            registry: whose generation; as declared at the beginning where none is given.
            history: how much of what left the worker is on the topics.
        """
        definition = registry or self.registry
        erase(self.client, definition)
        found = self._partitions()
        assert len(found) == PARTITIONS
        assert all(one.conserved and not one.gaps and not one.overlaps for one in found), found
        assert sum(one.received for one in found) == self.sent
        assert sum(one.refused for one in found) == self.faulty
        assert sum(one.archived + one.erased for one in found) == self.sent - self.faulty
        verdict = verify(self.client, definition, definition.generation)
        assert verdict.agrees, verdict
        assert all((one.values or 0) >= (one.registrations or 0) for one in verdict.progress), verdict.progress
        assert [one.table for one in verdict.compared] == list(DERIVED)
        assert all(one.rows for one in verdict.compared), verdict.compared
        if history != "repeated":
            opted_out = {one.key.decode() for one in all_submissions() if one.form == OPT_OUT}
            assert_one_history(self.kafka, definition, whole=history == "whole", opted_out=opted_out)
        rows = ", ".join(f"{one.rows:,} {one.table}" for one in verdict.compared)
        self.tell(f"{self.sent:,} submissions, {self.faulty} refused; {rows} recomputed: 0 differences")

    def values(self, generation: str | None = None) -> dict[str, tuple[int, int]]:
        """All derived values of a generation as they are read, as counts and fingerprints; without versions."""
        database = database_of(self.registry.name)
        conditions = {"cells": "arrayExists(value -> value != 0, values)", "exposures": "present",
                      "list_entries": "listed"}  # fmt: skip
        return {
            table: self.client.rows(
                f"SELECT count(), groupBitXor(cityHash64(* EXCEPT version)) FROM `{database}`.`{table}` FINAL "
                f"WHERE generation = '{generation or self.registry.generation}' AND {conditions[table]}"
            )[0]
            for table in DERIVED
        }

    def tell(self, words: str) -> None:
        """Say something at the end, for those who run the drills with ``-s``."""
        self.told.append(words)


@contextmanager
def drill(kafka: KafkaConfig, client: Client, url: str, folder: Path, title: str) -> Iterator[Drill]:
    """A hip registry of the test's own, with intake and the loader running."""
    registry = registry_folder(folder, "hip")
    apply(client, {registry.name: registry})
    make_log(kafka, registry, partitions=PARTITIONS)
    env = {
        "GULDADRA_BOOTSTRAP": str(kafka["bootstrap.servers"]),
        "GULDADRA_CLICKHOUSE_URL": url,
        "GULDADRA_PARTITIONS": str(PARTITIONS),
        "GULDADRA_LOG_FORMAT": "json",
    }
    one = Drill(kafka, client, registry, folder, env, _loader(registry, folder, env))
    begun = time.monotonic()
    try:
        one.begin_intake()
        one.loader.start()
        yield one
    finally:
        one.stop()
        sys.stdout.write("\n    ".join((f"\n{title}, {time.monotonic() - begun:.0f} s", *one.told)) + "\n")
        sys.stdout.flush()


def _loader(registry: RegistryDefinition, folder: Path, env: dict[str, str]) -> Worker:
    return Worker("load", registry, folder, env)


def all_submissions() -> Sequence[Submission]:
    """All of a drill's submissions."""
    return submissions(OPERATIONS)


def parts(some: Sequence[Submission], count: int) -> list[Sequence[Submission]]:
    """Submissions in so many parts, one after the other."""
    size = -(-len(some) // count)
    return [some[number * size : (number + 1) * size] for number in range(count)]


# what the drills do to a registry


def runs(worker: Worker) -> bool:
    """Whether a worker runs; it must not have ended by an error."""
    assert (worker.exit_code or 0) <= 0, worker.log_tail()
    return worker.alive


def done(worker: Worker) -> bool:
    """Whether a worker has nothing to do."""
    return (worker.health() or {}).get("caught_up") is True


def live(*workers: Worker) -> bool:
    """Whether these workers have all partitions between them, and follow the log in each."""
    found: list[str] = []
    for worker in workers:
        said = (worker.health() or {}).get("partitions")
        if isinstance(said, dict):
            found += [partition for partition, state in said.items() if state == "live"]
    return sorted(found) == [str(partition) for partition in range(PARTITIONS)]


def until_live(*workers: Worker) -> float:
    """Wait until they are; how long it took, seconds."""
    begun = time.monotonic()

    def ready() -> bool:
        for worker in workers:
            assert worker.alive, worker.log_tail()
        return live(*workers)

    wait_for(ready, f"the partitions: {[worker.health() for worker in workers]}", PATIENCE_S)
    return time.monotonic() - begun


def said_in(worker: Worker, event: str) -> list[dict[str, Any]]:
    """What a worker has logged of a kind, over all its starts."""
    found = []
    for line in worker.log_file.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("{"):
            said = json.loads(line)
            if said.get("event") == event:
                found.append(said)
    return found


def forget(folder: Path) -> None:
    """Delete a worker's stores, also under its hands."""
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
