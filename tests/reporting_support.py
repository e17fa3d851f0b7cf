"""A biologics register of a test's own, whose registrations go on as reports to a folder for the agency."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from deploy.reporting import Reporting
from deploy.settings import AgencySettings, Settings
from schemas import topics
from schemas.codec import encode_event
from sinks.agency.finding import cases_of
from sinks.agency.icsr.acknowledgement import (
    Acknowledgement,
    BatchVerdict,
    MessageAcknowledgement,
    MessageVerdict,
)
from sinks.agency.icsr.reader import read
from sinks.clickhouse.buffer import Buffer, Read
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.queries.reports import read_steps
from tests.clickhouse_support import insert
from tests.drafting_support import day
from tests.icsr_acknowledgements import write_acknowledgement
from tests.running import working
from tests.support import make_log, present_schema, read_events, registration
from tests.workers import registry_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.agency.outbox import Case
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig

EXAMPLE = {"organisation": "EXEMPEL", "name": "Exempelregistret", "test_sender": "EXTEST", "test_receiver": "AGTEST"}


@dataclass
class Reported:
    """The registry, what flows through it, and the folder that the agency's client watches.

    Attributes:
        definition: the registry.
        kafka: the clients' settings.
        client: the way to ClickHouse.
        settings: with the agency's.
        gateway: the folder.
    """

    definition: RegistryDefinition
    kafka: KafkaConfig
    client: Client
    settings: Settings
    gateway: Path
    _offsets: Iterator[int] = field(default_factory=count)

    def accept(self, form: str, number: int, registration_id: str, **fields: Any) -> None:
        """A registration of a person as the loader puts it into the archive."""
        record = registration(self.definition, form, number, registration_id=registration_id, **fields)
        schema = present_schema(self.definition, form)
        offset = next(self._offsets)
        one = {
            "offset": offset, "submitted_at": int(time.time() * 1000), "form": form, "schema_id": schema.schema_id,
            "patient": record["patient"], "registration_id": registration_id, "payload": schema.encode(record),
        }  # fmt: skip
        batch = {
            "registry": self.definition.name, "partition": 0, "epoch": 0, "first_offset": offset,
            "last_offset": offset, "registrations": [one],
        }  # fmt: skip
        insert(self.client, self.definition, encode_event("accepted_batch", batch))

    def serious(self, number: int, **fields: Any) -> None:
        """A person on Alvorix with a serious reaction."""
        self.accept("treatment", number, f"t{number}", occurred_on=day("2025-05-02"), batch="B-77", birth_year=1961)
        said = {"reaction_code": "HEP", "seriousness": ["hospitalisation"], "occurred_on": day("2026-02-10"), **fields}
        self.accept("adverse_reaction", number, f"r{number}", **said)

    def steps(self) -> list[dict[str, Any]]:
        """All that is on the log, by case in order."""
        return read_events(self.kafka, topics.reports(self.definition.name), "report")

    def cases(self) -> dict[str, Case]:
        """The cases as the log has them."""
        return cases_of(enumerate(self.steps()))

    def states(self) -> list[str]:
        """The state of each report."""
        return sorted(one.state for case in self.cases().values() for one in case.reports.values())

    def tables(self) -> list[dict[str, Any]]:
        """The steps as the tables have them."""
        return [record for _, record in read_steps(self.client, self.definition.name, contents=True)]

    def load(self) -> None:
        """Bring the log into the tables as the loader does, without waiting for one; a case lies in one partition."""
        buffer = Buffer({self.definition.name: self.definition})
        topic = topics.reports(self.definition.name)
        for case in self.cases().values():
            for place, record in enumerate(case.log):
                buffer.take(Read(topic, 0, place, case.id.encode(), encode_event("report", record)))
        for rows in buffer.tables:
            self.client.insert(rows.layout.table, rows.layout.container(rows.blocks), "Avro")

    @contextmanager
    def running(self) -> Iterator[Reporting]:
        """The process at work, as a thread of this one."""
        reporting = Reporting(self.settings, self.definition)
        with working(reporting.run):
            yield reporting

    def out(self) -> list[Path]:
        """The messages in the folder for the agency's client."""
        return sorted((self.gateway / "out").iterdir())

    def answer(self, message: Path, *, accepted: bool = True, name: str = "ack.xml") -> None:
        """The agency's client brings the agency's answer to a message."""
        batch = read(message.read_bytes()).batch
        (one,) = batch.messages
        verdict = MessageVerdict.CA if accepted else MessageVerdict.CR
        answer = Acknowledgement(
            batch=str(batch.number),
            verdict=BatchVerdict.AA if accepted else BatchVerdict.AE,
            messages=(
                MessageAcknowledgement(
                    str(one.identifier), verdict, local_number="AG-1", reasons=() if accepted else ("E.i.7 is wrong",)
                ),
            ),
            number="ACK-1",
        )
        beside = self.gateway / "in" / f"{name}.tmp"
        beside.write_bytes(write_acknowledgement(answer))
        beside.rename(self.gateway / "in" / name)


def reported(
    folder: Path, kafka: KafkaConfig, client: Client, url: str, name: str = "biologics", **agency: Any
) -> Reported:
    """A registry of its own, its tables and its log made."""
    definition = registry_folder(folder, name)
    apply(client, {definition.name: definition})
    make_log(kafka, definition)
    gateway = folder / "gateway"
    settings = Settings(
        bootstrap=str(kafka["bootstrap.servers"]),
        clickhouse_url=url,
        registries=(folder / "registries",),
        agency=AgencySettings(**{**EXAMPLE, "gateway": gateway, **agency}),
    )
    return Reported(definition, kafka, client, settings, gateway)
