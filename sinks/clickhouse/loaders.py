"""Several loaders in one process: registrations at their pace, what is derived of them at a quicker one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sinks.clickhouse.loader import Loader, derived_topics, submission_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

_REGISTRATIONS_EVERY_S = 0.5
_DERIVED_EVERY_S = 0.2  # a change is to be seen within the second that it was made in
_SUMS = ("loaded", "lag", "waiting")


class Loaders:
    """The loader of registrations and that of derived values: together up, together down.

    Args:
        kafka: the Kafka clients' settings.
        client: the way to ClickHouse.
        definitions: the registries, by name.
        stop: set it, and both finish what they have in hand.
        group: the consumer group of registrations and receipts.
        derived_group: the consumer group of cells, exposures and lists.
        instance: this process's own name, the same after a restart (static membership); None for none.
    """

    def __init__(
        self,
        kafka: Mapping[str, str | int | bool],
        client: Client,
        definitions: Mapping[str, RegistryDefinition],
        *,
        stop: threading.Event,
        group: str,
        derived_group: str,
        instance: str | None = None,
    ) -> None:
        self._stop = stop
        self._failures: list[BaseException] = []
        self.registrations = Loader(
            kafka, client, definitions, stop=stop, topics_of=submission_topics,
            flush_interval_s=_REGISTRATIONS_EVERY_S, group=group, instance=instance,
        )  # fmt: skip
        self.derived = Loader(
            kafka, client, definitions, stop=stop, topics_of=derived_topics,
            flush_interval_s=_DERIVED_EVERY_S, group=derived_group, instance=instance,
        )  # fmt: skip

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether both are well, and the facts: numbers summed, and each one's own."""
        well, facts = self.registrations.health()
        derived_well, derived = self.derived.health()
        return well and derived_well, {
            **facts,
            **{name: facts[name] + derived[name] for name in _SUMS},
            "database_up": facts["database_up"] and derived["database_up"],
            "last_error": facts["last_error"] or derived["last_error"],
            "registrations": {name: facts[name] for name in _SUMS},
            "derived": {name: derived[name] for name in _SUMS},
        }

    def run(self, *beside: Callable[[], None]) -> None:
        """Load until told to stop; where one cannot go on, all end, and its error is raised.

        Args:
            beside: what runs in a thread of its own meanwhile, and ends by itself once ``stop`` is set.

        Raises:
            Exception: as ``Loader.run``, or what a part ``beside`` raised.
        """
        threads = [
            threading.Thread(target=self._guarded, args=(part,), name=f"load-{place}")
            for place, part in enumerate((self.derived.run, *beside))
        ]
        for thread in threads:
            thread.start()
        self._guarded(self.registrations.run)
        for thread in threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - raised again by run(), once all have ended
            self._failures.append(error)
            self._stop.set()
