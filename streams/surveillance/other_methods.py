"""What other methods than the default say of a subject: evidence, with all that is known now. They raise no level.

They take the hazards and unit factors of the present, as exactly known; the default method allows for a comparator
that is an estimate too. Who has opted out is not in them.
"""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schemas.subjects import subject_of
from streams.statistics.rates import Experience, aoanjrr_stage_one, njr_level
from streams.statistics.sequential import e_benjamini_hochberg, poisson_e_process
from streams.surveillance.charts import CAP, Chart, charts
from streams.surveillance.early import early_outcomes
from streams.surveillance.evidence import per_year
from streams.surveillance.expected import Comparison
from streams.surveillance.extent import compared_with, rows_of
from streams.surveillance.intervals import YEAR
from streams.surveillance.levels import statistic, stream_by_stream
from streams.surveillance.present import together

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from streams.surveillance.evidence import Path
    from streams.surveillance.levels import Levels
    from streams.surveillance.monitor import Monitor
    from streams.surveillance.person_time import PersonTime
    from streams.surveillance.present import Present

    Floats = NDArray[np.float64]
    Ints = NDArray[np.integer]

E_BH_ALPHA = 0.05
"""The false discovery rate of the set that stands beside signals."""

_RATIO = 2.0  # of rates, for both registries' rules
_NJR_MANY, _NJR_RATIO_OF_MANY = 100, 1.5
_MOST = 700.0  # e to the power of more is beyond a float


class Method(NamedTuple):
    """What one method says.

    Attributes:
        name: of the method.
        statistic: its value now; None where it has none, as the note says.
        threshold: from where on it signals.
        reached: whether it does; of a method that is looked at again and again, whether it ever did.
        day: the first day on which it did; None where it has not, or knows no days.
        note: what else there is to say.
    """

    name: str
    statistic: float | None
    threshold: float
    reached: bool
    day: int | None
    note: str


class InStream(NamedTuple):
    """What the default method's statistic is worked out from now: what came since its stream began.

    Attributes:
        conditional: whether it is the binomial one, of observed among trials with share expected; else of observed and
            expected.
        observed: first outcomes.
        expected: how many were to be expected.
        trials: those of the comparator too.
        share: how many of these were to be expected among its own.
    """

    conditional: bool
    observed: float
    expected: float
    trials: float
    share: float


def other_methods(sums: PersonTime, monitor: Monitor, label: str, now: Present, path: Path) -> tuple[Method, ...]:
    """All of them.

    Args:
        sums: what is known.
        monitor: what is declared.
        label: the subject's.
        now: how it stands.
        path: its hindsight path, whole.
    """
    rows, compared = rows_of(sums, monitor, label), compared_with(sums, monitor, label)
    others = monitor.others
    drawn = charts(sums, rows, now, path)
    since = f"hazard ratio {drawn.hazard_ratio:.3g}, at most {CAP:g}, since those begun on {_date(drawn.since)}"
    e_process = Chart(path.days, log_e(path.compared.observed, path.compared.expected))
    return (
        *_registries_rules(sums, rows, compared, now),
        _other_maxsprt(sums, monitor.of(subject_of(label).kind).levels, rows, path),
        _charted("bk_cusum", drawn.bk, others.bk_cusum, "for twice the hazard"),
        _charted(
            "cgr_cusum", drawn.cgr, others.cgr_cusum, since if drawn.since is not None else "no more than expected"
        ),
        _charted(
            "bernoulli_cusum",
            early_outcomes(sums, monitor.of(subject_of(label).kind), rows, compared, now),
            others.bernoulli_cusum,
            "for twice the odds of an outcome within 30 days",
        ),
        _charted("e_process", e_process, -math.log(others.alpha), "logarithm"),
        _charted("e_detector", drawn.detector, math.log(others.run_length), "logarithm; a bet from each quarter on"),
    )


def e_bh_set(
    sums: PersonTime,
    monitor: Monitor,
    alpha: float = E_BH_ALPHA,
    *,
    far: Callable[[Sequence[str]], set[str]] | None = None,
) -> frozenset[str]:
    """The products that are rejected by e-BH over the group's catalogue, as it stands now.

    Each product with an exposure counts, with its present E; so the set is of this moment, and nothing is kept of it.

    Args:
        sums: what is known.
        monitor: what is declared.
        alpha: false discovery rate, between 0 and 1.
        far: of some products, those whose E is known to be nowhere near 1/alpha, below which nothing is rejected.
    """
    bins = sums.bins
    product, many = bins.column("product"), len(bins.products.all)
    used = np.bincount(product, bins.column("count"), many) > 0
    with_outcome = np.bincount(product, bins.column("count") * bins.column("event"), many) > 0
    products = [bins.products.all[one] for one in np.flatnonzero(used).tolist()]
    # one without an outcome has an E of 1 at most, and only 1/alpha counts
    had_one = sorted(bins.products.all[one] for one in np.flatnonzero(with_outcome).tolist())
    left = far(had_one) if far else set()
    near = [product for product in had_one if product not in left]
    if not near:
        return frozenset()
    compared = [some.compared for some in together(sums, monitor, near)]
    found = np.concatenate([np.stack((one.observed, one.expected), axis=1) for one in compared])
    of_those = dict(zip(near, log_e(found[:, 0], found[:, 1]).tolist(), strict=True))
    values = [of_those.get(product, 0.0) for product in products]
    rejected = e_benjamini_hochberg(np.exp(np.minimum(values, _MOST)), alpha=alpha)
    return frozenset(product for product, is_rejected in zip(products, rejected.tolist(), strict=True) if is_rejected)


def is_far(observed: Floats, expected: Floats, alpha: float) -> NDArray[np.bool_]:
    """Whether E was so far from 1/alpha that it has not come there since without another outcome.

    As time passes more is expected, and E falls; it rises only as others turn out to fare better than was known: by
    what is left for here, if they fare twice as well or more.
    """
    return log_e(observed, expected / 2) < -math.log(alpha)


def log_e(observed: Floats, expected: Floats) -> Floats:
    """The logarithm of E, of each; 0 where nothing was expected, since nobody was at risk as far as is known."""
    found = np.zeros(observed.size)
    at_risk = expected > 0
    if at_risk.any():
        found[at_risk] = poisson_e_process(observed[at_risk], expected[at_risk])
    return found


def unresolved_bounds(path: Path, most: int, levels: Levels) -> tuple[float, ...]:
    """The path's last statistic, if 0, 1, 2, … outcomes that fit no operation were this subject's.

    The basis stays as it is, and none of them is taken to have been expected: no way of resolving them gives more.

    Args:
        path: the subject's hindsight path, whole.
        most: up to how many.
        levels: those of its kind, by which its streams close.
    """
    last = Comparison(
        *(np.repeat(getattr(path.compared, field.name)[-1:], most + 1, axis=0) for field in fields(Comparison))
    )
    added = np.arange(most + 1)
    last = replace(last, observed=last.observed + added, trials=last.trials + added)
    due = np.repeat(np.maximum.accumulate(path.compared.due)[-1:], most + 1)  # as streams take it
    return tuple(statistic(last, path.tested.streams[-1:] * (most + 1), due, levels.planned).tolist())


def in_stream(path: Path, levels: Levels) -> InStream:
    """What the path's last statistic is worked out from."""
    compared, began = path.compared, path.tested.streams[-1]
    observed = max(float(compared.observed[-1]) - began.observed, 0.0)
    return InStream(
        bool(compared.basis[-1] == "conditional"),
        observed,
        float(compared.due.max()) - began.number * levels.planned,
        max(float(compared.trials[-1]) - began.trials, observed),
        float(compared.share[-1]) - began.share,
    )


def _registries_rules(sums: PersonTime, rows: Ints, compared: Ints, now: Present) -> tuple[Method, Method]:
    """AOANJRR's first stage, and NJR's levels; the group is the comparator and the subject."""
    count = sums.bins.column("count")
    own = Experience(int(count[rows].sum()), int(now.compared.observed[0]), now.time / YEAR)
    group = Experience(
        own.primaries + int(count[compared].sum()),
        own.revisions + int(now.others.events.sum()),
        (now.time + now.others_time) / YEAR,
    )
    many = own.primaries >= _NJR_MANY
    return _aoanjrr(own, group), _njr(own, group, _NJR_RATIO_OF_MANY if many else _RATIO)


def _aoanjrr(own: Experience, group: Experience) -> Method:
    name = "aoanjrr_stage_one"
    try:
        found = aoanjrr_stage_one(own, group)
    except ValueError as error:
        return Method(name, None, _RATIO, False, None, str(error))
    note = "; ".join((*found.reasons, f"p = {found.p_value:.3g}"))
    return Method(name, found.ratio if math.isfinite(found.ratio) else None, _RATIO, found.flagged, None, note)


def _njr(own: Experience, group: Experience, threshold: float) -> Method:
    if own.component_years == 0 or group.revisions == 0:
        return Method("njr", None, threshold, False, None, "nobody at risk, or nobody in the group revised")
    ratio = (own.revisions * group.component_years) / (group.revisions * own.component_years)
    level = njr_level(own, group)
    note = "no outlier" if level is None else f"level {level}"
    return Method("njr", ratio, threshold, level is not None, None, f"{note}, {own.primaries} primaries")


def _other_maxsprt(sums: PersonTime, levels: Levels, rows: Ints, path: Path) -> Method:
    """MaxSPRT in the form that the default does not use now, on all days, with streams of its own."""
    was_conditional = path.compared.basis[-1] == "conditional"
    name, basis = ("poisson_maxsprt", "contemporary") if was_conditional else ("conditional_maxsprt", "conditional")
    compared = replace(path.compared, basis=np.full(path.days.size, basis))
    tested = stream_by_stream(compared, levels.planned)
    first = int(sums.bins.column("start")[rows].min(initial=path.days[-1]))
    watch = levels.thresholds(per_year(compared.due, path.days, first))["watch"]
    above = np.flatnonzero(tested.statistic >= watch)
    others = int(compared.trials[-1] - compared.observed[-1])
    note = f"{compared.due[-1]:.3g} expected" + ("" if was_conditional else f" of {others} others' and its own")
    return Method(
        name,
        float(tested.statistic[-1]),
        float(watch[-1]),
        above.size > 0,
        int(path.days[above[0]]) if above.size else None,
        note,
    )


def _charted(name: str, chart: Chart, threshold: float, note: str) -> Method:
    if not chart.days.size:
        return Method(name, None, threshold, False, None, "no exposure has been followed so long")
    highest = int(np.argmax(chart.value))
    note = f"{note}; highest {chart.value[highest]:.3g} on {_date(int(chart.days[highest]))}"
    day = chart.reached(threshold)
    return Method(name, float(chart.value[-1]), threshold, day is not None, day, note)


def _date(day: int | None) -> str:
    return "" if day is None else str(np.datetime64(day, "D"))
