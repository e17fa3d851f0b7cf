"""A monitor of pairs at work: changes of reports in, what to keep of it and the signals that are new out.

Each message is a step of its own, however many are taken at once: when a pair was raised, and when the prior was
fitted, hangs on what was said in which order, and on nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from streams.surveillance import pair_step
from streams.surveillance.following import Reached, reached, take_in
from streams.surveillance.pair_message import pair_message_of
from streams.surveillance.pairs_kept import (
    PairsKept,
    PairStated,
    cell_record,
    pair_record,
    pair_version_record,
    prior_record,
)
from streams.surveillance.reports import Reports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.surveillance.pair_signals import PairMonitor
    from streams.surveillance.watch import Told


@dataclass(frozen=True, slots=True)
class WatchedPairs:
    """A monitor of pairs, which is called as the group of reports that it watches."""

    monitor: PairMonitor

    @property
    def exposures(self) -> str:
        """The group."""
        return self.monitor.name


class PairsTaken(NamedTuple):
    """What some messages came to.

    Attributes:
        writes: what to keep; None for nothing more.
        stated: the signals that are new, or new in some way, in the order of the messages.
    """

    writes: dict[bytes, bytes | None]
    stated: tuple[PairStated, ...]


class PairWatch:
    """A monitor of pairs, and what it knows.

    Args:
        watched: the monitor as declared.
        kept: all that was kept of it.
    """

    def __init__(self, watched: WatchedPairs, kept: PairsKept | None = None) -> None:
        kept = kept or PairsKept()
        self.watched = watched
        self._parts = dict(kept.parts)
        self._messages = {pair: stated.messages for pair, stated in kept.stated.items()}
        self.state = pair_step.PairState(
            Reports(kept.cells),
            {pair: stated.signal for pair, stated in kept.stated.items()},
            dict(kept.versions),
            kept.prior,
        )

    def take(self, messages: Sequence[Told], said: Mapping[str, bool] | None = None) -> PairsTaken:  # noqa: ARG002 - a confirmed pair stays among the reports that others are held against
        """Take some messages about the group, in their order; those that are in already are left out.

        Args:
            messages: at least one.
            said: of some pairs, whether a signal of theirs was confirmed.

        Raises:
            CannotGoOnError: one begins before what is known, or speaks of what was never told. Nothing is known for
                sure then: begin anew from what was kept.
        """
        name, versions = self.watched.monitor.name, self.state.versions
        writes: dict[bytes, bytes | None] = {}
        stated: list[PairStated] = []
        for at, changes, part, _ in messages:
            place = Reached(at.version, part)
            if not take_in(versions, self._parts, place, monitor=name, partition=at.partition):
                continue
            before = self.state.prior
            step = pair_step.step(self.state, self.watched.monitor, changes, at)
            new = [self._state(signal.pair) for signal in step.signals]
            stated += new
            writes |= dict(cell_record(name, cell, number) for cell, number in step.cells.items())
            writes |= dict(pair_record(name, one) for one in new)
            writes |= [pair_version_record(name, at.partition, reached(versions, self._parts, at.partition))]
            if self.state.prior is not None and self.state.prior != before:
                writes |= [prior_record(name, self.state.prior)]
        return PairsTaken(writes, tuple(stated))

    def message(self, registry: str, generation: str, stated: PairStated, *, life: int = 0) -> bytes:
        """A signal as it was stated, in which life of surveillance, encoded."""
        return pair_message_of(registry, generation, stated, life=life)

    def _state(self, pair: tuple[str, str]) -> PairStated:
        messages = self._messages[pair] = self._messages.get(pair, 0) + 1
        return PairStated(self.state.signals[pair], messages)
