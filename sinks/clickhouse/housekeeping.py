"""What the loading process does now and then besides: erasure, and moving the generation pointer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from schemas import topics
from sinks.clickhouse.erasure import erase
from sinks.clickhouse.errors import DatabaseError, DatabaseUnavailableError
from sinks.clickhouse.generations import follow, keep_definitions

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 2.0


class Housekeeping:
    """Looks after the registries whose first partition is this instance's, so that one instance does.

    Args:
        client: the way to ClickHouse.
        definitions: the registries, by name.
        stop: set it, and it ends after what it has in hand.
        holds: whether a partition of a topic is this instance's now.
        erase_every_s: how often what does not count any more is deleted; 0: never.
        signals: tells whether the signals of the declared generation are in the tables, where products are watched.
        look_every_s: how often a generation that is new is looked at.
    """

    def __init__(
        self,
        client: Client,
        definitions: Mapping[str, RegistryDefinition],
        *,
        stop: threading.Event,
        holds: Callable[[str, int], bool],
        erase_every_s: float,
        signals: Callable[[RegistryDefinition], bool] = lambda _: True,
        look_every_s: float = _LOOK_EVERY_S,
    ) -> None:
        self._client = client.with_patience(0.0)  # what is not done now is done the next time
        self._definitions = definitions
        self._stop = stop
        self._holds = holds
        self._erase_every_s = erase_every_s
        self._signals = signals
        self._look_every_s = look_every_s
        self._erased_at: dict[str, float] = {}
        self._kept: set[str] = set()

    def run(self) -> None:
        """Work until told to stop; what goes wrong is logged, and tried again the next time."""
        while not self._stop.wait(self._look_every_s):
            for name, definition in self._definitions.items():
                if self._holds(topics.accepted(name), 0):
                    self._look_after(definition)

    def _look_after(self, definition: RegistryDefinition) -> None:
        try:
            if definition.name not in self._kept:
                keep_definitions(self._client, definition)
                self._kept.add(definition.name)
            follow(self._client, definition, self._signals)
            last = self._erased_at.get(definition.name)
            if self._erase_every_s and (last is None or time.monotonic() - last >= self._erase_every_s):
                self._erased_at[definition.name] = time.monotonic()
                erase(self._client, definition)
        except DatabaseUnavailableError as error:
            log.info("housekeeping waits for ClickHouse", registry=definition.name, error=str(error))
        except DatabaseError as error:
            log.warning("housekeeping failed", registry=definition.name, error=str(error))
