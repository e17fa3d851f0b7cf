"""The brokers and databases that tests run on: embedded always, real Kafka where Java and Maven are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.database import EmbeddedDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.control import KafkaConfig

# pytest_plugins = ["tests.kafka_fixtures"]


@pytest.fixture(scope="session")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="session")
def embedded_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase(tmp_path_factory.mktemp("database")) as database:
        yield database


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
