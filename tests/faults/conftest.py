"""The registry in operation that the drills of the journeys begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinks.clickhouse.client import connect
from tests.faults.drill import Drill, drill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from deploy.kafka.launcher import KafkaBroker


@pytest.fixture
def running(
    request: pytest.FixtureRequest, real_kafka: KafkaBroker, embedded_database: EmbeddedDatabase, tmp_path: Path
) -> Iterator[Drill]:
    """A hip registry of the test's own on the broker that all share."""
    kafka = {"bootstrap.servers": real_kafka.bootstrap}
    url = embedded_database.url
    with connect(url) as client, drill(kafka, client, url, tmp_path, request.node.name) as one:
        yield one
