"""In whatever order exposures become known, are corrected and retracted: hindsight is what a plain recomputation is.

The recomputation goes through every exposure day by day, from the definitions, and shares no code with the stream.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.subjects import KINDS
from streams.surveillance.bins import Bin, Change, Exposure, net
from streams.surveillance.evidence import hindsight
from streams.surveillance.expected import Baseline
from streams.surveillance.levels import Levels
from streams.surveillance.monitor import Makers, Monitor
from streams.surveillance.person_time import PersonTime
from streams.surveillance.present import present

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

quick = settings(deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])

PRODUCTS, UNITS, STRATA = ("A", "B", "C"), ("U", "V", "W"), (("F",), ("M",))
MAKERS = Makers(family={"A": "F", "B": "F"}, company={"A": "X", "B": "Y", "C": "X"})
PLANNED = 0.7
SHAPE = 3.0
PRIOR = 2.0 / 36_525  # a day
BOUNDS = [91, 182, 365, 730]  # no history here is longer
Cells = defaultdict[tuple[tuple[str, ...], int], float]


def _exposure(
    who: tuple[str, str, str, str, tuple[str, ...]], start: int, outcome: int | None, end: int | None
) -> Exposure:
    """``outcome`` and ``end`` in days after ``start``; an outcome after the end is none."""
    if outcome is not None and end is not None and end < outcome:
        outcome = None
    first = None if outcome is None else start + outcome
    stop = None if end is None else start + end
    return Exposure(*who, start, stop, "" if stop is None else "death", int(first is not None), first)


AGES = st.one_of(st.integers(0, 300), st.sampled_from([0, 1, 91, 92, 182, 183]))
EXPOSURES = st.builds(
    _exposure,
    st.tuples(
        st.sampled_from(PRODUCTS),
        st.sampled_from(["", "L", "L", "M"]),
        st.sampled_from(UNITS),
        st.sampled_from(["left", "right"]),
        st.sampled_from(STRATA),
    ),
    st.integers(1_000, 1_300),
    st.one_of(AGES, st.none()),
    st.one_of(st.none(), st.none(), AGES),
)
#: What an exposure was thought to be, one after the other; None is not there. Many are alike.
HISTORIES = st.lists(
    st.tuples(
        st.integers(1, 12), st.tuples(st.lists(st.one_of(st.none(), EXPOSURES), max_size=2), EXPOSURES, st.booleans())
    ).map(lambda drawn: (drawn[0], [*drawn[1][0], drawn[1][1], *([None] if drawn[1][2] and drawn[0] < 4 else [])])),
    min_size=4,
    max_size=9,
)
DAYS = st.tuples(
    st.fixed_dictionaries({unit: st.integers(1_100, 1_700) for unit in UNITS}),
    st.lists(st.dictionaries(st.sampled_from(UNITS), st.integers(990, 1_700)), max_size=2),
).map(lambda drawn: [drawn[0], *drawn[1]])


class Factors(NamedTuple):
    """Each unit's, by which days at risk are multiplied."""

    own: Mapping[str, float]
    others: Mapping[str, float]


@dataclass
class Day:
    """A day of a path."""

    observed: int
    expected: float
    statistic: float
    basis: str
    streams: float  # what was due by then, in planned streams


def interval(age: int) -> int:
    """The interval of so many whole days since the operation."""
    return sum(age >= bound for bound in BOUNDS)


def experience(some: Iterable[Exposure], to: int, through: Mapping[str, int]) -> tuple[Cells, Cells]:
    """Days at risk and first outcomes by stratum and interval, up to a day."""
    time: Cells = defaultdict(float)
    events: Cells = defaultdict(float)
    for one in some:
        stop = one.first_outcome if one.first_outcome is not None else one.end
        last = min(to, through.get(one.unit, 0), 10**6 if stop is None else stop)
        for day in range(one.start, last):
            time[one.by, interval(day - one.start)] += 1
        if one.first_outcome is not None and one.first_outcome <= to:
            events[one.by, interval(max(one.first_outcome - one.start - 1, 0))] += 1
    return time, events


def hazards(time: Cells, events: Cells) -> dict[tuple[tuple[str, ...], int], float]:
    found: dict[tuple[tuple[str, ...], int], float] = {}
    overall = sum(events.values()) / sum(time.values()) if sum(time.values()) else 0.0
    for stratum in STRATA:
        for j in range(len(BOUNDS) + 1):
            in_all = sum(time[s, j] for s in STRATA)
            pooled = sum(events[s, j] for s in STRATA) / in_all if in_all else overall
            found[stratum, j] = events[stratum, j] / time[stratum, j] if time[stratum, j] else pooled
    return found


def factors(others: list[Exposure], through: Mapping[str, int]) -> dict[str, float]:
    """By unit, of all data."""
    hazard = hazards(*experience(others, 10**6, through))
    due, seen = {}, {}
    for unit in UNITS:
        time, events = experience([one for one in others if one.unit == unit], 10**6, through)
        due[unit] = sum(hazard[cell] * days for cell, days in time.items())
        seen[unit] = sum(events.values())
    total, scale = sum(seen.values()), sum(due.values())
    if not total or not scale:
        return dict.fromkeys(UNITS, 1.0)
    return {unit: (SHAPE + seen[unit]) / (SHAPE + due[unit] * total / scale) for unit in UNITS}


def time_weighed(some: list[Exposure], to: int, through: Mapping[str, int], factor: Mapping[str, float]) -> Cells:
    """Days at risk, each unit's times its factor."""
    time: Cells = defaultdict(float)
    for unit in UNITS:
        for cell, days in experience([one for one in some if one.unit == unit], to, through)[0].items():
            time[cell] += days * factor[unit]
    return time


def compared(
    own: list[Exposure], others: list[Exposure], to: int, through: Mapping[str, int], factor: Factors
) -> tuple[float, ...]:
    """Observed, expected, trials, share, and the basis as a number: prior, conditional, contemporary."""
    time, events = time_weighed(own, to, through, factor.own), experience(own, to, through)[1]
    their_time, their_events = time_weighed(others, to, through, factor.others), experience(others, to, through)[1]
    hazard = hazards(their_time, their_events)
    used = {cell for cell in {*time, *events} if time[cell] > 0 or events[cell] > 0}
    observed, matched = sum(events.values()), sum(their_events[cell] for cell in used)
    share = weighed = squared = 0.0
    for cell in used:
        both = time[cell] + their_time[cell]
        share += (time[cell] / both if both else 1.0) * (events[cell] + their_events[cell])
        weight = time[cell] / their_time[cell] if their_time[cell] else 0.0
        weighed += weight * their_events[cell]
        squared += weight**2 * their_events[cell]
    if not matched:
        return observed, sum(time.values()) * PRIOR, observed, share, 0
    expected = sum(hazard[cell] * days for cell, days in time.items())
    few = (weighed**2 / squared if squared else 0.0) < 10 * observed - 1e-5 * observed
    return observed, expected, observed + matched, share, 1 if few else 2


def parted(living: list[Exposure], label: str, left_out: Collection[str]) -> tuple[list[Exposure], list[Exposure]]:
    """What is the subject's, and what it is held against."""
    kind, _, name = label.partition(":")
    in_all = [one for one in living if one.product not in left_out]
    if kind == "unit":
        return [one for one in in_all if one.unit == name], [one for one in in_all if one.unit != name]
    if kind == "lot":
        product, lot = name.split(":")
        own = [one for one in living if one.product == product]
        return [one for one in own if one.lot == lot], [one for one in own if one.lot != lot]
    made = {"family": MAKERS.family, "company": MAKERS.company}.get(kind)
    its = {label} if made is None else {product for product, maker in made.items() if maker == name}
    return [one for one in living if one.product in its], [one for one in in_all if one.product not in its]


def factors_of(living: list[Exposure], label: str, through: Mapping[str, int], left_out: Collection[str]) -> Factors:
    """A unit's own patients are not weighed; a lot's factors are its product's, and weigh the other lots too."""
    kind, _, name = label.partition(":")
    if kind == "unit":
        return Factors(dict.fromkeys(UNITS, 1.0), dict.fromkeys(UNITS, 1.0))
    found = factors(parted(living, name.split(":")[0] if kind == "lot" else label, left_out)[1], through)
    return Factors(found, found if kind == "lot" else dict.fromkeys(UNITS, 1.0))


def recomputed(living: list[Exposure], label: str, through: Mapping[str, int], left_out: Collection[str]) -> list[Day]:
    own, others = parted(living, label, left_out)
    days = [*sorted({one.first_outcome for one in own if one.first_outcome is not None}), 10**6]
    factor = factors_of(living, label, through, left_out)
    found = []
    highest, number, base = 0.0, 0, (0.0, 0.0, 0.0)
    before = base
    for day in days:
        observed, expected, trials, share, kind = compared(own, others, day, through, factor)
        highest = max(highest, share if kind == 1 else expected)
        if math.floor(highest / PLANNED) > number:
            number, base = math.floor(highest / PLANNED), before
        before = (observed, trials, share)
        c, s = max(observed - base[0], 0), share - base[2]
        n = max(trials - base[1], c)
        mean = highest - number * PLANNED
        statistic = 0.0
        if kind == 1:
            if 0 < s < n and c > s:
                statistic = c * math.log(c / s) + ((n - c) * math.log((n - c) / (n - s)) if n > c else 0.0)
        elif 0 < mean < c:
            statistic = mean - c + c * math.log(c / mean)
        basis = ("prior", "conditional", "contemporary")[int(kind)]
        found.append(Day(int(observed), expected, statistic, basis, (share if kind == 1 else expected) / PLANNED))
    return found


def on_the_edge(path: list[Day]) -> bool:
    """Whether rounding decides when a stream closes, as it may where whole multiples are reached exactly."""
    return any(abs(one.streams - round(one.streams)) < 1e-4 and round(one.streams) for one in path)


LEVELS = Levels(planned=PLANNED)
MONITOR = Monitor("cup", "x", Baseline("contemporary", (2.0,)), LEVELS, SHAPE, makers=MAKERS).beside(
    dict.fromkeys(KINDS[1:], LEVELS)
)
LABELS = (*PRODUCTS, "family:F", "company:X", "company:Y", "lot:A:L", "lot:A:M", "lot:B:L", "unit:U", "unit:V")


@settings(quick, max_examples=60)
@given(data=st.data(), histories=HISTORIES, days=DAYS)
def test_hindsight_is_what_a_recomputation_is(
    data: st.DataObject, histories: list[tuple[int, list[Exposure | None]]], days: list[dict[str, int]]
) -> None:
    parts: list[list[Change] | dict[str, int]] = list(days)
    living: list[Exposure] = []
    for many, states in histories:
        all_states = [None, *states]
        parts += [[Change("p", "r", before, after)] * many for before, after in zip(all_states, states, strict=False)]
        living += [all_states[-1]] * many if all_states[-1] is not None else []
    through: dict[str, int] = {}
    for one in days:
        through |= one
    mixed, plain = PersonTime(), PersonTime()
    told = iter(days)
    for part in data.draw(st.permutations(parts)):
        if isinstance(part, dict):
            mixed.report(next(told))  # days in their order, changes in any
        else:
            mixed.add(net(part))
        if data.draw(st.booleans()):
            with np.errstate(all="ignore"):  # in any order there are fewer than none at times
                hindsight(mixed, MONITOR, "A")  # what was worked out once must not stay
    left_out = data.draw(st.sampled_from([(), (), ("C",), ("A", "C")]))
    mixed.leave_out(left_out)
    plain.leave_out(left_out)
    plain.report(through)
    plain.add(net(Change("p", "r", None, one) for one in living))
    for label in (*data.draw(st.permutations(LABELS))[:3], "lot:A:L", "unit:U"):
        path = hindsight(mixed, MONITOR, label)
        assert path.points() == hindsight(plain, MONITOR, label).points()
        now = present(mixed, MONITOR, label).compared
        assert (now.observed[0], now.expected[0], now.basis[0]) == (
            path.compared.observed[-1], path.compared.expected[-1], path.compared.basis[-1],
        )  # fmt: skip
        expected = recomputed(living, label, through, left_out)
        points = path.points()
        assert [(one.observed, one.basis) for one in points] == [(one.observed, one.basis) for one in expected]
        assert [one.expected for one in points] == pytest.approx([one.expected for one in expected], rel=5e-6, abs=1e-8)
        if not on_the_edge(expected):
            assert [one.statistic for one in points] == pytest.approx(
                [one.statistic for one in expected], rel=1e-4, abs=1e-4
            )


@settings(quick, max_examples=100)
@given(histories=HISTORIES, seed=st.randoms(use_true_random=False))
def test_numbers_of_kinds_are_those_of_the_living(
    histories: list[tuple[int, list[Exposure | None]]], seed: object
) -> None:
    changes = [
        Change("p", "r", before, after)
        for many, states in histories
        for before, after in zip([None, *states], states, strict=False)
        for _ in range(many)
    ]
    seed.shuffle(changes)  # type: ignore[attr-defined]
    sums = PersonTime()
    kept: dict[Bin, int] = {}
    for change in changes:
        kept |= sums.add(net([change]))
    living = Counter[Bin]()
    for many, states in histories:
        if states and states[-1] is not None:
            living.update(net([Change("p", "r", None, states[-1])] * many))
    assert {kind: number for kind, number in kept.items() if number} == dict(living)
