"""``make bench``: what the vein carries on this machine, on the 452,012 real records, in one run.

Every stage alone over a filled log, then everything at once, then the time from publishing to a row that a
query returns. The broker is a real Kafka where Java and Maven are, else the embedded one, and it says which.
"""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.database import EmbeddedDatabase
from deploy.kafka.launcher import KafkaBroker, available
from deploy.observe import set_up_logs
from schemas import topics
from schemas.identity import new_key
from schemas.store import BundledStore
from sinks.clickhouse.client import connect
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.sql import database_of
from streams.publish.rdatasets import open_source
from streams.publish.run import PublishOptions, publish_rows
from tests.support import make_log, message, read_events
from tests.workers import Worker, registry_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.publish.run import PublishResult

RECORDS = 452_012
ROUNDS = int(os.environ.get("GULDADRA_BENCH_ROUNDS", "3"))
PARTITIONS = 4
LATENCY_RATE = 500
LATENCY_SECONDS = 30
_TICK_S = os.sysconf("SC_CLK_TCK")


class Bench:
    """One broker and one database, and what is measured on them."""

    def __init__(self, folder: Path, parts: ExitStack) -> None:
        why_not = available()
        self.broker_name = "real Kafka" if why_not is None else f"embedded Tansu ({why_not})"
        broker = KafkaBroker(folder / "kafka") if why_not is None else EmbeddedBroker(folder / "tansu")
        parts.enter_context(broker)
        self.database = parts.enter_context(EmbeddedDatabase(folder / "database"))
        self.kafka = {"bootstrap.servers": broker.bootstrap}
        self.client: Client = parts.enter_context(connect(self.database.url))
        self.broker_pid = broker.pid
        self.folder = folder
        self.figures: dict[str, list[float]] = {}
        self.memory: dict[str, float] = {}

    def note(self, figure: str, value: float) -> None:
        """Keep one round's figure."""
        self.figures.setdefault(figure, []).append(value)

    def remember(self, process: str, pid: int) -> None:
        """Keep a process's peak memory in MB."""
        self.memory[process] = max(self.memory.get(process, 0), peak_mb(pid))

    def registry(self) -> RegistryDefinition:
        """A metabolic registry of this round's own, with tables and topics."""
        own = registry_folder(self.folder, "metabolic")
        apply(self.client, {own.name: own})
        make_log(self.kafka, own, partitions=PARTITIONS)
        return own

    def worker(self, command: str, registry: RegistryDefinition) -> Worker:
        """Intake or loader, started."""
        env = {"GULDADRA_BOOTSTRAP": self.kafka["bootstrap.servers"], "GULDADRA_CLICKHOUSE_URL": self.database.url}
        worker = Worker(command, registry, self.folder, env)
        worker.start()
        return worker

    def publish(self, registry: RegistryDefinition, *, wait: bool) -> PublishResult:
        """Publish the real records from this process."""
        store = BundledStore({registry.name: registry})
        options = PublishOptions(mapping="rdatasets", wait_for_receipts=wait, from_start=True)
        source = open_source(registry, self.folder / registry.name)
        return publish_rows(source, registry, kafka=self.kafka, store=store, key=new_key(), options=options)

    def archived(self, registry: RegistryDefinition) -> int:
        """Registrations that a query finds in the archive."""
        found: int = self.client.rows(f"SELECT count() FROM `{database_of(registry.name)}`.archive FINAL")[0][0]
        return found


def stages(bench: Bench) -> None:
    """Publish, intake and load, one after the other over the same log."""
    registry = bench.registry()
    cpu = time.process_time()
    result = bench.publish(registry, wait=False)
    bench.note("publish: records/s", result.published / result.seconds)
    bench.note("publish: records/s per core", result.published / (time.process_time() - cpu))
    for command, unit, done in (
        ("intake", "decided", lambda: decided(bench, registry) >= RECORDS),
        ("load", "loaded", lambda: bench.archived(registry) >= RECORDS),
    ):
        worker = bench.worker(command, registry)
        started, began = wait_for_first(worker, unit)
        until(done, 300)
        bench.note(f"{command}: records/s", RECORDS / (time.monotonic() - began))
        bench.note(f"{command}: records/s per core", RECORDS / (cpu_seconds(worker.pid) - started))
        bench.remember(command, worker.pid)
        worker.stop()


def wait_for_first(worker: Worker, unit: str) -> tuple[float, float]:
    """(CPU seconds used, time) when a worker has joined its group and begins; joining is not its speed."""
    used, now = cpu_seconds(worker.pid), time.monotonic()
    deadline = now + 60
    while not (worker.health() or {}).get(unit):
        assert time.monotonic() < deadline, f"{worker.pid} does not begin"
        used, now = cpu_seconds(worker.pid), time.monotonic()
        time.sleep(0.005)
    return used, now


def all_at_once(bench: Bench) -> None:
    """From the first publish to the last row that a query returns, all processes on this machine."""
    registry = bench.registry()
    workers = {command: bench.worker(command, registry) for command in ("intake", "load")}
    time.sleep(8)  # both are members of their groups
    began = time.monotonic()
    result = bench.publish(registry, wait=True)
    until(lambda: bench.archived(registry) >= RECORDS, 300)
    bench.note("everything at once: records/s", RECORDS / (time.monotonic() - began))
    assert result.accepted == RECORDS, result
    for command, worker in workers.items():
        bench.remember(command, worker.pid)
        worker.stop()
    bench.remember("publish (with this benchmark)", os.getpid())


def latency(bench: Bench) -> None:
    """At a steady rate, the time from publishing a registration until a query returns it."""
    registry = bench.registry()
    workers = [bench.worker(command, registry) for command in ("intake", "load")]
    time.sleep(8)
    sent: dict[tuple[int, int], float] = {}
    producer = Producer({**bench.kafka, "partitioner": topics.MURMUR2, "linger.ms": 5, "acks": "all"})
    seen: dict[tuple[int, int], float] = {}
    reached = dict.fromkeys(range(PARTITIONS), -1)

    def look() -> None:
        rows = bench.client.rows(
            f"SELECT partition, max(offset) FROM `{database_of(registry.name)}`.archive GROUP BY partition"
        )
        now = time.monotonic()
        for partition, offset in rows:
            for place in range(reached[partition] + 1, offset + 1):
                seen[partition, place] = now
            reached[partition] = max(reached[partition], offset)

    messages = [message(registry, "measurement", number) for number in range(LATENCY_RATE * LATENCY_SECONDS)]
    began = time.monotonic()
    number, looked = 0, began
    while number < len(messages) or len(seen) < len(messages):
        due = min(int((time.monotonic() - began) * LATENCY_RATE), len(messages))
        for key, value in messages[number:due]:
            at = time.monotonic()
            producer.produce(topics.submitted(registry.name), value, key, on_delivery=_keep(sent, at))
        number = due
        producer.poll(0)
        if time.monotonic() - looked > 0.05:
            look()
            looked = time.monotonic()
        time.sleep(0.002)
    waits = sorted(seen[place] - at for place, at in sent.items())
    bench.note("publish to queryable at 500/s: p50 ms", 1000 * statistics.median(waits))
    bench.note("publish to queryable at 500/s: p99 ms", 1000 * waits[int(0.99 * len(waits))])
    for worker in workers:
        worker.stop()


def _keep(sent: dict[tuple[int, int], float], at: float) -> Callable[[Any, Any], None]:
    def delivered(error: Any, found: Any) -> None:
        assert error is None, error
        sent[found.partition(), found.offset()] = at

    return delivered


def decided(bench: Bench, registry: RegistryDefinition) -> int:
    """Submissions with a receipt."""
    receipts = read_events(bench.kafka, topics.receipts(registry.name), "receipt")
    return sum(receipt["received"] for receipt in receipts)


def until(condition: Callable[[], bool], patience_s: float) -> None:
    """Look twenty times a second until it is so."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to an end"
        time.sleep(0.05)


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK_S


def peak_mb(pid: int) -> float:
    """The most memory that a process has had, in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Measure, and print medians with the lowest and highest round."""
    console = Console(width=110)
    set_up_logs("warning", "console")
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="guldadra-bench-")))
        bench = Bench(folder, parts)
        console.print(f"{bench.broker_name}, chdb, {os.cpu_count()} cores, Python {platform.python_version()}")
        for number in range(ROUNDS):
            console.print(f"… round {number + 1} of {ROUNDS}: each stage alone")
            stages(bench)
            console.print(f"… round {number + 1} of {ROUNDS}: everything at once")
            all_at_once(bench)
        console.print("… publish to queryable")
        latency(bench)
        bench.remember("broker", bench.broker_pid)
        bench.remember("database", bench.database.pid)
    table = Table("figure", "median", "lowest", "highest")
    for name, values in bench.figures.items():
        table.add_row(name, *(f"{value:,.0f}" for value in (statistics.median(values), min(values), max(values))))
    for name, peak in bench.memory.items():
        table.add_row(f"peak memory: {name}, MB", f"{peak:,.0f}", "", "")
    console.print(table)


if __name__ == "__main__":
    main()
