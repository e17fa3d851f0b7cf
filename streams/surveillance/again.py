"""What is kept of a monitor, held against what the exposures that stand come to, all taken at once.

Kept is what came of every change since the beginning; this is the same from what there is in the end, as somebody
reads it who was not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from streams.surveillance.bins import Change, net
from streams.surveillance.clock import Clock
from streams.surveillance.evidence import hindsight
from streams.surveillance.kept import Kept
from streams.surveillance.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from streams.surveillance.bins import Exposure
    from streams.surveillance.declared import Watched

Key = TypeVar("Key")


class Erasure(NamedTuple):
    """Who has opted out of what a signal hangs on, which is frozen as it was before.

    Attributes:
        signal: its id.
        persons: how many carried it.
        outcomes: how many outcomes they had; of a pair, reports.
        others: how many of those that it is held against.
    """

    signal: str
    persons: int
    outcomes: int
    others: int


class Held(NamedTuple):
    """What was compared, and what is not the same.

    Attributes:
        kinds: kinds of exposure, and how many there are of each.
        reports: counts of reports.
        subjects: those with a signal: their hindsight paths, and whether they are at watch.
        differences: each in words.
        erased: who has opted out of signals since they were raised, which they hang on and no number has any more.
    """

    kinds: int
    reports: int
    subjects: int
    differences: tuple[str, ...]
    erased: tuple[Erasure, ...] = ()


def held_against(watched: Watched, kept: Kept, exposures: Iterable[Exposure]) -> Held:
    """Compare what is kept with what the exposures of the monitor's group come to.

    Args:
        watched: the monitor as declared.
        kept: all that is kept of it.
        exposures: those that stand.
    """
    wanted = _counted(watched, exposures)
    wanted.confirmed = kept.confirmed  # what people said is not in the exposures
    stored, recomputed = Watch(watched, kept).state.sums, Watch(watched, wanted).state.sums
    differences = [*unlike("exposures", kept.bins, wanted.bins), *unlike("reports", kept.reports, wanted.reports)]
    for label in sorted(kept.stated):
        paths = [hindsight(sums, watched.monitor, label) for sums in (stored, recomputed)]
        if paths[0].points() != paths[1].points():
            differences.append(f"hindsight of {label}: {paths[0].points()[-1]}, recomputed {paths[1].points()[-1]}")
        at_watch = [path.crossed("watch") for path in paths]
        if at_watch[0] != at_watch[1]:
            differences.append(f"{label} at watch: from {at_watch[0]}, recomputed from {at_watch[1]}")
    return Held(
        len(kept.bins.keys() | wanted.bins.keys()),
        len(kept.reports.keys() | wanted.reports.keys()),
        len(kept.stated),
        tuple(differences),
        tuple(
            Erasure(one.signal.id, one.signal.erased.persons, one.signal.erased.outcomes, one.signal.erased.others)
            for _, one in sorted(kept.stated.items())
            if one.signal.erased is not None
        ),
    )


def _counted(watched: Watched, exposures: Iterable[Exposure]) -> Kept:
    changes = [watched.seen(Change("", "", None, exposure)) for exposure in exposures]
    found = Kept()
    found.bins = net(changes)
    found.reports = Clock(watched.deaths).take(changes)
    return found


def unlike(what: str, stored: Mapping[Key, int], recomputed: Mapping[Key, int]) -> Iterator[str]:
    """The numbers that are not the same, each in words."""
    for key in sorted(stored.keys() | recomputed.keys(), key=str):
        one, other = stored.get(key, 0), recomputed.get(key, 0)
        if one != other:
            yield f"{what} {key}: {one}, recomputed {other}"
