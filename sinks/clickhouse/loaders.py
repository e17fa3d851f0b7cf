"""Several loaders in one process: registrations at their pace; what is derived of them, signals and feeds, sooner."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from schemas.company import companies_of
from sinks.clickhouse.loader import Loader, derived_topics, feed_topics, signal_topics, submission_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

LOAD_GROUP = "guldadra-load"
_REGISTRATIONS_EVERY_S = 0.5
_DERIVED_EVERY_S = 0.2  # a change is to be seen within the second that it was made in
_SIGNALS_EVERY_S = 0.05  # they have come a long way, and must not wait for the many cells and exposures as well
_FEEDS_EVERY_S = 0.1  # a signal has been loaded once before it comes here
_SUMS = ("loaded", "lag", "waiting")
_NAMES = ("registrations", "derived", "signals", "feeds")


def derived_group(group: str = "") -> str:
    """The consumer group of cells, exposures and lists, beside the one of registrations where that is named."""
    return f"{group or LOAD_GROUP}-derived"


def signals_group(group: str = "") -> str:
    """The consumer group of signals and reviews, likewise."""
    return f"{group or LOAD_GROUP}-signals"


class Loaders:
    """The loaders of registrations, of derived values, of signals and of feeds: together up, together down.

    Args:
        kafka: the Kafka clients' settings.
        client: the way to ClickHouse.
        definitions: the registries, by name.
        stop: set it, and all finish what they have in hand.
        group: the consumer group of registrations and receipts; the others' are called after it.
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
        instance: str | None = None,
    ) -> None:
        self._stop = stop
        self._failures: list[BaseException] = []
        paces: list[tuple[str, Callable[[str], Sequence[str]], float]] = [
            (group, submission_topics, _REGISTRATIONS_EVERY_S),
            (derived_group(group), derived_topics, _DERIVED_EVERY_S),
            (signals_group(group), signal_topics, _SIGNALS_EVERY_S),
        ]
        if companies_of(definitions.values()):
            paces.append((f"{group}-feeds", lambda name: feed_topics(definitions[name]), _FEEDS_EVERY_S))
        self._all = [
            Loader(
                kafka, client, definitions, stop=stop, topics_of=topics_of,
                flush_interval_s=every_s, group=member_of, instance=instance,
            )
            for member_of, topics_of, every_s in paces
        ]  # fmt: skip
        self.registrations = self._all[0]

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether all are well, and the facts: numbers summed, and each one's own."""
        said = [loader.health() for loader in self._all]
        facts = [one for _, one in said]
        return all(well for well, _ in said), {
            **facts[0],
            **{name: sum(one[name] for one in facts) for name in _SUMS},
            "database_up": all(one["database_up"] for one in facts),
            "last_error": next((one["last_error"] for one in facts if one["last_error"]), None),
            **{name: {fact: one[fact] for fact in _SUMS} for name, one in zip(_NAMES, facts, strict=False)},
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
