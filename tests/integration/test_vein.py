"""The whole vein, from a file to a live answer: embedded, and on real Kafka with a real schema registry."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from deploy.demo.history import LAST_DAY, HistoryPlan, generate, write_ndjson
from schemas.identity import PseudonymKey
from schemas.store import BundledStore, HttpStore
from sinks.clickhouse.archive import archived_in, counts, duplicates_in
from sinks.clickhouse.client import connect
from sinks.clickhouse.loader import Loader
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.queries.company import company_view
from sinks.clickhouse.restore import restore
from sinks.clickhouse.sql import database_of
from sinks.clickhouse.status import partition_status
from streams.publish.run import PublishOptions, publish_file
from tests.running import intake_of, working
from tests.support import bundled, make_log, wait_for

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from schemas.store import SchemaStore
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig

KEY = PseudonymKey("k1", bytes(range(32)))
PLAN = HistoryPlan(primaries=1_000)


@pytest.fixture
def store_of(
    request: pytest.FixtureRequest, kafka: KafkaConfig
) -> Iterator[Callable[[RegistryDefinition], SchemaStore]]:
    """Bundled files beside the embedded broker; the real schema registry beside the real one."""
    assert kafka
    with ExitStack() as opened:

        def registered(definition: RegistryDefinition) -> SchemaStore:
            definitions = {definition.name: definition}
            if "kafka" not in request.node.callspec.id:
                return BundledStore(definitions)
            store = HttpStore(request.getfixturevalue("schema_registry").url, definitions)
            opened.callback(store.close)
            store.register(definition.name)
            return store

        yield registered


def loader(kafka: KafkaConfig, registry: RegistryDefinition, client: Client) -> Callable[[threading.Event], None]:
    quick = {**kafka, "session.timeout.ms": 3_000, "heartbeat.interval.ms": 500}
    return lambda stop: Loader(
        quick, client, {registry.name: registry}, stop=stop, flush_interval_s=0.1, group=f"load-{registry.name}"
    ).run()


def contents(client: Client, registry: RegistryDefinition) -> list[tuple[str, int, int]]:
    """Each form as it is read, as a count and a fingerprint."""
    database = database_of(registry.name)
    return [
        (form, *client.rows(f"SELECT count(), groupBitXor(cityHash64(*)) FROM `{database}`.`{form}`")[0])
        for form in registry.forms
    ]


def test_from_a_file_to_the_company_view_and_again_after_the_log_is_lost(
    kafka: KafkaConfig,
    store_of: Callable[[RegistryDefinition], SchemaStore],
    embedded_database: EmbeddedDatabase,
    tmp_path: Path,
) -> None:
    registry = bundled("hip")
    file = tmp_path / "history.ndjson"
    rows = write_ndjson(generate(PLAN), file)
    options = PublishOptions(mapping="demo")
    with ExitStack() as parts:
        client = parts.enter_context(connect(embedded_database.url))
        apply(client, {registry.name: registry})
        make_log(kafka, registry, partitions=4)
        store = store_of(registry)
        with working(intake_of(kafka, registry, store=store).run, loader(kafka, registry, client)):
            first = publish_file(file, registry, kafka=kafka, store=store, key=KEY, options=options)
            assert first.rows == rows
            assert first.refused_here == PLAN.faulty
            assert first.published == first.accepted == rows - PLAN.faulty
            assert first.refused == 0
            ranges = first.ranges
            wait_for(lambda: archived_in(client, registry.name, ranges) == first.accepted, "the first file")
            assert duplicates_in(client, registry.name, ranges) == PLAN.duplicates
            loaded = contents(client, registry)

            again = publish_file(file, registry, kafka=kafka, store=store, key=KEY, options=options)
            ranges = again.ranges
            wait_for(lambda: archived_in(client, registry.name, ranges) == again.accepted, "the file again")
        assert all(one.conserved and not one.gaps for one in partition_status(client, registry.name))
        found = counts(client, registry)
        assert found.archived == 2 * (rows - PLAN.faulty)
        assert [(form, count) for form, count, _ in contents(client, registry)] == [
            (form, count) for form, count, _ in loaded
        ]
        view = [row for row in company_view(client, registry, until=LAST_DAY) if row.component == "INTEROP"]
        (total,) = [row for row in view if row.unit is None]
        assert (total.inserted, total.reoperated) == (30, 5)
        assert total.share == pytest.approx(1 / 6)
        assert total.component_years == pytest.approx(9.626283, abs=1e-6)
        assert (total.rate, total.lower, total.upper) == pytest.approx((51.9411, 16.8651, 121.2133), abs=1e-3)
        assert sum(row.inserted for row in view if row.unit) == 30

        before = contents(client, registry)
        lost = database_of(registry.name)
        for form in registry.forms:
            client.command(f"TRUNCATE TABLE `{lost}`.`{form}_rows`")
        assert restore(kafka, client, registry.name, onto_filled=True) == found.archived
        with working(loader(kafka, registry, client)):
            wait_for(lambda: contents(client, registry) == before, "the form tables, refilled by way of the log")
