"""What is known of a monitor group between its steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from streams.surveillance.levels import Stream
from streams.surveillance.person_time import PersonTime

if TYPE_CHECKING:
    from streams.surveillance.lost import Lost
    from streams.surveillance.signals import Look, Signal


class Known(NamedTuple):
    """What was known of one subject.

    Attributes:
        looks: the known path.
        stream: the stream that the last look was in.
    """

    looks: tuple[Look, ...] = ()
    stream: Stream = Stream()


@dataclass(slots=True)
class State:
    """What is known of a monitor group.

    Attributes:
        sums: exposures and person-time, which all subjects share.
        known: by subject's label.
        signals: the latest signal of each subject that has one.
        lost: what opt-outs took of the signals of subjects.
        versions: by partition, up to which version submissions are in.
    """

    sums: PersonTime = field(default_factory=PersonTime)
    known: dict[str, Known] = field(default_factory=dict)
    signals: dict[str, Signal] = field(default_factory=dict)
    lost: dict[str, Lost] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)

    def live(self, label: str) -> Signal | None:
        """The signal of a subject, where it has one that is not withdrawn."""
        signal = self.signals.get(label)
        return None if signal is None or signal.state == "withdrawn" else signal
