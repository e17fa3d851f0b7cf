"""What opt-outs took of a raised signal's evidence: nothing that it stands or falls by.

Who opts out leaves every number. So the statistic of a signal that is raised may fall below its level though nothing
was corrected and nobody else fares worse. How much it falls by each opt-out, of the product's own patients or of those
that it is held against, is measured as it happens, and added again wherever it is asked whether the signal stands:
two numbers for a signal, that tell nothing of anybody. What is lifted is taken off again, in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.surveillance.evidence import hindsight
from streams.surveillance.present import together

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.surveillance.corrections import Told
    from streams.surveillance.levels import Level
    from streams.surveillance.monitor import Monitor
    from streams.surveillance.state import State

_ROUNDING = 1e-9


class Lost(NamedTuple):
    """What opt-outs took of a signal since it was raised, less what has come back; below 0 where they gave more.

    Attributes:
        watch: of what the statistic was above that level at most.
        alarm: likewise.
        as_raised: of what it was above watch, against the comparator that it was raised by.
        as_alarmed: of what it was above alarm, against the comparator that it was raised to that by.
        others: how many of those that it is held against have opted out since, also such as came back.
    """

    watch: float = 0.0
    alarm: float = 0.0
    as_raised: float = 0.0
    as_alarmed: float = 0.0
    others: int = 0

    def of(self, level: Level) -> float:
        """What was taken of what the statistic was above a level."""
        return self.watch if level == "watch" else self.alarm


class Above(NamedTuple):
    """How far a signal is above its levels at most, and against the comparators that it was raised by.

    Attributes:
        watch: above that level.
        alarm: above that.
        as_raised: above watch, as it was raised to that; 0 where who opts out has no part in that.
        as_alarmed: likewise of alarm.
        is_whole: whether all days were gone through, and not only that which spoke most when it was last stated.
    """

    watch: float
    alarm: float
    as_raised: float
    as_alarmed: float
    is_whole: bool


def is_made_up_for(above: float, lost: float) -> bool:
    """Whether what opt-outs took is all that is missing to a level, if anything is."""
    return above + max(lost, 0.0) >= -_ROUNDING


def concerned(state: State, monitor: Monitor, told: Told) -> list[str]:
    """The subjects for whose signals it counts who opts out or comes back: those of his, and those held against his."""
    return sorted(
        label
        for label, signal in state.signals.items()
        if signal.state != "withdrawn"
        and (told.opted_out(label) or monitor.of(monitor.members(label)[0].kind).baseline.kind == "contemporary")
    )


def above(
    state: State, monitor: Monitor, labels: list[str], told: Told, like: Mapping[str, Above] | None = None
) -> dict[str, Above]:
    """How far each of some signals is above its levels.

    Those that it is held against change no day that it has. So one day is enough where it stands by that: as much as
    is taken of it there, and no more, may be missing.

    Args:
        state: what is known.
        monitor: what is declared.
        labels: the signals' subjects.
        told: who has opted out.
        like: gone through in the same way as these were.
    """
    found = {}
    for some in together(state.sums, monitor, labels):
        for place, label in enumerate(some.labels):
            signal, now = state.signals[label], some.present(place)
            is_own = told.opted_out(label) is not None
            as_raised = as_alarmed = 0.0
            if is_own:
                as_raised = hindsight(state.sums, monitor, label, against=signal.as_raised).above("watch")
                if signal.level == "alarm":
                    as_alarmed = hindsight(state.sums, monitor, label, against=signal.as_raised_to("alarm")).above(
                        "alarm"
                    )
            is_whole = is_own if like is None else like[label].is_whole
            if not is_whole:
                path = hindsight(state.sums, monitor, label, now=now, resumed=signal.standing, alone=True)
                known = state.lost.get(label, Lost()).of(signal.level)
                is_whole = like is None and path.above(signal.level) + max(known, 0.0) < 0
            if is_whole:
                path = hindsight(state.sums, monitor, label, now=now)
            found[label] = Above(path.above("watch"), path.above("alarm"), as_raised, as_alarmed, is_whole)
    return found


def lost_by(state: State, told: Told, before: Mapping[str, Above], after: Mapping[str, Above]) -> dict[str, Lost]:
    """What opt-outs have taken of signals by now: those told now are what lies between before and after."""
    found = {}
    for label, was in before.items():
        now, others = after[label], told.others_out(label)
        if now == was and not others and not told.opted_out(label):
            continue
        known = state.lost.get(label, Lost())
        found[label] = Lost(
            _taken(known.watch, was.watch, now.watch),
            _taken(known.alarm, was.alarm, now.alarm),
            _taken(known.as_raised, was.as_raised, now.as_raised),
            _taken(known.as_alarmed, was.as_alarmed, now.as_alarmed),
            known.others + others,
        )
    return found


def _taken(known: float, was: float, now: float) -> float:
    """What opt-outs took, where they had taken ``known`` before; what they had given takes no level away."""
    lost = known + was - now
    if is_made_up_for(was, known) and not is_made_up_for(now, lost):
        return max(known, 0.0) + was - now
    return lost
