"""Which components there are, from when until when, and which of them a surgeon takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.surveillance.intervals import YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.surveillance.simulation.plan import Plan

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_QUARTER = YEAR / 4
_RAMP = 2 * YEAR  # until a new component is used as much as it will be
_SPREAD_OF_USE = 1.5  # standard deviation of the logarithm: a tenth of the components have about two thirds of all use
_TASTE_OF_UNIT = 6.0  # likewise between units: each has a few that it mostly takes
_TASTE_OF_SURGEON = 1.0  # and between its surgeons
_AT_ONE_UNIT = 20.0  # how much more than its use elsewhere would have been the one unit uses of such a component


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The components of one kind.

    Attributes:
        introduced: day of the first use at the earliest; those of the start are older than the registry, -1.
        given_up: day from which it is used no more.
        only_unit: the unit that alone uses it; -1 for all units.
        weight: how much each surgeon would use it, a row for each surgeon.
        family: number of its family.
        company: number of its family's company.
    """

    introduced: Ints
    given_up: Ints
    only_unit: Ints
    weight: Floats
    family: Ints
    company: Ints


def invented_catalogue(plan: Plan, rng: np.random.Generator) -> list[Catalogue]:
    """A catalogue for each kind of component."""
    shares = np.array([share for _, share in plan.kinds])
    at_start = _split(plan.components, shares)
    every_year = [_split_at_random(_some(plan, rng), shares, rng) for _ in range(plan.run_in + plan.years)]
    alone = _split(plan.at_one_unit, shares)
    return [
        _of_kind(plan, int(at_start[kind]), [int(new[kind]) for new in every_year], int(alone[kind]), rng)
        for kind in range(shares.size)
    ]


def chosen(catalogue: Catalogue, day: Ints, surgeon: Ints, rng: np.random.Generator) -> Ints:
    """The component of each operation; a new one is used more and more over its first two years.

    Args:
        catalogue: of the kind.
        day: of the operations, ascending.
        surgeon: who operates.
        rng: random numbers.
    """
    found = np.empty(day.size, dtype=np.int64)
    drawn = rng.random(day.size)
    quarter = (day / _QUARTER).astype(np.int64)
    for number in np.unique(quarter):
        at = slice(*np.searchsorted(quarter, [number, number + 1]))
        middle = (number + 0.5) * _QUARTER
        used_for = np.clip((middle - catalogue.introduced) / _RAMP, 0.0, 1.0)
        used_for[catalogue.introduced < 0] = 1.0
        up_to = np.cumsum(catalogue.weight * (used_for * (middle < catalogue.given_up)), axis=1)
        wanted = drawn[at] * up_to[surgeon[at], -1]
        found[at] = (up_to[surgeon[at]] <= wanted[:, None]).sum(axis=1)
    return found


def _of_kind(plan: Plan, at_start: int, new: list[int], alone: int, rng: np.random.Generator) -> Catalogue:
    many = at_start + sum(new)
    introduced, given_up = np.full(many, -1), np.full(many, plan.days + 1)
    on_sale = list(range(at_start))
    following = at_start
    for year, count in enumerate(new):
        since, until = int(year * YEAR), int((year + 1) * YEAR)
        ended = rng.choice(on_sale, min(count, len(on_sale) - 1), replace=False)
        given_up[ended] = rng.integers(since, until, ended.size)
        on_sale = [one for one in on_sale if one not in set(ended.tolist())]
        introduced[following : following + count] = rng.integers(since, until, count)
        on_sale += range(following, following + count)
        following += count
    only_unit = np.full(many, -1)
    only_unit[rng.choice(many, min(alone, many), replace=False)] = rng.integers(0, plan.units, min(alone, many))
    use = np.exp(rng.normal(0.0, _SPREAD_OF_USE, many))
    unit = np.arange(plan.units * plan.surgeons) // plan.surgeons
    taste = rng.normal(0.0, _TASTE_OF_UNIT, (plan.units, many))[unit]
    taste = np.exp(taste + rng.normal(0.0, _TASTE_OF_SURGEON, (unit.size, many)))
    here = np.where(only_unit < 0, 1.0, np.where(unit[:, None] == only_unit, _AT_ONE_UNIT, 0.0))
    family = rng.integers(0, max(many // plan.per_family, 1), many)
    company = rng.integers(0, plan.companies, int(family.max()) + 1)[family]
    return Catalogue(introduced, given_up, only_unit, use * taste * here, family, company)


def _some(plan: Plan, rng: np.random.Generator) -> int:
    return int(rng.integers(plan.new_a_year[0], plan.new_a_year[1] + 1))


def _split(total: int, shares: Floats) -> Ints:
    """A total by shares, in whole numbers that add up to it."""
    upto = np.rint(np.cumsum(shares) / shares.sum() * total).astype(np.int64)
    found: Ints = np.diff(upto, prepend=0)
    return found


def _split_at_random(total: int, shares: Floats, rng: np.random.Generator) -> Ints:
    return rng.multinomial(total, shares / shares.sum()).astype(np.int64)
