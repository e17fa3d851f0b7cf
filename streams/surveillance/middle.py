"""Whether submissions that came together may decide something one by one that they do not decide together.

A level is raised by the submission that first reaches it. Of many that are taken as one step only the end is seen, so
a step is cut in two where its middle may have come further: where outcomes come so near a level as all of them would
with nothing more expected than before, or where the data of a subject with a signal are corrected.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from schemas.subjects import KINDS, subject_of
from streams.surveillance.corrections import Told, is_first_outcome
from streams.surveillance.evidence import per_year
from streams.surveillance.levels import LEVELS, statistic
from streams.surveillance.present import together
from streams.surveillance.state import Known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.surveillance.bins import Change
    from streams.surveillance.monitor import Monitor
    from streams.surveillance.present import Together
    from streams.surveillance.state import State

_FEW = 1.0  # expected outcomes, below which one exposure more or less changes much
_NEAR = 0.75  # of the threshold of a level: without an outcome of its own no subject comes so far in a day


def may_decide(state: State, monitor: Monitor, changes: Sequence[Change]) -> bool:
    """Whether changes that are not taken yet may raise a level, or end a signal, before the last of them.

    Args:
        state: what is known before them.
        monitor: what is declared.
        changes: of several submissions, in their order.
    """
    told = Told((one for one in changes if one.before is not None), monitor)
    if any(_hangs_on_one(state, label) for label in (*told.corrections, *told.gone)):
        return True
    if any(_waits_for_time(state, monitor, label) for label in state.known):
        return True
    outcomes = Counter(
        label
        for one in changes
        if one.after is not None and is_first_outcome(one)
        for label in monitor.labels(one.after.product, one.after.lot, one.after.unit)
    )
    labels = [label for label, number in outcomes.items() if _has_enough(state, monitor, label, number)]
    labels.sort(key=lambda label: KINDS.index(subject_of(label).kind))
    return any(_comes_near(state, monitor, some, outcomes) for some in together(state.sums, monitor, labels))


def _hangs_on_one(state: State, label: str) -> bool:
    """Whether what becomes of a single exposure of a subject may decide."""
    looks = state.known.get(label, Known()).looks
    return state.live(label) is not None or is_near(state, label) or (bool(looks) and looks[-1].point.expected < _FEW)


def _waits_for_time(state: State, monitor: Monitor, label: str) -> bool:
    """Whether a subject has had outcomes, but nothing was expected yet: its first day at risk may take it anywhere."""
    point = state.known[label].looks[-1].point
    return point.expected <= 0 and _has_enough(state, monitor, label, 0)


def is_near(state: State, label: str) -> bool:
    """Whether a subject was near watch when it was last looked at."""
    looks = state.known.get(label, Known()).looks
    return bool(looks) and looks[-1].point.statistic >= _NEAR * looks[-1].point.watch


def _has_enough(state: State, monitor: Monitor, label: str, more: int) -> bool:
    """Whether a subject has a level left to reach, and with these the outcomes that it takes."""
    signal = state.live(label)
    if signal is not None and signal.level == LEVELS[-1]:
        return False
    looks = state.known.get(label, Known()).looks
    observed = looks[-1].point.observed if looks else 0
    return observed + more >= monitor.of(subject_of(label).kind).fewest


def _comes_near(state: State, monitor: Monitor, some: Together, outcomes: Mapping[str, int]) -> bool:
    levels, before = monitor.of(some.kind).levels, some.compared
    more = np.array([outcomes[label] for label in some.labels], dtype=np.float64)
    compared = replace(before, observed=before.observed + more, trials=before.trials + more)
    streams = [state.known.get(label, Known()).stream for label in some.labels]
    found = statistic(compared, streams, before.due, levels.planned)
    found[before.due <= 0] = np.inf  # nothing was expected yet
    thresholds = levels.thresholds(per_year(before.due, some.last, some.first))
    signals = (state.live(label) for label in some.labels)
    wanted = np.array([thresholds["watch" if one is None else "alarm"][at] for at, one in enumerate(signals)])
    return bool((found >= _NEAR * wanted).any())
