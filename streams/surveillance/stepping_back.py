"""A step taken back, so that it can be taken again in smaller ones.

All that is known of exposures are sums of whole numbers: what a step added to them is taken away again, and nothing of
it is left. Nothing is copied for it but what is known of products and signals, by reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.surveillance.bins import net

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.surveillance.bins import Change
    from streams.surveillance.clock import Clock
    from streams.surveillance.state import State


class Before:
    """What is known before a step.

    Args:
        state: of the monitor group.
        clock: its units' and deaths' reports.
    """

    def __init__(self, state: State, clock: Clock) -> None:
        self._state, self._clock = state, clock
        self._known, self._signals, self._versions = dict(state.known), dict(state.signals), dict(state.versions)
        self._lost = dict(state.lost)
        self._through = clock.through()
        self._left_out = state.sums.left_out

    def again(self, changes: Sequence[Change]) -> None:
        """Let it be known as it was, after a step of these changes; also a second time."""
        state, sums = self._state, self._state.sums
        state.known, state.signals, state.versions = dict(self._known), dict(self._signals), dict(self._versions)
        state.lost = dict(self._lost)
        sums.leave_out(self._left_out)
        sums.report({**dict.fromkeys(self._clock.through()), **self._through})
        sums.add({kind: -number for kind, number in net(changes).items()})
        self._clock.take(change._replace(before=change.after, after=change.before) for change in changes)
