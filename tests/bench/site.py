"""The broker and the database that everything is measured on, and registries of a measurement's own on them."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka.admin import AdminClient

from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.database import EmbeddedDatabase
from deploy.kafka.launcher import KafkaBroker, available
from schemas import topics
from schemas.identity import new_key
from schemas.store import BundledStore
from sinks.clickhouse.client import connect
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.sql import database_of
from streams.publish.run import PublishOptions, publish_rows
from tests.bench.peers.log import Log
from tests.bench.running import Running, until
from tests.support import make_log
from tests.workers import GULDADRA, registry_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.publish.run import PublishResult
    from streams.publish.slices import Source

_JOIN_S = 60.0
_LONG_S = 1800.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured.

    Attributes:
        rounds: of each figure; medians are told.
        partitions: of every topic.
        registrations: of the hip register where all is on.
        patients: the sizes of the register that growth is measured at.
        fresh: registrations measured at each of them, per round.
        rates: registrations a second at which the wait for a changed cell is measured.
        seconds: how long each of them is kept up.
    """

    rounds: int
    partitions: int
    registrations: int
    patients: tuple[int, ...]
    fresh: int
    rates: tuple[int, ...]
    seconds: int


class Site:
    """One broker and one database on this machine."""

    def __init__(self, folder: Path, sizes: Sizes, parts: ExitStack) -> None:
        why_not = available()
        self.broker_name = "real Kafka" if why_not is None else f"embedded Tansu ({why_not})"
        broker = KafkaBroker(folder / "kafka", heap="1g") if why_not is None else EmbeddedBroker(folder / "tansu")
        parts.enter_context(broker)
        self.database = parts.enter_context(EmbeddedDatabase(folder / "database"))
        self.kafka: dict[str, str | int | bool] = {"bootstrap.servers": broker.bootstrap}
        self.log = Log(broker.bootstrap)
        self.client: Client = parts.enter_context(connect(self.database.url))
        self.broker_pid = broker.pid
        self.folder = folder
        self.sizes = sizes
        self._running: list[Running] = []

    def registry(self, name: str) -> RegistryDefinition:
        """A bundled registry under a name of its own, with tables and topics."""
        own = registry_folder(self.folder, name)
        apply(self.client, {own.name: own})
        make_log(self.kafka, own, partitions=self.sizes.partitions)
        return own

    def start(
        self,
        command: str,
        registry: RegistryDefinition,
        *,
        memory: bool = False,
        program: Sequence[str] = GULDADRA,
        env: Mapping[str, str] | None = None,
    ) -> Running:
        """One of our processes, started.

        Args:
            command: what it does.
            registry: for which registry.
            memory: of a `process`: it keeps its journeys there.
            program: what runs the command.
            env: further settings.
        """
        settings = {
            "GULDADRA_BOOTSTRAP": self.log.bootstrap,
            "GULDADRA_CLICKHOUSE_URL": self.database.url,
            "GULDADRA_STATE": "" if memory else str(self.state(registry)),
        }
        running = Running(command, registry, self.folder, {**settings, **(env or {})}, program=program)
        self._running.append(running)
        running.start()
        return running

    @contextmanager
    def room(self) -> Iterator[None]:
        """What is started within ends with it."""
        try:
            yield
        finally:
            for running in self._running:
                if running.alive:
                    running.stop()
            self._running.clear()

    def state(self, registry: RegistryDefinition) -> Path:
        """Where a registry's `process` keeps its journeys."""
        return self.folder / "state" / registry.name

    def forget(self, registry: RegistryDefinition) -> None:
        """Take away all that a `process` of a registry has kept, its changelog too: the next one starts from cold."""
        changelog = topics.journeys_changelog(registry.name, registry.generation)
        self.log.drop(self.log.named(changelog))
        until(lambda: not self.log.named(changelog), _JOIN_S, f"{changelog} is still there")
        self.lose_state(registry)

    def lose_state(self, registry: RegistryDefinition) -> None:
        """Take away what a `process` has at hand; its changelog stays."""
        shutil.rmtree(self.state(registry), ignore_errors=True)

    def publish(self, registry: RegistryDefinition, source: Source, mapping: str, *, wait: bool) -> PublishResult:
        """Publish from this process."""
        options = PublishOptions(mapping=mapping, wait_for_receipts=wait, from_start=True)
        store = BundledStore({registry.name: registry})
        return publish_rows(source, registry, kafka=self.kafka, store=store, key=new_key(), options=options)

    def accept(self, registry: RegistryDefinition, submissions: int) -> None:
        """Have intake decide on all that was published."""
        intake = self.start("intake", registry)
        until(lambda: intake.count("decided") >= submissions, _LONG_S, "intake has not decided on everything")
        intake.stop()

    def joined(self, registry: RegistryDefinition, *commands: str) -> dict[str, Running]:
        """Processes that are members of their groups and wait for registrations."""
        running = {command: self.start(command, registry) for command in commands}
        admin = AdminClient(dict(self.kafka))
        groups = {
            "intake": [f"intake-{registry.name}"],
            "load": [f"load-{registry.name}{kind}" for kind in ("", "-derived", "-signals")],
            "process": [f"guldadra-process-{registry.name}-{registry.generation}"],
            "surveillance": [f"guldadra-surveillance-{registry.name}-{registry.generation}"],
        }
        wanted = [group for command in commands for group in groups[command]]

        def settled() -> bool:
            described = [answer.result(_JOIN_S) for answer in admin.describe_consumer_groups(wanted).values()]
            held = [
                sum(len(member.assignment.topic_partitions) for member in one.members if member.assignment)
                for one in described
            ]
            followers = [one for command, one in running.items() if command in ("process", "surveillance")]
            return all(held) and all(one.lives for one in followers)

        until(settled, _JOIN_S, "the processes have not joined their groups", every_s=0.2)
        time.sleep(1.0)
        return running

    def archived(self, registry: RegistryDefinition) -> int:
        """Registrations that a query finds in the archive."""
        return int(str(self.rows(registry, "SELECT count() FROM DB.archive FINAL")[0][0]))

    def rows(self, registry: RegistryDefinition, query: str) -> list[tuple[object, ...]]:
        """The answer to a query, in which ``DB`` is the registry's database."""
        found: list[tuple[object, ...]] = self.client.rows(query.replace("DB.", f"`{database_of(registry.name)}`."))
        return found
