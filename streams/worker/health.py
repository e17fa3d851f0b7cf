"""What a worker says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """What happens to a partition."""

    TAKING = "taking"  # its name is asked for: from then on no former owner can write
    RECOVERING = "recovering"  # its store is brought up to the end of the changelog
    FILLING = "filling"  # what the log does not have any more comes from the archive
    LIVE = "live"
    HELD = "held"  # whose it will be is not known: the group is being shared out anew
    WAITING = "waiting"  # after a failure, before the next attempt
    LOST = "lost"  # another process has its name


@dataclass(slots=True)
class PartitionHealth:
    """One partition.

    Attributes:
        state: what happens to it.
        done: how far the recovery is (changelog offset), or how many registrations have been filled in.
        total: where the recovery ends; 0 where that is not known.
        version: the highest submission version that is in the state.
        lag: messages of the source that are not in the state; -1 while it is not known.
    """

    state: State = State.TAKING
    done: int = 0
    total: int = 0
    version: int = -1
    lag: int = -1

    def as_words(self) -> str:
        """The state, with how far it is."""
        if self.state is State.RECOVERING and self.total:
            return f"{self.state} {self.done}/{self.total}"
        return f"{self.state} {self.done}" if self.state is State.FILLING else str(self.state)


@dataclass(slots=True)
class WorkerHealth:
    """A worker; times are of the monotonic clock.

    Attributes:
        registrations: how many were taken since the start.
        last_progress: when something was last committed, recovered or found to be up to date.
        joined: whether the group has given partitions out, be it none to this worker.
        partitions: those that this worker has.
        last_error: the latest failure, also of what went well the next time.
    """

    registrations: int = 0
    last_progress: float = 0.0
    joined: bool = False
    partitions: dict[int, PartitionHealth] = field(default_factory=dict)
    last_error: str | None = None

    @property
    def lag(self) -> int:
        """Messages of the source that wait, of all partitions whose lag is known."""
        return sum(max(one.lag, 0) for one in [*self.partitions.values()])

    @property
    def caught_up(self) -> bool:
        """Whether all that this worker has to do is done."""
        return self.joined and all(one.state is State.LIVE and one.lag == 0 for one in [*self.partitions.values()])
