"""Many invented registries at once, each in a process; the certificate that comes of them."""

from __future__ import annotations

import math
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from deploy import kept_runs
from schemas.definition.generation import hash_of_watching
from streams.surveillance.expected import Baseline
from streams.surveillance.simulation.certificate import Certificate, as_json
from streams.surveillance.simulation.judge import judge
from streams.surveillance.simulation.plan import Plan
from streams.surveillance.simulation.runs import FEWEST, PLANNED, run
from streams.surveillance.simulation.watching import Watching, watching_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from streams.surveillance.simulation.runs import Run

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_FEWEST = 4  # histories: thresholds are solved on one half of them and measured on the other


class NothingToSimulateError(Exception):
    """A registry declares no monitor group of implants or treatments of one product."""


def plan_of(definition: RegistryDefinition) -> Plan:
    """A national registry with the monitor groups that a registry declares.

    The catalogue's components are split evenly among the groups of one product; groups of products that make up
    something together, such as cup and stem, are put together of these.

    Raises:
        NothingToSimulateError: it declares none of one product.
    """
    primary = {name: one.product for name, one in definition.monitors.exposures.items() if one.class_name == "primary"}
    fields = {products[0]: name for name, products in primary.items() if len(products) == 1}
    if not fields:
        raise NothingToSimulateError("no exposure of one product is declared in monitors.yaml: nothing to simulate")
    constructs = tuple(
        tuple(fields[product] for product in products)
        for products in primary.values()
        if len(products) > 1 and set(products) <= set(fields)
    )
    return Plan(kinds=tuple((name, 1.0) for name in fields.values()), constructs=constructs)


def declared_watching(definition: RegistryDefinition, plan: Plan) -> Watching:
    """How a registry's monitors watch, as far as it can be simulated; as the first of them where they differ.

    What the certificate holds of others, or cannot say of this one, is told wherever it is named.
    """
    for one in definition.monitors.monitors.values():
        return Watching(Baseline(one.baseline, one.rates), one.unit_shape)
    return watching_of(plan)


def histories_of(plan: Plan, years: int) -> int:
    """How many histories make up so many catalogue-years; four at least."""
    return max(math.ceil(years / plan.years), _FEWEST)


def simulate(
    plan: Plan,
    *,
    histories: int,
    seed: int,
    processes: int,
    planned: float = PLANNED,
    watching: Watching | None = None,
    keep: Path | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> list[Run]:
    """Run so many histories, some at once.

    What comes of it depends on the seed, not on how many run at once, nor on how often it was cut short.

    Args:
        plan: what is invented.
        histories: how many.
        seed: of all random numbers.
        processes: how many run at once.
        planned: expected outcomes at which the monitor's streams close.
        watching: how it watches; as where nothing is declared if left out.
        keep: a folder for each history once it is done; those that are there already are not simulated again.
        on_progress: told how many histories are done.

    Raises:
        OtherRunsError: the folder holds histories of something else.
    """
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    watching = watching or watching_of(plan)
    name = kept_runs.name_of(plan, seed, planned, watching)
    seeds = np.random.SeedSequence(seed).spawn(histories)
    found = []
    for variable in _ONE_THREAD:  # read when a process loads numpy: histories are what runs side by side
        os.environ.setdefault(variable, "1")
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=fresh) as pool:
        waiting = [
            pool.submit(
                _one,
                (plan, one, number, planned, watching),
                None if keep is None else (kept_runs.path_of(keep, number), name),
            )
            for number, one in enumerate(seeds)
        ]
        try:
            for done in waiting:
                found.append(done.result())
                on_progress(len(found))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


def _one(history: tuple[Plan, np.random.SeedSequence, int, float, Watching], place: tuple[Path, str] | None) -> Run:
    """One history, from where it is kept if it is."""
    if place is None:
        return run(*history)
    found = kept_runs.kept(*place)
    if found is None:
        found = run(*history)
        kept_runs.keep(found, *place)
    return found


def certify(
    definition: RegistryDefinition,
    plan: Plan,
    runs: list[Run],
    *,
    seed: int,
    planned: float = PLANNED,
    watching: Watching | None = None,
) -> Certificate:
    """What many histories come to.

    Args:
        definition: the registry.
        plan: what was invented.
        runs: the histories.
        seed: of their random numbers.
        planned: expected outcomes at which the monitors' streams closed.
        watching: how they watched; as where nothing is declared if left out.

    Raises:
        CannotKeepError: no threshold keeps the budgets.
    """
    verdict = judge(runs, plan, planned)
    return Certificate(
        registry=definition.name,
        monitor=hash_of_watching(definition.monitors),
        simulated=as_json((watching or watching_of(plan)).as_said()),
        seed=seed,
        catalogue_years=len(runs) * plan.years,
        plan=as_json(asdict(plan)),
        fewest=FEWEST,
        levels=verdict.levels,
        results=as_json(verdict.as_said()),
    )
