"""Charts of one subject over its exposures one by one: CUSUMs in continuous time, and an e-detector.

The cumulative hazard that they need is exact, whatever the strata and units: on every day each exposure adds the
hazard of its own stratum and interval, times its unit's factor, as is now known of the comparator. So the intensity of
those who began on some days is a sum by stratum, not that of one standardised hazard, and where all strata and units
are alike it is what `streams.statistics.cusum` makes of the cumulative hazard. As everywhere, an exposure is at risk
to its unit's reported-through day only, and an outcome counts at once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.statistics.cusum_charts import bk_chart
from streams.statistics.evidence import evidence
from streams.statistics.sequential import e_detector
from streams.surveillance.intervals import INTERVALS, spans
from streams.surveillance.running import come_by, grown_by

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.evidence import Path
    from streams.surveillance.person_time import PersonTime
    from streams.surveillance.present import Present

    Floats = NDArray[np.float64]
    Ints = NDArray[np.integer]

THETA = math.log(2)
"""The log hazard ratio that the BK-CUSUM looks for."""
CAP = 6.0
"""The highest hazard ratio that the CGR-CUSUM believes."""
_FINE = 2.0**34
_ROOM = 1 << 20  # numbers by day and first entry that are worked out together


class Chart(NamedTuple):
    """A chart.

    Attributes:
        days: ascending; a day may come more than once.
        value: the chart at the end of each.
    """

    days: Ints
    value: Floats

    def reached(self, threshold: float) -> int | None:
        """The first day on which it was at the threshold or above; None where it never was."""
        at = np.flatnonzero(self.value >= threshold)
        return int(self.days[at[0]]) if at.size else None


class Charts(NamedTuple):
    """The charts in calendar time.

    Attributes:
        bk: BK-CUSUM on each day of the hindsight path, and at the end of each calendar quarter.
        cgr: CGR-CUSUM, likewise.
        since: the first day of those whose outcomes are the CGR-CUSUM's evidence now; None where there is none.
        hazard_ratio: theirs, from 1 to the cap.
        detector: logarithm of the e-detector at the end of each quarter, and now.
    """

    bk: Chart
    cgr: Chart
    since: int | None
    hazard_ratio: float
    detector: Chart


def charts(sums: PersonTime, rows: Ints, now: Present, path: Path) -> Charts:
    """The charts of a subject with all that is known now.

    Args:
        sums: what is known.
        rows: of its exposures' kinds.
        now: how it stands.
        path: its hindsight path, whole.
    """
    bins = sums.bins
    start, stop, count, stratum, unit = (
        bins.column(name)[rows] for name in ("start", "stop", "count", "stratum", "unit")
    )
    failed = bins.column("event")[rows] == 1
    found = spans(start, start, sums.until(rows))
    hazard = now.compared.hazard[0][stratum[found.row] * INTERVALS + found.interval] * now.factors[unit[found.row]]
    weight = np.rint(hazard * _FINE) / _FINE * count[found.row]  # sums are exact, and so the same in any order

    first, last = int(start.min(initial=path.days[-1])), int(path.days[-1])
    quarters = _quarter_ends(first, last)
    days = np.union1d(path.days, quarters)
    # A start of the CGR-CUSUM on a day of entry without an outcome has as many outcomes as one on the next such day
    # that has one, and more are expected. So exposures count from one such day to the next together; those before the
    # first are in column 0.
    entries = np.unique(start[failed])
    column, columns = np.searchsorted(entries, start, side="right"), entries.size + 1
    at_once = max(1, _ROOM // columns)
    failures, due, best = np.empty(days.size, dtype=np.int64), np.empty(days.size), []
    for part in (slice(at, at + at_once) for at in range(0, days.size, at_once)):
        came = come_by(days[part], stop[failed], count[failed], column=column[failed], columns=columns)
        grew = grown_by(days[part], found.enter, found.leave, weight, column=column[found.row], columns=columns)
        failures[part], due[part] = came.sum(axis=1), grew.sum(axis=1)
        best.append(_most_evidence(came, grew))
    value = np.concatenate([one.value for one in best])
    at_quarters = np.searchsorted(days, quarters)
    return Charts(
        Chart(days, bk_chart(failures, due, THETA)),
        Chart(days, value),
        int(entries[best[-1].start[-1]]) if value[-1] > 0 else None,
        float(best[-1].hazard_ratio[-1]),
        Chart(quarters, e_detector(*(np.diff(total[at_quarters], prepend=0) for total in (failures, due)))),
    )


class _Evidence(NamedTuple):
    """The largest evidence of the CGR-CUSUM on each of some days.

    Attributes:
        value: how large.
        start: which of the entries it is counted from.
        hazard_ratio: the likeliest of those who began since.
    """

    value: Floats
    start: Ints
    hazard_ratio: Floats


def _most_evidence(failures: Floats, due: Floats) -> _Evidence:
    """The largest evidence on each day, of what happened by day and column; a start in column 0 has none."""
    days, columns = failures.shape
    if columns == 1:
        return _Evidence(np.zeros(days), np.zeros(days, dtype=np.intp), np.ones(days))
    since, due_since = (np.cumsum(part[:, :0:-1], axis=1)[:, ::-1] for part in (failures, due))
    found, ratio = evidence(since.astype(np.int64), due_since, CAP)
    start = np.argmax(found, axis=1)
    every = np.arange(days)
    return _Evidence(found[every, start], start, ratio[every, start])


def _quarter_ends(first: int, last: int) -> Ints:
    """The last days of the calendar quarters from that of the first day on, and the last day in place of its own's."""
    quarter, until = (
        int(np.datetime64(day, "D").astype("datetime64[M]").astype(np.int64)) // 3 for day in (first, last)
    )
    begun = 3 * np.arange(quarter + 1, until + 1)
    return np.append(begun.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) - 1, last)
