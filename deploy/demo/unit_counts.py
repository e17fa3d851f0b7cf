"""What a patient register would count beside an invented history: most units complete, some not, one beyond.

Everything is invented. Of every unit there is more than it registered, for some of it is missing; and a little
of what it registered the source does not know. The same history, plan and day give the same counts.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np

from schemas.definition.coverage_checks import UNITS
from streams.publish.publisher import now_ms
from streams.publish.send_counts import send_counts
from streams.publish.unit_counts import COLUMNS, UnitCount, coverage_of, read_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from deploy.demo.rows import Row
    from deploy.settings import Settings
    from schemas.definition.registry import RegistryDefinition
    from streams.publish.send_counts import Uploaded

SUPPRESSED_BELOW = 5
"""Of some units the source does not tell smaller counts (but 0), for it fears for their patients."""
_EVERY_TWENTIETH, _EVERY_EIGHTH = 20, 8
_UNKNOWN_BEYOND = 0.15  # of what the unit registers that registers more than the source has


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """How complete a register is.

    Attributes:
        ordinary: what share of all an ordinary unit registers, from and to.
        behind: and every eighth unit.
        unknown: what share of what is registered the source does not know.
        counted: which registrations of the form the source would have.
        seed: the same seed gives the same counts.
    """

    ordinary: tuple[float, float]
    behind: tuple[float, float]
    unknown: float = 0.01
    counted: Callable[[Row], bool] = lambda _: True
    seed: int = 1


HIP = SourcePlan(ordinary=(0.93, 0.995), behind=(0.5, 0.78))
HIV = SourcePlan(
    ordinary=(0.99, 1.0), behind=(0.9, 0.96), unknown=0.002, counted=lambda row: row["contact"] == "doctor"
)


@dataclass(frozen=True, slots=True)
class _Month:
    """Living registrations of one unit and month: in the end, and by the day on which the source counts."""

    in_the_end: int
    by_then: int


def publish_unit_counts(
    settings: Settings,
    definition: RegistryDefinition,
    rows: Iterable[Row],
    plan: SourcePlan,
    *,
    as_of: date,
    file: Path,
) -> Uploaded:
    """Invent the counts of a history, write them to a file, and upload that as anybody would.

    Args:
        settings: of a running stack.
        definition: the registry.
        rows: the history's submissions, in their order.
        plan: how complete they are.
        as_of: the day on which the source counts.
        file: where the CSV file is written.

    Raises:
        PublishError: the counts are refused, or the broker does not take them.
    """
    write_counts(invent_counts(definition, rows, plan, as_of=as_of), file)
    counts = read_counts(file, definition, as_of)
    return send_counts(settings.kafka_config(), definition, counts, as_of=as_of, uploaded_at=now_ms())


def invent_counts(
    definition: RegistryDefinition, rows: Iterable[Row], plan: SourcePlan, *, as_of: date
) -> list[UnitCount]:
    """Every declared count of every unit and month with registrations that was over by a day; arguments as above."""
    coverage = coverage_of(definition)
    rng = np.random.default_rng(plan.seed)
    counted = (row for row in rows if row["form"] == coverage.form and plan.counted(row))
    months = _months(definition, counted, as_of)
    units = sorted(months)
    registers = _shares(rng, plan, len(units))
    beyond = max(units, key=lambda unit: sum(one.in_the_end for one in months[unit].values()), default=None)
    counts = []
    for place, (unit, share) in enumerate(zip(units, registers, strict=True)):
        below = SUPPRESSED_BELOW if place % _EVERY_TWENTIETH == _EVERY_TWENTIETH - 1 else 0
        unknown_share, missing_share = (_UNKNOWN_BEYOND, 0.0) if unit == beyond else (plan.unknown, 1 - share)
        for month, known in sorted(months[unit].items()):
            unknown = int(rng.binomial(known.in_the_end, unknown_share))
            missing = int(rng.poisson(known.in_the_end * missing_share / (1 - missing_share)))
            told = _told(known, min(unknown, known.by_then), unknown, missing)
            counts += [_count(unit, month, name, told[name], below) for name in coverage.counts if name in told]
    return counts


def write_counts(counts: Sequence[UnitCount], path: Path) -> None:
    """Write counts as `guldadra counts` reads them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for one in counts:
            number = f"<{one.below}" if one.count is None else one.count
            writer.writerow((one.unit, f"{one.period:%Y-%m}", one.measure, number))


def _months(definition: RegistryDefinition, rows: Iterable[Row], as_of: date) -> dict[str, dict[date, _Month]]:
    """What each unit has registered in the end, retractions and corrections considered."""
    units = definition.catalogues[UNITS].codes()
    latest = {row["registration_id"]: row for row in rows}
    found: dict[str, dict[date, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for row in latest.values():
        day, recorded = row["occurred_on"], row["recorded_at"]
        if row["retracted"] or not isinstance(day, date) or not isinstance(recorded, datetime):
            continue
        month = day.replace(day=1)
        if row["unit"] in units and day <= recorded.date() and month < as_of.replace(day=1):
            found[str(row["unit"])][month].append(recorded.date() <= as_of)
    return {
        unit: {month: _Month(len(known), sum(known)) for month, known in months.items()}
        for unit, months in found.items()
    }


def _shares(rng: np.random.Generator, plan: SourcePlan, units: int) -> Sequence[float]:
    """What share of its operations each unit registers; every eighth is behind."""
    behind = np.arange(units) % _EVERY_EIGHTH == _EVERY_EIGHTH - 1
    shares: list[float] = np.where(
        behind, rng.uniform(*plan.behind, units), rng.uniform(*plan.ordinary, units)
    ).tolist()
    return shares


def _told(known: _Month, unknown_by_then: int, unknown: int, missing: int) -> Mapping[str, int]:
    """The counts by name: what the source has, and what it finds by linking on the day that it counts."""
    patient_register = known.in_the_end - unknown + missing
    matched = known.by_then - unknown_by_then
    return {
        "patient_register": patient_register,
        "matched": matched,
        "patient_register_only": patient_register - matched,
        "register_only": unknown_by_then,
    }


def _count(unit: str, month: date, measure: str, number: int, below: int) -> UnitCount:
    hidden = 0 < number < below
    return UnitCount(unit, month, measure, None if hidden else number, below if hidden else None)
