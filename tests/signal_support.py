"""The Inter-op cup's signal in a database, as surveillance would have stated it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas import topics
from schemas.codec import encode_event
from tests.derived_support import load
from tests.unit.test_surveillance_message import played, said

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

INTEROP = "cup/INTEROP/0"


def state_interop(client: Client, definition: RegistryDefinition, **changed: Any) -> None:
    """Load the last message of the Inter-op history: at alarm, put to the product where nothing else is said."""
    watch, stated = played()
    message = {**said(watch, stated[-1]), "registry": definition.name, "generation": definition.generation}
    record = {**message, "group": "cup", "cause": "product", **changed}
    load(client, definition, [(topics.signals(definition.name), encode_event("signal", record))])
