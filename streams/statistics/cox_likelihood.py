"""The partial likelihood of Cox's model, summed over risk sets without a loop over rows.

A risk set's sum is a difference of running sums: of all who end at or after the time, less those who enter at or
after it. The information needs no running sum of squares of covariates: summed over events it is the square of each
person's covariates times the hazard that the person has collected, less the squares of the risk sets' means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.statistics.newton import Terms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Shares:
    """What the events of one time take from their risk set.

    Attributes:
        denominator: sum of exp(βx) that each event was drawn from, one for each event.
        mean: the risk set's mean of the covariates, weighted by exp(βx), one row for each event.
        fraction: the part of the tied events' own weight that was taken out (Efron), one for each event.
        weight: exp(βx) of each row.
    """

    denominator: Floats
    mean: Floats
    fraction: Floats
    weight: Floats


class PartialLikelihood:
    """The data of one fit, sorted once.

    Attributes:
        deaths: how many events there are.
        event_time: the time of each event, ascending within each stratum.
    """

    def __init__(
        self, end: Floats, event: Bools, x: Floats, start: Floats | None, stratum: Counts, *, efron: bool
    ) -> None:
        # a time and its stratum in one number, so that a single sort serves all strata
        moments = np.unique(end if start is None else np.concatenate((end, start)))
        width = moments.size
        key = stratum * width + np.searchsorted(moments, end)
        self._order = np.argsort(key, kind="stable")
        self._x, self._event, self._efron = x[self._order], event[self._order], efron
        key = key[self._order]
        self._keys, self._slot, self._deaths = np.unique(key[self._event], return_inverse=True, return_counts=True)
        closing = (self._keys // width + 1) * width
        self._ends = np.searchsorted(key, self._keys), np.searchsorted(key, closing)
        self._last_slot = np.searchsorted(self._keys, key, side="right")
        if start is None:
            self._entry_order = None
            self._first_slot = np.searchsorted(self._keys, stratum[self._order] * width)
            self._starts = self._ends
        else:
            entered = (stratum * width + np.searchsorted(moments, start))[self._order]
            self._entry_order = np.argsort(entered, kind="stable")
            self._first_slot = np.searchsorted(self._keys, entered, side="right")
            entered = entered[self._entry_order]
            self._starts = np.searchsorted(entered, self._keys), np.searchsorted(entered, closing)
        self.deaths = int(self._event.sum())
        self.event_time = end[self._order][self._event]
        self._start, self._end = start, end
        # each event's place among those of its time: 0, 1, … of d
        firsts = np.concatenate(([0], np.cumsum(self._deaths)[:-1]))
        self._fraction = (np.arange(self.deaths) - firsts[self._slot]) / self._deaths[self._slot]

    def terms(self, beta: Floats, per_time: Floats | None = None) -> Terms:
        """Log likelihood, score and information; each event's part of the last two times ``per_time``, if given."""
        shares = self._shares(beta)
        factor = np.ones(self.deaths) if per_time is None else per_time[self._slot]
        predicted = self._x[self._event] @ beta
        log_likelihood = float(predicted.sum() - np.log(shares.denominator).sum())
        score = factor @ (self._x[self._event] - shares.mean)
        hazard = shares.weight * self._collected(shares, factor)
        information = (self._x.T * hazard) @ self._x - (shares.mean.T * factor) @ shares.mean
        return Terms(log_likelihood, score, information)

    def expected(self, beta: Floats) -> Floats:
        """Each person's cumulative hazard, in the order of the input."""
        shares = self._shares(beta)
        found = np.empty(self._order.size)
        found[self._order] = shares.weight * self._collected(shares, np.ones(self.deaths))
        return found

    def schoenfeld(self, beta: Floats) -> Floats:
        """Each event's covariates less the mean of its risk set; tied events share one mean."""
        mean = np.empty((self._keys.size, self._x.shape[1]))
        for column, values in enumerate(self._shares(beta).mean.T):
            mean[:, column] = np.bincount(self._slot, weights=values) / self._deaths
        residuals: Floats = self._x[self._event] - mean[self._slot]
        return residuals

    def share_failed_before(self) -> Floats:
        """1 - S(t-) at each event time of each stratum, by the Kaplan-Meier curve of all strata together."""
        time, count = np.unique(self.event_time, return_counts=True)
        at_risk = self._end.size - np.searchsorted(np.sort(self._end), time)
        if self._start is not None:
            at_risk -= self._start.size - np.searchsorted(np.sort(self._start), time)
        before = np.concatenate(([1.0], np.cumprod(1 - count / at_risk)))[np.searchsorted(time, self.event_time)]
        share = np.empty(self._keys.size)
        share[self._slot] = 1 - before
        return share

    def mean_over_events(self, per_time: Floats) -> float:
        """The mean over events of a number that each event time has."""
        return float(per_time @ self._deaths / self.deaths)

    def _shares(self, beta: Floats) -> _Shares:
        predicted = self._x @ beta
        weight = np.exp(predicted)
        weighted = weight[:, None] * self._x
        whole, whole_x = self._risk_sums(weight), self._risk_sums(weighted)
        if not self._efron:
            denominator = whole[self._slot]
            return _Shares(denominator, whole_x[self._slot] / denominator[:, None], np.zeros(self.deaths), weight)
        tied = np.bincount(self._slot, weights=weight[self._event])
        tied_x = np.column_stack([np.bincount(self._slot, weights=values) for values in weighted[self._event].T])
        denominator = whole[self._slot] - self._fraction * tied[self._slot]
        mean = (whole_x[self._slot] - self._fraction[:, None] * tied_x[self._slot]) / denominator[:, None]
        return _Shares(denominator, mean, self._fraction, weight)

    def _risk_sums(self, values: Floats) -> Floats:
        """Sums over those at risk at each event time."""
        first, stop = self._ends
        running = np.concatenate((np.zeros_like(values[:1]), np.cumsum(values, axis=0)))
        sums: Floats = running[stop] - running[first]
        if self._entry_order is None:
            return sums
        first, stop = self._starts
        running = np.concatenate((np.zeros_like(values[:1]), np.cumsum(values[self._entry_order], axis=0)))
        sums -= running[stop] - running[first]
        return sums

    def _collected(self, shares: _Shares, factor: Floats) -> Floats:
        """The baseline hazard that each row has been under, an event's own time only by the part not taken out."""
        step = np.bincount(self._slot, weights=factor / shares.denominator)
        running = np.concatenate(([0.0], np.cumsum(step)))
        collected: Floats = running[self._last_slot] - running[self._first_slot]
        spared = np.bincount(self._slot, weights=factor * shares.fraction / shares.denominator)
        collected[self._event] -= spared[self._slot]
        return collected
