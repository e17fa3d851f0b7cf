"""The loader killed at random moments, and rewound: every accepted registration is in the database once."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from schemas import topics
from sinks.clickhouse.client import connect
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.sql import database_of
from sinks.clickhouse.status import partition_status
from streams.intake.decide import Accepted
from streams.intake.slices import cut
from tests.faults.log import PARTITIONS, rewind
from tests.support import NOON_2001, make_log, present_schema, registration, wait_for
from tests.workers import REGISTRATIONS, ROUNDS, Worker, registry_folder

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from deploy.kafka.launcher import KafkaBroker
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.faults


def write_accepted(kafka: dict[str, str], registry: RegistryDefinition, first: int, last: int) -> None:
    """What intake writes of submissions ``first`` to ``last`` of every partition, each tenth refused."""
    schema = present_schema(registry, "measurement")
    producer = Producer({**kafka, "transactional.id": f"test-{registry.name}", "message.max.bytes": 4 << 20})
    producer.init_transactions(30)
    producer.begin_transaction()
    for partition in range(PARTITIONS):
        verdicts = []
        for offset in range(first, last):
            body = registration(registry, "measurement", offset * PARTITIONS + partition, value=float(offset % 300))
            verdict = Accepted(
                "measurement", schema.schema_id, body["patient"], body["registration_id"], schema.encode(body)
            )
            verdicts.append((offset, NOON_2001, verdict))
        for piece in cut(registry.name, partition, 0, verdicts):
            producer.produce(topics.accepted(registry.name), piece.accepted_batch(), partition=partition)
            producer.produce(topics.receipts(registry.name), piece.receipt(), partition=partition)
            producer.poll(0)
    producer.commit_transaction(30)


def contents(client: Client, registry: RegistryDefinition) -> dict[str, tuple[int, int]]:
    """Everything that the loader wrote, as fingerprints over the rows as they are read."""
    database = database_of(registry.name)
    tables = ("archive", "receipts", "refusals", "measurement_rows")
    return {
        table: client.rows(f"SELECT count(), groupBitXor(cityHash64(*)) FROM `{database}`.`{table}` FINAL")[0]
        for table in tables
    }


def test_killed_and_rewound_it_loads_everything_once(
    real_kafka: KafkaBroker, embedded_database: EmbeddedDatabase, tmp_path: Path
) -> None:
    kafka = {"bootstrap.servers": real_kafka.bootstrap}
    registry = registry_folder(tmp_path, "metabolic")
    per_partition = REGISTRATIONS // PARTITIONS
    with connect(embedded_database.url) as client:
        apply(client, {registry.name: registry})
        make_log(kafka, registry, partitions=PARTITIONS)
        worker = Worker("load", registry, tmp_path, {"GULDADRA_BOOTSTRAP": real_kafka.bootstrap,
                        "GULDADRA_CLICKHOUSE_URL": embedded_database.url})  # fmt: skip
        worker.start()
        dice = random.Random(ROUNDS)
        step = per_partition // ROUNDS
        for first in range(0, step * ROUNDS, step):
            write_accepted(kafka, registry, first, per_partition if first + 2 * step > per_partition else first + step)
            time.sleep(dice.uniform(0, 0.8))  # now reading, now inserting, now before the commit
            worker.kill()
            worker.start()

        def complete() -> bool:
            found = partition_status(client, registry.name)
            return len(found) == PARTITIONS and all(
                one.conserved and (one.archived, one.gaps, one.overlaps) == (per_partition, 0, 0) for one in found
            )

        wait_for(complete, "batches and receipts, all of them and each once", patience_s=180)
        assert worker.stop() == 0
        loaded = contents(client, registry)
        rows = {table: count for table, (count, _) in loaded.items()}
        assert rows["archive"] == rows["measurement_rows"] == REGISTRATIONS

        rewind(kafka, f"load-{registry.name}", [topics.accepted(registry.name), topics.receipts(registry.name)])
        worker.start()
        wait_for(lambda: told(worker, "loaded") >= REGISTRATIONS, "the whole log again", patience_s=180)
        wait_for(lambda: told(worker, "lag") == 0, "the loader to be done")
        assert worker.stop() == 0
        assert contents(client, registry) == loaded


def told(worker: Worker, what: str) -> int:
    """A number that the loader says of itself; -1 while it does not answer."""
    value = (worker.health() or {}).get(what)
    return value if isinstance(value, int) else -1
