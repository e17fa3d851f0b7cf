"""Primary operations: which hips of the people, with which components, and the rows that register them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from deploy.demo.history_people import DAYS_PER_YEAR, DIAGNOSES, person_name

if TYPE_CHECKING:
    from deploy.demo.history_habits import Habits
    from deploy.demo.history_people import People
    from deploy.demo.history_plan import FloatArray, IntArray
    from deploy.demo.rows import Row

FIXATIONS = ("cemented", "uncemented", "hybrid", "reverse_hybrid")
CEMENTED_CUP = np.array([True, False, False, True])
CEMENTED_STEM = np.array([True, False, True, False])
# KVÅ: total hip without cement, hybrid technique, with cement; NFB62 is resurfacing, which has no stem to register
PROCEDURES = {"cemented": "NFB49", "uncemented": "NFB29", "hybrid": "NFB39", "reverse_hybrid": "NFB39"}
_OTHER_PROCEDURE, _OTHER_SHARE = "NFB99", 0.004

_AGE_LIMITS = (55.0, 65.0)
_FIXATION_BY_AGE = np.array(  # rows: under 55, 55 to 64, 65 and over; columns as FIXATIONS
    [[0.52, 0.24, 0.17, 0.07], [0.83, 0.06, 0.08, 0.03], [0.955, 0.01, 0.025, 0.01]]
)
_ASA_BY_AGE = np.array([[0.50, 0.40, 0.09, 0.01], [0.35, 0.52, 0.12, 0.01], [0.17, 0.56, 0.25, 0.02]])
_LOT_DAYS = 45  # how long a lot is sold
_LEFT_SHARE, _ONE_PIECE_SHARE = 0.46, 0.015  # of sides; of stems that are one piece with their head
NONE = -1


@dataclass(frozen=True)
class Operations:
    """Primary operations, one element each, in order of day; ``person`` is a position in People.

    ``side`` is 0 left, 1 right; ``cup``, ``stem`` and ``head`` are positions in the catalogue, ``head`` NONE where
    it is one piece with the stem; ``fixation`` is a position in FIXATIONS; ``dies`` is the person's day of death.
    """

    person: IntArray
    side: IntArray
    day: IntArray
    unit: IntArray
    age: FloatArray
    fixation: IntArray
    cup: IntArray
    stem: IntArray
    head: IntArray
    dies: IntArray

    def only(self, which: IntArray) -> Operations:
        """These elements, in this order."""
        return Operations(**{field.name: getattr(self, field.name)[which] for field in fields(self)})


def draw_hips(rng: np.random.Generator, people: People, second: int, last: date) -> tuple[IntArray, IntArray, IntArray]:
    """Which hips are operated on: (person, side, day), the people's first operations and ``second`` other sides.

    The other side of one in fifteen, and of those for whom the time until ``last`` or death is too short, is
    operated on the same day; of the others 2 to 30 months later.
    """
    persons = np.arange(len(people.operated))
    later = people.operated + rng.integers(60, 900, len(persons))
    later += np.take((1, 0, 0, 0, 0, 0, 2), later % 7)  # from Sunday and Saturday to Monday
    can_wait = (later <= last.toordinal()) & (later < people.dies)
    order = rng.permutation(persons)
    order = order[np.argsort(~(can_wait & people.with_arthritis())[order], kind="stable")]
    both = order[:second]
    same_day = np.zeros(len(both), dtype=np.bool_)
    same_day[: len(both) // 15] = True
    second_day = np.where(same_day | ~can_wait[both], people.operated[both], later[both])
    side = (rng.random(len(persons)) >= _LEFT_SHARE).astype(np.int64)
    return (
        np.concatenate([persons, both]),
        np.concatenate([side, 1 - side[both]]),
        np.concatenate([people.operated, second_day]),
    )


def draw_operations(
    rng: np.random.Generator, habits: Habits, people: People, hips: tuple[IntArray, IntArray, IntArray]
) -> Operations:
    """What is put into each hip."""
    order = np.argsort(hips[2], kind="stable")
    person, side, day = (column[order] for column in hips)
    unit = people.unit[person]
    age = (day - people.born[person]) / DAYS_PER_YEAR
    weight = _FIXATION_BY_AGE[np.digitize(age, _AGE_LIMITS)].copy()
    weight[:, 1:] *= habits.uncemented_taste[unit][:, np.newaxis]
    fixation = choose_columns(rng, weight)
    parts = {
        (kind, cemented): habits.choose_components(rng, kind, unit, cemented=cemented)
        for kind, cemented in habits.cumulative
    }
    return Operations(
        person=person,
        side=side,
        day=day,
        unit=unit,
        age=age,
        fixation=fixation,
        cup=np.where(CEMENTED_CUP[fixation], parts["cup", True], parts["cup", False]),
        stem=np.where(CEMENTED_STEM[fixation], parts["stem", True], parts["stem", False]),
        head=np.where(rng.random(len(day)) < _ONE_PIECE_SHARE, NONE, parts["head", False]),
        dies=people.dies[person],
    )


def choose_columns(rng: np.random.Generator, weight: FloatArray) -> IntArray:
    """For each row of ``weight`` (rows, columns) one column, with chances in proportion."""
    cumulative = np.cumsum(weight, axis=1)
    drawn: IntArray = (cumulative < cumulative[:, -1:] * rng.random((len(weight), 1))).sum(axis=1)
    return drawn


class RegistrationIds:
    """Gives registration ids: each unit counts its own, separately by form."""

    def __init__(self, first: int = 1) -> None:
        self._counters = defaultdict[str, Iterator[int]](lambda: count(first))

    def next_id(self, unit: str, letter: str) -> str:
        """The unit's next id; ``letter`` stands for the form: P primary operation, R reoperation."""
        series = f"{unit}-{letter}"
        return f"{series}{next(self._counters[series]):05d}"


def recording(rng: np.random.Generator, habits: Habits, day: IntArray, unit: IntArray) -> list[datetime]:
    """When each registration was recorded (UTC): in office hours, a skewed number of days after ``day``."""
    lag = np.clip(np.round(rng.lognormal(np.log(habits.lag_days[unit]), 0.8)), 1, 365).astype(np.int64)
    seconds = rng.integers(7 * 3600, 16 * 3600, len(day))
    return [
        datetime.fromordinal(recorded).replace(tzinfo=UTC) + timedelta(seconds=second)
        for recorded, second in zip((day + lag).tolist(), seconds.tolist(), strict=True)
    ]


def primary_rows(
    rng: np.random.Generator,
    habits: Habits,
    people: People,
    operations: Operations,
    ids: RegistrationIds,
) -> list[Row]:
    """One row of form primary_operation per operation, in their order.

    Args:
        rng: where chance comes from.
        habits: reporting lags and the catalogue.
        people: whom ``operations.person`` means.
        operations: what was done.
        ids: gives each row its registration id.
    """
    total = len(operations.day)
    codes, units, diagnoses = habits.catalogue.codes, habits.catalogue.units, list(DIAGNOSES)
    bmi = np.round(np.clip(rng.normal(26.9, 4.1, total), 15.0, 55.0), 1).tolist()
    asa = (1 + choose_columns(rng, _ASA_BY_AGE[np.digitize(operations.age, _AGE_LIMITS)])).tolist()
    missing = (rng.random((total, 3)) < (0.25, 0.10, 0.04)).tolist()  # BMI, ASA, the cup's lot
    other = (rng.random(total) < _OTHER_SHARE).tolist()
    batch = rng.integers(0, 3, (total, 3)).tolist()
    recorded = recording(rng, habits, operations.day, operations.unit)
    columns = zip(*(getattr(operations, field.name).tolist() for field in fields(operations)), strict=True)
    rows: list[Row] = []
    for i, (person, side, day, unit, _, fixation, cup, stem, head, _) in enumerate(columns):
        occurred, born = date.fromordinal(day), date.fromordinal(int(people.born[person]))
        rows.append(
            {
                "form": "primary_operation",
                "person": person_name(int(people.number[person])),
                "registration_id": ids.next_id(units[unit], "P"),
                "unit": units[unit],
                "occurred_on": occurred,
                "recorded_at": recorded[i],
                "retracted": False,
                "side": ("left", "right")[side],
                "diagnosis": diagnoses[people.diagnosis[person]],
                "procedure": _OTHER_PROCEDURE if other[i] else PROCEDURES[FIXATIONS[fixation]],
                "cup": codes[cup],
                "cup_lot": None if missing[i][2] else lot(cup, day, batch[i][0]),
                "stem": codes[stem],
                "stem_lot": None if missing[i][2] else lot(stem, day, batch[i][1]),
                "head": None if head == NONE else codes[head],
                "head_lot": None if missing[i][2] or head == NONE else lot(head, day, batch[i][2]),
                "fixation": FIXATIONS[fixation],
                "age": full_years(born, occurred),
                "birth_year": born.year,
                "sex": "female" if people.female[person] else "male",
                "bmi": None if missing[i][0] else bmi[i],
                "asa": None if missing[i][1] else asa[i],
            }
        )
    return rows


def lot(component: int, day: int, batch: int) -> str:
    """The lot of a component sold on a day; three lots of each are on sale at a time."""
    return f"L{component:02d}{day // _LOT_DAYS % 1000:03d}{'ABC'[batch]}"


def full_years(born: date, day: date) -> int:
    """Age on a day."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
