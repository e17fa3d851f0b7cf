"""One monitor at work: exposures' changes in, what to keep of it and the signals that are new out.

What a step changes in memory counts only once it has been kept; where it was not, ``restored`` begins anew from what
was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.surveillance import core
from streams.surveillance.clock import Clock
from streams.surveillance.kept import (
    Kept,
    Seen,
    Stated,
    bin_record,
    confirmed_record,
    look_record,
    report_record,
    signal_record,
    version_record,
)
from streams.surveillance.message import message_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.surveillance.bins import Change
    from streams.surveillance.core import State, Step
    from streams.surveillance.declared import Watched
    from streams.surveillance.signals import Signal, Version


class CannotGoOnError(ValueError):
    """What is told does not follow on what is known; the message says why, and what to do."""


class NeverToldError(CannotGoOnError):
    """Exposures end that never began, as far as is known."""

    def __init__(self, monitor: str) -> None:
        super().__init__(
            f"monitor {monitor}: exposures are said to be no more, or others now, that were never told of: their "
            "topic had forgotten messages before they were read. Only a new generation of the registry counts right"
        )


class BeganAnewError(CannotGoOnError):
    """What exposures are said to be lies before what is known of them: their journeys have begun anew."""

    def __init__(self, monitor: str, partition: int, version: int, known: int) -> None:
        super().__init__(
            f"monitor {monitor}: exposures of partition {partition} at version {version}, but {known} is in already: "
            "the journeys were built anew under the generation that surveillance has counted; drop the topic "
            "surveillance.<registry>.<generation> and exposures.<registry>, and start both processes again"
        )


class Told(NamedTuple):
    """What one message says.

    Attributes:
        at: up to which submissions of which partition.
        changes: of exposures of the group.
    """

    at: Version
    changes: Sequence[Change]


class Taken(NamedTuple):
    """What some messages came to.

    Attributes:
        writes: what to keep; None for nothing more.
        stated: the signals that are new, or new in some way, as they now stand with their known path.
    """

    writes: dict[bytes, bytes | None]
    stated: tuple[Stated, ...]


class Watch:
    """A monitor, and what it knows.

    Args:
        watched: the monitor as declared.
        kept: all that was kept of it.
    """

    def __init__(self, watched: Watched, kept: Kept | None = None) -> None:
        kept = kept or Kept()
        self.watched = watched
        self.clock = Clock(watched.deaths)
        self.clock.put(kept.reports)
        self._confirmed = frozenset(kept.confirmed)
        self._messages = {product: stated.messages for product, stated in kept.stated.items()}
        self.state: State = core.restored(
            kept.bins,
            {
                product: core.Known(tuple(one.look for one in seen), seen[-1].stream)
                for product, seen in kept.known.items()
            },
            [
                stated.signal.with_known(tuple(one.look for one in kept.known[product]))
                for product, stated in kept.stated.items()
            ],
            kept.versions,
            through=self.clock.through(),
            left_out=watched.left_out | self._confirmed,
        )

    def take(self, messages: Sequence[Told], said: Mapping[str, bool] | None = None) -> Taken:
        """Take some messages about the group, in their order, as one step.

        Args:
            messages: at least one.
            said: of some products, whether a signal of theirs was confirmed, so that no other is compared with them any
                more, or closed. What was said before stays as it was.

        Raises:
            CannotGoOnError: one is older than what is known, or speaks of what was never told. Nothing is known for
                sure then: begin anew from what was kept.
        """
        changes: list[Change] = []
        versions = self.state.versions
        for at, told in messages:
            known = versions.get(at.partition, at.version)
            if at.version < known:
                raise BeganAnewError(self.watched.monitor.group, at.partition, at.version, known)
            versions[at.partition] = at.version
            changes += map(self.watched.seen, told)
        news = {product: on for product, on in (said or {}).items() if (product in self._confirmed) != on}
        self._confirmed ^= news.keys()
        reports = self.clock.take(changes)
        step = core.step(
            self.state,
            self.watched.monitor,
            changes,
            messages[-1].at,
            through=self.clock.through(),
            left_out=self.watched.left_out | self._confirmed,
        )
        if min(step.bins.values(), default=0) < 0:
            raise NeverToldError(self.watched.monitor.group)
        stated = tuple(self._state(signal) for signal in step.signals)
        monitor = self.watched.monitor.group
        writes = self._writes(step, stated)
        writes |= dict(report_record(monitor, report, number) for report, number in reports.items())
        writes |= dict(confirmed_record(monitor, product, confirmed=on) for product, on in news.items())
        writes |= dict(version_record(monitor, at.partition, versions[at.partition]) for at, _ in messages)
        return Taken(writes, stated)

    def message(self, registry: str, generation: str, stated: Stated) -> bytes:
        """A signal as it was stated, encoded."""
        return message_of(registry, generation, self, stated)

    def _state(self, signal: Signal) -> Stated:
        messages = self._messages[signal.product] = self._messages.get(signal.product, 0) + 1
        return Stated(signal, messages)

    def _writes(self, step: Step, stated: Sequence[Stated]) -> dict[bytes, bytes | None]:
        monitor = self.watched.monitor.group
        writes = dict(bin_record(monitor, kind, number) for kind, number in step.bins.items())
        for product, new in step.looks.items():
            place = len(self.state.known[product].looks) - 1
            writes |= [look_record(monitor, product, place, Seen(new.looks[0], new.stream))]
        writes |= [signal_record(monitor, Stated(one.signal.with_known(()), one.messages)) for one in stated]
        return writes
