"""Several loaders in one process: registrations at their pace, what is derived of them, and feeds, at quicker ones."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from schemas.company import companies_of
from sinks.clickhouse.loader import Loader, derived_topics, feed_topics, submission_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

_REGISTRATIONS_EVERY_S = 0.5
_DERIVED_EVERY_S = 0.2  # a change is to be seen within the second that it was made in
_FEEDS_EVERY_S = 0.1  # a signal has been loaded once before it comes here
_SUMS = ("loaded", "lag", "waiting")


class Loaders:
    """The loaders of registrations, of derived values and of feeds: together up, together down.

    Args:
        kafka: the Kafka clients' settings.
        client: the way to ClickHouse.
        definitions: the registries, by name.
        stop: set it, and all finish what they have in hand.
        group: the consumer group of registrations and receipts; that of feeds is called after it.
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
        self._all = [self.registrations, self.derived]
        if companies_of(definitions.values()):
            self._all.append(
                Loader(
                    kafka, client, definitions, stop=stop, topics_of=lambda name: feed_topics(definitions[name]),
                    flush_interval_s=_FEEDS_EVERY_S, group=f"{group}-feeds", instance=instance,
                )
            )  # fmt: skip

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether all are well, and the facts: numbers summed, and each one's own."""
        said = [loader.health() for loader in self._all]
        facts = [one for _, one in said]
        return all(well for well, _ in said), {
            **facts[0],
            **{name: sum(one[name] for one in facts) for name in _SUMS},
            "database_up": all(one["database_up"] for one in facts),
            "last_error": next((one["last_error"] for one in facts if one["last_error"]), None),
            **{
                name: {fact: one[fact] for fact in _SUMS}
                for name, one in zip(("registrations", "derived", "feeds"), facts, strict=False)
            },
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
            for place, part in enumerate((*(loader.run for loader in self._all[1:]), *beside))
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
