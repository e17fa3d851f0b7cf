"""A real Kafka broker and a real schema registry for the tests that need them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.kafka.launcher import KafkaBroker, SchemaRegistry, available


def require_real_kafka() -> None:
    """Skip the test where no real broker can be had and say why; fail it where one is required."""
    missing = available()
    if missing is None:
        return
    if os.environ.get("GULDADRA_REAL_KAFKA") == "1":
        pytest.fail(f"GULDADRA_REAL_KAFKA=1, but {missing}", pytrace=False)
    pytest.skip(missing)


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker that all tests share: name topics, groups and transactional ids uniquely, and leave it running."""
    require_real_kafka()
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def schema_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SchemaRegistry]:
    """A schema registry that all tests share: name subjects uniquely, and leave it running."""
    require_real_kafka()
    with SchemaRegistry(tmp_path_factory.mktemp("schema-registry")) as registry:
        yield registry


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[KafkaBroker]:
    """A running broker for one test, which may stop, kill and start it."""
    require_real_kafka()
    with KafkaBroker(tmp_path / "kafka") as broker:
        yield broker


@pytest.fixture
def own_schema_registry(tmp_path: Path) -> Iterator[SchemaRegistry]:
    """A running schema registry for one test, which may stop, kill and start it."""
    require_real_kafka()
    with SchemaRegistry(tmp_path / "schema-registry") as registry:
        yield registry
