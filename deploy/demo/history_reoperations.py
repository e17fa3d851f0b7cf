"""Reoperations: an early peak, then about one per 100 component-years; and the rows that register them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from deploy.demo.history_operations import CEMENTED_CUP, CEMENTED_STEM, choose_columns, recording
from deploy.demo.history_people import DAYS_PER_YEAR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.demo.history_habits import Habits
    from deploy.demo.history_operations import Operations, RegistrationIds
    from deploy.demo.history_plan import FloatArray, IntArray
    from deploy.demo.rows import Row

_LATE = 0.009  # per year: the hazard that stays
_PEAK, _PEAK_YEARS = 0.045, 0.15  # per year on day 0, and how fast it fades
_AGAIN = 3.0  # a hip that was reoperated is at higher risk
_EARLY_DAYS = 90
_MOVED = 0.12  # share reoperated at another unit than where the implant was put in
_LINKED = 0.85  # share that name the primary operation's registration

REASONS = (
    "loosening", "infection", "dislocation", "periprosthetic_fracture", "implant_fracture", "wear", "pain", "other",
)  # fmt: skip
_REASON_WEIGHT = np.array(  # rows: early, late; columns as REASONS
    [[3.0, 30, 45, 14, 0.5, 0, 1.5, 6], [44.0, 11, 20, 11, 2, 4, 3, 5]]
)
# what is taken out for each reason, with weights; nothing taken out has a KVÅ code of its own kind
_REMOVED: dict[str, tuple[tuple[tuple[str, ...], float], ...]] = {
    "loosening": ((("cup",), 35), (("cup", "head"), 15), (("stem", "head"), 25), (("cup", "stem", "head"), 25)),
    "infection": (((), 45), (("liner", "head"), 25), (("cup", "stem", "head"), 30)),
    "dislocation": (((), 30), (("liner", "head"), 30), (("cup", "head"), 40)),
    "periprosthetic_fracture": (((), 50), (("stem", "head"), 50)),
    "implant_fracture": ((("stem", "head"), 100),),
    "wear": ((("liner", "head"), 60), (("cup", "head"), 40)),
    "pain": (((), 30), (("cup",), 40), (("cup", "stem", "head"), 30)),
    "other": (((), 60), (("liner", "head"), 40)),
}
_NOTHING_REMOVED = {"infection": "NFS19", "dislocation": "NFH21", "periprosthetic_fracture": "NFJ63"}
_ALL_REMOVED, _OTHER_SECONDARY = "NFU19", "NFC99"
_TWO_STAGE = 0.5  # share of infected hips emptied that get new components at a later operation


@dataclass(frozen=True)
class Reoperations:
    """Reoperations, one element each, in order of day.

    ``operation`` is a position in Operations and ``unit`` in the catalogue; ``removed`` are the components taken
    out, ``renewed`` says whether others were put in, ``linked`` whether the primary registration is named.
    """

    operation: IntArray
    day: IntArray
    unit: IntArray
    reason: list[str]
    removed: list[tuple[str, ...]]
    renewed: list[bool]
    linked: list[bool]


def draw_reoperations(rng: np.random.Generator, habits: Habits, operations: Operations, last: date) -> Reoperations:
    """Which operated hips are reoperated, when and why: at most twice each, before death and until ``last``."""
    risk = habits.component_hazard[operations.cup] * habits.component_hazard[operations.stem]
    risk *= habits.unit_hazard[operations.unit]
    everyone = np.arange(len(operations.day))
    first = _next_reoperation(rng, risk, operations.day)
    again = _next_reoperation(rng, _AGAIN * risk, first)
    operation, day = np.concatenate([everyone, everyone]), np.concatenate([first, again])
    since = np.concatenate([first - operations.day, again - first])
    happens = np.flatnonzero((day <= last.toordinal()) & (day < operations.dies[operation]))
    happens = happens[np.argsort(day[happens], kind="stable")]
    operation, day, since, total = operation[happens], day[happens], since[happens], len(happens)
    reason = [REASONS[i] for i in choose_columns(rng, _REASON_WEIGHT[(since > _EARLY_DAYS).astype(np.int64)])]
    unit = operations.unit[operation]
    removed = [
        _removed(rng, why, cemented_cup=bool(CEMENTED_CUP[fixation]))
        for why, fixation in zip(reason, operations.fixation[operation], strict=True)
    ]
    return Reoperations(
        operation=operation,
        day=day,
        unit=np.where(rng.random(total) < _MOVED, habits.choose_units(rng, total), unit),
        reason=reason,
        removed=removed,
        renewed=[
            not (why == "infection" and "stem" in parts and two_stage)
            for why, parts, two_stage in zip(reason, removed, rng.random(total) < _TWO_STAGE, strict=True)
        ],
        linked=(rng.random(total) < _LINKED).tolist(),
    )


def _next_reoperation(rng: np.random.Generator, risk: FloatArray, start: IntArray) -> IntArray:
    """The day on which the cumulated hazard, times each hip's risk, uses up an exponential draw."""
    days = np.arange(1, 40_000)
    years = days / DAYS_PER_YEAR
    cumulated = _LATE * years + _PEAK * _PEAK_YEARS * -np.expm1(-years / _PEAK_YEARS)
    after = np.searchsorted(cumulated, rng.exponential(size=len(start)) / risk)
    return start + 1 + after.astype(np.int64)


def reoperation_rows(
    rng: np.random.Generator,
    habits: Habits,
    operations: Operations,
    reoperations: Reoperations,
    *,
    primaries: Sequence[Row],
    ids: RegistrationIds,
) -> list[Row]:
    """One row of form reoperation each, in their order; ``primaries`` are the rows of ``operations``."""
    recorded = recording(rng, habits, reoperations.day, reoperations.unit)
    new = {
        (kind, cemented): habits.choose_components(rng, kind, reoperations.unit, cemented=cemented).tolist()
        for kind, cemented in habits.cumulative
    }
    codes, units = habits.catalogue.codes, habits.catalogue.units
    rows: list[Row] = []
    for i, operation in enumerate(reoperations.operation.tolist()):
        primary, fixation = primaries[operation], int(operations.fixation[operation])
        cup, stem = bool(CEMENTED_CUP[fixation]), bool(CEMENTED_STEM[fixation])
        reason, removed, unit = reoperations.reason[i], reoperations.removed[i], units[reoperations.unit[i]]
        renewed = removed if reoperations.renewed[i] else ()
        rows.append(
            {
                "form": "reoperation",
                "person": primary["person"],
                "registration_id": ids.next_id(unit, "R"),
                "unit": unit,
                "occurred_on": date.fromordinal(int(reoperations.day[i])),
                "recorded_at": recorded[i],
                "retracted": False,
                "side": primary["side"],
                "reason": reason,
                "procedure": _procedure(reason, removed, renewed, cup=cup, stem=stem),
                "components_removed": list(removed),
                "primary_registration_id": primary["registration_id"] if reoperations.linked[i] else None,
                "new_cup": codes[new["cup", cup][i]] if "cup" in renewed else None,
                "new_stem": codes[new["stem", stem][i]] if "stem" in renewed else None,
                "new_head": codes[new["head", False][i]] if "head" in renewed else None,
            }
        )
    return rows


def _removed(rng: np.random.Generator, reason: str, *, cemented_cup: bool) -> tuple[str, ...]:
    choices = _REMOVED[reason]
    weight = np.array([weight for _, weight in choices])
    removed = choices[rng.choice(len(choices), p=weight / weight.sum())][0]
    # a cemented cup is one piece: what is a new liner elsewhere is a new cup there
    return tuple("cup" if cemented_cup and part == "liner" else part for part in removed)


def _procedure(reason: str, removed: Sequence[str], renewed: Sequence[str], *, cup: bool, stem: bool) -> str:
    """The KVÅ code, where ``cup`` and ``stem`` say whether the new ones are cemented."""
    if not removed:
        return _NOTHING_REMOVED.get(reason, _OTHER_SECONDARY)
    if not renewed:
        return _ALL_REMOVED
    cemented = [fixed for part, fixed in (("cup", cup), ("stem", stem)) if part in renewed]
    if not cemented:
        return _OTHER_SECONDARY
    return "NFC49" if all(cemented) else "NFC39" if any(cemented) else "NFC29"
