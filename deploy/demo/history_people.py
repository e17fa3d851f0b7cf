"""Who is operated on, when, why, and how long they live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from deploy.demo.history_habits import Habits
    from deploy.demo.history_plan import BoolArray, FloatArray, IntArray
    from deploy.demo.rows import Row

# ICD-10 codes and their shares: osteoarthritis first, then fracture and its sequelae, arthritis, necrosis, tumour
DIAGNOSES = {
    "M16.1": 0.560, "M16.0": 0.120, "M16.9": 0.060, "M16.3": 0.020, "M16.7": 0.012,
    "S72.0": 0.090, "T93.1": 0.040, "M06.9": 0.034, "M87.0": 0.034, "M16.2": 0.018, "C79.5": 0.012,
}  # fmt: skip
_FRACTURE = list(DIAGNOSES).index("S72.0")
_ARTHRITIS = np.array([code.startswith("M16") for code in DIAGNOSES])

DAYS_PER_YEAR = 365.25
_EPOCH = date(1970, 1, 1).toordinal()
_MONTH_LOAD = (1.05, 1.1, 1.15, 1.05, 1.1, 0.95, 0.4, 0.85, 1.15, 1.15, 1.15, 0.75)
_WEEKDAY_LOAD = (1.05, 1.1, 1.1, 1.05, 0.7, 0.04, 0.04)  # Monday first

# Gompertz mortality per year, about Sweden's around 2000 at ages 60 to 95: 2.4 % at 70, 6.5 % at 80
_MORTALITY, _AGEING = 2.2e-5, 0.1
_MEN, _WOMEN, _AFTER_FRACTURE = 1.3, 0.8, 2.2


@dataclass(frozen=True)
class People:
    """Persons, one element each; days are proleptic ordinals as ``date.toordinal`` gives.

    Attributes:
        number: what ``person_name`` is made of.
        female: legal sex.
        born: day of birth.
        unit: position of the unit that operates.
        diagnosis: position in ``DIAGNOSES``.
        operated: day of the first operation.
        dies: day of death, later than ``operated``; may lie after the history's end.
    """

    number: IntArray
    female: BoolArray
    born: IntArray
    unit: IntArray
    diagnosis: IntArray
    operated: IntArray
    dies: IntArray

    def with_arthritis(self) -> BoolArray:
        """Those with osteoarthritis, whose other hip may follow."""
        which: BoolArray = _ARTHRITIS[self.diagnosis]
        return which


def draw_days(rng: np.random.Generator, count: int, first: date, last: date) -> IntArray:
    """(count,) days of operation, few at weekends and in July."""
    days = np.arange(first.toordinal(), last.toordinal() + 1, dtype=np.int64)
    months = (days - _EPOCH).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    load = np.take(_MONTH_LOAD, months) * np.take(_WEEKDAY_LOAD, (days - 1) % 7)  # ordinal 1 was a Monday
    return rng.choice(days, size=count, p=load / load.sum())


def draw_people(rng: np.random.Generator, habits: Habits, numbers: IntArray, operated: IntArray) -> People:
    """One person for each number and day of a first operation."""
    count = len(operated)
    shares = np.array(list(DIAGNOSES.values()))
    diagnosis = rng.choice(len(shares), size=count, p=shares / shares.sum()).astype(np.int64)
    female = rng.random(count) < np.where(diagnosis == _FRACTURE, 0.72, 0.585)
    mean_age = 68.5 + 1.5 * female + 9.0 * (diagnosis == _FRACTURE)
    age = np.clip(rng.normal(mean_age, 10.3), 22.0, 97.0)
    return People(
        number=numbers,
        female=female,
        born=operated - np.round(age * DAYS_PER_YEAR).astype(np.int64),
        unit=habits.choose_units(rng, count),
        diagnosis=diagnosis,
        operated=operated,
        dies=operated + 1 + _days_left(rng, age, female, diagnosis),
    )


def _days_left(rng: np.random.Generator, age: FloatArray, female: BoolArray, diagnosis: IntArray) -> IntArray:
    hazard = _MORTALITY * np.exp(_AGEING * age) * np.where(female, _WOMEN, _MEN)
    hazard *= np.where(diagnosis == _FRACTURE, _AFTER_FRACTURE, 1.0)
    years = np.log1p(rng.exponential(size=len(age)) * _AGEING / hazard) / _AGEING  # inverse of Gompertz survival
    return (years * DAYS_PER_YEAR).astype(np.int64)


def person_name(number: int) -> str:
    """The person's identity in rows, which publishing turns into a pseudonym."""
    return f"P{number:06d}"


def death_rows(rng: np.random.Generator, people: People, last: date) -> list[Row]:
    """One row of form death for each person who dies until ``last``, recorded within a month, by day of death."""
    dead = np.flatnonzero(people.dies <= last.toordinal())
    dead = dead[np.argsort(people.dies[dead], kind="stable")]
    lags = np.minimum(np.ceil(rng.exponential(5.0, len(dead))), 30).astype(np.int64).tolist()
    return [
        {
            "form": "death",
            "person": person_name(int(people.number[person])),
            "registration_id": f"D{people.number[person]:06d}",
            "occurred_on": date.fromordinal(int(people.dies[person])),
            "recorded_at": datetime.fromordinal(int(people.dies[person]) + lag).replace(tzinfo=UTC)
            + timedelta(hours=3),
            "retracted": False,
        }
        for person, lag in zip(dead.tolist(), lags, strict=True)
    ]
