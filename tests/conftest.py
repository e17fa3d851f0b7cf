"""The brokers and databases that tests run on: embedded always, real Kafka where Java and Maven are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.database import EmbeddedDatabase
from sinks.clickhouse.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig

pytest_plugins = ["tests.kafka_fixtures"]

settings.register_profile("untimed", deadline=None)  # how long an example takes says nothing of whether it is right
settings.load_profile("untimed")

REAL_KAFKA = os.environ.get("GULDADRA_REAL_KAFKA") == "1"
WHY_SKIPPED = "needs a real Kafka broker (Java 17, Maven): `make test-kafka`, `make faults`"
NO_SKIPS = os.environ.get("GULDADRA_NO_SKIPS") == "1"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest first; tests on a real broker when they are asked for, and said so where they are not."""
    items.sort(key=lambda item: item.get_closest_marker("stack") is None)  # stable: all else stays as it was shuffled
    if REAL_KAFKA:
        return
    real = [item for item in items if item.get_closest_marker("kafka") or item.get_closest_marker("faults")]
    if NO_SKIPS:
        items[:] = [item for item in items if item not in real]
        config.hook.pytest_deselected(items=real)
        return
    for item in real:
        item.add_marker(pytest.mark.skip(reason=WHY_SKIPPED))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where nothing may be skipped, a skip fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if NO_SKIPS and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="session")
def embedded_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase(tmp_path_factory.mktemp("database")) as database:
        yield database


@pytest.fixture(scope="session")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    """A way to the embedded database that all tests share: they keep to registries of their own."""
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture(
    params=[
        pytest.param("embedded", marks=pytest.mark.embedded),
        pytest.param("kafka", marks=pytest.mark.kafka),
    ]
)
def kafka(request: pytest.FixtureRequest) -> KafkaConfig:
    """A broker: the embedded one, and the real one."""
    name = "embedded_broker" if request.param == "embedded" else "real_kafka"
    return {"bootstrap.servers": request.getfixturevalue(name).bootstrap}
