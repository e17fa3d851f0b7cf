"""The Inter-op case: thirty operations with one cup in six months, five of them done again within six months.

The review of the national quality registers says of Inter-op that 30 were operated in six months and 5 of
them (16.7 %) reoperated within six months; it gives no days.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from deploy.demo.history_catalogue import INTEROP_CUP
from deploy.demo.history_operations import FIXATIONS, draw_operations, lot, primary_rows
from deploy.demo.history_people import draw_people
from deploy.demo.history_plan import INTEROP_STARTS_ON
from deploy.demo.history_reoperations import Reoperations, reoperation_rows

if TYPE_CHECKING:
    from deploy.demo.history_habits import Habits
    from deploy.demo.history_operations import RegistrationIds
    from deploy.demo.history_plan import IntArray
    from deploy.demo.rows import Row

_UNITS = 6
_ARTHRITIS = 0  # the first diagnosis


@dataclass(frozen=True)
class PlantedImplant:
    """Day of the operation and of the reoperation, counted from ``INTEROP_STARTS_ON``; None where it was not redone."""

    operated: int
    reoperated: int | None


def read_implants() -> list[PlantedImplant]:
    """The thirty implants of ``interop.csv``.

    Days of operation and of reoperation of the thirty implants; invented days which agree with the review's
    30 operated in six months and 5 reoperated within six months.
    """
    path = resources.files("deploy.demo") / "interop.csv"
    with path.open(encoding="utf-8") as lines:
        return [
            PlantedImplant(int(row["op_day"]), int(row["reop_day"]) if row["reop_day"] else None)
            for row in csv.DictReader(lines)
        ]


def interop_rows(
    rng: np.random.Generator,
    habits: Habits,
    numbers: IntArray,
    ids: RegistrationIds,
) -> list[Row]:
    """The thirty operations and five reoperations as rows, at six units; no death is registered for any of them.

    Args:
        rng: where chance comes from: ages, sides, stems, lots, reporting lags; never days or outcomes.
        habits: the country's.
        numbers: (30,) the persons' numbers.
        ids: gives each row its registration id.
    """
    implants, start = read_implants(), INTEROP_STARTS_ON.toordinal()
    everyone = np.arange(len(implants))
    days = np.array([start + implant.operated for implant in implants])
    units = rng.choice(len(habits.unit_share), size=_UNITS, replace=False, p=habits.unit_share)
    people = draw_people(rng, habits, numbers, days)
    people = replace(
        people,
        unit=units[everyone % _UNITS],
        diagnosis=np.full_like(everyone, _ARTHRITIS),
    )
    operations = draw_operations(rng, habits, people, (everyone, rng.integers(0, 2, len(implants)), days))
    operations = replace(
        operations,
        fixation=np.full_like(everyone, FIXATIONS.index("hybrid")),
        cup=np.full_like(everyone, habits.catalogue.position(INTEROP_CUP)),
        stem=habits.choose_components(rng, "stem", people.unit, cemented=True),
    )
    redone = [(i, implant.reoperated) for i, implant in enumerate(implants) if implant.reoperated is not None]
    which = np.array([i for i, _ in redone])
    reoperations = Reoperations(
        operation=which,
        day=np.array([start + day for _, day in redone]),
        unit=people.unit[which],
        reason=["loosening"] * len(redone),
        removed=[("cup",)] * len(redone),
        renewed=[True] * len(redone),
        linked=[True] * len(redone),
    )
    primaries = primary_rows(rng, habits, people, operations, ids)
    for row, cup, day in zip(primaries, operations.cup.tolist(), days.tolist(), strict=True):
        row["cup_lot"] = lot(cup, day, 0)  # always known: the carriers of a lot must be found
    return primaries + reoperation_rows(rng, habits, operations, reoperations, primaries=primaries, ids=ids)
