"""What several files of integration tests begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.recompute_support import World, small_registry

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client


@pytest.fixture(scope="module")
def small(client: Client, tmp_path_factory: pytest.TempPathFactory) -> RegistryDefinition:
    """The small registry of recomputing, for one file."""
    return small_registry(client, tmp_path_factory.mktemp("registries"))


@pytest.fixture
def world(client: Client, small: RegistryDefinition) -> World:
    """Registrations of the small registry, none yet."""
    return World(client, small)
