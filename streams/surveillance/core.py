"""A step of surveillance: what changed in the exposures of a monitor group in, what that makes of its signals out.

A subject - a product, and what is declared beside: its family, its company, a lot, a unit - is looked at when it has
a new outcome, when its own data are corrected, when anything is new of one at alarm, and when the day of a unit ends
that uses it, where it has a signal or is near one. What is seen then, with the comparator as then known, is the known
path: it decides, and is never changed. Hindsight is worked out anew beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schemas.subjects import KINDS, subject_of
from streams.surveillance.bins import net
from streams.surveillance.corrections import Told, parted
from streams.surveillance.extent import is_one_of_many, used_at
from streams.surveillance.look import LookAt, seen, stood_as_raised
from streams.surveillance.lost import above, concerned, lost_by
from streams.surveillance.middle import is_near
from streams.surveillance.other_methods import E_BH_ALPHA, e_bh_set, is_far
from streams.surveillance.present import together
from streams.surveillance.state import Known, State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from streams.surveillance.bins import Bin, Change
    from streams.surveillance.levels import Level
    from streams.surveillance.lost import Lost
    from streams.surveillance.monitor import Monitor
    from streams.surveillance.person_time import PersonTime
    from streams.surveillance.signals import Signal, Version


_FEW = 32  # products are held against all others so many at a time


class Step(NamedTuple):
    """What a step came to.

    Attributes:
        state: as it is now.
        signals: those that were raised or whose state is new; each to be sent.
        bins: the kinds of exposure whose numbers are others now, with these; 0 where there are none left.
        looks: by subject, the look that its known path has grown by.
        lost: by subject, what opt-outs have taken of its signal by now; None where that is nothing any more.
    """

    state: State
    signals: tuple[Signal, ...]
    bins: dict[Bin, int]
    looks: dict[str, Known]
    lost: dict[str, Lost | None]


@dataclass(slots=True)
class Unseen:
    """What the steps of one moment have left for the last of them to look at.

    Attributes:
        places: the products, lots and units of which anything is new.
        moved: the units whose day has ended.
        every: whether others are held against other products now.
    """

    places: frozenset[tuple[str, str, str]] = frozenset()
    moved: frozenset[str] = frozenset()
    every: bool = False


def restored(
    bins: Mapping[Bin, int],
    known: Mapping[str, Known],
    signals: Iterable[Signal],
    versions: Mapping[int, int],
    *,
    through: Mapping[str, int | None],
    left_out: Collection[str] = frozenset(),
    lost: Mapping[str, Lost] | None = None,
) -> State:
    """The state from what its steps gave out and were told: bins and signals the latest, looks all, in their order."""
    state = State(known=dict(known), lost=dict(lost or {}), versions=dict(versions))
    state.signals = {signal.product: signal for signal in signals}
    state.sums.leave_out(left_out)
    state.sums.report(through)
    state.sums.add({kind: number for kind, number in bins.items() if number})
    return state


def step(
    state: State,
    monitor: Monitor,
    changes: Sequence[Change],
    at: Version,
    *,
    through: Mapping[str, int | None],
    left_out: Collection[str] = frozenset(),
    unseen: Unseen | None = None,
    is_last: bool = True,
) -> Step:
    """Take the changes of one message, or of some submissions.

    What opt-outs take of a signal is told apart from all that a step brings beside them.

    Args:
        state: what was known. It is taken over: the step changes it and gives it back.
        monitor: what is declared.
        changes: those of one ``ExposureBatch`` of the group, not taken before.
        at: its partition and version.
        through: reported-through days of units, at least of those where it is another than before, None where none is
            known any more; none after that of deaths, since those not yet known to be dead would count as at risk.
        left_out: all products that no other is compared with: declared classes, confirmed signals.
        unseen: of the steps before that are sent together with this one.
        is_last: whether it is the last of those. Another one looks only at what may be decided now; what is to be seen
            of all others is seen once.
    """
    unseen = unseen or Unseen()
    sums = state.sums
    told = Told(changes, monitor)
    stood = stood_as_raised(state, monitor, told)
    opted, rest = parted(changes)
    numbers = sums.add(net(rest))
    state.versions[at.partition] = max(at.version, state.versions.get(at.partition, at.version))
    others_changed = sums.leave_out(left_out)
    moved: set[str] = set()
    lost: dict[str, Lost | None] = {}
    if opted:
        # a day that is earlier now is so for who is gone: nothing else of a step takes a report away but a correction
        moved = sums.report(_later(sums, through))
        signalled = concerned(state, monitor, told)
        before = above(state, monitor, signalled, told)
        numbers |= sums.add(net(opted))
    moved |= sums.report(through)
    if opted:
        state.lost |= (taken := lost_by(state, told, before, above(state, monitor, signalled, told)))
        lost |= taken
    unseen.moved |= moved
    unseen.every |= others_changed
    unseen.places = frozenset(told.with_places_of(unseen.places))
    signals = []
    looks = {}
    looked_at = _touched(state, monitor, told) | _ended(state, monitor, moved, every=others_changed)
    if is_last:
        looked_at |= _alarmed(state, monitor, told, unseen)
    # of the whole catalogue, so only where a signal is stated by more than its use
    rejected = cache(lambda: e_bh_set(sums, monitor, far=lambda some: _far(state, told, some)))
    in_order = sorted(looked_at, key=lambda label: (KINDS.index(subject_of(label).kind), label))
    for some in together(sums, monitor, in_order):
        for place, one in enumerate(seen(state, monitor, some, told)):
            label = some.labels[place]
            look = LookAt(state, monitor, label, some.present(place), one, at=at, told=told, rejected=rejected)
            signal = look.signal(stood=stood.get(label, ()))
            if look.is_kept:
                known = state.known.get(label, Known())
                state.known[label] = Known((*known.looks, look.look), look.stream)
                looks[label] = Known((look.look,), look.stream)
            if signal is not None:
                signal = signal.with_known(state.known[label].looks)
                state.signals[label] = signal
                signals.append(signal)
                if signal.state == "withdrawn" and label in state.lost:
                    del state.lost[label]
                    lost[label] = None
    return Step(state, tuple(signals), numbers, looks, lost)


def _far(state: State, told: Told, products: Sequence[str]) -> set[str]:
    """Those of many products that e-BH rejects in no case, by when they were last looked at; of few none."""
    if len(products) <= _FEW:
        return set()
    looked_at = [one for one in products if one in state.known and one not in told.touched]
    if not looked_at:
        return set()
    last = [state.known[one].looks[-1].point for one in looked_at]
    observed, expected = np.array([(one.observed, one.expected) for one in last]).T
    return {one for one, far in zip(looked_at, is_far(observed, expected, E_BH_ALPHA).tolist(), strict=True) if far}


def _later(sums: PersonTime, through: Mapping[str, int | None]) -> dict[str, int | None]:
    """Those of some reported-through days that are later than before."""
    found: dict[str, int | None] = {}
    for unit, day in through.items():
        known = sums.through(unit)
        if day is not None and (known is None or day > known):
            found[unit] = day
    return found


def _touched(state: State, monitor: Monitor, told: Told) -> set[str]:
    """The subjects of which something is said; one that is no other's than its product's is not looked at."""
    return {label for label in told.touched if label in state.known or is_one_of_many(state.sums, monitor, label)}


def _ended(state: State, monitor: Monitor, moved: set[str], *, every: bool) -> set[str]:
    """The subjects that a level may be raised of and that are used by units whose day ended; or all of them."""
    if not moved and not every:
        return set()
    found = {label for label in state.known if is_near(state, label) or _level(state, label) == "watch"}
    return found if every else used_at(state.sums, monitor, found, moved)


def _alarmed(state: State, monitor: Monitor, told: Told, unseen: Unseen) -> set[str]:
    """The subjects at alarm of which anything is new, since who carries one now is to be seen; or whose day ended."""
    alarmed = {label for label in state.signals if _level(state, label) == "alarm"}
    new = {label for label in alarmed if told.is_new(label)}
    if unseen.every or not unseen.moved:
        return alarmed if unseen.every else new
    return new | used_at(state.sums, monitor, alarmed - new, unseen.moved)


def _level(state: State, label: str) -> Level | None:
    """The level of the signal that a subject has; None where none stands."""
    signal = state.live(label)
    return None if signal is None else signal.level
